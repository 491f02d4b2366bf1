"""Scaling decided: out at once, in after a window, nothing within the tolerance."""

from central_baseline.composition.autoscaler import Decider, ScalingRule, load_of

RULE = ScalingRule(
    fewest=1, most=8, target=4.0, window_s=1.0, stabilization_s=30.0, tolerance=0.1
)


def test_load_within_the_tolerance_changes_nothing() -> None:
    decider = Decider(RULE)
    assert [decider.decide(t, 2, 8.5) for t in range(0, 100, 2)] == [2] * 50


def test_a_surge_scales_out_at_once_by_doubling_at_most() -> None:
    decider = Decider(RULE)
    assert decider.decide(0, 1, 100) == 2
    assert decider.decide(2, 2, 100) == 4
    assert decider.decide(4, 4, 100) == 8
    assert decider.decide(6, 8, 100) == 8  # the most there may be


def test_scaling_in_waits_for_the_whole_window() -> None:
    decider = Decider(RULE)
    assert decider.decide(0, 4, 16) == 4
    assert [decider.decide(t, 4, 0) for t in (5, 15, 29)] == [4, 4, 4]
    assert decider.decide(31, 4, 0) == 1


def test_a_short_lull_keeps_the_servers() -> None:
    decider = Decider(RULE)
    decider.decide(0, 4, 16)
    decider.decide(10, 4, 0)
    assert decider.decide(20, 4, 16) == 4
    assert decider.decide(45, 4, 0) == 4
    assert decider.decide(51, 4, 0) == 1


def test_a_single_spike_is_averaged_over_the_window() -> None:
    decider = Decider(ScalingRule(1, 8, target=4.0, window_s=10.0))
    for second in range(10):
        assert decider.decide(second, 1, 2) == 1
    assert decider.decide(10, 1, 20) == 1


def test_never_below_the_fewest() -> None:
    decider = Decider(ScalingRule(2, 8, stabilization_s=0.0))
    assert decider.decide(0, 3, 0) == 2


def row(proxy: str, server: str, status: str, scur: str, qcur: str) -> dict[str, str]:
    return {
        "pxname": proxy,
        "svname": server,
        "status": status,
        "scur": scur,
        "qcur": qcur,
    }


def test_the_load_is_what_haproxy_counts() -> None:
    stats = [
        row("public", "FRONTEND", "OPEN", "9", ""),
        row("app", "app1", "UP", "3", "0"),
        row("app", "app2", "DOWN", "", ""),
        row("app", "BACKEND", "UP", "3", "5"),
    ]
    assert load_of(stats) == (1, 8)
