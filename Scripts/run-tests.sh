#!/usr/bin/env bash
# Builds the tests and runs them with their tools: run-tests.sh SCALE COMMAND... (the command that builds; SCALE 1 is the
# daily count, 100 the full one).
set -euo pipefail
scale=$1
shift
cd "$(dirname "$0")/.."

# Python serves as an independent oracle in tests; the product never needs it.
Scripts/install-python.sh Tests/requirements-s3.txt Tests/requirements-cuda.txt Tests/requirements-gateway.txt Tests/requirements.txt
export EMETH_PYTHON=$PWD/.venv/bin/python
if [ "$scale" -gt 1 ]; then
  Scripts/install-python.sh Tests/requirements-full.txt
  export EMETH_TORCH_PYTHON=$EMETH_PYTHON
fi

# A driver, a compiler and products of CUDA for the tests: no GPU is needed.
Scripts/build-cuda-emulation.sh .build/cuda-driver
export EMETH_EMULATED_CUDA=$PWD/.build/cuda-driver

export EMETH_TEST_SCALE=${EMETH_TEST_SCALE:-$scale}
counts=()
if [ "$scale" -gt 1 ]; then counts=(full); fi

"$@"
binaries=$PWD/.build/tests/release
export EMETH_BINARY=$binaries/emeth

log() { echo ".build/tests-$1.log"; }

# Runs steps one after another, each with a log, and prints what each has said once it has ended.
lane() {
  local step failed=0 start
  for step; do
    start=$SECONDS
    if "$step" >"$(log "$step")" 2>&1; then
      printf '\n%s: passed in %d s\n%s\n' "$step" $((SECONDS - start)) "$(cat "$(log "$step")")"
    else
      printf '\n%s: FAILED in %d s\n%s\n' "$step" $((SECONDS - start)) "$(cat "$(log "$step")")"
      touch "$(log "$step").failed"
      failed=1
    fi
  done
  return "$failed"
}

# Servers, agents and chains live by the real clock, a heap that is searched must stand still, and what the emulated
# driver counts is its process's: these tests come one after another, in two processes, since one alone leaves the
# processors half idle.
served='EmethNetworkTests\.(NetworkService|Replica|ServedJob)'
others='EmethKitTests\.(Round)?SecretMemory|EmethComputeTests\.(CUDADevice|DeviceTeam)|EmethNetworkTests\.('
others+='AggregatorProcess|Chain|ChangeMark|DirectTransfer|EventFollower|Explorer|JobFile|LayerOne|LiveDesk|LongPoll|NetworkServer|'
others+='NodeChoice|ObjectTransfer|PostgresFault|SealedResult|ServedGateway|ServedGeneration|ServedProgram|ServerBenchmark|ServerClient|SignedRequestServer|'
others+='SignerRotation|SlowClient|TicketRedeemer|TransactionSender|TransportSecurity)'
swift_tests() { "$binaries/emethPackageTests.xctest" --testing-library swift-testing "$@"; }
parallel() { swift_tests --skip "$served|$others"; }
served() { swift_tests --no-parallel --filter "$served"; }
others() { swift_tests --no-parallel --filter "$others"; }

# The kernels alone, in C, and those of CUDA on an emulated device; with the large counts also AVX-512 in an emulator,
# and with planted errors. The script for GPUs.
kernels() { Scripts/run-kernel-conformance.sh "${counts[@]}" && Scripts/run-cuda-emulation.sh "${counts[@]}"; }
gpu_script() { bash Tests/CUDAEmulation/try-gpu-script.sh "$EMETH_BINARY" .build/cuda-driver; }

# The contracts, on two Ethereum virtual machines; a network of real processes that are killed; the whole way of money on
# a chain, from the first contract to the last exit.
contracts() { "$EMETH_PYTHON" -m pytest -q -p no:cacheprovider Tests/ContractTests; }
faults() { "$EMETH_PYTHON" -m pytest -q -s -p no:cacheprovider Tests/FaultTests; }
chain_example() { Examples/chain.sh "$EMETH_BINARY"; }

# The lanes share the processors, and take about as long as each other; the first computes, the others wait most of their time.
rm -f .build/tests-*.failed
echo "Testing in three lanes; what each step has said follows when it has ended."
lanes=("parallel kernels gpu_script contracts" "served faults" "others chain_example")
processes=()
# Each in a process group of its own: Ctrl-C does not reach it, so that it is ended when this script is.
set -m
for steps in "${lanes[@]}"; do
  read -ra steps <<<"$steps"
  lane "${steps[@]}" &
  processes+=($!)
done
set +m
# shellcheck disable=SC2064
trap "kill -- ${processes[*]/#/-} 2>/dev/null || true" EXIT
failed=0
for process in "${processes[@]}"; do wait "$process" || failed=1; done
trap - EXIT

# What failed stands somewhere among a thousand tests that passed: it is told once more at the end.
for mark in .build/tests-*.failed; do
  [ -e "$mark" ] || continue
  printf '\nwhat failed (%s):\n' "${mark%.failed}" >&2
  grep -A 2 -E 'recorded an issue|error: |^(FAILED|ERROR) ' "${mark%.failed}" >&2 || tail -20 "${mark%.failed}" >&2
done
[ "$failed" = 0 ] || exit 1

# A whole job with AVX-512, where this CPU has none: 9 minutes.
if [ "$scale" -gt 1 ] && ! grep -q avx512f /proc/cpuinfo; then
  bash Tests/KernelConformance/run-job-under-emulator.sh .build/tests/release/emeth
fi

# The parsers of untrusted input: half a minute, or an hour with the large counts.
Scripts/run-fuzzing.sh $((5 * scale))
