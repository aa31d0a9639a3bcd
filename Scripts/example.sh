# What the scripts in Examples begin with; they source it with their own words: [EMETH] [TEXT]. It leaves
#   root, emeth, text   the project, the program, and the text where one is named (else empty)
#   folder              an empty one for all that the script writes; folders: those that are deleted with it
#   process             the script's processes, by name: they end with it
# and say, fail and wait_for.
# shellcheck shell=bash
script=$(basename "$0")
root=$(realpath "$(dirname "$0")/..")

emeth=$(realpath -m "${1:-$root/.build/release/emeth}")
text=${2:-${EMETH_DATA:+$EMETH_DATA/neko.txt}}
if [ ! -x "$emeth" ]; then
  echo "$script: found no program $emeth" >&2
  echo "hint: make build makes it, or name another: $script EMETH" >&2
  exit 4
fi
[ -z "$text" ] || text=$(realpath -e "$text")

folder=$(mktemp -d "${TMPDIR:-/tmp}/emeth-${script%.sh}-XXXXXX")
folders=("$folder")
declare -A process=()

# However the script ends, it leaves no process and no file.
finish() {
  trap - EXIT INT TERM
  kill "${process[@]}" 2>/dev/null || true
  for _ in $(seq 100); do
    kill -0 "${process[@]}" 2>/dev/null || break
    sleep 0.1
  done
  kill -9 "${process[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "${folders[@]}"
}
trap finish EXIT
trap 'exit 130' INT TERM

say() { printf '%3d s  %s\n' "$SECONDS" "$*" >&2; }

fail() {
  say "$script: $1"
  tail -n 5 "$folder"/*.log >&2 || true
  exit 1
}

# wait_for SECONDS WHAT COMMAND...: asks again and again until the command succeeds.
wait_for() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    if [ "$SECONDS" -ge "$end" ]; then fail "waited in vain: $what"; fi
    sleep 0.2
  done
}
