#pragma version 0.4.3
#pragma evm-version cancun
#pragma optimize codesize
"""
@title EMETH Core: jobs, their money, their verification and slot rewards (PROTOCOL 2, 3 and 7 on L1)
@notice Functions and the Status event of the contract of 2023, without its faults; Contracts/README.md has the table.
@dev Money: the token balance is always the sum of all escrows, locked deposits, ledger entries (`deposits`) and
     verifiers' bonds. Every end credits the ledger; only `withdraw` sends tokens, so that no receiver can block an
     end. All that a job's money depends on is stored with it when it is requested.
"""

interface IEmethToken:
    def transfer(to: address, amount: uint256) -> bool: nonpayable
    def transferFrom(sender: address, to: address, amount: uint256) -> bool: nonpayable
    def mint(to: address, amount: uint256) -> bool: nonpayable
    def burn(amount: uint256) -> bool: nonpayable

interface IEmethSettlement:
    def fundPool(amount: uint256): nonpayable
    def frozen() -> (bytes32, uint64): view

interface IEmethVerifiers:
    def begin(jobId: bytes16, submission: bytes32, masked: bool): nonpayable
    def accept(jobId: bytes16, verifier: address) -> bool: nonpayable
    def reject(jobId: bytes16, verifier: address) -> address: nonpayable

struct Job:
    owner: address
    parentJob: bytes16
    status: uint256
    deadline: uint256
    fuelLimit: uint256
    fuelPrice: uint256
    requestedAt: uint256
    numParallel: uint256
    # What is left of E.
    escrow: uint256
    verifierFee: uint256
    # The rates and switches of the rules at the request, packed: see _packedRules.
    rules: uint256

struct Detail:
    programId: uint256
    numEpoch: uint256
    param: String[2048]
    dataset: String[512]
    result: String[1024]

struct Assign:
    node: address
    deposit: uint256
    fuelUsed: uint256
    startedAt: uint256
    submittedAt: uint256
    verifiedAt: uint256
    slot: uint256

struct Program:
    programId: uint256
    programName: String[64]
    mode: uint256
    minFuelPrice: uint256
    cooldownPeriod: uint256
    defaultFuelLimit: uint256
    defaultFuelPrice: uint256
    minTarget: uint256

struct Proof:
    target: uint256
    signer: address

event Status:
    jobId: indexed(bytes16)
    sender: address
    status: uint256

event Settled:
    jobId: indexed(bytes16)
    requester: uint256
    node: uint256
    verifier: uint256
    burned: uint256

event Deposited:
    account: indexed(address)
    amount: uint256

event Withdrawn:
    account: indexed(address)
    amount: uint256

event SlotFunded:
    slot: indexed(uint256)
    minted: uint256

event RewardPaid:
    node: indexed(address)
    slot: indexed(uint256)
    amount: uint256

event RoleChanged:
    role: indexed(bytes32)
    account: indexed(address)
    granted: bool

event ServerSet:
    requester: indexed(address)
    server: indexed(address)
    allowed: bool

event OwnerRemovalAnnounced:
    account: indexed(address)
    removalAt: uint256

event ParameterSet:
    parameter: indexed(bytes32)
    amount: uint256

event ProgramSet:
    programId: indexed(uint256)

REQUESTED: constant(uint256) = 1
PROCESSING: constant(uint256) = 2
SUBMITTED: constant(uint256) = 3
VERIFIED: constant(uint256) = 4
CANCELED: constant(uint256) = 5
TIMEOUT: constant(uint256) = 6
FAILED: constant(uint256) = 7
DECLINED: constant(uint256) = 8

# How EmethVerifiers ends a verification.
ACCEPTED: constant(uint256) = 1
EXPIRED: constant(uint256) = 2
WITHHELD: constant(uint256) = 3
ABSENT: constant(uint256) = 4
UNCHECKED: constant(uint256) = 5

WHOLE: constant(uint256) = 100_000
DAY: constant(uint256) = 86_400
WEEK: constant(uint256) = 7 * DAY
REPLACEMENT_PAUSE: constant(uint256) = 600
MAX_PARALLEL: constant(uint256) = 511
# From here on programs are external modules, whose manifests name the programs of their parts.
FIRST_EXTERNAL: constant(uint256) = 10_000
INITIAL_REWARD: constant(uint256) = 288_000 * 10**18
YEARLY_STEP: constant(uint256) = 14_400 * 10**18
LAST_YEAR: constant(uint256) = 20
# No cap on a node's reward is a cap that no reward reaches.
NO_CAP: constant(uint256) = 2**160
HALF_ORDER: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168

VERIFIER_FEE_RATE: constant(bytes32) = keccak256("VERIFIER_FEE_RATE")
VERIFIER_FEE_FLAT: constant(bytes32) = keccak256("VERIFIER_FEE_FLAT")
LEAST_VERIFIER_FEE: constant(bytes32) = keccak256("LEAST_VERIFIER_FEE")
DEPOSIT_RATE: constant(bytes32) = keccak256("DEPOSIT_RATE")
TIMEOUT_PENALTY_RATE: constant(bytes32) = keccak256("TIMEOUT_PENALTY_RATE")
DECLINE_PENALTY_RATE: constant(bytes32) = keccak256("DECLINE_PENALTY_RATE")
FAILED_PENALTY_RATE: constant(bytes32) = keccak256("FAILED_PENALTY_RATE")
SLOT_REWARD_CAP_RATE: constant(bytes32) = keccak256("SLOT_REWARD_CAP_RATE")
MAX_SLOT_FUEL_PER_NODE: constant(bytes32) = keccak256("MAX_SLOT_FUEL_PER_NODE")

# Bit positions in Job.rules.
TIMEOUT_BITS: constant(uint256) = 32
DECLINE_BITS: constant(uint256) = 64
FAILED_BITS: constant(uint256) = 96
CAP_BITS: constant(uint256) = 128
IS_FLAT: constant(uint256) = 2**160
COUNTS: constant(uint256) = 2**161
IS_MASKED: constant(uint256) = 2**162
PROVES_ITSELF: constant(uint256) = 2**163
IS_DERIVED: constant(uint256) = 2**164
# The id had another job before: a node's call for that one may still be under way.
REPLACED: constant(uint256) = 2**165
FUEL_CAP_BITS: constant(uint256) = 176
RATE_MASK: constant(uint256) = 2**32 - 1

