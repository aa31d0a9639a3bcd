#!/usr/bin/env bash
# EMETH on a chain of one's own, from the first contract to the day after the last: contracts and bond, deposits, jobs of a
# served network, tickets paid by signature and by proof, a job of layer 1 in parts, a penalty on each layer, slots'
# rewards; then the operator is gone, and everybody leaves with what is theirs. At the end every figure is compared, to
# the holon.
#
#   Examples/chain.sh [EMETH] [TEXT]
#
# The chain is py-evm behind JSON-RPC (Tests/ContractTests/bridge.py), so that days pass in no time; what is missing is
# installed. EMETH_PYTHON names a Python that has it. On any other chain the same commands do the same.
set -euo pipefail
# shellcheck source=Scripts/example.sh
. "$(dirname "$0")/../Scripts/example.sh"
declare -A address=()

if [ -z "${EMETH_PYTHON:-}" ]; then
  "$root/Scripts/install-packages.sh" chain
  "$root/Scripts/install-python.sh" "$root/Tests/requirements.txt"
  EMETH_PYTHON=$root/.venv/bin/python
fi
cd "$folder"
if [ -z "$text" ]; then
  text=$folder/text
  "$root/Scripts/default-text.sh" >"$text"
fi
export XDG_DATA_HOME=$folder/data

# What emeth has no command for: owners' calls, views, and the chain's clock.
contract() { "$EMETH_PYTHON" "$root/Scripts/call-contract.py" "$@"; }
send() { contract send "$@" >/dev/null || fail "$3 of $2 is refused"; }
token() { contract read EmethToken "$token" "$@"; }
core() { contract read EmethCore "$core" "$@"; }
# pass SECONDS: the chain's time goes on.
pass() {
  contract rpc evm_increaseTime "$1" >/dev/null
  contract rpc evm_mine >/dev/null
}
# as NAME COMMAND...: a command of an account on the chain.
as() {
  local name=$1
  shift
  "$emeth" "$@" --key-file "$name.key" --confirmations 1
}

# ---- a chain, and everybody's key

accounts=(requester node1 node2 verifier1)
# Those of layer 1: who divides jobs, who computes and who checks parts.
workers=(divider worker checker)
for name in operator "${accounts[@]}" "${workers[@]}"; do
  "$emeth" new-key --out "$name.key" >/dev/null
  address[$name]=$("$emeth" show-key --key-file "$name.key" --json | jq -r .address)
done
coproc chain {
  exec "$EMETH_PYTHON" "$root/Tests/ContractTests/bridge.py" --block-seconds 0.5 --fund "${address[@]}" 2>"$folder/bridge.log"
}
process[chain]=$chain_PID
read -r -t 60 -u "${chain[0]:-}" told || fail "the chain does not start"
EMETH_RPC=$(jq -r .url <<<"$told")
export EMETH_RPC

# ---- contracts, a Signer, a bond

# By signature alone, tickets are paid up to the lower of cap and bond: here 1 EMETH.
as operator deploy --ticket-cap 1emeth --json >deployed || fail "the contracts can't be deployed"
read -r EMETH_CORE token settlement verification chain_id \
  < <(jq -r '"\(.core) \(.token) \(.settlement) \(.verification) \(.chainId)"' deployed)
export EMETH_CORE
core=$EMETH_CORE
say "EMETH Core is at $core, its settlement at $settlement, on chain $chain_id"

