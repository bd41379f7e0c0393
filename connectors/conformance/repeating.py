"""Checks of reading again: what is the same, what has changed, what has gone, and what only the archive still has."""

from __future__ import annotations

import asyncio
import random
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from canonical.entities import ENTITIES, Record, entity_of, references
from canonical.store import Brake, Outcome, Store
from canonical.store import runs as run_log
from connectors.conformance.bench import A_WEEK, YEAR, Bench
from connectors.conformance.check import check, some
from connectors.conformance.giving import untroubled
from connectors.conformance.harness import differences, make_context, secrets_in_place, whole_year
from connectors.contract import Window, note_answers
from connectors.errors import ConnectorError
from connectors.registry import connect
from connectors.standins.region import Institution
from connectors.standins.server import StandIn

_MONTH: Final = (datetime(2026, 11, 6, 18), date(2026, 10, 22), date(2026, 11, 9))  # noqa: DTZ001 - in any zone
"""Days before, within and after a look-back of two weeks."""

_MANY: Final = 500
"""Requests that are too many to be made again one at a time, only to see that they give the same: a week will do."""

_EVERYTHING: Final = Brake(share=1.0, rows=1 << 30)
"""Removals never wait for a person here."""


@check("silver")
def repetition(bench: Bench) -> Iterator[str]:
    """Read again, in another order and one at a time, the same gives the same units and records."""
    for concurrency, window in ((1, None if len(bench.plain.visits.at) < _MANY else A_WEEK), (16, A_WEEK)):
        first = bench.short if window else bench.plain
        again = bench.read(window=window, concurrency=concurrency)
        yield from untroubled(again)
        if again.got.digests != first.got.digests:
            changed = {n for n, d in again.got.digests.items() if first.got.digests.get(n) != d}
            changed |= first.got.digests.keys() - again.got.digests.keys()
            yield f"units differ, {concurrency} requests at once: {', '.join(sorted(changed)[:5])}"
        if again.got.records != first.got.records:
            yield f"records differ, {concurrency} requests at once"


@check("silver")
def replay(bench: Bench) -> Iterator[str]:
    """From the raw archive the same records come again, and the portal is not asked."""
    trial = bench.read(bench.plain.standin, replaying=bench.plain)
    yield from untroubled(trial)
    yield from some(differences(_all(bench.plain.got.records), trial.got.records, trial.standin.institution.zone))
    if trial.visits.asked:
        yield f"the portal was asked: {trial.visits.asked[0]}"


def _all(records: dict[str, dict[str, Record]]) -> list[Record]:
    return [r for some_of_it in records.values() for r in some_of_it.values()]


class Journal:
    """A store, and a stand-in that is imported into it again and again, each time an hour later."""

    def __init__(self, bench: Bench, standin: StandIn, base: str, folder: Path) -> None:
        self._bench = bench
        self._standin = standin
        self._base = base
        self._moment = standin.institution.now
        self._store = Store(f"sqlite:///{folder / 'bench.db'}", lambda: self._moment)
        said = {e: ("key", *fields) for e, fields in bench.product.capabilities.items()}
        self._source = self._store.source(
            "bench/portal", institution="bench", connector=standin.portal, capabilities=said
        )
        self.covered: set[str] = set()

    @property
    def place(self) -> Institution:
        return self._standin.institution

    def import_(self, window: Window | None = None, *, skipping: bool = True) -> Outcome:
        """One import; a source that stops leaves what it has brought, and nothing is found gone."""
        self._moment += timedelta(hours=1)
        return asyncio.run(self._import(window, skipping=skipping))

    def removed_by_an_import(self, window: Window | None = None, *, skipping: bool = True) -> dict[str, int]:
        """How many records of each entity one import finds gone."""
        ledger = self.import_(window, skipping=skipping).ledger
        return {e: c["removed"] for e, c in ledger.items() if c["removed"]}

    async def _import(self, window: Window | None, *, skipping: bool) -> Outcome:
        zone = self._standin.institution.zone
        with self._store.writing() as connection:
            run = run_log.begin(connection, "import", {}, self._store.stamp())
        intake = self._store.intake(run=run, source=self._source, name="bench/portal", zone=zone, brake=_EVERYTHING)
        context = make_context(self._standin, self._base, product=self._bench.product_name, auth=self._bench.auth)
        with secrets_in_place():
            connector = connect(context)
            try:
                async for unit in connector.read(window or whole_year(self._standin.institution.now)):
                    try:
                        reading = await unit.read()
                    except ConnectorError as error:
                        if error.stops == "source":
                            raise
                        continue
                    whole = unit.whole and not reading.lost
                    digest = reading.digest("") if whole else ""
                    if skipping and digest and intake.skip(unit.name, digest):
                        continue
                    batch = reading.make()
                    batch.whole = whole
                    note_answers(batch, reading)
                    self.covered |= {s.entity for s in batch.scopes}
                    intake.commit(unit.name, batch, digest=digest)
            except ConnectorError:
                return intake.abandon()
            finally:
                await connector.close()
        return intake.finish()

    def contents(self) -> dict[str, dict[str, Record]]:
        return {e: {r.key: r for r in self._store.records(self._source, e)} for e in ENTITIES}

    def differing(self) -> list[str]:
        """Where the store is not the truth. What no scope covers, and what hangs on that, may outlive the portal's."""
        contents, zone = self.contents(), self._standin.institution.zone
        truth = {(entity_of(r), r.key) for r in self._standin.truth()}
        left: set[tuple[str, str]] = set()
        for entity, records in contents.items():  # what is pointed at comes before what points at it
            for key, record in records.items():
                if (entity, key) not in truth and (entity not in self.covered or _points_at(record, left)):
                    left.add((entity, key))
        shown = {e: {k: r for k, r in records.items() if (e, k) not in left} for e, records in contents.items()}
        return differences(self._standin.truth(), shown, zone)

    def close(self) -> None:
        self._store.close()


