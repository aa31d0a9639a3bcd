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
  "$(dirname "$0")/default-text.sh" >"$dataset"
  echo "data set: the texts under /usr/share/common-licenses, $(wc -c <"$dataset") bytes" >&2
fi
# In the foreground and not by exec, so that the temporary text is removed afterwards.
"$emeth" run "$dataset" "$@"
