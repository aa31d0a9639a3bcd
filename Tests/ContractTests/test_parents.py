"""Jobs in parts: the parent's escrow, its end, its orphans, and parts that are added masked."""
import pytest

from scene import *

PRICE = EMETH // 100


def parent_of(scene, parts=4, limit=400):
    return scene.request(program=TRAINING, parallel=parts, limit=limit)


def test_parts_are_paid_from_the_parents_escrow(scene):
    wallet, ledger = scene.balance(REQUESTER), scene.ledger(REQUESTER)[0]
    parent = parent_of(scene)
    escrow = 400 * PRICE + 400 * PRICE * 5 // 100
    assert wallet - scene.balance(REQUESTER) == escrow
    child = scene.sub_job(parent, limit=100)
    assert scene.status(parent) == PROCESSING
    assert child == keccak(parent + bytes(12))[:16]
    part = 100 * PRICE + 100 * PRICE * 5 // 100
    assert scene.core.read("jobTerms", parent)[0] == escrow - part
    assert scene.balance(REQUESTER) == wallet - escrow
    # What is left of a part goes back into the parent's escrow.
    scene.core.send(NODE, "process", child)
    scene.core.send(NODE, "submit", child, "r", 60)
    scene.verified(child)
    assert scene.core.read("jobTerms", parent)[0] == escrow - part + 40 * PRICE
    # The next attempt of a part that was declined is paid by it.
    other = scene.sub_job(parent, part=1, limit=100)
    scene.core.send(NODE, "process", other)
    scene.core.send(NODE, "decline", other)
    again = scene.sub_job(parent, part=1, attempt=1, limit=100)
    assert scene.status(again) == REQUESTED
    scene.core.send(REQUESTER, "submit", parent, "sum", 0)
    assert scene.status(parent) == VERIFIED and scene.core.read("jobDetails", parent)[5] == "sum"
    scene.core.send(STRANGER, "cancel", again)
    spent = 60 * PRICE + 100 * PRICE * 5 // 100
    assert scene.ledger(REQUESTER)[0] - ledger == escrow - spent


def test_parts_are_checked_by_those_who_were_listed_for_their_parent(scene):
    parent = parent_of(scene)
    # An owner exchanges the list while the job runs, for somebody of its own.
    for verifier in VERIFIERS:
        scene.core.send(OWNER, "removeVerifier", verifier)
    scene.core.send(OWNER, "addVerifier", SERVER)
    scene.token.send(SERVER, "approve", scene.verifiers.address, 2**256 - 1)
    scene.verifiers.send(SERVER, "bondVerifier", 50 * EMETH)
    scene.commit(SERVER, 8)
    parts = [scene.sub_job(parent, part=part, limit=100) for part in range(3)]
    for part in parts:
        scene.core.send(NODE, "process", part)
        scene.core.send(NODE, "submit", part, "r", 50)
        assert scene.verified(part) in VERIFIERS


def test_a_parent_that_is_registered_anew_exchanges_no_judges(scene):
    salt = word("salt")
    parent = keccak(to_canonical_address(REQUESTER) + salt)[:16]
    scene.request(job=parent, program=TRAINING, parallel=2, limit=400)
    part = scene.sub_job(parent, limit=100)
    scene.core.send(NODE, "process", part)
    scene.core.send(NODE, "submit", part, "r", 50)
    for verifier in VERIFIERS:
        scene.core.send(OWNER, "removeVerifier", verifier)
    scene.core.send(OWNER, "addVerifier", SERVER)
    scene.token.send(SERVER, "approve", scene.verifiers.address, 2**256 - 1)
    scene.verifiers.send(SERVER, "bondVerifier", 50 * EMETH)
    scene.commit(SERVER, 8)
    # The bare id is put out by the one whose it is: the job there is younger than its part, and than the list.
    scene.core.send(
        REQUESTER, "requestWithSalt", salt, TRAINING, 2, 1, "d", "{}", 400, EMETH // 100, scene.chain.time + 10 * DAY,
        2**255)
    assert scene.verified(part) in VERIFIERS


