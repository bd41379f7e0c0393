"""Help for the tests of the Moscow-region connector: a served stand-in, a record of what was asked, a store to import into."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from canonical.store import Outcome
from canonical.years import AcademicYear
from connectors.conformance.harness import make_context, secrets_in_place
from connectors.contract import Context, Window
from connectors.errors import ConnectorError
from connectors.mosreg.standin import Portal, make
from connectors.registry import connect
from connectors.standins.region import Institution, make_institution
from connectors.standins.server import Door, Faults, StandIn, serving
from tests.stores import Desk
from tests.weeks import every_other_week

NOW = datetime(2026, 10, 27, 18, tzinfo=ZoneInfo("Europe/Moscow"))

Change = Callable[[str, Any], Any]
"""Takes the last part of a path and the decoded answer; gives the answer to send in its place."""

Refuse = Callable[[str, dict[str, str]], int | None]
"""Takes a path and a query; gives the status with which the request is refused, or null."""


@dataclass
class Asked:
    """Everything that was asked, in order: path and query."""

    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def of(self, name: str) -> list[dict[str, str]]:
        """The queries to a list."""
        return [query for path, query in self.requests if path.endswith(f"/{name}")]


class Listening:
    """Between the door and the stand-in: notes what is asked, and changes answers as it is told."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.asked = Asked()
        self.change: Change | None = None
        self.refuse: Refuse | None = None
        self.first_page = False
        self.before: Callable[[int], None] = lambda _: None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        query = {k: v[0] for k, v in parse_qs(scope["query_string"].decode()).items()}
        self.asked.requests.append((scope["path"], query))
        if self.first_page:
            scope = {**scope, "query_string": re.sub(rb"\bpage=\d+", b"page=1", scope["query_string"])}
        self.before(len(self.asked.requests))
        if self.refuse and (status := self.refuse(scope["path"], query)):
            await JSONResponse({"code": status, "message": "Отказ"}, status)(scope, receive, send)
            return
        parts: list[bytes] = []
        start: list[Message] = []

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.append(message)
                return
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                await self._pass_on(scope["path"], start[0], b"".join(parts), send)

        await self.app(scope, receive, collect)

    async def _pass_on(self, path: str, start: Message, body: bytes, send: Send) -> None:
        if self.change and start["status"] == 200 and body[:1] in {b"[", b"{"}:
            body = json.dumps(self.change(path.rsplit("/", 1)[-1], json.loads(body)), ensure_ascii=False).encode()
        kept = [(k, v) for k, v in start["headers"] if k.lower() != b"content-length"]
        await send({**start, "headers": [*kept, (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})


@dataclass
class Served:
    """A stand-in that is being served."""

    standin: StandIn
    base: str
    door: Door
    listening: Listening

    @property
    def place(self) -> Institution:
        return self.standin.institution

    @property
    def portal(self) -> Portal:
        return self.standin.app.state.portal  # type: ignore[attr-defined,no-any-return]

    @property
    def asked(self) -> Asked:
        return self.listening.asked

    def context(self, auth: str = "token", **more: Any) -> Context:
        return make_context(self.standin, self.base, auth=auth, **more)

    def connector(self, work: Callable[[Any], Awaitable[Any]], auth: str = "token", **more: Any) -> Any:
        """What a connector gives to `work`; closed afterwards."""

        context = self.context(auth, **more)

        async def go() -> Any:
            with secrets_in_place():
                connector = connect(context)
                try:
                    return await work(connector)
                finally:
                    await connector.close()

        return asyncio.run(go())


def break_off(portal: Served, at: int, what: Callable[[], None]) -> None:
    """Lets something happen just before the request of this number."""
    portal.listening.before = lambda number: what() if number == at else None


@contextmanager
def served(
    kind: Literal["school", "college"] = "school",
    *,
    students: int = 24,
    now: datetime = NOW,
    faults: Faults | None = None,
    **options: Any,
) -> Iterator[Served]:
    """A stand-in of a small institution, served while the block runs."""
    standin = make(every_other_week(make_institution("kolomna", kind, students=students, now=now)), **options)
    listening = Listening(standin.app)
    door = Door(listening, faults)
    with serving(door) as base:
        yield Served(standin, base, door, listening)


def window(place: Institution, back: int | None = None, *, until: int | None = None) -> Window:
    """The window of an import: the whole year, the one from `back` days ago, or just the days between the two."""
    year = AcademicYear.of(place.now.date())
    if back is None:
        return Window(year, year.start, year.end)
    since = place.now.date() - timedelta(days=back)
    if until is None:
        return Window(year, max(since, year.start), year.end)
    return Window(year, since, place.now.date() - timedelta(days=until), explicit=True)


def import_into(desk: Desk, portal: Served, days: Window, *, skipping: bool = True, auth: str = "token") -> Outcome:
    """One import into a store, as the pipeline does it: unit by unit, skipping what is the same; lost units stay out."""
    intake = desk.begin(anew=not skipping)
    wanted = days if days.explicit else replace(days, missed=lambda unit: not intake.is_settled(unit))

    async def read(connector: Any) -> None:
        async for unit in connector.read(wanted):
            try:
                reading = await unit.read()
            except ConnectorError as error:
                if error.stops == "source":
                    raise
                continue
            digest = reading.digest("") if unit.whole else ""
            if not (skipping and digest and intake.skip(unit.name, digest)):
                batch = reading.make()
                batch.whole = unit.whole
                intake.commit(unit.name, batch, digest=digest)

    portal.connector(read, auth)
    return intake.finish()


def open_desk(path: Path) -> Desk:
    """A store in a folder, made if it is not there."""
    return Desk(f"sqlite:///{path / 'svod.db'}")


def imported(path: Path) -> None:
    """Makes a store in a folder that holds the whole year of the stand-in as it is served by default."""
    with served() as portal:
        desk = open_desk(path)
        import_into(desk, portal, window(portal.place))
        desk.store.close()
