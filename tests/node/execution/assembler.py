"""A small assembler, so that tests can be read: `code(1, 0, "SSTORE", "STOP")`.

Words are mnemonics, numbers and bytes are pushed, ":name" is a JUMPDEST and "@name"
pushes its position.
"""

from eth.vm import opcode_values

PUSH0, PUSH1, PUSH2, JUMPDEST = 0x5F, 0x60, 0x61, 0x5B
RENAMED = {"KECCAK256": "SHA3", "PREVRANDAO": "DIFFICULTY"}
INVALID = 0xFE


def code(*items: str | int | bytes) -> bytes:
    """Machine code."""
    output = bytearray()
    labels: dict[str, int] = {}
    uses: list[tuple[int, str]] = []
    for item in items:
        if isinstance(item, int):
            item = item.to_bytes((item.bit_length() + 7) // 8, "big")
        if isinstance(item, bytes):
            output += bytes((PUSH0 + len(item),)) + item
        elif item.startswith(":"):
            labels[item[1:]] = len(output)
            output.append(JUMPDEST)
        elif item.startswith("@"):
            uses.append((len(output) + 1, item[1:]))
            output += bytes((PUSH2, 0, 0))
        else:
            value = getattr(opcode_values, RENAMED.get(item, item), INVALID)
            assert value != INVALID or item == "INVALID"
            output.append(value)
    for at, name in uses:
        output[at : at + 2] = labels[name].to_bytes(2, "big")
    return bytes(output)


def call_to(address: bytes, gas: int | str = "GAS", value: int = 0) -> bytes:
    """Code that calls an address without data; leaves 1 or 0 on the stack."""
    return code(0, 0, 0, 0, value, address, gas, "CALL")


def initcode(runtime: bytes) -> bytes:
    """Code that deploys the runtime code."""
    size = len(runtime).to_bytes(2, "big")
    head = b"\x61" + size + code("DUP1", 10, 0, "CODECOPY", 0, "RETURN")
    assert len(head) == 10
    return head + runtime
