"""The planted errors are current, and each is noticed."""

import pytest

from tests.node.consensus.mutants import MUTANTS, ROOT, Mutant, survives


def name_of(mutant: Mutant) -> str:
    return mutant.name


@pytest.mark.parametrize("mutant", MUTANTS, ids=name_of)
def test_a_mutants_text_occurs_exactly_once(mutant: Mutant) -> None:
    assert (ROOT / mutant.path).read_text().count(mutant.old) == 1
    assert mutant.old != mutant.new


@pytest.mark.long
@pytest.mark.parametrize("mutant", MUTANTS, ids=name_of)
def test_a_planted_error_is_noticed(mutant: Mutant) -> None:
    assert survives(mutant) == ""
