#pragma version 0.4.3
#pragma evm-version cancun
"""
@title m of n signers as one ERC-1271 account
@notice Its address can be the Signer of EmethSettlement. Members and threshold never change: another set is another
        contract, named by `proposeSigner` and valid after the thaw.
@dev A signature is the members' 65-byte signatures one behind the other, ascending by the members' addresses.
"""

MAGIC: constant(bytes4) = 0x1626ba7e
HALF_ORDER: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168
LIMIT: constant(uint256) = 32

members: public(DynArray[address, LIMIT])
isMember: public(HashMap[address, bool])
threshold: public(immutable(uint256))


@deploy
def __init__(members: DynArray[address, LIMIT], needed: uint256):
    assert needed > 0 and needed <= len(members), "signers.threshold"
    for member: address in members:
        assert member != empty(address) and not self.isMember[member], "signers.member"
        self.isMember[member] = True
    self.members = members
    threshold = needed


@view
@external
def isValidSignature(digest: bytes32, signature: Bytes[65 * LIMIT]) -> bytes4:
    """
    @notice The ERC-1271 word when at least `threshold` members signed the digest and nobody else did.
    """
    length: uint256 = len(signature)
    count: uint256 = length // 65
    if length != count * 65 or count < threshold:
        return 0xffffffff
    last: address = empty(address)
    for index: uint256 in range(count, bound=LIMIT):
        r: uint256 = convert(extract32(signature, index * 65), uint256)
        s: uint256 = convert(extract32(signature, index * 65 + 32), uint256)
        v: uint256 = convert(slice(signature, index * 65 + 64, 1), uint256)
        if s > HALF_ORDER or (v != 27 and v != 28):
            return 0xffffffff
        member: address = ecrecover(digest, v, r, s)
        # Ascending addresses: nobody counts twice.
        if convert(member, uint160) <= convert(last, uint160) or not self.isMember[member]:
            return 0xffffffff
        last = member
    return MAGIC
