#pragma version 0.4.3
#pragma evm-version cancun
"""
@title A token that answers what it likes, and calls back while it is called
@dev For the tests of what EMETH's contracts do with it. It keeps no allowances.
"""

totalSupply: public(uint256)
balanceOf: public(HashMap[address, uint256])
# What moving tokens returns, whether it moves them or not.
refuses: public(bool)
# What is called while tokens move, and how that ended.
target: address
message: Bytes[4096]
calls: public(uint256)
taken: public(uint256)


@deploy
def __init__():
    self._mint(msg.sender, 10_000 * 10**18)


@external
def setMinter(minter: address):
    pass


@external
def approve(spender: address, amount: uint256) -> bool:
    return True


@external
def plan(refuses: bool, target: address, message: Bytes[4096]):
    self.refuses = refuses
    self.target = target
    self.message = message
    self.calls = 0
    self.taken = 0


@external
def run(target: address, message: Bytes[4096]):
    """
    @notice The same call, from outside of any other.
    """
    raw_call(target, message)


@external
def mint(to: address, amount: uint256) -> bool:
    self._mint(to, amount)
    return self._answer()


@external
def burn(amount: uint256) -> bool:
    self.balanceOf[msg.sender] -= amount
    self.totalSupply -= amount
    return self._answer()


@external
def transfer(to: address, amount: uint256) -> bool:
    self._move(msg.sender, to, amount)
    return self._answer()


@external
def transferFrom(sender: address, to: address, amount: uint256) -> bool:
    self._move(sender, to, amount)
    return self._answer()


@internal
def _mint(to: address, amount: uint256):
    self.balanceOf[to] += amount
    self.totalSupply += amount


@internal
def _move(sender: address, to: address, amount: uint256):
    if self.refuses:
        return
    self.balanceOf[sender] -= amount
    self.balanceOf[to] += amount


@internal
def _answer() -> bool:
    if self.target != empty(address):
        target: address = self.target
        self.target = empty(address)
        self.calls += 1
        if raw_call(target, self.message, revert_on_failure=False):
            self.taken += 1
    return not self.refuses