def test_parts_cost_no_more_than_the_parent_has(scene):
    parent = parent_of(scene)
    refused("core.parentEscrow", scene.sub_job, parent, limit=401)
    scene.sub_job(parent, limit=400)
    refused("core.parentEscrow", scene.sub_job, parent, part=1, limit=1)


def test_what_a_part_must_be(scene):
    parent = parent_of(scene)
    fair = 10 * PRICE * 5 // 100
    refused("core.verifierFee", scene.sub_job, parent, limit=10, fee=fair + 2)
    refused("core.verifierFee", scene.sub_job, parent, limit=10, fee=fair - 1)
    refused("core.parent", scene.sub_job, parent, program=TRAINING)
    refused("core.parent", scene.sub_job, parent, life=20 * DAY)
    refused("core.parent", scene.request, program=PART, parent=parent, price=PRICE + 1)
    refused("core.parent", scene.request, program=PART, parent=parent, parallel=2)
    refused("core.status", scene.core.send, NODE, "process", parent)
    child = scene.sub_job(parent, limit=10, fee=fair + 1)
    masked = scene.sub_job(parent, part=1, limit=10, masked=True)
    assert [scene.core.read("isMasked", job) for job in (parent, child, masked)] == [False, False, True]
    refused("core.idInUse", scene.sub_job, parent, limit=10)
    refused("core.parent", scene.request, program=PROOF, parent=child)


def test_a_parts_terms_follow_from_the_parents_rules(scene):
    parent = parent_of(scene)
    for name, value in [("VERIFIER_FEE_RATE", 0), ("DEPOSIT_RATE", 1_000_000), ("TIMEOUT_PENALTY_RATE", 100_000)]:
        scene.core.send(OWNER, "setParameter", word(name), value)
    child = scene.sub_job(parent, limit=100)
    fee = 100 * PRICE * 5 // 100
    assert scene.core.read("jobTerms", child) == (100 * PRICE + fee, fee, 100 * PRICE + fee)


def test_when_a_parent_ends_its_parts_end_with_it(scene):
    for how in ("fail", "timeout"):
        requester, nodes = scene.ledger(REQUESTER)[0], scene.ledger(NODE, NODE_B)
        parent = parent_of(scene)
        escrow = scene.core.read("jobTerms", parent)[0]
        waiting, taken, done = (scene.sub_job(parent, part=part, limit=100) for part in range(3))
        scene.core.send(NODE, "process", taken)
        scene.core.send(NODE_B, "process", done)
        scene.core.send(NODE_B, "submit", done, "r", 100)
        refused("core.notRequester", scene.core.send, STRANGER, "cancel", waiting)
        refused("core.status", scene.core.send, REQUESTER, "cancel", taken)
        if how == "fail":
            refused("core.notRequester", scene.core.send, STRANGER, "rejectResult", parent)
            scene.core.send(REQUESTER, "rejectResult", parent)
            assert scene.status(parent) == FAILED
        else:
            scene.chain.advance(11 * DAY)
            scene.core.send(STRANGER, "timeout", parent)
            # The deadline of the part has passed as well: its node is not punished for the parent's end.
            refused("core.parent", scene.core.send, STRANGER, "timeout", taken)
        refused("core.late" if how == "timeout" else "core.parent", scene.core.send, NODE_C, "process", waiting)
        if how == "fail":
            refused("core.parent", scene.core.send, NODE, "submit", taken, "r", 100)
        scene.core.send(STRANGER, "cancel", waiting)
        scene.core.send(STRANGER, "cancel", taken)
        assert [scene.status(job) for job in (waiting, taken)] == [CANCELED, CANCELED]
        assert scene.ledger(NODE)[0] == nodes[0]
        refused("core.notRequester", scene.core.send, STRANGER, "cancel", done)
        refused("core.status", scene.core.send, REQUESTER, "cancel", done)
        scene.verified(done, NODE_B)
        assert scene.ledger(NODE_B)[0] == nodes[1] + 100 * PRICE
        assert scene.ledger(REQUESTER)[0] - requester == escrow - 100 * PRICE - 100 * PRICE * 5 // 100


