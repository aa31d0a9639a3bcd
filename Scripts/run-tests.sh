#!/usr/bin/env bash
# Runs the tests with their tools: run-tests.sh SCALE COMMAND... (SCALE 1 is the daily count, 100 the full one).
set -euo pipefail
scale=$1
shift
cd "$(dirname "$0")/.."

# Python serves as an independent oracle in tests; the product never needs it.
Scripts/install-python.sh Tests/requirements-s3.txt Tests/requirements-cuda.txt Tests/requirements.txt
export EMETH_PYTHON=$PWD/.venv/bin/python
if [ "$scale" -gt 1 ]; then
  Scripts/install-python.sh Tests/requirements-full.txt
  export EMETH_TORCH_PYTHON=$EMETH_PYTHON
fi

# The kernels alone, in C, and those of CUDA on an emulated device; with the large counts also AVX-512 in an emulator,
# and with planted errors.
counts=()
if [ "$scale" -gt 1 ]; then counts=(full); fi
Scripts/run-kernel-conformance.sh "${counts[@]}"
Scripts/run-cuda-emulation.sh "${counts[@]}"

# A driver, a compiler and products of CUDA for the tests: no GPU is needed.
Scripts/build-cuda-emulation.sh .build/cuda-driver
export EMETH_EMULATED_CUDA=$PWD/.build/cuda-driver

export EMETH_TEST_SCALE=${EMETH_TEST_SCALE:-$scale}
# Servers, agents and chains live by the real clock, a heap that is searched must stand still, and what the emulated
# driver counts is its process's: these tests come one after another, in two processes beside each other, since one
# alone leaves the processors half idle.
served='EmethNetworkTests\.(NetworkService|Replica|ServedJob)'
others='EmethKitTests\.(Round)?SecretMemory|EmethComputeTests\.(CUDADevice|DeviceTeam)|EmethNetworkTests\.('
others+='AggregatorProcess|Chain|ChangeMark|DirectTransfer|EventFollower|Explorer|JobFile|LayerOne|LongPoll|NetworkServer|'
others+='NodeChoice|ObjectTransfer|PostgresFault|SealedResult|ServedGeneration|ServedProgram|ServerBenchmark|ServerClient|SignedRequestServer|'
others+='SignerRotation|SlowClient|TicketRedeemer|TransactionSender|TransportSecurity)'
mkdir -p .build
log() { echo ".build/tests-$1.log"; }

# What failed stands somewhere among a thousand tests that passed: it is told once more at the end.
tell_failures() {
  printf '\nwhat failed (%s):\n' "$1" >&2
  grep -A 2 -E 'recorded an issue|error: |^(FAILED|ERROR) ' "$(log "$1")" >&2 || tail -20 "$(log "$1")" >&2
  return 1
}

# Runs functions beside each other, and prints what each has said once it has ended.
side_by_side() {
  local name failed=0
  declare -A processes
  # Each in a process group of its own: Ctrl-C does not reach it, so that it is ended when this script is.
  set -m
  for name; do
    "$name" >"$(log "$name")" 2>&1 &
    processes[$name]=$!
  done
  set +m
  # shellcheck disable=SC2064
  trap "kill -- ${processes[*]/#/-} 2>/dev/null || true" EXIT
  for name; do
    wait "${processes[$name]}" && processes[$name]= || processes[$name]=failed
    cat "$(log "$name")"
  done
  trap - EXIT
  for name; do
    if [ "${processes[$name]}" = failed ]; then tell_failures "$name" || failed=1; fi
  done
  return "$failed"
}

swift_tests() { .build/tests/release/emethPackageTests.xctest --testing-library swift-testing --no-parallel --filter "$1"; }
served() { swift_tests "$served"; }
others() { swift_tests "$others"; }
contracts() { "$EMETH_PYTHON" -m pytest -q -p no:cacheprovider Tests/ContractTests; }
faults() { "$EMETH_PYTHON" -m pytest -q -s -p no:cacheprovider Tests/FaultTests; }

"$@" --skip "$served|$others" 2>&1 | tee "$(log parallel)" || tell_failures parallel
side_by_side served others

# The script for GPUs; the contracts, on two Ethereum virtual machines, and a network of real processes that are killed.
export EMETH_BINARY=$PWD/.build/tests/release/emeth
bash Tests/CUDAEmulation/try-gpu-script.sh "$EMETH_BINARY" .build/cuda-driver
side_by_side contracts faults

# The whole way of money on a chain, from the first contract to the last exit: two minutes.
if [ "$scale" -gt 1 ]; then Examples/chain.sh "$EMETH_BINARY"; fi

# A whole job with AVX-512, where this CPU has none: 9 minutes.
if [ "$scale" -gt 1 ] && ! grep -q avx512f /proc/cpuinfo; then
  bash Tests/KernelConformance/run-job-under-emulator.sh .build/tests/release/emeth
fi

# The parsers of untrusted input: half a minute, or an hour with the large counts.
Scripts/run-fuzzing.sh $((5 * scale))