# Why a call was refused, as text in a number: `_check` reverts with "core." and the text, at an eighth of the size of
# a string. E_STATUS is "status".
E_CONTRACTS: constant(uint256) = 1834257146517502784627
E_COOLDOWN: constant(uint256) = 7165068043501926254
E_DEADLINE: constant(uint256) = 7234295460384042597
E_DEPOSITS: constant(uint256) = 7234312000420541555
E_DEPOSIT_RATE: constant(uint256) = 121371615042447515957949541
E_FROZEN: constant(uint256) = 112641682597230
E_FUEL: constant(uint256) = 1718969708
E_FUEL_ABOVE_LIMIT: constant(uint256) = 2078106863445389418997071142021492
E_FUEL_PRICE: constant(uint256) = 1890027182086232302437
E_ID: constant(uint256) = 26980
E_ID_IN_USE: constant(uint256) = 29665139101102949
E_INDEX: constant(uint256) = 452823639416
E_LATE: constant(uint256) = 1818326117
E_MAX_ESCROW: constant(uint256) = 2017718544015117414263
E_NOT_CONSERVED: constant(uint256) = 34178090884798529280700474724
E_NOT_DIRECT: constant(uint256) = 2037172967363240616820
E_NOT_NODE: constant(uint256) = 31084792760984677
E_NOT_OWNER: constant(uint256) = 7957706951241917810
E_NOT_REQUESTER: constant(uint256) = 34178091160779961069934503282
E_OWNER: constant(uint256) = 478745093490
E_PARALLEL: constant(uint256) = 8097879367745299820
E_PARAMETER: constant(uint256) = 2073057118146975262066
E_PARENT: constant(uint256) = 123563833388660
E_PARENT_ESCROW: constant(uint256) = 34780127125352528114703560567
E_PAUSED: constant(uint256) = 123563884635492
E_PROGRAM: constant(uint256) = 31651020194079085
E_PROOF_CHALLENGE: constant(uint256) = 2280696373645394203011930848651109
E_PROOF_HEX: constant(uint256) = 8102661203841017208
E_PROOF_LENGTH: constant(uint256) = 135940097191665173243851880
E_PROOF_SENDER: constant(uint256) = 135940097191672869825045874
E_PROOF_TARGET: constant(uint256) = 135940097191673952224109940
E_SENDER: constant(uint256) = 126879480964466
E_SIGNATURE: constant(uint256) = 2128970729138026803813
E_SLOT: constant(uint256) = 1936486260
E_SLOT_FUNDED: constant(uint256) = 545072425011475516777828
E_STATUS: constant(uint256) = 126943688422771
E_TOO_EARLY: constant(uint256) = 8390046974592838777
E_VERIFIER: constant(uint256) = 8531350866138588530
E_VERIFIER_FEE: constant(uint256) = 143132316252994185707545957

emtToken: public(immutable(address))
startSlot: public(immutable(uint256))
settlement: public(address)
verification: public(address)

owners: public(HashMap[address, bool])
ownerCount: uint256
removalAt: public(HashMap[address, uint256])
paused: public(bool)
parameters: HashMap[bytes32, uint256]
programs_: HashMap[uint256, Program]
fuelCounts: public(HashMap[uint256, bool])
challengeSigner: public(address)
masterVerifier: public(address)

deposits: public(HashMap[address, uint256])
jobs_: HashMap[bytes16, Job]
details: HashMap[bytes16, Detail]
assigns: HashMap[bytes16, Assign]
proofs: HashMap[bytes16, Proof]
# The least V of a parent's parts, as it was when the parent was requested.
leastFees: HashMap[bytes16, uint256]
children: HashMap[bytes16, HashMap[uint256, bytes16]]
childCount: public(HashMap[bytes16, uint256])
worksForParent: public(HashMap[bytes16, HashMap[address, bool]])
servers: public(HashMap[address, HashMap[address, bool]])
lastJobAssigned: public(HashMap[address, uint256])

verifiers: public(HashMap[address, bool])
# For jobs of which times an account may be drawn: listed since, and removed at (zero: it is listed still).
verifierSince: HashMap[address, uint256]
verifierUntil: HashMap[address, uint256]

slotTotalFuel: HashMap[uint256, uint256]
slotTotalCap: HashMap[uint256, uint256]
slotFuel: public(HashMap[uint256, HashMap[address, uint256]])
slotBalances: public(HashMap[uint256, HashMap[address, uint256]])
slotCaps: HashMap[uint256, HashMap[address, uint256]]
slotFunded: public(HashMap[uint256, bool])


@deploy
def __init__(tokenAddress: address):
    emtToken = tokenAddress
    startSlot = block.timestamp // DAY
    self.owners[msg.sender] = True
    self.ownerCount = 1
    # The rule set `standard`; rates are over 100,000.
    self.parameters[VERIFIER_FEE_RATE] = 5_000
    self.parameters[DEPOSIT_RATE] = WHOLE
    self.parameters[TIMEOUT_PENALTY_RATE] = 25_000
    self.parameters[DECLINE_PENALTY_RATE] = 25_000
    self.parameters[FAILED_PENALTY_RATE] = 25_000
    self.parameters[SLOT_REWARD_CAP_RATE] = WHOLE
    self.parameters[MAX_SLOT_FUEL_PER_NODE] = 10**10


# ---- the ledger ----


@nonreentrant
@external
def deposit(amount: uint256):
    self.deposits[msg.sender] += amount
    log Deposited(account=msg.sender, amount=amount)
    self._take(amount)


@nonreentrant
@external
def withdraw(amount: uint256):
    self._check(amount <= self.deposits[msg.sender], E_DEPOSITS)
    self.deposits[msg.sender] -= amount
    log Withdrawn(account=msg.sender, amount=amount)
    assert extcall IEmethToken(emtToken).transfer(msg.sender, amount), "core.token"


# ---- jobs ----


@nonreentrant
@external
def request(
    jobId: bytes16,
    programId: uint256,
    parentJob: bytes16,
    numParallel: uint256,
    numEpoch: uint256,
    dataset: String[512],
    param: String[2048],
    fuelLimit: uint256,
    fuelPrice: uint256,
    deadline: uint256,
) -> bool:
    """
    @notice The request of 2023, with an id of one's own choice. What it costs is limited by the token's allowance.
            Parts are registered by requestSubJob alone.
    """
    self._check(parentJob == empty(bytes16), E_PARENT)
    self._check(self.jobs_[jobId].status == 0, E_ID_IN_USE)
    self._register(
        jobId, programId, parentJob, numParallel, numEpoch, dataset, param, fuelLimit, fuelPrice, deadline,
        0, False, max_value(uint256), 0,
    )
    return True


