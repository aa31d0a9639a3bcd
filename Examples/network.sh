#!/usr/bin/env bash
# A network of processes on this machine, each with a key and a folder of its own. A training job goes through it while a
# server and a node are killed and started again; then everything is checked.
#
#   Examples/network.sh [--embedded] [EMETH] [TEXT]
#
# Beside the training the mean of some numbers is computed (program 999), by the same nodes and verifiers.
#
# Two servers on one PostgreSQL database and one S3 bucket (moto's), four nodes and a verifier; what is missing is
# installed. With --embedded nothing has to be installed or started but emeth and jq: one server, which keeps all in a folder,
# two nodes and a verifier. TEXT is $EMETH_DATA/neko.txt, or the text that `make run` takes. A few minutes.
set -euo pipefail
servers=(server1 server2)
nodes=(node1 node2 node3 node4)
if [ "${1:-}" = --embedded ]; then
  shift
  servers=(server1)
  nodes=(node1 node2)
fi
# shellcheck source=Scripts/example.sh
. "$(dirname "$0")/../Scripts/example.sh"
if [ "${#servers[@]}" = 1 ] && ! command -v jq >/dev/null; then
  echo "network.sh: found no program jq, which reads emeth's JSON" >&2
  echo "hint: apt-get install jq" >&2
  exit 4
fi
declare -A url=()
service=()

# ---- what the servers share

# A PostgreSQL server on a socket in a folder of its own. Root may not run one.
start_database() {
  local as=() programs
  programs=$(find /usr/lib/postgresql -maxdepth 2 -name bin | sort -V | tail -n 1)
  database=$(mktemp -d /tmp/emeth-postgres-XXXXXX)
  folders+=("$database")
  if [ "$(id -u)" = 0 ]; then
    chown postgres "$database"
    as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
  fi
  (
    cd "$database"
    "${as[@]}" "$programs/initdb" -D data -U emeth -A trust -E UTF8 --locale=C.UTF-8 >/dev/null
  ) 2>"$folder/postgres.log" || fail "PostgreSQL can't be set up"
  (
    cd "$database"
    exec "${as[@]}" "$programs/postgres" -D data -k "$database" -c listen_addresses= -c max_connections=200
  ) >>"$folder/postgres.log" 2>&1 &
  process[postgres]=$!
  wait_for 60 "PostgreSQL answers" "$programs/pg_isready" -q -h "$database"
  service+=(--database "postgres://emeth@/postgres?host=$database")
}

# moto's S3 server with the bucket "emeth"; it ends with its standard input.
start_bucket() {
  local port
  coproc bucket { exec "$root/.venv/bin/python" "$root/Tests/EmethNetworkTests/Fixtures/s3_server.py" 2>"$folder/s3.log"; }
  process[bucket]=$bucket_PID
  read -r -t 60 -u "${bucket[0]:-}" port AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY || fail "the S3 server does not start"
  export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
  service+=(--storage "s3://emeth/network?endpoint=http://127.0.0.1:$port&region=us-east-1")
}

# ---- the network

