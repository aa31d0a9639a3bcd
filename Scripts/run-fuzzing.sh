#!/usr/bin/env bash
# Fuzzes the parsers of untrusted input: run-fuzzing.sh SECONDS [TARGET...], SECONDS for each target. A short run
# leaves FuzzEvidence out unless it is named: that one needs the whole network built for the fuzzer.
# Starts from the kept corpus in Fuzzing/Corpus; an input that breaks a parser is left in .build/fuzzing. The seed
# is EMETH_TEST_SEED, or 1 for a short run, so that it searches the same way every time, and any for a long one.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1
shift
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for folder in Fuzzing/Sources/*/; do
    target=$(basename "$folder")
    [ "$target" = FuzzEvidence ] && [ "$seconds" -le 5 ] || targets+=("$target")
  done
fi
case " ${targets[*]} " in *" FuzzEvidence "*) export EMETH_FUZZ_EVIDENCE=1 ;; esac

swift build --package-path Fuzzing -c release --sanitize=fuzzer
mkdir -p .build/fuzzing
seed=${EMETH_TEST_SEED:-$([ "$seconds" -le 5 ] && echo 1 || echo "$RANDOM")}
failed=()
for target in "${targets[@]}"; do
  # New inputs go to a folder of their own, so that a run changes nothing in the project.
  found=.build/fuzzing/$target
  mkdir -p "$found"
  log=.build/fuzzing/$target.log
  if SWIFT_BACKTRACE=enable=no "Fuzzing/.build/release/$target" "$found" "Fuzzing/Corpus/$target" \
    -max_total_time="$seconds" -seed="$seed" -rss_limit_mb=512 -timeout=10 -max_len=65536 \
    -artifact_prefix=".build/fuzzing/$target-" -print_final_stats=1 >"$log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    [ "${runs:-0}" -gt 0 ] || { echo "$target: nothing was run" >&2; failed+=("$target"); continue; }
    echo "$target: $runs inputs in $seconds s, none breaks it (seed $seed)"
  else
    tail -n 20 "$log" >&2
    failed+=("$target")
  fi
done
if [ ${#failed[@]} -gt 0 ]; then
  echo "broken: ${failed[*]}; the inputs lie in .build/fuzzing" >&2
  exit 1
fi
