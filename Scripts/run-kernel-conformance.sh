#!/usr/bin/env bash
# Compares every kernel of every instruction set with the plain reference, bit by bit, outside Swift:
# run-kernel-conformance.sh [full]. With `full`, AVX-512 runs in an emulator where this CPU lacks it (80 s).
set -euo pipefail
cd "$(dirname "$0")/.."

# Swift's own clang: the kernels are written for it.
swift=$(command -v swift)
clang=$(dirname "$(readlink -f "$swift")")/clang
[ -x "$clang" ] || clang=clang
mkdir -p .build/conformance
program=.build/conformance/kernel_conformance
build() {
  "$clang" -std=gnu2x -O2 -pthread "$@" Tests/KernelConformance/kernel_conformance.c Sources/CEmethCompute/cpu/*.c -lm
}

build -o "$program"
"$program" quick
if [ "${1:-}" = full ]; then
  "$program"
  if ! grep -q avx512f /proc/cpuinfo; then
    build -static -o "$program-static"
    bash Tests/KernelConformance/run-under-emulator.sh "$program-static" 3600 quick avx512
  fi
fi
