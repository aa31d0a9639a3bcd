#pragma version 0.4.3
#pragma evm-version cancun
#pragma optimize codesize
"""
@title EMETH verifiers: their bonds and commitments, and who checks a submitted job (PROTOCOL 7 and 8 on L1)
@notice EmethCore names this contract, asks it before a job ends, and is told when a period has run out.
@dev The only money here is the bonds: the token balance is always their sum. Fees are paid by EmethCore.
"""

interface IERC20:
    def transfer(to: address, amount: uint256) -> bool: nonpayable
    def transferFrom(sender: address, to: address, amount: uint256) -> bool: nonpayable

interface IEmethCore:
    def emtToken() -> address: view
    def settlement() -> address: view
    def verifiers(account: address) -> bool: view
    def verifierPeriod(account: address) -> (uint256, uint256): view
    def worksForParent(parentJob: bytes16, account: address) -> bool: view
    def isRequester(jobId: bytes16, account: address) -> bool: view
    def reviewTerms(jobId: bytes16) -> (uint256, address, address, bytes16, uint256, uint256): view
    def conclude(jobId: bytes16, outcome: uint256, verifier: address): nonpayable

interface IEmethSettlement:
    def fundPool(amount: uint256): nonpayable

struct Review:
    phase: uint256
    masked: bool
    turn: uint256
    silent: uint256
    dueBy: uint256
    beaconBlock: uint256
    submittedBlock: uint256
    submission: bytes32
    beacon: bytes32
    commitment: bytes32
    verifier: address
    finder: address
    submittedAt: uint256
    scheduledAt: uint256

struct Terms:
    status: uint256
    owner: address
    node: address
    parentJob: bytes16
    requestedAt: uint256
    verifierFee: uint256

struct Commitment:
    digest: bytes32
    postedBlock: uint256

struct Bond:
    amount: uint256
    unbondingAt: uint256
    posted: uint256
    used: uint256

struct Cohort:
    attempt: uint256
    roundKey: bytes32
    maskedRoot: bytes32

struct Verdict:
    jobId: bytes16
    submission: bytes32
    verifier: address
    accepted: bool
    seed: bytes32
    step: uint32
    stepRoot: bytes32
    evidence: bytes32

event Drawn:
    jobId: indexed(bytes16)
    verifier: indexed(address)
    beacon: bytes32

event DrawDelayed:
    jobId: indexed(bytes16)
    beaconBlock: uint256

event Challenged:
    jobId: indexed(bytes16)
    seed: bytes32

event Opened:
    jobId: indexed(bytes16)
    openings: bytes32

event Disputed:
    jobId: indexed(bytes16)
    verifier: indexed(address)

event CohortChanged:
    jobId: indexed(bytes16)
    attempt: uint256
    phase: uint256
    word: bytes32

event BondChanged:
    verifier: indexed(address)
    amount: uint256
    unbondingAt: uint256

event BondForfeited:
    verifier: indexed(address)
    amount: uint256

event SecretsCommitted:
    verifier: indexed(address)
    posted: uint256

SUBMITTED: constant(uint256) = 3

# Where a submitted job's verification stands.
NOT_SUBMITTED: constant(uint256) = 0
WAITS_FOR_DRAW: constant(uint256) = 1
WAITS_FOR_CHALLENGE: constant(uint256) = 2
WAITS_FOR_OPENINGS: constant(uint256) = 3
WAITS_FOR_VERDICT: constant(uint256) = 4
ACCEPTED: constant(uint256) = 5
WAITS_FOR_KEY: constant(uint256) = 6
KEY_POSTED: constant(uint256) = 7
WAITS_FOR_MASKED: constant(uint256) = 8
MASKED_POSTED: constant(uint256) = 9

# What Core is told.
END_ACCEPTED: constant(uint256) = 1
END_EXPIRED: constant(uint256) = 2
END_FAILED: constant(uint256) = 3
END_ABSENT: constant(uint256) = 4
END_UNCHECKED: constant(uint256) = 5

