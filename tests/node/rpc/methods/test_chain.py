"""What the node says of itself: who signed a block."""

from node.networks.devchain.backend import VALIDATOR
from tests.node.networks.devchain.asking import dev_chain


async def test_a_certificate_names_who_signed_it() -> None:
    async with dev_chain() as ask:
        await ask("evm_mine")
        own = "0x" + VALIDATOR.address.hex()
        certificate = await ask("qbft_getCommitCertificate", "0x1")
        assert certificate["signers"] == [own]
        assert len(certificate["seals"]) == 1
        await ask("anvil_setChainId", 5)
        certificate = await ask("qbft_getCommitCertificate", "0x1")
        assert certificate["signers"] == [own]
        assert await ask("qbft_getCommitCertificate", "0x0") is None
