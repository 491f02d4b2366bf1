"""The recorded exchanges of ethereum/execution-apis: our answers have their shape.

The examples' chain is not ours, so what their requests name (transactions, blocks,
contracts) is replaced by things of the same kind on a dev chain.
"""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.node.networks.devchain.asking import Asked, Asker, dev_chain
from tests.node.networks.devchain.conftest import executor
from tests.node.rpc.shapes import differences

__all__ = ["executor"]

ROOT = Path(__file__).resolve().parents[3]
VECTORS = ROOT.parent / "shared" / "vectors" / "execution-apis"
EXAMPLES = sorted(VECTORS.glob("*/*.io"))
MOVES = "movePrecompileToAddress"
EXAMPLE_HEAD = {"number": 0x36, "time": 0x21C}
"""What the blocks of simulations follow."""

EMITTER = "0x7dcd17433742f4c0ca53122ab541d0ba67fc27df"
ENVIRONMENT = "0x9344b07175800259691961298ca11c824e65032d"
TWO_BYTES = "0x17e7eedce4ac02ef114a7ed9fe6e2f33feba1667"
CALLER = "0x14e46043e63d0e3cdcf2530519f4cfaf35058cb2"
CODES = {
    # Counts in slot 0 and emits; from the example of eth_getCode.
    EMITTER: "0x3680600080376000206000548082558060010160005560005263656d697460206000a2",
    ENVIRONMENT: "0x435f5246602052604060" + "00f3",
    # Returns 0xffee for two bytes of calldata, reverts with one byte else.
    TWO_BYTES: "0x36600214600b5760015ffd5b61ffee5f526002601ef3",
}
STORES = "0x5f546001015f55"  # initcode that counts in slot 0 and deploys nothing
TOPIC = "0x95b7276947f6331672b0c63eca28c1d39f25286d5e2793d6a487837ff1475ba0"

pytestmark = pytest.mark.skipif(not EXAMPLES, reason="the public vectors are not here")


async def fill_chain(ask: Asker) -> dict[str, Any]:
    """Blocks with every kind of transaction; what the examples name -> ours."""
    for at, code in CODES.items():
        await ask("anvil_setCode", at, code)
        await ask("anvil_setBalance", at, "0x76")
    await ask("anvil_setBalance", CALLER, hex(10**18))
    create = await ask.send(data="0x600060005500", gasPrice="0x77359400")
    await ask.send(data=STORES, gas="0x20000")
    logs = await ask.send(to=EMITTER, data="0x01")
    await ask.send(to=EMITTER, data="0x02", maxFeePerGas="0x77359400")
    listed = {
        "to": EMITTER,
        "gasPrice": "0x77359400",
        "accessList": [{"address": EMITTER, "storageKeys": ["0x" + "0" * 64]}],
    }
    access = await ask.send(**listed)
    dynamic = await ask.send(to=EMITTER, data="0x03", accessList=listed["accessList"])
    await ask("anvil_setNextBlockBaseFeePerGas", "0x1")
    newest = await ask.send(data="0x600060005500", gasPrice="0x77359400")
    to = "0x" + "aa" * 20
    raw = []
    for at, fees in ((1, {"gasPrice": "0x77359400"}), (2, {})):
        request = {"from": ask.accounts[at], "to": to, "value": "0x1", **fees}
        raw.append((await ask("eth_signTransaction", request))["raw"])
    return {
        "0xc1d605c6612a5fe84dc95810030bfe5b1d327652b381bc695e28f50d13b2b09e": create[
            "transactionHash"
        ],
        "0x695ad02907c9e13ab7c69963f723fa46ac13cd5e2314f61eab2cb2f07b946faa": access[
            "transactionHash"
        ],
        "0x205405746564cbcf1dd53fb5ac92c7622d3792d82f03c59d9baddf2443d91864": dynamic[
            "transactionHash"
        ],
        "0x80e911b62f552f563a2544dfef5eb39ec8863d9082c998ca6b657f76e19de38e": create[
            "blockHash"
        ],
        "0x98f797a6af91ea770ab3a99d89c17a3a46d14c76db6bb711b18156a3493d2c94": logs[
            "blockHash"
        ],
        "0xd226371d0b1551adb03fb52b71f08e3e11247fe9b1af994768af8cdaa8e7dcd7": newest[
            "blockHash"
        ],
        "0x44fd89d504659cd58f48f4796b77a7e7012cf296a2409afa2f6c3cb99b5b3d99": (
            await ask.block("earliest")
        )["hash"],
        TOPIC: logs["logs"][0]["topics"][1],
        "0x2d": "0x3",
        "0x27": "0x3",
        "0x36": "0x3",
        "0x35": "0x3",
        "legacy": raw[0],
        "dynamic": raw[1],
    }