DAY: constant(uint256) = 86_400
HOUR: constant(uint256) = 3_600
BEACON_BLOCKS: constant(uint256) = 32
BLOCK_HASHES: constant(uint256) = 256
BOND_THAW: constant(uint256) = 7 * DAY
# So long after its removal a verifier keeps its place for the jobs that were requested before.
PLACE_KEPT: constant(uint256) = 30 * DAY
SILENT_NEEDED: constant(uint256) = 2
BOND_TIMES_FEE: constant(uint256) = 10
COHORT_ATTEMPTS: constant(uint256) = 8
COHORT_LEAST: constant(uint256) = 3
COHORT_MOST: constant(uint256) = 16
MAX_VERIFIERS: constant(uint256) = 64
HALF_ORDER: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168

core: public(immutable(address))
emtToken: public(immutable(address))

reviews: public(HashMap[bytes16, Review])
cohorts: public(HashMap[bytes16, Cohort])
wasDrawn: HashMap[bytes32, HashMap[address, bool]]
bonded: public(DynArray[address, MAX_VERIFIERS])
bonds: public(HashMap[address, Bond])
commitments: public(HashMap[address, HashMap[uint256, Commitment]])


@deploy
def __init__(coreAddress: address):
    core = coreAddress
    emtToken = staticcall IEmethCore(coreAddress).emtToken()


# ---- what Core asks ----


@external
def begin(jobId: bytes16, submission: bytes32, masked: bool):
    assert msg.sender == core, "verifiers.notCore"
    review: Review = empty(Review)
    review.submission = submission
    review.masked = masked
    review.submittedAt = block.timestamp
    self.reviews[jobId] = review
    self.cohorts[jobId] = empty(Cohort)
    self._drawLater(jobId)


@external
def accept(jobId: bytes16, verifier: address) -> bool:
    """
    @notice The drawn verifier accepts; true when the job ends with it.
    """
    assert msg.sender == core, "verifiers.notCore"
    review: Review = self._reviewOf(jobId, WAITS_FOR_VERDICT)
    assert review.verifier == verifier, "verifiers.notVerifier"
    if review.masked:
        self._enter(jobId, ACCEPTED, DAY)
        log CohortChanged(
            jobId=jobId, attempt=self.cohorts[jobId].attempt, phase=ACCEPTED, word=empty(bytes32)
        )
    return not review.masked


@external
def reject(jobId: bytes16, verifier: address) -> address:
    """
    @notice The drawn verifier rejects; whom the failing node pays, or nobody while a second one has to look.
    """
    assert msg.sender == core, "verifiers.notCore"
    review: Review = self.reviews[jobId]
    assert review.verifier == verifier and verifier != empty(address), "verifiers.notVerifier"
    if review.phase == MASKED_POSTED:
        # A masked vector that does not belong to the result it has accepted: it recomputed the mask. For a day.
        assert block.timestamp < review.dueBy, "verifiers.late"
    else:
        assert review.phase == WAITS_FOR_VERDICT, "verifiers.phase"
    if review.finder != empty(address):
        return review.finder
    self.reviews[jobId].finder = verifier
    self.reviews[jobId].silent = 0
    log Disputed(jobId=jobId, verifier=verifier)
    self._drawLater(jobId)
    return empty(address)


# ---- the check of a job ----


