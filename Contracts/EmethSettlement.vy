#pragma version 0.4.3
#pragma evm-version cancun
#pragma optimize codesize
"""
@title EMETH settlement: what L2 needs on L1 (PROTOCOL 9)
@notice Deposits to L2, tickets, batches, the operator's bond, challenges, exit and freeze. EmethCore names this
        contract; it is the `verifyingContract` of everything that is signed on L2.
@dev Money: the token balance is always `pool` + `bond`. `pool` holds deposits, minted rewards and forfeited bonds.
     Docs/Decisions/0018 says why each limit is as it is.
"""

interface IERC20:
    def transfer(to: address, amount: uint256) -> bool: nonpayable
    def transferFrom(sender: address, to: address, amount: uint256) -> bool: nonpayable
    def burn(amount: uint256) -> bool: nonpayable

interface IEmethCore:
    def owners(account: address) -> bool: view
    def emtToken() -> address: view
    def verification() -> address: view

interface IERC1271:
    def isValidSignature(digest: bytes32, signature: Bytes[2080]) -> bytes4: view

struct Ticket:
    account: address
    epoch: uint64
    cumulativePayout: uint256
    unspent: uint256
    locked: uint256
    jobsRoot: bytes32

struct Batch:
    epoch: uint64
    previousBatch: bytes32
    accountsRoot: bytes32
    totalPayout: uint256
    totalBurned: uint256
    depositsSeen: uint64
    dataHash: bytes32
    fromTime: uint64
    toTime: uint64

struct PostedBatch:
    epoch: uint64
    accountsRoot: bytes32
    totalPayout: uint256
    totalBurned: uint256
    depositsSeen: uint64
    postedAt: uint64

struct DepositRecord:
    account: address
    depositor: address
    amount: uint256
    reclaimed: bool

struct Exit:
    epoch: uint64
    requestedAt: uint64

struct Claim:
    epoch: uint64
    amount: uint256
    maturesAt: uint64
    paid: bool

event DepositedToLayer2:
    account: indexed(address)
    number: indexed(uint64)
    depositor: address
    amount: uint256

event Redeemed:
    account: indexed(address)
    epoch: uint64
    paid: uint256
    total: uint256

event BatchPosted:
    digest: indexed(bytes32)
    epoch: indexed(uint64)
    accountsRoot: bytes32
    dataHash: bytes32

event ExitRequested:
    account: indexed(address)
    epoch: uint64
    unspent: uint256

event ExitServed:
    account: indexed(address)
    epoch: uint64

event Frozen:
    batch: indexed(bytes32)
    bondForfeited: bool

event Claimed:
    account: indexed(address)
    epoch: uint64
    amount: uint256
    maturesAt: uint64

event ClaimPaid:
    account: indexed(address)
    paid: uint256

event DepositReclaimed:
    number: indexed(uint64)
    depositor: address
    amount: uint256

event SignerProposed:
    signer: indexed(address)
    startsAt: uint64

event PoolFunded:
    amount: uint256

event Burned:
    amount: uint256
    total: uint256

event BondDeposited:
    sender: indexed(address)
    amount: uint256

event BondWithdrawalAnnounced:
    amount: uint256
    readyAt: uint64

event BondWithdrawn:
    receiver: indexed(address)
    amount: uint256

event ParameterSet:
    parameter: indexed(bytes32)
    amount: uint256

DAY: constant(uint256) = 86_400
CHALLENGE_PERIOD: constant(uint256) = DAY
SILENCE: constant(uint256) = 2 * DAY
EXIT_PERIOD: constant(uint256) = 7 * DAY
CLAIM_PERIOD: constant(uint256) = 7 * DAY
BOND_THAW: constant(uint256) = 7 * DAY
# A day longer than an exit may stay unserved: who asks to leave on the first day is out before a new Signer starts.
SIGNER_THAW: constant(uint256) = 8 * DAY
PROOF_LIMIT: constant(uint256) = 48
SIGNATURE_LIMIT: constant(uint256) = 2080
# In a call for many tickets: eight members of a Signer that is a contract. All room is paid for, used or not.
SHORT_SIGNATURE_LIMIT: constant(uint256) = 520
MANY: constant(uint256) = 100
MASK64: constant(uint256) = 2**64 - 1
MASK96: constant(uint256) = 2**96 - 1
MASK128: constant(uint256) = 2**128 - 1

