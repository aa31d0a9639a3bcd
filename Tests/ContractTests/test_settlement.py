"""PROTOCOL 9 on L1: deposits, tickets, batches, the bond, challenges, exit, freeze, claims; and who would abuse them."""
import pytest

from scene import *


@pytest.fixture
def layer2(scene):
    scene.open_layer2()
    return scene


def paid_to(scene, account, call, *arguments, **options):
    before = scene.balance(account)
    call(*arguments, **options)
    return scene.balance(account) - before


def conserved(scene):
    held = scene.balance(scene.settlement.address)
    assert held == scene.settlement.read("pool") + scene.settlement.read("bond")
    came_in = scene.settlement.read("totalDeposited") + scene.settlement.read("totalGranted")
    assert scene.settlement.read("totalRedeemed") + scene.settlement.read("totalBurned") <= came_in


# ---- deposits ----


def test_deposits_are_numbered(layer2):
    settlement = layer2.settlement
    assert settlement.read("depositCount") == 3
    receipt = settlement.send(STRANGER, "depositToLayer2", BOB, 7)
    assert receipt.value == 3
    name, event = receipt.events[0]
    assert name == "DepositedToLayer2" and event["number"] == 3 and event["amount"] == 7
    account, depositor, amount, reclaimed = settlement.read("depositRecords", 3)
    assert [account.lower(), depositor.lower(), amount, reclaimed] == [BOB.lower(), STRANGER.lower(), 7, False]
    refused("settlement.deposit", settlement.send, STRANGER, "depositToLayer2", BOB, 0)
    refused("settlement.deposit", settlement.send, STRANGER, "depositToLayer2", NOBODY, 1)
    refused("settlement.notFrozen", settlement.send, STRANGER, "reclaimDeposit", 3)
    refused("settlement.notCore", settlement.send, OWNER, "fundPool", 1)
    conserved(layer2)


# ---- tickets ----


def test_a_ticket_pays_what_exceeds_what_was_paid(layer2):
    first, second = Ticket(ALICE, 1, 10 * EMETH), Ticket(ALICE, 2, 12 * EMETH, unspent=5)
    assert paid_to(layer2, ALICE, layer2.redeem, first) == 10 * EMETH
    assert paid_to(layer2, ALICE, layer2.redeem, first) == 0
    assert paid_to(layer2, ALICE, layer2.redeem, second) == 2 * EMETH
    # The older one again: nothing, and nothing is taken back.
    assert paid_to(layer2, ALICE, layer2.redeem, first) == 0
    assert layer2.settlement.read("redeemed", ALICE) == layer2.settlement.read("totalRedeemed") == 12 * EMETH
    conserved(layer2)


def test_only_the_signers_signature_of_this_contract_counts(layer2):
    ticket = Ticket(ALICE, 1, 10 * EMETH)
    send = layer2.settlement.send
    good = layer2.signed(ticket)
    high = (ORDER - int.from_bytes(good[32:64], "big")).to_bytes(32, "big")
    foreign = typed(domain(layer2.chain.chain_id, layer2.core.address),
                    keccak(TICKET_TYPE + eth_abi.encode(TICKET_ABI, ticket.abi())))
    other_chain = typed(domain(layer2.chain.chain_id + 1, layer2.settlement.address),
                        keccak(TICKET_TYPE + eth_abi.encode(TICKET_ABI, ticket.abi())))
    for bad in [
        layer2.signed(ticket, ALICE), good[:32] + high + bytes([55 - good[64]]), good[:64] + bytes([good[64] - 27]),
        good[:64], good + b"\0", b"", bytes(65), bytes(64) + b"\x1b", sign(SIGNER, foreign), sign(SIGNER, other_chain),
    ]:
        refused("settlement.signature", send, ALICE, "redeemTicket", ticket, bad)
    for changed in [
        Ticket(BOB, 1, 10 * EMETH), Ticket(ALICE, 1, 11 * EMETH), Ticket(ALICE, 2, 10 * EMETH),
        Ticket(ALICE, 1, 10 * EMETH, unspent=1), Ticket(ALICE, 1, 10 * EMETH, locked=1),
        Ticket(ALICE, 1, 10 * EMETH, jobsRoot=word("x")),
    ]:
        refused("settlement.signature", send, ALICE, "redeemTicket", changed, good)
    send(ALICE, "redeemTicket", ticket, good)


def test_without_a_signer_nothing_is_signed(scene):
    scene.settlement.send(OWNER, "depositBond", 0)
    ticket = Ticket(ALICE, 1, 0)
    refused("settlement.signature", scene.settlement.send, ALICE, "redeemTicket", ticket, bytes(65))
    refused("settlement.signature", scene.settlement.send, ALICE, "redeemTicket", ticket, bytes(64) + b"\x1b")


def test_many_tickets_in_one_call(layer2):
    tickets = [Ticket(a, 1, 3 * EMETH + i) for i, a in enumerate((ALICE, BOB, CAROL))]
    tickets += [tickets[0], Ticket(ALICE, 2, 4 * EMETH)]
    # One that somebody else redeemed a moment before stops nobody.
    layer2.redeem(tickets[1])
    signatures = [layer2.signed(ticket) for ticket in tickets]
    before = [layer2.balance(a) for a in (ALICE, BOB, CAROL)]
    receipt = layer2.settlement.send(STRANGER, "redeemTickets", tickets, signatures)
    after = [layer2.balance(a) for a in (ALICE, BOB, CAROL)]
    assert [b - a for a, b in zip(before, after)] == [4 * EMETH, 0, 3 * EMETH + 2]
    assert receipt.value == 7 * EMETH + 2
    refused("settlement.count", layer2.settlement.send, STRANGER, "redeemTickets", tickets, signatures[1:])
    signatures[2] = signatures[1]
    refused("settlement.signature", layer2.settlement.send, STRANGER, "redeemTickets", tickets, signatures)
    conserved(layer2)