def _points_at(record: Record, some_of_them: set[tuple[str, str]]) -> bool:
    fields = references(record, ENTITIES[entity_of(record)])
    return any(f.ref and f.ref.required and (f.ref.entity, key) in some_of_them for f, key in fields)


@contextmanager
def journal(bench: Bench, *, classes: int) -> Iterator[tuple[Journal, Refusing]]:
    """A journal that a new stand-in is imported into, and what can make the stand-in refuse."""
    standin = bench.standin(bench.place(_MONTH, classes=classes))
    refusing = Refusing(standin.app)
    standin.app = refusing
    with tempfile.TemporaryDirectory(prefix="svod-journal-") as folder, bench.serving(standin) as (base, _):
        made = Journal(bench, standin, base, Path(folder))
        try:
            yield made, refusing
        finally:
            made.close()


class Refusing:
    """A stand-in that refuses a third of the questions with 403: always the same ones, chosen by `share` (0, 1, 2)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.share: int | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope.get("path", "").encode() + scope.get("query_string", b"")
        if self.share is None or scope.get("method") != "GET" or zlib.crc32(asked) % 3 != self.share:
            await self.app(scope, receive, send)
            return
        await PlainTextResponse("", 403)(scope, receive, send)


@check("silver")
def idempotence(bench: Bench) -> Iterator[str]:
    """Imported again, nothing in the store changes, whether or not unchanged answers are skipped."""
    with journal(bench, classes=1) as (made, _):
        made.import_()
        yield from some(made.differing(), "after the first import: ")
        for skipping in (True, False):
            for entity, counts in made.import_(skipping=skipping).ledger.items():
                if counts["unchanged"] != counts["received"] or counts["removed"]:
                    yield f"{entity}: {dict(counts)} in an import of the same"


@check("silver")
def coverage(bench: Bench) -> Iterator[str]:
    """What has changed and gone is seen; what was not read, or not asked for, is never taken to have gone."""
    with journal(bench, classes=2) as (made, refusing):
        made.import_()
        for share in (0, 1):
            refusing.share = share
            gone = made.removed_by_an_import(skipping=False)
            refusing.share = None
            if gone:
                yield f"a third of the answers were refused, and {gone} were found gone"
        made.import_(skipping=False)
        yield from some(made.differing(), "after that, the whole again: ")
        gone = made.removed_by_an_import(Window(YEAR, date(2026, 10, 29), date(2026, 11, 4), explicit=True))
        yield from some(made.differing(), "after an import of a week: ")
        if gone:
            yield f"an import of a week found {gone} gone"
        place = made.place
        place.edit()
        take_away(place)
        made.import_()
        yield from some(made.differing(), "after edits and removals: ")
        gone = made.removed_by_an_import(Window(YEAR, place.now.date() - timedelta(days=14), YEAR.end))
        if gone:
            yield f"a look-back after that found {gone} gone"


def take_away(place: Institution) -> None:
    """What vanishes without a trace: marks, absences, last lessons of a day to come, a pupil entered by mistake."""
    rng = random.Random(place.key)  # noqa: S311 - nothing secret
    for mark in rng.sample(sorted(place.marks), min(5, len(place.marks))):
        del place.marks[mark]
    for absence in rng.sample(sorted(place.absences), min(2, len(place.absences))):
        del place.absences[absence]
    ahead = {n: x for n, x in place.lessons.items() if x.date > place.now.date() and not place.works_of(n)}
    last = {x.date: n for n, x in sorted(ahead.items(), key=lambda item: item[1].number)}
    for lesson in sorted(last.values())[:3]:
        del place.lessons[lesson]
    mistake = max(p.id for p in place.students)
    for group in place.groups.values():
        group.members = [m for m in group.members if m.person != mistake]
    del place.people[mistake]
    for table in (place.marks, place.absences, place.period_marks):
        for number in [n for n, row in table.items() if row.student == mistake]:
            del table[number]
    place.touched()
