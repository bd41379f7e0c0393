"""The two processes that stay: a worker, which does jobs, and a scheduler, which asks for them when they fall due.

Both look every few seconds for what nobody else will see to: jobs whose worker has died, and messages that were lost.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from canonical.store import StoreError, schedules
from canonical.store import jobs as job_rows
from canonical.store.schedules import Schedule
from pipelines.completeness.running import Ward
from pipelines.importing import REPORT
from pipelines.jobs import scheduling
from pipelines.jobs.running import Runner
from pipelines.jobs.scheduling import Plan
from pipelines.jobs.wakeups import Wakeups

log = logging.getLogger("svod.jobs")

GRACE: Final = 20.0
"""Seconds for which a process that is told to end waits for what it does."""

PATIENCE: Final = 30.0
"""Seconds for which a burst waits for a Redis that is away."""

_MISSED: Final = 4
"""After so many looks of which nothing was heard a worker is not counted any more."""

_TURNED_BACK: Final = timedelta(minutes=1)
"""By how much a clock may be set right without anybody minding."""


@dataclass
class Sweep:
    """What keeps jobs moving. Without `wakeups` whoever looks does the jobs itself."""

    runner: Runner
    wakeups: Wakeups | None
    _away: bool = field(default=False, init=False)

    def once(self) -> float:
        """Looks once; gives the seconds after which to look again."""
        store = self.runner.work.store
        try:
            self.runner.recover()
            with store.reading() as connection:
                due = job_rows.waiting(connection)
                soon = job_rows.next_due(connection)
        except StoreError as error:
            self.lost(error)
            return self.every / 3
        self.found()
        if due and self.wakeups:
            self.wakeups.send(due)
        return self.every if soon is None or due else min(self.every, max(0.2, soon))

    @property
    def every(self) -> float:
        """Seconds within which what was lost is noticed."""
        return self.runner.policy.sweep

    def lost(self, error: StoreError) -> None:
        """Tells once that the store is away."""
        if not self._away:
            self._away = True
            log.warning("%s Trying again every few seconds.", error)

    def found(self) -> None:
        """Tells that it is back."""
        if self._away:
            self._away = False
            log.warning("the store is back")

    def work(self) -> None:
        """Does jobs until none is left that may begin."""
        try:
            while self.runner.run_next():
                pass
        except StoreError as error:
            self.lost(error)
        except Exception as error:
            log.debug("jobs", exc_info=True)
            log.error("jobs cannot be taken: %s: %s", type(error).__name__, REPORT)  # noqa: TRY400 - no trace


def work(runner: Runner, wakeups: Wakeups, *, threads: int, stop: threading.Event, burst: bool = False) -> bool:
    """Does jobs until it is told to stop; in a `burst` until none is left, those included that wait to be tried again.

    Returns:
        False if a burst was given up, since Redis has been away for `PATIENCE`.

    """
    sweep = Sweep(runner, wakeups)
    wakeups.start(sweep.work, threads)
    heard = time.monotonic()
    given_up = False
    while not stop.is_set():
        wait = sweep.once()
        if wakeups.here(_MISSED * sweep.every) or runner.busy:
            heard = time.monotonic()
        if burst and _nothing_left(runner):
            break
        if burst and time.monotonic() - heard > PATIENCE:
            given_up = True
            break
        stop.wait(min(wait, 0.5) if burst else wait)
    runner.stop()
    wakeups.stop(GRACE)
    runner.lay_all_down()
    wakeups.gone()
    return not given_up


def _nothing_left(runner: Runner) -> bool:
    try:
        with runner.work.store.reading() as connection:
            counts = job_rows.counts(connection)
    except StoreError:
        return False
    return not counts["queued"] and not counts["running"]


@dataclass
class Scheduler:
    """Asks for jobs when they fall due. `clock` is null for the store's own."""

    runner: Runner
    wakeups: Wakeups | None
    plans: list[Plan]
    clock: Callable[[], datetime] | None = None
    _left: set[str] = field(default_factory=set, init=False)

    @property
    def _wards(self) -> Mapping[str, Ward]:
        return self.runner.wards

    def now(self) -> datetime:
        """The moment by which things fall due."""
        return self.clock() if self.clock else scheduling.real_now(self.runner.work.store)

    def begin(self) -> None:
        """Takes up what is configured.

        Raises:
            StoreError: the store is out of reach.

        """
        scheduling.take_up(self.runner.work.store, self.plans, self.now())

    def once(self, stop: threading.Event) -> list[int]:
        """One look at the clock: asks for what is due, and without a queue does it; gives the numbers of the new jobs.

        When `stop` is set it lays down what it does.

        Raises:
            StoreError: the store is out of reach.

        """
        asked = scheduling.tick(self.runner.work.store, self._wards, self.now())
        sweep = Sweep(self.runner, self.wakeups)
        sweep.once()
        if self.wakeups is None:
            self.runner.stopping = stop
            while self.runner.run_next():
                pass
        return asked

    def run(self, stop: threading.Event) -> None:
        """Looks at the clock until it is told to stop. Without a queue a thread beside it does the jobs, one by one."""
        sweep = Sweep(self.runner, self.wakeups)
        due = threading.Event()
        doing = threading.Thread(target=self._do, args=(sweep, due), daemon=True)
        if self.wakeups is None:
            doing.start()
        seen: datetime | None = None
        while not stop.is_set():
            try:
                now = self.now()
                if seen and now < seen - _TURNED_BACK:
                    log.warning("the clock has been turned back: what falls due when is reckoned anew")
                    self.begin()
                seen = now
                scheduling.tick(self.runner.work.store, self._wards, now)
                wait = min(sweep.once(), self._next_due())
            except StoreError as error:
                sweep.lost(error)
                wait = sweep.every / 3
            due.set()
            stop.wait(wait)
        self.runner.stop()
        due.set()
        if self.wakeups is None:
            doing.join(GRACE)
        self.runner.lay_all_down()

    def _do(self, sweep: Sweep, due: threading.Event) -> None:
        while not self.runner.stopping.is_set():
            due.wait()
            due.clear()
            sweep.work()

    def _next_due(self) -> float:
        """Seconds until a schedule falls due that this scheduler asks for."""
        with self.runner.work.store.reading() as connection:
            standing = schedules.schedules(connection)
        ours: list[Schedule] = []
        strangers: list[Schedule] = []
        for schedule in standing:
            (ours if scheduling.known(self._wards, schedule) else strangers).append(schedule)
        self._leave(strangers)
        if not ours:
            return self.runner.policy.sweep
        return max(0.2, (schedules.moment_of(ours[0].next_due_at) - self.now()).total_seconds())

    def _leave(self, strangers: list[Schedule]) -> None:
        """Tells once of each schedule that is left to others."""
        for schedule in strangers:
            if schedule.name not in self._left:
                self._left.add(schedule.name)
                log.warning(
                    "%s of %s is left to other schedulers: this one's configuration has no such institution; restart it, if "
                    "the configuration has changed since",
                    schedule.job,
                    schedule.institution,
                )