def test_many_tickets_of_several_signers_in_one_call(scene):
    signers = sorted(ADDRESSES[:9], key=lambda account: int(account, 16))
    contract = Contract.deploy(scene.chain, OWNER, "EmethSigners", signers, 8)
    scene.open_layer2(bond=100 * EMETH)
    scene.settlement.send(OWNER, "proposeSigner", contract.address)
    scene.chain.advance(8 * DAY)
    tickets = [Ticket(ALICE, 1, EMETH), Ticket(BOB, 1, 2 * EMETH)]

    def joined(ticket, accounts):
        return b"".join(scene.signed(ticket, account) for account in accounts)

    send = scene.settlement.send
    few = [joined(ticket, signers[:7]) for ticket in tickets]
    refused("settlement.signature", send, STRANGER, "redeemTickets", tickets, few)
    # More than eight signatures of a ticket go to redeemTicket.
    with pytest.raises(Refused):
        send(STRANGER, "redeemTickets", tickets, [joined(ticket, signers) for ticket in tickets])
    enough = [joined(ticket, signers[1:]) for ticket in tickets]
    assert send(STRANGER, "redeemTickets", tickets, enough).value == 3 * EMETH
    more = Ticket(ALICE, 2, 2 * EMETH)
    assert send(STRANGER, "redeemTicket", more, joined(more, signers)).value == EMETH


def test_signatures_alone_pay_at_most_cap_and_bond(layer2):
    layer2.redeem(Ticket(ALICE, 1, 50 * EMETH))
    refused("settlement.cap", layer2.redeem, Ticket(BOB, 1, 1))
    refused("settlement.cap", layer2.settlement.send, STRANGER, "redeemTickets", [Ticket(BOB, 1, 1)],
            [layer2.signed(Ticket(BOB, 1, 1))])
    layer2.settlement.send(OWNER, "setParameter", word("TICKET_DAILY_CAP"), 500 * EMETH)
    # Now the bond is the limit.
    refused("settlement.cap", layer2.redeem, Ticket(BOB, 1, 50 * EMETH + 1))
    # What is announced covers nothing any more.
    layer2.settlement.send(OWNER, "announceBondWithdrawal", 60 * EMETH)
    refused("settlement.cap", layer2.redeem, Ticket(BOB, 1, 1))
    layer2.settlement.send(OWNER, "announceBondWithdrawal", 0)
    layer2.redeem(Ticket(BOB, 1, 50 * EMETH))


def test_the_count_starts_again_a_day_after_a_covering_batch(layer2):
    alice = Ticket(ALICE, 5, 50 * EMETH)
    layer2.redeem(alice)
    # A batch below the ticket's epoch covers nothing.
    low = layer2.batch(4, [Ticket(ALICE, 4, 20 * EMETH)])
    layer2.post(low)
    layer2.chain.advance(DAY)
    refused("settlement.cap", layer2.redeem, Ticket(BOB, 5, 1))
    high = layer2.batch(5, [alice], previous=layer2.batch_digest(low))
    layer2.post(high)
    refused("settlement.cap", layer2.redeem, Ticket(BOB, 5, 1))
    assert layer2.settlement.read("redeemedSincePosting") == 50 * EMETH
    layer2.chain.advance(DAY)
    assert layer2.settlement.read("redeemedSincePosting") == 0
    layer2.redeem(Ticket(BOB, 6, 50 * EMETH))
    conserved(layer2)


def test_a_thief_of_the_signers_key_gets_no_more_than_the_bond_in_a_day(layer2):
    """Posts batches that cover its own tickets, as fast as it can, to start the count again and again."""
    layer2.settlement.send(OWNER, "setParameter", word("TICKET_DAILY_CAP"), 10**30)
    stolen, digest, payout = 0, ZERO32, 0
    for epoch in range(1, 9):
        for amount in (100, 50, 10, 1):
            try:
                layer2.redeem(Ticket(STRANGER, epoch, payout + amount * EMETH))
                payout += amount * EMETH
                stolen += amount
            except Refused:
                continue
        digest = layer2.post(layer2.batch(epoch, [Ticket(STRANGER, epoch, payout)], previous=digest))
        layer2.chain.advance(2 * HOUR)
    assert stolen <= 100
    # A single signed batch of the honest operator is enough to stop it before anything else pays.
    honest = layer2.batch(8, [Ticket(ALICE, 8, unspent=100 * EMETH)], payout=0)
    thief = layer2.batch(8, [Ticket(STRANGER, 8, payout)], previous=layer2.settlement.read("postings", 6))
    layer2.settlement.send(STRANGER, "challengeBatches", thief, layer2.signed(thief), honest, layer2.signed(honest))
    assert layer2.settlement.read("pool") >= 300 * EMETH


# ---- batches ----


def test_redeeming_by_proof(layer2):
    tickets = [Ticket(a, 1, (i + 1) * 20 * EMETH) for i, a in enumerate((ALICE, BOB, CAROL))]
    tree, batch = Tree(tickets), layer2.batch(1, tickets)
    digest = layer2.post(batch)
    send = layer2.settlement.send
    refused("settlement.tooEarly", send, ALICE, "redeemFromBatch", digest, tickets[0], tree.proof(tickets[0]))
    layer2.redeem(Ticket(ALICE, 1, 5 * EMETH))
    layer2.chain.advance(DAY)
    # Above the cap of signatures, and less what was paid by signature.
    for ticket, due in zip(tickets, (15, 40, 60)):
        assert paid_to(layer2, ticket.account, send, STRANGER, "redeemFromBatch", digest, ticket,
                       tree.proof(ticket)) == due * EMETH
        assert paid_to(layer2, ticket.account, send, STRANGER, "redeemFromBatch", digest, ticket,
                       tree.proof(ticket)) == 0
    conserved(layer2)


