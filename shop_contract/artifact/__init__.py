"""The compiled contract, ready to deploy and call without a compiler."""

from shop_contract.artifact.load import Artifact, load_artifact

__all__ = ["Artifact", "load_artifact"]