@nonreentrant
@external
def requestWithSalt(
    salt: bytes32,
    programId: uint256,
    numParallel: uint256,
    numEpoch: uint256,
    dataset: String[512],
    param: String[2048],
    fuelLimit: uint256,
    fuelPrice: uint256,
    deadline: uint256,
    maxEscrow: uint256,
) -> bytes16:
    """
    @notice Registers a job under the first 16 bytes of keccak256(caller ‖ salt): nobody can take the id away.
    """
    digest: bytes32 = keccak256(concat(convert(msg.sender, bytes20), salt))
    jobId: bytes16 = convert(slice(digest, 0, 16), bytes16)
    switches: uint256 = self._makeFree(jobId, msg.sender)
    self._register(
        jobId, programId, empty(bytes16), numParallel, numEpoch, dataset, param, fuelLimit, fuelPrice, deadline,
        0, False, maxEscrow, switches,
    )
    return jobId


@nonreentrant
@external
def requestSubJob(
    parentJob: bytes16,
    round: uint32,
    part: uint32,
    attempt: uint32,
    programId: uint256,
    dataset: String[512],
    param: String[2048],
    fuelLimit: uint256,
    verifierFee: uint256,
    deadline: uint256,
    masked: bool,
) -> bytes16:
    """
    @notice Registers a part of a job under the first 16 bytes of keccak256(parent ‖ round ‖ part ‖ attempt), paid
            from the parent's escrow at the parent's price.
    """
    digest: bytes32 = keccak256(
        concat(parentJob, convert(round, bytes4), convert(part, bytes4), convert(attempt, bytes4))
    )
    jobId: bytes16 = convert(slice(digest, 0, 16), bytes16)
    switches: uint256 = self._makeFree(jobId, self.jobs_[parentJob].owner)
    self._register(
        jobId, programId, parentJob, 1, 1, dataset, param, fuelLimit, self.jobs_[parentJob].fuelPrice, deadline,
        verifierFee, masked, max_value(uint256), switches,
    )
    return jobId


@nonreentrant
@external
def cancel(jobId: bytes16) -> bool:
    """
    @notice Takes a job back that nobody has taken; a part whose parent has ended, anyone.
    """
    job: Job = self.jobs_[jobId]
    if not self._isOrphan(job) or job.status > PROCESSING:
        self._onlyOwnerOf(job)
        self._check(job.status == REQUESTED, E_STATUS)
    self._end(jobId, CANCELED, msg.sender, 0, 0, 0)
    return True


@nonreentrant
@external
def process(jobId: bytes16) -> bool:
    self._take_up(jobId, msg.sender)
    return True


@nonreentrant
@external
def decline(jobId: bytes16) -> bool:
    job: Job = self.jobs_[jobId]
    self._check(job.status == PROCESSING, E_STATUS)
    self._check(self.assigns[jobId].node == msg.sender, E_NOT_NODE)
    self._end(jobId, DECLINED, msg.sender, 0, 0, self._penalty(job, DECLINE_BITS))
    return True


@nonreentrant
@external
def submit(jobId: bytes16, result: String[1024], fuelUsed: uint256) -> bool:
    """
    @notice Hands in a result; for a job in parts, its owner or server does, and the job ends.
    """
    if self.jobs_[jobId].numParallel > 1:
        self._check(self.jobs_[jobId].status == PROCESSING, E_STATUS)
        self._onlyOwnerOf(self.jobs_[jobId])
        self._check(block.timestamp < self.jobs_[jobId].deadline, E_LATE)
        self.details[jobId].result = result
        self._end(jobId, VERIFIED, msg.sender, 0, 0, 0)
    else:
        self._submit(jobId, msg.sender, result, fuelUsed)
    return True


@nonreentrant
@external
def directSubmit(jobId: bytes16, result: String[1024], fuelUsed: uint256, programId: uint256) -> bool:
    """
    @notice Takes a job whose result proves itself, and hands the result in, in one call.
    """
    self._submitDirectly(jobId, msg.sender, result, fuelUsed, programId)
    return True


@nonreentrant
@external
def deligatedSubmit(
    node: address, jobId: bytes16, programId: uint256, result: String[1024], fuelUsed: uint256
) -> bool:
    """
    @notice Hands in a result for a node. The last 65 bytes of the calldata, behind the arguments, are the node's
            EIP-712 signature of DelegatedSubmit in this contract's domain.
    """
    structHash: bytes32 = keccak256(
        abi_encode(
            keccak256(
                "DelegatedSubmit(address node,bytes16 jobId,uint256 programId,bytes32 resultHash,uint256 fuelUsed)"
            ),
            node,
            jobId,
            programId,
            keccak256(result),
            fuelUsed,
        )
    )
    digest: bytes32 = keccak256(concat(b"\x19\x01", self._separator(self), structHash))
    tail: Bytes[65] = slice(msg.data, len(msg.data) - 65, 65)
    self._check(node != empty(address) and self._recovered(digest, tail) == node, E_SIGNATURE)
    if self.jobs_[jobId].status == PROCESSING:
        self._check(self.details[jobId].programId == programId, E_PROGRAM)
        self._submit(jobId, node, result, fuelUsed)
    else:
        self._submitDirectly(jobId, node, result, fuelUsed, programId)
    return True


@nonreentrant
@external
def timeout(jobId: bytes16) -> bool:
    """
    @notice Ends a job whose deadline has come; anyone.
    """
    job: Job = self.jobs_[jobId]
    self._check(job.status == REQUESTED or job.status == PROCESSING, E_STATUS)
    self._check(block.timestamp >= job.deadline, E_TOO_EARLY)
    # Whose parent has ended is canceled, not late.
    self._check(not self._isOrphan(job), E_PARENT)
    self._end(jobId, TIMEOUT, msg.sender, 0, 0, self._penalty(job, TIMEOUT_BITS))
    return True


@external
def setServer(server: address, allowed: bool):
    """
    @notice Lets an L1 server register, and end, the parts of the caller's jobs.
    """
    self.servers[msg.sender][server] = allowed
    log ServerSet(requester=msg.sender, server=server, allowed=allowed)


# ---- verification (EmethVerifiers draws and keeps the periods) ----


@nonreentrant
@external
def verify(jobId: bytes16) -> bool:
    """
    @notice The drawn verifier accepts. Parts that are added masked end when their masked vector is in.
    """
    self._check(self.jobs_[jobId].status == SUBMITTED, E_STATUS)
    if extcall IEmethVerifiers(self.verification).accept(jobId, msg.sender):
        self._endVerified(jobId, msg.sender)
    return True