@external
def drawVerifier(jobId: bytes16) -> address:
    """
    @notice Draws who checks a submitted job by the hash of the block 32 after the submission; anyone.
    @dev A verifier that let its time pass, or a block whose hash is gone, is noted first: the call returns the zero
         address, and the draw is possible 32 blocks later.
    """
    terms: Terms = self._submitted(jobId)
    review: Review = self.reviews[jobId]
    if self._isLate(review):
        # Else who calls this every hour would keep a job from its end for ever.
        assert review.verifier != empty(address), "verifiers.nobody"
        # Who never showed its secret is passed over: the node has not opened to it.
        if review.phase == WAITS_FOR_VERDICT and review.finder == empty(address):
            assert review.silent + 1 < SILENT_NEEDED, "verifiers.silent"
            self.reviews[jobId].silent = review.silent + 1
        self._drawLater(jobId)
        return empty(address)
    assert review.phase == WAITS_FOR_DRAW, "verifiers.phase"
    assert block.number > review.beaconBlock, "verifiers.tooEarly"
    if block.number > review.beaconBlock + BLOCK_HASHES:
        self._drawLater(jobId)
        return empty(address)
    beacon: bytes32 = blockhash(review.beaconBlock)
    key: bytes32 = keccak256(
        concat(b"EMETH verifier", review.submission, beacon, convert(convert(review.turn, uint32), bytes4))
    )
    # The lowest rank: who leaves or joins after the beacon is known moves the draw only from or to itself.
    drawn: address = empty(address)
    lowest: uint256 = max_value(uint256)
    for verifier: address in self.bonded:
        rank: uint256 = convert(keccak256(concat(key, convert(verifier, bytes20))), uint256)
        if rank < lowest and self._mayCheck(verifier, terms, review):
            lowest = rank
            drawn = verifier
    if drawn != empty(address):
        used: uint256 = self.bonds[drawn].used
        self.bonds[drawn].used = used + 1
        self.wasDrawn[review.submission][drawn] = True
        self.reviews[jobId].commitment = self.commitments[drawn][used].digest
    elif block.timestamp < review.submittedAt + DAY:
        # Whoever used up the commitments does not get garbage paid: there is a day for new ones.
        self._drawLater(jobId)
        return empty(address)
    # After that nobody is drawn: it must not lock money either.
    self.reviews[jobId].verifier = drawn
    self.reviews[jobId].beacon = beacon
    self.reviews[jobId].turn = review.turn + 1
    self._enter(jobId, WAITS_FOR_CHALLENGE, HOUR)
    log Drawn(jobId=jobId, verifier=drawn, beacon=beacon)
    return drawn


@external
def challenge(jobId: bytes16, secret: bytes32) -> bytes32:
    """
    @notice The drawn verifier opens its commitment: what to replay follows from submission, beacon and secret.
    """
    review: Review = self._reviewOf(jobId, WAITS_FOR_CHALLENGE)
    assert review.verifier == msg.sender, "verifiers.notVerifier"
    assert not self._isLate(review), "verifiers.late"
    assert (
        keccak256(concat(convert(msg.sender, bytes20), secret)) == review.commitment
    ), "verifiers.commitment"
    seed: bytes32 = keccak256(concat(review.submission, review.beacon, secret))
    self._enter(jobId, WAITS_FOR_OPENINGS, HOUR)
    log Challenged(jobId=jobId, seed=seed)
    return seed


@external
def open(jobId: bytes16, openings: bytes32):
    """
    @notice The node says that it has opened, sealed to the verifier; the hash of what it handed over.
    """
    terms: Terms = self._submitted(jobId)
    assert terms.node == msg.sender, "verifiers.notNode"
    self._reviewOf(jobId, WAITS_FOR_OPENINGS)
    self._enter(jobId, WAITS_FOR_VERDICT, HOUR)
    log Opened(jobId=jobId, openings=openings)


@nonreentrant
@external
def withhold(jobId: bytes16):
    """
    @notice The node did not open within the hour: failed; anyone.
    """
    self._submitted(jobId)
    review: Review = self._reviewOf(jobId, WAITS_FOR_OPENINGS)
    assert block.timestamp >= review.dueBy, "verifiers.tooEarly"
    payee: address = review.finder
    if payee == empty(address):
        payee = review.verifier
    extcall IEmethCore(core).conclude(jobId, END_FAILED, payee)


