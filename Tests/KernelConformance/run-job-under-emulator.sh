#!/usr/bin/env bash
# Runs a whole small job with the AVX-512 kernels under an emulator and with this CPU's own kernels, and compares
# the two JSON records: run-job-under-emulator.sh EMETH [SECONDS]. Needs what run-under-emulator.sh needs.
set -euo pipefail
emeth=$(readlink -f "$1")
limit=${2:-3600}   # 9 minutes where nothing else runs
here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The text is one that every Debian system carries; its first 6 kB are enough for two parts of whole windows.
mkdir -p "$work/files/text" "$work/files/tmp"
head -c 6000 /usr/share/common-licenses/GPL-3 >"$work/files/text/licence.txt"
job="run /text/licence.txt --preset tiny --rounds 1 --steps 2 --nodes 2 --batch 2 --json"

for file in "$emeth" $(ldd "$emeth" | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p'); do
  install -D "$file" "$work/files/$file"
done
# ld.so finds what lies in the folders that the binary names; the rest it is told.
folders=$(ldd "$emeth" | sed -n 's/.*=> \(\/.*\)\/[^/]* (.*/\1/p' | sort -u | paste -sd:)
cat >"$work/program" <<PROGRAM
#!/bin/busybox sh
export EMETH_CPU=avx512 LD_LIBRARY_PATH=$folders HOME=/tmp LANG=C.UTF-8
$emeth $job --out /tmp/out
PROGRAM
chmod 755 "$work/program"

EMULATOR_MEGS=1024 EMULATOR_FILES=$work/files bash "$here/run-under-emulator.sh" "$work/program" "$limit" >"$work/emulated" ||
  { tail -n 20 "$work/emulated" >&2; exit 1; }
"$emeth" ${job/\/text/$work\/files\/text} --out "$work/out" >"$work/native.json"

# Everything must be equal but how fast it went and where the model lies.
comparable() { sed -n '/^{/,/^}/p' "$1" | grep -v '"tokensPerSecond"\|"seconds"\|"traceShare"\|"model"'; }
comparable "$work/emulated" >"$work/a"
comparable "$work/native.json" >"$work/b"
# Two commands, not one list: `set -e` passes over a failure before `&&`.
[ -s "$work/b" ]
cmp "$work/a" "$work/b"
echo "AVX-512 under the emulator and this CPU agree in $(wc -l <"$work/b") lines of the job's record"
sed -n 's/.*"stateRoot" *: *"\(0x[0-9a-f]*\)".*/stateRoot \1/p' "$work/b"
