"""The bench on which a connector is tried: its stand-in, served with faults or changed on the way, and what it gives."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from canonical.batch import Origin
from canonical.years import AcademicYear
from connectors.archive import NoArchive
from connectors.conformance.harness import QUICK, Collected, make_context, read_all, secrets_in_place
from connectors.contract import Connector, Context, Manifest, MemoryVault, Product, Window
from connectors.errors import ConnectorError
from connectors.http import Patience
from connectors.registry import connect, manifest
from connectors.standins.region import Institution, make_institution
from connectors.standins.server import Door, Faults, StandIn, Visits, serving

T = TypeVar("T")

AUTUMN: Final = (datetime(2026, 11, 6, 18), date(2026, 9, 28), date(2026, 11, 13))  # noqa: DTZ001 - in any zone
WINTER: Final = (datetime(2027, 1, 20, 18), date(2026, 12, 21), date(2027, 3, 7))  # noqa: DTZ001
SUMMER: Final = (datetime(2027, 6, 10, 18), date(2027, 5, 3), date(2027, 5, 31))  # noqa: DTZ001
"""Seasons: the moment, and the days whose lessons are kept. A year has four times as many, and they are all alike."""

Season = tuple[datetime, date, date]

YEAR: Final = AcademicYear(2026)

A_WEEK: Final = Window(YEAR, date(2026, 9, 28), date(2026, 10, 4), explicit=True)
"""Days over the border of a month, for what need not be tried on a whole year."""

TWO_WEEKS: Final = Window(YEAR, date(2026, 9, 28), date(2026, 10, 11), explicit=True)
"""Days of which a golden file tells."""

_CLASSES: Final = 2

_SECONDS: Final = 60.0
"""How long one reading of the bench may take."""

Change = Callable[[str, Any], Any]
"""Takes `GET /path?query` and the decoded answer; gives the answer to send in its place."""

Before = Callable[[int], None]
"""Called with the number of the request, from 1, before it is answered."""


class KeepingArchive(NoArchive):
    """An archive in memory, in which answers can be found by their request as in a store."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    def put(self, body: bytes) -> str:
        name = super().put(body)
        self.bodies[name] = body
        return name

    def get(self, sha256: str) -> bytes:
        return self.bodies[sha256]


@dataclass
class Trial:
    """One reading: what came of it, how the portal was visited, what was logged and kept.

    `error` is what stopped the source, if anything; `told` all text that left the connector in logs and errors.
    """

    standin: StandIn
    visits: Visits
    got: Collected = field(default_factory=Collected)
    error: Exception | None = None
    log: list[str] = field(default_factory=list)
    archive: KeepingArchive = field(default_factory=KeepingArchive)
    vault: MemoryVault = field(default_factory=MemoryVault)

    @property
    def told(self) -> list[str]:
        errors = [str(e) for e in self.got.failed.values()]
        return [*self.log, *errors, *([str(self.error)] if self.error else [])]

    @property
    def origins(self) -> dict[str, Origin]:
        """The answers that units rest on, by their requests: what a replay finds in the archive."""
        found = [o for _, b in self.got.batches for o in (*(o for o, _ in b.blocks), *(x.origin for x in b.lines))]
        found += [r.origin for r in self.got.rejects]
        return {o.request: o for o in found if o is not None}