@nonreentrant
@external
def expireVerification(jobId: bytes16):
    """
    @notice Two drawn verifiers in turn had their openings and stayed silent: the node is paid, no verifier is. Where
            nobody is left to be drawn, nobody is paid and nobody loses anything; anyone.
    """
    self._submitted(jobId)
    review: Review = self.reviews[jobId]
    assert self._isLate(review), "verifiers.notSilent"
    outcome: uint256 = END_UNCHECKED
    if review.verifier != empty(address):
        # What one verifier found to be wrong is not paid because others are silent.
        assert (
            review.phase == WAITS_FOR_VERDICT
            and review.finder == empty(address)
            and review.silent + 1 >= SILENT_NEEDED
        ), "verifiers.notSilent"
        outcome = END_EXPIRED
    extcall IEmethCore(core).conclude(jobId, outcome, msg.sender)


# ---- parts that are added masked (PROTOCOL 8) ----


@external
def openCohort(jobIds: DynArray[bytes16, COHORT_MOST], due: uint256):
    """
    @notice The server gathers accepted parts: each node posts a fresh round key until `due`.
    """
    for jobId: bytes16 in jobIds:
        self._submitted(jobId)
        self._onlyRequester(jobId)
        review: Review = self.reviews[jobId]
        assert (
            review.phase == ACCEPTED
            or review.phase == KEY_POSTED
            or review.phase == WAITS_FOR_MASKED
            or review.phase == MASKED_POSTED
        ), "verifiers.phase"
        # What anyone may end by now is not begun again.
        assert block.timestamp < review.dueBy, "verifiers.late"
        attempt: uint256 = self.cohorts[jobId].attempt + 1
        assert attempt <= COHORT_ATTEMPTS, "verifiers.attempts"
        self.cohorts[jobId] = Cohort(attempt=attempt, roundKey=empty(bytes32), maskedRoot=empty(bytes32))
        self._enterUntil(jobId, WAITS_FOR_KEY, due)
        log CohortChanged(jobId=jobId, attempt=attempt, phase=WAITS_FOR_KEY, word=empty(bytes32))


@external
def postRoundKey(jobId: bytes16, roundKey: bytes32):
    self._cohortDuty(jobId, WAITS_FOR_KEY)
    self.cohorts[jobId].roundKey = roundKey
    self._enter(jobId, KEY_POSTED, DAY)
    log CohortChanged(
        jobId=jobId, attempt=self.cohorts[jobId].attempt, phase=KEY_POSTED, word=roundKey
    )


@external
def fixCohort(jobIds: DynArray[bytes16, COHORT_MOST], rosterHash: bytes32, due: uint256):
    """
    @notice The roster is fixed: possible only when the keys of all its members are posted, so that no node is
            held to a vector that it could not have masked.
    """
    parent: bytes16 = empty(bytes16)
    nodes: DynArray[address, COHORT_MOST] = []
    for jobId: bytes16 in jobIds:
        terms: Terms = self._submitted(jobId)
        self._onlyRequester(jobId)
        if parent == empty(bytes16):
            parent = terms.parentJob
        assert terms.parentJob == parent, "verifiers.cohort"
        if terms.node not in nodes:
            nodes.append(terms.node)
        # A job that is named twice is no longer in this phase the second time.
        review: Review = self._reviewOf(jobId, KEY_POSTED)
        assert block.timestamp < review.dueBy, "verifiers.late"
        self._enterUntil(jobId, WAITS_FOR_MASKED, due)
        log CohortChanged(
            jobId=jobId, attempt=self.cohorts[jobId].attempt, phase=WAITS_FOR_MASKED, word=rosterHash
        )
    # Among fewer nodes a sum hides nothing.
    assert len(nodes) >= COHORT_LEAST, "verifiers.cohort"


@external
def postMasked(jobId: bytes16, maskedRoot: bytes32):
    self._cohortDuty(jobId, WAITS_FOR_MASKED)
    self.cohorts[jobId].maskedRoot = maskedRoot
    self._enter(jobId, MASKED_POSTED, DAY)
    log CohortChanged(
        jobId=jobId, attempt=self.cohorts[jobId].attempt, phase=MASKED_POSTED, word=maskedRoot
    )