def test_proofs_that_prove_nothing(layer2):
    tickets = [Ticket(a, 1, 10 * EMETH) for a in (ALICE, BOB, CAROL)]
    tree, digest = Tree(tickets), layer2.post(layer2.batch(1, tickets))
    layer2.chain.advance(DAY)
    proof = tree.proof(tickets[0])
    for ticket, path in [
        (Ticket(ALICE, 1, 11 * EMETH), proof), (Ticket(STRANGER, 1, 10 * EMETH), proof), (tickets[0], proof[:-1]),
        (tickets[0], proof + [ZERO32]), (tickets[0], []), (tickets[0], proof[::-1] + [word("x")]), (tickets[1], proof),
    ]:
        if (ticket, path) == (tickets[1], tree.proof(tickets[1])):
            continue
        refused("settlement.proof", layer2.settlement.send, STRANGER, "redeemFromBatch", digest, ticket, path)
    refused("settlement.noBatch", layer2.settlement.send, STRANGER, "redeemFromBatch", word("x"), tickets[0], proof)
    # An empty tree has the zero root, and nothing is a leaf of it.
    empty = layer2.post(layer2.batch(2, [], previous=digest, payout=30 * EMETH))
    layer2.chain.advance(DAY)
    refused("settlement.proof", layer2.settlement.send, STRANGER, "redeemFromBatch", empty, tickets[0], [])


def test_what_a_batch_must_be(layer2):
    first = layer2.batch(3, [Ticket(ALICE, 1, 10 * EMETH)], burned=EMETH)
    refused("settlement.signature", layer2.post, first, signer=ALICE)
    digest = layer2.post(first)
    assert digest == layer2.batch_digest(first) == layer2.settlement.read("latestBatch")
    assert layer2.settlement.read("batches", digest)[:1] == (3,)
    one = [Ticket(ALICE, 1, 10 * EMETH)]
    for word_, batch in [
        ("settlement.epoch", first),
        ("settlement.epoch", layer2.batch(2, one, burned=EMETH)),
        ("settlement.chain", layer2.batch(4, one, burned=EMETH)),
        ("settlement.totalFell", layer2.batch(5, [Ticket(ALICE, 1, 9 * EMETH)], burned=EMETH)),
        ("settlement.totalFell", layer2.batch(5, one)),
        ("settlement.totalFell", layer2.batch(5, one, burned=EMETH, seen=2)),
        ("settlement.batch", layer2.batch(5, one, burned=EMETH, seen=4)),
        ("settlement.batch", layer2.batch(5, one, burned=EMETH, fromTime=2, toTime=1)),
        ("settlement.unbacked", layer2.batch(5, one, burned=EMETH, payout=299 * EMETH + 1)),
    ]:
        refused(word_, layer2.post, batch)
    layer2.post(layer2.batch(5, one, burned=EMETH, payout=299 * EMETH))


def test_deposits_that_no_batch_has_seen_back_nothing(layer2):
    refused("settlement.unbacked", layer2.post, layer2.batch(1, [Ticket(ALICE, 1, 201 * EMETH)], seen=2))
    ticket = Ticket(ALICE, 1, 200 * EMETH)
    digest = layer2.post(layer2.batch(1, [ticket], seen=2))
    layer2.chain.advance(DAY)
    layer2.redeem(Ticket(BOB, 2, EMETH))
    # What Bob was paid ahead of the batches is not taken out of Carol's deposit.
    refused("settlement.pool", layer2.settlement.send, STRANGER, "redeemFromBatch", digest, ticket, [])
    assert layer2.settlement.read("pool") == 299 * EMETH


def test_what_is_burned_on_layer2_is_burned(layer2):
    supply = layer2.token.read("totalSupply")
    digest = layer2.post(layer2.batch(1, [Ticket(ALICE, 1)], burned=30 * EMETH))
    assert supply - layer2.token.read("totalSupply") == 30 * EMETH == layer2.settlement.read("totalBurned")
    # Above what the bond makes good, the rest waits for a later batch: a burn can't be undone.
    digest = layer2.post(layer2.batch(2, [Ticket(ALICE, 1)], burned=150 * EMETH, previous=digest))
    assert supply - layer2.token.read("totalSupply") == 100 * EMETH
    layer2.chain.advance(DAY)
    digest = layer2.post(layer2.batch(3, [Ticket(ALICE, 1)], burned=150 * EMETH, previous=digest))
    layer2.chain.advance(DAY)
    layer2.post(layer2.batch(4, [Ticket(ALICE, 1)], burned=150 * EMETH, previous=digest))
    assert supply - layer2.token.read("totalSupply") == 150 * EMETH
    conserved(layer2)


def test_nobody_keeps_a_batch_from_being_posted(layer2):
    digests, batches = [ZERO32], []
    for epoch in range(1, 41):
        batches.append(layer2.batch(epoch, [Ticket(ALICE, 1)], previous=digests[-1]))
        digests.append(layer2.batch_digest(batches[-1]))
    # A stranger posts all that it holds, one at once behind the other, and always comes before the operator.
    for batch in batches[:-1]:
        layer2.post(batch, by=STRANGER)
    layer2.post(batches[-1], by=OWNER)
    assert layer2.settlement.read("latestBatch") == digests[-1]


def test_a_stranger_who_posts_old_batches_keeps_the_freeze_away_for_no_time(layer2):
    digests, batches = [ZERO32], []
    for epoch in range(1, 31):
        layer2.chain.advance(HOUR)
        batches.append(layer2.batch(
            epoch, [Ticket(ALICE, 1)], previous=digests[-1], fromTime=layer2.chain.time - HOUR, toTime=layer2.chain.time
        ))
        digests.append(layer2.batch_digest(batches[-1]))
    # The operator posts the first and signs the others; then it is gone, and a stranger posts one every two days.
    layer2.post(batches[0], by=OWNER)
    gone = batches[-1].toTime
    for batch in batches[1:]:
        layer2.chain.advance(2 * DAY - MINUTE)
        layer2.post(batch)
        if layer2.chain.time > gone + 2 * DAY:
            break
    assert batch.epoch == 3
    layer2.settlement.send(ALICE, "freeze", NOBODY)


