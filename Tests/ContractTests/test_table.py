"""PROTOCOL 2 and 3: every row with the balances to the last holon, and every other pair refused."""
import json
import pathlib

import money_model
import pytest

from scene import *

CASES = pathlib.Path(money_model.__file__).parent / "money-cases.jsonl"
RULE_TEXT = {}
for line in CASES.read_text().splitlines():
    question = json.loads(line)["question"]
    if question["kind"] == "quote":
        RULE_TEXT.setdefault(question["rules"]["name"], question["rules"])

# An odd price and limit: every division leaves a rest.
LIMIT, USED, PRICE = 1_037, 731, 13_333_333_333_333_337
FREE_ENDS = ["canceled", "unclaimed"]
NODE_ENDS = ["verified", "expired", "timeout", "declined", "failed", "withheld"]


def end_as(scene, job, end, used=USED):
    """Ends a requested job; the verifier that is paid, or nobody."""
    core = scene.core
    if end == "canceled":
        core.send(REQUESTER, "cancel", job)
    elif end == "unclaimed":
        scene.chain.advance(11 * DAY)
        core.send(STRANGER, "timeout", job)
    else:
        core.send(NODE, "process", job)
        if end == "timeout":
            scene.chain.advance(11 * DAY)
            core.send(STRANGER, "timeout", job)
        elif end == "declined":
            core.send(NODE, "decline", job)
        else:
            core.send(NODE, "submit", job, "result", used)
            if end == "verified":
                return scene.verified(job)
            if end == "expired":
                scene.expired(job)
            if end == "failed":
                return scene.failed(job)[0]
            if end == "withheld":
                verifier = scene.challenged(job)
                scene.chain.advance(HOUR)
                scene.verifiers.send(STRANGER, "withhold", job)
                return verifier
    return None


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("end", FREE_ENDS + NODE_ENDS)
def test_row(scene, rules, end):
    scene.use_rules(rules)
    model_end = {"withheld": "failed"}.get(end, end)
    answer = money_model.quote({
        "kind": "quote", "rules": RULE_TEXT[rules], "fuelLimit": str(LIMIT), "fuelPrice": str(PRICE),
        "fuelUsed": str(USED), "end": model_end,
    })["amounts"]
    expected = {name: int(value) for name, value in answer.items()}
    wallet, supply = scene.balance(REQUESTER), scene.token.read("totalSupply")
    held = scene.balance(scene.core.address)
    before = dict(zip([REQUESTER, NODE, *VERIFIERS], scene.ledger(REQUESTER, NODE, *VERIFIERS)))
    job = scene.request(limit=LIMIT, price=PRICE)
    assert wallet - scene.balance(REQUESTER) == expected["escrow"]
    assert scene.core.read("jobTerms", job) == (
        expected["escrow"], expected["verifierFee"], expected["deposit"],
    )
    paid = end_as(scene, job, end)
    status = {"canceled": CANCELED, "unclaimed": TIMEOUT, "timeout": TIMEOUT, "declined": DECLINED,
              "verified": VERIFIED, "expired": VERIFIED, "failed": FAILED, "withheld": FAILED}[end]
    assert scene.status(job) == status
    after = dict(zip(before, scene.ledger(*before)))
    assert after[REQUESTER] - before[REQUESTER] == expected["requester"]
    locked = 0 if end in FREE_ENDS else expected["deposit"]
    assert after[NODE] - before[NODE] == expected["node"] - locked
    for verifier in VERIFIERS:
        due = expected["verifier"] if verifier == paid else 0
        assert after[verifier] - before[verifier] == due
    assert supply - scene.token.read("totalSupply") == expected["burned"]
    assert scene.balance(scene.core.address) - held == expected["escrow"] - expected["burned"]


def test_refused_by_the_rules(scene):
    scene.use_rules("round3-2")
    refused("core.verifierFee", scene.request, limit=1, price=10 * EMETH - 1)
    scene.core.send(OWNER, "setParameter", word("DEPOSIT_RATE"), 0)
    refused("core.depositRate", scene.request, limit=1, price=20 * EMETH)