@nonreentrant
@external
def rejectResult(jobId: bytes16) -> bool:
    """
    @notice The drawn verifier found a mismatch: another one is drawn, and when that one finds it too the job has
            failed. Of a masked part, the verifier that accepted it. Of a job in parts, its owner or server.
    """
    if self.jobs_[jobId].numParallel > 1:
        self._check(self.jobs_[jobId].status == PROCESSING, E_STATUS)
        self._onlyOwnerOf(self.jobs_[jobId])
        self._end(jobId, FAILED, msg.sender, 0, 0, 0)
    else:
        self._check(self.jobs_[jobId].status == SUBMITTED, E_STATUS)
        payee: address = extcall IEmethVerifiers(self.verification).reject(jobId, msg.sender)
        if payee != empty(address):
            self._endFailed(jobId, payee)
    return True


@nonreentrant
@external
def conclude(jobId: bytes16, outcome: uint256, verifier: address):
    """
    @notice EmethVerifiers says how a verification ended: accepted, expired, failed, absent or unchecked.
    """
    self._check(msg.sender == self.verification, E_SENDER)
    self._check(self.jobs_[jobId].status == SUBMITTED, E_STATUS)
    if outcome == ACCEPTED:
        self._endVerified(jobId, verifier)
    elif outcome == EXPIRED:
        self._end(jobId, VERIFIED, verifier, self.assigns[jobId].fuelUsed, 0, 0)
    elif outcome == WITHHELD:
        self._endFailed(jobId, verifier)
    elif outcome == UNCHECKED:
        self._end(jobId, CANCELED, verifier, 0, 0, 0)
    else:
        self._check(outcome == ABSENT, E_STATUS)
        self._end(jobId, TIMEOUT, verifier, 0, 0, self._penalty(self.jobs_[jobId], TIMEOUT_BITS))


# ---- slot rewards ----