def test_an_operator_that_was_away_catches_up_with_its_newest_batch(layer2):
    first = layer2.batch(1, [Ticket(ALICE, 1)], toTime=layer2.chain.time)
    one = layer2.post(first)
    layer2.chain.advance(2 * DAY - HOUR)
    # One of long ago changes nothing; the newest one counts from its own time on.
    second = layer2.batch(2, [Ticket(ALICE, 1)], previous=one, toTime=first.toTime + MINUTE)
    two_ = layer2.post(second)
    assert layer2.settlement.read("silentSince") == second.toTime
    third = layer2.batch(3, [Ticket(ALICE, 1)], previous=two_, toTime=layer2.chain.time)
    three = layer2.post(third)
    assert layer2.settlement.read("silentSince") == third.toTime
    layer2.chain.advance(2 * DAY - MINUTE)
    refused("settlement.tooEarly", layer2.settlement.send, STRANGER, "freeze", NOBODY)
    # A time to come is none, and none goes back.
    layer2.post(layer2.batch(4, [Ticket(ALICE, 1)], previous=three, toTime=layer2.chain.time + 30 * DAY))
    now = layer2.settlement.read("silentSince")
    assert third.toTime < now <= layer2.chain.time
    layer2.post(layer2.batch(9, [Ticket(ALICE, 1)], toTime=third.toTime))
    assert layer2.settlement.read("silentSince") == now


def test_the_first_posting_starts_the_clock_whatever_it_is_of(scene):
    scene.settlement.send(OWNER, "proposeSigner", SIGNER)
    scene.post(scene.batch(1, [], seen=0, toTime=1))
    refused("settlement.tooEarly", scene.settlement.send, STRANGER, "freeze", NOBODY)
    scene.chain.advance(2 * DAY + MINUTE)
    scene.settlement.send(STRANGER, "freeze", NOBODY)


@pytest.mark.parametrize("old", [0, 1, 17, 40])
@pytest.mark.parametrize("broken", [1, 2, 20, 39, 40, 41])
def test_a_challenge_finds_its_place_among_many_postings(layer2, old, broken):
    """So many postings are final, and so many the broken batch stands before."""
    digests = [ZERO32]
    for epoch in range(1, 41):
        digests.append(layer2.post(layer2.batch(epoch, [Ticket(ALICE, 1)], previous=digests[-1])))
        if epoch == old:
            layer2.chain.advance(DAY)
    one, other = (layer2.batch(broken, [Ticket(account, 1)]) for account in (BOB, CAROL))
    layer2.settlement.send(STRANGER, "challengeBatches", one, layer2.signed(one), other, layer2.signed(other))
    assert layer2.settlement.read("frozen")[0] == digests[max(old, broken - 1)]


# ---- signers ----


def test_a_new_signer_starts_after_the_thaw(layer2):
    refused("settlement.notOwner", layer2.settlement.send, STRANGER, "proposeSigner", STRANGER)
    first = layer2.batch(1, [Ticket(ALICE, 1, EMETH)])
    digest = layer2.post(first)
    layer2.settlement.send(OWNER, "proposeSigner", NEXT_SIGNER)
    signer, starts = layer2.settlement.read("nextSigner")
    assert signer == NEXT_SIGNER and 0 <= starts - layer2.chain.time - 8 * DAY + 5 <= 10
    refused("settlement.signature", layer2.redeem, Ticket(ALICE, 1, EMETH), signer=NEXT_SIGNER)
    old_batch = layer2.batch(2, [Ticket(ALICE, 1, EMETH)], previous=digest)
    # On the first day an exit can be requested that matures before the new Signer starts.
    assert starts - layer2.chain.time > 7 * DAY
    for _ in range(4):
        layer2.chain.advance(2 * DAY)
    layer2.chain.advance(MINUTE)
    assert layer2.settlement.read("signer") == NEXT_SIGNER
    assert layer2.settlement.read("nextSigner") == (NOBODY, 0)
    refused("settlement.signature", layer2.redeem, Ticket(ALICE, 1, EMETH))
    refused("settlement.signature", layer2.post, old_batch)
    layer2.redeem(Ticket(ALICE, 1, EMETH), signer=NEXT_SIGNER)
    # A stolen old key makes no evidence; what was posted under it stays evidence.
    forged = layer2.batch(1, [Ticket(STRANGER, 1)])
    send = layer2.settlement.send
    refused("settlement.signature", send, STRANGER, "challengeBatches", first, b"", forged, layer2.signed(forged))
    refused("settlement.signature", send, STRANGER, "challengeBatches", forged, layer2.signed(forged), forged, b"")
    equivocation = layer2.batch(1, [Ticket(CAROL, 1)])
    send(STRANGER, "challengeBatches", first, b"", equivocation, layer2.signed(equivocation, NEXT_SIGNER))
    # What was final stays so.
    assert layer2.settlement.read("frozen")[0] == digest


def test_two_of_three_signers(scene):
    members = [SIGNER, NEXT_SIGNER, SERVER]
    wallet = Contract.deploy(scene.chain, OWNER, "EmethSigners", members, 2)
    scene.open_layer2()
    for name, arguments in [("none", ([], 1)), ("more", (members, 4)), ("twice", ([SIGNER, SIGNER], 1))]:
        with pytest.raises(Exception):
            Contract.deploy(scene.chain, OWNER, "EmethSigners", *arguments)
    scene.settlement.send(OWNER, "proposeSigner", wallet.address)
    scene.chain.advance(8 * DAY + MINUTE)
    ticket = Ticket(ALICE, 1, EMETH)
    digest = scene.ticket_digest(ticket)
    parts = {member: sign(member, digest) for member in [*members, STRANGER]}
    ordered = sorted(members, key=lambda member: int(member, 16))

    def joined(accounts):
        return b"".join(parts[account] for account in accounts)

    send = scene.settlement.send
    stranger = sorted([ordered[0], STRANGER], key=lambda member: int(member, 16))
    for bad in [
        joined(ordered[:1]), joined(ordered[:2][::-1]), joined([ordered[0], ordered[0]]), joined(stranger),
        joined(ordered[:2]) + b"\0", b"", joined(ordered) + bytes(65),
    ]:
        refused("settlement.signature", send, ALICE, "redeemTicket", ticket, bad)
    send(ALICE, "redeemTicket", ticket, joined(ordered[1:]))
    bigger = Ticket(ALICE, 2, 2 * EMETH)
    parts = {member: sign(member, scene.ticket_digest(bigger)) for member in members}
    send(ALICE, "redeemTicket", bigger, joined(ordered))
    assert scene.settlement.read("redeemed", ALICE) == 2 * EMETH


