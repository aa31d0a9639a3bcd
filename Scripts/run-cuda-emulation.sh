#!/usr/bin/env bash
# Runs the CUDA kernels on an emulated device and compares them with the plain reference, bit by bit:
# run-cuda-emulation.sh [full]. First the emulator has to find planted errors. With `full` all shapes and orders of
# threads, and kernels with an error each, which the comparison has to find.
set -euo pipefail
cd "$(dirname "$0")/.."

# Swift's own clang, as for the kernels of the CPU.
swift=$(command -v swift)
clang=$(dirname "$(readlink -f "$swift")")/clang
[ -x "$clang" ] || clang=clang
folder=.build/cuda-emulation
rm -rf "$folder"
mkdir -p "$folder"

c=("$clang" -std=gnu2x -O2 -Wall -Wextra -Werror -c)
# -march=native for its fma. The kernels are instrumented for races; the emulator has the functions that are called.
cpp=("$clang" -x c++ -std=c++17 -O2 -Wall -Wextra -Werror -fno-exceptions -fno-rtti -ffp-contract=off -march=native -c)

library=()
for file in Sources/CEmethCompute/{cpu,cuda}/*.c; do
  object=$folder/$(basename "$(dirname "$file")")-$(basename "$file").o
  "$clang" -std=gnu2x -O2 -c "$file" -o "$object"
  library+=("$object")
done
"${cpp[@]}" Tests/CUDAEmulation/emulator.cpp -o "$folder/emulator.o"
"${c[@]}" Tests/CUDAEmulation/cuda_conformance.c -o "$folder/conformance.o"
parts=("$folder/conformance.o" "$folder/emulator.o" "${library[@]}")

"${cpp[@]}" -fsanitize=thread Tests/CUDAEmulation/planted_errors.cpp -o "$folder/planted-errors.o"
"$clang" "$folder/planted-errors.o" "$folder/emulator.o" -o "$folder/planted-errors"
"$folder/planted-errors" 2>"$folder/planted-errors.log"

# build FOLDER: the program with the kernels of FOLDER.
build() {
  "${cpp[@]}" -fsanitize=thread "$1/Tests/CUDAEmulation/kernels.cpp" -o "$folder/kernels.o"
  "$clang" -pthread "$folder/kernels.o" "${parts[@]}" -lm -o "$folder/conformance"
}

build .
if [ "${1:-}" != full ]; then
  "$folder/conformance" quick
  exit 0
fi
"$folder/conformance"

# planted FILE CHECK EXPRESSION: with that change by sed of kernels/FILE, CHECK must fail.
planted() {
  local changed=$folder/changed
  rm -rf "$changed"
  mkdir -p "$changed/Sources/CEmethCompute" "$changed/Tests"
  cp -r Sources/CEmethCompute/common Sources/CEmethCompute/cuda Sources/CEmethCompute/include \
    "$changed/Sources/CEmethCompute/"
  cp -r Tests/CUDAEmulation "$changed/Tests/"
  sed -i -E "$3" "$changed/Sources/CEmethCompute/cuda/kernels/$1"
  if cmp -s "Sources/CEmethCompute/cuda/kernels/$1" "$changed/Sources/CEmethCompute/cuda/kernels/$1"; then
    echo "nothing is changed in $1 by $3" >&2
    exit 1
  fi
  build "$changed"
  if "$folder/conformance" quick "$2" >"$folder/changed.log" 2>&1; then
    echo "not found: $1, $3" >&2
    exit 1
  fi
  echo "found: $1, $3"
}

# Barriers.
planted product.cuh tiles '/^    __syncthreads\(\);$/d'
planted column_sum.cuh sums '0,/__syncthreads\(\);/s///'
planted kernel.cuh cross_entropy '0,/^  __syncthreads\(\);$/s///'
planted embedding.cu long_embedding '/^    __syncthreads\(\);$/d'
planted packed_product.cu packed_product '0,/__syncthreads\(\);/s///'
planted cross_entropy.cu cross_entropy '/__syncthreads\(\);/d'
# Orders, and where chains begin and end.
planted product.cuh tiles 's/advance\(buffer, step, false, 0\)/advance(buffer, step ^ 1, false, 0)/'
planted product.cuh tiles 's/sums\[i\]\[j\] = fmaf\(as\[i\], bs\[j\], sums\[i\]\[j\]\)/sums[i][j] += as[i] * bs[j]/'
planted product.cuh attention 's/k > position : k < position/k > position : false/'
planted product.cuh attention 's/k > position : k < position/false : k < position/'
planted product.cuh tiles 's/step < DEPTH \&\& step < steps/step < DEPTH/'
planted kernel.cuh layer_norm 's/first \+ group_lane\(\); i < end; i \+= GROUP/first + (15 - group_lane()); i < end; i += GROUP/'
planted kernel.cuh long_rows 's/block % GROUP == group_lane/0 == group_lane/'
planted column_sum.cuh sums 's/slab\[s\]\[row\]\[lane\];/slab[s][count - 1 - row][lane];/'
planted embedding.cu long_embedding 's/matches\[i\]\) \* C/matches[total - 1 - i]) * C/'
planted dropout.cuh dropout 's/round < 20/round < 18/'
planted attention.cu attention 's/\* \(g\[i\] - total\)\) \* scale/* scale) * (g[i] - total)/'
planted adamw.cu adamw 's/fmaf\(s.beta1, first_moments\[i\], s.one_minus_beta1 \* g\)/s.beta1 * first_moments[i] + s.one_minus_beta1 * g/'
planted adamw.cu adamw 's/sums\[0\] - sums\[0\] != 0 \|\| //'
planted adamw.cu adamw 's/factor = s.limit \/ norm/factor = s.limit * (1 \/ norm)/'
planted tensor_product.cuh bfloat16 '/^    __syncthreads\(\);$/d'
planted tensor_product.cuh bfloat16 's/half \* 8 \+ lane \/ 4/half * 8 + lane % 8/'
planted tensor_product.cuh bfloat16 's/row \+ i \* 16, step, false/row + i * 16, step, true/'
planted attention_flash.cu attention_bfloat16 '/^    __syncthreads\(\);$/d'
planted attention_flash.cu attention_bfloat16 's/key <= query \&\&/key <= query + 1 \&\&/'
planted attention_flash.cu attention_bfloat16 's/total\[half\] \*= factor;//'
planted attention_flash.cu attention_bfloat16 's/v \+ part/v/'
planted attention_flash_backward.cu attention_bfloat16 '/^ +__syncthreads\(\);$/d'
planted attention_flash_backward.cu attention_bfloat16 's/key <= query \&\&/key < query \&\&/'
planted attention_flash_backward.cu attention_bfloat16 's/ - total\[half\]//'
planted attention_flash_backward.cu attention_bfloat16 's/start = first;/start = first + ROWS;/'
planted attention_flash_backward.cu attention_bfloat16 's/g\.k - channel/CHANNELS/'
planted flash.cuh attention_bfloat16 's/first_row \+ q/first_row + row/'
planted flash.cuh attention_bfloat16 's/key % FACTORS \& 1/key % 8 \& 1/'
planted flash.cuh attention_bfloat16 's/weights\[2 \* j \+ 1\]\[0\]/weights[2 * j][0]/'
