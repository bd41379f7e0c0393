"""Kills a piece of work at a chosen commit: in a process of its own, which is forked, so that it costs next to nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from itertools import count
from typing import Any

from sqlalchemy.engine.default import DefaultDialect


def killed_at(commit: int, work: Callable[[], Any]) -> bool:
    """Does the work in a process that is killed when it is about to make its n-th commit (from 1).

    Returns:
        Whether it came to that commit. If not, the work has been done.

    """
    child = os.fork()
    if child == 0:
        _die_at(commit)
        try:
            work()
        except BaseException:  # noqa: BLE001 - a forked test must never go on as a second one
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the work failed without being killed"
    return False


def _die_at(commit: int) -> None:
    real, numbers = DefaultDialect.do_commit, count(1)

    def do_commit(self: Any, connection: Any) -> None:
        if next(numbers) == commit:
            os.kill(os.getpid(), signal.SIGKILL)
        real(self, connection)

    DefaultDialect.do_commit = do_commit  # type: ignore[method-assign]