HALF_ORDER: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168
TICKET_DAILY_CAP: constant(bytes32) = keccak256("TICKET_DAILY_CAP")
DOMAIN_TYPE: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
TICKET_TYPE: constant(bytes32) = keccak256(
    "Ticket(address account,uint64 epoch,uint256 cumulativePayout,uint256 unspent,uint256 locked,bytes32 jobsRoot)"
)
BATCH_TYPE: constant(bytes32) = keccak256(
    "Batch(uint64 epoch,bytes32 previousBatch,bytes32 accountsRoot,uint256 totalPayout,uint256 totalBurned,uint64 depositsSeen,bytes32 dataHash,uint64 fromTime,uint64 toTime)"
)

core: public(immutable(address))
emtToken: public(immutable(address))

pool: public(uint256)
totalDeposited: public(uint256)
totalGranted: public(uint256)
totalRedeemed: public(uint256)
totalBurned: public(uint256)
redeemed: public(HashMap[address, uint256])

depositCount: public(uint64)
depositRecords: public(HashMap[uint64, DepositRecord])
# All deposits numbered below: what a batch that has seen so many has credited.
depositedBelow: HashMap[uint64, uint256]
reclaimReserve: uint256
totalReclaimed: public(uint256)

ticketDailyCap: uint256
# Several numbers to a word, so that a ticket costs less.
# What signatures alone have paid since a covering batch (96 bits), what a batch covers that is not yet a day old (96),
# and until when that is (64).
exposure: uint256
# When L2 froze (64 bits), and the highest epoch of a ticket that was redeemed by signature (64).
clock: uint256
# The Signer (160 bits), and when the next one takes its place (64), zero when none is named.
signerWord: uint256
upcomingSigner: address
# The bond (128 bits), and what of it is announced to be taken out (128).
bondWord: uint256
bondReadyAt: uint64

latestBatch: public(bytes32)
# Since when the operator has said nothing: what its newest posted batch is of, not when somebody posted it.
silentSince: public(uint64)
postingCount: public(uint256)
postings: public(HashMap[uint256, bytes32])
batches: public(HashMap[bytes32, PostedBatch])
exits: public(HashMap[address, Exit])
# The epoch of the leaf that served an account's last exit: no older leaf asks again.
exitServed: public(HashMap[address, uint64])
claims: public(HashMap[address, Claim])
frozenBatch: bytes32


@deploy
def __init__(coreAddress: address, dailyCap: uint256):
    core = coreAddress
    emtToken = staticcall IEmethCore(coreAddress).emtToken()
    self.ticketDailyCap = dailyCap
    log ParameterSet(parameter=TICKET_DAILY_CAP, amount=dailyCap)


# ---- money in ----


@nonreentrant
@external
def depositToLayer2(account: address, amount: uint256) -> uint64:
    """
    @notice Takes tokens that L2 credits to `account`; the number says which deposit it is.
    """
    assert not self._isFrozen(), "settlement.frozen"
    assert account != empty(address) and amount > 0, "settlement.deposit"
    # Else the clock of `freeze` would run before there is anybody who could post a batch.
    assert self._signer() != empty(address), "settlement.signer"
    number: uint64 = self.depositCount
    self.depositCount = number + 1
    self.depositRecords[number] = DepositRecord(
        account=account, depositor=msg.sender, amount=amount, reclaimed=False
    )
    total: uint256 = self.totalDeposited + amount
    self.totalDeposited = total
    self.depositedBelow[number + 1] = total
    self.pool += amount
    if self.silentSince == 0:
        # With money in it the clock of `freeze` runs, whether there ever was a batch or not.
        self.silentSince = convert(block.timestamp, uint64)
    log DepositedToLayer2(account=account, number=number, depositor=msg.sender, amount=amount)
    self._take(amount)
    return number


