"""The network is cut, the disk is full, the clock is turned: the next import ends in the store of an undisturbed one."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from canonical.store import Store
from connectors.archive import FolderArchive
from connectors.conformance.harness import FIVE, QUICK, make_context, secrets_in_place
from connectors.mosreg.standin import make
from connectors.standins.region import make_institution
from connectors.standins.server import StandIn, serving
from pipelines.importing import Request, import_sources
from pipelines.workplace import SourceJob, Workplace
from tests.faults.proxy import cutting
from tests.faults.test_commit_points import FIRST, LATER, contents, ledger_totals, place_on
from tests.sites import write_folder

NOW = datetime(2026, 11, 20, 18, tzinfo=ZoneInfo("Europe/Moscow"))


def imported(standin: StandIn, base: str, url: str) -> dict[str, Any]:
    context = make_context(standin, base, auth="token", patience=QUICK)
    job = SourceJob(context.institution, context.config, FIVE)
    store = Store(url, lambda: NOW)
    with secrets_in_place():
        work = Workplace(store, patience=replace(QUICK, attempts=20))
        (source,) = import_sources(work, [job], Request())["sources"]
    store.close()
    found: dict[str, Any] = source
    return found


def test_a_network_that_cuts_every_tenth_answer_loses_nothing(tmp_path: Path, store_url: str) -> None:
    standin = make(make_institution("kruk", "school", students=12, now=NOW, zone=NOW.tzinfo))
    calm = f"sqlite:///{tmp_path / 'calm.db'}"
    with serving(standin.app) as base:
        assert imported(standin, base, calm)["status"] == "ok"
        with cutting(base, 0.1) as (address, proxy):
            source = imported(standin, address, store_url)
    assert source["status"] == "ok"
    assert proxy.cuts > 10
    assert source["retries"] >= proxy.cuts / 2
    assert contents(store_url) == contents(calm)
    assert ledger_totals(store_url, "inserted") == ledger_totals(calm, "inserted")


@contextmanager
def full_after(pages: int) -> Iterator[None]:
    """SQLite files that may not grow beyond so many pages, as on a disk that is full."""

    def limit(dbapi: Any, _: object) -> None:
        if isinstance(dbapi, sqlite3.Connection):
            dbapi.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(Engine, "connect", limit)
    try:
        yield
    finally:
        event.remove(Engine, "connect", limit)


def test_a_database_that_cannot_grow_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    write_folder(tmp_path / "first", FIRST)
    write_folder(
        tmp_path / "later", [*LATER, *(msgspec.structs.replace(LATER[0], key=f"more{n}") for n in range(8000))]
    )
    url = f"sqlite:///{tmp_path / 'svod.db'}"
    place = place_on(url, tmp_path / "place", tmp_path / "first")
    place.run("import", status=None)
    before = contents(url)
    place.change(str(tmp_path / "first"), str(tmp_path / "later"))
    with full_after(len((tmp_path / "svod.db").read_bytes()) // 16384 + 8):
        done = place.run("import", status=1)
        assert "disk is full" in done.stderr
        assert "Free some space and run the command again" in done.stderr
        assert contents(url)["marks"] == before["marks"]
    assert place.json("import", status=None)["status"] == "ok"
    calm = f"sqlite:///{tmp_path / 'calm.db'}"
    other = place_on(calm, tmp_path / "calm", tmp_path / "first")
    other.run("import", status=None)
    other.change(str(tmp_path / "first"), str(tmp_path / "later")).run("import", status=None)
    assert contents(url) == contents(calm)


def test_a_raw_archive_that_cannot_grow_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path / "first", FIRST)
    url = f"sqlite:///{tmp_path / 'svod.db'}"
    place = place_on(url, tmp_path / "place", tmp_path / "first")

    def full(self: FolderArchive, path: Path, packed: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(FolderArchive, "_write", full)
        done = place.run("import", status=1)
        assert "free some space there" in done.stderr
    assert place.json("import", status=None)["status"] == "ok"
    calm = f"sqlite:///{tmp_path / 'calm.db'}"
    place_on(calm, tmp_path / "calm", tmp_path / "first").run("import", status=None)
    assert contents(url) == contents(calm)


def test_a_clock_that_is_turned_back_does_not_turn_the_past_over(tmp_path: Path, store_url: str) -> None:
    write_folder(tmp_path / "first", FIRST)
    write_folder(tmp_path / "later", LATER)
    place = place_on(store_url, tmp_path / "place", tmp_path / "first")
    place.run("import", status=None)
    between = place.export()
    calm = f"sqlite:///{tmp_path / 'calm.db'}"
    other = place_on(calm, tmp_path / "calm", tmp_path / "first")
    other.run("import", status=None)
    for one, now in ((place, "2026-11-18T07:00:00+03:00"), (other, "2026-11-21T18:00:00+03:00")):
        one.change(str(tmp_path / "first"), str(tmp_path / "later")).now = now
        assert one.json("import", status=None)["status"] == "ok"
    assert contents(store_url) == contents(calm)
    assert place.export("--as-of", "2026-11-20T18:00:00+03:00") != between  # both stand at one moment: the later one
    assert place.export("--as-of", "2026-11-19T00:00:00+03:00")["marks"] == []