# ---- challenges ----


def two(scene, change):
    """A posted batch, and a later one that breaks a rule."""
    first = scene.batch(1, [Ticket(ALICE, 1, 50 * EMETH)], burned=5 * EMETH)
    digest = scene.post(first)
    second = scene.batch(2, [Ticket(ALICE, 1, 50 * EMETH)], burned=5 * EMETH, previous=digest)
    return first, digest, dataclasses.replace(second, **change)


@pytest.mark.parametrize("change", [
    {"epoch": 1}, {"previousBatch": word("x")}, {"totalPayout": 49 * EMETH}, {"totalBurned": 0}, {"depositsSeen": 2},
    {"epoch": 9, "totalPayout": 1},
])
def test_two_batches_that_cannot_both_be_honest(layer2, change):
    first, digest, second = two(layer2, change)
    send = layer2.settlement.send
    signatures = layer2.signed(first), layer2.signed(second)
    refused("settlement.signature", send, STRANGER, "challengeBatches", first, b"", second, layer2.signed(second, ALICE))
    if second.epoch > 1:
        refused("settlement.order", send, STRANGER, "challengeBatches", second, signatures[1], first, signatures[0])
    refused("settlement.noConflict", send, STRANGER, "challengeBatches", first, b"", first, b"")
    receipt = send(STRANGER, "challengeBatches", first, signatures[0], second, signatures[1])
    expected = ZERO32 if second.epoch == 1 else digest
    assert layer2.settlement.read("frozen")[0] == expected
    assert receipt.events[0][0] == "Frozen" and receipt.events[0][1]["bondForfeited"] is True
    # The bond is everybody's now: it makes good the five that were burned.
    assert layer2.settlement.read("bond") == 0
    assert layer2.settlement.read("pool") == 395 * EMETH
    conserved(layer2)


def test_honest_batches_are_no_evidence(layer2):
    first, _, second = two(layer2, {})
    send = layer2.settlement.send
    for earlier, later in [(first, second), (first, dataclasses.replace(second, epoch=7, previousBatch=word("any")))]:
        refused("settlement.noConflict", send, STRANGER, "challengeBatches", earlier, layer2.signed(earlier), later,
                layer2.signed(later))


def test_a_cumulative_payout_that_fell(layer2):
    before = [Ticket(ALICE, 1, 50 * EMETH), Ticket(BOB, 1, 10 * EMETH)]
    after = [Ticket(ALICE, 2, 40 * EMETH), Ticket(BOB, 2, 30 * EMETH)]
    first = layer2.batch(1, before)
    digest = layer2.post(first)
    second = layer2.batch(2, after, previous=digest)
    layer2.post(second)
    send = layer2.settlement.send

    def challenge(earlier, ticket, later, other):
        trees = {1: Tree(before), 2: Tree(after)}
        send(STRANGER, "challengeAccount", earlier, layer2.signed(earlier), ticket, trees[earlier.epoch].proof(ticket),
             later, layer2.signed(later), other, trees[later.epoch].proof(other))

    refused("settlement.noConflict", challenge, first, before[1], second, after[1])
    refused("settlement.noConflict", challenge, first, before[0], second, after[1])
    refused("settlement.noConflict", challenge, second, after[0], first, before[0])
    refused("settlement.proof", send, STRANGER, "challengeAccount", first, b"", before[0], [], second, b"", after[0], [])
    challenge(first, before[0], second, after[0])
    assert layer2.settlement.read("frozen")[0] == digest
    refused("settlement.frozen", challenge, first, before[0], second, after[0])


def test_a_challenge_never_undoes_what_was_final(layer2):
    first = layer2.batch(1, [Ticket(ALICE, 1, 50 * EMETH)])
    digests = [layer2.post(first)]
    layer2.chain.advance(DAY)
    for epoch in (2, 3):
        digests.append(layer2.post(layer2.batch(epoch, [Ticket(ALICE, 1, 50 * EMETH)], previous=digests[-1])))
    # A second batch of the first epoch turns up late: Alice may have been paid by the first one.
    other = layer2.batch(1, [Ticket(BOB, 1)])
    layer2.settlement.send(STRANGER, "challengeBatches", first, layer2.signed(first), other, layer2.signed(other))
    assert layer2.settlement.read("frozen")[0] == digests[0]


# ---- the bond ----


def test_the_bond_leaves_only_slowly(layer2):
    send = layer2.settlement.send
    refused("settlement.notOwner", send, STRANGER, "announceBondWithdrawal", 1)
    refused("settlement.bond", send, OWNER, "announceBondWithdrawal", 101 * EMETH)
    refused("settlement.tooEarly", send, OWNER, "withdrawBond")
    send(OWNER, "announceBondWithdrawal", 40 * EMETH)
    layer2.chain.advance(7 * DAY - MINUTE)
    refused("settlement.tooEarly", send, OWNER, "withdrawBond")
    refused("settlement.notOwner", send, STRANGER, "withdrawBond")
    layer2.chain.advance(MINUTE)
    assert paid_to(layer2, OWNER, send, OWNER, "withdrawBond") == 40 * EMETH
    refused("settlement.tooEarly", send, OWNER, "withdrawBond")
    assert layer2.settlement.read("bond") == 60 * EMETH
    # What is announced can still be forfeited.
    send(OWNER, "announceBondWithdrawal", 60 * EMETH)
    first, other = layer2.batch(1, []), layer2.batch(1, [Ticket(BOB, 1)])
    send(STRANGER, "challengeBatches", first, layer2.signed(first), other, layer2.signed(other))
    layer2.chain.advance(7 * DAY)
    refused("settlement.tooEarly", send, OWNER, "withdrawBond")
    assert layer2.settlement.read("pool") == 360 * EMETH
    conserved(layer2)


