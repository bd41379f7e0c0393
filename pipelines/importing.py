"""Importing: reads sources and takes what they say into the store, each source on its own."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import select

from canonical.batch import Batch
from canonical.store import Intake, Outcome, StoreError
from canonical.store import runs as run_log
from canonical.tables import SOURCES
from canonical.years import AcademicYear
from connectors.contract import Connector, Context, Reading, Unit, Window
from connectors.errors import ConnectorError, SignInNeededError, UnavailableError
from connectors.http import Answer, Session
from connectors.registry import connect
from pipelines.workplace import SourceJob, Workplace

log = logging.getLogger("svod.import")

COUNTS: Final = ("received", "inserted", "updated", "unchanged", "quarantined", "removed", "revived", "released")

_HEARTBEAT_SECONDS: Final = 30.0
_AT_ONCE: Final = 8
"""Sources read at the same time in one process."""

_MANY_FAULTS: Final = 5
"""Units lost in a row before the portal is taken to be broken, unless it goes on answering to others."""

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

    `error` is null or `{"code", "message"}`; `units` counts the units read, `lost` names those left out.
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

    def as_json(self) -> dict[str, Any]:
        """The shape of contract.md, with what stands besides."""
        return {
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
        return await _Importer(work, job, run, writing, progress).read(_windows(work, job, request), full=request.full)

    return finish_run(work, run, asyncio.run(_several(read, jobs)))


def replay_sources(work: Workplace, jobs: Sequence[SourceJob], since: date | None) -> dict[str, Any]:
    """Maps the answers in the raw archive again, without the portals.

    Returns:
        The JSON of `svod replay`, of the same shape as that of `svod import`.

    """
    run = _begin(work, "replay", jobs, Request(since=since))
    writing = asyncio.Lock()

    async def read(job: SourceJob) -> SourceResult:
        return await _Importer(work, job, run, writing, replaying=True).replay(since)

    return finish_run(work, run, asyncio.run(_several(read, jobs)))


def finish_run(work: Workplace, run: int, results: Sequence[SourceResult]) -> dict[str, Any]:
    """Closes a run and gives its JSON."""
    states = {r.status for r in results}
    status = "ok" if states <= {"ok"} else "failed" if states == {"failed"} else "partial"
    result = {"run": run, "status": status, "sources": [r.as_json() for r in results]}
    with work.store.writing() as connection:
        run_log.finish(connection, run, status, result, work.store.stamp())
    return result


def _begin(work: Workplace, what: str, jobs: Sequence[SourceJob], request: Request) -> int:
    detail = {"sources": [j.key for j in jobs], **request.as_json()}
    with work.store.writing() as connection:
        return run_log.begin(connection, what, detail, work.store.stamp())


async def _several(read: Callable[[SourceJob], Any], jobs: Iterable[SourceJob]) -> list[SourceResult]:
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(job: SourceJob) -> SourceResult:
        async with places:
            result: SourceResult = await read(job)
            return result

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
    return work.store.clock().astimezone(job.institution.zone).date()


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
    ) -> None:
        self.work = work
        self.job = job
        self.run = run
        self.writing = writing
        self.progress = progress
        self.replaying = replaying
        self.result = SourceResult(job.key)
        self._making = asyncio.Lock()
        self._salt = job.fingerprint()
        self._faults = 0
        self._sessions: list[Session] = []

    async def read(self, windows: Sequence[Window], *, full: bool) -> SourceResult:
        """Reads windows from the portal. Never raises what concerns this source alone."""
        return await self._guarded(self.work.context(self.job), windows, skipping=not full)

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
        context = self.work.context(self.job, find=archived.find, clock=lambda: archived.read_at)
        year = AcademicYear.of(archived.read_at.astimezone(self.job.institution.zone).date())
        window = Window(year, max(since or year.start, year.start), year.end)
        return await self._guarded(context, [window], skipping=False)

    async def _guarded(self, context: Context, windows: Sequence[Window], *, skipping: bool) -> SourceResult:
        started = time.monotonic()
        self._sessions = context.sessions
        number = await asyncio.to_thread(self._register)
        try:
            await self._through(context, windows, number, skipping=skipping)
        except ConnectorError as error:
            log.debug("source %s", self.job.key, exc_info=True)
            self._fail(error.code, str(error))
        except StoreError as error:
            log.debug("source %s", self.job.key, exc_info=True)
            self._fail(error.code, str(error))
        except Exception as error:
            log.debug("source %s", self.job.key, exc_info=True)
            self._fail("internal_error", f"{type(error).__name__}: {REPORT}")
        self.result.requests = sum(s.traffic.requests for s in self._sessions)
        self.result.retries = sum(s.traffic.retries for s in self._sessions)
        self.result.seconds = time.monotonic() - started
        told = {
            name: getattr(self.result, name) for name in ("source", "status", "requests", "retries", "seconds", "units")
        }
        log.info("source %s: %s", self.job.key, self.result.status, extra={"run": self.run, **told})
        if not self.replaying:
            explicit = any(window.explicit for window in windows)
            await asyncio.to_thread(self._note, number, explicit=explicit)
        return self.result

    async def _through(self, context: Context, windows: Sequence[Window], number: int, *, skipping: bool) -> None:
        intake = await asyncio.to_thread(
            self.work.store.intake,
            run=self.run,
            source=number,
            name=self.job.key,
            zone=self.job.institution.zone,
            brake=self.work.brake,
            replaying=self.replaying,
            line_salt=int(self._salt[:8], 16),
            anew=not skipping,
        )
        try:
            connector = connect(context)
            try:
                await self._read_all(connector, windows, intake, skipping=skipping)
            finally:
                await connector.close()
        except BaseException:
            await asyncio.to_thread(self._abandon, intake)
            raise
        self._take(await asyncio.to_thread(intake.finish))

    def _abandon(self, intake: Intake) -> None:
        with suppress(StoreError):  # what stopped the reading is what must be told
            self._take(intake.abandon())

    async def _read_all(
        self, connector: Connector, windows: Sequence[Window], intake: Intake, *, skipping: bool
    ) -> None:
        heartbeat = asyncio.create_task(_beat(intake))
        try:
            for window in windows:
                wanted = window if self.replaying else self._with_what_was_missed(window, intake)
                await self._read_window(connector.read(wanted), intake, skipping=skipping)
        finally:
            heartbeat.cancel()

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
        try:
            reading = await unit.read()
            self._faults = 0
            async with self._making:  # while the unit before is being written
                digest = reading.digest(self._salt) if unit.whole and not self.replaying else ""
                if not (skipping and digest and await self._skip(intake, unit.name, digest)):
                    batch = await asyncio.to_thread(reading.make)
                    batch.whole = unit.whole
                    _note_answers(batch, reading)
                    await asyncio.to_thread(intake.prepare, batch)
            if batch is not None:
                async with self.writing:
                    await asyncio.to_thread(intake.commit, unit.name, batch, digest=digest)
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

    async def _skip(self, intake: Intake, unit: str, digest: str) -> bool:
        if not intake.may_skip(unit, digest):
            return False
        async with self.writing:
            return await asyncio.to_thread(intake.skip, unit, digest)

    async def _lose(self, unit: Unit, code: str, message: str, *, retry: bool) -> None:
        """Leaves a unit out, unless so many in a row have been lost that the portal must be broken as a whole."""
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
        product = self.job.manifest.product(self.job.config.product)
        return self.work.store.source(
            self.job.key,
            institution=self.job.institution.key,
            connector=self.job.config.connector,
            capabilities={entity: ("key", *fields) for entity, fields in product.capabilities.items()},
            says_what_comes=product.says_what_comes,
        )

    def _note(self, number: int, *, explicit: bool) -> None:
        needs_sign_in = self.result.error is not None and self.result.error["code"] == SignInNeededError.code
        state = "needs_sign_in" if needs_sign_in else self.result.status
        complete = not explicit and (
            self.result.status == "ok"
            or (self.result.status == "partial" and all(u["code"] in _FINAL for u in self.result.lost))
        )
        message = self.result.error["message"] if self.result.error else None
        self.work.store.note_source(number, state, message, complete=complete)


_FINAL: Final = frozenset({"access_denied", "not_found"})
"""Losses that reading again would not make good."""


def _note_answers(batch: Batch, reading: Reading) -> None:
    """Lets answers that brought no record of their own be found in a replay as well."""
    noted = {origin for origin, _ in batch.blocks} | {lines.origin for lines in batch.lines}
    origins = (a.origin if isinstance(a, Answer) else a for a in reading.answers)
    batch.blocks += [(origin, []) for origin in origins if origin not in noted]


async def _settle(running: set[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
    """Waits for one task at least; raises what one of them has raised."""
    done, rest = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    return rest


async def _beat(intake: Intake) -> None:
    while True:
        await asyncio.sleep(_HEARTBEAT_SECONDS)
        await asyncio.to_thread(intake.hold)
