"""Does a job: takes it from the store, works under its lease, and says there how it ended."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from canonical.store import LeaseLostError, StoreError, progress
from canonical.store import jobs as job_rows
from canonical.store.jobs import BACKFILL, Job
from canonical.store.leases import store_clock
from canonical.store.runs import Begun
from canonical.store.schedules import EVERY
from canonical.writing import WriteError, private_folder, whole_file
from connectors.errors import RateLimitedError, SignInNeededError, UnavailableError
from pipelines import importing
from pipelines.completeness.running import Request as JudgingRequest
from pipelines.completeness.running import Ward, completeness
from pipelines.importing import REPORT, Attempt, HaltedError, import_for_job
from pipelines.reconciling import reconcile
from pipelines.reporting.asking import NothingSuchError
from pipelines.reporting.asking import Request as ReportRequest
from pipelines.reporting.catalogue import find
from pipelines.reporting.formats import formats
from pipelines.reporting.making import NoJournalError, Place, make_report
from pipelines.workplace import Workplace

log = logging.getLogger("svod.jobs")

PASSING: Final = frozenset({UnavailableError.code, RateLimitedError.code, "store", "no_journal"})
"""Reasons that may pass by themselves: a job that was parked for one of them is tried once more when it falls due again.

A job that has cost so many workers their lives (`worker_lost`) is not among them: the next one would die of it too.
"""

_BEAT: Final = 5.0
_FRESH: Final = 6 * 3600 * 1_000_000
"""For how long (microseconds) an attempt goes on with what an earlier one has read; after that the portal is asked anew."""

_PATIENT_FOR: Final = 100.0
"""Seconds for which the store is tried again to say how a job ended. Then its lease is over, and others see to it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How often a job is tried, and how long it waits in between: `wait` seconds, then twice as long each time.

    Within `sweep` seconds somebody looks for what was lost.
    """

    attempts: int = 5
    wait: float = 30.0
    sweep: float = 15.0
    longest: float = 3600.0

    def wait_after(self, attempt: int) -> float:
        """Seconds until the next attempt."""
        return float(min(self.longest, self.wait * 2 ** (attempt - 1)))


class Ended(NamedTuple):
    """How a job ended: well, with something left out, or with an error (`code`)."""

    code: str | None = None
    reason: str | None = None
    failed: bool = False


class _Failed(Exception):  # noqa: N818 - what happened to the job, not an error of this program
    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def meant(wards: Mapping[str, Ward], institution: str) -> list[Ward]:
    """The institutions that a job or a schedule is of: one, several (their keys with commas between), or all.

    Raises:
        KeyError: there is no institution of some key.

    """
    keys = list(wards) if institution == EVERY else institution.split(",")
    return [wards[key] for key in keys]


@dataclass
class Runner:
    """Does jobs for the institutions of an installation (`wards`, by key), as many at once as there are threads that ask.

    `stop` makes it lay down what can be laid down, and take nothing more.
    """

    work: Workplace
    wards: Mapping[str, Ward]
    policy: Policy = field(default_factory=Policy)
    stopping: threading.Event = field(default_factory=threading.Event)
    _at_work: dict[int, Job] = field(default_factory=dict)

    @property
    def busy(self) -> int:
        """How many jobs are being done."""
        return len(self._at_work)

    def stop(self) -> None:
        """Takes nothing more."""
        self.stopping.set()

    def run_next(self) -> bool:
        """Takes the most urgent job and does it; false if there is none.

        Raises:
            StoreError: the store is out of reach.

        """
        if self.stopping.is_set():
            return False
        store = self.work.store
        with store.writing() as connection:
            job = job_rows.claim(connection, store.stamp())
        if job is None:
            return False
        self._at_work[job.id] = job
        try:
            self._do(job)
        finally:
            del self._at_work[job.id]
        return True

    def lay_all_down(self) -> None:
        """Gives back what is still being done, since this process ends now; what it does to them is fenced off or lost."""
        for job in list(self._at_work.values()):
            self._write(job, lambda c, job=job: job_rows.lay_down(c, job))  # type: ignore[misc]

    def recover(self) -> None:
        """Sees to the jobs of workers that have died.

        Raises:
            StoreError: the store is out of reach.

        """
        store, policy = self.work.store, self.policy
        with store.reading() as connection:
            if not job_rows.jobs(connection, states=("running",)):
                return
        with store.writing() as connection:
            found = job_rows.recover(connection, store.stamp(), attempts=policy.attempts, wait=policy.wait)
        for job in found:
            log.warning("job %d (%s): its worker died, or was cut off, in attempt %d", job.id, job.name, job.attempts)

    # -- one job -------------------------------------------------------------------------------------------------

    def _do(self, job: Job) -> None:
        log.info("job %d (%s): attempt %d begins", job.id, job.name, job.attempts)
        started = time.monotonic()
        with self._held(job) as yielding:
            try:
                ended = self._work_on(job, yielding)
            except HaltedError:
                log.info("job %d (%s): laid down for now", job.id, job.name)
                self._write(job, lambda c: job_rows.lay_down(c, job))
                return
            except LeaseLostError:
                log.warning("job %d (%s): somebody else has taken it over", job.id, job.name)
                return
            except _Failed as error:
                ended = Ended(error.code, str(error), failed=True)
            except StoreError as error:
                ended = Ended("store", str(error), failed=True)
            except Exception as error:
                log.debug("job %d (%s)", job.id, job.name, exc_info=True)
                ended = Ended("internal_error", f"{type(error).__name__}: {REPORT}", failed=True)
        self._tell_end(job, ended, time.monotonic() - started)

    def _tell_end(self, job: Job, ended: Ended, seconds: float) -> None:
        store, policy = self.work.store, self.policy
        code, reason = ended.code, ended.reason
        what = f"job {job.id} ({job.name})"
        if not ended.failed:
            log.info("%s: done in %.1f s%s", what, seconds, f", but {ended.reason}" if ended.reason else "")
            self._write(job, lambda c: job_rows.finish(c, job, store.stamp(), code=code, reason=reason))
        elif ended.code == SignInNeededError.code:
            log.error("%s: %s", what, ended.reason)
            self._write(job, lambda c: job_rows.finish(c, job, store.stamp(), state="failed", code=code, reason=reason))
        elif job.attempts >= policy.attempts:
            log.error("%s: parked after %d attempts: %s", what, job.attempts, ended.reason)
            self._write(job, lambda c: job_rows.finish(c, job, store.stamp(), state="parked", code=code, reason=reason))
        else:
            after = policy.wait_after(job.attempts)
            log.warning("%s: %s; the next attempt is in %.0f s", what, ended.reason, after)
            self._write(job, lambda c: job_rows.put_back(c, job, store.stamp(), after=after, code=code, reason=reason))

    def _write(self, job: Job, what: Callable[[Connection], None]) -> None:
        """Says something of a job, and is patient with a store that is away for a while."""
        until = time.monotonic() + _PATIENT_FOR
        wait = 0.5
        while True:
            try:
                with self.work.store.writing() as connection:
                    what(connection)
            except LeaseLostError:
                log.warning("job %d (%s): somebody else has taken it over", job.id, job.name)
            except StoreError as error:
                if time.monotonic() < until and not self.stopping.is_set():
                    time.sleep(wait)
                    wait = min(8.0, wait * 2)
                    continue
                log.error("job %d (%s): its end could not be noted: %s", job.id, job.name, error)  # noqa: TRY400 - no trace
            return

    @contextmanager
    def _held(self, job: Job) -> Iterator[threading.Event]:
        """Prolongs the lease of a job while it is done. The event says that it should make way for another."""
        over, yielding = threading.Event(), threading.Event()
        thread = threading.Thread(target=self._beat, args=(job, over, yielding), daemon=True)
        thread.start()
        try:
            yield yielding
        finally:
            over.set()
            thread.join()

    def _beat(self, job: Job, over: threading.Event, yielding: threading.Event) -> None:
        while not over.wait(_BEAT):
            try:
                with self.work.store.writing() as connection:
                    job.lease.hold(connection)
                    if job.priority >= BACKFILL and job_rows.waiting(connection, below=BACKFILL, since=_BEAT):
                        yielding.set()
            except LeaseLostError:
                yielding.set()
                return
            except StoreError as error:
                log.debug("job %d (%s): %s", job.id, job.name, error)

    # -- the kinds -----------------------------------------------------------------------------------------------

    def _work_on(self, job: Job, yielding: threading.Event) -> Ended:
        try:
            wards = meant(self.wards, job.institution)
        except KeyError as error:
            what = f"there is no institution {error.args[0]!r} in the configuration"
            raise _Failed("not_configured", what) from None
        if job.kind == "report":
            return self._report(job, wards)
        (ward,) = wards
        if job.kind == "import":
            return self._import(job, ward, yielding)
        begun = self._noted(job)
        if job.kind == "reconcile":
            (result,) = reconcile(self.work.store, ward.jobs, held=job.lease, begun=begun)
            if result.error:
                raise _Failed("store", result.error)
            return Ended()
        completeness(self.work.store, [ward], JudgingRequest(), held=job.lease, begun=begun)
        return Ended()

    def _noted(self, job: Job) -> Begun:
        """Notes, in the transaction that begins a run, that it is the job's."""
        return lambda connection, run: job_rows.note_run(connection, job, run, self.work.store.stamp())

    def _import(self, job: Job, ward: Ward, yielding: threading.Event) -> Ended:
        source = next((s for s in ward.jobs if s.config.key == job.source), None)
        if source is None:
            raise _Failed("not_configured", f"{job.institution} has no source {job.source!r} in the configuration")
        attempt = Attempt(
            held=job.lease,
            run=self._run_to_go_on_with(job),
            begun=self._noted(job),
            halted=lambda: yielding.is_set() or self.stopping.is_set(),
        )
        (result,) = import_for_job(self.work, source, _asked(job.arguments), attempt)["sources"]
        error = result["error"]
        if result["status"] == "failed":
            raise _Failed(error["code"], error["message"])
        return Ended(error["code"], error["message"]) if error else Ended()

    def _run_to_go_on_with(self, job: Job) -> int | None:
        """The run of an earlier attempt, unless what it has read is too old by now."""
        if job.run is None:
            return None
        with self.work.store.writing() as connection:
            job.lease.hold(connection)
            age = progress.age_of(connection, job.run, store_clock(connection))
            if age is not None and age > _FRESH:
                progress.forget(connection, job.run)
                # its ledger is there, but not what it was made of
                job_rows.note_run(connection, job, None, self.work.store.stamp())
                return None
        return job.run

    def _report(self, job: Job, wards: Sequence[Ward]) -> Ended:
        asked = job.arguments
        try:
            definition = find(asked["report"])
            made = make_report(
                self.work.store,
                [Place(ward.institution, ward.jobs, ward.calendar) for ward in wards],
                definition,
                ReportRequest(),
                now=self.work.store.clock(),
            )
        except NoJournalError as error:
            raise _Failed("no_journal", str(error)) from None
        except NothingSuchError as error:
            raise _Failed("usage", str(error)) from None
        folder = self.work.root / asked["folder"]
        # a job from before this was said: what is of one institution was a report of its own
        if not asked.get("consolidated", job.institution not in self.wards):
            folder /= job.institution
        body = formats()[asked["format"]].write(made)
        private_folder(folder)
        with self.work.store.writing() as connection:
            job.lease.hold(connection)
        try:
            with whole_file(folder / f"{definition.title}.{asked['format']}") as file:
                file.write(body)
        except WriteError as error:
            raise _Failed("file", str(error)) from None
        return Ended()


def _asked(arguments: Mapping[str, Any]) -> importing.Request:
    since, until = arguments.get("since"), arguments.get("until")
    return importing.Request(
        date.fromisoformat(since) if since else None,
        date.fromisoformat(until) if until else None,
        bool(arguments.get("full")),
    )
