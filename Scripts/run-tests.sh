#!/usr/bin/env bash
# Runs the tests with their tools: run-tests.sh SCALE COMMAND... (SCALE 1 is the daily count, 100 the full one).
set -euo pipefail
scale=$1
shift
cd "$(dirname "$0")/.."

# Python serves as an independent oracle in tests; the product never needs it.
if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c 'import eth_account' 2>/dev/null; then
  python3 -m venv .venv
  .venv/bin/pip install --quiet --disable-pip-version-check -r Tests/requirements.txt
fi

export EMETH_TEST_SCALE=${EMETH_TEST_SCALE:-$scale}
export EMETH_PYTHON=$PWD/.venv/bin/python
exec "$@"