def test_the_bond_does_not_leave_what_it_covers(layer2):
    """A Signer that pays itself by a ticket which no batch ever covers, while the bond thaws."""
    send = layer2.settlement.send
    layer2.redeem(Ticket(STRANGER, 1_000, 50 * EMETH))
    send(OWNER, "announceBondWithdrawal", 51 * EMETH)
    digest = ZERO32
    for epoch in range(1, 9):
        digest = layer2.post(layer2.batch(epoch, [Ticket(ALICE, 1)], previous=digest))
        layer2.chain.advance(DAY)
    refused("settlement.exposed", send, OWNER, "withdrawBond")
    send(OWNER, "announceBondWithdrawal", 50 * EMETH)
    for epoch in range(9, 17):
        digest = layer2.post(layer2.batch(epoch, [Ticket(ALICE, 1)], previous=digest))
        layer2.chain.advance(DAY)
    assert paid_to(layer2, OWNER, send, OWNER, "withdrawBond") == 50 * EMETH
    conserved(layer2)


# ---- exit and freeze ----


def test_an_exit_is_served_or_freezes(layer2):
    mine = Ticket(ALICE, 1, 0, unspent=100 * EMETH)
    others = [Ticket(BOB, 1, unspent=100 * EMETH)]
    digest = layer2.post(layer2.batch(1, [mine, *others]))
    proof = Tree([mine, *others]).proof(mine)
    send = layer2.settlement.send
    refused("settlement.notAccount", send, STRANGER, "requestExit", digest, mine, proof)
    send(ALICE, "requestExit", digest, mine, proof)
    refused("settlement.exitRequested", send, ALICE, "requestExit", digest, mine, proof)
    # The same leaf, or a later one with something unspent, serves nothing.
    refused("settlement.notServed", send, STRANGER, "serveExit", digest, mine, proof)
    part = [Ticket(ALICE, 2, 99 * EMETH, unspent=EMETH), *others]
    digest = layer2.post(layer2.batch(2, part, previous=digest))
    refused("settlement.notServed", send, STRANGER, "serveExit", digest, part[0], Tree(part).proof(part[0]))
    refused("settlement.noExit", send, STRANGER, "serveExit", digest, part[1], Tree(part).proof(part[1]))
    refused("settlement.tooEarly", send, STRANGER, "freeze", ALICE)
    served = [Ticket(ALICE, 3, 100 * EMETH), *others]
    digest = layer2.post(layer2.batch(3, served, previous=digest))
    refused("settlement.nothingUnspent", send, ALICE, "requestExit", digest, served[0], Tree(served).proof(served[0]))
    send(STRANGER, "serveExit", digest, served[0], Tree(served).proof(served[0]))
    assert layer2.settlement.read("exits", ALICE) == (0, 0)
    layer2.chain.advance(DAY)
    assert paid_to(layer2, ALICE, send, ALICE, "redeemFromBatch", digest, served[0],
                   Tree(served).proof(served[0])) == 100 * EMETH
    # Bob's is not served.
    send(BOB, "requestExit", digest, served[1], Tree(served).proof(served[1]))
    for epoch in range(4, 12):
        layer2.chain.advance(DAY - MINUTE)
        refused("settlement.tooEarly", send, STRANGER, "freeze", NOBODY)
        if epoch < 11:
            refused("settlement.tooEarly", send, STRANGER, "freeze", BOB)
        digest = layer2.post(layer2.batch(epoch, served, previous=digest))
    send(STRANGER, "freeze", BOB)
    assert layer2.settlement.read("frozen")[0] == digest


def test_silence_freezes_and_everybody_gets_out(layer2):
    send = layer2.settlement.send
    first = [Ticket(ALICE, 1, 10 * EMETH, unspent=90 * EMETH), Ticket(BOB, 1, 0, 80 * EMETH, 20 * EMETH)]
    one = layer2.post(layer2.batch(1, first, seen=2))
    layer2.redeem(Ticket(ALICE, 1, 10 * EMETH))
    second = [Ticket(ALICE, 2, 30 * EMETH, unspent=60 * EMETH), Ticket(BOB, 1, 0, 80 * EMETH, 20 * EMETH)]
    two_ = layer2.post(layer2.batch(2, second, seen=2, previous=one))
    refused("settlement.notFrozen", send, ALICE, "claim", two_, second[0], Tree(second).proof(second[0]))
    layer2.chain.advance(2 * DAY - MINUTE)
    refused("settlement.tooEarly", send, STRANGER, "freeze", NOBODY)
    layer2.chain.advance(2 * MINUTE)
    send(STRANGER, "freeze", NOBODY)
    for call in [
        ("redeemTicket", Ticket(BOB, 3, EMETH), layer2.signed(Ticket(BOB, 3, EMETH))),
        ("depositToLayer2", BOB, 1), ("depositBond", 1), ("freeze", NOBODY),
        ("redeemFromBatch", two_, second[0], Tree(second).proof(second[0])),
        ("postBatch", layer2.batch(3, second, seen=2, previous=two_), b""),
    ]:
        refused("settlement.frozen", send, STRANGER, *call)
    # Someone claims for Alice by an older leaf; a later one replaces it, and its seven days begin anew.
    send(STRANGER, "claim", one, first[0], Tree(first).proof(first[0]))
    layer2.chain.advance(6 * DAY)
    send(ALICE, "claim", two_, second[0], Tree(second).proof(second[0]))
    refused("settlement.olderLeaf", send, STRANGER, "claim", one, first[0], Tree(first).proof(first[0]))
    refused("settlement.olderLeaf", send, STRANGER, "claim", two_, second[0], Tree(second).proof(second[0]))
    send(BOB, "claim", one, first[1], Tree(first).proof(first[1]))
    layer2.chain.advance(2 * DAY)
    refused("settlement.tooEarly", send, STRANGER, "payClaim", ALICE)
    refused("settlement.noClaim", send, STRANGER, "payClaim", CAROL)
    layer2.chain.advance(5 * DAY)
    assert paid_to(layer2, ALICE, send, STRANGER, "payClaim", ALICE) == 80 * EMETH
    assert paid_to(layer2, BOB, send, STRANGER, "payClaim", BOB) == 100 * EMETH
    refused("settlement.noClaim", send, STRANGER, "payClaim", ALICE)
    # Carol's deposit was never credited.
    refused("settlement.credited", send, STRANGER, "reclaimDeposit", 1)
    assert paid_to(layer2, CAROL, send, STRANGER, "reclaimDeposit", 2) == 100 * EMETH
    refused("settlement.noDeposit", send, STRANGER, "reclaimDeposit", 2)
    refused("settlement.noDeposit", send, STRANGER, "reclaimDeposit", 3)
    conserved(layer2)


