"""Precedence is held for a while and given back."""

import os

from bench.load import precedence as module
from bench.load.precedence import REAL_TIME, SHORT_SLICE, USUAL, precedence


def test_what_is_had_is_given_back() -> None:
    usual = os.sched_getscheduler(0)
    with precedence() as name:
        assert name in (REAL_TIME, SHORT_SLICE, USUAL)
        if name == REAL_TIME:
            policy = os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK
            assert policy == os.SCHED_RR
    assert os.sched_getscheduler(0) == usual


def test_without_privilege_a_short_slice_or_nothing_is_had(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    def refuse(*arguments: object) -> None:
        raise PermissionError

    monkeypatch.setattr(module.os, "sched_setscheduler", refuse)
    with precedence() as name:
        assert name in (SHORT_SLICE, USUAL)


def test_a_process_started_meanwhile_is_scheduled_as_usual() -> None:
    usual = os.sched_getscheduler(0)
    with precedence():
        child = os.fork()
        if child == 0:
            os._exit(0 if os.sched_getscheduler(0) == usual else 1)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
