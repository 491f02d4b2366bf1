"""The planted errors are current, and seeds notice each."""

import pytest

from tests.node.consensus.mutants import ROOT, Mutant
from tests.node.simulation.mutants import MUTANTS, hunt


def name_of(mutant: Mutant) -> str:
    return mutant.name


@pytest.mark.parametrize("mutant", MUTANTS, ids=name_of)
def test_a_mutants_text_occurs_exactly_once(mutant: Mutant) -> None:
    assert (ROOT / mutant.path).read_text().count(mutant.old) == 1
    assert mutant.old != mutant.new


@pytest.mark.parametrize("name", ["body not durable", "safety log not synced"])
def test_a_quick_one_is_noticed_by_the_first_seed(name: str) -> None:
    mutant = next(m for m in MUTANTS if m.name == name)
    assert hunt(mutant, seeds=1).finding.startswith("durability")


@pytest.mark.long
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("mutant", MUTANTS, ids=name_of)
def test_a_planted_error_is_noticed(mutant: Mutant) -> None:
    assert hunt(mutant).seed is not None