@nonreentrant
@external
def completeCohort(jobId: bytes16):
    """
    @notice The cohort's sum checks, says the server: verified. A day after the node's last duty, anyone.
    """
    self._submitted(jobId)
    review: Review = self.reviews[jobId]
    if block.timestamp < review.dueBy:
        assert review.phase == MASKED_POSTED, "verifiers.phase"
        self._onlyRequester(jobId)
    else:
        assert (
            review.phase == ACCEPTED or review.phase == KEY_POSTED or review.phase == MASKED_POSTED
        ), "verifiers.phase"
    extcall IEmethCore(core).conclude(jobId, END_ACCEPTED, review.verifier)


@nonreentrant
@external
def absent(jobId: bytes16):
    """
    @notice The node's round key or masked vector is missing at its deadline: a timeout; anyone.
    """
    self._submitted(jobId)
    review: Review = self.reviews[jobId]
    assert review.phase == WAITS_FOR_KEY or review.phase == WAITS_FOR_MASKED, "verifiers.phase"
    assert block.timestamp >= review.dueBy, "verifiers.tooEarly"
    extcall IEmethCore(core).conclude(jobId, END_ABSENT, msg.sender)


# ---- bonds and commitments ----


@nonreentrant
@external
def bondVerifier(amount: uint256):
    """
    @notice Adds to the caller's bond: at least ten fees of a job to be drawn for it. For listed verifiers.
    """
    assert staticcall IEmethCore(core).verifiers(msg.sender), "verifiers.notListed"
    total: uint256 = self.bonds[msg.sender].amount + amount
    assert total > 0, "verifiers.bond"
    if self.bonds[msg.sender].amount == 0:
        self.bonded.append(msg.sender)
    self.bonds[msg.sender].amount = total
    self.bonds[msg.sender].unbondingAt = 0
    log BondChanged(verifier=msg.sender, amount=total, unbondingAt=0)
    assert extcall IERC20(emtToken).transferFrom(msg.sender, self, amount), "verifiers.token"


@external
def announceUnbonding():
    """
    @notice Ends the caller's draws now and its bond in seven days, in which it can still be forfeited.
    """
    amount: uint256 = self.bonds[msg.sender].amount
    assert amount > 0, "verifiers.bond"
    # Else one that is listed no more would hold its place by announcing again and again.
    assert self.bonds[msg.sender].unbondingAt == 0, "verifiers.announced"
    at: uint256 = block.timestamp + BOND_THAW
    self.bonds[msg.sender].unbondingAt = at
    log BondChanged(verifier=msg.sender, amount=amount, unbondingAt=at)


@nonreentrant
@external
def unbondVerifier(verifier: address) -> uint256:
    """
    @notice Sends a bond that was announced seven days ago back to the verifier; anyone. Of one that was removed 30 days
            ago the first call announces it.
    """
    bond: Bond = self.bonds[verifier]
    assert bond.amount > 0, "verifiers.bond"
    if bond.unbondingAt == 0:
        # A place among the 64 is not held for ever by one that is listed no more. Not at once: an owner would put out
        # those who are to check a job that was requested already.
        since: uint256 = 0
        until: uint256 = 0
        since, until = staticcall IEmethCore(core).verifierPeriod(verifier)
        assert until > 0 and block.timestamp >= until + PLACE_KEPT, "verifiers.notAnnounced"
        self.bonds[verifier].unbondingAt = block.timestamp + BOND_THAW
        log BondChanged(verifier=verifier, amount=bond.amount, unbondingAt=block.timestamp + BOND_THAW)
        return 0
    assert block.timestamp >= bond.unbondingAt, "verifiers.tooEarly"
    self._leave(verifier)
    log BondChanged(verifier=verifier, amount=0, unbondingAt=0)
    assert extcall IERC20(emtToken).transfer(verifier, bond.amount), "verifiers.token"
    return bond.amount


