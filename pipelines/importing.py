"""Importing: reads sources and takes what they say into the store, each source on its own."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import select

from canonical.batch import CAPTURED_UNIT, Batch
from canonical.store import BusyError, Intake, LeaseLostError, MadeOf, Outcome, StoreError
from canonical.store import runs as run_log
from canonical.store.leases import Lease
from canonical.store.progress import Spent
from canonical.store.runs import Begun
from canonical.tables import SOURCES
from canonical.years import AcademicYear
from connectors.captures import Capture
from connectors.contract import Connector, Context, Unit, Window, note_answers
from connectors.errors import ConnectorError, DamagedAnswerError, NotCapturedError, SignInNeededError, UnavailableError
from connectors.http import Session
from connectors.registry import connect
from pipelines.memory import much_comes_and_goes
from pipelines.workplace import SourceJob, Workplace

log = logging.getLogger("svod.import")

COUNTS: Final = ("received", "inserted", "updated", "unchanged", "quarantined", "removed", "revived", "released")

_HEARTBEAT_SECONDS: Final = 30.0
_AT_ONCE: Final = 8
"""Sources read at the same time in one process."""

_MANY_FAULTS: Final = 5
"""Units lost in a row before the portal is taken to be broken, unless it goes on answering to others."""

_Reading = tuple[Callable[[Intake], Context], Sequence[Window]]
"""How a reading is set up, once it is known what an earlier attempt has had, and the windows that it reads."""

REPORT: Final = "run again with -v and send the trace to the developers"

Progress = Callable[[str, str], None]
"""Told the source and the unit that has just been committed."""


@dataclass(frozen=True, slots=True)
class Request:
    """What an import is asked for. Without dates each source decides by what it has delivered before."""

    since: date | None = None
    until: date | None = None
    full: bool = False

    @property
    def explicit(self) -> bool:
        return self.since is not None or self.until is not None

    def as_json(self) -> dict[str, Any]:
        """What was asked, as a run keeps it."""
        days = {name: day.isoformat() if day else None for name, day in (("since", self.since), ("until", self.until))}
        return {**days, "full": self.full}


@dataclass(slots=True)
class SourceResult:
    """How the reading of one source ended.

    `error` is null or `{"code", "message"}`; `units` counts the units read, `lost` names those left out. `capture` is there
    where browser captures were read: `files`, `answers` used, `passed_over` by reason, and `not_captured`, what an import
    from the portal would have read besides. `requests`, `retries` and `seconds` are those of all attempts of the run.
    """

    source: str
    status: str = "ok"
    requests: int = 0
    retries: int = 0
    seconds: float = 0.0
    units: int = 0
    error: dict[str, str] | None = None
    entities: dict[str, dict[str, int]] = field(default_factory=dict)
    lost: list[dict[str, str]] = field(default_factory=list)
    new_quarantine: int = 0
    waiting_removals: int = 0
    capture: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """The shape of contract.md, with what stands besides."""
        told = {} if self.capture is None else {"capture": self.capture}
        return {
            **told,
            "source": self.source,
            "status": self.status,
            "requests": self.requests,
            "retries": self.retries,
            "seconds": round(self.seconds, 3),
            "units": self.units,
            "error": self.error,
            "entities": self.entities,
            "lost": self.lost,
            "new_quarantine": self.new_quarantine,
            "waiting_removals": self.waiting_removals,
        }


def import_sources(
    work: Workplace, jobs: Sequence[SourceJob], request: Request, *, progress: Progress | None = None
) -> dict[str, Any]:
    """Imports sources, several at a time; what happens to one does not touch the others.

    Returns:
        The JSON of `svod import` (contract.md).

    Raises:
        StoreError: the store cannot be written at all.

    """
    run = _begin(work, "import", jobs, request)
    writing = asyncio.Lock()

    async def read(job: SourceJob) -> SourceResult:
        log.info("source %s: begins", job.key, extra={"run": run, "source": job.key})
        return await _Importer(work, job, run, writing, progress).read_as(request)

    with run_log.settled(work.store, run):
        return finish_run(work, run, asyncio.run(_several(read, jobs)))


@dataclass(frozen=True, slots=True)
class Attempt:
    """One go at an import that is a job: the lease under which it works, and the run that an earlier one has left, if any.

    `begun` is told the number of a new run within the transaction that begins it; `halted` says whether the work is to be
    laid down for now.
    """

    held: Lease
    run: int | None
    begun: Begun
    halted: Callable[[], bool]


class HaltedError(Exception):
    """The import was laid down between two units. What it has committed stays, and another attempt goes on from there."""


def import_for_job(work: Workplace, job: SourceJob, request: Request, attempt: Attempt) -> dict[str, Any]:
    """Imports one source, going on where an earlier attempt of the same job has stopped.

    Returns:
        The JSON of `svod import` (contract.md).

    Raises:
        HaltedError: it was laid down.
        LeaseLostError: somebody else has taken it over, and says what became of it.
        StoreError: the store cannot be written at all.

    """
    if attempt.run is None:
        run = _begin(work, "import", [job], request, attempt.begun)
    else:
        run = attempt.run
        with work.store.writing() as connection:
            attempt.held.hold(connection)
            run_log.take_up(connection, run)

    async def read(job: SourceJob) -> SourceResult:
        return await _Importer(work, job, run, asyncio.Lock(), attempt=attempt).read_as(request)

    with run_log.settled(work.store, run, attempt.held):
        return finish_run(work, run, asyncio.run(_several(read, [job])), attempt.held)


def replay_sources(work: Workplace, jobs: Sequence[SourceJob], since: date | None) -> dict[str, Any]:
    """Maps the answers in the raw archive again, without the portals.

    Returns:
        The JSON of `svod replay`, of the same shape as that of `svod import`.

    """
    run = _begin(work, "replay", jobs, Request(since=since))
    writing = asyncio.Lock()

    async def read(job: SourceJob) -> SourceResult:
        return await _Importer(work, job, run, writing, replaying=True).replay(since)

    with run_log.settled(work.store, run):
        return finish_run(work, run, asyncio.run(_several(read, jobs)))


def finish_run(work: Workplace, run: int, results: Sequence[SourceResult], held: Lease | None = None) -> dict[str, Any]:
    """Closes a run and gives its JSON; that of a job under the lease that it `held`."""
    states = {r.status for r in results}
    status = "ok" if states <= {"ok"} else "failed" if states == {"failed"} else "partial"
    result = {"run": run, "status": status, "sources": [r.as_json() for r in results]}
    with work.store.writing() as connection:
        if held is not None:
            held.hold(connection)
        run_log.finish(connection, run, status, result, work.store.stamp())
    return result


def _begin(
    work: Workplace,
    what: str,
    jobs: Sequence[SourceJob],
    request: Request,
    begun: Begun = run_log.untold,
) -> int:
    detail = {"sources": [j.key for j in jobs], **request.as_json()}
    with work.store.writing() as connection:
        return run_log.begin(connection, what, detail, work.store.stamp(), begun)


async def _several(read: Callable[[SourceJob], Any], jobs: Iterable[SourceJob]) -> list[SourceResult]:
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(job: SourceJob) -> SourceResult:
        async with places:
            result: SourceResult = await read(job)
            return result

    with much_comes_and_goes():
        return list(await asyncio.gather(*(one(job) for job in jobs)))


def _windows(work: Workplace, job: SourceJob, request: Request) -> list[Window]:
    """The days to read: those asked for; else the whole year the first time, later from the look-back on."""
    today = _today(work, job)
    year = AcademicYear.of(today)
    if request.explicit:
        since = request.since or AcademicYear.of(request.until or today).start
        until = request.until or max(AcademicYear.of(today).end, since)
        years = range(AcademicYear.of(since).first, AcademicYear.of(until).first + 1)
        return [_window(AcademicYear(y), since, until, explicit=True) for y in years]
    complete = _last_complete(work, job)
    if request.full or complete is None:
        return [Window(year, year.start, year.end)]
    since = min(today, complete) - timedelta(days=job.lookback_days())
    years = range(AcademicYear.of(since).first, year.first + 1)
    return [_window(AcademicYear(y), since, year.end, explicit=False) for y in years]


def _today(work: Workplace, job: SourceJob) -> date:
    """The institution's own day; for a portal that is history, its last one."""
    return _lived(job, work.store.clock().astimezone(job.institution.zone).date())


