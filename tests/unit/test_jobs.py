"""Jobs, where several ask for them and take them at once, and where there are many of them."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from sqlalchemy import select, text, update

from canonical.store import Store
from canonical.store import jobs as job_rows
from canonical.store import runs as run_log
from canonical.store.jobs import SCHEDULED, SOON, Wanted
from canonical.store.leases import TTL_MICROSECONDS, Lease
from canonical.store.pruning import Limits, prune
from canonical.tables import JOBS, LEASES, RUNS
from pipelines.jobs.serving import Sweep
from pipelines.memory import much_comes_and_goes
from tests.stores import CLASS, Desk, batch

STAMP = "2026-11-20T18:00:00+03:00"


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    made = Store(store_url)
    yield made
    made.close()


def test_many_jobs_whose_sources_are_in_hands_do_not_keep_one_that_can_be_done(store: Store) -> None:
    with store.writing() as connection:
        for number in range(60):
            wanted = Wanted("import", "a", f"s{number}", priority=SOON)
            job_rows.submit(connection, wanted, STAMP)
            Lease.take(connection, wanted.name)
        free = job_rows.submit(connection, Wanted("import", "b", "s", priority=SCHEDULED), STAMP)
    with store.writing() as connection:
        taken = job_rows.claim(connection, STAMP)
        assert taken
        assert taken.id == free.id
        assert job_rows.claim(connection, STAMP) is None


def test_what_was_asked_for_before_may_end_while_it_is_asked_for_again(store: Store) -> None:
    """The other one's end is committed between the two looks at the store."""
    wanted = Wanted("import", "a", "s")
    with store.writing() as connection, mock.patch.object(job_rows, "_insert", side_effect=[None, 7]):
        assert job_rows.submit(connection, wanted, STAMP) == (7, True)


def test_whoever_is_in_a_long_transaction_is_not_taken_for_dead(postgres_url: str) -> None:
    store = Store(postgres_url)
    with store.writing() as connection:
        job_rows.submit(connection, Wanted("import", "a", "s"), STAMP)
        job = job_rows.claim(connection, STAMP)
        connection.execute(update(LEASES).values(expires=0))
    assert job
    with store.writing() as writer:
        job.lease.hold(writer)
        with store.writing() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '2s'"))
            assert job_rows.recover(connection, STAMP, attempts=5, wait=0) == []
            assert job_rows.claim(connection, STAMP) is None
    with store.writing() as connection:
        job_rows.finish(connection, job, STAMP)
    store.close()


def test_a_long_transaction_ends_with_its_lease_prolonged(store_url: str) -> None:
    desk = Desk(store_url)
    intake = desk.begin()
    with (
        mock.patch("canonical.store.intake._LONG", -1.0),
        mock.patch("canonical.store.leases.store_clock", side_effect=[10**6, 10**9]),
    ):
        intake.commit("unit", batch(CLASS))
    with desk.store.reading() as connection:
        assert connection.execute(select(LEASES.c.expires)).scalar_one() == 10**9 + TTL_MICROSECONDS
    desk.store.close()


@pytest.mark.parametrize("how", ["recovered", "parked", "dropped"])
def test_a_run_that_nobody_goes_on_with_is_not_shown_as_running(store: Store, how: str) -> None:
    """Its worker was on another machine: of that nobody can know that it has died."""
    with store.writing() as connection:
        job_rows.submit(connection, Wanted("import", "a", "s"), STAMP)
        job = job_rows.claim(connection, STAMP)
        assert job
        run = run_log.begin(connection, "import", {}, STAMP)
        job_rows.note_run(connection, job, run, STAMP)
        connection.execute(update(RUNS).values(holder="elsewhere:1:1"))
        if how == "parked":
            job_rows.finish(connection, job, STAMP, state="parked", code="store", reason="away")
        elif how == "dropped":
            job_rows.lay_down(connection, job)
            assert job_rows.drop(connection, job.id, STAMP)
        else:
            connection.execute(update(LEASES).values(expires=0))
            assert len(job_rows.recover(connection, STAMP, attempts=1, wait=0)) == 1
        (found,) = run_log.recent(connection)
        assert (found.status, found.finished_at) == ("failed" if how == "parked" else "interrupted", STAMP)
        if how == "parked":
            assert found.result
            assert found.result["error"] == {"code": "store", "message": "away"}


def test_lists_of_jobs(store: Store) -> None:
    with store.writing() as connection:
        for number in range(6):
            job_rows.submit(connection, Wanted("import", "a", f"s{number}"), STAMP)
        connection.execute(update(JOBS).where(JOBS.c.id <= 2).values(state="done", open_name=None))
        connection.execute(update(JOBS).where(JOBS.c.id == 3).values(state="parked"))
        connection.execute(update(JOBS).where(JOBS.c.id == 6).values(state="running"))

        def listed(*states: str, limit: int | None = None) -> list[int]:
            return [job.id for job in job_rows.jobs(connection, states=states, limit=limit)]

        assert listed() == [6, 4, 5, 3, 2, 1]
        assert listed(limit=5) == [6, 4, 5, 3, 2]
        assert listed("done") == [2, 1]
        assert listed("done", "parked", limit=2) == [3, 2]
        assert listed("queued", limit=1) == [4]
        assert listed("failed") == []


def test_settled_jobs_are_pruned_and_open_ones_stay(store: Store) -> None:
    with store.writing() as connection:
        for number, year in enumerate((2024, 2024, 2026)):
            job_rows.submit(connection, Wanted("import", "a", f"s{number}"), f"{year}-11-20T18:00:00+03:00")
        connection.execute(update(JOBS).where(JOBS.c.id != 2).values(state="done", open_name=None))
    limit = datetime(2026, 1, 1, tzinfo=UTC)
    assert prune(store.engine, Limits(limit, limit)).jobs == 1
    with store.reading() as connection:
        assert [job.id for job in job_rows.jobs(connection)] == [2, 3]
    later = limit + timedelta(days=900)
    assert prune(store.engine, Limits(later, later)).jobs == 1


def test_runs_under_way_are_found_without_looking_at_all_that_ever_ran(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('runs') / 'svod.db'}")
    asked: list[str] = []
    with store.writing() as connection:
        plan = connection.exec_driver_sql("EXPLAIN QUERY PLAN SELECT id, holder FROM runs WHERE status = 'running'")
        asked = [str(row) for row in plan]
        run_log.begin(connection, "import", {}, STAMP)
    assert "runs_by_status" in asked[0]
    store.close()


def test_what_cannot_be_taken_is_told_and_the_worker_stays(caplog: pytest.LogCaptureFixture) -> None:
    runner = mock.Mock()
    runner.run_next.side_effect = KeyError("a person's name")
    Sweep(runner, None).work()
    (said,) = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert "KeyError" in said
    assert "person" not in said


def test_threads_leave_the_search_for_circles_as_the_first_found_it() -> None:
    before = gc.get_threshold()
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with much_comes_and_goes():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with much_comes_and_goes():
        thread.start()
        assert inside.wait(10)
    assert gc.get_threshold() != before
    leave.set()
    thread.join()
    assert gc.get_threshold() == before