async def on_our_head(ask: Asker, value: Any) -> Any:
    """Numbers and times of blocks as far above our head as they are above that of the
    examples."""
    head = await ask.block()
    ours = {"number": int(head["number"], 16), "time": int(head["timestamp"], 16)}

    def moved(item: Any, key: str = "") -> Any:
        if isinstance(item, dict):
            return {name: moved(inner, name) for name, inner in item.items()}
        if isinstance(item, list):
            return [moved(inner) for inner in item]
        if key in EXAMPLE_HEAD:
            return hex(int(item, 16) - EXAMPLE_HEAD[key] + ours[key])
        return item

    return moved(value)


def replaced(value: Any, names: dict[str, Any]) -> Any:
    """The same with what the examples name replaced by ours."""
    if isinstance(value, dict):
        return {key: replaced(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value


def _words(message: str) -> str:
    """Without the numbers, which follow the chain's clock."""
    return re.sub(r"\d+", "#", message)


def read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The first request of an example and its answer."""
    lines = path.read_text().splitlines()
    request = next(line[3:] for line in lines if line.startswith(">>"))
    answer = next(line[3:] for line in lines if line.startswith("<<"))
    return json.loads(request), json.loads(answer)


@pytest.fixture
async def ask() -> AsyncIterator[Asker]:
    async with dev_chain(gas_limit=200_000_000) as asker:
        yield asker


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def without_moves() -> list[Path]:
    """Precompiles cannot be moved here; of their examples the refusals hold."""
    return [
        path
        for path in EXAMPLES
        if MOVES not in path.read_text() or '"error"' in path.read_text()
    ]


async def test_every_method_of_the_examples_is_offered(ask: Asker) -> None:
    known = set(ask.node.dispatcher.methods)
    assert {path.parent.name for path in EXAMPLES} <= known


@pytest.mark.parametrize("path", without_moves(), ids=name_of)
async def test_an_answer_has_the_shape_of_the_example(ask: Asker, path: Path) -> None:
    request, expected = read(path)
    params = replaced(request["params"], await fill_chain(ask))
    if request["method"] == "eth_simulateV1":
        params = await on_our_head(ask, params)
    if request["method"] == "eth_sendRawTransaction":
        names = await fill_chain(ask)
        params = [names["legacy" if "legacy" in path.stem else "dynamic"]]
    try:
        actual = {"result": await ask(request["method"], *params)}
    except Asked as error:
        actual = {"error": {"code": error.code, "message": str(error)}}
        if error.data is not None:
            actual["error"]["data"] = error.data
    if "error" in expected:
        assert "error" in actual
        assert actual["error"]["code"] == expected["error"]["code"]
        ours, theirs = actual["error"]["message"], expected["error"]["message"]
        assert ours.startswith(theirs) or _words(ours) == _words(theirs)
        assert ("data" in actual["error"]) == ("data" in expected["error"])
        return
    assert "result" in actual, actual
    assert differences(expected["result"], actual["result"]) == []
