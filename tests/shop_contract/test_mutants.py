"""The list of mutants keeps up with the source, and a mutant does not pass for it."""

from pathlib import Path

import pytest

import shop_contract
from shop_contract.build import SOURCE
from tests.shop_contract.mutants import MUTANTS, Mutant, survives

README = Path(shop_contract.__file__).parent / "README.md"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_changes_the_source(mutant: Mutant) -> None:
    source = SOURCE.read_text()
    assert mutant.apply(source) != source


def test_mutants_differ_and_are_counted() -> None:
    source = SOURCE.read_text()
    assert len({mutant.apply(source) for mutant in MUTANTS}) == len(MUTANTS)
    assert f"in {len(MUTANTS)} ways" in README.read_text()


def test_a_mutant_that_no_longer_applies_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not apply"):
        Mutant("stale", "not in the source", "").apply(SOURCE.read_text())


def test_the_harness_sees_a_mutant_die(tmp_path: Path) -> None:
    """The others run by `python -m tests.shop_contract.mutants`."""
    assert not survives(MUTANTS[0], tmp_path, by_machine=False)
