#!/usr/bin/env bash
# What a GPU does, measured in one go:
#   gpu.sh pack BINARY TEXT FOLDER   puts the program, its libraries and a text into FOLDER, to be taken to a GPU machine
#   FOLDER/gpu.sh run [DEVICE]       there, without Swift: checks the bits and prints the table of Docs/Benchmarks.md
#   gpu.sh write FILE [PAGE]         puts what `run` printed into the page, Docs/Benchmarks.md
# The driver, NVRTC, cuBLASLt and NCCL are found as `emeth devices` says; PyTorch, where python3 has it, runs beside. It stops at the
# first thing that is not as it must be. PRESET, SHAPE and TOKENS change sizes, to see that it works.
set -euo pipefail

pack() {
  local binary=$1 text=$2 folder=$3
  mkdir -p "$folder/lib"
  cp "$binary" "$folder/emeth"
  cp "$text" "$folder/text"
  cp "${BASH_SOURCE[0]}" "$folder/gpu.sh"
  cp "$(dirname "${BASH_SOURCE[0]}")/peers/gpu.py" "$folder/gpu.py"
  # All but the C library, which belongs to the machine.
  ldd "$binary" | awk '$3 ~ /^\// { print $3 }' |
    grep -vE '/(libc|libm|libdl|librt|libpthread|ld-linux[^/]*)\.so' | xargs -r -I{} cp -L {} "$folder/lib/"
}

SHAPE=${SHAPE:---layers 2 --heads 4 --width 128 --context 64 --batch 8 --steps 20}

say() { echo "$*" >&2; }

# The figure of an `emeth benchmark … --json`: number FILE KEY.
number() { sed -nE "s/.*\"$2\" *: *([-0-9.eE+]+).*/\1/p" "$1" | head -n 1; }
row() { echo "| $1 | \`$2\` | $3 |"; }

# The figures of an `emeth benchmark train --json`; with a peak in TFLOP/s what part of it that is: step FILE [PEAK].
step() {
  awk -v s="$(number "$1" millisecondsPerStep)" -v t="$(number "$1" tokensPerSecond)" \
    -v a="$(number "$1" achievedFlops)" -v b="$(number "$1" plannedBytes)" -v p="${2:-0}" \
    'BEGIN { printf "%.1f ms, %.0f tokens/s, %.1f TFLOP/s, %.1f GB", s, t, a / 1e12, b / 1e9
      if (p > 0) printf ", MFU %.1f %% of %d TFLOP/s", a / p / 1e10, p }'
}

# What the maker says of a device's tensor cores, in TFLOP/s of bfloat16 without sparsity; BFLOAT16_PEAK for others.
tensor_peak() {
  case "$1" in
    *H100*PCIe*) echo 756 ;;
    *H100* | *H200* | *GH200*) echo 989 ;;
    *A100*) echo 312 ;;
    *) echo "${BFLOAT16_PEAK:-0}" ;;
  esac
}

# The same bits as the CPU's: a training, what is read and written with it.
compare() {
  local device=$1 place kind format
  local shape
  read -ra shape <<<"$SHAPE"
  for place in cpu "$device"; do
    ./emeth train text "${shape[@]}" --out "$work/$place" --device "$place" --json |
      sed -n 's/.*"stateRoot" *: *"\([^"]*\)".*/\1/p' >"$work/$place.root"
    ./emeth train text "${shape[@]::10}" --steps 2 --dropout 0.1 --out "$work/$place-dropout" --device "$place" \
      --json | sed -n 's/.*"stateRoot" *: *"\([^"]*\)".*/\1/p' >"$work/$place.dropout"
    ./emeth evaluate text --model "$work/cpu" --device "$place" --json >"$work/$place.loss"
    : >"$work/$place.text"
    for format in f32 f16 int8; do
      ./emeth generate "$work/cpu" --prompt the --max-tokens 100 --count 3 --dtype "$format" --device "$place" \
        >>"$work/$place.text"
    done
  done
  for kind in root dropout loss text; do
    if ! [ -s "$work/cpu.$kind" ] || ! cmp -s "$work/cpu.$kind" "$work/$device.$kind"; then
      say "the bits of $device are not the CPU's: $kind"
      diff "$work/cpu.$kind" "$work/$device.$kind" >&2 || true
      exit 1
    fi
  done
  say "training, dropout, evaluation, generation in three formats: the CPU's bits, state root $(cat "$work/cpu.root")"
}

# Every kernel under each of the sanitizer's tools: both profiles with and without dropout, heads of three widths, then
# generation.
sanitize() {
  local device=$1 tool
  local shape=(--layers 1 --heads 2 --width 32 --context 32 --batch 2 --steps 2)
  local wide=(--layers 1 --heads 1 --context 16 --batch 1 --steps 2)
  if ! command -v compute-sanitizer >/dev/null; then
    say "compute-sanitizer: not here"
    return
  fi
  for tool in memcheck racecheck initcheck synccheck; do
    local calls=(
      "train text ${shape[*]} --out $work/s1" "train text ${shape[*]} --dropout 0.1 --out $work/s2"
      "train text ${shape[*]} --profile fast --out $work/s3"
      "train text ${shape[*]} --profile fast --dropout 0.1 --out $work/s4"
      "train text ${wide[*]} --width 80 --profile fast --out $work/s5"
      "train text ${wide[*]} --width 144 --profile fast --dropout 0.1 --out $work/s6"
      "evaluate text --model $work/cpu" "generate $work/cpu --prompt the --max-tokens 5 --count 3 --dtype int8"
    )
    local call
    for call in "${calls[@]}"; do
      rm -rf "$work"/s[1-6]*
      # shellcheck disable=SC2086
      if ! compute-sanitizer --tool "$tool" --error-exitcode 1 ./emeth $call --device "$device" \
        >"$work/sanitizer.log" 2>&1; then
        cat "$work/sanitizer.log" >&2
        say "compute-sanitizer, $tool: emeth $call"
        exit 1
      fi
    done
    say "compute-sanitizer, $tool: nothing found"
  done
}

