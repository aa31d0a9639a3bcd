#!/usr/bin/env bash
# A network of processes on this machine: one server, three nodes and three verifiers, each with a key and a folder of
# its own. A training job goes through it while the server and a node are killed and started again; then everything is
# checked: network.sh [EMETH] [TEXT]
set -euo pipefail
emeth=$(realpath "${1:-$(dirname "$0")/../.build/release/emeth}")
text=${2:-${EMETH_DATA:+$EMETH_DATA/neko.txt}}
folder=$(mktemp -d)
declare -A process=()

finish() {
  kill "${process[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT
fail() {
  echo "$1" >&2
  tail -n 3 "$folder"/*.log >&2
  exit 1
}

if [ -z "$text" ]; then
  text=$folder/text
  for line in $(seq 400); do echo "Rain on the roof in year $line, and a letter on the table."; done >"$text"
fi
text=$(realpath "$text")
cd "$folder"
grants=()
for name in requester node1 node2 node3 verifier1 verifier2 verifier3; do
  "$emeth" new-key --out "$name.key" >/dev/null
  grants+=(--grant "$("$emeth" show-key --key-file "$name.key" --json | jq -r .address)=100emeth")
done

listen=127.0.0.1:0
serve() {
  : >url
  "$emeth" serve --listen "$listen" --data net --interval 500ms "${grants[@]}" >url 2>>serve.log &
  process[serve]=$!
  for _ in $(seq 300); do
    if [ -s url ]; then break; fi
    kill -0 "${process[serve]}" 2>/dev/null || fail "the server does not start"
    sleep 0.1
  done
  EMETH_SERVER=$(head -n 1 url)
  export EMETH_SERVER
  listen=${EMETH_SERVER#http://}
}
work() {
  "$emeth" node --key-file "$1.key" --data "$1" --threads 1 >>"$1.log" 2>&1 &
  process[$1]=$!
}

serve
for name in node1 node2 node3; do work "$name"; done
for name in verifier1 verifier2 verifier3; do
  "$emeth" verifier --key-file "$name.key" --data "$name" --threads 1 >>"$name.log" 2>&1 &
  process[$name]=$!
done

job=$("$emeth" submit-job "$text" --key-file requester.key --program 1 --parallel 3 --rounds 2 --steps 40 \
  --layers 1 --heads 2 --width 32 --context 32 --batch 4 --seed 1 --json | jq -r .jobId)
echo "job $job on $EMETH_SERVER" >&2
# As soon as somebody computes, a node and the server die, and come back.
for _ in $(seq 600); do
  if "$emeth" show-job "$job" --json | jq -e '[.subJobs[] | select(.status == "PROCESSING")] | length > 0' >/dev/null
  then break; fi
  sleep 0.1
done
kill -9 "${process[node2]}" "${process[serve]}"
wait "${process[node2]}" "${process[serve]}" 2>/dev/null || true
serve
work node2
"$emeth" watch-job "$job" --json >events || fail "the job is not VERIFIED: $(tail -n 1 events)"
"$emeth" fetch-result "$job" --key-file requester.key --out model >/dev/null
"$emeth" generate model --prompt "R" --max-tokens 20 >/dev/null
for name in node1 node2 node3; do
  "$emeth" node-status --key-file "$name.key" --json | jq -c "{node: \"$name\", earned, pending, lost}"
done
kill "${process[serve]}"
wait "${process[serve]}" || fail "the server does not stop in order"
"$emeth" serve --audit --data net
echo "the job is VERIFIED"
