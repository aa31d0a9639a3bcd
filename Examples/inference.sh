#!/usr/bin/env bash
# Inference as a service, from training to pay: a job trains a model, a server sells its text by the OpenAI HTTP API, two
# nodes draw it. Python's own client streams; one node is killed in the middle of its streams, which go on without it.
# A list of prompts is a job too, checked by replay. At the end both nodes have tickets for what they drew, and every
# figure is compared.
#
#   Examples/inference.sh [EMETH] [TEXT]
#
# TEXT is $EMETH_DATA/neko.txt, or the text that `make run` takes. What is missing is installed; EMETH_PYTHON names a
# Python that has Tests/requirements-gateway.txt. A minute or two.
set -euo pipefail
# shellcheck source=Scripts/example.sh
. "$(dirname "$0")/../Scripts/example.sh"
url=http://127.0.0.1:0

if [ -z "${EMETH_PYTHON:-}" ]; then
  "$root/Scripts/install-python.sh" "$root/Tests/requirements-gateway.txt"
  EMETH_PYTHON=$root/.venv/bin/python
fi
cd "$folder"
if [ -z "$text" ]; then
  text=$folder/text
  "$root/Scripts/default-text.sh" >"$text"
fi
# Enough to learn from in seconds.
head -n 200 "$text" >sample

# serve FLAG...: on a free port at first, and on the same one when it is started again.
serve() {
  : >server.url
  "$emeth" serve --listen "${url#http://}" --data net --interval 500ms "${grants[@]}" "$@" >server.url 2>>server.log &
  process[server]=$!
  wait_for 60 "the server listens" listens_or_ended
  [ -s server.url ] || fail "the server does not start"
  url=$(head -n 1 server.url)
  export EMETH_SERVER=$url
}
ended() { ! kill -0 "${process[$1]}" 2>/dev/null; }
listens_or_ended() { [ -s server.url ] || ended server; }
stop_server() {
  kill "${process[server]}"
  wait_for 60 "the server stops" ended server
  wait "${process[server]}" || fail "the server does not stop in order"
}

# Four texts at once each, so that eight streams are with both of them.
node() {
  "$emeth" node --key-file "$1.key" --data "$1" --threads 1 --live-texts 4 >>"$1.log" 2>&1 &
  process[$1]=$!
}

grants=()
for name in requester node1 node2 verifier1; do
  "$emeth" new-key --out "$name.key" >/dev/null
  grants+=(--grant "$("$emeth" show-key --key-file "$name.key" --json | jq -r .address)=100emeth")
done
serve
node node1
node node2
"$emeth" verifier --key-file verifier1.key --data verifier1 --threads 1 >>verifier1.log 2>&1 &
process[verifier1]=$!

# ---- a model, by a job

job=$("$emeth" submit-job sample --key-file requester.key --program 1 --parallel 2 --rounds 2 --steps 20 --layers 1 \
  --heads 2 --width 32 --context 64 --batch 4 --seed 1 --json | jq -r .jobId)
timeout 300 "$emeth" watch-job "$job" --json >events || fail "the job is not VERIFIED: $(tail -n 1 events)"
"$emeth" fetch-result "$job" --key-file requester.key --out model >/dev/null
signer=$(jq -r .signer model/job/records.json)
say "job $job has trained a model"

# ---- a list of prompts, by a job, replayed by a verifier

for number in 1 2 3 4 5 6; do
  printf '{"id":"%d","prompt":"In the year %d","maxTokens":40,"seed":%d}\n' $number $number $number
done >prompts.jsonl
list=$("$emeth" submit-job prompts.jsonl --key-file requester.key --program 2 --model "$job" --parallel 2 --json |
  jq -r .jobId)
timeout 300 "$emeth" watch-job "$list" --json >events || fail "the list is not VERIFIED: $(tail -n 1 events)"
"$emeth" fetch-result "$list" --key-file requester.key --out texts >/dev/null
"$emeth" verify texts --signer "$signer" >/dev/null
# Anybody who has the model can do the same again.
for number in 1 6; do
  "$emeth" generate model --prompt "In the year $number" --max-tokens 40 --seed $number --json >again
  jq -s -e --arg id $number '(.[1:][] | select(.id == $id) | .text) as $text | .[0].text | endswith($text)' \
    again texts/result.dat >/dev/null || fail "prompt $number has another text here: $(cat again)"