def test_a_claim_by_an_old_leaf_that_was_paid_does_not_end_the_claim(layer2):
    send = layer2.settlement.send
    first, second = [Ticket(ALICE, 1, 0, 10 * EMETH)], [Ticket(ALICE, 2, 0, 100 * EMETH)]
    one = layer2.post(layer2.batch(1, first))
    two_ = layer2.post(layer2.batch(2, second, previous=one))
    layer2.chain.advance(2 * DAY + MINUTE)
    send(STRANGER, "freeze", NOBODY)
    send(STRANGER, "claim", one, first[0], [])
    layer2.chain.advance(7 * DAY)
    assert paid_to(layer2, ALICE, send, STRANGER, "payClaim", ALICE) == 10 * EMETH
    send(ALICE, "claim", two_, second[0], [])
    layer2.chain.advance(7 * DAY)
    assert paid_to(layer2, ALICE, send, STRANGER, "payClaim", ALICE) == 90 * EMETH


def test_what_a_challenge_undid_is_no_ground_for_a_claim(layer2):
    send = layer2.settlement.send
    good = [Ticket(ALICE, 1, 0, 100 * EMETH)]
    digest = layer2.post(layer2.batch(1, good))
    bad = [Ticket(STRANGER, 2, 250 * EMETH)]
    batch = layer2.batch(2, bad, previous=digest)
    undone = layer2.post(batch)
    honest = layer2.batch(2, good, previous=digest)
    send(STRANGER, "challengeBatches", batch, b"", honest, layer2.signed(honest))
    refused("settlement.undone", send, STRANGER, "claim", undone, bad[0], [])
    send(ALICE, "claim", digest, good[0], [])
    layer2.chain.advance(7 * DAY)
    assert paid_to(layer2, ALICE, send, ALICE, "payClaim", ALICE) == 100 * EMETH


def test_a_freeze_does_not_shield_a_crooked_batch(layer2):
    """The Signer lets an exit of its own go unserved, posts what it likes, and freezes before anybody can challenge."""
    send = layer2.settlement.send
    good = [Ticket(ALICE, 1, 0, 90 * EMETH), Ticket(STRANGER, 1, 0, EMETH)]
    first = layer2.batch(1, good, seen=2)
    digest = layer2.post(first)
    send(STRANGER, "requestExit", digest, good[1], Tree(good).proof(good[1]))
    for epoch in range(2, 9):
        layer2.chain.advance(DAY)
        final = digest
        digest = layer2.post(layer2.batch(epoch, good, seen=2, previous=digest))
    layer2.chain.advance(MINUTE)
    bad = [Ticket(STRANGER, 9, 0, 300 * EMETH)]
    crooked = layer2.batch(9, bad, previous=digest)
    honest = layer2.batch(9, good, seen=2, previous=digest)
    undone = layer2.post(crooked)
    send(STRANGER, "freeze", STRANGER)
    assert layer2.settlement.read("frozen")[0] == undone
    send(STRANGER, "claim", undone, bad[0], [])
    refused("settlement.credited", send, CAROL, "reclaimDeposit", 2)
    layer2.chain.advance(23 * HOUR)
    send(ALICE, "challengeBatches", crooked, b"", honest, layer2.signed(honest))
    assert layer2.settlement.read("frozen")[0] == digest
    refused("settlement.frozen", send, ALICE, "challengeBatches", crooked, b"", honest, layer2.signed(honest))
    # Not behind what was a day old when it froze.
    early = layer2.batch(1, [Ticket(BOB, 1)])
    send(ALICE, "challengeBatches", first, b"", early, layer2.signed(early))
    assert layer2.settlement.read("frozen")[0] == final
    layer2.chain.advance(2 * HOUR)
    late = layer2.batch(8, [Ticket(BOB, 1)])
    refused("settlement.frozen", send, ALICE, "challengeBatches", late, layer2.signed(late), layer2.batch(8, bad),
            layer2.signed(layer2.batch(8, bad)))
    layer2.chain.advance(7 * DAY)
    refused("settlement.undone", send, STRANGER, "payClaim", STRANGER)
    # Claimed anew by what counts, although that is older.
    for leaf in good:
        send(leaf.account, "claim", final, leaf, Tree(good).proof(leaf))
    layer2.chain.advance(7 * DAY)
    assert paid_to(layer2, CAROL, send, STRANGER, "reclaimDeposit", 2) == 100 * EMETH
    assert paid_to(layer2, ALICE, send, STRANGER, "payClaim", ALICE) == 90 * EMETH
    assert paid_to(layer2, STRANGER, send, STRANGER, "payClaim", STRANGER) == EMETH
    conserved(layer2)


def test_depositors_get_out_when_there_never_was_a_batch(scene):
    send = scene.settlement.send
    refused("settlement.tooEarly", send, STRANGER, "freeze", NOBODY)
    scene.open_layer2(bond=0)
    scene.chain.advance(2 * DAY + MINUTE)
    send(STRANGER, "freeze", NOBODY)
    for number, account in enumerate((ALICE, BOB, CAROL)):
        assert paid_to(scene, account, send, STRANGER, "reclaimDeposit", number) == 100 * EMETH
    assert scene.settlement.read("pool") == 0