# What each event needs beside the state; every one is tried in every state.
EVENTS = {
    "cancel": lambda s, j: s.core.send(REQUESTER, "cancel", j),
    "process": lambda s, j: s.core.send(RIVAL, "process", j),
    "decline": lambda s, j: s.core.send(NODE, "decline", j),
    "submit": lambda s, j: s.core.send(NODE, "submit", j, "again", 1),
    "verify": lambda s, j: s.core.send(s.review(j)["verifier"] if s.review(j)["turn"] else VERIFIER_A, "verify", j),
    "reject": lambda s, j: s.core.send(
        s.review(j)["verifier"] if s.review(j)["turn"] else VERIFIER_A, "rejectResult", j),
    "withhold": lambda s, j: s.verifiers.send(STRANGER, "withhold", j),
    "absent": lambda s, j: s.verifiers.send(STRANGER, "absent", j),
    "timeout": lambda s, j: s.core.send(STRANGER, "timeout", j),
    "expireVerification": lambda s, j: s.verifiers.send(STRANGER, "expireVerification", j),
    "draw": lambda s, j: s.verifiers.send(STRANGER, "drawVerifier", j),
    "open": lambda s, j: s.verifiers.send(NODE, "open", j, ZERO32),
    "completeCohort": lambda s, j: s.verifiers.send(REQUESTER, "completeCohort", j),
    "request": lambda s, j: s.request(job=j),
}
STATES = {
    "none": (0, {"request"}),
    "requested": (REQUESTED, {"cancel", "process", "timeout"}),
    "processing": (PROCESSING, {"decline", "submit", "timeout"}),
    "submitted": (SUBMITTED, {"draw"}),
    "challenged": (SUBMITTED, {"open", "withhold"}),
    "opened": (SUBMITTED, {"verify", "reject", "draw"}),
    "canceled": (CANCELED, set()),
    "declined": (DECLINED, set()),
    "timeout": (TIMEOUT, set()),
    "verified": (VERIFIED, set()),
    "failed": (FAILED, set()),
}


def bring(scene, state):
    if state == "none":
        return job_id(77_777)
    if state in ("submitted", "challenged", "opened"):
        job = scene.submitted()
        if state == "challenged":
            scene.challenged(job)
        if state == "opened":
            scene.opened(job)
        # Past every period: only the state stands in the way.
        scene.chain.advance(2 * HOUR, 40)
        return job
    job = scene.request()
    if state == "processing":
        scene.core.send(NODE, "process", job)
    elif state not in ("requested",):
        end_as(scene, job, state, used=80)
    return job


@pytest.mark.parametrize("state", STATES)
def test_every_pair_of_state_and_event(scene, state):
    status, allowed = STATES[state]
    job = bring(scene, state)
    assert scene.status(job) == status
    balances = [scene.balance(scene.core.address), scene.token.read("totalSupply")]
    for name, event in EVENTS.items():
        if name in allowed:
            continue
        try:
            event(scene, job)
        except Refused as error:
            assert str(error).startswith(("core.", "verifiers.")), error
        else:
            raise AssertionError(f"{name} was allowed when {state}")
    assert scene.status(job) == status
    assert balances == [scene.balance(scene.core.address), scene.token.read("totalSupply")]


@pytest.mark.parametrize("state,event", [(s, e) for s, (_, events) in STATES.items() for e in sorted(events)])
def test_every_row_is_there(scene, state, event):
    job = bring(scene, state)
    if event == "timeout":
        scene.chain.advance(11 * DAY)
    EVENTS[event](scene, job)


def test_who_may(scene):
    job = scene.request()
    refused("core.notRequester", scene.core.send, STRANGER, "cancel", job)
    scene.core.send(NODE, "process", job)
    refused("core.notNode", scene.core.send, RIVAL, "decline", job)
    refused("core.notNode", scene.core.send, RIVAL, "submit", job, "mine", 1)
    scene.core.send(NODE, "submit", job, "r", 1)
    drawn = scene.opened(job)
    for other in {*VERIFIERS, OWNER, REQUESTER, NODE, STRANGER} - {drawn}:
        refused("verifiers.notVerifier", scene.core.send, other, "verify", job)
        refused("verifiers.notVerifier", scene.core.send, other, "rejectResult", job)
    refused("core.sender", scene.core.send, OWNER, "conclude", job, 1, OWNER)
    for function, arguments in [("begin", (job, ZERO32, False)), ("accept", (job, drawn)), ("reject", (job, drawn))]:
        refused("verifiers.notCore", scene.verifiers.send, drawn, function, *arguments)
    scene.core.send(drawn, "verify", job)


