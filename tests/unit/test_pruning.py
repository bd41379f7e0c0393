"""Pruning goes in small pieces: others write in between, it may be killed between any two, and the end is the same."""

from __future__ import annotations

import os
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from sqlalchemy import event, insert, select, text

from canonical.batch import CAPTURED_UNIT, Batch, Origin
from canonical.coverage import Scope
from canonical.entities import Mark
from canonical.store import BusyError, Store, forgetting, pruning
from canonical.store import jobs as job_rows
from canonical.store import runs as run_log
from canonical.store.checking import check_store
from canonical.store.damage import Findings
from canonical.store.forgetting import Bodies, Marked, forget_lost, forget_outdated
from canonical.store.leases import Lease
from canonical.store.pieces import pieces
from canonical.store.pruning import Limits, prune
from canonical.tables import ANSWERS, BATCHES, DRIFT, HISTORY, JOBS, LEDGER, META, QUARANTINE, ROWS, RUNS, UNITS
from tests.faults.killing import killed_at
from tests.stores import CLASS, Desk

PIECE = 3
ELSEWISE = {(JOBS, "not_before"), (QUARANTINE, "id")}
"""What two stores that have lived the same do not have in common."""

CHANGED = (HISTORY, ANSWERS, QUARANTINE, LEDGER, DRIFT, JOBS, META, RUNS, *ROWS.values())


def answer(run: int, name: str, number: int = 0) -> Origin:
    return Origin(
        f"GET /{name}", f"{run * 7919 + number:02x}".zfill(4)[::-1].ljust(64, name[0]), 1, f"2026-10-{run:02d}"
    )


def lived(url: str, runs: int = 6, marks: int = 5) -> Desk:
    """A store whose marks have been changed in every run, one a day; each run has something in quarantine that goes."""
    desk = Desk(url)
    for run in range(1, runs + 1):
        desk.now += timedelta(days=1)
        made = Batch()
        made.add(CLASS, answer(1, "class"))
        for number in range(marks):
            mark = Mark(key=f"m{number}", work="w1", student="p1", value=str(run))
            made.add([mark], answer(run, f"mark{number}", number))
        made.add([Mark(key=f"lost{run}", work="nowhere", student="p1", value="5")], answer(run, "lost"))
        made.covers(Scope("marks"))
        desk.read(made)
    with desk.store.writing() as connection:
        for number in range(8):
            job_rows.submit(
                connection, job_rows.Wanted("import", "a", f"s{number}"), f"2026-10-0{number + 1}T00:00:00+00:00"
            )
        connection.execute(JOBS.update().values(state="done", open_name=None))
        connection.execute(
            insert(DRIFT),
            [
                {"run": r, "source": 1, "kind": "k", "place": "p", "name": n, "count": 1}
                for r in range(1, runs)
                for n in "abcd"
            ],
        )
    return desk


def limits(desk: Desk) -> Limits:
    """Half of what has been is old."""
    middle = desk.now - timedelta(days=2, hours=12)
    return Limits(middle, middle, middle)


def contents(store: Store) -> dict[str, Any]:
    with store.reading() as connection:
        return {
            t.name: sorted(
                map(tuple, connection.execute(select(*(c for c in t.c if (t, c.name) not in ELSEWISE)))), key=repr
            )
            for t in CHANGED
        }


@contextmanager
def small() -> Iterator[None]:
    with (
        mock.patch("canonical.store.pieces.PIECE", PIECE),
        mock.patch("canonical.store.pruning.PIECE", PIECE),
        mock.patch("canonical.store.forgetting.PIECE", PIECE),
        mock.patch("canonical.store.forgetting._WINDOW", 4),
        mock.patch("canonical.store.forgetting._BODIES", 4),
    ):
        yield


