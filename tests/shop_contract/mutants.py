"""Would the tests notice? `python -m tests.shop_contract.mutants` breaks the contract
in many ways, one at a time, and runs the tests of the contract on each.

A mutant is one textual change of Shop.vy that compiles and matters. All of them must
die; a mutant that no longer applies is an error, so that the list keeps up with the
source. Takes some minutes: it is no part of the default test run.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from shop_contract.build import SOURCE, compile_source
from tests.shop_contract.mutations import FIRST_MUTANTS, Mutant
from tests.shop_contract.mutations_more import MORE_MUTANTS

HERE = Path(__file__).parent
# What runs on each mutant; the artifact's own tests and the gas table would notice any
# change at all, so they do not count.
TESTS = (
    "conformance/test_vectors.py",
    "conformance/test_making.py",
    "test_contract.py",
    "test_hostile.py",
)
MACHINE = "test_machine.py"
MUTANTS = FIRST_MUTANTS + MORE_MUTANTS


def survives(mutant: Mutant, folder: Path, by_machine: bool) -> bool:
    """Run the tests on one mutant; True if none of them noticed."""
    output = compile_source(mutant.apply(SOURCE.read_text()))
    code = folder / "mutant.hex"
    code.write_text(output["bytecode"].removeprefix("0x"))
    environment = {
        **os.environ,
        "SHOP_BYTECODE_FILE": str(code),
        "SHOP_SHRINK": "0",
    }
    for tests in [(MACHINE,)] if by_machine else [TESTS, (MACHINE,)]:
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
            + [str(HERE / name) for name in tests],
            env=environment,
            cwd=HERE.parent.parent,
            capture_output=True,
            text=True,
        )
        if run.returncode == 1:
            return False
        if run.returncode != 0:
            raise RuntimeError(f"the tests did not run: {run.stdout}{run.stderr}")
    return True


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.shop_contract.mutants")
    parser.add_argument("word", nargs="?", default="", help="only those so named")
    parser.add_argument(
        "--machine", action="store_true", help="by the state machine alone"
    )
    arguments = parser.parse_args()
    chosen = [m for m in MUTANTS if arguments.word in m.name]
    survivors = []
    with tempfile.TemporaryDirectory() as folder:
        for number, mutant in enumerate(chosen, 1):
            alive = survives(mutant, Path(folder), arguments.machine)
            survivors += [mutant.name] if alive else []
            word = "SURVIVES" if alive else "dies"
            print(f"{number:3}/{len(chosen)} {word:9} {mutant.name}", flush=True)
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} mutants died")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
