#!/usr/bin/env bash
# What a GPU does, measured in one go:
#   gpu.sh pack BINARY TEXT FOLDER   puts the program, its libraries and a text into FOLDER, to be taken to a GPU machine
#   FOLDER/gpu.sh run [DEVICE]       there, without Swift: checks the bits and prints rows for Docs/Benchmarks.md
# The driver and NVRTC are found as `emeth devices` says. It stops at the first thing that is not as it must be.
set -euo pipefail

pack() {
  local binary=$1 text=$2 folder=$3
  mkdir -p "$folder/lib"
  cp "$binary" "$folder/emeth"
  cp "$text" "$folder/text"
  cp "${BASH_SOURCE[0]}" "$folder/gpu.sh"
  # All but the C library, which belongs to the machine.
  ldd "$binary" | awk '$3 ~ /^\// { print $3 }' |
    grep -vE '/(libc|libm|libdl|librt|libpthread|ld-linux[^/]*)\.so' | xargs -I{} cp -L {} "$folder/lib/"
}

run() {
  local device=${1:-cuda:0}
  cd "$(dirname "${BASH_SOURCE[0]}")"
  export LD_LIBRARY_PATH=$PWD/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  local model
  model=$(./emeth devices | awk -v name="$device" '$1 == name { $1 = $3 = ""; print }')
  if [ -z "$model" ]; then
    echo "no $device here: see emeth devices" >&2
    exit 4
  fi
  echo "device:$model, $(date -u +%F)"

  # The same bits: a training of 20 steps, and what is read and written with it.
  local shape=(--layers 2 --heads 4 --width 128 --context 64 --batch 8 --steps 20)
  local place
  for place in cpu "$device"; do
    ./emeth train text "${shape[@]}" --out "$work/$place" --device "$place" --json |
      sed -n 's/.*"stateRoot" *: *"\([^"]*\)".*/\1/p' >"$work/$place.root"
    ./emeth evaluate text --model "$work/cpu" --device "$place" --json >"$work/$place.loss"
    ./emeth generate "$work/cpu" --prompt the --max-tokens 100 --device "$place" >"$work/$place.text"
  done
  local kind
  for kind in root loss text; do
    if ! cmp -s "$work/cpu.$kind" "$work/$device.$kind"; then
      echo "the bits of $device are not the CPU's: $kind" >&2
      diff "$work/cpu.$kind" "$work/$device.$kind" >&2 || true
      exit 1
    fi
  done
  echo "20 steps, evaluation, generation: the CPU's bits, state root $(cat "$work/cpu.root")"

  if command -v compute-sanitizer >/dev/null; then
    compute-sanitizer --error-exitcode 1 ./emeth train text "${shape[@]::10}" --steps 2 --out "$work/checked" \
      --device "$device" >"$work/sanitizer.log" || { cat "$work/sanitizer.log" >&2; exit 1; }
    echo "compute-sanitizer: nothing found"
  else
    echo "compute-sanitizer: not here"
  fi

  # The shapes of GPT-2 124M; PRESET=tiny only shows that this script works.
  local preset=${PRESET:-gpt2} profile
  local size=(--preset "$preset")
  if [ "$preset" = gpt2 ]; then size+=(--batch 8 --context 1024); fi
  for profile in reproducible fast; do
    echo "| matrix products of a step, $profile | \`emeth benchmark matmul ${size[*]} --profile $profile\` |"
    ./emeth benchmark matmul "${size[@]}" --profile "$profile" --device "$device" --seconds 10
    echo "| training step, $profile | \`emeth benchmark train ${size[*]} --profile $profile\` |"
    ./emeth benchmark train "${size[@]}" --profile "$profile" --device "$device" --steps 5
  done
  local batch
  for batch in 1 64; do
    echo "| generation, $batch texts | \`emeth benchmark generate --preset $preset --batch $batch\` |"
    ./emeth benchmark generate --preset "$preset" --batch "$batch" --tokens 50 --device "$device"
  done
}

case "${1:-}" in
  pack) pack "$2" "$3" "$4" ;;
  run) run "${2:-}" ;;
  *)
    sed -n '2,5s/^# //p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
