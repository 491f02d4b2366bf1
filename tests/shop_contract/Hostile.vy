#pragma version 0.4.3
"""
@title An account that behaves badly when it is paid
@license Apache-2.0
@notice Test code. It acts for whoever calls `run`, and answers money as it was told.
"""

ACCEPT: constant(uint256) = 0
REFUSE: constant(uint256) = 1
REENTER: constant(uint256) = 2
BURN: constant(uint256) = 3
SHOUT: constant(uint256) = 4

mode: uint256
target: address
payload: Bytes[2048]
money: uint256

# What came of the call made while being paid: how often, and how often it succeeded.
reentered: public(uint256)
succeeded: public(uint256)
# What that call was answered with, such as the word it was refused with.
answer: public(Bytes[1024])


@external
@payable
def run(target: address, data: Bytes[20000]) -> Bytes[1024]:
    success: bool = False
    answer: Bytes[1024] = b""
    success, answer = raw_call(
        target, data, max_outsize=1024, value=msg.value, revert_on_failure=False
    )
    if not success:
        raw_revert(answer)
    return answer


@external
def arm(mode: uint256, target: address, payload: Bytes[2048], money: uint256):
    self.mode = mode
    self.target = target
    self.payload = payload
    self.money = money


@external
@payable
def __default__():
    if self.mode == REFUSE:
        raise "no, thank you"
    if self.mode == REENTER:
        self.reentered += 1
        success: bool = False
        success, self.answer = raw_call(
            self.target,
            self.payload,
            max_outsize=1024,
            value=self.money,
            revert_on_failure=False,
        )
        if success:
            self.succeeded += 1
    if self.mode == BURN:
        for i: uint256 in range(1_000_000_000):
            assert self.mode == BURN
    if self.mode == SHOUT:
        noise: Bytes[16384] = b""
        raw_revert(noise)