def test_a_server_registers_and_ends_and_takes_nothing(scene):
    scene.core.send(REQUESTER, "setServer", SERVER, True)
    parent = parent_of(scene)
    before = scene.balance(SERVER), scene.ledger(SERVER)
    child = scene.sub_job(parent, by=SERVER)
    scene.core.send(SERVER, "cancel", child)
    scene.core.send(SERVER, "submit", parent, "sum", 0)
    assert (scene.balance(SERVER), scene.ledger(SERVER)) == before
    scene.core.send(REQUESTER, "setServer", SERVER, False)
    refused("core.notRequester", scene.core.send, SERVER, "cancel", scene.request())


def test_no_part_proves_itself_or_is_of_another_program(scene):
    """A server that also signs challenges, or picks a program, must not earn a parent's money."""
    scene.core.send(REQUESTER, "setServer", SERVER, True)
    parent = parent_of(scene)
    for program in (PROOF, DIRECT, MEAN):
        refused("core.parent", scene.sub_job, parent, by=SERVER, program=program, fee=0)
    # Not even when its number fits.
    scene.core.send(OWNER, "setProgram", 12, "proof", 0, 0, 0, 0, 0, 2**252)
    refused("core.parent", scene.sub_job, parent, by=SERVER, program=12)
    # Nor does a proof have parts, which no verifier would look at.
    refused("core.parallel", scene.request, program=PROOF, parallel=2)
    # External modules name the program of their parts themselves.
    for number in (10_000, 20_000):
        scene.core.send(OWNER, "setProgram", number, "external", 0, 0, 0, 0, 0, 0)
    outer = scene.request(program=10_000, parallel=2, limit=400)
    scene.sub_job(outer, program=20_000)
    refused("core.parent", scene.sub_job, outer, part=1, program=10_000)
    refused("core.parent", scene.sub_job, outer, part=1, program=PART)


def test_nobody_blocks_a_part_by_its_id(scene):
    parent = parent_of(scene)
    taken = keccak(parent + bytes(12))[:16]
    scene.request(job=taken, by=STRANGER, limit=1, price=100, life=10**10)
    scene.core.send(RIVAL, "process", taken)
    before = scene.ledger(RIVAL)[0]
    assert scene.sub_job(parent, limit=100) == taken
    assert scene.ledger(RIVAL)[0] - before == 100 + 105
    refused("core.tooEarly", scene.core.send, NODE, "process", taken)
    scene.chain.advance(10 * MINUTE)
    scene.core.send(NODE, "process", taken)


