"""The contracts deployed, actors with money, and the short ways to bring a job or a batch where a test needs it."""
import dataclasses
import hashlib

import eth_abi
from eth_utils import keccak, to_canonical_address, to_checksum_address

from evm import ADDRESSES, KEY_OF, Contract, Refused

EMETH = 10**18
DAY, HOUR, MINUTE = 86_400, 3_600, 60
REQUESTED, PROCESSING, SUBMITTED, VERIFIED, CANCELED, TIMEOUT, FAILED, DECLINED = range(1, 9)
NONE16, ZERO32 = bytes(16), bytes(32)
NOBODY = "0x" + 40 * "0"
(
    OWNER, REQUESTER, NODE, RIVAL, VERIFIER_A, VERIFIER_B, VERIFIER_C, SERVER, SIGNER, STRANGER, ALICE, BOB, CAROL,
    NEXT_SIGNER, NODE_B, NODE_C,
) = ADDRESSES[:16]
VERIFIERS = [VERIFIER_A, VERIFIER_B, VERIFIER_C]
TRAINING, PART, MEAN, PROOF, DIRECT = 1, 11, 999, 84, 85
RULES = {
    "standard": {},
    "core-2023": {"SLOT_REWARD_CAP_RATE": 0},
    "core-2023-initial": {"VERIFIER_FEE_RATE": 0, "DEPOSIT_RATE": 0, "SLOT_REWARD_CAP_RATE": 0},
    "round3-2": {"VERIFIER_FEE_FLAT": 10 * EMETH, "SLOT_REWARD_CAP_RATE": 0},
}
TICKET_TYPE = keccak(
    text="Ticket(address account,uint64 epoch,uint256 cumulativePayout,uint256 unspent,uint256 locked,bytes32 jobsRoot)"
)
BATCH_TYPE = keccak(
    text="Batch(uint64 epoch,bytes32 previousBatch,bytes32 accountsRoot,uint256 totalPayout,uint256 totalBurned,"
    "uint64 depositsSeen,bytes32 dataHash,uint64 fromTime,uint64 toTime)"
)
TICKET_ABI = ["address", "uint64", "uint256", "uint256", "uint256", "bytes32"]
BATCH_ABI = ["uint64", "bytes32", "bytes32", "uint256", "uint256", "uint64", "bytes32", "uint64", "uint64"]
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@dataclasses.dataclass(frozen=True)
class Ticket:
    account: str
    epoch: int
    cumulativePayout: int = 0
    unspent: int = 0
    locked: int = 0
    jobsRoot: bytes = ZERO32

    def abi(self):
        return dataclasses.astuple(self)

    @property
    def leaf(self):
        return keccak(keccak(eth_abi.encode(TICKET_ABI, self.abi())))


@dataclasses.dataclass(frozen=True)
class Batch:
    epoch: int
    previousBatch: bytes = ZERO32
    accountsRoot: bytes = ZERO32
    totalPayout: int = 0
    totalBurned: int = 0
    depositsSeen: int = 0
    dataHash: bytes = ZERO32
    fromTime: int = 0
    toTime: int = 0

    def abi(self):
        return dataclasses.astuple(self)