@external
def commitSecrets(digests: DynArray[bytes32, 32]):
    """
    @notice Adds to a stock of keccak256(address ‖ secret), each used for one job that is submitted later.
    """
    posted: uint256 = self.bonds[msg.sender].posted
    for digest: bytes32 in digests:
        self.commitments[msg.sender][posted] = Commitment(digest=digest, postedBlock=block.number)
        posted += 1
    self.bonds[msg.sender].posted = posted
    log SecretsCommitted(verifier=msg.sender, posted=posted)


@nonreentrant
@external
def forfeitBond(first: Verdict, firstSignature: Bytes[65], second: Verdict, secondSignature: Bytes[65]) -> uint256:
    """
    @notice Two signed verdicts of one verifier on one submission that differ cost its bond, on whichever layer they
            were given; it joins the pool. Anyone.
    """
    assert first.submission == second.submission and first.verifier == second.verifier, "verifiers.noConflict"
    separator: bytes32 = keccak256(
        abi_encode(
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
            keccak256("EMETH"),
            keccak256("1"),
            chain.id,
            staticcall IEmethCore(core).settlement(),
        )
    )
    one: bytes32 = self._digest(separator, first)
    other: bytes32 = self._digest(separator, second)
    assert one != other, "verifiers.noConflict"
    verifier: address = first.verifier
    assert verifier != empty(address), "verifiers.signature"
    assert self._recovered(one, firstSignature) == verifier, "verifiers.signature"
    assert self._recovered(other, secondSignature) == verifier, "verifiers.signature"
    amount: uint256 = self.bonds[verifier].amount
    assert amount > 0, "verifiers.bond"
    self._leave(verifier)
    log BondForfeited(verifier=verifier, amount=amount)
    settlement: address = staticcall IEmethCore(core).settlement()
    assert extcall IERC20(emtToken).transfer(settlement, amount), "verifiers.token"
    extcall IEmethSettlement(settlement).fundPool(amount)
    return amount


@view
@external
def isListed(account: address) -> bool:
    """
    @notice Whether an account is listed and bonded, and so can be drawn while it has commitments.
    """
    bond: Bond = self.bonds[account]
    if bond.amount == 0 or bond.unbondingAt > 0:
        return False
    return staticcall IEmethCore(core).verifiers(account)


@view
@external
def candidatesOf(jobId: bytes16, node: address) -> uint256:
    """
    @notice How many could be drawn now for what a node would submit of a job that is requested or taken.
    """
    terms: Terms = self._termsOf(jobId)
    terms.node = node
    return self._candidates(terms)


@view
@external
def candidatesFor(requester: address, verifierFee: uint256) -> uint256:
    """
    @notice How many could be drawn now for a job that an account would request, whoever takes it.
    """
    terms: Terms = empty(Terms)
    terms.owner = requester
    terms.requestedAt = block.timestamp
    terms.verifierFee = verifierFee
    return self._candidates(terms)


# ---- inside ----


@view
@internal
def _candidates(terms: Terms) -> uint256:
    # As it would be for a result that is submitted in the next block.
    review: Review = empty(Review)
    review.submittedBlock = block.number + 1
    review.scheduledAt = block.timestamp
    count: uint256 = 0
    for verifier: address in self.bonded:
        if self._mayCheck(verifier, terms, review):
            count += 1
    return count


@view
@internal
def _termsOf(jobId: bytes16) -> Terms:
    terms: Terms = empty(Terms)
    (
        terms.status, terms.owner, terms.node, terms.parentJob, terms.requestedAt, terms.verifierFee
    ) = staticcall IEmethCore(core).reviewTerms(jobId)
    return terms


@view
@internal
def _submitted(jobId: bytes16) -> Terms:
    terms: Terms = self._termsOf(jobId)
    assert terms.status == SUBMITTED, "verifiers.status"
    return terms


@view
@internal
def _onlyRequester(jobId: bytes16):
    assert staticcall IEmethCore(core).isRequester(jobId, msg.sender), "verifiers.notRequester"


