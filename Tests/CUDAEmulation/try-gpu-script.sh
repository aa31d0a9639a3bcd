#!/usr/bin/env bash
# Goes through Benchmarks/gpu.sh without a GPU: try-gpu-script.sh BINARY FOLDER, the folder that
# build-cuda-emulation.sh made. Bits are compared on the emulated GPU, in a small size; what measures runs on the CPU,
# as the emulator would take hours; compute-sanitizer is a script that runs its command.
set -euo pipefail
binary=$(readlink -f "$1")
EMETH_CUDA_PATH=$(readlink -f "$2")
export EMETH_CUDA_PATH
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME=$work/cache
for _ in $(seq 30); do echo "the cat sat on the mat."; done >"$work/text"

Benchmarks/gpu.sh pack "$binary" "$work/text" "$work/packed"
mv "$work/packed/emeth" "$work/packed/emeth.real"
cat >"$work/packed/emeth" <<'END'
#!/usr/bin/env bash
words=()
while [ $# -gt 0 ]; do
  words+=("$1")
  shift
  if [ "${words[0]}" = benchmark ]; then
    case "${words[-1]}" in
      --device) shift; words+=(cpu) ;;
      --seconds | --steps) shift; words+=(1) ;;
    esac
  fi
done
if [ -n "${WRONG:-}" ] && [[ "${words[*]}" == generate*cuda* ]]; then echo wrong; fi
exec "$(dirname "$0")/emeth.real" "${words[@]}"
END
mkdir "$work/bin"
cat >"$work/bin/compute-sanitizer" <<'END'
#!/usr/bin/env bash
[ "$1 $3 $4" = "--tool --error-exitcode 1" ] || exit 2
echo "$2 ${*:6}" >>"$SANITIZED"
[ "$2" != "${FAILING:-}" ] || exit 1
[ "$2" = memcheck ] || exit 0
shift 4
exec "$@"
END
# Whatever this machine has of PyTorch is not asked.
printf '#!/usr/bin/env bash\nexit 1\n' >"$work/bin/python3"
chmod +x "$work/packed/emeth" "$work/bin/"*
export PATH=$work/bin:$PATH SANITIZED=$work/sanitized PRESET=tiny TOKENS=8 BFLOAT16_PEAK=100
export SHAPE="--layers 1 --heads 2 --width 16 --context 16 --batch 2 --steps 3"

"$work/packed/gpu.sh" run >"$work/rows"
cat "$work/rows"
expect() { [ "$1" = "$2" ] || { echo "$3: $1, expected was $2" >&2; exit 1; }; }
expect "$(grep -cE '^\| (matrix products|training step|generation).* \| `emeth benchmark .*` \| [0-9.]+ ' "$work/rows")" 7 rows
expect "$(grep -E '^\| training step' "$work/rows" | grep -oE 'MFU [0-9.]+ % of [0-9]+ TFLOP/s' | cut -d ' ' -f 4-)" \
  "of 100 TFLOP/s" "rows with an MFU"
expect "$(sort -u "$work/sanitized" | wc -l)" 32 "runs of compute-sanitizer"

# What is written is what was measured, in its place, however often.
printf 'before\n<!-- gpu.sh: written by gpu.sh write -->\nold\n<!-- end of gpu.sh -->\nafter\n' >"$work/page"
for _ in 1 2; do Benchmarks/gpu.sh write "$work/rows" "$work/page"; done
{ printf 'before\n<!-- gpu.sh: written by gpu.sh write -->\n'; cat "$work/rows"
  printf '<!-- end of gpu.sh -->\nafter\n'; } | cmp - "$work/page"

# What is not as it must be ends it.
refuses() {
  if "$work/packed/gpu.sh" run "${@:2}" >"$work/log" 2>&1; then
    echo "gpu.sh did not find: $1" >&2
    exit 1
  fi
  grep -q "$1" "$work/log" || { cat "$work/log" >&2; exit 1; }
}
WRONG=1 refuses "the bits of cuda:0 are not the CPU's: text"
FAILING=racecheck refuses "compute-sanitizer, racecheck: emeth train"
refuses "no cuda:7 here" cuda:7
EMULATED_NCCL_FAILS=one refuses "its sum of the gradients at step 0 is not that of the other devices"
echo "gpu.sh: OK"