# serve NAME: on a free port at first, and on the same one when it is started again.
serve() {
  local listen=${url[$1]:-http://127.0.0.1:0}
  : >"$1.url"
  "$emeth" serve --listen "${listen#http://}" --data net --interval 500ms "${service[@]}" "${grants[@]}" \
    >"$1.url" 2>>"$1.log" &
  process[$1]=$!
  wait_for 60 "$1 listens" listens_or_ended "$1"
  [ -s "$1.url" ] || fail "$1 does not start"
  url[$1]=$(head -n 1 "$1.url")
}
ended() { ! kill -0 "${process[$1]}" 2>/dev/null; }
listens_or_ended() { [ -s "$1.url" ] || ended "$1"; }

# work NAME ROLE: nodes and verifiers are spread over the servers, by the number in their name.
work() {
  local server=${servers[$((${1//[a-z]/} % ${#servers[@]}))]}
  "$emeth" "$2" --server "${url[$server]}" --key-file "$1.key" --data "$1" --threads 1 >>"$1.log" 2>&1 &
  process[$1]=$!
}

# Sets `busy` to a node that computes now.
find_busy_node() {
  for busy in "${nodes[@]}"; do
    if "$emeth" node-status --key-file "$busy.key" --json | jq -e 'any(.work[]; .subJob.status == 2)' >/dev/null
    then return; fi
  done
  return 1
}

if [ "${#servers[@]}" -gt 1 ]; then
  "$root/Scripts/install-packages.sh" network
  "$root/Scripts/install-python.sh" "$root/Tests/requirements-s3.txt"
fi
cd "$folder"
if [ -z "$text" ]; then
  text=$folder/text
  "$root/Scripts/default-text.sh" >"$text"
fi
grants=()
for name in requester "${nodes[@]}" verifier1; do
  "$emeth" new-key --out "$name.key" >/dev/null
  grants+=(--grant "$("$emeth" show-key --key-file "$name.key" --json | jq -r .address)=100emeth")
done
if [ "${#servers[@]}" -gt 1 ]; then
  start_database
  start_bucket
fi
for name in "${servers[@]}"; do serve "$name"; done
for name in "${nodes[@]}"; do work "$name" node; done
work verifier1 verifier
# The requester's server is the last one; the first one is killed.
export EMETH_SERVER=${url[${servers[-1]}]}

# ---- a job, while a server and a node die as in a power failure and come back

job=$("$emeth" submit-job "$text" --key-file requester.key --program 1 --parallel "${#nodes[@]}" --rounds 2 --steps 600 \
  --layers 2 --heads 4 --width 64 --context 64 --batch 8 --seed 1 --json | jq -r .jobId)
echo "job $job on $EMETH_SERVER" >&2
seq 1 1000 | awk '{ printf "%.1f\n", $1 / 10 }' >numbers
mean=$("$emeth" submit-job numbers --key-file requester.key --program 999 --parallel 5 --json | jq -r .jobId)
wait_for 300 "somebody computes" find_busy_node
echo "$busy computes: it and server1 are killed, and started again" >&2
kill -9 "${process[$busy]}" "${process[server1]}"
wait "${process[$busy]}" "${process[server1]}" 2>/dev/null || true
sleep 2
serve server1
work "$busy" node

timeout 900 "$emeth" watch-job "$job" --json >events || fail "the job is not VERIFIED: $(tail -n 1 events)"
timeout 900 "$emeth" watch-job "$mean" --json >events || fail "the mean is not VERIFIED: $(tail -n 1 events)"
echo "both jobs are VERIFIED" >&2

# ---- what it left, as a third party checks it

"$emeth" fetch-result "$job" --key-file requester.key --out model >/dev/null
"$emeth" generate model --prompt "R" --max-tokens 20 >/dev/null
signer=$(jq -r .signer model/job/records.json)
"$emeth" verify model --signer "$signer"
"$emeth" fetch-result "$mean" --key-file requester.key --out mean >/dev/null
"$emeth" verify mean --signer "$signer" >/dev/null
[ "$(tr -d '\r' <mean/result.dat)" = 1000,50.05 ] || fail "the mean is $(cat mean/result.dat)"
jq -c '.tickets[]' model/job/records.json | "$emeth" verify - --signer "$signer"
for name in "${nodes[@]}"; do
  "$emeth" node-status --key-file "$name.key" --json | jq -c "{node: \"$name\", earned, pending, lost}"
done
for name in "${servers[@]}"; do kill "${process[$name]}"; done
for name in "${servers[@]}"; do
  wait_for 60 "$name stops" ended "$name"
  wait "${process[$name]}" || fail "$name does not stop in order"
done
"$emeth" serve --audit --data net "${service[@]}"
echo "the jobs are VERIFIED, their tickets check, and every balance follows from the entries"
