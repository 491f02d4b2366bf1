"""Reads of state: balances, code, storage, proofs, calls, gas."""

from collections.abc import Mapping
from typing import Any

from node.chain.header import Header
from node.chain.transaction import Authorization
from node.execution.executor import BlockEnv, Call, CallResult
from node.primitives import rlp
from node.primitives.types import ZERO_ADDRESS, Address
from node.rpc.backend import Backend
from node.rpc.dispatch import Methods
from node.rpc.errors import (
    EXECUTION_REVERTED,
    RpcError,
    invalid_params,
    server_error,
)
from node.rpc.formats import hex_data
from node.rpc.lookup import env_of, env_on, require_state
from node.rpc.methods.overrides import override_env, parse_overrides
from node.rpc.params import (
    MAX_FEE_WEI,
    MAX_UINT64,
    MAX_UINT256,
    BlockId,
    Params,
    parse_address,
    parse_data,
    parse_quantity,
    parse_slot,
)

MAX_PROOF_SLOTS = 1_024
REVERT_SELECTOR = bytes.fromhex("08c379a0")  # Error(string)
PANIC_SELECTOR = bytes.fromhex("4e487b71")  # Panic(uint256)


class StateMethods:
    """eth_getBalance and its kin, eth_call, eth_estimateGas, eth_getProof."""

    def __init__(self, backend: Backend, gas_cap: int) -> None:
        self._backend = backend
        self._gas_cap = gas_cap

    def table(self) -> Methods:
        """Name -> handler."""
        return {
            "eth_getBalance": self.get_balance,
            "eth_getTransactionCount": self.get_transaction_count,
            "eth_getCode": self.get_code,
            "eth_getStorageAt": self.get_storage_at,
            "eth_getProof": self.get_proof,
            "eth_call": self.call,
            "eth_estimateGas": self.estimate_gas,
            "eth_createAccessList": self.create_access_list,
        }

    async def get_balance(self, raw: Any) -> str:
        params = Params(raw, 2)
        account = params.address(0)
        _, view = require_state(self._backend, params.block(1))
        return hex(view.balance(account))

    async def get_transaction_count(self, raw: Any) -> str:
        params = Params(raw, 2)
        account, block_id = params.address(0), params.block(1)
        _, view = require_state(self._backend, block_id)
        nonce = view.nonce(account)
        if block_id.tag == "pending":
            nonce = max(nonce, self._backend.next_nonce(account) or 0)
        return hex(nonce)

    async def get_code(self, raw: Any) -> str:
        params = Params(raw, 2)
        account = params.address(0)
        _, view = require_state(self._backend, params.block(1))
        return hex_data(view.code(account))

    async def get_storage_at(self, raw: Any) -> str:
        params = Params(raw, 3)
        account = params.address(0)
        slot = parse_slot(params.required(1), "argument 1")
        _, view = require_state(self._backend, params.block(2))
        return f"0x{view.slot(account, slot):064x}"

    async def get_proof(self, raw: Any) -> dict[str, Any]:
        params = Params(raw, 3)
        account = params.address(0)
        keys = params.required(1)
        if not isinstance(keys, list) or len(keys) > MAX_PROOF_SLOTS:
            raise invalid_params(f"invalid argument 1: at most {MAX_PROOF_SLOTS} keys")
        slots = [parse_slot(key, "storage key") for key in keys]
        _, view = require_state(self._backend, params.block(2))
        proof = await self._backend.blocking(lambda: view.proof(account, slots))
        return {
            "address": hex_data(account),
            "accountProof": [hex_data(node) for node in proof.account_proof],
            "balance": hex(proof.balance),
            "codeHash": hex_data(proof.code_hash),
            "nonce": hex(proof.nonce),
            "storageHash": hex_data(proof.storage_root),
            "storageProof": [
                {
                    "key": _proof_key(key),
                    "value": hex(value),
                    "proof": [hex_data(node) for node in nodes],
                }
                for key, (_, value, nodes) in zip(
                    keys, proof.storage_proofs, strict=True
                )
            ],
        }

    async def call(self, raw: Any) -> str:
        params = Params(raw, 4)
        request = parse_call(params.object(0), self._gas_cap)
        header, view = require_state(self._backend, params.block(1))
        overrides = parse_overrides(params.object(2, optional=True))
        env = override_env(
            self._env(params.block(1), header), params.object(3, optional=True)
        )
        result = await self._backend.blocking(
            lambda: view.call(request, env, overrides)
        )
        raise_on_failure(result)
        return hex_data(result.output)

    async def estimate_gas(self, raw: Any) -> str:
        params = Params(raw, 4)
        header, view = require_state(self._backend, params.block(1))
        cap = min(self._gas_cap, header.gas_limit)
        request = parse_call(params.object(0), cap)
        overrides = parse_overrides(params.object(2, optional=True))
        env = override_env(
            self._env(params.block(1), header), params.object(3, optional=True)
        )
        result = await self._backend.blocking(
            lambda: view.estimate_gas(request, env, overrides)
        )
        if isinstance(result, CallResult):
            raise_on_failure(result)
            raise server_error("gas required exceeds allowance")
        return hex(result)

    async def create_access_list(self, raw: Any) -> dict[str, Any]:
        params = Params(raw, 2)
        request = parse_call(params.object(0), self._gas_cap)
        header, view = require_state(self._backend, params.block(1))
        env = self._env(params.block(1), header)
        result, touched = await self._backend.blocking(
            lambda: view.access_list(request, env)
        )
        answer: dict[str, Any] = {
            "accessList": [
                {
                    "address": hex_data(at),
                    "storageKeys": [f"0x{slot:064x}" for slot in slots],
                }
                for at, slots in touched
            ],
            "gasUsed": hex(result.gas_used),
        }
        if result.error:
            answer["error"] = "execution reverted"
        return answer

    def _env(self, block_id: BlockId, header: Header) -> BlockEnv:
        """A call sees the block named, as in geth; "pending" the one that follows."""
        if block_id.tag == "pending":
            return env_on(self._backend, header)
        return env_of(header)