class Tree:
    """OpenZeppelin's standard tree, written a second time: sorted leaves at the end of an array, sorted pairs."""

    def __init__(self, tickets):
        leaves = sorted(ticket.leaf for ticket in tickets)
        self.nodes = [b""] * (len(leaves) - 1) + leaves[::-1] if leaves else [ZERO32]
        for index in range(len(leaves) - 2, -1, -1):
            self.nodes[index] = keccak(b"".join(sorted(self.nodes[2 * index + 1 : 2 * index + 3])))
        self.root = self.nodes[0]

    def proof(self, ticket):
        position, path = self.nodes.index(ticket.leaf, len(self.nodes) // 2), []
        while position > 0:
            path.append(self.nodes[position + 1 if position % 2 else position - 1])
            position = (position - 1) // 2
        return path


def word(text):
    return keccak(text=text)


def job_id(number):
    return number.to_bytes(16, "big")


def sign(account, digest):
    signature = KEY_OF[account].sign_msg_hash(digest)
    return signature.r.to_bytes(32, "big") + signature.s.to_bytes(32, "big") + bytes([27 + signature.v])


def typed(separator, struct_hash):
    return keccak(b"\x19\x01" + separator + struct_hash)


def domain(chain_id, contract):
    return keccak(
        eth_abi.encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [
                word("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                word("EMETH"), word("1"), chain_id, contract,
            ],
        )
    )


class Scene:
    """Everything deployed and funded, under the rule set `standard`."""

    def __init__(self, chain, token="EmethToken"):
        self.chain = chain
        # Noon: no test that looks at a day runs into the next one.
        chain.advance(DAY + DAY // 2 - chain.time % DAY)
        self.token = Contract.deploy(chain, OWNER, token)
        self.core = Contract.deploy(chain, OWNER, "EmethCore", self.token.address)
        self.settlement = Contract.deploy(chain, OWNER, "EmethSettlement", self.core.address, 50 * EMETH)
        self.verifiers = Contract.deploy(chain, OWNER, "EmethVerifiers", self.core.address)
        self.core.send(OWNER, "setContracts", self.settlement.address, self.verifiers.address)
        self.token.send(OWNER, "setMinter", self.core.address)
        for number, name, target in [
            (TRAINING, "training", 0), (PART, "part", 0), (MEAN, "mean", 0), (PROOF, "proof", 2**252),
        ]:
            self.core.send(OWNER, "setProgram", number, name, 0, 0, 0, 0, 0, target)
        self.core.send(OWNER, "setProgram", DIRECT, "direct", 1, 0, 0, 50, EMETH // 10, 2**252)
        for number in (TRAINING, PART):
            self.core.send(OWNER, "setFuelCounts", number, True)
        self.core.send(OWNER, "setChallengeSigner", SERVER)
        self.secrets, self.jobs_made, self.deposited_below = {}, 0, [0]
        for account in ADDRESSES[1:16]:
            self.token.send(OWNER, "transfer", account, 500 * EMETH)
        for account in (OWNER, REQUESTER, NODE, RIVAL, NODE_B, NODE_C, STRANGER):
            self.token.send(account, "approve", self.core.address, 2**256 - 1)
        for account in (NODE, RIVAL, NODE_B, NODE_C):
            self.core.send(account, "deposit", 200 * EMETH)
        for account in VERIFIERS:
            self.core.send(OWNER, "addVerifier", account)
            self.token.send(account, "approve", self.verifiers.address, 2**256 - 1)
            self.verifiers.send(account, "bondVerifier", 200 * EMETH)
            self.commit(account, 8)

    # ---- jobs ----

    def use_rules(self, name):
        for parameter, value in RULES[name].items():
            self.core.send(OWNER, "setParameter", word(parameter), value)

    def commit(self, verifier, count):
        stock = self.secrets.setdefault(verifier, [])
        fresh = [keccak(to_canonical_address(verifier) + bytes([len(stock) + i])) for i in range(count)]
        stock.extend(fresh)
        digests = [keccak(to_canonical_address(verifier) + secret) for secret in fresh]
        self.verifiers.send(verifier, "commitSecrets", digests)

    def secret_for(self, job):
        """The secret behind the commitment that a draw has taken."""
        review = self.review(job)
        for secret in self.secrets.get(review["verifier"], []):
            if keccak(to_canonical_address(review["verifier"]) + secret) == review["commitment"]:
                return secret
        raise AssertionError("no such commitment")

    REVIEW = (
        "phase masked turn silent dueBy beaconBlock submittedBlock submission beacon commitment verifier finder "
        "submittedAt scheduledAt"
    ).split()

    def review(self, job):
        values = self.verifiers.read("reviews", job)
        values = values[0] if len(values) == 1 else values
        found = dict(zip(self.REVIEW, values))
        for name in ("verifier", "finder"):
            found[name] = to_checksum_address(found[name])
        return found

    def request(self, limit=100, price=EMETH // 100, program=MEAN, by=REQUESTER, life=10 * DAY, job=None,
                parallel=1, parent=NONE16):
        if job is None:
            self.jobs_made += 1
            job = job_id(self.jobs_made)
        self.core.send(
            by, "request", job, program, parent, parallel, 1, "data", "{}", limit, price, self.chain.time + life
        )
        return job

    def sub_job(self, parent, part=0, attempt=0, limit=50, fee=None, by=REQUESTER, program=PART, life=5 * DAY,
                masked=False):
        if fee is None:
            whole = self.core.read("jobs", parent)
            fee = self.core.read("jobTerms", parent)[1] * limit // whole[5]
        receipt = self.core.send(
            by, "requestSubJob", parent, 0, part, attempt, program, "data", "{}", limit, fee,
            self.chain.time + life, masked,
        )
        return receipt.value

    def submitted(self, used=80, node=NODE, **options):
        job = self.request(**options)
        self.core.send(node, "process", job)
        self.core.send(node, "submit", job, "result", used)
        return job

    def draw(self, job):
        self.chain.advance(33 * 12, 33)
        self.verifiers.send(STRANGER, "drawVerifier", job)
        return self.review(job)["verifier"]

    def challenged(self, job):
        verifier = self.draw(job)
        self.verifiers.send(verifier, "challenge", job, self.secret_for(job))
        return verifier

    def opened(self, job, node=NODE):
        verifier = self.challenged(job)
        self.verifiers.send(node, "open", job, word("openings"))
        return verifier

    def verified(self, job, node=NODE):
        verifier = self.opened(job, node)
        self.core.send(verifier, "verify", job)
        return verifier

    def failed(self, job, node=NODE):
        """Both verifiers, the one that found it first."""
        first = self.opened(job, node)
        self.core.send(first, "rejectResult", job)
        second = self.opened(job, node)
        self.core.send(second, "rejectResult", job)
        return first, second

    def silent(self, job, node=NODE):
        """The verifier has its openings and says nothing; whose turn it was."""
        verifier = self.opened(job, node)
        self.chain.advance(HOUR)
        return verifier

    def expired(self, job, node=NODE):
        self.silent(job, node)
        self.verifiers.send(STRANGER, "drawVerifier", job)
        self.silent(job, node)
        self.verifiers.send(STRANGER, "expireVerification", job)

    def status(self, job):
        return self.core.read("jobs", job)[7]

    def ledger(self, *accounts):
        return [self.core.read("deposits", account) for account in accounts]

    def balance(self, account):
        return self.token.read("balanceOf", account)

    def solution(self, job, node, signer=SERVER, target=2**252):
        challenge = sign(signer, keccak(b"\x19Ethereum Signed Message:\n32" + bytes(16) + job))
        for counter in range(10_000):
            nonce = to_canonical_address(node) + counter.to_bytes(12, "big")
            if int.from_bytes(hashlib.sha256(challenge + nonce).digest(), "big") <= target:
                return (challenge + nonce).hex()
        raise AssertionError("no solution")

    # ---- L2 ----

    def open_layer2(self, bond=100 * EMETH):
        """A Signer, a bond, and deposits of 100 EMETH each by Alice, Bob and Carol."""
        self.settlement.send(OWNER, "proposeSigner", SIGNER)
        for account in (OWNER, ALICE, BOB, CAROL, STRANGER):
            self.token.send(account, "approve", self.settlement.address, 2**256 - 1)
        if bond:
            self.settlement.send(OWNER, "depositBond", bond)
        for account in (ALICE, BOB, CAROL):
            self.settlement.send(account, "depositToLayer2", account, 100 * EMETH)

    @property
    def separator(self):
        return domain(self.chain.chain_id, self.settlement.address)

    def ticket_digest(self, ticket):
        return typed(self.separator, keccak(TICKET_TYPE + eth_abi.encode(TICKET_ABI, ticket.abi())))

    def batch_digest(self, batch):
        return typed(self.separator, keccak(BATCH_TYPE + eth_abi.encode(BATCH_ABI, batch.abi())))

    def signed(self, item, by=SIGNER):
        digest = self.ticket_digest(item) if isinstance(item, Ticket) else self.batch_digest(item)
        return sign(by, digest)

    def redeem(self, ticket, by=STRANGER, signer=SIGNER):
        return self.settlement.send(by, "redeemTicket", ticket, self.signed(ticket, signer)).value

    def batch(self, epoch, tickets, previous=ZERO32, burned=0, seen=3, payout=None, **others):
        tree = Tree(tickets)
        if payout is None:
            payout = sum(ticket.cumulativePayout for ticket in tickets)
        others = {"toTime": self.chain.time} | others
        return Batch(
            epoch=epoch, previousBatch=previous, accountsRoot=tree.root, totalPayout=payout, totalBurned=burned,
            depositsSeen=seen, **others,
        )

    def post(self, batch, by=STRANGER, signer=SIGNER):
        return self.settlement.send(by, "postBatch", batch, self.signed(batch, signer)).value


def refused(word_, call, *arguments, **options):
    """That a call is refused, and why."""
    try:
        call(*arguments, **options)
    except Refused as error:
        assert str(error) == word_, f"refused by {error}, not by {word_}"
    else:
        raise AssertionError(f"not refused; expected {word_}")
