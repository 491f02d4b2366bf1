"""The plugin as a user's suite meets it: in a pytest run of its own.

Runs that start networks have a process of their own as well: compiled modules do not
survive being imported twice.
"""

import re
from pathlib import Path

import psutil
import pytest

from node.testing.waiting import wait_until

pytest_plugins = ("pytester",)

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "testing.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", GUIDE, re.S)
INI = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
devchain_executor = pyevm
filterwarnings =
    error
    ignore:Module already imported:pytest.PytestAssertRewriteWarning
    ignore::DeprecationWarning:eth.*
    ignore::DeprecationWarning:web3.*
    ignore::DeprecationWarning:websockets.*
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini(INI)
    return pytester


def test_the_examples_of_the_guide_pass(suite: pytest.Pytester) -> None:
    chains = [text for text in EXAMPLES if "qbft_network" not in text]
    assert len(chains) >= 6
    suite.makepyfile(**{f"test_{at}": text for at, text in enumerate(chains)})
    result = suite.runpytest_subprocess("-q", "-p", "no:cacheprovider")
    outcomes = result.parseoutcomes()
    assert set(outcomes) == {"passed"}
    assert outcomes["passed"] >= 10


def test_the_networks_of_the_guide_survive_a_killed_validator_and_a_liar(
    suite: pytest.Pytester,
) -> None:
    examples = [text for text in EXAMPLES if "qbft_network" in text]
    assert len(examples) == 2
    suite.makepyfile(**{f"test_{at}": text for at, text in enumerate(examples)})
    suite.runpytest_subprocess("-q").assert_outcomes(passed=2)


def test_a_failing_simulation_shows_its_plan_and_its_seed(
    suite: pytest.Pytester,
) -> None:
    suite.makepyfile(
        """
        import pytest

        @pytest.mark.qbft(4, seed=42)
        def test_that_fails(qbft_simulation):
            qbft_simulation.partition([0, 1], 2.0, 6.0)
            assert qbft_simulation.run().height < 0

        @pytest.mark.qbft(4, seed=7)
        def test_whose_checks_fail(qbft_simulation):
            qbft_simulation.faults_by_seed()
            outcome = qbft_simulation.run()
            qbft_simulation.faults_by_seed()
            assert qbft_simulation.run().digest != outcome.digest

        def test_that_is_wrong(qbft_simulation):
            with pytest.raises(TypeError, match="in this order"):
                qbft_simulation.kill(1, 5.0, 4.0)
            qbft_simulation.faults_by_seed()
            with pytest.raises(TypeError, match="of its own"):
                qbft_simulation.kill(1, 4.0, 5.0)
        """
    )
    result = suite.runpytest_subprocess("-q")
    result.assert_outcomes(failed=2, passed=1)
    text = result.stdout.str()
    assert "simulation of 4 validators, seed=42" in text
    assert "2.00- 6.00 s  partition A,B" in text
    assert "again: chandlery simulate --seed 7 --size 4 --shrink" in text


def test_a_failing_network_test_shows_every_round_state_and_the_seed(
    suite: pytest.Pytester,
) -> None:
    suite.makepyfile(
        """
        import pytest

        @pytest.mark.qbft(validators=1, seed=42)
        def test_that_fails(qbft_network):
            qbft_network.pause(0)
            assert qbft_network.height(0) is None
            qbft_network.resume(0)
            qbft_network.wait_for_height(1)
            assert not "it went wrong"
        """
    )
    result = suite.runpytest_subprocess("-q")
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert "network of 1 validators, seed=42" in text
    assert re.search(r"node1 0x[0-9a-f]{40}: height \d+, 0 peers", text)
    assert '"round": 0' in text


def test_a_partition_stops_a_network_and_healing_frees_it(
    suite: pytest.Pytester,
) -> None:
    suite.makepyfile(
        """
        def test_it(make_qbft_network):
            network = make_qbft_network(validators=4, seed=1)
            network.delay(0.02)
            network.wait_for_height(1)
            network.partition([0, 1], [2, 3])
            stuck = [network.nodes[at] for at in (0, 3)]

            def changed_round():
                states = [node.status() for node in stuck]
                return all(s and s["consensus"]["round"] > 0 for s in states)

            network.wait_until(changed_round, "both halves change rounds")
            before = max(network.height(at) for at in range(4))
            network.heal()
            network.wait_for_height(before + 2)
            network.assert_agreement()
        """
    )
    suite.runpytest_subprocess("-q").assert_outcomes(passed=1)


def test_what_a_test_did_is_undone_whatever_it_did(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("turn", [1, 2])
        def test_it(devchain, devchain_w3, turn):
            assert devchain_w3.eth.block_number == 0
            assert devchain_w3.eth.chain_id == 31337
            assert devchain.request("anvil_getAutomine") is True
            devchain.mine(3)
            devchain.request("anvil_setChainId", 5)
            devchain.request("evm_setAutomine", False)
            devchain.request("evm_increaseTime", 10**6)
            first = devchain_w3.eth.accounts[0]
            devchain_w3.eth.send_transaction({"to": first, "value": 1})

        def test_that_fails(devchain):
            devchain.mine(3)
            raise ValueError

        def test_after_it(devchain_w3):
            assert devchain_w3.eth.block_number == 0
            assert devchain_w3.eth.get_block("pending")["transactions"] == []
        """
    )
    suite.runpytest_inprocess("-q").assert_outcomes(passed=3, failed=1)


def test_a_run_that_ends_hard_leaves_no_validators(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import os
        from pathlib import Path

        def test_it(make_qbft_network):
            network = make_qbft_network(validators=1)
            Path("pid").write_text(str(network.nodes[0]._process.pid))
            os._exit(7)
        """
    )
    assert suite.runpytest_subprocess("-q").ret == 7
    left = int((suite.path / "pid").read_text())
    wait_until(lambda: has_ended(left), f"process {left} ends", 60.0)


def has_ended(process: int) -> bool:
    """Whether it is gone, or waits for its new parent to notice that it is."""
    try:
        return bool(psutil.Process(process).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_workers_of_xdist_have_chains_of_their_own(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("turn", range(6))
        def test_it(devchain, devchain_w3, turn):
            devchain.mine(turn)
            assert devchain_w3.eth.block_number == turn
        """
    )
    result = suite.runpytest_subprocess("-q", "-n", "2")
    result.assert_outcomes(passed=6)


def test_a_suite_that_uses_nothing_imports_nothing(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import sys

        def test_it():
            heavy = {"web3", "eth", "eth_account", "aiohttp", "chandlery_native"}
            assert not heavy & set(sys.modules)
            assert "node.testing.plugin" in sys.modules
        """
    )
    suite.runpytest_subprocess("-q").assert_outcomes(passed=1)


def test_a_misspelt_setting_is_named(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest

        @pytest.mark.qbft(validator=4)
        def test_network(qbft_network):
            pass

        @pytest.mark.devchain(automin=False)
        def test_chain(devchain):
            pass
        """
    )
    result = suite.runpytest_subprocess("-q")
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*validator*known*", "*automin*known*automine*"])