serve_words=(
  serve --rpc env --chain-id "$chain_id" --settlement "$settlement" --operator-key-file operator.key --confirmations 2
  --listen 127.0.0.1:0 --data net --interval 500ms --lease 6s --posting 12m
)
# A new network says whose signature it will need, and an owner names that Signer.
if "$emeth" "${serve_words[@]}" --json >/dev/null 2>refusal; then fail "a network was served without a Signer"; fi
[ "$(jq -r .code refusal)" = chain.otherSigner ] || fail "the network does not start: $(cat refusal)"
signer=$(jq -r .message refusal)
signer=${signer##* }
send operator.key EmethSettlement "$settlement" proposeSigner "$signer"
send operator.key EmethToken "$token" approve "$settlement" 2emeth
send operator.key EmethSettlement "$settlement" depositBond 2emeth
for name in "${accounts[@]}"; do
  send operator.key EmethToken "$token" transfer "${address[$name]}" 50emeth
done
for name in worker checker; do send operator.key EmethToken "$token" transfer "${address[$name]}" 10emeth; done

# ---- deposits, a network, its nodes

serve() {
  : >server.url
  "$emeth" "${serve_words[@]}" >server.url 2>>server.log &
  process[server]=$!
  wait_for 60 "the server listens" listens_or_ended
  [ -s server.url ] || fail "the server does not start"
  EMETH_SERVER=$(head -n 1 server.url)
  export EMETH_SERVER
}
listens_or_ended() { [ -s server.url ] || ! kill -0 "${process[server]}" 2>/dev/null; }
work() {
  "$emeth" "$2" --server "$EMETH_SERVER" --key-file "$1.key" --data "$1" --threads 1 >>"$1.log" 2>&1 &
  process[$1]=$!
}
has() { [ "$("$emeth" balance "${address[$1]}" --json | jq -r .total)" = "$2" ]; }

serve
for name in "${accounts[@]}"; do
  as "$name" deposit 20emeth --to-servers --chain-id "$chain_id" --settlement "$settlement" >/dev/null ||
    fail "$name can't deposit"
done
for name in "${accounts[@]}"; do wait_for 60 "$name's deposit is credited" has "$name" 20000000000000000000; done
say "everybody has 20 EMETH on $EMETH_SERVER"
for name in node1 node2; do work "$name" node; done
work verifier1 verifier

# ---- jobs of the network: one that goes well, and one whose node dies

verified() {
  timeout 300 "$emeth" watch-job "$1" --json >events || fail "job $1 is not VERIFIED: $(tail -n 1 events)"
}
seq 1 1000 | awk '{ printf "%.1f\n", $1 / 10 }' >numbers
mean=$("$emeth" submit-job numbers --key-file requester.key --program 999 --parallel 4 \
  --fuel-price 0.0001emeth --json | jq -r .jobId)
verified "$mean"
"$emeth" fetch-result "$mean" --key-file requester.key --out mean >/dev/null
[ "$(tr -d '\r' <mean/result.dat)" = 1000,50.05 ] || fail "the mean is $(cat mean/result.dat)"
say "the mean of 1000 numbers is VERIFIED: $(tr -d '\r' <mean/result.dat)"

find_busy_node() {
  for busy in node1 node2; do
    if "$emeth" node-status --key-file "$busy.key" --json | jq -e 'any(.work[]; .subJob.status == 2)' >/dev/null
    then return; fi
  done
  return 1
}
shape=(--parallel 1 --rounds 1 --steps 400 --layers 2 --heads 2 --width 64 --context 64 --batch 4 --fuel-price 0.0001emeth)
"$emeth" quote "$text" "${shape[@]}" --json >training.quote
training=$("$emeth" submit-job "$text" --key-file requester.key --program 1 "${shape[@]}" --seed 1 --json | jq -r .jobId)
wait_for 60 "somebody computes" find_busy_node
kill -9 "${process[$busy]}"
wait "${process[$busy]}" 2>/dev/null || true
say "$busy is killed while it computes: after its lease it loses a part of its deposit, and the other one takes the job"

# ---- meanwhile: tickets

# granted NAME: what an account's newest ticket grants in all; with --batch posted, that in the chain's newest batch.
granted() {
  local name=$1
  shift
  "$emeth" fetch-ticket "${address[$name]}" "$@" | jq -r .ticket.cumulativePayout
}
is_granted() { [ "$(granted "$@")" = "$wanted" ]; }
has_earned() { [[ $(granted "$1") =~ ^[1-9] ]]; }

# Everybody's by signature, in one transaction that anybody may send.
wait_for 30 "the verifier's fee is in its ticket" has_earned verifier1
for name in node1 node2 verifier1; do "$emeth" fetch-ticket "${address[$name]}" >"$name.ticket"; done
as node1 redeem-ticket node1.ticket node2.ticket verifier1.ticket --json >redeemed || fail "the tickets are not paid"
[ "$(jq '.steps | length' redeemed)" = 1 ] || fail "the tickets took $(jq '.steps | length' redeemed) transactions"
say "nodes and verifier were paid $(jq -r .amount redeemed) holon by their tickets"

# More than the bond covers: by its batch, a day after that was posted.
"$emeth" withdraw 5emeth --key-file requester.key --layer 2 >/dev/null
wanted=5000000000000000000
wait_for 30 "the withdrawal is in a ticket" is_granted requester
"$emeth" fetch-ticket "${address[requester]}" >requester.ticket
if as requester redeem-ticket requester.ticket --json >/dev/null 2>refusal; then fail "5 EMETH were paid, and 1 is covered"; fi
jq -e '.message | contains("settlement.cap")' refusal >/dev/null || fail "it is refused for another reason: $(cat refusal)"
pass 800
wait_for 30 "a batch with the withdrawal is posted" is_granted requester --batch posted
"$emeth" fetch-ticket "${address[requester]}" --batch posted >requester.proven
as requester redeem-ticket requester.ticket requester.proven --json >redeemed
jq -e '.steps == [] and any(.notes[]; contains("repeat the command after"))' redeemed >/dev/null || fail "it is paid at once"
# While the operator is heard of, nobody freezes its network.
if as requester exit-frozen --json >/dev/null 2>refusal; then fail "a network is frozen whose operator is there"; fi
jq -e '.message | contains("settlement.tooEarly")' refusal >/dev/null || fail "it is refused for another reason: $(cat refusal)"
pass 86400
as requester redeem-ticket requester.ticket requester.proven --json >redeemed || fail "the proven ticket is not paid"
[ "$(jq -r .amount redeemed)" = "$wanted" ] || fail "the proven ticket pays $(jq -r .amount redeemed)"
say "5 EMETH were paid by a batch that was posted a day ago"

# ---- meanwhile, on layer 1: a job in parts

# on_layer_1 NAME COMMAND...: a process that works for jobs of EMETH Core, with the network's server for its files.
on_layer_1() {
  local name=$1
  shift
  "$emeth" "$@" --layer 1 --rpc env --chain-id "$chain_id" --verification "$verification" --confirmations 1 \
    --server "$EMETH_SERVER" --data "$name" >>"$name.log" 2>&1 &
  process[$name]=$!
}
# An owner says that the fuel of its parts counts for rewards.
send operator.key EmethCore "$core" setFuelCounts 9991 true
send operator.key EmethCore "$core" addVerifier "${address[checker]}"
on_layer_1 checker verifier --key-file checker.key --threads 1
wait_for 60 "checker's bond and commitments are posted" grep -q commitSecrets checker.log
on_layer_1 divider serve --operator-key-file divider.key --requester "${address[requester]}"
on_layer_1 worker node --key-file worker.key --threads 1 --include-program 999
divided=$(as requester submit-job numbers --server "$EMETH_SERVER" --layer 1 --program 999 --parallel 2 \
  --divided-by "${address[divider]}" --fuel-limit 10 --fuel-price 0.1emeth --deadline 24h --json | jq -r .job)
is_fetched() { as requester fetch-result "$divided" --layer 1 --out divided >/dev/null 2>&1; }
wait_for 180 "the job in parts is VERIFIED, and its result is there" is_fetched
[ "$(tr -d '\r' <divided/result.dat)" = 1000,50.05 ] || fail "the mean in parts is $(cat divided/result.dat)"
[ "$(core childCount "$divided")" = 2 ] || fail "it has $(core childCount "$divided") parts"
for index in 0 1; do
  core jobAssigns "$(core jobChildren "$divided" "$index")" | jq -e --arg node "${address[worker]}" '.[0] == $node' >/dev/null ||
    fail "part $index is another node's"
done
for name in "${workers[@]}"; do
  kill "${process[$name]}"
  wait "${process[$name]}" 2>/dev/null || true
  unset "process[$name]"
done
for name in worker checker; do as "$name" withdraw "$(core deposits "${address[$name]}")" --layer 1 >/dev/null; done
say "on layer 1 a job was divided, computed in 2 parts, and joined: $(tr -d '\r' <divided/result.dat)"

# ---- a penalty there, and a slot's reward

# A node takes a job of EMETH Core and does nothing: D less P comes back to it, P is burned, the escrow goes to the
# requester.
job=$(as requester submit-job https://data.example.org/numbers --layer 1 --program 999 --fuel-limit 1000 \
  --fuel-price 0.001emeth --deadline 1h --json | jq -r .job)
core jobTerms "$job" >terms
as node1 deposit 2emeth >/dev/null
send node1.key EmethCore "$core" process "$job"
pass 3600
send verifier1.key EmethCore "$core" timeout "$job"
for name in requester node1; do core deposits "${address[$name]}" >"$name.ledger"; done
for name in requester node1; do as "$name" withdraw "$(cat "$name.ledger")" --layer 1 >/dev/null; done
say "on layer 1 node1 took a job of which it did nothing, and lost its penalty"

# A day is over since the contracts are there: what of its reward no node of layer 1 can draw goes into the pool, once.
slot=$(core startSlot)
supply=$(token totalSupply)
send verifier1.key EmethCore "$core" fundSlot "$slot"
"$EMETH_PYTHON" -c "print($(token totalSupply) - $supply)" >minted
if contract send verifier1.key EmethCore "$core" fundSlot "$slot" >/dev/null 2>&1; then fail "a slot is funded twice"; fi
say "the reward of slot $slot is in the pool: $(cat minted) holon"

# The node of layer 1 draws its share of its day: alone there, it is bounded by what its verifiers were paid.
pass 86400
now=$(core currentSlot)
send worker.key EmethCore "$core" withdrawSlotRewardInRange "${address[worker]}" "$slot" $((now - 1))

# ---- the last batch, and everybody's way out is kept

verified "$training"
"$emeth" show-job "$training" --json >training.report
"$emeth" show-job "$mean" --json >mean.report
jq -e '[.subJobs[] | select(.status == "TIMEOUT")] | length == 1' training.report >/dev/null ||
  fail "the node that was killed lost nothing: $(jq -c .subJobs training.report)"
say "the training is VERIFIED, by the second attempt"

# Who asks the chain for its way out is granted all that it could spend, and a batch shows it.
"$emeth" fetch-ticket "${address[verifier1]}" --batch posted >verifier1.proven
as verifier1 request-exit verifier1.proven --json >leaving || fail "verifier1 can't leave"
[ "$(jq -r .amount leaving)" = "$(jq -r .ticket.unspent verifier1.proven)" ] || fail "it leaves with $(jq -r .amount leaving)"
is_let_go() { [ "$("$emeth" fetch-ticket "${address[verifier1]}" | jq -r .ticket.unspent)" = 0 ]; }
wait_for 60 "all that verifier1 has is granted" is_let_go
has_left() {
  contract read EmethSettlement "$settlement" exits "${address[verifier1]}" | jq -e 'map(tonumber) == [0, 0]' >/dev/null
}

# Tickets in the batch that the contract has say what the server says.
is_kept() {
  for name in "${accounts[@]}"; do
    "$emeth" fetch-ticket "${address[$name]}" --batch posted >"$name.proven" || return 1
    "$emeth" balance "${address[$name]}" --json >"$name.balance"
    jq -e -s '.[0].ticket as $t | .[1] as $b | [$t.cumulativePayout, $t.unspent, $t.locked] == [$b.payout, $b.unspent, $b.locked]' \
      "$name.proven" "$name.balance" >/dev/null || return 1
  done
}
pass 25200
wait_for 60 "verifier1's exit is served" has_left
wait_for 60 "the last batch is posted" is_kept
[ "$(jq -r .ticket.unspent verifier1.proven)" = 0 ] || fail "verifier1 has left, and $(jq -r .ticket.unspent verifier1.proven) are unspent"
for name in "${accounts[@]}"; do "$emeth" verify "$name.proven" --signer "$signer" >/dev/null; done

# ---- the operator is gone

others=(server node1 node2 verifier1)
for name in "${others[@]}"; do
  [ "$name" = "$busy" ] || kill -9 "${process[$name]}"
  wait "${process[$name]}" 2>/dev/null || true
  unset "process[$name]"
done
say "server, nodes and verifier are killed, and nobody comes back"
# With it a deposit would ask the server first, and nothing be sent.
unset EMETH_SERVER
as requester deposit 3emeth --to-servers --chain-id "$chain_id" --settlement "$settlement" >/dev/null
# The chain's clock was put ahead by more than two days by now, the server's was not: to the chain its batches are as old. A day
# behind the last posting everybody freezes.
pass 86400
for name in "${accounts[@]}"; do as "$name" exit-frozen "$name.proven" --json >"$name.claim" || fail "$name can't claim"; done
jq -e '.steps[0].function == "freeze"' requester.claim >/dev/null || fail "the first does not freeze: $(cat requester.claim)"
pass 604800
for name in "${accounts[@]}"; do as "$name" exit-frozen "$name.proven" --json >"$name.exit" || fail "$name is not paid"; done
say "layer 2 was frozen, and seven days later everybody was paid"

# ---- to the holon

"$EMETH_PYTHON" - "$root/Scripts/call-contract.py" "${address[operator]}" "${address[worker]}" "${address[checker]}" \
  "${address[divider]}" <<'CHECK' || fail "the figures differ"
import importlib.util, json, os, sys

EMETH = 10**18
names = ["requester", "node1", "node2", "verifier1"]
failed = []
spec = importlib.util.spec_from_file_location("contracts", sys.argv[1])
contracts = importlib.util.module_from_spec(spec)
spec.loader.exec_module(contracts)
deployed = json.load(open("deployed"))

def read(contract, function, *arguments):
    place = deployed[contract.removeprefix("Emeth").lower()]
    return int(contracts.read(os.environ["EMETH_RPC"], contract, place, function, arguments))

def wallet(account):
    return read("EmethToken", "balanceOf", account)

def settlement(function, *arguments):
    return read("EmethSettlement", function, *arguments)

def same(what, found, expected):
    if found != expected:
        failed.append(f"{what}: found {found}, expected {expected}")

tickets = {name: json.load(open(f"{name}.proven"))["ticket"] for name in names}
minted = int(open("minted").read())
batch = json.load(open("requester.proven"))["batch"]["batch"]
escrow, fee, deposit = map(int, json.load(open("terms")))
# L is E less V; a quarter of it is the penalty.
penalty_on_chain = (escrow - fee) // 4
# The job in parts: one fuel for each, and the verifiers' fee of all its 10 fuel, which is its node's reward as well.
fuel_in_parts = 2 * EMETH // 10
fee_in_parts = 10 * EMETH // 10 * 5 // 100

# What the jobs of layer 2 came to, reckoned from fuel and price: of what is verified, the node has U and the verifier V, 5 %
# of it; who let a part time out loses P, a quarter of U, which is burned. What ledger and tickets say is not asked.
earned = {name: 0 for name in names}
burned = 0

def settle(job, fuel, price=EMETH // 10_000):
    global burned
    report = json.load(open(f"{job}.report"))
    named = {tickets[name]["account"]: name for name in names}
    nodes = {a["number"]: named[a["address"]] for a in report["accounts"] if a["role"] == "node"}
    for part in report["subJobs"]:
        pay = fuel * price
        if part["status"] == "VERIFIED":
            earned[nodes[part["node"]]] += pay
            earned["verifier1"] += pay * 5 // 100
            earned["requester"] -= pay + pay * 5 // 100
        elif part["status"] == "TIMEOUT":
            earned[nodes[part["node"]]] -= pay // 4
            burned += pay // 4
        else:
            failed.append(f"{job}: part {part['part']} is {part['status']}")

# 250 numbers are one fuel.
settle("mean", 1)
settle("training", int(json.load(open("training.quote"))["subJob"]["fuelLimit"]))

total = 0
for name in names:
    account = tickets[name]["account"]
    has = sum(int(tickets[name][part]) for part in ("cumulativePayout", "unspent", "locked"))
    total += has
    same(f"{name}: its last ticket, and deposit and settlements", has, 20 * EMETH + earned[name])
    same(f"{name}: what the contract has paid by tickets and claim", settlement("redeemed", account), has)
    lost = penalty_on_chain if name == "node1" else 0
    if name == "requester":
        lost = fuel_in_parts + fee_in_parts
    same(f"{name}: its wallet", wallet(account), 50 * EMETH + earned[name] - lost)
    same(f"{name}: its ledger on layer 1", read("EmethCore", "deposits", account), 0)
    print(f"{name:9}  20 EMETH deposited, {earned[name] / EMETH:+.9f} by jobs, {has / EMETH:.9f} paid", file=sys.stderr)

worker, checker, divider = sys.argv[3:6]
same("worker: its wallet", wallet(worker), 10 * EMETH + fuel_in_parts + fee_in_parts)
same("checker: its wallet, when all but the fee is bound", wallet(checker), fee_in_parts)
same("checker: its bond", wallet(deployed["verification"]), 10 * EMETH)
same("divider: its wallet, who pays gas alone", wallet(divider), 0)
for account in sys.argv[3:6]:
    same(f"{account}: its ledger on layer 1", read("EmethCore", "deposits", account), 0)

if burned == 0:
    failed.append("nothing was burned on layer 2")
same("what the last batch says was burned", int(batch["totalBurned"]), burned)
same("deposits that were credited", total + burned, 80 * EMETH)
same("all that was paid", settlement("totalRedeemed"), total)
same("what was burned for layer 2", settlement("totalBurned"), burned)
same("the deposit that came back", settlement("totalReclaimed"), 3 * EMETH)
same("a day's reward", minted, 288_000 * EMETH)
same("rewards and the bond", settlement("totalGranted"), minted + 2 * EMETH)
# Nobody's is left in the pool but a reward that was never granted, and the bond.
same("the pool", settlement("pool"), minted + 2 * EMETH)
same("the bond", settlement("bond"), 0)
same("the settlement's tokens", wallet(deployed["settlement"]), minted + 2 * EMETH)
same("Core's tokens", wallet(deployed["core"]), 0)
same("the operator's tokens", wallet(sys.argv[2]), 10_000 * EMETH - 200 * EMETH - 2 * EMETH - 20 * EMETH)
places = [sys.argv[2], *sys.argv[3:6], deployed["settlement"], deployed["verification"]]
held = sum(wallet(place) for place in [*places, *(t["account"] for t in tickets.values())])
same("all tokens there are", read("EmethToken", "totalSupply"), held)
same("tokens minted and burned", held, 10_000 * EMETH + minted + fee_in_parts - burned - penalty_on_chain)
for line in failed:
    print(f"differs: {line}", file=sys.stderr)
sys.exit(1 if failed else 0)
CHECK
echo "everybody has what deposits, settlements and tickets say, to the holon; it took $SECONDS s"