@external
def fundPool(amount: uint256):
    """
    @notice Core or the verifiers' contract has sent tokens here: a slot's reward, or a bond that was forfeited.
    """
    if msg.sender != core:
        assert msg.sender == staticcall IEmethCore(core).verification(), "settlement.notCore"
    self.pool += amount
    self.totalGranted += amount
    log PoolFunded(amount=amount)


@nonreentrant
@external
def depositBond(amount: uint256):
    assert not self._isFrozen(), "settlement.frozen"
    assert amount < 2**96, "settlement.bond"
    self.bondWord += amount
    log BondDeposited(sender=msg.sender, amount=amount)
    self._take(amount)


@external
def announceBondWithdrawal(amount: uint256):
    """
    @notice Seven days ahead. What is announced can still be forfeited, but no longer covers tickets; zero calls it
            off, and a new announcement begins anew.
    """
    self._onlyOwner()
    bond: uint256 = self.bondWord & MASK128
    assert amount <= bond, "settlement.bond"
    readyAt: uint256 = block.timestamp + BOND_THAW
    if amount == 0:
        readyAt = 0
    self.bondWord = bond | amount << 128
    self.bondReadyAt = convert(readyAt, uint64)
    log BondWithdrawalAnnounced(amount=amount, readyAt=convert(readyAt, uint64))


@nonreentrant
@external
def withdrawBond() -> uint256:
    self._onlyOwner()
    amount: uint256 = self.bondWord >> 128
    assert amount > 0 and block.timestamp >= convert(self.bondReadyAt, uint256), "settlement.tooEarly"
    assert not self._isFrozen(), "settlement.frozen"
    left: uint256 = (self.bondWord & MASK128) - amount
    # What signatures alone have paid stays covered until a batch that covers it is a day old.
    assert left >= self._exposed(), "settlement.exposed"
    self.bondWord = left
    self.bondReadyAt = 0
    log BondWithdrawn(receiver=msg.sender, amount=amount)
    self._send(msg.sender, amount)
    return amount


# ---- the operator ----


@external
def setParameter(parameter: bytes32, amount: uint256) -> bool:
    self._onlyOwner()
    assert parameter == TICKET_DAILY_CAP, "settlement.parameter"
    self.ticketDailyCap = amount
    log ParameterSet(parameter=parameter, amount=amount)
    return True


@view
@external
def getParameter(name: String[64]) -> uint256:
    if keccak256(name) == TICKET_DAILY_CAP:
        return self.ticketDailyCap
    return 0


@external
def proposeSigner(signer: address):
    """
    @notice Names the next Signer, who starts after the thaw, or at once when there was none.
    """
    self._onlyOwner()
    assert signer != empty(address), "settlement.signer"
    current: address = self._signer()
    startsAt: uint256 = block.timestamp
    if current == empty(address):
        self.signerWord = convert(signer, uint256)
    else:
        startsAt += SIGNER_THAW
        self.signerWord = convert(current, uint256) | startsAt << 160
        self.upcomingSigner = signer
    log SignerProposed(signer=signer, startsAt=convert(startsAt, uint64))


# ---- tickets and batches ----


@nonreentrant
@external
def redeemTicket(ticket: Ticket, signature: Bytes[SIGNATURE_LIMIT]) -> uint256:
    """
    @notice Pays the ticket's account what the ticket grants above what was paid before.
    """
    assert not self._isFrozen(), "settlement.frozen"
    self._requireSigned(self._ticketDigest(ticket), signature)
    paid: uint256 = self._grant(ticket)
    self._spendCover(paid, ticket.epoch)
    self._pay(paid)
    if paid > 0:
        self._send(ticket.account, paid)
    return paid