@view
@internal
def _mayCheck(verifier: address, terms: Terms, review: Review) -> bool:
    bond: Bond = self.bonds[verifier]
    if bond.amount < BOND_TIMES_FEE * terms.verifierFee:
        return False
    # Who announced only after the beacon's block was named is drawn still: else it could leave a draw it had seen.
    if bond.unbondingAt > 0 and bond.unbondingAt - BOND_THAW <= review.scheduledAt:
        return False
    if bond.used == bond.posted or self.commitments[verifier][bond.used].postedBlock >= review.submittedBlock:
        return False
    if verifier == terms.owner or verifier == terms.node or self.wasDrawn[review.submission][verifier]:
        return False
    # Listed when the job was requested: nobody brings a judge in, or puts one out, for a case that has begun.
    since: uint256 = 0
    until: uint256 = 0
    since, until = staticcall IEmethCore(core).verifierPeriod(verifier)
    if since == 0 or since > terms.requestedAt or (until > 0 and until < terms.requestedAt):
        return False
    if terms.parentJob == empty(bytes16):
        return True
    return not staticcall IEmethCore(core).worksForParent(terms.parentJob, verifier)


@view
@internal
def _isLate(review: Review) -> bool:
    return (
        review.phase == WAITS_FOR_CHALLENGE or review.phase == WAITS_FOR_VERDICT
    ) and block.timestamp >= review.dueBy


@view
@internal
def _reviewOf(jobId: bytes16, phase: uint256) -> Review:
    review: Review = self.reviews[jobId]
    assert review.phase == phase, "verifiers.phase"
    return review


@internal
def _enter(jobId: bytes16, phase: uint256, period: uint256):
    self.reviews[jobId].phase = phase
    self.reviews[jobId].dueBy = block.timestamp + period


@internal
def _enterUntil(jobId: bytes16, phase: uint256, due: uint256):
    assert due >= block.timestamp + HOUR and due <= block.timestamp + DAY, "verifiers.due"
    self._enter(jobId, phase, due - block.timestamp)


@internal
def _drawLater(jobId: bytes16):
    self.reviews[jobId].phase = WAITS_FOR_DRAW
    self.reviews[jobId].beaconBlock = block.number + BEACON_BLOCKS
    # Commitments that were made before the beacon's block was named are as good as older ones.
    self.reviews[jobId].submittedBlock = block.number
    self.reviews[jobId].scheduledAt = block.timestamp
    log DrawDelayed(jobId=jobId, beaconBlock=block.number + BEACON_BLOCKS)


@view
@internal
def _cohortDuty(jobId: bytes16, phase: uint256):
    terms: Terms = self._submitted(jobId)
    assert terms.node == msg.sender, "verifiers.notNode"
    review: Review = self._reviewOf(jobId, phase)
    assert block.timestamp < review.dueBy, "verifiers.late"


@internal
def _leave(verifier: address):
    self.bonds[verifier].amount = 0
    self.bonds[verifier].unbondingAt = 0
    last: address = self.bonded.pop()
    for index: uint256 in range(len(self.bonded), bound=MAX_VERIFIERS):
        if self.bonded[index] == verifier:
            self.bonded[index] = last


@pure
@internal
def _digest(separator: bytes32, verdict: Verdict) -> bytes32:
    structHash: bytes32 = keccak256(
        concat(
            keccak256(
                "Verdict(bytes16 jobId,bytes32 submission,address verifier,bool accepted,bytes32 seed,uint32 step,bytes32 stepRoot,bytes32 evidence)"
            ),
            abi_encode(verdict),
        )
    )
    return keccak256(concat(b"\x19\x01", separator, structHash))


@pure
@internal
def _recovered(digest: bytes32, signature: Bytes[65]) -> address:
    s: uint256 = convert(extract32(signature, 32), uint256)
    v: uint256 = convert(slice(signature, 64, 1), uint256)
    if s > HALF_ORDER or (v != 27 and v != 28):
        return empty(address)
    return ecrecover(digest, v, convert(extract32(signature, 0), uint256), s)
