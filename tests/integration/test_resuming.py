"""A job that is taken up goes on where the attempt before it has stopped: the same run, the same ledger, nothing asked twice."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from canonical.entities import Mark
from canonical.store import Intake, Store, StoreError, progress
from canonical.store import jobs as job_rows
from canonical.store import runs as run_log
from canonical.store.jobs import BACKFILL, SOON, Wanted
from canonical.tables import (
    COVERAGE,
    DRIFT,
    HISTORY,
    JOBS,
    LEASES,
    LEDGER,
    PROGRESS,
    QUARANTINE,
    REMOVALS,
    ROWS,
    RUNS,
    SOURCES,
    UNITS,
    WIRE_FIELDS,
)
from connectors.archive import FolderArchive
from connectors.asurso import standin as spo
from connectors.asurso.school import standin as school
from connectors.conformance.harness import FIVE, make_context, secrets_in_place
from connectors.contract import Institution, SourceConfig
from connectors.dnevnik import standin as dnevnik
from connectors.errors import UnexpectedAnswerError
from connectors.mosreg import standin as mosreg
from connectors.standins.region import make_institution
from connectors.standins.server import Door, StandIn, serving
from pipelines.completeness.profile import DEFAULT, load_profile
from pipelines.completeness.running import Ward
from pipelines.jobs.running import Policy, Runner
from pipelines.workplace import SourceJob, Workplace
from svod.settings import shipped
from tests.sites import write_folder
from tests.stores import CLASS

EARLIER = datetime(2026, 11, 6, 18, tzinfo=ZoneInfo("Europe/Moscow"))
NOW = datetime(2026, 11, 20, 18, tzinfo=ZoneInfo("Europe/Moscow"))
PROFILE = load_profile(DEFAULT, lambda name, _: shipped() / "rules" / f"{name}.toml", "rules")


class Killed(BaseException):
    """Stands for the end of the process: nothing after it is done."""


@dataclass
class Portal:
    """A portal as it is at one moment and later; `product` and `auth` are how it is read."""

    make: Callable[..., StandIn]
    kind: Any
    auth: str
    product: str | None = None

    def at(self, now: datetime) -> StandIn:
        return self.make(make_institution("a", self.kind, students=10, now=now, zone=now.tzinfo))  # type: ignore[arg-type]


PORTALS = {
    "dnevnik": Portal(dnevnik.make, "school", "token"),
    "mosreg": Portal(mosreg.make, "school", "password"),
    "spo": Portal(spo.make, "college", "password"),
    "school": Portal(school.make, "school", "password", "school"),
}


@dataclass
class Site:
    """A store with one source, and the runner that reads it."""

    store: Store
    runner: Runner
    door: Door | None = None

    def ask(self, **arguments: Any) -> None:
        with self.store.writing() as connection:
            job_rows.submit(connection, Wanted("import", "a", "portal", arguments), self.store.stamp())

    def states(self) -> list[tuple[str, int]]:
        with self.store.reading() as connection:
            return [(r.state, r.attempts) for r in connection.execute(select(JOBS.c.state, JOBS.c.attempts))]

    def take_over(self) -> None:
        """The worker has died: its lease is over."""
        with self.store.writing() as connection:
            connection.execute(update(LEASES).values(expires=0))
        self.runner.recover()

    def source(self) -> dict[str, Any]:
        """What is noted of how the source was last read."""
        with self.store.reading() as connection:
            return dict(connection.execute(select(SOURCES)).mappings().one())

    def noted(self) -> set[str]:
        """What committed units have asked the portal."""
        with self.store.reading() as connection:
            query = select(PROGRESS.c.run, PROGRESS.c.source).distinct()
            return {
                request
                for run, source in connection.execute(query)
                for request in progress.Progress(connection, run, source).answers()
            }

    def contents(self, *, in_order: bool = True) -> dict[str, Any]:
        """All that an import leaves behind, save the numbers of batches and answers, which tell their order.

        Where units come in any order, several being read at once (not `in_order`), it differs between two imports that
        nobody disturbs too what has waited for another unit of the same run: that, too, is left out.
        """
        unlike = {"since", "until", "origin", "id", "removed", "first_run", "at"}
        found: dict[str, Any] = {}
        with self.store.reading() as connection:
            for table in (*ROWS.values(), HISTORY, LEDGER, DRIFT, WIRE_FIELDS, QUARANTINE, REMOVALS, COVERAGE):
                columns = [
                    c for c in table.columns if c.name not in unlike and (in_order or c is not LEDGER.c.released)
                ]
                query = select(*columns)
                if table is QUARANTINE and not in_order:
                    query = query.where(QUARANTINE.c.state != "released")
                rows = [tuple(row) for row in connection.execute(query)]
                found[table.name] = sorted(rows, key=repr)
            units = select(UNITS.c.unit, UNITS.c.run, UNITS.c.digest, UNITS.c.judged)
            found["units"] = sorted(tuple(row) for row in connection.execute(units))
            found["removed"] = {
                name: sorted(connection.execute(select(t.c.key).where(t.c.removed.is_not(None))).scalars())
                for name, t in ROWS.items()
            }
            found["runs"] = [(r.job, r.status) for r in connection.execute(select(RUNS.c.job, RUNS.c.status))]
        return found


@contextmanager
def site(portal: Portal, folder: Path) -> Iterator[Site]:
    """An installation that has read the portal as it was, and the portal as it is now."""
    before, now = portal.at(EARLIER), portal.at(NOW)
    door = Door(before.app)
    with serving(door) as base:
        context = make_context(before, base, auth=portal.auth, product=portal.product)
        job = SourceJob(context.institution, context.config, FIVE)
        with secrets_in_place(), opened(folder, job) as made:
            made.door = door
            door.app = now.app
            door.visits.asked.clear()
            yield made


@contextmanager
def opened(folder: Path, job: SourceJob) -> Iterator[Site]:
    """An installation that has read its source once, some days ago."""
    folder.mkdir()
    clock = [EARLIER]
    store = Store(f"sqlite:///{folder / 'svod.db'}", lambda: clock[0])
    work = Workplace(store, archive=FolderArchive(folder / "raw"))
    made = Site(store, Runner(work, {"a": Ward(job.institution, [job], PROFILE)}, Policy(attempts=50, wait=0.0)))
    made.ask()
    assert made.runner.run_next()
    assert made.states() == [("done", 1)]
    clock[0] = NOW
    yield made
    store.close()


@contextmanager
def killed_after(units: int, ending: type[BaseException] | BaseException = Killed) -> Iterator[None]:
    """The process (or the attempt) ends as soon as so many units have been committed."""
    left = [units]

    def dying(original: Any) -> Any:
        def wrapped(self: Intake, *args: Any, **kwargs: Any) -> Any:
            if not left[0]:
                raise ending
            done = original(self, *args, **kwargs)
            left[0] -= 1
            return done

        return wrapped

    with ExitStack() as patched:
        for name in ("commit", "skip", "finish"):
            patched.enter_context(mock.patch.object(Intake, name, dying(getattr(Intake, name))))
        yield


CASES = [
    ("dnevnik", {}),
    ("mosreg", {}),
    ("spo", {"full": True}),
    pytest.param("mosreg", {"full": True}, marks=pytest.mark.soak),
    pytest.param("dnevnik", {"full": True}, marks=pytest.mark.soak),
    pytest.param("spo", {}, marks=pytest.mark.soak),
    pytest.param("school", {}, marks=pytest.mark.soak),
    pytest.param("school", {"full": True}, marks=pytest.mark.soak),
]


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_killed_and_taken_up_it_ends_as_if_nobody_had_disturbed_it(
    name: str, arguments: dict[str, Any], tmp_path: Path
) -> None:
    portal = PORTALS[name]
    with site(portal, tmp_path / "calm") as calm:
        calm.ask(**arguments)
        assert calm.runner.run_next()
        expected = calm.contents(in_order=False)
    with site(portal, tmp_path / "killed") as place:
        place.ask(**arguments)
        assert place.door
        assert killed_and_taken_up(place, (1, 3, 6, 1000)) >= 3
        assert place.contents(in_order=False) == expected
        assert place.noted() == set()


def killed_and_taken_up(place: Site, moments: Sequence[int]) -> int:
    """Has the open job done by workers that are killed after so many units; says how many were."""
    kills = 0
    for units in moments:
        before = place.noted()
        if place.door:
            place.door.visits.asked.clear()
        with killed_after(units), suppress(Killed):
            place.runner.run_next()
        if place.door:
            again = before & {unquote(a) for a in place.door.visits.asked}
            assert not again, "what is committed is asked for again"
        if place.states()[-1][0] == "done":
            break
        kills += 1
        place.take_over()
    assert place.states() == [("done", 1), ("done", kills + 1)]
    return kills


@pytest.mark.parametrize("arguments", [{}, {"full": True}], ids=["routine", "full"])
def test_files_too(arguments: dict[str, Any], tmp_path: Path) -> None:
    def lay(folder: Path, marks: range, value: str) -> None:
        made = [Mark(key=f"m{n}", work=f"w{n % 2 + 1}", student="p1", value=value) for n in marks]
        lost = [Mark(key=f"lost{n}", work="w9", student="p1", value=value) for n in marks[:3]]
        write_folder(folder, [*CLASS, *made, *lost])

    found = []
    for name, moments in (("calm", (1000,)), ("killed", (1, 1, 2, 1, 1000))):
        lay(tmp_path / name / "drop", range(20), "4")
        settings = {"key": "portal", "connector": "files", "layout": "canonical", "path": str(tmp_path / name / "drop")}
        place = Institution("a", "Школа", "school", ZoneInfo("Europe/Moscow"))
        with opened(tmp_path / name / "site", SourceJob(place, SourceConfig.model_validate(settings), FIVE)) as made:
            lay(tmp_path / name / "drop", range(5, 30), "5")
            made.ask(**arguments)
            kills = killed_and_taken_up(made, moments)
            assert kills == (4 if name == "killed" else 0)
            found.append(made.contents())
    assert found[0]["removed"]["marks"] == [f"m{n}" for n in range(5)]
    assert found[1] == found[0]


def test_what_an_attempt_has_read_long_ago_is_asked_for_anew(tmp_path: Path) -> None:
    with site(PORTALS["dnevnik"], tmp_path / "site") as place:
        place.ask()
        with killed_after(4), suppress(Killed):
            place.runner.run_next()
        place.take_over()
        before = place.noted()
        assert before
        with place.store.writing() as connection:
            connection.execute(update(PROGRESS).values(at=PROGRESS.c.at - 7 * 3600 * 1_000_000))
        assert place.door
        place.door.visits.asked.clear()
        assert place.runner.run_next()
        reads = {request for request in before if request.startswith("GET ")}
        assert reads
        assert reads <= {unquote(a) for a in place.door.visits.asked}
        assert place.contents()["runs"][1:] == [("import", "interrupted"), ("import", "ok")]


def test_a_whole_year_makes_way_for_what_somebody_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pipelines.jobs.running._BEAT", 0.1)
    with site(PORTALS["dnevnik"], tmp_path / "site") as place, caplog.at_level(logging.INFO, "svod.jobs"):
        assert place.door
        place.door.faults.latency = 0.05
        wanted = Wanted("import", "a", "portal", {"full": True}, BACKFILL)
        with place.store.writing() as connection:
            job_rows.submit(connection, wanted, place.store.stamp())
        worker = threading.Thread(target=lambda: [None for _ in iter(place.runner.run_next, False)])
        worker.start()
        while len(place.door.visits.asked) < 15:
            time.sleep(0.02)
        with place.store.writing() as connection:
            job_rows.submit(connection, Wanted("reconcile", "a", priority=SOON), place.store.stamp())
        worker.join(120)
        said = [r.getMessage().partition(" in ")[0] for r in caplog.records]
        assert said[-6:] == [
            "job 2 (import a/portal): attempt 1 begins",
            "job 2 (import a/portal): laid down for now",
            "job 3 (reconcile a): attempt 1 begins",
            "job 3 (reconcile a): done",
            "job 2 (import a/portal): attempt 1 begins",
            "job 2 (import a/portal): done",
        ]


def files(folder: Path) -> SourceJob:
    """A folder of records as the only source."""
    write_folder(folder, CLASS)
    settings = {"key": "portal", "connector": "files", "layout": "canonical", "path": str(folder)}
    place = Institution("a", "Школа", "school", ZoneInfo("Europe/Moscow"))
    return SourceJob(place, SourceConfig.model_validate(settings), FIVE)


def test_whoever_is_overtaken_says_nothing_of_how_the_run_ended(tmp_path: Path) -> None:
    with opened(tmp_path / "site", files(tmp_path / "drop")) as place:
        before = place.source()
        write_folder(tmp_path / "drop", [*CLASS, Mark(key="m", work="w1", student="p1", value="5")])
        place.ask()
        finish = Intake.finish

        def overtaken(intake: Intake, *args: Any) -> Any:
            place.take_over()
            return finish(intake, *args)

        with mock.patch.object(Intake, "finish", overtaken):
            assert place.runner.run_next()
        assert place.contents()["runs"][1:] == [("import", "running")]
        assert place.source() == before
        assert place.states()[1:] == [("queued", 1)]
        assert place.runner.run_next()
        assert place.contents()["runs"][1:] == [("import", "ok")]
        assert place.states()[1:] == [("done", 2)]


def test_what_was_left_out_is_told_though_whoever_read_the_rest_has_died(tmp_path: Path) -> None:
    """The end is committed, and the process dies before it is told: it is no run without a gap."""
    found = []
    for name in ("calm", "killed"):
        drop = tmp_path / f"{name} drop"
        with opened(tmp_path / name, files(drop)) as place:
            write_folder(drop, [*CLASS, Mark(key="m", work="w1", student="p1", value="5")])
            place.ask()
            broken = mock.patch.object(Intake, "prepare", side_effect=UnexpectedAnswerError("it is cut off"))
            with broken, ExitStack() as patched:
                if name == "killed":
                    patched.enter_context(mock.patch.object(Store, "note_source", side_effect=Killed))
                    patched.enter_context(suppress(Killed))
                place.runner.run_next()
            if name == "killed":
                place.take_over()
                assert place.runner.run_next()
            found.append((place.contents(), place.source()))
    assert found[0][0]["runs"][1:] == [("import", "partial")]
    assert found[0][1]["last_ok_at"] == EARLIER.isoformat()
    assert found[1] == found[0]


def test_nothing_is_counted_twice_when_what_was_read_long_ago_is_given_up_and_the_worker_dies_then(
    tmp_path: Path,
) -> None:
    with site(PORTALS["dnevnik"], tmp_path / "site") as place:
        place.ask()
        with killed_after(4), suppress(Killed):
            place.runner.run_next()
        place.take_over()
        with place.store.writing() as connection:
            connection.execute(update(PROGRESS).values(at=PROGRESS.c.at - 7 * 3600 * 1_000_000))
        with mock.patch("pipelines.jobs.running.import_for_job", side_effect=Killed), suppress(Killed):
            place.runner.run_next()
        place.take_over()
        assert place.runner.run_next()
        assert place.contents()["runs"][1:] == [("import", "interrupted"), ("import", "ok")]


def last_told(place: Site) -> dict[str, Any]:
    """What the last run has told of its source."""
    with place.store.reading() as connection:
        (run,) = run_log.recent(connection, limit=1)
    assert run.result
    told: dict[str, Any] = run.result["sources"][0]
    return told


@contextmanager
def timed() -> Iterator[Callable[[], float]]:
    """A clock by which only the steps of an import take time: a second each, so that what is counted is known exactly."""
    now = [0.0]

    def taking(original: Any) -> Any:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            now[0] += 1
            return original(*args, **kwargs)

        return wrapped

    with ExitStack() as patched:
        patched.enter_context(mock.patch("pipelines.importing.time", mock.Mock(monotonic=lambda: now[0])))
        patched.enter_context(mock.patch.object(Workplace, "register", taking(Workplace.register)))
        for name in ("has_done", "commit", "skip", "finish", "abandon"):
            patched.enter_context(mock.patch.object(Intake, name, taking(getattr(Intake, name))))
        yield lambda: now[0]


@pytest.mark.parametrize("killed", [False, True])
def test_requests_and_seconds_are_those_of_all_attempts(tmp_path: Path, killed: bool) -> None:
    ending = Killed if killed else StoreError("the store is away")
    with site(PORTALS["dnevnik"], tmp_path / "site") as place:
        assert place.door
        place.door.faults.latency = 0.01
        place.ask()
        visits, seconds, committed = [len(place.door.visits.at)], [], 0
        for units in (4, 3, 1000):
            with ExitStack() as patched:
                if killed:
                    patched.enter_context(mock.patch.object(Intake, "abandon", side_effect=Killed))
                clock = patched.enter_context(timed())
                patched.enter_context(killed_after(units, ending))
                patched.enter_context(suppress(Killed))
                place.runner.run_next()
            seconds.append(clock())
            visits.append(len(place.door.visits.at))
            if place.states()[-1][0] == "done":
                break
            committed = len(place.noted())
            if killed:
                place.take_over()
        assert place.states()[1:] == [("done", 3)]
        told = last_told(place)
        every, last = visits[-1] - visits[0], visits[-1] - visits[-2]
        assert last < every
        if killed:  # what was asked since the last commit has died with the process
            assert last + committed <= told["requests"] <= every
            assert max(seconds) < told["seconds"] < sum(seconds)
            assert seconds[-1] + 2 * (4 + 3) < told["seconds"] <= sum(seconds) - 2
        else:
            assert told["requests"] == every
            assert told["seconds"] == sum(seconds)