@nonreentrant
@external
def redeemTickets(tickets: DynArray[Ticket, MANY], signatures: DynArray[Bytes[SHORT_SIGNATURE_LIMIT], MANY]) -> uint256:
    """
    @notice The same for many tickets at once; one that was paid already pays nothing and stops nobody.
    """
    assert not self._isFrozen(), "settlement.frozen"
    count: uint256 = len(tickets)
    assert count == len(signatures), "settlement.count"
    signer: address = self._signer()
    separator: bytes32 = self._separator()
    total: uint256 = 0
    epoch: uint64 = 0
    amounts: uint256[MANY] = empty(uint256[MANY])
    for index: uint256 in range(count, bound=MANY):
        digest: bytes32 = self._typed(
            separator, keccak256(concat(TICKET_TYPE, abi_encode(tickets[index])))
        )
        assert self._isSigned(signer, digest, signatures[index]), "settlement.signature"
        amounts[index] = self._grant(tickets[index])
        total += amounts[index]
        epoch = max(epoch, tickets[index].epoch)
    self._spendCover(total, epoch)
    self._pay(total)
    for index: uint256 in range(count, bound=MANY):
        if amounts[index] > 0:
            self._send(tickets[index].account, amounts[index])
    return total


@nonreentrant
@external
def redeemFromBatch(batch: bytes32, ticket: Ticket, proof: DynArray[bytes32, PROOF_LIMIT]) -> uint256:
    """
    @notice The same by a leaf of a batch that was posted a day ago: no signature, no cap.
    """
    assert not self._isFrozen(), "settlement.frozen"
    posted: PostedBatch = self._provenIn(batch, ticket, proof)
    assert block.timestamp >= convert(posted.postedAt, uint256) + CHALLENGE_PERIOD, "settlement.tooEarly"
    paid: uint256 = self._grant(ticket)
    # Deposits that this batch has not credited belong to their depositors.
    assert paid + self._uncredited(posted.depositsSeen) <= self.pool, "settlement.pool"
    self._pay(paid)
    if paid > 0:
        self._send(ticket.account, paid)
    return paid


@nonreentrant
@external
def postBatch(batch: Batch, signature: Bytes[SIGNATURE_LIMIT]) -> bytes32:
    """
    @notice Keeps a signed batch; whoever holds one may post it.
    """
    assert not self._isFrozen(), "settlement.frozen"
    digest: bytes32 = self._batchDigest(batch)
    self._requireSigned(digest, signature)
    now: uint64 = convert(block.timestamp, uint64)
    latest: bytes32 = self.latestBatch
    before: PostedBatch = self.batches[latest]
    assert batch.epoch > before.epoch, "settlement.epoch"
    if batch.epoch == before.epoch + 1:
        assert batch.previousBatch == latest, "settlement.chain"
    assert (
        batch.totalPayout >= before.totalPayout
        and batch.totalBurned >= before.totalBurned
        and batch.depositsSeen >= before.depositsSeen
    ), "settlement.totalFell"
    assert batch.depositsSeen <= self.depositCount and batch.toTime >= batch.fromTime, "settlement.batch"
    # What is granted and burned on L2 came in on L1.
    assert (
        batch.totalPayout + batch.totalBurned
        <= self.depositedBelow[batch.depositsSeen] + self.totalGranted
    ), "settlement.unbacked"
    # No distance between batches and no quota: whoever may post can't keep anybody else from posting.
    count: uint256 = self.postingCount
    self.postings[count] = digest
    self.postingCount = count + 1
    self.latestBatch = digest
    # Whoever posts what the operator signed long ago does not speak for it; a time to come is none. The clock starts
    # with the first posting, whatever that is of: else a stranger's choice of it could freeze at once.
    silentSince: uint64 = self.silentSince
    self.silentSince = max(silentSince, min(now, batch.toTime)) if silentSince > 0 else now
    self.batches[digest] = PostedBatch(
        epoch=batch.epoch,
        accountsRoot=batch.accountsRoot,
        totalPayout=batch.totalPayout,
        totalBurned=batch.totalBurned,
        depositsSeen=batch.depositsSeen,
        postedAt=now,
    )
    exposure: uint256 = self.exposure
    if convert(batch.epoch, uint256) >= self.clock >> 64 and block.timestamp >= exposure >> 192:
        self.exposure = (exposure & MASK96) << 96 | (block.timestamp + CHALLENGE_PERIOD) << 192
    log BatchPosted(digest=digest, epoch=batch.epoch, accountsRoot=batch.accountsRoot, dataHash=batch.dataHash)
    self._burnUpTo(batch.totalBurned, batch.depositsSeen)
    return digest


