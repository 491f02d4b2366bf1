"""Compile the contract into its artifact: `python -m shop_contract.build`.

Only this module needs the compiler (`pip install chandlery[dev]`). `--check` compares
instead of writing and exits with 1 on a difference.
"""

import argparse
import hashlib
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "contract" / "Shop.vy"
ARTIFACT = HERE / "artifact" / "Shop.json"
EVM_VERSION = "prague"  # as the pragma in the source says


@cache
def compile_source(source: str) -> dict[str, Any]:
    """The artifact document of a contract's source text."""
    import vyper
    from vyper.compiler import compile_code

    output = compile_code(
        source, output_formats=["abi", "bytecode", "bytecode_runtime"]
    )
    return {
        "abi": output["abi"],
        "bytecode": output["bytecode"],
        "deployed_bytecode": output["bytecode_runtime"],
        "compiler": vyper.__long_version__,
        "evm_version": EVM_VERSION,
        "source_sha256": hashlib.sha256(source.encode()).hexdigest(),
    }


def main(words: list[str] | None = None) -> int:
    """Write or check the artifact; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m shop_contract.build")
    parser.add_argument("--check", action="store_true", help="compare, do not write")
    arguments = parser.parse_args(words)
    text = json.dumps(compile_source(SOURCE.read_text()), indent=1) + "\n"
    if arguments.check:
        if ARTIFACT.read_text() == text:
            return 0
        print(f"{ARTIFACT} is not what {SOURCE} compiles to: build it again")
        return 1
    ARTIFACT.write_text(text)
    print(f"wrote {ARTIFACT} ({len(text)} bytes)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