@pytest.mark.parametrize("trick", ["left", "canceled", "taken", "submitted"])
def test_nobody_blocks_a_part_by_squatting_on_its_parent(scene, trick):
    salt = word("salt")
    parent = keccak(to_canonical_address(REQUESTER) + salt)[:16]
    rich = scene.balance(STRANGER) + scene.ledger(STRANGER)[0]
    # A stranger has read the call on its way, and comes first: with the same id, and a part of it.
    scene.request(job=parent, by=STRANGER, program=TRAINING, parallel=2, limit=400)
    taken = scene.sub_job(parent, by=STRANGER, limit=100)
    if trick == "canceled":
        scene.core.send(STRANGER, "cancel", taken)
    if trick in ("taken", "submitted"):
        scene.core.send(RIVAL, "process", taken)
    if trick == "submitted":
        scene.core.send(RIVAL, "submit", taken, "r", 1)
    scene.core.send(
        REQUESTER, "requestWithSalt", salt, TRAINING, 2, 1, "d", "{}", 400, EMETH // 100, scene.chain.time + 10 * DAY,
        2**255)
    escrow = scene.core.read("jobTerms", parent)[0]
    if trick == "left":
        # It is no part of this job: nobody takes it, and its end gives the job nothing.
        snapshot = scene.chain.snapshot()
        scene.sub_job(parent, part=1, limit=100)
        left = scene.core.read("jobTerms", parent)[0]
        refused("core.parent", scene.core.send, NODE, "process", taken)
        scene.core.send(NODE, "cancel", taken)
        assert scene.core.read("jobTerms", parent)[0] == left
        assert scene.balance(STRANGER) + scene.ledger(STRANGER)[0] == rich
        scene.chain.revert(snapshot)
    node = scene.ledger(RIVAL)[0]
    assert scene.sub_job(parent, limit=100) == taken
    assert scene.core.read("jobs", taken)[3].lower() == REQUESTER.lower()
    refused("core.idInUse", scene.sub_job, parent, limit=100)
    # The squatter pays whoever it has let work, and gets the rest back; the job's escrow is its own.
    assert scene.core.read("jobTerms", parent)[0] == escrow - scene.core.read("jobTerms", taken)[0]
    part = 100 * (EMETH // 100)
    paid = part if trick in ("taken", "submitted") else 0
    assert scene.ledger(RIVAL)[0] - node == (2 * part + part * 5 // 100 if paid else 0)
    assert rich - scene.balance(STRANGER) - scene.ledger(STRANGER)[0] == paid
    refused("core.tooEarly", scene.core.send, NODE, "process", taken)
    scene.chain.advance(10 * MINUTE)
    scene.core.send(NODE, "process", taken)


def masked(scene, count=3):
    parent = parent_of(scene)
    nodes = [NODE, NODE_B, NODE_C][:count]
    jobs = [scene.sub_job(parent, part=part, limit=50, masked=True) for part in range(count)]
    for job, node in zip(jobs, nodes):
        scene.core.send(node, "process", job)
        scene.core.send(node, "submit", job, "r", 50)
        scene.verified(job, node)
        assert scene.status(job) == SUBMITTED
    return jobs, nodes


def test_a_masked_part_is_verified_when_its_vector_is_in(scene):
    jobs, nodes = masked(scene)
    send = scene.verifiers.send
    refused("verifiers.notRequester", send, STRANGER, "openCohort", jobs, scene.chain.time + 2 * HOUR)
    refused("verifiers.due", send, REQUESTER, "openCohort", jobs, scene.chain.time + MINUTE)
    send(REQUESTER, "openCohort", jobs, scene.chain.time + 2 * HOUR)
    for job, node in list(zip(jobs, nodes))[:2]:
        send(node, "postRoundKey", job, word("key"))
    # One key is missing: nobody is held to anything yet.
    refused("verifiers.phase", send, REQUESTER, "fixCohort", jobs, word("roster"), scene.chain.time + 2 * HOUR)
    refused("verifiers.cohort", send, REQUESTER, "fixCohort", jobs[:2], word("roster"), scene.chain.time + 2 * HOUR)
    send(nodes[2], "postRoundKey", jobs[2], word("key"))
    twice = [jobs[0], jobs[1], jobs[0]]
    refused("verifiers.phase", send, REQUESTER, "fixCohort", twice, word("roster"), scene.chain.time + 2 * HOUR)
    send(REQUESTER, "fixCohort", jobs, word("roster"), scene.chain.time + 2 * HOUR)
    refused("verifiers.notNode", send, STRANGER, "postMasked", jobs[0], word("masked"))
    for job, node in zip(jobs, nodes):
        send(node, "postMasked", job, word("masked"))
    refused("verifiers.notRequester", send, STRANGER, "completeCohort", jobs[0])
    send(REQUESTER, "completeCohort", jobs[0])
    assert scene.status(jobs[0]) == VERIFIED
    # The one that lies about its mask is found by the verifier that had accepted it, and by a second one.
    verifier, before = scene.review(jobs[1])["verifier"], scene.ledger(*VERIFIERS)
    refused("verifiers.notVerifier", scene.core.send, STRANGER, "rejectResult", jobs[1])
    snapshot = scene.chain.snapshot()
    scene.core.send(verifier, "rejectResult", jobs[1])
    assert scene.status(jobs[1]) == SUBMITTED
    second = scene.opened(jobs[1], nodes[1])
    assert second != verifier
    scene.core.send(second, "rejectResult", jobs[1])
    assert scene.status(jobs[1]) == FAILED
    fee = 50 * PRICE * 5 // 100
    assert [new - old for new, old in zip(scene.ledger(*VERIFIERS), before)] == [
        fee if v == verifier else 0 for v in VERIFIERS]
    scene.chain.revert(snapshot)
    # And the server's silence locks nothing.
    scene.chain.advance(DAY)
    refused("verifiers.late", scene.core.send, scene.review(jobs[2])["verifier"], "rejectResult", jobs[2])
    send(STRANGER, "completeCohort", jobs[2])
    assert scene.status(jobs[2]) == VERIFIED


def test_absent(scene):
    jobs, nodes = masked(scene)
    before = scene.ledger(*nodes)
    send = scene.verifiers.send
    refused("verifiers.phase", send, STRANGER, "absent", jobs[0])
    send(REQUESTER, "openCohort", jobs, scene.chain.time + 2 * HOUR)
    refused("verifiers.tooEarly", send, STRANGER, "absent", jobs[0])
    send(nodes[1], "postRoundKey", jobs[1], word("key"))
    scene.chain.advance(2 * HOUR)
    refused("verifiers.late", send, nodes[0], "postRoundKey", jobs[0], word("key"))
    send(STRANGER, "absent", jobs[0])
    assert scene.status(jobs[0]) == TIMEOUT
    deposit = 50 * PRICE + 50 * PRICE * 5 // 100
    assert scene.ledger(nodes[0])[0] - before[0] == deposit - 50 * PRICE // 4
    # Who did its duty is not absent, and is paid when nobody goes on.
    refused("verifiers.phase", send, STRANGER, "absent", jobs[1])
    scene.chain.advance(DAY)
    refused("verifiers.late", send, REQUESTER, "openCohort", [jobs[1]], scene.chain.time + 2 * HOUR)
    send(STRANGER, "completeCohort", jobs[1])
    assert scene.ledger(nodes[1])[0] - before[1] == deposit + 50 * PRICE


def test_cohorts_form_again_only_so_often(scene):
    jobs, nodes = masked(scene)
    for attempt in range(8):
        scene.verifiers.send(REQUESTER, "openCohort", [jobs[0]], scene.chain.time + 2 * HOUR)
        scene.verifiers.send(nodes[0], "postRoundKey", jobs[0], word("key"))
    refused("verifiers.attempts", scene.verifiers.send, REQUESTER, "openCohort", [jobs[0]], scene.chain.time + HOUR * 2)


def test_a_cohort_has_three_nodes_of_one_parent(scene):
    jobs, nodes = masked(scene)
    parent, send = scene.core.read("jobs", jobs[0])[2], scene.verifiers.send
    for job in [scene.sub_job(parent, part=3, limit=50, masked=True), masked(scene, 1)[0][0]]:
        if scene.status(job) == REQUESTED:
            scene.core.send(NODE, "process", job)
            scene.core.send(NODE, "submit", job, "r", 50)
            scene.verified(job)
        jobs, nodes = [*jobs, job], [*nodes, NODE]
    send(REQUESTER, "openCohort", jobs, scene.chain.time + 2 * HOUR)
    for job, node in zip(jobs, nodes):
        send(node, "postRoundKey", job, word("key"))
    due = scene.chain.time + 2 * HOUR
    refused("verifiers.cohort", send, REQUESTER, "fixCohort", [jobs[0], jobs[1], jobs[3]], word("roster"), due)
    refused("verifiers.cohort", send, REQUESTER, "fixCohort", [*jobs[1:3], jobs[4]], word("roster"), due)
    send(REQUESTER, "fixCohort", jobs[:4], word("roster"), due)


def test_accepting_a_masked_part_is_logged(scene):
    job = scene.sub_job(parent_of(scene), masked=True)
    scene.core.send(NODE, "process", job)
    scene.core.send(NODE, "submit", job, "r", 50)
    verifier = scene.opened(job)
    assert len(scene.core.send(verifier, "verify", job).logs) == 1
