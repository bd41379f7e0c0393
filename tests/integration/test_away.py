"""Portals that are away: from the beginning, in the midst of an import, or as to one thing only."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from starlette.responses import JSONResponse

from canonical.store import Store
from connectors.conformance.harness import FIVE, make_context, secrets_in_place
from connectors.dnevnik.standin import make
from connectors.http import BRIEF, Patience
from connectors.standins.region import make_institution
from connectors.standins.server import StandIn, serving
from pipelines.importing import Request, import_sources
from pipelines.workplace import SourceJob, Workplace
from svod.cli import sources
from tests.sites import Installation

NOW = datetime(2026, 11, 20, 18, tzinfo=ZoneInfo("Europe/Moscow"))
IMPATIENT = Patience(
    attempts=1000, first_wait=0.01, longest_wait=0.2, connect=0.5, read=0.5, total=1, first_answer=1, unreachable=1.0
)
"""Only what it says of a portal that is away ends it: there are attempts for minutes."""


def school(students: int = 24) -> StandIn:
    return make(make_institution("kruk", "school", students=students, now=NOW, zone=NOW.tzinfo))


@contextmanager
def no_portal(*, listening: bool) -> Iterator[str]:
    """An address that refuses connections, or takes them and never answers."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        if listening:
            held.listen(128)
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def of_all_portals(folder: Path, base: str) -> Installation:
    place = Installation(folder).institution("a")
    token = {"kind": "token", "token": {"env": "A_SECRET"}}
    password = {"kind": "password", "login": "someone", "password": {"env": "A_SECRET"}}
    place.source("dnevnik", "dnevnik", base_url=base, remote_id="1", auth=token)
    place.source("mosreg", "mosreg", base_url=base, remote_id="1", auth=token)
    return place.source("asurso", "asurso", base_url=base, auth=password)


class Stopping:
    """Counts what a portal is asked, and says when it is to be stopped."""

    def __init__(self, app: Any, after: int) -> None:
        self.app = app
        self.after = after
        self.asked = 0
        self.stop = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1
        if self.asked == self.after:
            self.stop.set()
        await self.app(scope, receive, send)


def imported(standin: StandIn, base: str, folder: Path, patience: Patience) -> tuple[dict[str, Any], Store]:
    store = Store(f"sqlite:///{folder / 'svod.db'}", lambda: NOW)
    context = make_context(standin, base, auth="token")
    job = SourceJob(context.institution, context.config, FIVE)
    with secrets_in_place():
        (source,) = import_sources(Workplace(store, patience=patience), [job], Request())["sources"]
    return source, store