def _lived(job: SourceJob, day: date) -> date:
    ended = job.manifest.product(job.config.product).ended
    return min(day, ended) if ended else day


def _window(year: AcademicYear, since: date, until: date, *, explicit: bool) -> Window:
    return Window(year, max(since, year.start), min(until, year.end), explicit)


def _last_complete(work: Workplace, job: SourceJob) -> date | None:
    """The day on which the source was last read without a gap."""
    with work.store.reading() as connection:
        stamp = connection.execute(select(SOURCES.c.last_ok_at).where(SOURCES.c.key == job.key)).scalar()
    return datetime.fromisoformat(stamp).astimezone(job.institution.zone).date() if stamp else None


class _Importer:
    """Reads one source in one run. `writing` lets one source at a time write."""

    def __init__(
        self,
        work: Workplace,
        job: SourceJob,
        run: int,
        writing: asyncio.Lock,
        progress: Progress | None = None,
        *,
        replaying: bool = False,
        attempt: Attempt | None = None,
    ) -> None:
        self.work = work
        self.job = job
        self.run = run
        self.writing = writing
        self.progress = progress
        self.replaying = replaying
        self.attempt = attempt
        self.result = SourceResult(job.key)
        self._making = asyncio.Lock()
        self._salt = job.fingerprint()
        self._faults = 0
        self._from_capture = False
        self._capture: Capture | None = None
        self._not_captured: list[str] = []
        self._contexts: list[Context] = []
        self._sessions: list[Session] = []
        self._earlier = Spent()
        self._started = time.monotonic()

    async def read_as(self, request: Request) -> SourceResult:
        """Reads what is asked for, from the portal or from captures. Never raises what concerns this source alone."""
        if self.job.config.har:
            return await self.read_captures()
        return await self.read(_windows(self.work, self.job, request), full=request.full)

    async def read(self, windows: Sequence[Window], *, full: bool) -> SourceResult:
        """Reads windows from the portal. Never raises what concerns this source alone."""
        return await self._guarded([(self._context, windows)], skipping=not full)

    async def read_captures(self) -> SourceResult:
        """Reads what browsers have captured. Never raises what concerns this source alone."""
        try:
            files = self.job.captures(self.work.root)
            product = self.job.manifest.product(self.job.config.product)
            capture = await asyncio.to_thread(Capture.of_files, product, files, self.job.config.remote_id)
        except ConnectorError as error:
            log.debug("source %s", self.job.key, exc_info=True)
            self._fail(error.code, str(error))
            self._log_the_end()
            number = await asyncio.to_thread(self._register)
            await asyncio.to_thread(self._note, number, explicit=True)
            return self.result
        try:
            return await self._guarded([self._captured(capture, None)], skipping=False, capture=capture)
        finally:
            capture.close()

    def _captured(self, capture: Capture, since: date | None) -> _Reading:
        """How a capture is read: every academic year that it speaks of, as of the moment of its last answer."""
        context = self.work.context(self.job, capture=capture, clock=lambda: capture.newest)
        today = capture.newest.astimezone(self.job.institution.zone).date()
        self._capture = capture
        windows = [
            Window(y, max(since or y.start, y.start), y.end)
            for y in capture.years(today)
            if not since or y.end >= since
        ]
        return lambda _: context, windows

    def _context(self, intake: Intake) -> Context:
        return self.work.context(self.job, remembered=intake.before.answers())

    async def replay(self, since: date | None) -> SourceResult:
        """Reads from the raw archive what was last answered to each request."""
        from pipelines.archived import Archived  # noqa: PLC0415 - only a replay needs it

        archived = Archived.of(self.work.store, self.job.key)
        if archived is None:
            self.result.status = "failed"
            self.result.error = {
                "code": "nothing_archived",
                "message": f"{self.job.key}: the raw archive has no answer of it",
            }
            return self.result
        readings: list[_Reading] = []
        if archived.answers:
            context = self.work.context(self.job, find=archived.find, clock=lambda: archived.read_at)
            year = AcademicYear.of(_lived(self.job, archived.read_at.astimezone(self.job.institution.zone).date()))
            first = since or year.start
            years = [AcademicYear(y) for y in range(min(AcademicYear.of(first).first, year.first), year.first + 1)]
            readings.append((lambda _: context, [_window(y, first, y.end, explicit=False) for y in years]))
        capture = None
        if archived.captured:
            product = self.job.manifest.product(self.job.config.product)
            capture = Capture.of_archive(product, self.work.archive, archived.captured)
            readings.append(self._captured(capture, since))
        return await self._guarded(readings, skipping=False, capture=capture)

    async def _guarded(
        self, readings: Sequence[_Reading], *, skipping: bool, capture: Capture | None = None
    ) -> SourceResult:
        self._started = time.monotonic()
        number = await asyncio.to_thread(self._register)
        try:
            await self._through(readings, number, skipping=skipping, capture=capture)
        except HaltedError:
            raise
        except ConnectorError as error:
            log.debug("source %s", self.job.key, exc_info=True)
            self._fail(error.code, str(error))
        except StoreError as error:
            if self.attempt and isinstance(error, LeaseLostError):
                raise  # whoever has it now tells how it ends
            log.debug("source %s", self.job.key, exc_info=True)
            self._fail(error.code, str(error))
        except Exception as error:
            log.debug("source %s", self.job.key, exc_info=True)
            self._fail("internal_error", f"{type(error).__name__}: {REPORT}")
        spent = self._spent()
        self.result.requests, self.result.retries, self.result.seconds = spent.requests, spent.retries, spent.seconds
        if capture is not None:
            self._tell(capture)
        self._log_the_end()
        if not self.replaying:
            explicit = capture is not None or any(w.explicit for _, windows in readings for w in windows)
            await asyncio.to_thread(self._note, number, explicit=explicit)
        return self.result

    def _log_the_end(self) -> None:
        told = {
            name: getattr(self.result, name) for name in ("source", "status", "requests", "retries", "seconds", "units")
        }
        log.info("source %s: %s", self.job.key, self.result.status, extra={"run": self.run, **told})

    def _spent(self) -> Spent:
        """What this attempt and those before it have cost so far."""
        traffic = [session.traffic for context in self._contexts for session in context.sessions]
        requests, retries = sum(t.requests for t in traffic), sum(t.retries for t in traffic)
        return self._earlier + Spent(requests, retries, time.monotonic() - self._started)

    def _tell(self, capture: Capture) -> None:
        self.result.requests += len(capture.used)
        self.result.capture = {
            "files": [str(f) for f in capture.files],
            "answers": len(capture.used),
            "passed_over": dict(sorted(capture.passed.items())),
            "not_captured": self._not_captured,
        }

    async def _through(
        self, readings: Sequence[_Reading], number: int, *, skipping: bool, capture: Capture | None
    ) -> None:
        intake = await asyncio.to_thread(
            self.work.store.intake,
            run=self.run,
            source=number,
            name=self.job.key,
            zone=self.job.institution.zone,
            brake=self.work.brake,
            replaying=self.replaying,
            captured=capture.oldest.isoformat() if capture is not None else None,
            line_salt=int(self._salt[:8], 16),
            anew=not skipping,
            keeps_bodies=self.work.keeps_bodies,
            held=self._held,
        )
        self._earlier = intake.before.spent
        intake.spent = self._spent
        if intake.before.is_at_end:
            self._tell_again(intake.before.told)
            self._take(await asyncio.to_thread(intake.outcome))
            return
        try:
            for make_context, windows in readings:
                context = make_context(intake)
                self._contexts.append(context)
                self._sessions = context.sessions
                self._from_capture = context.from_capture
                connector = connect(context)
                try:
                    await self._read_all(connector, windows, intake, skipping=skipping)
                finally:
                    await connector.close()
        except BaseException:
            await asyncio.to_thread(self._abandon, intake)
            raise
        damaged = capture.damaged if capture is not None else {}
        code = DamagedAnswerError.code
        self.result.lost += [{"unit": asked, "code": code, "message": why} for asked, why in sorted(damaged.items())]
        told = {"units": self.result.units, "lost": self.result.lost, "not_captured": self._not_captured}
        self._take(await asyncio.to_thread(intake.finish, told))

    def _tell_again(self, told: Mapping[str, Any]) -> None:
        """What an attempt had to tell that has read everything and could not say so any more."""
        self.result.units = told.get("units", 0)
        self.result.lost = told.get("lost", [])
        self._not_captured = told.get("not_captured", [])

    def _abandon(self, intake: Intake) -> None:
        with suppress(StoreError):  # what stopped the reading is what must be told
            self._take(intake.abandon())

    async def _read_all(
        self, connector: Connector, windows: Sequence[Window], intake: Intake, *, skipping: bool
    ) -> None:
        heartbeat = asyncio.create_task(self._beat(intake))
        try:
            for window in windows:
                kept = self.replaying or self._from_capture
                wanted = window if kept else self._with_what_was_missed(window, intake)
                await self._read_window(connector.read(wanted), intake, skipping=skipping)
        finally:
            heartbeat.cancel()

    async def _beat(self, intake: Intake) -> None:
        """Holds the lease while nothing is committed; never beside a commit, which holds it itself."""
        while True:
            await asyncio.sleep(_HEARTBEAT_SECONDS)
            async with self.writing:
                try:
                    await asyncio.to_thread(intake.hold)
                except StoreError as error:  # the next commit tells it
                    log.debug("the lease could not be prolonged: %s", error)

    def _with_what_was_missed(self, window: Window, intake: Intake) -> Window:
        """The window of a routine import of this year, with what earlier ones should have read and have not."""
        if window.explicit or window.year != AcademicYear.of(_today(self.work, self.job)):
            return window
        return replace(window, missed=lambda unit: not intake.is_settled(unit))

    async def _read_window(self, units: AsyncIterator[Unit], intake: Intake, *, skipping: bool) -> None:
        """Takes units as they come, reads several at once, and commits each as soon as it is read."""
        at_once = self.job.config.concurrency or self.job.manifest.product(self.job.config.product).concurrency
        running: set[asyncio.Task[None]] = set()
        try:
            async for unit in units:
                if self.attempt and self.attempt.halted():
                    while running:  # what has been asked for is kept
                        running = await _settle(running)
                    raise HaltedError
                while len(running) >= at_once:
                    running = await _settle(running)
                running.add(asyncio.create_task(self._take_unit(unit, intake, skipping=skipping)))
            while running:
                running = await _settle(running)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _take_unit(self, unit: Unit, intake: Intake, *, skipping: bool) -> None:
        batch: Batch | None = None
        if self._from_capture:  # whatever was paged to is a part, and is no unit of the portal's own reading
            unit = replace(unit, name=f"{CAPTURED_UNIT}{unit.name}", whole=False)
        try:
            reading = await unit.read()
            self._faults = 0
            async with self._making:  # while the unit before is being written
                whole = unit.whole and not reading.lost
                made_of = MadeOf(reading.digest(self._salt), reading.origins)
                digest = made_of.digest if whole and not self.replaying else ""
                done = intake.has_done(unit.name, made_of)
                if not done and not (skipping and digest and await self._skip(intake, unit.name, made_of)):
                    batch = await asyncio.to_thread(reading.make)
                    batch.whole = whole
                    if self._from_capture and self._capture is not None:
                        self._capture.limit(reading.answers, batch)
                    note_answers(batch, reading)
                    await asyncio.to_thread(intake.prepare, batch)
            if batch is not None:
                async with self.writing:
                    await asyncio.to_thread(intake.commit, unit.name, batch, digest=digest, made_of=made_of)
            for error in reading.lost:
                await self._lose(unit, error.code, str(error), retry=error.retry)
        except ConnectorError as error:
            if error.stops == "source":
                raise
            log.debug("source %s, unit %s", self.job.key, unit.name, exc_info=True)
            await self._lose(unit, error.code, str(error), retry=error.retry)
            return
        except StoreError:
            raise
        except Exception as error:
            log.debug("source %s, unit %s", self.job.key, unit.name, exc_info=True)
            await self._lose(unit, "internal_error", f"{type(error).__name__}: {REPORT}", retry=True)
            return
        self.result.units += 1
        if self.progress:
            self.progress(self.job.key, unit.name)

    async def _skip(self, intake: Intake, unit: str, made_of: MadeOf) -> bool:
        if not intake.may_skip(unit, made_of.digest):
            return False
        async with self.writing:
            return await asyncio.to_thread(intake.skip, unit, made_of.digest, made_of)

    async def _lose(self, unit: Unit, code: str, message: str, *, retry: bool) -> None:
        """Leaves a unit out, unless so many in a row have been lost that the portal must be broken as a whole."""
        if code == NotCapturedError.code:
            self._not_captured.append(unit.name.removeprefix(CAPTURED_UNIT))
            return
        self.result.lost.append({"unit": unit.name, "code": code, "message": message})
        if retry:
            self._faults += 1
            if self._faults < _MANY_FAULTS:
                return
            if not any([await session.answers_to_others() for session in self._sessions]):
                raise UnavailableError(f"{self._faults} answers in a row were useless; the last: {message}")
            self._faults = 0

    def _take(self, outcome: Outcome) -> None:
        self.result.entities = outcome.ledger
        self.result.new_quarantine = outcome.new_quarantine
        self.result.waiting_removals = outcome.waiting_removals
        if self.result.lost:
            self.result.status = "partial"
            first = self.result.lost[0]
            more = f" (and {len(self.result.lost) - 1} more)" if len(self.result.lost) > 1 else ""
            self.result.error = {"code": first["code"], "message": f"{first['unit']}: {first['message']}{more}"}

    def _fail(self, code: str, message: str) -> None:
        self.result.status = "failed"
        self.result.error = {"code": code, "message": message}

    def _register(self) -> int:
        return self.work.register(self.job, self._held)

    @property
    def _held(self) -> Lease | None:
        """The lease of the job, which every transaction of it relies on."""
        return self.attempt.held if self.attempt else None

    def _note(self, number: int, *, explicit: bool) -> None:
        error = self.result.error or {}
        if error.get("code") == BusyError.code:
            return  # whoever is at work on it tells how it is
        state = "needs_sign_in" if error.get("code") == SignInNeededError.code else self.result.status
        complete = not explicit and (
            self.result.status == "ok"
            or (self.result.status == "partial" and all(u["code"] in _FINAL for u in self.result.lost))
        )
        self.work.store.note_source(number, state, error.get("message"), complete=complete, held=self._held)


_FINAL: Final = frozenset({"access_denied", "not_found"})
"""Losses that reading again would not make good."""


async def _settle(running: set[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
    """Waits for one task at least; raises what one of them has raised."""
    done, rest = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    return rest