# ---- challenges ----


@external
def challengeBatches(
    earlier: Batch,
    earlierSignature: Bytes[SIGNATURE_LIMIT],
    later: Batch,
    laterSignature: Bytes[SIGNATURE_LIMIT],
):
    """
    @notice Two signed batches that can't both be honest: L2 freezes at the batch before, the bond is forfeit.
    """
    first: bytes32 = self._evidence(earlier, earlierSignature)
    second: bytes32 = self._evidence(later, laterSignature)
    assert earlier.epoch <= later.epoch, "settlement.order"
    broken: bool = (
        later.totalPayout < earlier.totalPayout
        or later.totalBurned < earlier.totalBurned
        or later.depositsSeen < earlier.depositsSeen
    )
    if earlier.epoch == later.epoch:
        broken = first != second
    elif later.epoch - earlier.epoch == 1 and later.previousBatch != first:
        broken = True
    assert broken, "settlement.noConflict"
    self._freezeBefore(later.epoch)


@external
def challengeAccount(
    earlier: Batch,
    earlierSignature: Bytes[SIGNATURE_LIMIT],
    earlierTicket: Ticket,
    earlierProof: DynArray[bytes32, PROOF_LIMIT],
    later: Batch,
    laterSignature: Bytes[SIGNATURE_LIMIT],
    laterTicket: Ticket,
    laterProof: DynArray[bytes32, PROOF_LIMIT],
):
    """
    @notice One account's cumulativePayout fell from one signed batch to a later one: the same.
    """
    self._evidence(earlier, earlierSignature)
    self._evidence(later, laterSignature)
    assert self._isLeaf(earlier.accountsRoot, earlierTicket, earlierProof), "settlement.proof"
    assert self._isLeaf(later.accountsRoot, laterTicket, laterProof), "settlement.proof"
    assert (
        earlierTicket.account == laterTicket.account
        and earlier.epoch < later.epoch
        and laterTicket.cumulativePayout < earlierTicket.cumulativePayout
    ), "settlement.noConflict"
    self._freezeBefore(later.epoch)


# ---- the way out ----


@external
def requestExit(batch: bytes32, ticket: Ticket, proof: DynArray[bytes32, PROOF_LIMIT]):
    """
    @notice Asks for all of the caller's unspent amount; seven days, then anyone may freeze L2.
    """
    assert not self._isFrozen(), "settlement.frozen"
    posted: PostedBatch = self._provenIn(batch, ticket, proof)
    assert msg.sender == ticket.account, "settlement.notAccount"
    assert ticket.unspent > 0, "settlement.nothingUnspent"
    assert self.exits[msg.sender].requestedAt == 0, "settlement.exitRequested"
    assert posted.epoch > self.exitServed[msg.sender], "settlement.exitServed"
    self.exits[msg.sender] = Exit(epoch=posted.epoch, requestedAt=convert(block.timestamp, uint64))
    log ExitRequested(account=msg.sender, epoch=posted.epoch, unspent=ticket.unspent)


@external
def serveExit(batch: bytes32, ticket: Ticket, proof: DynArray[bytes32, PROOF_LIMIT]):
    """
    @notice Shows a later leaf of the account with nothing unspent.
    """
    posted: PostedBatch = self._provenIn(batch, ticket, proof)
    exit: Exit = self.exits[ticket.account]
    assert exit.requestedAt > 0, "settlement.noExit"
    assert posted.epoch > exit.epoch and ticket.unspent == 0, "settlement.notServed"
    self.exits[ticket.account] = empty(Exit)
    self.exitServed[ticket.account] = posted.epoch
    log ExitServed(account=ticket.account, epoch=posted.epoch)


@external
def freeze(account: address):
    """
    @notice No batch of the last 48 hours (the zero address), or this account's exit unserved for seven days.
    """
    since: uint256 = convert(self.silentSince, uint256)
    period: uint256 = SILENCE
    if account != empty(address):
        since = convert(self.exits[account].requestedAt, uint256)
        period = EXIT_PERIOD
    assert since > 0 and block.timestamp > since + period, "settlement.tooEarly"
    self._freezeAt(self.latestBatch, False)