@nonreentrant
@external
def fundSlot(slot: uint256) -> uint256:
    """
    @notice Mints a closed slot's reward into the pool of L2, once, less what nodes of this contract's jobs can draw.
    """
    self._check(slot >= startSlot and slot < block.timestamp // DAY, E_SLOT)
    self._check(not self.slotFunded[slot] and self.settlement != empty(address), E_SLOT_FUNDED)
    # What is minted after L2 has frozen would be nobody's but a dishonest claim's.
    batch: bytes32 = empty(bytes32)
    frozenAt: uint64 = 0
    batch, frozenAt = staticcall IEmethSettlement(self.settlement).frozen()
    self._check(frozenAt == 0 or slot < convert(frozenAt, uint256) // DAY, E_FROZEN)
    self.slotFunded[slot] = True
    reward: uint256 = self._slotReward(slot)
    minted: uint256 = reward - min(reward, self.slotTotalCap[slot])
    log SlotFunded(slot=slot, minted=minted)
    if minted > 0:
        assert extcall IEmethToken(emtToken).mint(self.settlement, minted), "core.token"
        extcall IEmethSettlement(self.settlement).fundPool(minted)
    return minted


@nonreentrant
@external
def withdrawSlotReward(node: address, slot: uint256) -> bool:
    """
    @notice Mints a node's reward of a closed slot to the node; when and by whom it is called changes nothing.
    """
    self._check(slot < block.timestamp // DAY, E_SLOT)
    return self._payReward(node, slot)


@nonreentrant
@external
def withdrawSlotRewardInRange(node: address, firstSlot: uint256, lastSlot: uint256) -> bool:
    self._check(firstSlot <= lastSlot and lastSlot < block.timestamp // DAY, E_SLOT)
    paid: bool = False
    for slot: uint256 in range(firstSlot, lastSlot + 1, bound=366):
        if self._payReward(node, slot):
            paid = True
    return paid


# ---- owners ----


@external
def setContracts(settlementAddress: address, verificationAddress: address):
    """
    @notice Names the two contracts beside this one, once and for good.
    """
    self._onlyOwner()
    self._check(self.settlement == empty(address), E_CONTRACTS)
    self._check(settlementAddress.is_contract and verificationAddress.is_contract, E_CONTRACTS)
    self.settlement = settlementAddress
    self.verification = verificationAddress
    log RoleChanged(role=keccak256("settlement"), account=settlementAddress, granted=True)
    log RoleChanged(role=keccak256("verification"), account=verificationAddress, granted=True)


@external
def setPaused(paused: bool):
    """
    @notice Stops new requests, or lets them in again; nothing else ever stops.
    """
    self._onlyOwner()
    self.paused = paused
    log RoleChanged(role=keccak256("paused"), account=msg.sender, granted=paused)


@external
def addOwner(account: address):
    self._onlyOwner()
    self._check(account != empty(address) and not self.owners[account], E_OWNER)
    self.owners[account] = True
    self.ownerCount += 1
    log RoleChanged(role=keccak256("owner"), account=account, granted=True)


@external
def removeOwner(account: address):
    """
    @notice Oneself at once. Another owner by two calls, seven days apart; never the last one.
    """
    self._onlyOwner()
    self._check(self.owners[account] and self.ownerCount > 1, E_OWNER)
    if account != msg.sender:
        at: uint256 = self.removalAt[account]
        if at == 0:
            self.removalAt[account] = block.timestamp + WEEK
            log OwnerRemovalAnnounced(account=account, removalAt=block.timestamp + WEEK)
            return
        self._check(block.timestamp >= at, E_TOO_EARLY)
    self.owners[account] = False
    self.removalAt[account] = 0
    self.ownerCount -= 1
    log RoleChanged(role=keccak256("owner"), account=account, granted=False)


@external
def addVerifier(account: address):
    """
    @notice Lists a verifier: it can be drawn, with bond and commitments, for jobs that are requested from now on. Once:
            an account that was removed stays so, else its removal would end what it was listed for before.
    """
    self._onlyOwner()
    self._check(account != empty(address) and self.verifierSince[account] == 0, E_VERIFIER)
    self.verifiers[account] = True
    self.verifierSince[account] = block.timestamp
    log RoleChanged(role=keccak256("verifier"), account=account, granted=True)


@external
def removeVerifier(account: address):
    """
    @notice For jobs that are requested from now on: for those that were, it can still be drawn.
    """
    self._onlyOwner()
    self._check(self.verifiers[account], E_VERIFIER)
    self.verifiers[account] = False
    self.verifierUntil[account] = block.timestamp
    log RoleChanged(role=keccak256("verifier"), account=account, granted=False)


@external
def setMasterVerifier(account: address):
    """
    @notice Kept for its interface: fees go to the verifier that was drawn.
    """
    self._onlyOwner()
    self.masterVerifier = account
    log RoleChanged(role=keccak256("masterVerifier"), account=account, granted=True)


@external
def setChallengeSigner(account: address):
    self._onlyOwner()
    self.challengeSigner = account
    log RoleChanged(role=keccak256("challengeSigner"), account=account, granted=True)


@external
def setProgram(
    programId: uint256,
    programName: String[64],
    mode: uint256,
    minFuelPrice: uint256,
    cooldownPeriod: uint256,
    defaultFuelLimit: uint256,
    defaultFuelPrice: uint256,
    minTarget: uint256,
) -> bool:
    self._onlyOwner()
    self._check(programId > 0 and mode <= 1 and cooldownPeriod <= WEEK, E_PROGRAM)
    # A direct program is one whose results prove themselves.
    self._check(mode == 0 or minTarget > 0, E_PROGRAM)
    self.programs_[programId] = Program(
        programId=programId,
        programName=programName,
        mode=mode,
        minFuelPrice=minFuelPrice,
        cooldownPeriod=cooldownPeriod,
        defaultFuelLimit=defaultFuelLimit,
        defaultFuelPrice=defaultFuelPrice,
        minTarget=minTarget,
    )
    log ProgramSet(programId=programId)
    return True


@external
def setFuelCounts(programId: uint256, counts: bool):
    """
    @notice Whether the fuel of a program's jobs, requested from now on, counts for slot rewards: where it is computed
            by formula.
    """
    self._onlyOwner()
    self.fuelCounts[programId] = counts
    log ProgramSet(programId=programId)


@external
def setMinTarget(programId: uint256, target: uint256) -> bool:
    self._setMinTarget(programId, target)
    return True


@external
def setMinTargetByDifficulty(programId: uint256, difficulty: uint256) -> bool:
    self._setMinTarget(programId, max_value(uint256) // difficulty)
    return True


@external
def setParameter(parameter: bytes32, amount: uint256) -> bool:
    """
    @notice Changes a number for jobs that are requested from now on.
    """
    self._onlyOwner()
    if parameter == DEPOSIT_RATE or parameter == SLOT_REWARD_CAP_RATE:
        self._check(amount <= 10 * WHOLE, E_PARAMETER)
    elif parameter == VERIFIER_FEE_FLAT or parameter == LEAST_VERIFIER_FEE:
        self._check(amount < 2**128, E_PARAMETER)
    elif parameter == MAX_SLOT_FUEL_PER_NODE:
        self._check(amount < 2**64, E_PARAMETER)
    else:
        self._check(
            parameter == VERIFIER_FEE_RATE
            or parameter == TIMEOUT_PENALTY_RATE
            or parameter == DECLINE_PENALTY_RATE
            or parameter == FAILED_PENALTY_RATE,
            E_PARAMETER,
        )
        self._check(amount <= WHOLE, E_PARAMETER)
    self.parameters[parameter] = amount
    log ParameterSet(parameter=parameter, amount=amount)
    return True


# ---- views ----


@view
@external
def getParameter(name: String[64]) -> uint256:
    return self.parameters[keccak256(name)]


@view
@external
def currentSlot() -> uint256:
    return block.timestamp // DAY


@view
@external
def currentSlotReward() -> uint256:
    return self._slotReward(block.timestamp // DAY)


@view
@external
def slots(slot: uint256) -> (uint256, uint256):
    return self.slotTotalFuel[slot], self._slotReward(slot)


@view
@external
def slotRewards(slot: uint256, node: address) -> (uint256, uint256, uint256):
    return self.slotFuel[slot][node], self.slotBalances[slot][node], self._rewardOf(node, slot)


@view
@external
def jobs(
    jobId: bytes16,
) -> (bool, bytes16, bytes16, address, uint256, uint256, uint256, uint256, uint256):
    job: Job = self.jobs_[jobId]
    id: bytes16 = jobId
    if job.status == 0:
        id = empty(bytes16)
    return (
        job.status > 0, id, job.parentJob, job.owner, job.deadline, job.fuelLimit, job.fuelPrice, job.status,
        job.requestedAt,
    )


@view
@external
def jobDetails(
    jobId: bytes16,
) -> (uint256, uint256, uint256, String[2048], String[512], String[1024]):
    detail: Detail = self.details[jobId]
    return (
        detail.programId, self.jobs_[jobId].numParallel, detail.numEpoch, detail.param, detail.dataset,
        detail.result,
    )


@view
@external
def jobAssigns(
    jobId: bytes16,
) -> (address, uint256, uint256, uint256, uint256, uint256, uint256):
    assigned: Assign = self.assigns[jobId]
    return (
        assigned.node, assigned.deposit, assigned.fuelUsed, assigned.startedAt, assigned.submittedAt,
        assigned.verifiedAt, assigned.slot,
    )


@view
@external
def jobTerms(jobId: bytes16) -> (uint256, uint256, uint256):
    """
    @notice What is left of the escrow, the verifier's fee, and the deposit that a node locks.
    """
    job: Job = self.jobs_[jobId]
    return job.escrow, job.verifierFee, self._deposit(job)


@view
@external
def isMasked(jobId: bytes16) -> bool:
    """
    @notice Whether a part is verified only when its masked vector is in: a node must know it before it takes the part.
    """
    return self.jobs_[jobId].rules & IS_MASKED != 0


@view
@external
def reviewTerms(jobId: bytes16) -> (uint256, address, address, bytes16, uint256, uint256):
    """
    @notice Status, requester, node, parent, when it (of a part: its parent) was requested, and the verifier's fee.
    """
    job: Job = self.jobs_[jobId]
    requestedAt: uint256 = job.requestedAt
    if job.parentJob != empty(bytes16):
        # What was put out and registered anew at the parent's id is younger than its part: no judge is younger.
        requestedAt = min(requestedAt, self.jobs_[job.parentJob].requestedAt)
    return job.status, job.owner, self.assigns[jobId].node, job.parentJob, requestedAt, job.verifierFee


@view
@external
def verifierPeriod(account: address) -> (uint256, uint256):
    """
    @notice Since when an account is listed as a verifier, and when it was removed; zero: it was not.
    """
    return self.verifierSince[account], self.verifierUntil[account]


@view
@external
def isRequester(jobId: bytes16, account: address) -> bool:
    """
    @notice Whether an account is the job's owner or one of its servers.
    """
    owner: address = self.jobs_[jobId].owner
    return account == owner or self.servers[owner][account]


@view
@external
def jobChildren(jobId: bytes16, index: uint256) -> bytes16:
    self._check(index < self.childCount[jobId], E_INDEX)
    return self.children[jobId][index]


@view
@external
def programs(
    programId: uint256,
) -> (uint256, String[64], uint256, uint256, uint256, uint256, uint256, uint256):
    program: Program = self.programs_[programId]
    return (
        program.programId, program.programName, program.mode, program.minFuelPrice, program.cooldownPeriod,
        program.defaultFuelLimit, program.defaultFuelPrice, program.minTarget,
    )


# ---- inside: jobs ----


@internal
def _makeFree(jobId: bytes16, owner: address) -> uint256:
    # An id that follows from its sender or its parent belongs to them. Who squats on it is put out, whether by a bare id
    # or as a part of a job that squats on the parent's: it gets its escrow back, but pays a node that has taken the job
    # as if all of it had been done.
    job: Job = self.jobs_[jobId]
    if job.status == 0:
        return IS_DERIVED
    self._check(job.rules & IS_DERIVED == 0 or job.owner != owner, E_ID_IN_USE)
    if job.status <= SUBMITTED:
        fuel: uint256 = 0
        if self.assigns[jobId].node != empty(address):
            fuel = job.fuelLimit
        self._end(jobId, CANCELED, msg.sender, fuel, 0, 0)
    self.assigns[jobId] = empty(Assign)
    self.childCount[jobId] = 0
    return IS_DERIVED | REPLACED


@internal
def _register(
    jobId: bytes16,
    programId: uint256,
    parentJob: bytes16,
    numParallel: uint256,
    numEpoch: uint256,
    dataset: String[512],
    param: String[2048],
    givenLimit: uint256,
    givenPrice: uint256,
    deadline: uint256,
    givenFee: uint256,
    masked: bool,
    maxEscrow: uint256,
    switches: uint256,
):
    self._check(not self.paused or parentJob != empty(bytes16), E_PAUSED)
    # Without the contract that draws verifiers no job could be checked. Whether anybody could be drawn, or can compute the
    # program, is not known here (Docs/Decisions/0046).
    self._check(self.verification != empty(address), E_CONTRACTS)
    program: Program = self.programs_[programId]
    self._check(program.programId > 0, E_PROGRAM)
    self._check(jobId != empty(bytes16), E_ID)
    self._check(numParallel > 0 and numParallel <= MAX_PARALLEL and numEpoch > 0 and numEpoch < 2**32, E_PARALLEL)
    self._check(deadline > block.timestamp and deadline < 2**64, E_DEADLINE)
    fuelLimit: uint256 = givenLimit
    fuelPrice: uint256 = givenPrice
    if program.mode == 1:
        fuelLimit = program.defaultFuelLimit
        fuelPrice = program.defaultFuelPrice
    self._check(fuelLimit < 2**64 and fuelPrice < 2**128, E_FUEL)
    self._check(fuelPrice >= program.minFuelPrice, E_FUEL_PRICE)
    fee: uint256 = fuelLimit * fuelPrice
    self._check(fee > 0, E_FUEL)
    rules: uint256 = 0
    verifierFee: uint256 = 0
    least: uint256 = self.parameters[LEAST_VERIFIER_FEE]
    owner: address = msg.sender
    if parentJob == empty(bytes16):
        rules = self._packedRules()
        # Its parts would inherit a V of zero, and no verifier would look at them.
        self._check(program.minTarget == 0 or numParallel == 1, E_PARALLEL)
        verifierFee = self.parameters[VERIFIER_FEE_FLAT]
        if verifierFee == 0:
            verifierFee = fee * self.parameters[VERIFIER_FEE_RATE] // WHOLE
    else:
        parent: Job = self.jobs_[parentJob]
        self._onlyOwnerOf(parent)
        self._check(parent.status == REQUESTED or parent.status == PROCESSING, E_PARENT)
        self._check(parent.numParallel > 1 and deadline <= parent.deadline, E_PARENT)
        # 1 -> 11, of an external module any other one; and none whose results prove themselves: what a part is paid
        # for, a verifier has seen.
        self._check(fuelPrice == parent.fuelPrice and program.minTarget == 0, E_PARENT)
        whole: uint256 = self.details[parentJob].programId
        self._check(
            programId // 10 == whole or (min(programId, whole) >= FIRST_EXTERNAL and programId != whole), E_PARENT
        )
        owner = parent.owner
        least = self.leastFees[parentJob]
        # The rules of the parent's request, without the switches that are each part's own.
        rules = parent.rules & ~(COUNTS | IS_MASKED | PROVES_ITSELF | IS_DERIVED | REPLACED)
        # The parent's fee in proportion; remainders go to the first parts, so one holon more may be given.
        verifierFee = parent.verifierFee * fuelLimit // max(parent.fuelLimit, 1)
        self._check(givenFee == verifierFee or givenFee == verifierFee + 1, E_VERIFIER_FEE)
        verifierFee = givenFee
        if parent.status == REQUESTED:
            self._setStatus(parentJob, PROCESSING, msg.sender)
        index: uint256 = self.childCount[parentJob]
        self.children[parentJob][index] = jobId
        self.childCount[parentJob] = index + 1
    if self.fuelCounts[programId]:
        rules |= COUNTS
    if masked:
        rules |= IS_MASKED
    if program.minTarget > 0:
        # A proof needs no verifier.
        rules = (rules | PROVES_ITSELF) & ~IS_FLAT & ~COUNTS & ~IS_MASKED
        verifierFee = 0
        self.proofs[jobId] = Proof(target=program.minTarget, signer=self.challengeSigner)
    else:
        # A draw uses up a commitment: it must not be had for nothing.
        self._check(verifierFee >= least, E_VERIFIER_FEE)
    if numParallel > 1:
        self.leastFees[jobId] = least
    rules |= switches
    escrow: uint256 = fee
    if rules & IS_FLAT == 0:
        escrow += verifierFee
    else:
        self._check(fee >= verifierFee, E_VERIFIER_FEE)
    self._check(escrow <= maxEscrow, E_MAX_ESCROW)
    job: Job = Job(
        owner=owner,
        parentJob=parentJob,
        status=REQUESTED,
        deadline=deadline,
        fuelLimit=fuelLimit,
        fuelPrice=fuelPrice,
        requestedAt=block.timestamp,
        numParallel=numParallel,
        escrow=escrow,
        verifierFee=verifierFee,
        rules=rules,
    )
    # Else a failed job could not pay its verifier.
    self._check(self._deposit(job) >= verifierFee, E_DEPOSIT_RATE)
    self.jobs_[jobId] = job
    self.details[jobId] = Detail(
        programId=programId, numEpoch=numEpoch, param=param, dataset=dataset, result=""
    )
    log Status(jobId=jobId, sender=owner, status=REQUESTED)
    if parentJob == empty(bytes16):
        self._take(escrow)
    else:
        self._check(escrow <= self.jobs_[parentJob].escrow, E_PARENT_ESCROW)
        self.jobs_[parentJob].escrow -= escrow


@internal
def _take_up(jobId: bytes16, node: address):
    job: Job = self.jobs_[jobId]
    self._check(job.status == REQUESTED and job.numParallel == 1, E_STATUS)
    self._check(block.timestamp < job.deadline, E_LATE)
    self._check(not self._isOrphan(job), E_PARENT)
    # Who sends `process` for one job must not get another with worse terms under the same id.
    if job.rules & REPLACED != 0:
        self._check(block.timestamp >= job.requestedAt + REPLACEMENT_PAUSE, E_TOO_EARLY)
    last: uint256 = self.lastJobAssigned[node]
    cooldown: uint256 = self.programs_[self.details[jobId].programId].cooldownPeriod
    self._check(last == 0 or block.timestamp >= last + cooldown, E_COOLDOWN)
    amount: uint256 = self._deposit(job)
    self._check(amount <= self.deposits[node], E_DEPOSITS)
    self.deposits[node] -= amount
    self.lastJobAssigned[node] = block.timestamp
    self.assigns[jobId].node = node
    self.assigns[jobId].deposit = amount
    self.assigns[jobId].startedAt = block.timestamp
    if job.parentJob != empty(bytes16):
        self.worksForParent[job.parentJob][node] = True
    self._setStatus(jobId, PROCESSING, node)


@internal
def _submitDirectly(
    jobId: bytes16, node: address, result: String[1024], fuelUsed: uint256, programId: uint256
):
    self._check(self.jobs_[jobId].rules & PROVES_ITSELF != 0, E_NOT_DIRECT)
    self._check(self.details[jobId].programId == programId, E_PROGRAM)
    self._take_up(jobId, node)
    self._submit(jobId, node, result, fuelUsed)


@internal
def _submit(jobId: bytes16, node: address, result: String[1024], fuelUsed: uint256):
    job: Job = self.jobs_[jobId]
    self._check(job.status == PROCESSING, E_STATUS)
    self._check(self.assigns[jobId].node == node, E_NOT_NODE)
    self._check(block.timestamp < job.deadline, E_LATE)
    self._check(not self._isOrphan(job), E_PARENT)
    self._check(fuelUsed <= job.fuelLimit, E_FUEL_ABOVE_LIMIT)
    self.details[jobId].result = result
    self.assigns[jobId].fuelUsed = fuelUsed
    self.assigns[jobId].submittedAt = block.timestamp
    self._setStatus(jobId, SUBMITTED, node)
    if job.rules & PROVES_ITSELF != 0:
        self._checkProof(jobId, node, result)
        self._end(jobId, VERIFIED, node, fuelUsed, 0, 0)
    else:
        extcall IEmethVerifiers(self.verification).begin(
            jobId,
            keccak256(abi_encode(jobId, node, keccak256(result), fuelUsed, block.number)),
            job.rules & IS_MASKED != 0,
        )


@view
@internal
def _checkProof(jobId: bytes16, node: address, result: String[1024]):
    # 65 bytes of challenge and 32 of nonce in hex. The nonce begins with the node's address: a solution is worth
    # nothing to anybody else.
    self._check(len(result) == 194, E_PROOF_LENGTH)
    text: Bytes[194] = slice(convert(result, Bytes[1024]), 0, 194)
    r: uint256 = self._hex(text, 0, 64)
    s: uint256 = self._hex(text, 64, 64)
    v: uint256 = self._hex(text, 128, 2)
    nonce: uint256 = self._hex(text, 130, 64)
    self._check(nonce >> 96 == convert(node, uint256), E_PROOF_SENDER)
    proof: Proof = self.proofs[jobId]
    word: bytes32 = convert(convert(jobId, uint256), bytes32)
    digest: bytes32 = keccak256(concat(b"\x19Ethereum Signed Message:\n32", word))
    challenge: Bytes[65] = concat(
        convert(r, bytes32), convert(s, bytes32), convert(convert(v, uint8), bytes1)
    )
    self._check(
        proof.signer != empty(address) and self._recovered(digest, challenge) == proof.signer,
        E_PROOF_CHALLENGE,
    )
    found: bytes32 = sha256(concat(challenge, convert(nonce, bytes32)))
    self._check(convert(found, uint256) <= proof.target, E_PROOF_TARGET)


@pure
@internal
def _hex(text: Bytes[194], start: uint256, count: uint256) -> uint256:
    number: uint256 = 0
    for index: uint256 in range(start, start + count, bound=64):
        digit: uint256 = convert(slice(text, index, 1), uint256)
        if digit >= 48 and digit <= 57:
            digit -= 48
        else:
            self._check(digit >= 97 and digit <= 102, E_PROOF_HEX)
            digit -= 87
        number = number * 16 + digit
    return number


# ---- inside: money ----


@view
@internal
def _packedRules() -> uint256:
    flat: uint256 = 0
    if self.parameters[VERIFIER_FEE_FLAT] > 0:
        flat = IS_FLAT
    return (
        flat
        | self.parameters[DEPOSIT_RATE]
        | self.parameters[TIMEOUT_PENALTY_RATE] << TIMEOUT_BITS
        | self.parameters[DECLINE_PENALTY_RATE] << DECLINE_BITS
        | self.parameters[FAILED_PENALTY_RATE] << FAILED_BITS
        | self.parameters[SLOT_REWARD_CAP_RATE] << CAP_BITS
        | self.parameters[MAX_SLOT_FUEL_PER_NODE] << FUEL_CAP_BITS
    )


@pure
@internal
def _deposit(job: Job) -> uint256:
    # D = rate of L, and V where that is not taken out of the fee.
    amount: uint256 = job.fuelLimit * job.fuelPrice * (job.rules & RATE_MASK) // WHOLE
    if job.rules & IS_FLAT == 0:
        amount += job.verifierFee
    return amount


@pure
@internal
def _penalty(job: Job, bits: uint256) -> uint256:
    # P before it is cut to the deposit: a rate of L, or of D under the flat rules.
    base: uint256 = job.fuelLimit * job.fuelPrice
    if job.rules & IS_FLAT != 0:
        base = base * (job.rules & RATE_MASK) // WHOLE
    return base * (job.rules >> bits & RATE_MASK) // WHOLE


@internal
def _endVerified(jobId: bytes16, verifier: address):
    job: Job = self.jobs_[jobId]
    fuelUsed: uint256 = self.assigns[jobId].fuelUsed
    if job.rules & COUNTS != 0:
        self._countFuel(self.assigns[jobId].node, fuelUsed, job)
        self.assigns[jobId].slot = block.timestamp // DAY
    self.deposits[verifier] += job.verifierFee
    self._end(jobId, VERIFIED, verifier, fuelUsed, job.verifierFee, 0)


@internal
def _endFailed(jobId: bytes16, verifier: address):
    job: Job = self.jobs_[jobId]
    self.deposits[verifier] += job.verifierFee
    self._end(jobId, FAILED, msg.sender, 0, job.verifierFee, self._penalty(job, FAILED_BITS))


@internal
def _end(
    jobId: bytes16, status: uint256, sender: address, fuelUsed: uint256, toVerifier: uint256, penalty: uint256
):
    # Every row of PROTOCOL 3. What the verifier gets is credited by the caller.
    job: Job = self.jobs_[jobId]
    assigned: Assign = self.assigns[jobId]
    locked: uint256 = 0
    if assigned.node != empty(address):
        locked = assigned.deposit
    fee: uint256 = 0
    burned: uint256 = 0
    toNode: uint256 = locked
    toRequester: uint256 = job.escrow
    if fuelUsed > 0 or (status == VERIFIED and job.numParallel == 1):
        fee = fuelUsed * job.fuelPrice
        if job.rules & IS_FLAT != 0:
            # U = L, and V comes out of it; by expiry it goes back to the requester.
            fee = job.fuelLimit * job.fuelPrice - job.verifierFee
        toNode = locked + fee
        toRequester = job.escrow - fee - toVerifier
        self.assigns[jobId].verifiedAt = block.timestamp
    else:
        # V of a failed job is the node's to pay.
        burned = min(penalty, locked - toVerifier)
        toNode = locked - toVerifier - burned
    self._check(job.escrow + locked == toRequester + toNode + toVerifier + burned, E_NOT_CONSERVED)
    self.jobs_[jobId].escrow = 0
    self._setStatus(jobId, status, sender)
    if self._hasRunningParent(job):
        self.jobs_[job.parentJob].escrow += toRequester
    else:
        self.deposits[job.owner] += toRequester
    if toNode > 0:
        self.deposits[assigned.node] += toNode
    log Settled(jobId=jobId, requester=toRequester, node=toNode, verifier=toVerifier, burned=burned)
    if burned > 0:
        assert extcall IEmethToken(emtToken).burn(burned), "core.token"


@internal
def _take(amount: uint256):
    assert extcall IEmethToken(emtToken).transferFrom(msg.sender, self, amount), "core.token"


# ---- inside: rewards ----


@internal
def _countFuel(node: address, fuelUsed: uint256, job: Job):
    slot: uint256 = block.timestamp // DAY
    before: uint256 = self.slotFuel[slot][node]
    limit: uint256 = job.rules >> FUEL_CAP_BITS & (2**64 - 1)
    counted: uint256 = min(fuelUsed, limit - min(limit, before))
    self.slotFuel[slot][node] = before + counted
    self.slotBalances[slot][node] += counted
    self.slotTotalFuel[slot] += counted
    rate: uint256 = job.rules >> CAP_BITS & RATE_MASK
    # What can't be drawn is not kept from the pool of L2.
    cap: uint256 = 0
    if counted > 0:
        cap = NO_CAP
        if rate > 0:
            cap = job.verifierFee * rate // WHOLE
    self.slotCaps[slot][node] += cap
    self.slotTotalCap[slot] += cap


@view
@internal
def _slotReward(slot: uint256) -> uint256:
    if slot < startSlot:
        return 0
    return INITIAL_REWARD - min((slot - startSlot) // 365, LAST_YEAR) * YEARLY_STEP


@view
@internal
def _rewardOf(node: address, slot: uint256) -> uint256:
    fuel: uint256 = self.slotBalances[slot][node]
    if fuel == 0:
        return 0
    share: uint256 = self._slotReward(slot) * fuel // self.slotTotalFuel[slot]
    return min(share, self.slotCaps[slot][node])


@internal
def _payReward(node: address, slot: uint256) -> bool:
    amount: uint256 = self._rewardOf(node, slot)
    self.slotBalances[slot][node] = 0
    if amount == 0:
        return False
    log RewardPaid(node=node, slot=slot, amount=amount)
    assert extcall IEmethToken(emtToken).mint(node, amount), "core.token"
    return True


# ---- inside: everything else ----


@internal
def _setStatus(jobId: bytes16, status: uint256, sender: address):
    self.jobs_[jobId].status = status
    log Status(jobId=jobId, sender=sender, status=status)


@view
@internal
def _hasRunningParent(job: Job) -> bool:
    # A job of another owner at the parent's id is not the parent: that one was put out.
    return (
        job.parentJob != empty(bytes16)
        and self.jobs_[job.parentJob].status == PROCESSING
        and self.jobs_[job.parentJob].owner == job.owner
    )


@view
@internal
def _isOrphan(job: Job) -> bool:
    return job.parentJob != empty(bytes16) and not self._hasRunningParent(job)


@view
@internal
def _onlyOwnerOf(job: Job):
    self._check(job.status > 0, E_STATUS)
    self._check(msg.sender == job.owner or self.servers[job.owner][msg.sender], E_NOT_REQUESTER)


@view
@internal
def _onlyOwner():
    self._check(self.owners[msg.sender], E_NOT_OWNER)


@internal
def _setMinTarget(programId: uint256, target: uint256):
    self._onlyOwner()
    self._check(self.programs_[programId].programId > 0, E_PROGRAM)
    self._check(target > 0 or self.programs_[programId].mode == 0, E_PROGRAM)
    self.programs_[programId].minTarget = target
    log ProgramSet(programId=programId)


@view
@internal
def _separator(contract: address) -> bytes32:
    return keccak256(
        abi_encode(
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
            keccak256("EMETH"),
            keccak256("1"),
            chain.id,
            contract,
        )
    )


@pure
@internal
def _recovered(digest: bytes32, signature: Bytes[65]) -> address:
    s: uint256 = convert(extract32(signature, 32), uint256)
    v: uint256 = convert(slice(signature, 64, 1), uint256)
    if s > HALF_ORDER or (v != 27 and v != 28):
        return empty(address)
    return ecrecover(digest, v, convert(extract32(signature, 0), uint256), s)


@pure
@internal
def _check(holds: bool, word: uint256):
    # Error(string) of "core." and the word.
    if holds:
        return
    length: uint256 = 0
    for index: uint256 in range(27):
        if word >> 8 * index == 0:
            break
        length += 1
    text: uint256 = 427071530286 << 216 | word << 216 - 8 * length
    raw_revert(
        concat(
            method_id("Error(string)"),
            convert(convert(32, uint256), bytes32),
            convert(length + 5, bytes32),
            convert(text, bytes32),
        )
    )
