"""A token that answers `false`, or calls back while it is called: nothing is lost, and nothing happens twice (fault 22)."""
import pytest

from evm import RevmChain
from scene import *


@pytest.fixture(scope="module")
def made():
    """Every way for money to go out is open: ledgers, tickets by signature and by proof, a claim, a deposit to take back."""
    scene = Scene(RevmChain(), token="HostileToken")
    scene.open_layer2()
    # The token itself has a ledger, and a job.
    scene.token.send(OWNER, "mint", scene.token.address, 100 * EMETH)
    run(scene, scene.core, "deposit", 10 * EMETH)
    run(scene, scene.core, "request", TOKENS_JOB, MEAN, NONE16, 1, 1, "data", "{}", 100, EMETH // 100,
        scene.chain.time + 90 * DAY)
    return scene


TOKENS_JOB = job_id(0xABCD)


@pytest.fixture
def hostile(made):
    snapshot = made.chain.snapshot()
    yield made
    made.chain.revert(snapshot)


def run(scene, contract, function, *arguments):
    scene.token.send(STRANGER, "run", contract.address, contract.data(function, *arguments))


def ticket_call(scene, account, epoch=1):
    ticket = Ticket(account, epoch, EMETH)
    return scene.settlement, "redeemTicket", ticket, scene.signed(ticket)


def proven(scene):
    """Two leaves of a batch that is a day old."""
    tickets = [Ticket(ALICE, 1, 3 * EMETH, unspent=EMETH), Ticket(BOB, 1, 2 * EMETH, unspent=EMETH)]
    digest = scene.post(scene.batch(1, tickets, seen=2))
    scene.chain.advance(DAY)
    return [(digest, ticket, Tree(tickets).proof(ticket)) for ticket in tickets]


def frozen(scene):
    """Two claims that are due; Carol's deposit was not credited."""
    leaves = proven(scene)
    scene.chain.advance(DAY + MINUTE)
    scene.settlement.send(STRANGER, "freeze", NOBODY)
    for leaf in leaves:
        scene.settlement.send(STRANGER, "claim", *leaf)
    scene.chain.advance(7 * DAY)


# Each: what comes before, and who calls what.
def core_withdraw(scene):
    return NODE, scene.core, "withdraw", EMETH


def core_deposit(scene):
    return NODE, scene.core, "deposit", EMETH


def core_request(scene):
    return (REQUESTER, scene.core, "request", job_id(77), MEAN, NONE16, 1, 1, "data", "{}", 100, EMETH // 100,
            scene.chain.time + DAY)


def redeem_ticket(scene):
    return STRANGER, *ticket_call(scene, ALICE)


def redeem_tickets(scene):
    tickets = [Ticket(ALICE, 1, EMETH), Ticket(CAROL, 1, EMETH)]
    return STRANGER, scene.settlement, "redeemTickets", tickets, [scene.signed(ticket) for ticket in tickets]


def redeem_from_batch(scene):
    return STRANGER, scene.settlement, "redeemFromBatch", *proven(scene)[0]


def deposit_to_layer2(scene):
    return ALICE, scene.settlement, "depositToLayer2", ALICE, EMETH


def withdraw_bond(scene):
    scene.settlement.send(OWNER, "announceBondWithdrawal", EMETH)
    scene.chain.advance(7 * DAY)
    return OWNER, scene.settlement, "withdrawBond"


def pay_claim(scene):
    frozen(scene)
    return STRANGER, scene.settlement, "payClaim", ALICE


def reclaim_deposit(scene):
    frozen(scene)
    return STRANGER, scene.settlement, "reclaimDeposit", 2


def post_burning(scene):
    batch = scene.batch(1, [Ticket(ALICE, 1)], burned=EMETH)
    return STRANGER, scene.settlement, "postBatch", batch, scene.signed(batch)


CORE = [core_withdraw, core_deposit, core_request]
OPEN = [redeem_ticket, redeem_tickets, redeem_from_batch, deposit_to_layer2, withdraw_bond, post_burning]
FROZEN = [pay_claim, reclaim_deposit]


def state(scene):
    """All that money could show in."""
    settlement, core = scene.settlement.read, scene.core.read
    return (
        [scene.balance(account) for account in [*ADDRESSES[:16], scene.core.address, scene.settlement.address]],
        [core("deposits", account) for account in [NODE, REQUESTER, scene.token.address]],
        [settlement("redeemed", account) for account in [ALICE, BOB, CAROL]],
        [settlement("claims", account) for account in [ALICE, BOB]], settlement("depositRecords", 2),
        [settlement(name) for name in ["pool", "bond", "depositCount", "totalRedeemed", "totalBurned", "totalReclaimed",
                                       "redeemedSincePosting", "latestBatch", "nextBondWithdrawal"]],
    )


@pytest.mark.parametrize("outer", [*CORE, *OPEN, *FROZEN], ids=lambda call: call.__name__)
def test_a_token_that_refuses_undoes_the_call(hostile, outer):
    sender, contract, *call = outer(hostile)
    before = state(hostile)
    hostile.token.send(STRANGER, "plan", True, NOBODY, b"")
    refused("core.token" if contract is hostile.core else "settlement.token", contract.send, sender, *call)
    assert state(hostile) == before
    hostile.token.send(STRANGER, "plan", False, NOBODY, b"")
    contract.send(sender, *call)
    assert state(hostile) != before


def inner_calls(scene, outer):
    """What the token calls meanwhile: each is taken when nothing else is under way."""
    if outer in CORE:
        return [(scene.core, "withdraw", EMETH), (scene.core, "cancel", TOKENS_JOB), (scene.core, "deposit", EMETH)]
    if outer in FROZEN:
        both = [(scene.settlement, "payClaim", BOB), (scene.settlement, "reclaimDeposit", 2)]
        return both[:1] if outer is reclaim_deposit else both
    return [ticket_call(scene, BOB), (scene.settlement, "depositToLayer2", BOB, EMETH)]


@pytest.mark.parametrize("outer, number", [
    *[(outer, number) for outer in CORE for number in range(3)],
    *[(outer, number) for outer in OPEN for number in range(2)],
    (pay_claim, 0), (pay_claim, 1), (reclaim_deposit, 0),
], ids=lambda item: getattr(item, "__name__", str(item)))
def test_a_token_that_calls_back_is_refused(hostile, outer, number):
    sender, contract, *call = outer(hostile)
    target, *message = inner_calls(hostile, outer)[number]
    hostile.token.send(STRANGER, "plan", False, target.address, target.data(*message))
    contract.send(sender, *call)
    assert hostile.token.read("calls") == 1, "it did call"
    assert hostile.token.read("taken") == 0, "and got in"
    # It was the guard alone that refused it.
    before = state(hostile)
    run(hostile, target, *message)
    assert state(hostile) != before
