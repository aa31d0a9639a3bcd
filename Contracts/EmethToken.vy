#pragma version 0.4.3
#pragma evm-version cancun
"""
@title EMETH token
@notice ERC-20 with 18 decimals; one minter, and everybody can burn what they hold.
@dev The interface of the token of 2022 and 2023. Unlike those, minting and burning log a Transfer, and the minter
     is named once: after that the owner has no power at all.
"""

event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    amount: uint256

event Approval:
    owner: indexed(address)
    spender: indexed(address)
    amount: uint256

event MinterSet:
    minter: indexed(address)

name: public(constant(String[5])) = "EMETH"
symbol: public(constant(String[5])) = "EMETH"
decimals: public(constant(uint8)) = 18

INITIAL_SUPPLY: constant(uint256) = 10_000 * 10**18

totalSupply: public(uint256)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
owner: public(immutable(address))
minter: public(address)


@deploy
def __init__():
    owner = msg.sender
    self._mint(msg.sender, INITIAL_SUPPLY)


@external
def setMinter(minter: address):
    """
    @notice Names who may mint: once, and by the owner.
    """
    assert msg.sender == owner, "token.notOwner"
    assert self.minter == empty(address), "token.minterIsSet"
    assert minter != empty(address), "token.zeroAddress"
    self.minter = minter
    log MinterSet(minter=minter)


@external
def mint(to: address, amount: uint256) -> bool:
    assert msg.sender == self.minter, "token.notMinter"
    self._mint(to, amount)
    return True


@external
def burn(amount: uint256) -> bool:
    """
    @notice Destroys tokens of the caller.
    """
    assert self.balanceOf[msg.sender] >= amount, "token.balance"
    self.balanceOf[msg.sender] -= amount
    self.totalSupply -= amount
    log Transfer(sender=msg.sender, receiver=empty(address), amount=amount)
    return True


@external
def transfer(to: address, amount: uint256) -> bool:
    self._transfer(msg.sender, to, amount)
    return True


@external
def transferFrom(sender: address, to: address, amount: uint256) -> bool:
    """
    @notice Spends an allowance; the largest number is one that never runs out.
    """
    allowed: uint256 = self.allowance[sender][msg.sender]
    if allowed != max_value(uint256):
        assert allowed >= amount, "token.allowance"
        self.allowance[sender][msg.sender] = allowed - amount
    self._transfer(sender, to, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    log Approval(owner=msg.sender, spender=spender, amount=amount)
    return True


@internal
def _mint(to: address, amount: uint256):
    assert to != empty(address), "token.zeroAddress"
    self.totalSupply += amount
    self.balanceOf[to] += amount
    log Transfer(sender=empty(address), receiver=to, amount=amount)


@internal
def _transfer(sender: address, to: address, amount: uint256):
    # Nothing is sent to nobody or to this contract by mistake: it would be lost.
    assert to != empty(address) and to != self, "token.receiver"
    assert self.balanceOf[sender] >= amount, "token.balance"
    self.balanceOf[sender] -= amount
    self.balanceOf[to] += amount
    log Transfer(sender=sender, receiver=to, amount=amount)
