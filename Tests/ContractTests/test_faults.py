"""One test for each fault of the contract of 2023 (reference H1, 1 to 23): what went wrong there goes right here."""
import hashlib

from scene import *

L = 100 * (EMETH // 100)
V = L * 5 // 100
P = L // 4


def test_01_timeout_returns_the_deposit_less_the_penalty(scene):
    before = scene.ledger(NODE)[0]
    job = scene.request()
    scene.core.send(NODE, "process", job)
    assert before - scene.ledger(NODE)[0] == L + V
    scene.chain.advance(11 * DAY)
    scene.core.send(STRANGER, "timeout", job)
    assert before - scene.ledger(NODE)[0] == P


def test_02_timeout_refunds_the_whole_escrow(scene):
    for taken in (False, True):
        before = scene.ledger(REQUESTER)[0]
        job = scene.request()
        if taken:
            scene.core.send(NODE, "process", job)
        scene.chain.advance(11 * DAY)
        scene.core.send(STRANGER, "timeout", job)
        assert scene.ledger(REQUESTER)[0] - before == L + V


def test_03_garbage_with_no_fuel_is_punished_like_any_other(scene):
    requester, node = scene.ledger(REQUESTER, NODE)
    job = scene.submitted(used=0)
    scene.failed(job)
    assert scene.ledger(REQUESTER)[0] - requester == L + V
    assert node - scene.ledger(NODE)[0] == P + V


def test_04_a_direct_job_pays_before_it_is_refunded(scene):
    wallet, held = scene.balance(STRANGER), scene.balance(scene.core.address)
    for end in ("cancel", "timeout"):
        job = scene.request(program=DIRECT, by=STRANGER)
        assert scene.core.read("jobTerms", job)[0] == 50 * (EMETH // 10)
        if end == "timeout":
            scene.chain.advance(11 * DAY)
        scene.core.send(STRANGER, end, job)
    scene.core.send(STRANGER, "withdraw", scene.ledger(STRANGER)[0])
    assert scene.balance(STRANGER) == wallet
    assert scene.balance(scene.core.address) == held


def test_05_what_is_burned_is_the_nodes(scene):
    scene.use_rules("core-2023-initial")
    held = scene.balance(scene.core.address)
    job = scene.request()
    scene.core.send(NODE, "process", job)
    scene.core.send(NODE, "decline", job)
    # No deposit, no penalty: nobody else's escrow is burned.
    assert scene.balance(scene.core.address) - held == L
    assert scene.ledger(REQUESTER)[0] == L


def test_06_deposits_go_in_and_out(scene):
    before = scene.balance(NODE)
    scene.core.send(NODE, "deposit", 7)
    scene.core.send(NODE, "withdraw", scene.ledger(NODE)[0])
    assert scene.balance(NODE) - before == 200 * EMETH
    refused("core.deposits", scene.core.send, NODE, "withdraw", 1)
    job = scene.request()
    refused("core.deposits", scene.core.send, NODE, "process", job)
    # Nobody takes what a job has locked.
    scene.core.send(NODE, "deposit", L + V)
    scene.core.send(NODE, "process", job)
    refused("core.deposits", scene.core.send, NODE, "withdraw", 1)


def rewarded(scene, node=NODE, used=80):
    job = scene.submitted(program=TRAINING, node=node, used=used)
    scene.verified(job, node)
    return scene.core.read("jobAssigns", job)[6]


def test_07_rewards_are_paid(scene):
    slot = rewarded(scene)
    refused("core.slot", scene.core.send, NODE, "withdrawSlotReward", NODE, slot)
    scene.chain.advance(DAY)
    before = scene.balance(NODE)
    # Capped by the verifier's fee, as `standard` says.
    assert scene.core.read("slotRewards", slot, NODE) == (80, 80, V)
    assert scene.core.send(NODE, "withdrawSlotReward", NODE, slot).value
    assert scene.balance(NODE) - before == V
    assert not scene.core.send(NODE, "withdrawSlotReward", NODE, slot).value
    assert scene.balance(NODE) - before == V


def test_07_without_a_cap_the_slot_is_shared_by_fuel(scene):
    scene.use_rules("core-2023")
    slot = rewarded(scene, used=70)
    assert rewarded(scene, RIVAL, used=29) == slot
    scene.chain.advance(DAY)
    before = [scene.balance(NODE), scene.balance(RIVAL)]
    scene.core.send(STRANGER, "withdrawSlotRewardInRange", NODE, slot - 1, slot)
    scene.core.send(STRANGER, "withdrawSlotRewardInRange", RIVAL, slot, slot)
    paid = [scene.balance(NODE) - before[0], scene.balance(RIVAL) - before[1]]
    reward = 288_000 * EMETH
    assert paid == [reward * 70 // 99, reward * 29 // 99]
    assert scene.core.send(STRANGER, "fundSlot", slot).value == 0


def test_08_nobody_can_spoil_anothers_reward(scene):
    slot = rewarded(scene)
    scene.chain.advance(DAY)
    # The victim's ledger is empty when a stranger triggers the payment.
    scene.core.send(NODE, "withdraw", scene.ledger(NODE)[0])
    before = scene.balance(NODE)
    scene.core.send(STRANGER, "withdrawSlotReward", NODE, slot)
    assert scene.balance(NODE) - before == V


def delegated(scene, job, by, signer, node=NODE, result="r", used=50, program=MEAN, signed_used=None):
    kinds = ["bytes32", "address", "bytes16", "uint256", "bytes32", "uint256"]
    type_hash = word(
        "DelegatedSubmit(address node,bytes16 jobId,uint256 programId,bytes32 resultHash,uint256 fuelUsed)")
    signed_used = used if signed_used is None else signed_used
    values = [type_hash, node, job, program, keccak(text=result), signed_used]
    digest = typed(domain(scene.chain.chain_id, scene.core.address), keccak(eth_abi.encode(kinds, values)))
    tail = sign(signer, digest) if signer else b""
    return scene.core.send(by, "deligatedSubmit", node, job, program, result, used, tail=tail)


def test_09_a_delegate_needs_the_nodes_signature(scene):
    job = scene.request()
    scene.core.send(NODE, "process", job)
    refused("core.signature", delegated, scene, job, STRANGER, None)
    refused("core.signature", delegated, scene, job, STRANGER, STRANGER)
    refused("core.signature", delegated, scene, job, STRANGER, NODE, used=1, signed_used=50)
    delegated(scene, job, STRANGER, NODE)
    assert scene.status(job) == SUBMITTED and scene.core.read("jobAssigns", job)[2] == 50
    refused("core.notDirect", delegated, scene, job, STRANGER, NODE)
    # A job that the node has not taken is not taken for it: its clock stands.
    clock = scene.core.read("lastJobAssigned", NODE)
    other = scene.request()
    refused("core.notDirect", delegated, scene, other, STRANGER, NODE)
    assert scene.core.read("lastJobAssigned", NODE) == clock


def test_10_a_solution_belongs_to_its_node(scene):
    job = scene.request(program=PROOF)
    solution = scene.solution(job, NODE)
    refused("core.proofSender", scene.core.send, RIVAL, "directSubmit", job, solution, 80, PROOF)
    before, rival = scene.ledger(NODE, RIVAL)
    scene.core.send(NODE, "directSubmit", job, solution, 80, PROOF)
    assert scene.status(job) == VERIFIED
    assert scene.ledger(NODE, RIVAL) == [before + 80 * (EMETH // 100), rival]


def test_11_without_a_challenge_signer_there_is_no_challenge(scene):
    scene.core.send(OWNER, "setChallengeSigner", NOBODY)
    job = scene.request(program=PROOF)
    # What recovers to the zero address elsewhere: a signature of zeros, and one by anybody.
    for forged in (bytes(64) + b"\x1b", sign(STRANGER, keccak(b"x"))):
        text = (forged + to_canonical_address(NODE) + bytes(12)).hex()
        refused("core.proofChallenge", scene.core.send, NODE, "directSubmit", job, text, 80, PROOF)
    # A signer that is set later does not count for a job that was requested without one.
    scene.core.send(OWNER, "setChallengeSigner", SERVER)
    refused("core.proofChallenge", scene.core.send, NODE, "directSubmit", job, scene.solution(job, NODE), 1, PROOF)


def test_12_direct_only_where_a_result_proves_itself(scene):
    refused("core.program", scene.core.send, OWNER, "setProgram", 86, "x", 1, 0, 0, 5, 5, 0)
    refused("core.program", scene.core.send, OWNER, "setMinTarget", DIRECT, 0)
    job = scene.request()
    refused("core.notDirect", scene.core.send, NODE, "directSubmit", job, "r", 1, MEAN)
    refused("core.notDirect", scene.core.send, NODE, "directSubmit", job_id(4_711), "r", 1, MEAN)
    assert scene.status(job) == REQUESTED


def test_13_a_proof_is_paid_from_the_escrow_and_mints_nothing(scene):
    supply, requester = scene.token.read("totalSupply"), scene.ledger(REQUESTER)[0]
    job = scene.request(program=PROOF)
    assert scene.core.read("jobTerms", job) == (L, 0, L)
    scene.core.send(NODE, "process", job)
    refused("core.proofLength", scene.core.send, NODE, "submit", job, "", 80)
    scene.core.send(NODE, "submit", job, scene.solution(job, NODE), 80)
    assert scene.ledger(REQUESTER)[0] - requester == L - 80 * (EMETH // 100)
    assert scene.token.read("totalSupply") == supply


def test_14_parameters_are_those_of_the_request(scene):
    before = scene.ledger(REQUESTER, NODE)
    jobs = [scene.submitted(used=100), scene.submitted(used=100)]
    for name, value in [("VERIFIER_FEE_RATE", 100_000), ("DEPOSIT_RATE", 0), ("FAILED_PENALTY_RATE", 100_000),
                        ("MAX_SLOT_FUEL_PER_NODE", 0), ("SLOT_REWARD_CAP_RATE", 1)]:
        scene.core.send(OWNER, "setParameter", word(name), value)
    scene.verified(jobs[0])
    scene.failed(jobs[1])
    after = scene.ledger(REQUESTER, NODE)
    assert after[0] - before[0] == L + V
    assert after[1] - before[1] == L - P - V


def test_14_what_a_request_costs_has_a_limit(scene):
    arguments = [ZERO32, MEAN, 1, 1, "d", "{}", 100, EMETH // 100, scene.chain.time + DAY, L + V]
    scene.core.send(OWNER, "setParameter", word("VERIFIER_FEE_RATE"), 5_001)
    refused("core.maxEscrow", scene.core.send, REQUESTER, "requestWithSalt", *arguments)
    scene.core.send(OWNER, "setParameter", word("VERIFIER_FEE_RATE"), 5_000)
    scene.core.send(REQUESTER, "requestWithSalt", *arguments)


def test_15_a_penalty_above_the_deposit_locks_nothing(scene):
    scene.core.send(OWNER, "setParameter", word("FAILED_PENALTY_RATE"), 100_000)
    scene.core.send(OWNER, "setParameter", word("DEPOSIT_RATE"), 10_000)
    before, verifiers = scene.ledger(NODE)[0], sum(scene.ledger(*VERIFIERS))
    job = scene.submitted()
    scene.failed(job)
    assert scene.status(job) == FAILED
    assert before - scene.ledger(NODE)[0] == L // 10 + V
    assert sum(scene.ledger(*VERIFIERS)) - verifiers == V


def test_16_silence_locks_nothing(scene):
    requester, node = scene.ledger(REQUESTER, NODE)
    job = scene.submitted(used=100)
    refused("verifiers.notSilent", scene.verifiers.send, STRANGER, "expireVerification", job)
    scene.expired(job)
    assert scene.ledger(REQUESTER, NODE) == [requester + V, node + L]
    # Nor does it when there is nobody to draw: then nobody is paid, and nobody loses anything.
    for verifier in VERIFIERS:
        scene.core.send(OWNER, "removeVerifier", verifier)
    before = scene.balance(REQUESTER) + scene.ledger(REQUESTER)[0], scene.ledger(NODE)[0]
    job = scene.submitted(used=100)
    scene.chain.advance(DAY, 300)
    scene.verifiers.send(STRANGER, "drawVerifier", job)
    end_with_nobody(scene, job)
    assert (scene.balance(REQUESTER) + scene.ledger(REQUESTER)[0], scene.ledger(NODE)[0]) == before


def end_with_nobody(scene, job):
    """Nobody is left to be drawn: after an hour the job ends, and nobody keeps it from that by drawing again."""
    assert scene.draw(job) == NOBODY
    refused("verifiers.notSilent", scene.verifiers.send, STRANGER, "expireVerification", job)
    scene.chain.advance(HOUR)
    refused("verifiers.nobody", scene.verifiers.send, NODE, "drawVerifier", job)
    scene.verifiers.send(STRANGER, "expireVerification", job)
    assert scene.status(job) == CANCELED


def test_16_who_has_opened_nothing_is_not_paid_for_silence(scene):
    before = scene.balance(REQUESTER) + scene.ledger(REQUESTER)[0], scene.ledger(NODE)[0]
    job = scene.submitted(used=100)
    drawn = set()
    for _ in VERIFIERS:
        # Whoever never shows its secret is passed over, and is not one of the two.
        drawn.add(scene.draw(job))
        scene.chain.advance(HOUR)
        refused("verifiers.notSilent", scene.verifiers.send, NODE, "expireVerification", job)
        scene.verifiers.send(STRANGER, "drawVerifier", job)
    assert drawn == set(VERIFIERS)
    scene.chain.advance(DAY)
    end_with_nobody(scene, job)
    assert (scene.balance(REQUESTER) + scene.ledger(REQUESTER)[0], scene.ledger(NODE)[0]) == before
    # One of them is silent with its openings, and two after it: those two count, and the one before.
    job = scene.submitted(used=100)
    scene.draw(job)
    scene.chain.advance(HOUR)
    scene.verifiers.send(STRANGER, "drawVerifier", job)
    scene.expired(job)
    assert scene.status(job) == VERIFIED


def test_16_what_one_found_is_not_paid_because_others_are_silent(scene):
    before = scene.balance(REQUESTER) + scene.ledger(REQUESTER)[0], scene.ledger(NODE, *VERIFIERS)
    job = scene.submitted(used=100)
    scene.silent(job)
    scene.verifiers.send(STRANGER, "drawVerifier", job)
    finder = scene.opened(job)
    scene.core.send(finder, "rejectResult", job)
    scene.silent(job)
    refused("verifiers.notSilent", scene.verifiers.send, NODE, "expireVerification", job)
    scene.verifiers.send(STRANGER, "drawVerifier", job)
    scene.chain.advance(DAY)
    # One word alone costs nobody anything either.
    end_with_nobody(scene, job)
    assert (scene.balance(REQUESTER) + scene.ledger(REQUESTER)[0], scene.ledger(NODE, *VERIFIERS)) == before
    # With a fourth verifier it goes on, and that one's word decides.
    scene.core.send(OWNER, "addVerifier", SERVER)
    scene.token.send(SERVER, "approve", scene.verifiers.address, 2**256 - 1)
    scene.verifiers.send(SERVER, "bondVerifier", 50 * EMETH)
    scene.commit(SERVER, 4)
    job = scene.submitted(used=100)
    finder = scene.opened(job)
    scene.core.send(finder, "rejectResult", job)
    unpaid = scene.ledger(finder)[0]
    for _ in range(2):
        scene.silent(job)
        scene.verifiers.send(STRANGER, "drawVerifier", job)
    scene.core.send(scene.opened(job), "rejectResult", job)
    assert scene.status(job) == FAILED and scene.ledger(finder)[0] - unpaid == V


def test_17_nothing_is_taken_or_handed_in_after_the_deadline(scene):
    late = scene.request(life=HOUR)
    job = scene.request(life=HOUR)
    scene.core.send(NODE, "process", job)
    scene.chain.advance(HOUR)
    refused("core.late", scene.core.send, NODE, "process", late)
    refused("core.late", scene.core.send, NODE, "submit", job, "r", 1)


def test_18_farming_costs_what_it_earns(scene):
    refused("core.fuel", scene.request, program=TRAINING, price=0)
    scene.core.send(OWNER, "setProgram", TRAINING, "training", 0, EMETH // 1_000, 0, 0, 0, 0)
    refused("core.fuelPrice", scene.request, program=TRAINING, price=EMETH // 1_000 - 1)
    # A node that requests from itself has the smallest job at all: its reward is at most the fee it paid.
    before = scene.balance(NODE) + scene.ledger(NODE)[0]
    job = scene.request(program=TRAINING, by=NODE, limit=1_000, price=EMETH // 1_000)
    scene.core.send(RIVAL, "process", job)
    scene.core.send(RIVAL, "submit", job, "r", 1_000)
    scene.verified(job, RIVAL)
    slot = scene.core.read("jobAssigns", job)[6]
    scene.chain.advance(DAY)
    scene.core.send(RIVAL, "withdrawSlotReward", RIVAL, slot)
    paid = before - scene.balance(NODE) - scene.ledger(NODE)[0]
    earned = scene.balance(RIVAL) + scene.ledger(RIVAL)[0] - 500 * EMETH
    assert earned <= paid
    # Fuel that was not computed by formula, or that no verifier accepted, does not count at all.
    job = scene.submitted(program=TRAINING, price=EMETH // 100)
    scene.expired(job)
    other = scene.submitted(program=MEAN)
    scene.verified(other)
    assert scene.core.read("jobAssigns", job)[6] == scene.core.read("jobAssigns", other)[6] == 0


def test_19_parts_belong_to_their_parents_requester(scene):
    parent = scene.request(program=TRAINING, parallel=4, limit=400)
    refused("core.notRequester", scene.sub_job, parent, by=STRANGER)
    # A part has the id that follows from its parent, and no other.
    refused("core.parent", scene.request, program=PART, parent=parent)
    refused("core.notRequester", scene.sub_job, parent, by=SERVER)
    refused("core.fuel", scene.sub_job, job_id(4_711), fee=0)
    plain = scene.request(program=TRAINING)
    refused("core.parent", scene.sub_job, plain)
    refused("core.index", scene.core.read, "jobChildren", parent, 0)
    scene.core.send(REQUESTER, "setServer", SERVER, True)
    child = scene.sub_job(parent, by=SERVER)
    assert scene.core.read("jobChildren", parent, 0) == child
    assert scene.core.read("jobs", child)[3].lower() == REQUESTER.lower()


def test_20_an_id_that_follows_from_the_sender_cannot_be_taken_away(scene):
    salt = word("salt")
    mine = keccak(to_canonical_address(REQUESTER) + salt)[:16]
    arguments = [salt, MEAN, 1, 1, "d", "{}", 100, EMETH // 100, scene.chain.time + DAY, 2**255]
    wallet = scene.balance(STRANGER) + scene.ledger(STRANGER)[0]
    snapshot = scene.chain.snapshot()
    # The squatter registers it first, and leaves it, cancels it, or hides it behind parts.
    for trick in ("leave", "cancel", "parts"):
        options = dict(program=TRAINING, parallel=2, limit=400) if trick == "parts" else {}
        scene.request(job=mine, by=STRANGER, **options)
        if trick == "cancel":
            scene.core.send(STRANGER, "cancel", mine)
        if trick == "parts":
            scene.sub_job(mine, by=STRANGER)
        assert scene.core.send(REQUESTER, "requestWithSalt", *arguments).value == mine
        assert scene.core.read("jobs", mine)[3].lower() == REQUESTER.lower()
        assert scene.core.read("jobDetails", mine)[0] == MEAN
        refused("core.idInUse", scene.core.send, REQUESTER, "requestWithSalt", *arguments)
        refused("core.idInUse", scene.request, job=mine, by=STRANGER)
        refused("core.index", scene.core.read, "jobChildren", mine, 0)
        if trick != "parts":
            assert scene.balance(STRANGER) + scene.ledger(STRANGER)[0] == wallet
        scene.chain.revert(snapshot)
        snapshot = scene.chain.snapshot()
    # Where a node has taken it, the squatter pays the node as if all were done, and gets V back.
    for submitted in (False, True):
        node, squatter = scene.ledger(RIVAL, STRANGER)
        scene.request(job=mine, by=STRANGER, life=10**10)
        scene.core.send(RIVAL, "process", mine)
        if submitted:
            scene.core.send(RIVAL, "submit", mine, "r", 1)
        assert scene.core.send(REQUESTER, "requestWithSalt", *arguments).value == mine
        assert scene.ledger(RIVAL, STRANGER) == [node + L, squatter + V]
        assert scene.status(mine) == REQUESTED
        assert scene.core.read("jobAssigns", mine) == (NOBODY, 0, 0, 0, 0, 0, 0)
        refused("verifiers.status", scene.verifiers.send, STRANGER, "drawVerifier", mine)
        scene.chain.revert(snapshot)
        snapshot = scene.chain.snapshot()


def test_20_terms_do_not_change_under_a_call_that_is_under_way(scene):
    salt = word("salt")
    for program in (MEAN, PROOF):
        mine = keccak(to_canonical_address(REQUESTER) + salt)[:16]
        scene.request(job=mine, limit=1, program=program)
        scene.core.send(
            REQUESTER, "requestWithSalt", salt, program, 1, 1, "d", "{}", 190, EMETH, scene.chain.time + DAY, 2**255)
        # The node had sent its call for the other terms.
        if program == MEAN:
            refused("core.tooEarly", scene.core.send, NODE, "process", mine)
            scene.chain.advance(10 * MINUTE)
            scene.core.send(NODE, "process", mine)
        else:
            solution = scene.solution(mine, NODE)
            refused("core.tooEarly", scene.core.send, NODE, "directSubmit", mine, solution, 100, PROOF)
        salt = word("other")


def test_18_what_nobody_can_draw_is_not_kept_from_layer_2(scene):
    slot = rewarded(scene, used=0)
    scene.chain.advance(DAY)
    assert scene.core.send(STRANGER, "fundSlot", slot).value == 288_000 * EMETH


def test_21_a_lower_cap_of_fuel_stops_nobody(scene):
    slot = rewarded(scene, used=80)
    scene.core.send(OWNER, "setParameter", word("MAX_SLOT_FUEL_PER_NODE"), 50)
    assert rewarded(scene, used=80) == slot
    assert scene.core.read("slotFuel", slot, NODE) == 80
    scene.core.send(OWNER, "setParameter", word("MAX_SLOT_FUEL_PER_NODE"), 100)
    assert rewarded(scene, used=80) == slot
    assert scene.core.read("slotFuel", slot, NODE) == 100


def test_22_views_hold_for_every_slot(scene):
    start = scene.core.read("startSlot")
    assert scene.core.read("slots", 0) == (0, 0)
    assert scene.core.read("slots", start - 1) == (0, 0)
    assert scene.core.read("slots", start + 365) == (0, 273_600 * EMETH)
    assert scene.core.read("slots", start + 20 * 365) == (0, 0)
    assert scene.core.read("slots", 2**255) == (0, 0)
    assert scene.core.read("slotRewards", start, NODE) == (0, 0, 0)


def test_22_owners_have_no_sudden_power_over_each_other(scene):
    scene.core.send(OWNER, "addOwner", STRANGER)
    scene.core.send(STRANGER, "removeOwner", OWNER)
    refused("core.tooEarly", scene.core.send, STRANGER, "removeOwner", OWNER)
    assert scene.core.read("owners", OWNER)
    scene.core.send(OWNER, "removeOwner", STRANGER)
    scene.chain.advance(7 * DAY)
    scene.core.send(OWNER, "removeOwner", STRANGER)
    refused("core.notOwner", scene.core.send, STRANGER, "removeOwner", OWNER)
    refused("core.owner", scene.core.send, OWNER, "removeOwner", OWNER)


def test_22_everything_that_moves_money_or_power_is_logged(scene):
    def names(receipt):
        return [name for name, _ in receipt.events]

    send = scene.core.send
    assert names(send(OWNER, "addOwner", STRANGER)) == ["RoleChanged"]
    assert names(send(OWNER, "removeOwner", STRANGER)) == ["OwnerRemovalAnnounced"]
    (name, set_server), = send(REQUESTER, "setServer", SERVER, True).events
    assert name == "ServerSet" and set_server["requester"].lower() == REQUESTER.lower()
    fresh = Contract.deploy(scene.chain, OWNER, "EmethToken")
    assert names(fresh.send(OWNER, "setMinter", STRANGER)) == ["MinterSet"]
    assert names(send(OWNER, "setParameter", word("DEPOSIT_RATE"), 1)) == ["ParameterSet"]
    assert names(send(OWNER, "setPaused", True)) == ["RoleChanged"]
    assert names(send(OWNER, "setPaused", False)) == ["RoleChanged"]
    assert names(send(NODE, "deposit", 1)) == ["Deposited"]
    assert names(send(NODE, "withdraw", 1)) == ["Withdrawn"]
    job = scene.request()
    assert names(send(NODE, "process", job)) == ["Status"]
    receipt = send(NODE, "decline", job)
    assert names(receipt) == ["Status", "Settled"]
    assert receipt.events[1][1]["burned"] == L // 100_000 + V


def test_23_signatures_have_one_form(scene):
    job = scene.request(program=PROOF)
    text = scene.solution(job, NODE)
    raw = bytes.fromhex(text)
    high = (ORDER - int.from_bytes(raw[32:64], "big")).to_bytes(32, "big")
    flipped = raw[:32] + high + bytes([55 - raw[64]]) + raw[65:]
    refused("core.proofChallenge", scene.core.send, NODE, "directSubmit", job, flipped.hex(), 1, PROOF)
    low_v = raw[:64] + bytes([raw[64] - 27]) + raw[65:]
    refused("core.proofChallenge", scene.core.send, NODE, "directSubmit", job, low_v.hex(), 1, PROOF)
    refused("core.proofLength", scene.core.send, NODE, "directSubmit", job, text + "00", 1, PROOF)
    refused("core.proofHex", scene.core.send, NODE, "directSubmit", job, text.upper().replace("1", "G"), 1, PROOF)
    hard = scene.request(program=PROOF)
    assert int.from_bytes(hashlib.sha256(raw).digest(), "big") <= 2**252
    weak = next(
        (raw[:65] + to_canonical_address(NODE) + n.to_bytes(12, "big")) for n in range(99)
        if hashlib.sha256(raw[:65] + to_canonical_address(NODE) + n.to_bytes(12, "big")).digest()[0] > 15
    )
    refused("core.proofTarget", scene.core.send, NODE, "directSubmit", job, weak.hex(), 1, PROOF)
    # A challenge is for one job.
    refused("core.proofChallenge", scene.core.send, NODE, "directSubmit", hard, text, 1, PROOF)


def test_pausing_stops_requests_and_nothing_else(scene):
    jobs = [scene.request() for _ in range(3)]
    parent = scene.request(program=TRAINING, parallel=2, limit=400)
    scene.core.send(OWNER, "setPaused", True)
    refused("core.paused", scene.request)
    refused("core.notOwner", scene.core.send, STRANGER, "setPaused", False)
    scene.core.send(REQUESTER, "cancel", jobs[0])
    scene.core.send(NODE, "process", jobs[1])
    scene.core.send(NODE, "submit", jobs[1], "r", 1)
    scene.verified(jobs[1])
    scene.sub_job(parent)
    for account in (REQUESTER, NODE):
        scene.core.send(account, "withdraw", scene.ledger(account)[0])


def test_an_owner_reaches_no_money(scene):
    """Every function of an owner, tried against a running job: nobody's share changes."""
    job = scene.submitted(used=100)
    before = scene.ledger(REQUESTER, NODE)
    for call in [
        ("setParameter", word("VERIFIER_FEE_RATE"), 100_000), ("setParameter", word("DEPOSIT_RATE"), 1_000_000),
        ("setProgram", MEAN, "mean", 0, 2**100, 7 * DAY, 0, 0, 0), ("setMinTarget", MEAN, 1),
        ("setFuelCounts", MEAN, False), ("setMasterVerifier", OWNER), ("setChallengeSigner", OWNER),
        ("addVerifier", OWNER), ("setPaused", True), ("addOwner", STRANGER),
        *(("removeVerifier", verifier) for verifier in VERIFIERS),
    ]:
        scene.core.send(OWNER, *call)
    # Those who were listed when the job was requested are drawn for it, whatever an owner does meanwhile.
    for verifier in VERIFIERS:
        refused("core.verifier", scene.core.send, OWNER, "addVerifier", verifier)
        refused("verifiers.notAnnounced", scene.verifiers.send, OWNER, "unbondVerifier", verifier)
    refused("verifiers.notSilent", scene.verifiers.send, NODE, "expireVerification", job)
    refused("core.contracts", scene.core.send, OWNER, "setContracts", scene.core.address, scene.core.address)
    refused("token.minterIsSet", scene.token.send, OWNER, "setMinter", OWNER)
    refused("token.notMinter", scene.token.send, OWNER, "mint", OWNER, 1)
    refused("core.notRequester", scene.core.send, OWNER, "cancel", job)
    scene.verified(job)
    assert scene.ledger(REQUESTER, NODE) == [before[0], before[1] + 2 * L + V]
