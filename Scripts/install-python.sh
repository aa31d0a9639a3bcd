#!/usr/bin/env bash
# Makes .venv, the Python of the tests and of Examples, with what the named files of requirements list.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -x .venv/bin/python ] || python3 -m venv .venv
for file in "$@"; do
  if ! cmp -s "$file" ".venv/$(basename "$file")"; then
    .venv/bin/pip install --quiet --disable-pip-version-check -r "$file"
    cp "$file" .venv/
  fi
done
