#!/usr/bin/env bash
# Prints the text that is taken where none is named: the licence texts that every Debian system has.
set -euo pipefail
folder=/usr/share/common-licenses
# Files, not links: a text that has two names is taken once.
files=$(find "$folder" -type f 2>/dev/null | LC_ALL=C sort)
if [ -z "$files" ]; then
  echo "emeth: error: no texts under $folder" >&2
  echo "hint: name a text file" >&2
  exit 3
fi
while IFS= read -r file; do
  iconv -f UTF-8 -t UTF-8 "$file" 2>/dev/null || iconv -f ISO-8859-1 -t UTF-8 "$file"
done <<<"$files"
