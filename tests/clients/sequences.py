"""Sequences of requests for the dev chain and for anvil, and answers made comparable.

A step is (method, params). A parameter `Earlier(n)` stands for the answer of step n.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

A, B, C = (
    "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266",
    "0x70997970c51812dc3a010c7d01b50e0d17dc79c8",
    "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc",
)
STRANGER, CODED = "0x" + "ab" * 20, "0x" + "77" * 20
WORD = "0x" + "0" * 64
SEVEN = f"0x{7:064x}"
# Slot 0 grows by one; the new count is logged and returned.
COUNTS = "0x5f546001018060005560005260206000a060206000f3"
CREATES = "0x75" + COUNTS[2:] + "5f526016600af3"
SAYS_NO = (
    "0x7f08c379a0" + "0" * 56 + "5f5260206004526002602452"
    "7f6e6f" + "0" * 60 + "60445260645ffd"
)
HASHED = re.compile(r"0x[0-9a-f]{64}\Z")
FEW_HASHES_BELOW = 2**64  # what is no hash but a word
OF_THE_CHAIN = {
    # Hashes, signatures and what follows from the genesis block.
    *("hash", "parentHash", "stateRoot", "transactionsRoot", "receiptsRoot"),
    *("miner", "extraData", "size", "mixHash", "r", "s", "v", "yParity"),
    *("accountProof", "storageHash", "codeHash", "logsBloom", "difficulty"),
    # Times follow the clock.
    *("timestamp", "blockTimestamp"),
    # Fees that the node chooses for a sender who names none, and what they cost; in
    # anvil the first block has the base fee of genesis.
    "baseFeePerGas",
    *("gasPrice", "maxFeePerGas", "maxPriorityFeePerGas", "effectiveGasPrice"),
    # Fields that one of the two does not have, or has as an empty one.
    *("blobGasPrice", "blobGasUsed", "excessBlobGas", "uncles", "withdrawals"),
    *("totalDifficulty", "revertReason", "refund", "removed"),
    # The gas limit of a call that names none; geth shows it with the intrinsic gas.
    *("gas", "gasCost"),
}


def comparable(answer: Any) -> Any:
    """Without what follows from genesis, clock and chosen fees; hashes as such."""
    if isinstance(answer, dict):
        return {
            key: comparable(value)
            for key, value in sorted(answer.items())
            if key not in OF_THE_CHAIN and value is not None
        }
    if isinstance(answer, list):
        return [comparable(item) for item in answer]
    if isinstance(answer, str) and HASHED.match(answer):
        return "hash" if int(answer, 16) >= FEW_HASHES_BELOW else answer
    return answer


@dataclass(frozen=True)
class Earlier:
    """The answer of an earlier step."""

    step: int


def sends(**fields: Any) -> tuple[str, list[Any]]:
    return "eth_sendTransaction", [{"from": A, **fields}]


def receipt(step: int) -> tuple[str, list[Any]]:
    return "eth_getTransactionReceipt", [Earlier(step)]


Step = tuple[str, list[Any]]
HEIGHT: Step = ("eth_blockNumber", [])
LATEST: Step = ("eth_getBlockByNumber", ["latest", False])

SEQUENCES: dict[str, Sequence[Step]] = {
    "sealing": [
        ("eth_accounts", []),
        ("anvil_getAutomine", []),
        sends(to=B, value="0x5"),
        HEIGHT,
        receipt(2),
        ("evm_mine", []),
        ("anvil_mine", ["0x3"]),
        ("hardhat_mine", ["0x2", "0x5"]),
        HEIGHT,
        ("evm_setAutomine", [False]),
        ("anvil_getAutomine", []),
        sends(to=B, value="0x1", gas="0x5208"),
        HEIGHT,
        receipt(11),
        ("txpool_status", []),
        ("eth_getTransactionCount", [A, "pending"]),
        ("eth_getTransactionCount", [A, "latest"]),
        ("evm_mine", []),
        ("txpool_status", []),
        ("eth_getTransactionByHash", [Earlier(11)]),
        ("anvil_setAutomine", [True]),
        ("anvil_getIntervalMining", []),
        ("evm_setIntervalMining", [0]),
        ("anvil_getAutomine", []),
    ],
    "accounts": [
        ("anvil_setBalance", [STRANGER, "0xde0b6b3a7640000"]),
        ("eth_getBalance", [STRANGER, "latest"]),
        ("anvil_addBalance", [STRANGER, "0x1"]),
        ("eth_getBalance", [STRANGER, "latest"]),
        ("hardhat_setBalance", [STRANGER, "0x0"]),
        ("eth_getBalance", [STRANGER, "latest"]),
        ("anvil_setNonce", [STRANGER, "0x7"]),
        ("eth_getTransactionCount", [STRANGER, "latest"]),
        ("anvil_setCode", [CODED, COUNTS]),
        ("eth_getCode", [CODED, "latest"]),
        ("anvil_setStorageAt", [CODED, "0x0", SEVEN]),
        ("eth_getStorageAt", [CODED, "0x0", "latest"]),
        ("eth_call", [{"to": CODED}, "latest"]),
        ("eth_getCode", [A, "latest"]),
        ("evm_setAccountNonce", [STRANGER, "0x9"]),
        ("eth_getTransactionCount", [STRANGER, "latest"]),
    ],
    "snapshots": [
        ("evm_snapshot", []),
        sends(to=B, value="0x5"),
        ("evm_snapshot", []),
        ("anvil_setBalance", [STRANGER, "0x5"]),
        ("evm_mine", []),
        HEIGHT,
        ("evm_revert", [Earlier(2)]),
        HEIGHT,
        ("eth_getBalance", [STRANGER, "latest"]),
        ("evm_revert", [Earlier(2)]),
        ("evm_revert", [Earlier(0)]),
        HEIGHT,
        ("eth_getTransactionByHash", [Earlier(1)]),
        ("evm_revert", ["0x99"]),
        ("eth_getBalance", [A, "latest"]),
    ],
    "impersonation": [
        ("anvil_setBalance", [STRANGER, "0xde0b6b3a7640000"]),
        ("eth_sendTransaction", [{"from": STRANGER, "to": B, "value": "0x1"}]),
        ("anvil_impersonateAccount", [STRANGER]),
        ("eth_sendTransaction", [{"from": STRANGER, "to": B, "value": "0x1"}]),
        receipt(3),
        ("anvil_stopImpersonatingAccount", [STRANGER]),
        ("eth_sendTransaction", [{"from": STRANGER, "to": B, "value": "0x1"}]),
        ("anvil_autoImpersonateAccount", [True]),
        ("eth_sendTransaction", [{"from": STRANGER, "to": B, "value": "0x2"}]),
        ("eth_getTransactionCount", [STRANGER, "latest"]),
        ("anvil_autoImpersonateAccount", [False]),
    ],
    "time": [
        ("evm_setNextBlockTimestamp", [4_000_000_000]),
        ("evm_mine", []),
        LATEST,
        ("evm_setNextBlockTimestamp", [3_999_999_999]),
        ("anvil_setBlockTimestampInterval", [7]),
        ("evm_mine", []),
        LATEST,
        ("anvil_removeBlockTimestampInterval", []),
        ("anvil_removeBlockTimestampInterval", []),
        ("evm_mine", [4_000_000_100]),
        LATEST,
        ("evm_mine", [{"timestamp": 4_000_000_200, "blocks": 2}]),
        HEIGHT,
    ],
    "environment": [
        ("anvil_setNextBlockBaseFeePerGas", ["0x77359400"]),
        ("evm_mine", []),
        LATEST,
        ("anvil_setCoinbase", [C]),
        ("evm_setBlockGasLimit", ["0x1312d00"]),
        ("anvil_setNextBlockBaseFeePerGas", ["0x0"]),
        ("evm_mine", []),
        LATEST,
        ("anvil_setChainId", [4242]),
        ("eth_chainId", []),
        ("net_version", []),
        ("anvil_setLoggingEnabled", [True]),
        ("anvil_setMinGasPrice", ["0x1"]),
        ("anvil_reset", []),
    ],
    "contracts": [
        sends(data=CREATES),
        receipt(0),
        ("anvil_setCode", [CODED, COUNTS]),
        sends(to=CODED),
        receipt(3),
        ("eth_getLogs", [{"fromBlock": "0x0", "address": CODED}]),
        ("eth_estimateGas", [{"from": A, "to": CODED}]),
        ("eth_createAccessList", [{"from": A, "to": CODED}]),
        ("anvil_setCode", [STRANGER, SAYS_NO]),
        ("eth_call", [{"from": A, "to": STRANGER}, "latest"]),
        ("eth_estimateGas", [{"from": A, "to": STRANGER}]),
        sends(to=STRANGER, gas="0x20000"),
        receipt(11),
        ("debug_traceTransaction", [Earlier(11), {"tracer": "callTracer"}]),
        ("debug_traceCall", [{"from": A, "to": CODED}, "latest", {}]),
        ("eth_call", [{"to": B}, "latest", {B: {"code": "0x602a5f5260205ff3"}}]),
        ("eth_getProof", [CODED, [WORD], "latest"]),
    ],
    "pool": [
        ("evm_setAutomine", [False]),
        sends(to=B, value="0x1", gas="0x5208"),
        sends(to=B, value="0x2", gas="0x5208", nonce="0x5"),
        ("txpool_status", []),
        ("txpool_content", []),
        ("anvil_dropTransaction", [Earlier(1)]),
        ("anvil_dropTransaction", [Earlier(1)]),
        ("txpool_status", []),
        ("anvil_removePoolTransactions", [A]),
        ("txpool_status", []),
        sends(to=B, value="0x3", gas="0x5208"),
        ("anvil_dropAllTransactions", []),
        ("txpool_status", []),
    ],
    "going back": [
        sends(to=B, value="0x1"),
        sends(to=B, value="0x1"),
        sends(to=B, value="0x1"),
        ("anvil_rollback", [1]),
        HEIGHT,
        ("eth_getTransactionByHash", [Earlier(2)]),
        ("anvil_rollback", [None]),
        HEIGHT,
        ("anvil_reorg", [1, []]),
        HEIGHT,
        ("anvil_reorg", [1, [[{"from": A, "to": C, "value": "0x9"}, 0]]]),
        HEIGHT,
        ("eth_getBlockTransactionCountByNumber", ["latest"]),
        ("eth_getBalance", [B, "latest"]),
        ("anvil_rollback", [99]),
    ],
    "refusals": [
        ("eth_sendRawTransaction", ["0x00"]),
        sends(to=B, value="0x" + "f" * 30),
        sends(to=B, gas="0x1"),
        sends(to=B, nonce="0x99"),
        ("eth_sendTransaction", [{"from": A, "to": "0x12"}]),
        ("eth_getBalance", ["0x12", "latest"]),
        ("eth_getBlockByNumber", ["0x99999", False]),
        ("eth_call", [{"to": B}, "0x99999"]),
        ("eth_getTransactionByHash", [SEVEN]),
        ("no_such_method", []),
        ("eth_uninstallFilter", ["0x1"]),
    ],
}