def test_claims_leave_the_depositors_money_alone(layer2):
    """A Signer that grants more than there is takes from other claims, never from deposits that were not credited."""
    send = layer2.settlement.send
    tickets = [Ticket(STRANGER, 1, 0, unspent=10_000 * EMETH), Ticket(ALICE, 1, 0, 100 * EMETH)]
    digest = layer2.post(layer2.batch(1, tickets, seen=2))
    layer2.chain.advance(2 * DAY + MINUTE)
    send(STRANGER, "freeze", NOBODY)
    for ticket in tickets:
        send(STRANGER, "claim", digest, ticket, Tree(tickets).proof(ticket))
    layer2.chain.advance(7 * DAY)
    assert paid_to(layer2, STRANGER, send, STRANGER, "payClaim", STRANGER) == 300 * EMETH
    refused("settlement.pool", send, STRANGER, "payClaim", ALICE)
    assert paid_to(layer2, CAROL, send, STRANGER, "reclaimDeposit", 2) == 100 * EMETH
    conserved(layer2)


def test_a_stale_leaf_starts_an_exit_that_is_served_at_once(layer2):
    send = layer2.settlement.send
    old, new = [Ticket(ALICE, 1, 0, EMETH)], [Ticket(ALICE, 2, EMETH)]
    one = layer2.post(layer2.batch(1, old))
    two_ = layer2.post(layer2.batch(2, new, previous=one))
    send(ALICE, "requestExit", one, old[0], [])
    send(STRANGER, "serveExit", two_, new[0], [])
    layer2.chain.advance(DAY)
    refused("settlement.tooEarly", send, STRANGER, "freeze", ALICE)


def test_an_exit_that_was_served_is_not_asked_for_again(layer2):
    send = layer2.settlement.send
    old, new = [Ticket(ALICE, 1, 0, EMETH)], [Ticket(ALICE, 2, EMETH)]
    one = layer2.post(layer2.batch(1, old))
    two_ = layer2.post(layer2.batch(2, new, previous=one))
    send(ALICE, "requestExit", one, old[0], [])
    send(STRANGER, "serveExit", two_, new[0], [])
    refused("settlement.exitServed", send, ALICE, "requestExit", one, old[0], [])
    # With a leaf of later, it is.
    more = [Ticket(ALICE, 3, EMETH, EMETH)]
    three = layer2.post(layer2.batch(3, more, previous=two_))
    send(ALICE, "requestExit", three, more[0], [])


def test_nobody_deposits_before_there_is_a_signer(scene):
    for account in (OWNER, STRANGER):
        scene.token.send(account, "approve", scene.settlement.address, 2**256 - 1)
    scene.settlement.send(OWNER, "depositBond", EMETH)
    refused("settlement.signer", scene.settlement.send, STRANGER, "depositToLayer2", STRANGER, 1)
    scene.chain.advance(3 * DAY)
    refused("settlement.tooEarly", scene.settlement.send, STRANGER, "freeze", NOBODY)


def test_a_batch_that_names_an_account_twice_serves_nothing_by_itself(layer2):
    send = layer2.settlement.send
    both = [Ticket(ALICE, 1, 0, EMETH), Ticket(ALICE, 1)]
    digest = layer2.post(layer2.batch(1, both))
    send(ALICE, "requestExit", digest, both[0], Tree(both).proof(both[0]))
    refused("settlement.notServed", send, STRANGER, "serveExit", digest, both[1], Tree(both).proof(both[1]))


# ---- rewards ----


def test_a_slots_reward_is_minted_once(scene):
    start = scene.core.read("startSlot")
    refused("core.slot", scene.core.send, STRANGER, "fundSlot", start)
    refused("core.slot", scene.core.send, STRANGER, "fundSlot", start - 1)
    scene.chain.advance(DAY)
    supply = scene.token.read("totalSupply")
    assert scene.core.send(STRANGER, "fundSlot", start).value == 288_000 * EMETH
    refused("core.slotFunded", scene.core.send, STRANGER, "fundSlot", start)
    assert scene.token.read("totalSupply") - supply == 288_000 * EMETH == scene.settlement.read("pool")
    conserved(scene)


def test_a_slots_reward_is_shared_with_jobs_on_this_layer(scene):
    job = scene.submitted(program=TRAINING)
    scene.verified(job)
    slot, fee = scene.core.read("jobAssigns", job)[6], scene.core.read("jobTerms", job)[1]
    scene.chain.advance(DAY)
    supply = scene.token.read("totalSupply")
    assert scene.core.send(STRANGER, "fundSlot", slot).value == 288_000 * EMETH - fee
    scene.core.send(STRANGER, "withdrawSlotReward", NODE, slot)
    assert scene.token.read("totalSupply") - supply == 288_000 * EMETH


def test_a_frozen_layer2_is_given_nothing_more(layer2):
    """A Signer that granted itself a fortune and went silent can't live on the rewards of the days to come."""
    send = layer2.settlement.send
    mine = Ticket(STRANGER, 1, 0, unspent=10**9 * EMETH)
    digest = layer2.post(layer2.batch(1, [mine]))
    layer2.chain.advance(2 * DAY + MINUTE)
    send(STRANGER, "freeze", NOBODY)
    slot = layer2.settlement.read("frozen")[1] // DAY
    layer2.chain.advance(9 * DAY)
    for later in (slot, slot + 1, slot + 8):
        refused("core.frozen", layer2.core.send, STRANGER, "fundSlot", later)
    # Whole days before the freeze are due.
    layer2.core.send(STRANGER, "fundSlot", slot - 1)
    conserved(layer2)


def test_core_takes_no_job_before_its_parts_are_named(scene):
    core = Contract.deploy(scene.chain, OWNER, "EmethCore", scene.token.address)
    core.send(OWNER, "setProgram", MEAN, "mean", 0, 0, 0, 0, 0, 0)
    refused("core.contracts", core.send, REQUESTER, "request", job_id(1), MEAN, NONE16, 1, 1, "", "", 1, 1,
            scene.chain.time + DAY)
    refused("core.contracts", core.send, OWNER, "setContracts", ALICE, BOB)
    refused("core.notOwner", core.send, STRANGER, "setContracts", scene.settlement.address, scene.verifiers.address)