class Bench:
    """A connector (one product of it) on trial. What several checks look at is read once."""

    def __init__(self, name: str, product: str | None = None, *, students: int = 14) -> None:
        self.manifest: Manifest = manifest(name)
        self.product_name = product or self.manifest.default
        self.product: Product = self.manifest.product(self.product_name)
        self.students = students
        self.trials: list[Trial] = []
        self._signed_in: dict[str, Trial] = {}

    def __str__(self) -> str:
        return f"{self.manifest.name}/{self.product_name}"

    # -- what it can do ------------------------------------------------------------------------------------------

    @cached_property
    def offers(self) -> frozenset[str]:
        """What checks may need: entities, `entity.field`s, kinds of `auth`, and words for the way of the portal."""
        product = self.product
        found = set(product.capabilities) | {f"{e}.{f}" for e, fields in product.capabilities.items() for f in fields}
        found |= set(product.auth)
        if product.auth:
            found.add("sign-in")
        if {"password", "oauth"} & set(product.auth):
            found.add("renewal")
        if product.captures:
            found.add("captures")
        if product.pages:
            found.add("pages")
        if product.timezone is None:
            found.add("any time zone")
        if product.standin:
            found.add("stand-in")
            standin = self.standin()
            found |= {"files"} if standin.lay else {"network"}
            found |= {"expiry"} if standin.expire else set()
        return frozenset(found)

    @property
    def auth(self) -> str:
        """The kind of sign-in that can be renewed without a person, where there is one."""
        kinds = self.product.auth
        return next((k for k in ("password", "oauth", "token") if k in kinds), "")

    # -- stand-ins -----------------------------------------------------------------------------------------------

    def place(
        self,
        season: Season = AUTUMN,
        *,
        students: int | None = None,
        classes: int = _CLASSES,
        zone: ZoneInfo | None = None,
    ) -> Institution:
        """The institution of the bench in a season. The same arguments, the same institution."""
        now, since, until = season
        zone = zone or ZoneInfo(self.product.timezone or "Europe/Moscow")
        made = make_institution(
            "bench", self.product.kind, students=students or self.students, now=now.replace(tzinfo=zone), zone=zone
        )
        keep_classes(made, classes)
        keep_days(made, since, until)
        return made

    def standin(self, place: Institution | None = None) -> StandIn:
        """A stand-in of the connector's own portal."""
        assert self.product.standin  # noqa: S101 - checks that need one say so
        module, _, function = self.product.standin.partition(":")
        made: StandIn = getattr(importlib.import_module(module), function)(place or self.place())
        return made

    # -- reading -------------------------------------------------------------------------------------------------

    def read(
        self,
        standin: StandIn | None = None,
        window: Window | None = None,
        *,
        faults: Faults | None = None,
        change: Change | None = None,
        before: Before | None = None,
        replaying: Trial | None = None,
        **more: Any,
    ) -> Trial:
        """Reads a stand-in once. What goes wrong stands in the trial; nothing is raised.

        Args:
            standin: by default a new one of the autumn's institution.
            window: by default the whole year.
            faults: how the server misbehaves.
            change: what is done to answers on their way.
            before: what happens before requests are answered.
            replaying: the trial whose archive is read in place of the portal.
            more: as of `make_context`.

        """

        async def read(context: Context) -> Collected:
            return await read_all(context, window)

        return self.visit(read, standin, faults=faults, change=change, before=before, replaying=replaying, **more)

    def ask(self, what: Callable[[Connector], Any], standin: StandIn | None = None, **more: Any) -> tuple[Any, Trial]:
        """What a connector answers to `check` or `discover`; null where it raised."""
        said: list[Any] = []

        async def one(context: Context) -> Collected:
            with secrets_in_place():
                connector = connect(context)
                try:
                    said.append(await what(connector))
                finally:
                    await connector.close()
            return Collected()

        trial = self.visit(one, standin, **more)
        return (said[0] if said else None), trial

    def visit(
        self,
        work: Callable[[Context], Any],
        standin: StandIn | None = None,
        *,
        faults: Faults | None = None,
        change: Change | None = None,
        before: Before | None = None,
        replaying: Trial | None = None,
        patience: Patience = QUICK,
        **more: Any,
    ) -> Trial:
        """Lets `work` do something with a context while the stand-in is served."""
        standin = standin or self.standin()
        with self.serving(standin, faults=faults, change=change, before=before) as (base, visits), _listening() as log:
            trial = Trial(standin, visits, log=log)
            if replaying is not None:
                trial.archive = replaying.archive
                more["find"] = replaying.origins.get
            more = {"auth": self.auth, "vault": trial.vault, **more}
            context = make_context(
                standin, base, product=self.product_name, archive=trial.archive, patience=patience, **more
            )
            trial.vault = context.vault  # type: ignore[assignment]
            try:
                trial.got = asyncio.run(_bounded(work(context)))
            except (ConnectorError, TimeoutError, Exception) as error:  # noqa: BLE001 - a check tells what came of it
                trial.error = error
        self.trials.append(trial)
        return trial

    @contextmanager
    def serving(
        self,
        standin: StandIn,
        *,
        faults: Faults | None = None,
        change: Change | None = None,
        before: Before | None = None,
    ) -> Iterator[tuple[str, Visits]]:
        """Serves a stand-in, or lays its files; gives where it is, and how it is visited."""
        if standin.lay is not None:
            with tempfile.TemporaryDirectory(prefix="svod-bench-") as folder:
                yield folder, Visits()
            return
        app = standin.app
        door = Door(Changing(app, change, before) if change or before else app, faults)
        with serving(door) as base:
            yield base, door.visits

    # -- what several checks look at -----------------------------------------------------------------------------

    @cached_property
    def plain(self) -> Trial:
        """The whole year, with nothing in the way."""
        return self.read()

    @cached_property
    def short(self) -> Trial:
        """A week, with nothing in the way."""
        return self.read(window=A_WEEK)

    def signed_in(self, kind: str) -> Trial:
        """A week, read with one kind of sign-in."""
        if kind == self.auth:
            return self.short
        if kind not in self._signed_in:
            self._signed_in[kind] = self.read(window=A_WEEK, auth=kind)
        return self._signed_in[kind]

    @cached_property
    def summer(self) -> Trial:
        """A year that is over."""
        return self.read(self.standin(self.place(SUMMER)))