def test_no_transaction_is_long_and_the_result_is_that_of_one(store_url: str, tmp_path: Path) -> None:
    whole, desk = lived(f"sqlite:///{tmp_path / 'whole.db'}"), lived(store_url)
    expected = prune(whole.store.engine, limits(whole))
    counted = prune(desk.store.engine, limits(desk), Marked(desk.store.engine))
    assert contents(desk.store) != contents(whole.store), "nothing has been changed"
    changed: list[int] = []
    event.listen(desk.store.engine, "begin", lambda _: changed.append(0))

    def count(_c: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(("DELETE", "UPDATE")):
            changed[-1] += cursor.rowcount

    event.listen(desk.store.engine, "after_cursor_execute", count)
    with small():
        done = prune(desk.store.engine, limits(desk))
    assert done == expected == counted
    assert (done.answers, done.versions, done.quarantine, done.ledger, done.drift, done.jobs) == (18, 10, 2, 21, 12, 4)
    assert max(changed) == PIECE
    assert sum(changed) > 60
    assert contents(desk.store) == contents(whole.store)
    found = Findings()
    with desk.store.reading() as connection:
        check_store(connection, found)
    assert found.damage == []
    for one in (whole, desk):
        one.store.close()


def test_killed_between_any_two_it_is_called_again_and_ends_the_same(tmp_path: Path) -> None:
    whole = lived(f"sqlite:///{tmp_path / 'whole.db'}")
    url = f"sqlite:///{tmp_path / 'svod.db'}"
    desk = lived(url)
    desk.store.close()
    total = prune(whole.store.engine, limits(whole))

    def once() -> None:
        store = Store(url)
        with small():
            prune(store.engine, limits(desk))
        store.close()

    commits = 0
    while killed_at(commits := commits + 9, once):
        store = Store(url)
        found = Findings()
        with store.reading() as connection:
            check_store(connection, found)
            sums = [r.inserted for r in connection.execute(select(LEDGER).where(LEDGER.c.entity == "marks"))]
        assert found.damage == []
        assert sum(sums) == 5
        store.close()
    assert commits > 50
    store = Store(url)
    assert contents(store) == contents(whole.store)
    assert total.history_from is not None
    store.close()
    whole.store.close()


def test_what_a_replay_comes_upon_meanwhile_stays(store_url: str) -> None:
    desk = lived(store_url)
    first = answer(1, "mark0")

    def again() -> None:
        """A mark that is read from a capture once more leads to an answer that has been found to be needed by nothing."""
        with desk.store.writing() as connection:
            origin = connection.execute(select(ANSWERS.c.id).where(ANSWERS.c.sha256 == first.sha256)).scalar_one()
            connection.execute(insert(BATCHES).values(run=6, source=1, unit=f"{CAPTURED_UNIT}x", at=10**18))
            connection.execute(ROWS["marks"].update().where(ROWS["marks"].c.key == "m0").values(origin=origin))

    lead_away = forgetting._lead_away
    called: list[int] = []

    def meanwhile(*args: Any) -> None:
        if not called:
            again()
        called.append(1)
        lead_away(*args)

    with mock.patch("canonical.store.forgetting._lead_away", meanwhile):
        assert prune(desk.store.engine, limits(desk)).answers == 0
    found = Findings()
    with desk.store.reading() as connection:
        check_store(connection, found)
    assert [d.where for d in found.damage if d.check == "origin"] == []
    assert prune(desk.store.engine, limits(desk)).answers == 17, "the next time, all but that one"
    desk.store.close()


def test_an_entry_that_a_replay_opens_again_meanwhile_keeps_its_origin(store_url: str) -> None:
    desk = lived(store_url)
    q = QUARANTINE.c
    lead_away = forgetting._lead_away

    def meanwhile(engine: Any, table: Any, *args: Any) -> None:
        if table is QUARANTINE:
            with desk.store.writing() as connection:
                connection.execute(insert(BATCHES).values(run=6, source=1, unit=f"{CAPTURED_UNIT}x", at=10**18))
                connection.execute(QUARANTINE.update().where(q.key == "lost2").values(state="open"))
        lead_away(engine, table, *args)

    with mock.patch("canonical.store.forgetting._lead_away", meanwhile):
        assert forget_outdated(desk.store.engine, 5, None) == 0
    with desk.store.reading() as connection:
        led = {row.key for row in connection.execute(select(q.key).where(q.origin.is_not(None)))}
    assert led == {"lost2", "lost5", "lost6"}
    desk.store.close()


@pytest.mark.parametrize(
    ("module", "call"),
    [
        ("pruning", lambda desk: pruning.prune(desk.store.engine, limits(desk))),
        ("forgetting", lambda desk: forget_outdated(desk.store.engine, 5, None)),
    ],
    ids=["settled entries go", "settled entries lead to nothing"],
)
def test_an_import_that_opens_entries_in_its_own_order_is_waited_for(
    postgres_url: str, module: str, call: Callable[[Desk], Any]
) -> None:
    desk = lived(postgres_url)
    q = QUARANTINE.c
    began = threading.Event()
    ended: list[bool] = []

    def opens() -> None:
        reopened = QUARANTINE.update().values(state="open")
        waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        with desk.store.writing() as connection:
            connection.execute(insert(BATCHES).values(run=6, source=1, unit="unit 0", at=10**18))
            connection.execute(reopened.where(q.key == "lost2"))
            began.set()
            until = time.monotonic() + 10
            while time.monotonic() < until and not connection.execute(waits).scalar():
                time.sleep(0.01)
            connection.execute(reopened.where(q.key == "lost1"))
        ended.append(True)

    other = threading.Thread(target=opens)

    def meanwhile(engine: Any, table: Any, *args: Any, **more: Any) -> Iterator[Sequence[Any]]:
        for some in pieces(engine, table, *args, **more):
            if table is QUARANTINE and not began.is_set():
                other.start()
                assert began.wait(10)
            yield some

    with mock.patch(f"canonical.store.{module}.pieces", meanwhile):
        call(desk)
    other.join()
    assert ended == [True]
    with desk.store.reading() as connection:
        opened = connection.execute(select(q.key).where(q.state == "open", q.origin.is_not(None)).order_by(q.key))
        assert list(opened.scalars()) == ["lost1", "lost2", "lost6"]
    desk.store.close()


def test_what_has_come_since_is_not_marked(tmp_path: Path) -> None:
    desk = lived(f"sqlite:///{tmp_path / 'svod.db'}")
    with desk.store.reading() as connection:
        last = max(connection.execute(select(ANSWERS.c.id)).scalars())
    marked = Marked(desk.store.engine)
    ids = np.array([1, last, last + 8, last + 8_000])
    marked.add(ids)
    assert marked.are(ids).tolist() == [True, True, False, False]
    desk.store.close()


def test_runs_without_a_change_are_as_young_as_they_are(tmp_path: Path) -> None:
    """Nothing has been committed for long, since nothing has changed: of the last run all is kept."""
    desk = lived(f"sqlite:///{tmp_path / 'svod.db'}")
    desk.now += timedelta(days=900)
    with desk.store.writing() as connection:
        run = run_log.begin(connection, "import", {}, desk.store.stamp())
        line = {"run": run, "source": 1, "entity": "marks", "received": 5, "unchanged": 5}
        connection.execute(insert(LEDGER), [line])
        run_log.finish(connection, run, "ok", {"run": run}, desk.store.stamp())
    limit = desk.now - timedelta(days=400)
    prune(desk.store.engine, Limits(limit, limit))
    with desk.store.reading() as connection:
        assert sorted(set(connection.execute(select(LEDGER.c.run)).scalars())) == [0, run]
        assert [r.result for r in run_log.recent(connection, run=run)] == [{"run": run}]
    desk.store.close()


def test_lost_answers_go_while_nobody_imports_their_source(store_url: str) -> None:
    desk = lived(store_url)
    gone = answer(6, "mark2", 2).sha256
    with desk.store.writing() as connection:
        lease = Lease.take(connection, "import a/b")
    with pytest.raises(BusyError, match="import a/b"):
        forget_lost(desk.store.engine, lambda sha256: sha256 == gone, None)
    with desk.store.writing() as connection:
        lease.give_back(connection)
    marked = Marked(desk.store.engine)
    with small():
        assert forget_lost(desk.store.engine, lambda sha256: sha256 == gone, marked) == 1
        assert Bodies(desk.store.engine, None).hold([gone]) == [True]
        assert Bodies(desk.store.engine, marked).hold([gone]) == [False]
        assert forget_lost(desk.store.engine, lambda sha256: sha256 == gone, None) == 1
    with desk.store.reading() as connection:
        known = set(connection.execute(select(ANSWERS.c.sha256)).scalars())
        origin = connection.execute(select(ROWS["marks"].c.origin).where(ROWS["marks"].c.key == "m2")).scalar()
    with small():
        bodies = Bodies(desk.store.engine, None)
        assert [bodies.hold([s]) for s in sorted({gone, *known})] == [[s != gone] for s in sorted({gone, *known})]
    assert origin is None
    desk.store.close()


def test_a_body_that_comes_anew_before_the_lease_is_taken_is_not_lost(store_url: str) -> None:
    desk = lived(store_url)
    before = contents(desk.store)
    gone = answer(6, "mark2", 2).sha256
    said: list[bool] = []

    def is_lost(sha256: str) -> bool:
        if sha256 != gone:
            return False
        said.append(not said)
        if len(said) == 2:
            with desk.store.writing() as connection, pytest.raises(BusyError):
                Lease.take(connection, "import a/b")
        return said[-1]

    assert forget_lost(desk.store.engine, is_lost, None) == 0
    assert said == [True, False]
    assert contents(desk.store) == before
    desk.store.close()


def test_units_of_a_source_that_has_lost_answers_are_read_again(store_url: str) -> None:
    desk = Desk(store_url)
    made = Batch()
    made.add(CLASS, answer(1, "class"))
    intake = desk.begin()
    for unit in ("one", "two", "three", "four"):
        intake.commit(unit, made, digest="as it was")
    intake.finish()
    with small():
        assert forget_lost(desk.store.engine, lambda _: True, None) == 1
    with desk.store.reading() as connection:
        assert set(connection.execute(select(UNITS.c.digest)).scalars()) == {""}
    again = desk.begin()
    assert not again.may_skip("one", "as it was")
    again.commit("one", made, digest="as it was")
    again.abandon()
    with desk.store.reading() as connection:
        assert list(connection.execute(select(ANSWERS.c.sha256)).scalars()) == [answer(1, "class").sha256]
    desk.store.close()


def test_memory_does_not_grow_with_what_goes(tmp_path: Path) -> None:
    peaks = []
    for number in (4_000, 16_000):
        store = Store(f"sqlite:///{tmp_path / f'{number}.db'}")
        with store.writing() as connection:
            connection.execute(insert(RUNS), [{"id": n, "job": "import", "detail": "{}", "status": "ok", "started_at": f"{2020 + n}-01-01T00:00:00+00:00", "holder": ""} for n in (1, 2)])  # fmt: skip
            connection.execute(insert(BATCHES), [{"run": n, "source": 1, "unit": "", "at": n * 10**15} for n in (1, 2)])
            rows = [
                {
                    "source": 1,
                    "request": f"GET /{n % 50}",
                    "sha256": os.urandom(32).hex(),
                    "size": 1,
                    "run": 1,
                    "at": "",
                }
                for n in range(number)
            ]
            connection.execute(insert(ANSWERS), rows)
            versions = [{"source": 1, "entity": "marks", "key": f"m{n}", "since": 1, "until": 2, "origin": n + 1, "hash": 1, "body": "{}"} for n in range(number)]  # fmt: skip
            connection.execute(insert(HISTORY), versions)
            del rows, versions
        with (
            mock.patch("canonical.store.pieces.PIECE", 200),
            mock.patch("canonical.store.forgetting.PIECE", 200),
            mock.patch("canonical.store.forgetting._WINDOW", 500),
        ):
            moment = datetime.fromtimestamp(2 * 10**9, UTC)
            tracemalloc.start()
            assert prune(store.engine, Limits(moment, moment)).answers == number - 50
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        store.close()
    assert peaks[1] < peaks[0] * 1.3, peaks
