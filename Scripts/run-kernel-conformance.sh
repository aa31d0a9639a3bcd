#!/usr/bin/env bash
# Compares every kernel of every instruction set with the plain reference, bit by bit, outside Swift:
# run-kernel-conformance.sh [full]. NEON runs in an emulator where this is no ARM machine (15 s). With `full`
# all shapes, and AVX-512 in an emulator where this CPU lacks it (80 s).
set -euo pipefail
cd "$(dirname "$0")/.."

# Swift's own clang: the kernels are written for it.
swift=$(command -v swift)
clang=$(dirname "$(readlink -f "$swift")")/clang
[ -x "$clang" ] || clang=clang
mkdir -p .build/conformance
program=.build/conformance/kernel_conformance
sources=(Tests/KernelConformance/kernel_conformance.c Sources/CEmethCompute/{cpu,cuda}/*.c)
build() { "$clang" -std=gnu2x -O2 -pthread "$@" "${sources[@]}" -lm; }

# For 64-bit ARM by the C library of Debian's cross-compiler alone, without the compiler.
arm=/usr/aarch64-linux-gnu
build_for_arm() {
  "$clang" --target=aarch64-linux-gnu -std=gnu2x -O2 -mno-outline-atomics -nostdlibinc -isystem $arm/include \
    -fuse-ld=lld -nostdlib -Wl,-dynamic-linker,/lib/ld-linux-aarch64.so.1 \
    -o "$program-arm" $arm/lib/crt1.o $arm/lib/crti.o "${sources[@]}" -L$arm/lib -lm -lc $arm/lib/crtn.o
}

build -o "$program"
"$program" quick
if [ "$(uname -m)" = x86_64 ]; then
  build_for_arm
  qemu-aarch64 -L $arm "$program-arm" quick neon wide portable
fi
if [ "${1:-}" = full ]; then
  "$program"
  if [ "$(uname -m)" = x86_64 ]; then qemu-aarch64 -L $arm "$program-arm" neon wide portable; fi
  if ! grep -q avx512f /proc/cpuinfo; then
    build -static -o "$program-static"
    bash Tests/KernelConformance/run-under-emulator.sh "$program-static" 3600 quick avx512
  fi
fi