@external
def claim(batch: bytes32, ticket: Ticket, proof: DynArray[bytes32, PROOF_LIMIT]):
    """
    @notice Frozen: claims all that a leaf says for its account. A leaf of a later batch replaces it.
    """
    assert self._isFrozen(), "settlement.notFrozen"
    posted: PostedBatch = self._provenIn(batch, ticket, proof)
    counting: uint64 = self.batches[self.frozenBatch].epoch
    assert posted.epoch <= counting, "settlement.undone"
    held: uint64 = self.claims[ticket.account].epoch
    assert posted.epoch > held or held > counting, "settlement.olderLeaf"
    amount: uint256 = ticket.cumulativePayout + ticket.unspent + ticket.locked
    paid: uint256 = self.redeemed[ticket.account]
    amount = amount - min(amount, paid)
    maturesAt: uint64 = convert(block.timestamp + CLAIM_PERIOD, uint64)
    self.claims[ticket.account] = Claim(epoch=posted.epoch, amount=amount, maturesAt=maturesAt, paid=False)
    log Claimed(account=ticket.account, epoch=posted.epoch, amount=amount, maturesAt=maturesAt)


@nonreentrant
@external
def payClaim(account: address) -> uint256:
    """
    @notice Pays a claim that is seven days old, as far as there is money; the rest stays claimed.
    """
    due: Claim = self.claims[account]
    assert due.maturesAt > 0 and not due.paid, "settlement.noClaim"
    assert block.timestamp >= convert(due.maturesAt, uint256), "settlement.tooEarly"
    # A challenge within a day of the freeze may have undone the batch that it was based on.
    assert due.epoch <= self.batches[self.frozenBatch].epoch, "settlement.undone"
    pool: uint256 = self.pool
    paid: uint256 = min(due.amount, pool - min(pool, self.reclaimReserve))
    assert paid > 0 or due.amount == 0, "settlement.pool"
    self.claims[account].amount = due.amount - paid
    self.claims[account].paid = paid == due.amount
    self.redeemed[account] += paid
    self._pay(paid)
    log ClaimPaid(account=account, paid=paid)
    if paid > 0:
        self._send(account, paid)
    return paid


@nonreentrant
@external
def reclaimDeposit(number: uint64) -> uint256:
    """
    @notice Frozen: gives a deposit that the batch that counts has not seen back to its depositor.
    """
    assert self._isFrozen(), "settlement.notFrozen"
    assert number >= self.batches[self.frozenBatch].depositsSeen, "settlement.credited"
    record: DepositRecord = self.depositRecords[number]
    assert record.amount > 0 and not record.reclaimed, "settlement.noDeposit"
    self.depositRecords[number].reclaimed = True
    paid: uint256 = min(record.amount, self.pool)
    self.pool -= paid
    self.reclaimReserve -= record.amount
    self.totalReclaimed += record.amount
    log DepositReclaimed(number=number, depositor=record.depositor, amount=paid)
    self._send(record.depositor, paid)
    return paid


# ---- views ----


@view
@external
def bond() -> uint256:
    return self.bondWord & MASK128


@view
@external
def signer() -> address:
    return self._signer()


@view
@external
def nextSigner() -> (address, uint64):
    startsAt: uint256 = self.signerWord >> 160
    if block.timestamp >= startsAt:
        return empty(address), 0
    return self.upcomingSigner, convert(startsAt, uint64)


@view
@external
def nextBondWithdrawal() -> (uint256, uint64):
    return self.bondWord >> 128, self.bondReadyAt


@view
@external
def redeemedSincePosting() -> uint256:
    """
    @notice What the Signer's signature alone has paid that no batch of the last day or older covers.
    """
    return self._exposed()


@view
@external
def frozen() -> (bytes32, uint64):
    return self.frozenBatch, convert(self.clock & MASK64, uint64)


@view
@external
def domainSeparator() -> bytes32:
    return self._separator()


@view
@external
def ticketDigest(ticket: Ticket) -> bytes32:
    return self._ticketDigest(ticket)


