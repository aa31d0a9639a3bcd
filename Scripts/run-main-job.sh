#!/usr/bin/env bash
# Runs the main job on a text file: the one named first, or the licence texts that every Debian system has.
set -euo pipefail
emeth=$(dirname "$0")/../.build/release/emeth
dataset=$1
shift

if [ -z "$dataset" ]; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  dataset=$folder/common-licenses.txt
  # Files, not links: a text that has two names is taken once.
  find /usr/share/common-licenses -type f | LC_ALL=C sort | while IFS= read -r file; do
    iconv -f UTF-8 -t UTF-8 "$file" 2>/dev/null || iconv -f ISO-8859-1 -t UTF-8 "$file"
  done >"$dataset"
  if [ ! -s "$dataset" ]; then
    echo "emeth: error: no texts under /usr/share/common-licenses" >&2
    echo "hint: name a text file: make run DATASET=FILE" >&2
    exit 3
  fi
  echo "data set: the texts under /usr/share/common-licenses, $(wc -c <"$dataset") bytes" >&2
fi
# In the foreground and not by exec, so that the temporary text is removed afterwards.
"$emeth" run "$dataset" "$@"