done
say "job $list has continued $(wc -l <texts/result.dat) prompts, replayed by a verifier and here"

# ---- the same model's text, live

stop_server
serve --gateway "tiny=model@0.001emeth"
key=$("$emeth" new-api-key 10emeth --key-file requester.key)
cat >stream.py <<'PYTHON'
"""Streams eight texts at once; where a process is named, kills it when all of them have begun."""

import concurrent.futures
import os
import signal
import sys
import threading
import time

import openai

client = openai.OpenAI(base_url=os.environ["EMETH_SERVER"] + "/v1", api_key=sys.argv[1], max_retries=0, timeout=120)
begun = threading.Barrier(8)


def wanted(number):
    return dict(model="tiny", prompt=f"Letter {number}", max_tokens=1500, seed=number)


def stream(number):
    text, waits = "", True
    for chunk in client.completions.create(**wanted(number), stream=True):
        text += chunk.choices[0].text
        if waits and text:
            waits = False
            if begun.wait(60) == 0 and len(sys.argv) > 2:
                os.kill(int(sys.argv[2]), signal.SIGKILL)
    return text


for _ in range(300):
    try:
        client.completions.create(model="tiny", prompt="a", max_tokens=1)
        break
    except openai.InternalServerError as error:
        assert error.code == "no_node", error
        time.sleep(0.2)
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    texts = list(pool.map(stream, range(8)))
for number, text in enumerate(texts):
    whole = client.completions.create(**wanted(number))
    assert whole.choices[0].text == text and whole.usage.completion_tokens == 1500, number
PYTHON
"$EMETH_PYTHON" stream.py "$key" "${process[node1]}" || fail "the streams did not come as they should"
wait "${process[node1]}" 2>/dev/null || true
say "eight streams came whole, though node1 was killed in their middle"
node node1
# Until node1 has come back to draw.
drawn_by_both() {
  if [ -s node1/receipts.jsonl ] && [ -s node2/receipts.jsonl ]; then return; fi
  "$EMETH_PYTHON" stream.py "$key" || fail "the streams did not come as they should"
  sleep 2
  return 1
}
wait_for 120 "receipts of both nodes" drawn_by_both

# ---- what it came to

keys() { "$emeth" list-api-keys --key-file requester.key --json; }
settled() { [ "$(keys | jq -r '.[0].reserved')" = 0 ]; }
wait_for 60 "all that was bound is paid" settled
spent=$(keys | jq -r '.[0].spent')
sold_by() {
  cat "$@" | "$EMETH_PYTHON" -c 'import json, sys; print(sum(int(json.loads(line)["receipt"]["holon"]) for line in sys.stdin))'
}
receipts_are_whole() { [ "$(sold_by node1/receipts.jsonl node2/receipts.jsonl)" = "$spent" ]; }
wait_for 30 "receipts for all of the $spent holon" receipts_are_whole
for name in node1 node2; do
  # All that was ever granted to it, its parts of both jobs included.
  granted=$("$emeth" balance --key-file "$name.key" --json | jq -r .payout)
  has_its_ticket() {
    "$emeth" fetch-ticket --key-file "$name.key" >"$name.ticket" 2>/dev/null &&
      [ "$(jq -r .ticket.cumulativePayout "$name.ticket")" = "$granted" ]
  }
  wait_for 60 "a ticket of $name for $granted holon" has_its_ticket
  "$emeth" verify "$name.ticket" --signer "$signer" >/dev/null || fail "the ticket of $name does not verify"
  say "$name: $(wc -l <"$name/receipts.jsonl") texts for $(sold_by "$name/receipts.jsonl") holon, in a ticket of $granted"
done
stop_server
"$emeth" serve --audit --data net
say "the key has spent $spent holon, the nodes have receipts for all of it, and every balance follows from the entries"
