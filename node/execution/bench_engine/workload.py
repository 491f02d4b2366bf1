"""The benchmark's orders: what the shop's contract does at its core.

An order is five new slots, a counter and a log, by a sender who pays fees. The same
contract fills its storage on request, so that the state has the size that is asked for.
"""

from dataclasses import replace

from node.chain.genesis import ConsensusConfig, Genesis, GenesisAccount
from node.chain.genesis_builder import make_genesis
from node.primitives import rlp
from node.primitives.keccak import keccak256
from node.primitives.secp256k1 import PrivateKey
from node.primitives.types import Address

CHAIN_ID = 7001
GAS_LIMIT = 2_500_000_000
ORDER_GAS = 300_000
FILL_SLOT_GAS = 22_600
MAX_FEE = 10**12
SENDERS = 250
ORDERS = Address(bytes.fromhex("00000000000000000000000000000000000000aa"))


def contract_code() -> bytes:
    """The runtime code of the orders' contract."""
    order = bytes.fromhex(
        "5f355f52"  # the reference, in memory
        "5f546001018060005560205f20"  # counter + 1; keccak of the reference: [n, base]
    )
    for at in range(5):
        order += bytes.fromhex(f"818160{at:02x}0155")  # slot base + at = n
    order += bytes.fromhex("5f3560205fa100")  # LOG1(reference), STOP
    head_bytes = 7
    fill = head_bytes + len(order)
    loop = fill + 4
    end = loop + 19
    head = bytes.fromhex("36604014") + bytes((0x60, fill, 0x57))
    body = bytes.fromhex("5b602035")  # [count]
    body += bytes.fromhex("5b8015") + bytes((0x60, end, 0x57))
    body += bytes.fromhex(
        "60019003805f35018055"
    )  # count - 1; slot start + count = itself
    body += bytes((0x60, loop, 0x56)) + bytes.fromhex("5b00")
    return head + order + body


class Orders:
    """Signed orders, each with a reference of its own."""

    def __init__(self) -> None:
        self.keys = [PrivateKey(keccak256(b"order%d" % at)) for at in range(SENDERS)]
        self.nonces = [0] * SENDERS
        self.made = 0

    def take(self, count: int) -> list[bytes]:
        """The next orders, the senders taking turns."""
        return [self._order() for _ in range(count)]

    def fill(self, start: int, count: int) -> bytes:
        """A transaction that writes `count` slots from `start` on."""
        data = start.to_bytes(32, "big") + count.to_bytes(32, "big")
        return self._sign(0, data, 30_000 + FILL_SLOT_GAS * count)

    def _order(self) -> bytes:
        self.made += 1
        reference = keccak256(b"reference" + self.made.to_bytes(8, "big"))
        return self._sign(self.made % SENDERS, reference, ORDER_GAS)

    def _sign(self, at: int, data: bytes, gas: int) -> bytes:
        nonce = self.nonces[at]
        self.nonces[at] += 1
        numbers = (CHAIN_ID, nonce, 0, MAX_FEE, gas)
        fields: list[rlp.Item] = [rlp.from_int(number) for number in numbers]
        fields += [ORDERS, b"", data, []]
        signature = self.keys[at].sign(keccak256(b"\x02" + rlp.encode(fields)))
        halves = (signature[:32].lstrip(b"\0"), signature[32:64].lstrip(b"\0"))
        return b"\x02" + rlp.encode([*fields, rlp.from_int(signature[64]), *halves])


def genesis_of(orders: Orders) -> Genesis:
    """A free-gas network with the contract and the senders' accounts."""
    consensus = ConsensusConfig(gas_limit=GAS_LIMIT, zero_base_fee=True)
    balances = {key.address: 10**30 for key in orders.keys}
    genesis = make_genesis(CHAIN_ID, [Address(b"\1" * 20)], balances, consensus, 1)
    contract = GenesisAccount(nonce=1, code=contract_code())
    return replace(genesis, alloc={**genesis.alloc, ORDERS: contract})