def _proof_key(key: Any) -> Any:
    """As geth: whole words are echoed, anything shorter is a quantity."""
    is_word = isinstance(key, str) and len(key) == 66
    return key if is_word else hex(parse_slot(key, "storage key"))


def parse_call(request: Mapping[str, Any], gas_cap: int) -> Call:
    """A transaction object of eth_call. Raises RpcError."""
    data = request.get("input", request.get("data"))
    both = request.get("input") is not None and request.get("data") is not None
    if both and request["input"] != request["data"]:
        raise invalid_params('both "data" and "input" are set and not equal')
    price = request.get("gasPrice")
    if price is None:
        price = request.get("maxFeePerGas")
    elif request.get("maxFeePerGas") is not None:
        raise server_error(
            "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified"
        )
    gas = request.get("gas")
    to = request.get("to")
    return Call(
        sender=_address_or(request.get("from"), "from") or ZERO_ADDRESS,
        to=_address_or(to, "to"),
        data=b"" if data is None else parse_data(data, "input"),
        value=_quantity_or(request.get("value"), "value"),
        gas=gas_cap
        if gas is None
        else min(parse_quantity(gas, "gas", MAX_UINT64), gas_cap),
        gas_price=_quantity_or(price, "gasPrice", MAX_FEE_WEI),
        access_list=_access_list(request.get("accessList")),
        authorizations=_authorizations(request.get("authorizationList")),
    )


def _address_or(value: Any, name: str) -> Address | None:
    return None if value in (None, "") else parse_address(value, name)


def _quantity_or(value: Any, name: str, most: int = MAX_UINT256) -> int:
    return 0 if value is None else parse_quantity(value, name, most)


def _access_list(raw: Any) -> tuple[tuple[Address, tuple[int, ...]], ...]:
    if raw is None:
        return ()
    try:
        return tuple(
            (
                parse_address(entry["address"], "accessList address"),
                tuple(parse_slot(k, "storage key") for k in entry["storageKeys"]),
            )
            for entry in raw
        )
    except (TypeError, KeyError):
        raise invalid_params("invalid accessList") from None


def _authorizations(raw: Any) -> tuple[bytes, ...]:
    if raw is None:
        return ()
    try:
        parsed = [
            Authorization(
                chain_id=parse_quantity(entry["chainId"], "chainId"),
                address=parse_address(entry["address"], "address"),
                nonce=parse_quantity(entry["nonce"], "nonce", MAX_UINT64),
                y_parity=parse_quantity(entry.get("yParity", "0x0"), "yParity", 1),
                r=parse_quantity(entry["r"], "r"),
                s=parse_quantity(entry["s"], "s"),
            )
            for entry in raw
        ]
    except (TypeError, KeyError, AttributeError):
        raise invalid_params("invalid authorizationList") from None
    return tuple(
        rlp.encode(
            [
                rlp.from_int(a.chain_id),
                a.address,
                *(rlp.from_int(n) for n in (a.nonce, a.y_parity, a.r, a.s)),
            ]
        )
        for a in parsed
    )


def raise_on_failure(result: CallResult) -> None:
    """Turn a failed call into geth's error."""
    if not result.error:
        return
    if result.error == "revert":
        reason = revert_reason(result.output)
        message = f"execution reverted: {reason}" if reason else "execution reverted"
        raise RpcError(EXECUTION_REVERTED, message, hex_data(result.output))
    raise server_error(result.error)


def revert_reason(output: bytes) -> str:
    """The text of Error(string) or Panic(uint256); empty for anything else."""
    # Imported at the first revert: eth_abi takes a third of a node's start.
    from eth_abi.abi import decode
    from eth_abi.exceptions import DecodingError

    try:
        if output[:4] == REVERT_SELECTOR:
            return str(decode(["string"], output[4:])[0])
        if output[:4] == PANIC_SELECTOR:
            return f"panic code {hex(decode(['uint256'], output[4:])[0])}"
    except (DecodingError, UnicodeDecodeError, OverflowError):
        return ""
    return ""