async def _bounded(work: Any) -> Any:
    async with asyncio.timeout(_SECONDS):
        return await work


def keep_classes(place: Institution, number: int) -> None:
    """Leaves out all classes but the first few, with their courses, and all who are or were in a class left out."""
    kept = {g.id for g in place.classes()[:number]}
    left_out = {m.person for g in place.classes() if g.id not in kept for m in g.members}
    pupils = {m.person for g in place.classes() for m in g.members} - left_out
    for group in place.groups.values():
        group.members = [m for m in group.members if m.person in pupils]
    place.groups = {
        n: g
        for n, g in place.groups.items()
        if n in kept or g.parent in kept or (g.kind == "metagroup" and number > 1)  # which is drawn from several
    }
    place.people = {n: p for n, p in place.people.items() if p.role == "staff" or n in pupils}
    place.courses = {n: c for n, c in place.courses.items() if c.group in place.groups}
    place.lessons = {n: x for n, x in place.lessons.items() if x.course in place.courses}
    place.period_marks = {
        n: m for n, m in place.period_marks.items() if m.course in place.courses and m.student in pupils
    }
    keep_days(place, place.year.start, place.year.end)
    place.marks = {n: m for n, m in place.marks.items() if m.student in pupils}
    place.absences = {n: a for n, a in place.absences.items() if a.student in pupils}
    place.touched()


def keep_days(place: Institution, since: date, until: date) -> None:
    """Leaves out the lessons of all other days, with what hangs on them."""
    place.lessons = {n: x for n, x in place.lessons.items() if since <= x.date <= until}
    place.works = {n: w for n, w in place.works.items() if w.lesson in place.lessons}
    place.marks = {n: m for n, m in place.marks.items() if m.work in place.works}
    place.absences = {n: a for n, a in place.absences.items() if a.lesson in place.lessons}
    place.touched()


@contextmanager
def _listening() -> Iterator[list[str]]:
    """Collects what is logged: everything of ours, and of the libraries what is not for their own developers.

    Who else hears what is logged hears no more of it than before.
    """
    log: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not record.name.startswith("uvicorn"):  # which serves the stand-in
                log.append(f"{record.name}: {record.getMessage()}")

    listener = Listener()
    root = logging.getLogger("")
    others = {handler: handler.level for handler in root.handlers}
    for handler, level in others.items():
        handler.setLevel(max(level, root.level))
    levels = {name: logging.getLogger(name).level for name in ("", "svod", "connectors")}
    root.addHandler(listener)
    root.setLevel(logging.INFO)
    for name in ("svod", "connectors"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    try:
        yield log
    finally:
        root.removeHandler(listener)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        for handler, level in others.items():
            handler.setLevel(level)


class Changing:
    """Between the door and the stand-in: changes JSON answers to questions, and lets things happen before them."""

    def __init__(self, app: ASGIApp, change: Change | None, before: Before | None) -> None:
        self.app = app
        self.change = change
        self.before = before
        self._number = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self._number += 1
        if self.before:
            self.before(self._number)
        if not self.change or scope["method"] not in {"GET", "POST"}:
            await self.app(scope, receive, send)
            return
        start: list[Message] = []
        parts: list[bytes] = []

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.append(message)
            else:
                parts.append(message.get("body", b""))

        await self.app(scope, receive, collect)
        query = scope["query_string"].decode("latin-1")
        body = self._changed(
            f"{scope['method']} {scope['path']}{'?' if query else ''}{query}", start[0], b"".join(parts)
        )
        kept = [(k, v) for k, v in start[0]["headers"] if k.lower() != b"content-length"]
        await send({**start[0], "headers": [*kept, (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})

    def _changed(self, asked: str, start: Message, body: bytes) -> bytes:
        if not self.change or start["status"] != 200 or body.lstrip()[:1] not in {b"[", b"{"}:
            return body
        return json.dumps(self.change(asked, json.loads(body)), ensure_ascii=False).encode()