@view
@external
def batchDigest(batch: Batch) -> bytes32:
    return self._batchDigest(batch)


# ---- inside ----


@view
@internal
def _isFrozen() -> bool:
    return self.clock & MASK64 > 0


@view
@internal
def _freeBond() -> uint256:
    word: uint256 = self.bondWord
    return (word & MASK128) - (word >> 128)


@view
@internal
def _onlyOwner():
    assert staticcall IEmethCore(core).owners(msg.sender), "settlement.notOwner"


@view
@internal
def _signer() -> address:
    word: uint256 = self.signerWord
    if word >> 160 > 0 and block.timestamp >= word >> 160:
        return self.upcomingSigner
    return convert(word & (2**160 - 1), address)


@view
@internal
def _separator() -> bytes32:
    return keccak256(
        abi_encode(DOMAIN_TYPE, keccak256("EMETH"), keccak256("1"), chain.id, self)
    )


@pure
@internal
def _typed(separator: bytes32, structHash: bytes32) -> bytes32:
    return keccak256(concat(b"\x19\x01", separator, structHash))


@view
@internal
def _ticketDigest(ticket: Ticket) -> bytes32:
    return self._typed(self._separator(), keccak256(concat(TICKET_TYPE, abi_encode(ticket))))


@view
@internal
def _batchDigest(batch: Batch) -> bytes32:
    return self._typed(self._separator(), keccak256(concat(BATCH_TYPE, abi_encode(batch))))


@view
@internal
def _isSigned(signer: address, digest: bytes32, signature: Bytes[SIGNATURE_LIMIT]) -> bool:
    if signer == empty(address):
        return False
    if len(signature) == 65:
        s: uint256 = convert(extract32(signature, 32), uint256)
        v: uint256 = convert(slice(signature, 64, 1), uint256)
        if s <= HALF_ORDER and (v == 27 or v == 28):
            if ecrecover(digest, v, convert(extract32(signature, 0), uint256), s) == signer:
                return True
    if not signer.is_contract:
        return False
    return staticcall IERC1271(signer).isValidSignature(digest, signature) == 0x1626ba7e


@view
@internal
def _requireSigned(digest: bytes32, signature: Bytes[SIGNATURE_LIMIT]):
    assert self._isSigned(self._signer(), digest, signature), "settlement.signature"


@view
@internal
def _evidence(batch: Batch, signature: Bytes[SIGNATURE_LIMIT]) -> bytes32:
    # A batch that was posted was signed by the Signer of its time; any other counts only under today's Signer, so
    # that a key that was replaced because it had been stolen can prove nothing.
    digest: bytes32 = self._batchDigest(batch)
    if self.batches[digest].epoch == 0:
        self._requireSigned(digest, signature)
    return digest


@pure
@internal
def _isLeaf(root: bytes32, ticket: Ticket, proof: DynArray[bytes32, PROOF_LIMIT]) -> bool:
    node: bytes32 = keccak256(keccak256(abi_encode(ticket)))
    for other: bytes32 in proof:
        if convert(node, uint256) < convert(other, uint256):
            node = keccak256(concat(node, other))
        else:
            node = keccak256(concat(other, node))
    return node == root


@view
@internal
def _provenIn(
    batch: bytes32, ticket: Ticket, proof: DynArray[bytes32, PROOF_LIMIT]
) -> PostedBatch:
    posted: PostedBatch = self.batches[batch]
    assert posted.epoch > 0, "settlement.noBatch"
    assert self._isLeaf(posted.accountsRoot, ticket, proof), "settlement.proof"
    return posted


@internal
def _grant(ticket: Ticket) -> uint256:
    before: uint256 = self.redeemed[ticket.account]
    if ticket.cumulativePayout <= before:
        return 0
    self.redeemed[ticket.account] = ticket.cumulativePayout
    paid: uint256 = ticket.cumulativePayout - before
    log Redeemed(account=ticket.account, epoch=ticket.epoch, paid=paid, total=ticket.cumulativePayout)
    return paid


@view
@internal
def _exposed() -> uint256:
    word: uint256 = self.exposure
    if block.timestamp < word >> 192:
        return (word & MASK96) + (word >> 96 & MASK96)
    return word & MASK96


