#!/usr/bin/env bash
# Builds a driver, a compiler, products of CUDA and NCCL that stand for GPUs: build-cuda-emulation.sh FOLDER
# makes libcuda.so.1, libnvrtc.so.13, libcublasLt.so.13 and libnccl.so.2 there, for EMETH_CUDA_PATH. They run the kernels
# on the emulated device: Tests/CUDAEmulation.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1

# Swift's own clang, as for the kernels of the CPU.
swift=$(command -v swift)
clang=$(dirname "$(readlink -f "$swift")")/clang
[ -x "$clang" ] || clang=clang
mkdir -p "$folder"
c=("$clang" -std=gnu2x -O2 -fPIC -fvisibility=hidden -Wall -Wextra -Werror)
cpp=("$clang" -x c++ -std=c++17 -O2 -fPIC -Wall -Wextra -Werror -fno-exceptions -fno-rtti -ffp-contract=off -march=native)
"${c[@]}" -c Tests/CUDAEmulation/emulated_driver.c -o "$folder/driver.o"
"${cpp[@]}" -c Tests/CUDAEmulation/emulator.cpp -o "$folder/emulator.o"
"${cpp[@]}" -fsanitize=thread -c Tests/CUDAEmulation/kernels.cpp -o "$folder/kernels.o"
"$clang" -shared -pthread -Wl,-Bsymbolic -Wl,-soname,libcuda-emulated.so.1 "$folder"/{driver,emulator,kernels}.o -lm -o "$folder/libcuda.so.1"
"${c[@]}" -shared Tests/CUDAEmulation/emulated_compiler.c -o "$folder/libnvrtc.so.13"
# By the driver's own name, so that it is the driver that the program has opened.
"${c[@]}" -shared Tests/CUDAEmulation/emulated_products.c "$folder/libcuda.so.1" -lm -o "$folder/libcublasLt.so.13"
"${c[@]}" -shared Tests/CUDAEmulation/emulated_collectives.c "$folder/libcuda.so.1" -o "$folder/libnccl.so.2"