class TestCheck:
    @pytest.mark.parametrize("listening", [False, True], ids=["refuses", "never answers"])
    def test_is_answered_within_a_quarter_of_a_minute(
        self, listening: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One portal in its own time, and all of them in a tenth of it."""
        with no_portal(listening=listening) as base:
            place = of_all_portals(tmp_path, base)
            started = time.monotonic()
            one = place.json("check", "mosreg", status=1, env={"A_SECRET": "x"})["sources"]
            assert time.monotonic() - started < 15
            tenth = {n: getattr(BRIEF, n) / 10 for n in ("first_wait", "longest_wait", "connect", "first_answer", "unreachable")}  # fmt: skip
            monkeypatch.setattr(sources, "BRIEF", replace(BRIEF, **tenth))
            started = time.monotonic()
            several = place.json("check", status=1, env={"A_SECRET": "x"})["sources"]
            assert time.monotonic() - started < 5
        assert [s["source"] for s in several] == ["a/dnevnik", "a/mosreg", "a/asurso"]
        for source in (*one, *several):
            assert not source["ok"]
            said = str(source["lines"]) + str(source["error"])
            assert "no answer within" in said if listening else "connection refused" in said


class TestImport:
    def test_of_a_portal_that_was_never_there_ends_soon(self, tmp_path: Path, caplog: Any) -> None:
        with no_portal(listening=False) as base:
            started = time.monotonic()
            source, _ = imported(school(), base, tmp_path, IMPATIENT)
        assert 1 <= time.monotonic() - started < 6
        assert (source["status"], source["error"]["code"]) == ("failed", "portal_unavailable")
        assert "connection refused" in source["error"]["message"]
        assert "it has answered nothing for 1 s" in source["error"]["message"]

    def test_of_a_portal_that_stops_midway_ends_soon_and_keeps_what_was_read(self, tmp_path: Path) -> None:
        standin = school()
        portal = Stopping(standin.app, 60)
        stopped: list[float] = []
        server = serving(portal)
        base = server.__enter__()

        def stop() -> None:
            assert portal.stop.wait(60)
            server.__exit__(None, None, None)
            stopped.append(time.monotonic())

        stopping = threading.Thread(target=stop)
        stopping.start()
        source, store = imported(standin, base, tmp_path, IMPATIENT)
        ended = time.monotonic()
        stopping.join()
        assert ended - stopped[0] < 6
        assert (source["status"], source["error"]["code"]) == ("failed", "portal_unavailable")
        number = store.source(source["source"], institution="kruk", connector="dnevnik", capabilities={})
        assert list(store.records(number, "people"))
        with serving(standin.app) as base:
            again, store = imported(standin, base, tmp_path, IMPATIENT)
        assert again["status"] == "ok"
        assert list(store.records(number, "marks"))

    def test_one_thing_that_is_never_answered_ends_nothing_else(self, tmp_path: Path) -> None:
        """It takes far longer than a portal that is away is waited for, while nothing else may be asked."""
        standin = school()
        real, asked = standin.app, [0]

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if "/lessons/" in scope["path"] and not asked[0]:
                asked[0] = 1
                broken.append(scope["path"])
            if scope["path"] in broken:
                asked[0] += 1
                await JSONResponse({}, 500)(scope, receive, send)
            else:
                await real(scope, receive, send)

        broken: list[str] = []
        with serving(app) as base:
            patience = replace(IMPATIENT, attempts=12, first_wait=0.1, unreachable=0.2)
            source, store = imported(standin, base, tmp_path, patience)
        assert asked[0] > 12
        assert source["status"] == "partial"
        assert {u["code"] for u in source["lost"]} == {"out_of_order"}
        number = store.source(source["source"], institution="kruk", connector="dnevnik", capabilities={})
        assert list(store.records(number, "marks"))

    def test_the_time_that_the_portal_asks_for_is_not_held_against_it(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("connectors.http._LONG", 1.0)
        standin = school(12)
        real, asked = standin.app, [0]

        async def app(scope: Any, receive: Any, send: Any) -> None:
            asked[0] += 1
            if asked[0] in {5, 6}:
                headers = {"retry-after": "2"}
                await JSONResponse({}, 503, headers)(scope, receive, send)
            else:
                await real(scope, receive, send)

        with serving(app) as base, caplog.at_level(logging.WARNING, "svod"):
            source, _ = imported(standin, base, tmp_path, replace(IMPATIENT, unreachable=0.5))
        assert source["status"] == "ok"
        told = [r.getMessage() for r in caplog.records if r.name == "svod.http"]
        assert len(told) == 1
        assert told[0].startswith("kruk/portal: ")
        assert told[0].endswith("asked to come back later (503); the next try is in 2 s")


@pytest.mark.parametrize(
    ("listening", "why"),
    [
        (False, "the connection failed (connection refused); base_url leads to 127.0.0.1:"),
        (True, "no answer in time (ReadTimeout)"),
    ],
)
def test_a_long_wait_is_told_once_a_minute(
    listening: bool, why: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.http._LONG", 0.3)
    with no_portal(listening=listening) as base, caplog.at_level(logging.WARNING, "svod"):
        imported(school(12), base, tmp_path, IMPATIENT)
    (told,) = [r.getMessage() for r in caplog.records if r.name == "svod.http"]
    assert told.startswith(f"kruk/portal: GET /v2/users/me/context: {why}")
    assert "; trying again for up to " in told