def test_deadlines(scene):
    job = scene.request(life=HOUR)
    refused("core.tooEarly", scene.core.send, STRANGER, "timeout", job)
    scene.core.send(NODE, "process", job)
    scene.chain.advance(HOUR)
    refused("core.late", scene.core.send, NODE, "submit", job, "r", 1)
    late = scene.request(life=HOUR)
    scene.chain.advance(HOUR)
    refused("core.late", scene.core.send, NODE, "process", late)
    refused("core.deadline", scene.request, life=0)


def test_one_disagreeing_verifier_is_unpaid(scene):
    job = scene.submitted()
    before = dict(zip(VERIFIERS, scene.ledger(*VERIFIERS)))
    first = scene.opened(job)
    scene.core.send(first, "rejectResult", job)
    assert scene.status(job) == SUBMITTED
    second = scene.verified(job)
    assert second != first and scene.status(job) == VERIFIED
    after = dict(zip(VERIFIERS, scene.ledger(*VERIFIERS)))
    fee = scene.core.read("jobTerms", job)[1]
    assert {v: after[v] - before[v] for v in VERIFIERS if v != second} == {v: 0 for v in VERIFIERS if v != second}
    assert after[second] - before[second] == fee == 100 * (EMETH // 100) * 5 // 100


def test_draw_excludes_requester_node_and_workers_of_the_parent(scene):
    for account in (REQUESTER, NODE, NODE_B):
        scene.core.send(OWNER, "addVerifier", account)
        scene.token.send(account, "approve", scene.verifiers.address, 2**256 - 1)
        scene.verifiers.send(account, "bondVerifier", 50 * EMETH)
        scene.commit(account, 4)
    parent = scene.request(program=TRAINING, parallel=4, limit=400)
    jobs = [scene.sub_job(parent, part=part) for part in range(3)]
    for job, node in zip(jobs, (NODE, NODE_B, NODE_C)):
        scene.core.send(node, "process", job)
        scene.core.send(node, "submit", job, "r", 50)
    for job in jobs:
        assert scene.draw(job) in VERIFIERS


def test_nobody_judges_a_case_that_had_begun(scene):
    for verifier in VERIFIERS:
        scene.core.send(OWNER, "removeVerifier", verifier)
    job = scene.submitted()
    scene.core.send(OWNER, "addVerifier", SERVER)
    scene.token.send(SERVER, "approve", scene.verifiers.address, 2**256 - 1)
    scene.verifiers.send(SERVER, "bondVerifier", 50 * EMETH)
    scene.commit(SERVER, 1)
    # Two draws: the first one's commitment came after the submission.
    assert scene.draw(job) == NOBODY
    assert scene.draw(job) == NOBODY
    assert scene.draw(scene.submitted()) == SERVER


def test_nobody_is_put_out_of_a_case_that_had_begun(scene):
    job = scene.submitted()
    for verifier in VERIFIERS:
        scene.core.send(OWNER, "removeVerifier", verifier)
    other = scene.submitted(node=RIVAL)
    assert scene.verified(job) in VERIFIERS
    assert scene.draw(other) == NOBODY


def test_commitments_older_than_the_submission(scene):
    for verifier in VERIFIERS[1:]:
        scene.core.send(OWNER, "removeVerifier", verifier)
    for _ in range(8):
        assert scene.draw(scene.submitted(limit=1, price=100, used=1)) == VERIFIER_A
    job = scene.submitted(limit=1, price=100, used=1)
    scene.commit(VERIFIER_A, 1)
    # All older ones are used up: whoever commits now knows the submission, but no later beacon.
    assert scene.draw(job) == NOBODY
    assert scene.draw(job) == VERIFIER_A


def test_using_up_commitments_gets_no_garbage_paid(scene):
    for verifier in VERIFIERS[1:]:
        scene.core.send(OWNER, "removeVerifier", verifier)
    spam = [scene.submitted(limit=1, price=1, used=1, node=RIVAL) for _ in range(8)]
    job = scene.submitted()
    scene.chain.advance(33 * 12, 33)
    for other in spam:
        scene.verifiers.send(STRANGER, "drawVerifier", other)
    for hour in range(3):
        assert scene.draw(job) == NOBODY
        scene.chain.advance(HOUR)
        refused("verifiers.notSilent", scene.verifiers.send, NODE, "expireVerification", job)
    scene.commit(VERIFIER_A, 1)
    assert scene.draw(job) == NOBODY
    assert scene.draw(job) == VERIFIER_A


def test_a_fee_has_a_least(scene):
    send = scene.core.send
    send(OWNER, "setParameter", word("LEAST_VERIFIER_FEE"), 5 * EMETH // 100)
    refused("core.verifierFee", scene.request, limit=99)
    parent = scene.request(program=TRAINING, parallel=2, limit=400)
    proof = scene.request(program=PROOF, limit=1)
    assert scene.core.read("jobTerms", proof)[1] == 0
    # A parent's parts keep to the least of its request.
    send(OWNER, "setParameter", word("LEAST_VERIFIER_FEE"), EMETH)
    refused("core.verifierFee", scene.sub_job, parent, limit=99)
    scene.sub_job(parent, limit=100)


def test_who_leaves_after_the_beacon_changes_nothing_for_others(scene):
    job = scene.submitted()
    scene.chain.advance(33 * 12, 33)
    snapshot, found = scene.chain.snapshot(), []
    for leaving in (None, *VERIFIERS):
        if leaving:
            scene.verifiers.send(leaving, "announceUnbonding")
        scene.verifiers.send(STRANGER, "drawVerifier", job)
        found.append(scene.review(job)["verifier"])
        scene.chain.revert(snapshot)
        snapshot = scene.chain.snapshot()
    assert len(set(found)) == 1
    # Nor does it whom an owner removes.
    for removed in VERIFIERS:
        scene.core.send(OWNER, "removeVerifier", removed)
        scene.verifiers.send(STRANGER, "drawVerifier", job)
        assert scene.review(job)["verifier"] == found[0]
        scene.chain.revert(snapshot)
        snapshot = scene.chain.snapshot()


def test_lost_block_hash_and_wrong_secret(scene):
    job = scene.submitted()
    scene.chain.advance(300 * 12, 300)
    scene.verifiers.send(STRANGER, "drawVerifier", job)
    assert scene.review(job)["turn"] == 0
    refused("verifiers.tooEarly", scene.verifiers.send, STRANGER, "drawVerifier", job)
    drawn = scene.draw(job)
    refused("verifiers.commitment", scene.verifiers.send, drawn, "challenge", job, word("guess"))
    refused("verifiers.notVerifier", scene.verifiers.send, STRANGER, "challenge", job, scene.secret_for(job))
    scene.chain.advance(HOUR)
    refused("verifiers.late", scene.verifiers.send, drawn, "challenge", job, scene.secret_for(job))


def test_who_could_be_drawn_is_known_beforehand(scene):
    """As many as could be drawn for a job or a fee, by the rules of the draw itself."""
    def for_fee(fee, requester=REQUESTER):
        return scene.verifiers.read("candidatesFor", requester, fee)

    def of_job(job, node=NODE):
        return scene.verifiers.read("candidatesOf", job, node)

    # A bond of 200 EMETH covers a fee of 20.
    assert (for_fee(20 * EMETH), for_fee(20 * EMETH + 1), for_fee(0)) == (3, 0, 3)
    assert for_fee(EMETH, VERIFIER_A) == 2, "nobody checks its own job"
    job = scene.request()
    assert (of_job(job), of_job(job, VERIFIER_A)) == (3, 2), "nor its own work"
    assert of_job(job_id(999)) == 0, "no job, and nobody was listed in 1970"
    scene.core.send(NODE, "process", job)
    assert of_job(job) == 3
    # Who is listed later judges later jobs alone, who was removed earlier ones alone.
    scene.core.send(OWNER, "removeVerifier", VERIFIER_A)
    scene.core.send(OWNER, "addVerifier", ALICE)
    scene.token.send(ALICE, "approve", scene.verifiers.address, EMETH)
    scene.verifiers.send(ALICE, "bondVerifier", EMETH)
    assert (for_fee(EMETH // 10), of_job(job)) == (2, 3), "it has no commitment"
    scene.commit(ALICE, 1)
    assert (for_fee(EMETH // 10), for_fee(EMETH), of_job(job)) == (3, 2, 3)
    scene.verifiers.send(VERIFIER_B, "announceUnbonding")
    assert (for_fee(EMETH // 10), of_job(job)) == (2, 2)
    # What it said comes true: two are drawn, and then nobody is left.
    scene.core.send(NODE, "submit", job, "result", 80)
    drawn = []
    for _ in range(2):
        drawn.append(scene.draw(job))
        scene.chain.advance(HOUR)
        scene.verifiers.send(STRANGER, "drawVerifier", job)
    assert set(drawn) == {VERIFIER_A, VERIFIER_C}
    scene.chain.advance(DAY)
    assert scene.draw(job) == NOBODY
    scene.chain.advance(HOUR)
    scene.verifiers.send(STRANGER, "expireVerification", job)
    assert scene.status(job) == CANCELED


def test_two_verdicts_cost_the_bond(scene):
    kinds = ["bytes16", "bytes32", "address", "bool", "bytes32", "uint32", "bytes32", "bytes32"]
    type_hash = word(
        "Verdict(bytes16 jobId,bytes32 submission,address verifier,bool accepted,bytes32 seed,uint32 step,"
        "bytes32 stepRoot,bytes32 evidence)")
    yes = (job_id(1), word("s"), VERIFIER_A, True, ZERO32, 3, word("root"), ZERO32)
    no = (job_id(1), word("s"), VERIFIER_A, False, ZERO32, 3, word("root"), word("evidence"))
    other = (job_id(2), word("t"), VERIFIER_A, False, ZERO32, 3, word("root"), word("evidence"))

    def signature(verdict, by=VERIFIER_A):
        return sign(by, typed(scene.separator, keccak(type_hash + eth_abi.encode(kinds, verdict))))

    send = scene.verifiers.send
    refused("verifiers.noConflict", send, STRANGER, "forfeitBond", yes, signature(yes), yes, signature(yes))
    refused("verifiers.noConflict", send, STRANGER, "forfeitBond", yes, signature(yes), other, signature(other))
    refused("verifiers.signature", send, STRANGER, "forfeitBond", yes, signature(yes), no, signature(no, VERIFIER_B))
    pool = scene.settlement.read("pool")
    send(STRANGER, "forfeitBond", yes, signature(yes), no, signature(no))
    assert scene.settlement.read("pool") - pool == 200 * EMETH == scene.balance(scene.settlement.address)
    refused("verifiers.bond", send, STRANGER, "forfeitBond", yes, signature(yes), no, signature(no))
    assert not scene.verifiers.read("isListed", VERIFIER_A)


def test_unbonding(scene):
    send = scene.verifiers.send
    refused("verifiers.notListed", send, STRANGER, "bondVerifier", 1)
    refused("verifiers.notAnnounced", send, STRANGER, "unbondVerifier", VERIFIER_A)
    send(VERIFIER_A, "announceUnbonding")
    refused("verifiers.tooEarly", send, STRANGER, "unbondVerifier", VERIFIER_A)
    assert scene.draw(scene.submitted()) != VERIFIER_A
    scene.chain.advance(7 * DAY)
    before = scene.balance(VERIFIER_A)
    send(STRANGER, "unbondVerifier", VERIFIER_A)
    assert scene.balance(VERIFIER_A) - before == 200 * EMETH
    # One that is listed no more gets its bond back without asking, but not before the jobs of its time are over.
    scene.core.send(OWNER, "removeVerifier", VERIFIER_B)
    refused("verifiers.notListed", send, VERIFIER_B, "bondVerifier", 1)
    scene.chain.advance(30 * DAY - MINUTE)
    refused("verifiers.notAnnounced", send, STRANGER, "unbondVerifier", VERIFIER_B)
    scene.chain.advance(MINUTE)
    send(STRANGER, "unbondVerifier", VERIFIER_B)
    scene.chain.advance(7 * DAY)
    send(STRANGER, "unbondVerifier", VERIFIER_B)
    assert scene.balance(scene.verifiers.address) == 200 * EMETH


def test_a_removed_verifier_keeps_no_place(scene):
    send = scene.verifiers.send
    scene.core.send(OWNER, "removeVerifier", VERIFIER_A)
    scene.chain.advance(30 * DAY)
    send(STRANGER, "unbondVerifier", VERIFIER_A)
    scene.chain.advance(6 * DAY)
    refused("verifiers.announced", send, VERIFIER_A, "announceUnbonding")
    scene.chain.advance(DAY)
    send(STRANGER, "unbondVerifier", VERIFIER_A)
    assert scene.verifiers.read("bonds", VERIFIER_A)[0] == 0
