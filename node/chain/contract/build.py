"""Compile the validator contract: `python -m node.chain.contract.build`.

Only this module needs the compiler (`pip install chandlery[dev]`).
"""

import hashlib
import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "Validators.vy"
ARTIFACT = HERE / "Validators.json"
EVM_VERSION = "prague"  # as the pragma in the source says


def compile_source(source: str) -> dict[str, Any]:
    """The artifact document of a contract's source text."""
    import vyper
    from vyper.compiler import compile_code

    output = compile_code(
        source, output_formats=["abi", "bytecode", "bytecode_runtime", "layout"]
    )
    return {
        "abi": output["abi"],
        "bytecode": output["bytecode"],
        "deployed_bytecode": output["bytecode_runtime"],
        "storage_layout": output["layout"]["storage_layout"],
        "compiler": vyper.__long_version__,
        "evm_version": EVM_VERSION,
        "source_sha256": hashlib.sha256(source.encode()).hexdigest(),
    }


def main() -> None:
    """Write the artifact."""
    text = json.dumps(compile_source(SOURCE.read_text()), indent=1) + "\n"
    ARTIFACT.write_text(text)
    print(f"wrote {ARTIFACT} ({len(text)} bytes)")


if __name__ == "__main__":
    main()
