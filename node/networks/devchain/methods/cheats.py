"""Methods that change accounts and the environment by decree; names as in anvil."""

from dataclasses import replace
from typing import Any

from node.execution.executor import AccountOverride
from node.networks.devchain.backend import DevBackend
from node.networks.devchain.methods.dump import dump_state, load_state
from node.networks.devchain.methods.mining import under_all_names
from node.primitives.types import Address, Hash32
from node.rpc.dispatch import Handler, Methods
from node.rpc.errors import invalid_params, server_error
from node.rpc.formats import hex_data
from node.rpc.params import MAX_UINT64, MAX_UINT256, Params, parse_slot

MAX_GAS_LIMIT = 2**53 - 1
MAX_CHAIN_ID = 2**53 - 1
MAX_DEV_CODE_BYTES = 1_000_000
"""Far above EIP-170: tests set what they like, within reason."""


class CheatMethods:
    """anvil_setBalance, anvil_impersonateAccount and their kin."""

    def __init__(self, backend: DevBackend) -> None:
        self._backend = backend
        self._chain = backend.chain
        self.is_logging = True

    def table(self) -> Methods:
        """Name -> handler."""
        handlers: dict[str, Handler] = {
            "setBalance": self.set_balance,
            "addBalance": self.add_balance,
            "setCode": self.set_code,
            "setNonce": self.set_nonce,
            "setAccountNonce": self.set_nonce,
            "setStorageAt": self.set_storage_at,
            "setCoinbase": self.set_coinbase,
            "setChainId": self.set_chain_id,
            "setBlockGasLimit": self.set_block_gas_limit,
            "setNextBlockBaseFeePerGas": self.set_next_base_fee,
            "setPrevRandao": self.set_prev_randao,
            "setNextBlockPrevRandao": self.set_prev_randao,
            "setMinGasPrice": self.set_min_gas_price,
            "setLoggingEnabled": self.set_logging,
            "impersonateAccount": self.impersonate,
            "stopImpersonatingAccount": self.stop_impersonating,
            "autoImpersonateAccount": self.auto_impersonate,
            "dropTransaction": self.drop_transaction,
            "dropAllTransactions": self.drop_all,
            "removePoolTransactions": self.drop_of_sender,
            "reset": self.reset,
            "dumpState": self.dump_state,
            "loadState": self.load_state,
            "metadata": self.metadata,
            "nodeInfo": self.node_info,
        }
        return under_all_names(handlers)

    # -- accounts

    async def set_balance(self, raw: Any) -> None:
        params = Params(raw, 2)
        await self._edit(params.address(0), AccountOverride(balance=params.quantity(1)))

    async def add_balance(self, raw: Any) -> None:
        params = Params(raw, 2)
        at, more = params.address(0), params.quantity(1)
        balance = self._backend.view(self._backend.head().digest).balance(at)
        await self._edit(at, AccountOverride(balance=min(balance + more, MAX_UINT256)))

    async def set_code(self, raw: Any) -> None:
        params = Params(raw, 2)
        code = params.data(1)
        if len(code) > MAX_DEV_CODE_BYTES:
            raise invalid_params(f"code has at most {MAX_DEV_CODE_BYTES} bytes")
        await self._edit(params.address(0), AccountOverride(code=code))

    async def set_nonce(self, raw: Any) -> None:
        params = Params(raw, 2)
        nonce = params.quantity(1, MAX_UINT64 - 1)
        await self._edit(params.address(0), AccountOverride(nonce=nonce))

    async def set_storage_at(self, raw: Any) -> bool:
        params = Params(raw, 3)
        slot = parse_slot(params.required(1), "slot")
        value = parse_slot(params.required(2), "value")
        change = AccountOverride(state_diff={slot: value})
        await self._edit(params.address(0), change)
        return True

    async def _edit(self, at: Address, change: AccountOverride) -> None:
        await self._chain.edit({at: change})

    # -- the environment

    async def set_coinbase(self, raw: Any) -> None:
        self._set(coinbase=Params(raw, 1).address(0))

    async def set_chain_id(self, raw: Any) -> None:
        chain_id = Params(raw, 1).quantity(0, MAX_CHAIN_ID)
        await self._chain.set_chain_id(chain_id)
        self._backend.refresh()

    async def set_block_gas_limit(self, raw: Any) -> bool:
        await self._chain.set_gas_limit(Params(raw, 1).quantity(0, MAX_GAS_LIMIT))
        self._backend.refresh()
        return True

    async def set_next_base_fee(self, raw: Any) -> None:
        self._set(next_base_fee=Params(raw, 1).quantity(0, 2**128 - 1))

    async def set_prev_randao(self, raw: Any) -> None:
        number = parse_slot(Params(raw, 1).required(0), "prevRandao")
        self._set(next_prev_randao=Hash32(number.to_bytes(32, "big")))

    async def set_min_gas_price(self, raw: Any) -> None:
        """As in anvil: there is no such price since EIP-1559."""
        Params(raw, 1).quantity(0)
        raise server_error(
            "anvil_setMinGasPrice is not supported when EIP-1559 is active: use "
            "anvil_setNextBlockBaseFeePerGas"
        )

    async def set_logging(self, raw: Any) -> None:
        params = Params(raw, 1)
        params.required(0)
        self.is_logging = params.flag(0)

    def _set(self, **changes: Any) -> None:
        self._chain.environment = replace(self._chain.environment, **changes)
        self._backend.refresh()

    # -- who sends, what waits

    async def impersonate(self, raw: Any) -> None:
        self._chain.impersonated |= {Params(raw, 1).address(0)}

    async def stop_impersonating(self, raw: Any) -> None:
        self._chain.impersonated -= {Params(raw, 1).address(0)}

    async def auto_impersonate(self, raw: Any) -> None:
        params = Params(raw, 1)
        params.required(0)
        self._chain.impersonates_all = params.flag(0)

    async def drop_transaction(self, raw: Any) -> str | None:
        """The hash when it waited, else null."""
        dropped = self._chain.forget([Params(raw, 1).hash(0)])
        return hex_data(dropped[0]) if dropped else None

    async def drop_all(self, raw: Any) -> None:
        Params(raw, 0)
        self._chain.forget([e.info.hash for e in self._backend.pool_content()])

    async def drop_of_sender(self, raw: Any) -> None:
        sender = Params(raw, 1).address(0)
        content = self._backend.pool_content()
        self._chain.forget([e.info.hash for e in content if e.info.sender == sender])

    # -- the whole

    async def reset(self, raw: Any) -> None:
        """Back to genesis. A fork of another chain is not offered."""
        options = Params(raw, 1).object(0, optional=True)
        if options.get("forking"):
            raise server_error("forking another chain is not supported")
        await self._chain.reset()
        self._backend.refresh()

    async def dump_state(self, raw: Any) -> str:
        """Accounts of the newest state, in anvil's format."""
        Params(raw, 1)
        return hex_data(await self._chain.run(lambda: dump_state(self._chain)))

    async def load_state(self, raw: Any) -> bool:
        """Lay the accounts of a dump, also anvil's, over the newest state."""
        try:
            changes = load_state(Params(raw, 1).data(0))
        except ValueError as error:
            raise invalid_params(f"not a state dump: {error}") from None
        await self._chain.edit(changes)
        return True

    async def metadata(self, raw: Any) -> dict[str, Any]:
        Params(raw, 0)
        head = self._backend.head()
        return {
            "clientVersion": self._backend.client_version,
            "chainId": self._backend.chain_id,
            "instanceId": hex_data(self._chain.genesis.digest),
            "latestBlockNumber": head.number,
            "latestBlockHash": hex_data(head.digest),
            "forkedNetwork": None,
            "snapshots": self._chain.snapshots(),
        }

    async def node_info(self, raw: Any) -> dict[str, Any]:
        Params(raw, 0)
        head = self._backend.head()
        base_fee = self._backend.rules.base_fee_after(head)
        return {
            "currentBlockNumber": head.number,
            "currentBlockTimestamp": head.timestamp,
            "currentBlockHash": hex_data(head.digest),
            "hardFork": "prague",
            "transactionOrder": "fees",
            "environment": {
                "baseFee": hex(base_fee),
                "chainId": self._backend.chain_id,
                "gasLimit": hex(self._chain.environment.gas_limit),
                "gasPrice": hex(base_fee),
            },
            "forkConfig": {"forkUrl": None, "forkBlockNumber": None},
        }