@internal
def _spendCover(paid: uint256, epoch: uint64):
    if paid == 0:
        return
    cover: uint256 = min(self._freeBond(), self.ticketDailyCap)
    assert self._exposed() + paid <= cover, "settlement.cap"
    self._addExposure(paid)
    clock: uint256 = self.clock
    if convert(epoch, uint256) > clock >> 64:
        self.clock = clock & MASK64 | convert(epoch, uint256) << 64


@internal
def _addExposure(amount: uint256):
    # Never above the bond, which is below 2^96.
    word: uint256 = self.exposure
    assert amount < 2**96 and (word & MASK96) + amount < 2**96, "settlement.cap"
    self.exposure = word + amount


@internal
def _pay(amount: uint256):
    assert amount <= self.pool, "settlement.pool"
    self.pool -= amount
    self.totalRedeemed += amount


@view
@internal
def _uncredited(depositsSeen: uint64) -> uint256:
    return self.totalDeposited - self.depositedBelow[depositsSeen]


@internal
def _burnUpTo(target: uint256, depositsSeen: uint64):
    # A burn can't be undone: what the Signer's word alone destroys stays within what the bond makes good. What is
    # above that is burned with a later batch.
    burned: uint256 = self.totalBurned
    free: uint256 = self._freeBond()
    amount: uint256 = min(target - min(target, burned), free - min(free, self._exposed()))
    kept: uint256 = self._uncredited(depositsSeen)
    amount = min(amount, self.pool - min(self.pool, kept))
    if amount == 0:
        return
    self._addExposure(amount)
    self.totalBurned = burned + amount
    self.pool -= amount
    log Burned(amount=amount, total=burned + amount)
    assert extcall IERC20(emtToken).burn(amount), "settlement.token"


@internal
def _freezeBefore(epoch: uint64):
    # Back to the newest batch below the epoch, but never behind one that is a day old: what was final stays so.
    # Within a day of a freeze for another reason, too: else who wants a crooked batch to count would freeze at once.
    frozenAt: uint256 = self.clock & MASK64
    now: uint256 = block.timestamp
    if frozenAt > 0:
        assert now < frozenAt + CHALLENGE_PERIOD, "settlement.frozen"
        now = frozenAt
    # Epochs and times rise together from posting to posting: halving finds how many of the first ones stand.
    standing: uint256 = 0
    unknown: uint256 = self.postingCount
    for step: uint256 in range(64):
        if unknown == 0:
            break
        half: uint256 = unknown // 2
        posting: bytes32 = self.postings[standing + half]
        if (
            self.batches[posting].epoch < epoch
            or convert(self.batches[posting].postedAt, uint256) + CHALLENGE_PERIOD <= now
        ):
            standing += half + 1
            unknown -= half + 1
        else:
            unknown = half
    digest: bytes32 = empty(bytes32)
    if standing > 0:
        digest = self.postings[standing - 1]
    if frozenAt == 0:
        self._freezeAt(digest, True)
        return
    assert self.batches[digest].epoch < self.batches[self.frozenBatch].epoch, "settlement.frozen"
    self.frozenBatch = digest
    self.reclaimReserve = self._uncredited(self.batches[digest].depositsSeen) - self.totalReclaimed
    log Frozen(batch=digest, bondForfeited=True)


@internal
def _freezeAt(digest: bytes32, forfeited: bool):
    assert not self._isFrozen(), "settlement.frozen"
    self.frozenBatch = digest
    self.clock |= block.timestamp
    self.reclaimReserve = self._uncredited(self.batches[digest].depositsSeen)
    bond: uint256 = self.bondWord & MASK128
    self.pool += bond
    self.totalGranted += bond
    self.bondWord = 0
    self.bondReadyAt = 0
    log Frozen(batch=digest, bondForfeited=forfeited)


@internal
def _take(amount: uint256):
    assert extcall IERC20(emtToken).transferFrom(msg.sender, self, amount), "settlement.token"


@internal
def _send(to: address, amount: uint256):
    assert extcall IERC20(emtToken).transfer(to, amount), "settlement.token"
