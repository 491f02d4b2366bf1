"""A JSON-RPC endpoint over the bare EVM: each raw transaction is its own block.

Signatures, nonces and chain ids are checked as a node does; there is no pool and no
consensus. It lets the deploy command run over a real socket without a network.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import rlp
from eth_account import Account
from eth_hash.auto import keccak
from eth_utils.address import to_canonical_address, to_checksum_address

from tests.shop_contract.evm import Evm

CHAIN_ID = 7001
BASE_FEE = 1_000_000_000


class RpcNode:
    """Serves until left; `answers` replaces the answer of a method."""

    def __init__(self, answers: dict[str, Any] | None = None) -> None:
        self.evm = Evm()
        self.answers = answers or {}
        self.receipts: dict[str, dict[str, Any]] = {}
        self.nonces: dict[str, int] = {}
        node = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = json.dumps(node.answer(json.loads(self.rfile.read(length))))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, format: str, *arguments: object) -> None:
                """Tests read answers, not logs."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        method, parameters = request["method"], request["params"]
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": request["id"]}
        try:
            if method in self.answers:
                reply["result"] = self.answers[method]
            else:
                reply["result"] = getattr(self, method)(*parameters)
        except ValueError as error:
            message, *data = error.args
            reply["error"] = {"code": -32000, "message": message}
            if data:
                reply["error"]["data"] = data[0]
        return reply

    def eth_chainId(self) -> str:
        return hex(CHAIN_ID)

    def eth_maxPriorityFeePerGas(self) -> str:
        return "0x1"

    def eth_getTransactionCount(self, account: str, block: str) -> str:
        return hex(self.nonces.get(account, 0))

    def eth_getBlockByNumber(self, block: str, full: bool) -> dict[str, str]:
        return {
            "number": hex(len(self.receipts)),
            "baseFeePerGas": hex(BASE_FEE),
            "timestamp": hex(self.evm.now_s),
        }

    def eth_call(self, call: dict[str, str], block: str) -> str:
        trial = self.evm.copy()
        sender = to_canonical_address(call.get("from", "0x" + "00" * 20))
        value = int(call.get("value", "0x0"), 16)
        trial.fund(sender, value)
        data = bytes.fromhex(call["data"][2:])
        result = trial.transact(sender, to_canonical_address(call["to"]), data, value)
        if not result.success:
            raise ValueError("execution reverted", "0x" + result.output.hex())
        return "0x" + result.output.hex()

    def eth_getTransactionReceipt(self, wanted: str) -> dict[str, Any] | None:
        return self.receipts.get(wanted)

    def eth_sendRawTransaction(self, raw: str) -> str:
        data = bytes.fromhex(raw[2:])
        sender = Account.recover_transaction(data)
        fields = rlp.decode(data[1:])
        chain, nonce, _, max_fee, gas = (
            int.from_bytes(field, "big") for field in fields[:5]
        )
        if (data[0], chain) != (2, CHAIN_ID):
            raise ValueError("wrong chain or type")
        if nonce != self.nonces.get(sender, 0):
            raise ValueError("nonce too low or too high")
        if max_fee < BASE_FEE:
            raise ValueError("max fee per gas less than block base fee")
        self.nonces[sender] = nonce + 1
        account = to_canonical_address(sender)
        value = int.from_bytes(fields[6], "big")
        self.evm.fund(account, value)
        result = self.evm.transact(account, fields[5], fields[7], value, gas)
        name = "0x" + keccak(data).hex()
        self.receipts[name] = {
            "transactionHash": name,
            "status": hex(result.success),
            "gasUsed": hex(result.gas_used),
            "blockNumber": hex(len(self.receipts) + 1),
            "contractAddress": to_checksum_address(result.created),
        }
        return name
