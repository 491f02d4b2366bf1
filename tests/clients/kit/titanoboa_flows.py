"""titanoboa's NetworkEnv on a running chain: `python titanoboa_flows.py URL KIND`.

For an interpreter that has titanoboa and not chandlery: the two want different versions
of py-evm. KIND is "dev" or "network"; the first goes back in time, too.
"""

import sys

import boa
from eth_account import Account

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
SOURCE = """
# pragma version 0.4.3

event Counted:
    count: uint256

count: public(uint256)

@deploy
def __init__(start: uint256):
    self.count = start

@external
@payable
def add() -> uint256:
    self.count += 1
    log Counted(count=self.count)
    return self.count

@external
def refuse():
    assert msg.sender == empty(address), "not_you"
"""


def main(url: str, kind: str) -> None:
    boa.set_env(boa.NetworkEnv(url))
    boa.env.add_account(Account.from_key(KEY))
    counter = boa.loads(SOURCE, 5)
    assert counter.count() == 5
    assert counter.add(value=3) == 6
    assert [log.count for log in counter.get_logs()] == [6]
    assert boa.env.get_balance(counter.address) == 3
    assert counter._storage.count.get() == 6
    with boa.reverts("not_you"):
        counter.refuse()
    if kind == "dev":
        with boa.env.anchor():
            counter.add()
            assert counter.count() == 7
        assert counter.count() == 6
    print("titanoboa's flows held")


if __name__ == "__main__":
    main(*sys.argv[1:])
