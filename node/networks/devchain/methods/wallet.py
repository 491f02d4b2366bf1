"""Methods of the ten accounts: the dev chain signs, or sends without a signature."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from node.chain.transaction import DYNAMIC_FEE, Transaction, decode_transaction
from node.execution.dev import MARK_S
from node.networks.devchain.backend import DevBackend
from node.primitives.keccak import keccak256
from node.primitives.secp256k1 import PrivateKey
from node.primitives.types import Address, Hash32
from node.rpc.backend import Refusal
from node.rpc.dispatch import Methods
from node.rpc.errors import RpcError, invalid_params, server_error
from node.rpc.formats import WAITING, hex_data, transaction_json
from node.rpc.params import Params, parse_address
from node.rpc.sending.encoding import encode_signed, signing_payload
from node.rpc.sending.filling import fill

PERSONAL_PREFIX = b"\x19Ethereum Signed Message:\n"


class WalletMethods:
    """eth_accounts, eth_sendTransaction and its kin, signatures."""

    def __init__(
        self, backend: DevBackend, keys: Sequence[PrivateKey], gas_cap: int
    ) -> None:
        self._backend = backend
        self._keys = {key.address: key for key in keys}
        self._gas_cap = gas_cap

    def table(self) -> Methods:
        """Name -> handler."""
        return {
            "eth_accounts": self.accounts,
            "personal_listAccounts": self.accounts,
            "eth_sendTransaction": self.send,
            "eth_sendUnsignedTransaction": self.send_unsigned,
            "eth_signTransaction": self.sign_transaction,
            "eth_sign": self.sign,
            "personal_sign": self.personal_sign,
            "eth_signTypedData_v4": self.sign_typed_data,
            "eth_signTypedData": self.sign_typed_data,
        }

    async def accounts(self, raw: Any) -> list[str]:
        Params(raw, 0)
        return [hex_data(address) for address in self._keys]

    async def send(self, raw: Any) -> str:
        return await self._submit(await self.raw_of(Params(raw, 1).object(0)))

    async def raw_of(self, request: Mapping[str, Any]) -> bytes:
        """The whole transaction of a request, signed or in the name of an impersonated
        account. Raises RpcError."""
        request = self._with_sender(request)
        sender = parse_address(request["from"], "from")
        _, tx = await fill(self._backend, request, self._gas_cap)
        chain = self._backend.chain
        if chain.impersonates_all or sender in chain.impersonated:
            return _marked(tx, sender)
        return _signed(tx, self._key(sender))

    async def send_unsigned(self, raw: Any) -> str:
        """Send in the name of any account."""
        request = self._with_sender(Params(raw, 1).object(0))
        sender = parse_address(request["from"], "from")
        _, tx = await fill(self._backend, request, self._gas_cap)
        return await self._submit(_marked(tx, sender))

    async def sign_transaction(self, raw: Any) -> dict[str, Any]:
        request = self._with_sender(Params(raw, 1).object(0))
        sender = parse_address(request["from"], "from")
        key = self._key(sender)
        _, tx = await fill(self._backend, request, self._gas_cap)
        signed = _signed(tx, key)
        shown = transaction_json(decode_transaction(signed), sender, WAITING, None)
        return {"raw": hex_data(signed), "tx": shown}

    async def sign(self, raw: Any) -> str:
        params = Params(raw, 2)
        return self._personal(params.address(0), params.data(1))

    async def personal_sign(self, raw: Any) -> str:
        params = Params(raw, 3)
        return self._personal(params.address(1), params.data(0))

    async def sign_typed_data(self, raw: Any) -> str:
        """EIP-712."""
        # Imported at the first use: it takes longer than the chain's start.
        from eth_account.messages import encode_typed_data

        params = Params(raw, 2)
        key = self._key(params.address(0))
        try:
            given = params.required(1)
            # ethers and wallets send the object as text.
            message = json.loads(given) if isinstance(given, str) else given
            signable = encode_typed_data(full_message=_with_numbers(dict(message)))
        except Exception as error:
            # Typed data of a wrong form makes its encoder fail in every way there is.
            raise invalid_params(f"invalid typed data: {error!r}") from None
        return _signature(
            key,
            keccak256(b"\x19" + signable.version + signable.header + signable.body),
        )

    def _personal(self, at: Address, message: bytes) -> str:
        prefixed = PERSONAL_PREFIX + str(len(message)).encode() + message
        return _signature(self._key(at), keccak256(prefixed))

    def _key(self, at: Address) -> PrivateKey:
        key = self._keys.get(at)
        if key is None:
            raise RpcError(
                -32602,
                f"no signer available for 0x{at.hex()}: it is none of eth_accounts; "
                "impersonate it, or sign and use eth_sendRawTransaction",
            )
        return key

    def _with_sender(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        if request.get("from") is None:
            return {**request, "from": hex_data(next(iter(self._keys)))}
        return request

    async def _submit(self, transaction: bytes) -> str:
        [answer] = await self._backend.submit_any([transaction])
        if isinstance(answer, Refusal):
            raise server_error(answer.message)
        return hex_data(answer)


def _with_numbers(message: dict[str, Any]) -> dict[str, Any]:
    """The typed data with integers where clients write "3" or "0x3"."""
    types = message["types"]

    def read(kind: str, value: Any) -> Any:
        if kind.endswith("]"):
            return [read(kind[: kind.rindex("[")], item) for item in value]
        if kind in types:
            fields = {field["name"]: field["type"] for field in types[kind]}
            return {
                name: read(fields[name], item) if name in fields else item
                for name, item in value.items()
            }
        is_number = kind.startswith(("uint", "int")) and isinstance(value, str)
        return int(value, 0) if is_number else value

    return {
        **message,
        "domain": read("EIP712Domain", message["domain"]),
        "message": read(message["primaryType"], message["message"]),
    }


def _signed(tx: Transaction, key: PrivateKey) -> bytes:
    signature = key.sign(keccak256(signing_payload(tx)))
    r, s = (int.from_bytes(signature[at : at + 32], "big") for at in (0, 32))
    return encode_signed(tx, signature[64], r, s)


def _marked(tx: Transaction, sender: Address) -> bytes:
    if tx.authorizations:
        raise server_error("an impersonated account cannot send authorizations")
    plain = replace(tx, type=DYNAMIC_FEE)
    return encode_signed(plain, 0, int.from_bytes(sender, "big"), MARK_S)


def _signature(key: PrivateKey, digest: Hash32) -> str:
    signature = key.sign(digest)
    return hex_data(signature[:64] + bytes((27 + signature[64],)))