# Two GPUs together, where they are: near the loss of one, and how fast a step of twice the batch is.
together() {
  local preset=$1 place report=$work/report losses=() shape size=(--preset "$1")
  local pair=cuda:0,1
  if ! ./emeth devices 2>/dev/null | grep -q '^cuda:1 '; then
    say "a second GPU: not here"
    return
  fi
  if ! ./emeth devices 2>/dev/null | grep -qE '^NCCL +[0-9]'; then
    say "NCCL, for two GPUs together: not here"
    return
  fi
  read -ra shape <<<"$SHAPE"
  for place in cuda:0 "$pair"; do
    ./emeth train text "${shape[@]}" --profile fast --out "$work/fast-$place" --device "$place" --json >"$report"
    losses+=("$(number "$report" trainLoss)")
  done
  if ! awk -v a="${losses[0]}" -v b="${losses[1]}" 'BEGIN { exit !(a > 0 && (a - b) ^ 2 < (0.01 * a) ^ 2) }'; then
    say "the training loss of $pair is ${losses[1]}, that of cuda:0 is ${losses[0]}"
    exit 1
  fi
  say "training on $pair: loss ${losses[1]}, on cuda:0 ${losses[0]}"
  if [ "$preset" = gpt2 ]; then size+=(--batch 16 --context 1024); fi
  local command="emeth benchmark train ${size[*]} --profile fast --device $pair"
  ./emeth benchmark train "${size[@]}" --profile fast --device "$pair" --steps 5 --json >"$report"
  row "training step, fast, two GPUs" "$command" "$(step "$report")"
}

run() {
  local device=${1:-cuda:0}
  cd "$(dirname "${BASH_SOURCE[0]}")"
  export LD_LIBRARY_PATH=$PWD/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  local model
  model=$(./emeth devices 2>/dev/null | awk -v name="$device" '$1 == name { $1 = $3 = ""; print }')
  if [ -z "$model" ]; then
    say "no $device here: see emeth devices"
    exit 4
  fi
  compare "$device"
  sanitize "$device"

  local preset=${PRESET:-gpt2} profile batch command report=$work/report
  local size=(--preset "$preset")
  if [ "$preset" = gpt2 ]; then size+=(--batch 8 --context 1024); fi
  echo "Device:$model, $(date -u +%F); training, evaluation and generation have the CPU's bits."
  echo
  echo "| what | command | figure |"
  echo "|---|---|---|"
  for profile in reproducible fast; do
    command="emeth benchmark matmul ${size[*]} --profile $profile"
    ./emeth benchmark matmul "${size[@]}" --profile "$profile" --device "$device" --seconds 10 --json >"$report"
    row "matrix products of a step, $profile" "$command" \
      "$(awk -v a="$(sed -n '/"products"/,/\]/!p' "$report" | sed -nE 's/.*"achievedFlops" *: *([0-9.eE+]+).*/\1/p')" \
        -v p="$(number "$report" peakFlops)" \
        'BEGIN { printf "%.1f TFLOP/s, %.0f %% of the binary32 peak of %.1f", a / 1e12, 100 * a / p, p / 1e12 }')"
    command="emeth benchmark train ${size[*]} --profile $profile"
    ./emeth benchmark train "${size[@]}" --profile "$profile" --device "$device" --steps 5 --json >"$report"
    local peak=0
    if [ "$profile" = fast ]; then peak=$(tensor_peak "$model"); fi
    row "training step, $profile" "$command" "$(step "$report" "$peak")"
  done
  together "$preset"
  for batch in 1 64; do
    command="emeth benchmark generate --preset $preset --batch $batch"
    ./emeth benchmark generate --preset "$preset" --batch "$batch" --tokens "${TOKENS:-50}" --device "$device" \
      --json >"$report"
    row "generation, $batch texts" "$command" \
      "$(awk -v s="$(number "$report" millisecondsPerStep)" -v t="$(number "$report" tokensPerSecond)" \
        'BEGIN { printf "%.2f ms a token of each text, %.0f tokens/s", s, t }')"
  done
  if python3 -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
    python3 gpu.py --preset "$preset" "${size[@]:2}"
  else
    say "PyTorch with a GPU: not here"
  fi
}

# Between the markers of the page.
write() {
  local file=$1 page=${2:-$(dirname "${BASH_SOURCE[0]}")/../Docs/Benchmarks.md}
  local begin='<!-- gpu.sh: written by gpu.sh write -->' end='<!-- end of gpu.sh -->'
  if [ "$(grep -cxF -e "$begin" -e "$end" "$page")" != 2 ]; then
    say "$page: the lines \`$begin\` and \`$end\` are not there, once each"
    exit 3
  fi
  awk -v begin="$begin" -v end="$end" -v file="$file" '
    $0 == end { inside = 0 }
    !inside { print }
    $0 == begin { inside = 1; while ((getline line < file) > 0) print line }' "$page" >"$page.new"
  mv "$page.new" "$page"
}

case "${1:-}" in
  pack) pack "$2" "$3" "$4" ;;
  run) run "${2:-}" ;;
  write) write "$2" "${3:-}" ;;
  *)
    sed -n '2,7s/^# //p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
