"""What falls due is asked for once: by whichever scheduler, however long it slept; and done, or parked with its reason."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from canonical.store import Store, StoreError, micros, schedules
from canonical.store import jobs as job_rows
from canonical.store import runs as run_log
from canonical.tables import JOBS, LEASES, SCHEDULES, SOURCES
from connectors.conformance.harness import FIVE
from connectors.contract import Institution, SourceConfig
from pipelines.completeness.profile import Profile, load_profile
from pipelines.completeness.running import Ward
from pipelines.jobs.running import Policy, Runner
from pipelines.jobs.scheduling import Plan, take_up, tick
from pipelines.jobs.serving import Scheduler
from pipelines.jobs.wakeups import Wakeups, connect, workers
from pipelines.workplace import SourceJob, Workplace
from svod.settings import shipped
from tests.sites import Installation, write_folder
from tests.stores import CLASS

MOSCOW = ZoneInfo("Europe/Moscow")
NOW = datetime(2026, 11, 20, 15, 5, tzinfo=UTC)


def profile() -> Profile:
    return load_profile("base", lambda name, _: shipped() / "rules" / f"{name}.toml", "rules")


def ward(key: str, *sources: str) -> Ward:
    place = Institution(key, key, "school", MOSCOW)
    made = [{"key": s, "connector": "files", "layout": "canonical", "path": "drop"} for s in sources]
    return Ward(place, [SourceJob(place, SourceConfig.model_validate(m), FIVE) for m in made], profile())


def asked(store: Store) -> list[tuple[str, str]]:
    with store.reading() as connection:
        query = select(JOBS.c.name, JOBS.c.state).order_by(JOBS.c.id)
        return [(row.name, row.state) for row in connection.execute(query)]


def due(store: Store) -> dict[str, str]:
    with store.reading() as connection:
        return {s.name: f"{schedules.moment_of(s.next_due_at):%d %H:%M}" for s in schedules.schedules(connection)}


def test_slept_through_it_is_done_once_and_a_change_is_taken_up(store_url: str) -> None:
    store = Store(store_url, lambda: NOW)
    wards = {"a": ward("a", "x", "y")}
    hourly = Plan("import", "0 * * * *", "a", MOSCOW, {})
    take_up(store, [hourly], NOW)
    assert tick(store, wards, NOW) == []
    late = NOW + timedelta(hours=9)
    take_up(store, [hourly], late)
    assert len(tick(store, wards, late)) == 2
    assert tick(store, wards, late) == []
    assert asked(store) == [("import a/x", "queued"), ("import a/y", "queued")]
    assert due(store) == {hourly.name: "21 01:00"}
    later = late + timedelta(hours=2)
    assert tick(store, wards, later) == [], "what is asked for is not asked for again"
    assert len(asked(store)) == 2

    daily = Plan("reconcile", "30 6 * * *", "a", MOSCOW, {})
    take_up(store, [daily], later)
    assert due(store) == {daily.name: "21 03:30"}
    store.close()


def test_a_clock_that_is_turned_back_puts_nothing_off(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'svod.db'}")
    hourly = Plan("import", "0 * * * *", "a", MOSCOW, {})
    ahead = NOW + timedelta(days=900)
    take_up(store, [hourly], ahead)
    assert due(store) == {hourly.name: "08 16:00"}
    take_up(store, [hourly], NOW)
    assert due(store) == {hourly.name: "20 16:00"}, "a scheduler begins anew"

    moments = [ahead, ahead, ahead, NOW]
    stop = threading.Event()

    def clock() -> datetime:
        if len(moments) > 1:
            return moments.pop(0)
        stop.set()
        return NOW

    runner = Runner(Workplace(store), {"a": ward("a", "x")}, Policy(sweep=0.01))
    with mock.patch.object(Runner, "run_next", return_value=False):
        scheduler = Scheduler(runner, None, [hourly], clock)
        scheduler.begin()
        scheduler.run(stop)
    assert asked(store) == [("import a/x", "queued")]
    assert due(store) == {hourly.name: "20 16:00"}, "a scheduler runs"
    store.close()


def test_two_schedulers_with_two_clocks(store_url: str) -> None:
    one, two = Store(store_url), Store(store_url)
    wards = {key: ward(key, "x") for key in "abcdef"}
    plans = [Plan("import", "*/10 * * * *", key, MOSCOW, {}) for key in wards]
    take_up(one, plans, NOW)
    take_up(two, plans, NOW + timedelta(minutes=1))
    together = threading.Barrier(2)

    def look(store: Store, ahead: timedelta) -> None:
        together.wait()
        for minutes in (8, 9, 10):
            tick(store, wards, NOW + timedelta(minutes=minutes) + ahead)

    others = [threading.Thread(target=look, args=(s, a)) for s, a in ((one, timedelta()), (two, timedelta(minutes=3)))]
    for thread in others:
        thread.start()
    for thread in others:
        thread.join()
    assert sorted(asked(one)) == [(f"import {key}/x", "queued") for key in wards]
    one.close()
    two.close()


def test_a_source_that_nobody_is_signed_in_to_is_left_alone(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'svod.db'}", lambda: NOW)
    wards = {"a": ward("a", "x", "y")}
    store.source("a/x", institution="a", connector="files", capabilities={})
    with store.writing() as connection:
        connection.execute(update(SOURCES).values(state="needs_sign_in"))
    take_up(store, [Plan("import", "0 * * * *", "a", MOSCOW, {})], NOW)
    tick(store, wards, NOW + timedelta(hours=1))
    assert [name for name, _ in asked(store)] == ["import a/y"]
    store.close()


@pytest.mark.parametrize(("code", "tried"), [("worker_lost", False), ("store", True)])
def test_a_job_that_has_cost_its_workers_stays_parked_until_a_person_says_otherwise(
    tmp_path: Path, code: str, tried: bool
) -> None:
    store = Store(f"sqlite:///{tmp_path / 'svod.db'}", lambda: NOW)
    wards = {"a": ward("a", "x")}
    hourly = Plan("import", "0 * * * *", "a", MOSCOW, {})
    take_up(store, [hourly], NOW)
    (number,) = tick(store, wards, NOW + timedelta(hours=1))
    with store.writing() as connection:
        for attempt in (1, 2):
            job = job_rows.claim(connection, store.stamp())
            assert job is not None, attempt
            if code == "worker_lost":
                connection.execute(update(LEASES).values(expires=0))
                job_rows.recover(connection, store.stamp(), attempts=2, wait=0)
            elif attempt == 1:
                job_rows.put_back(connection, job, store.stamp(), after=0, code=code, reason="")
            else:
                job_rows.finish(connection, job, store.stamp(), state="parked", code=code, reason="")
    assert asked(store) == [("import a/x", "parked")]
    for hours in (2, 3, 4):
        tick(store, wards, NOW + timedelta(hours=hours))
    with store.writing() as connection:
        parked = job_rows.one(connection, number)
        assert parked
        assert (parked.code, parked.state) == (code, "queued" if tried else "parked")
        assert job_rows.retry(connection, number, store.stamp())
    assert asked(store) == [("import a/x", "queued")]
    store.close()


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        ("completeness", "pipelines.completeness.running._judged"),
        ("reconcile", "pipelines.reconciling.Result.summary"),
        ("import", "pipelines.importing.SourceResult.as_json"),
    ],
)
@pytest.mark.parametrize("away", [False, True], ids=["at once", "later"])
def test_a_run_that_ends_with_the_stores_trouble_is_settled_while_its_worker_lives(
    tmp_path: Path, kind: str, where: str, away: bool
) -> None:
    """`away`: even that it has failed cannot be noted at first."""
    write_folder(tmp_path / "drop", CLASS)
    store = Store(f"sqlite:///{tmp_path / 'svod.db'}", lambda: NOW)
    runner = Runner(Workplace(store, root=tmp_path), {"a": ward("a", "x")}, Policy(attempts=2, wait=0.0))
    source = "x" if kind == "import" else None
    with store.writing() as connection:
        job_rows.submit(connection, job_rows.Wanted(kind, "a", source), store.stamp())
    real = run_log.fail
    for state in ("queued", "parked"):
        troubles = [StoreError("still")] if away else []

        def noted(*args: Any, left: list[StoreError] = troubles) -> None:
            if left:
                raise left.pop()
            real(*args)

        with (
            mock.patch(where, side_effect=StoreError("the disk is full")),
            mock.patch("canonical.store.runs.fail", noted),
        ):
            assert runner.run_next()
        assert troubles == []
        with store.reading() as connection:
            run = run_log.recent(connection, limit=1)[0]
            assert [j.state for j in job_rows.jobs(connection)] == [state]
        assert (run.job, run.status, run.finished_at) == (kind, "failed", NOW.isoformat())
        assert run.result
        assert run.result["error"] == {"code": "store", "message": "the disk is full"}
    with store.writing() as connection:
        job_rows.retry(connection, 1, store.stamp())
    assert runner.run_next()
    with store.reading() as connection:
        runs = run_log.recent(connection)
        assert (runs[0].status, runs[0].result is not None) == ("ok", True)
        assert {r.status for r in runs[1:]} <= {"failed"}
    store.close()


@pytest.fixture
def place(tmp_path: Path, store_url: str) -> Installation:
    """A good source, one that cannot be read, and schedules; no queue."""
    write_folder(tmp_path / "drop", CLASS)
    made = Installation(tmp_path, url=store_url)
    made.config += "[queue]\nattempts = 3\nretry_seconds = 0\n"
    made.config += '[[schedule]]\njob = "import"\ncron = "15 */2 * * *"\n'
    made.config += '[[schedule]]\njob = "completeness"\ncron = "30 6 * * *"\ninstitutions = ["a"]\n'
    made.config += '[[schedule]]\njob = "report"\nreport = "group-progress"\nformat = "csv"\ncron = "0 7 * * *"\ninstitutions = ["a"]\n'
    made.institution("a").source("f", "files", layout="canonical", path="drop")
    return made.institution("b").source("f", "files", layout="canonical", path="nowhere")


def falls_due(place: Installation, url: str) -> None:
    """The next look finds everything due."""
    store = Store(url if url.startswith("postgresql") else f"sqlite:///{place.folder / 'svod.db'}")
    with store.writing() as connection:
        connection.execute(update(SCHEDULES).values(next_due_at=0))
    store.close()


def test_without_a_queue_the_scheduler_does_it_all(place: Installation, store_url: str) -> None:
    place.run("import", "--institution", "a")
    assert place.json("scheduler", "--once") == {"jobs": []}
    falls_due(place, store_url)
    assert len(place.json("scheduler", "--once")["jobs"]) == 4
    status = place.json("status")
    assert {s["source"]: s["state"] for s in status["sources"]} == {"a/f": "ok", "b/f": "failed"}
    queue = status["queue"]
    assert (queue["queued"], queue["running"]) == (0, [])
    (parked,) = queue["parked"]
    assert (parked["name"], parked["attempts"]) == ("import b/f", 3)
    assert "there is no such folder" in parked["error"]["message"]
    assert {(s["job"], s["institution"]) for s in status["schedules"]} == {
        ("import", "a"), ("import", "b"), ("completeness", "a"), ("report", "a")}  # fmt: skip
    assert min(s["next_due_at"] for s in status["schedules"]) == "2026-11-20T15:15:00+00:00"
    assert list((place.folder / "reports" / "a").glob("*.csv"))
    said = place.run("status").stdout
    assert f"parked after 3 attempts: source b/f: path {place.folder / 'nowhere'}" in said.replace("\n", " ")

    falls_due(place, store_url)
    place.run("scheduler", "--once")
    assert place.json("jobs", "show", str(parked["id"]))["attempts"] == 3, "a person must see to it"

    write_folder(place.folder / "nowhere", CLASS)
    place.run("jobs", "retry", str(parked["id"]))
    place.run("scheduler", "--once")
    assert place.json("jobs", "show", str(parked["id"]))["state"] == "done"
    assert place.json("status")["queue"]["parked"] == []
    done = place.export()["people"]
    assert {p["source"] for p in done} == {"a/f", "b/f"}
    place.run("jobs", "drop", str(parked["id"]), status=1)


def test_a_consolidated_report_falls_due_once_for_all_of_its_institutions(tmp_path: Path, store_url: str) -> None:
    write_folder(tmp_path / "drop", CLASS)
    made = Installation(tmp_path, url=store_url)
    for institutions, folder in (('["*"]', "all"), ('["b", "a"]', "two"), ('["c"]', "one")):
        made.config += f'[[schedule]]\njob = "report"\nreport = "group-progress"\nformat = "json"\ncron = "0 7 * * *"\nconsolidated = true\nfolder = "{folder}"\ninstitutions = {institutions}\n'
    for key in "abc":
        made.institution(key).source("f", "files", layout="canonical", path="drop")
    made.run("import")
    made.run("scheduler", "--once")
    status = made.json("status")
    assert {s["institution"] for s in status["schedules"]} == {"*", "a,b", "c"}
    falls_due(made, store_url)
    jobs = made.json("scheduler", "--once")["jobs"]
    assert len(jobs) == 3
    assert {made.json("jobs", "show", str(n))["state"] for n in jobs} == {"done"}
    found = {}
    for folder in ("all", "two", "one"):
        (file,) = (made.folder / folder).rglob("*.json")
        text = file.read_text(encoding="utf-8")
        found[folder] = [key for key in "abc" if f'"{key}"' in text]
        named = [word for key in found[folder] for word in ("--institution", key)]
        made.run("report", "group-progress", "-o", f"{folder}.json", *named)
        assert text == (made.folder / f"{folder}.json").read_text(encoding="utf-8")
    assert found == {"all": ["a", "b", "c"], "two": ["a", "b"], "one": ["c"]}


def test_each_report_that_is_configured_falls_due_and_goes_where_it_was_asked_for(tmp_path: Path) -> None:
    """At one hour, of one institution: in two formats, in two folders, and consolidated over that institution alone."""
    write_folder(tmp_path / "drop", CLASS)
    made = Installation(tmp_path)
    for lines in (
        'format = "csv"',
        'format = "json"',
        'format = "json"\nfolder = "more"',
        'format = "json"\nconsolidated = true',
    ):
        made.config += f'[[schedule]]\njob = "report"\nreport = "group-progress"\ncron = "0 7 * * *"\ninstitutions = ["a"]\n{lines}\n'
    made.institution("a").source("f", "files", layout="canonical", path="drop")
    made.run("import")
    made.run("scheduler", "--once")
    assert len(made.json("status")["schedules"]) == 4
    falls_due(made, "sqlite")
    jobs = made.json("scheduler", "--once")["jobs"]
    assert [made.json("jobs", "show", str(n))["state"] for n in jobs] == ["done"] * 4
    files = [f.relative_to(tmp_path) for folder in ("reports", "more") for f in (tmp_path / folder).rglob("*.*")]
    assert sorted((str(f.parent), f.suffix) for f in files) == [
        ("more/a", ".json"), ("reports", ".json"), ("reports/a", ".csv"), ("reports/a", ".json")]  # fmt: skip


@pytest.mark.parametrize(("institution", "folder"), [("a", "reports/a"), ("*", "reports")])
def test_a_report_that_was_asked_for_before_consolidated_was_said(
    tmp_path: Path, institution: str, folder: str
) -> None:
    write_folder(tmp_path / "drop", CLASS)
    made = Installation(tmp_path)
    made.institution("a").source("f", "files", layout="canonical", path="drop")
    made.run("import")
    store = Store(f"sqlite:///{tmp_path / 'svod.db'}")
    arguments = {"report": "group-progress", "format": "json", "folder": "reports"}
    with store.writing() as connection:
        wanted = job_rows.Wanted("report", institution, None, arguments, label="group-progress")
        job_rows.submit(connection, wanted, store.stamp())
    store.close()
    made.run("scheduler", "--once")
    (file,) = (tmp_path / "reports").rglob("*.json")
    assert file.parent == tmp_path / folder


def test_what_is_of_all_institutions_is_left_to_a_scheduler_that_has_some(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'svod.db'}", lambda: NOW)
    together = Plan("report", "0 7 * * *", "*", MOSCOW, {"report": "group-progress"})
    take_up(store, [together], NOW)
    tomorrow = NOW + timedelta(days=1)
    assert tick(store, {}, tomorrow) == []
    assert len(tick(store, {"a": ward("a")}, tomorrow)) == 1
    assert asked(store) == [("report * group-progress", "queued")]
    store.close()


class _Looks(threading.Event):
    """Lets a scheduler look so many times, without any time going by."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.left = times
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0)
        self.left -= 1
        if not self.left:
            self.set()
        return self.is_set()


@pytest.mark.parametrize(("keys", "wait"), [("", 15.0), ("a", 10.0)])
def test_what_another_scheduler_asks_for_keeps_none_awake(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, keys: str, wait: float
) -> None:
    """It is overdue, and the scheduler that knew the institution has died."""
    store = Store(f"sqlite:///{tmp_path / 'svod.db'}", lambda: NOW)
    theirs = [Plan("reconcile", "0 * * * *", key, MOSCOW, {}) for key in ("b", "a,b")]
    ours = [Plan("reconcile", "0 * * * *", key, MOSCOW, {}) for key in keys]
    scheduler = Scheduler(
        Runner(Workplace(store), {key: ward(key) for key in keys}, Policy(sweep=15.0)), None, ours, lambda: NOW
    )
    take_up(store, [*ours, *theirs], NOW)
    with store.writing() as connection:
        connection.execute(update(SCHEDULES).values(next_due_at=micros(NOW - timedelta(hours=1))))
        at = micros(NOW + timedelta(seconds=10))
        connection.execute(update(SCHEDULES).where(SCHEDULES.c.institution == "a").values(next_due_at=at))
    looks = _Looks(3)
    with mock.patch.object(Runner, "run_next", return_value=False):
        scheduler.run(looks)
    assert looks.waits == [wait] * 3
    assert [m for m in caplog.messages if "is left to other schedulers" in m] == [
        f"reconcile of {key} is left to other schedulers: this one's configuration has no such institution; restart it, if "
        "the configuration has changed since"
        for key in ("a,b", "b")
    ]
    assert asked(store) == []
    store.close()


def test_what_may_pass_is_tried_once_more_when_it_falls_due(
    place: Installation, store_url: str, monkeypatch: Any
) -> None:
    from pipelines.jobs import scheduling

    monkeypatch.setattr(scheduling, "PASSING", frozenset({"source_config"}))
    place.run("import", "--institution", "a")
    place.run("scheduler", "--once")
    for attempt in (1, 2):
        falls_due(place, store_url)
        begun = place.run("scheduler", "--once").stderr.count("(import b/f): attempt 3 begins")
        assert begun == 1, attempt
        (parked,) = place.json("status")["queue"]["parked"]
        assert (parked["name"], parked["attempts"]) == ("import b/f", 3)


def test_a_job_that_is_asked_for(place: Installation) -> None:
    first = place.json("import", "--queue", "--institution", "a")["jobs"]
    again = place.json("import", "--queue", "--institution", "a")["jobs"]
    whole = place.json("import", "--queue", "--institution", "a", "--full")["jobs"]
    assert [j["new"] for j in (*first, *again, *whole)] == [True, False, True]
    assert first[0]["id"] == again[0]["id"] != whole[0]["id"]
    assert first[0]["priority"] < whole[0]["priority"]
    place.run("reconcile", "--queue", "--institution", "a")
    place.run("jobs", "wait", str(first[0]["id"]), "--seconds", "0", status=1)
    place.run("scheduler", "--once")
    place.run("jobs", "wait", str(first[0]["id"]), str(whole[0]["id"]))
    assert {j["state"] for j in place.json("jobs", "list")["jobs"]} == {"done"}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('[[schedule]]\njob = "import"\ncron = "61 * * * *"\n', "not a cron expression"),
        ('[[schedule]]\njob = "import"\ncron = "0 * * * *"\ninstitutions = ["c"]\n', "there is no institution 'c'"),
        ('[[schedule]]\njob = "report"\ncron = "0 * * * *"\n', "schedule[1].report: is missing"),
        ('[[schedule]]\njob = "report"\nreport = "nothing"\ncron = "0 * * * *"\n', "nothing"),
        (
            '[[schedule]]\njob = "import"\ncron = "0 * * * *"\nconsolidated = true\n',
            'schedule[1].consolidated: only job = "report"',
        ),
        ('[queue]\nurl = "amqp://x:secret@y"\n', "write redis://"),
    ],
)
def test_a_wrong_schedule_is_told_at_once(tmp_path: Path, lines: str, said: str) -> None:
    place = Installation(tmp_path)
    place.config += lines
    place.institution("a")
    done = place.run("status", status=2)
    assert said in done.stderr
    assert "secret" not in done.stderr


ALL = 'consolidated = true\ninstitutions = ["*"]'
OF_A = 'consolidated = true\ninstitutions = ["a"]'
APART = 'institutions = ["a", "b"]'


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (ALL, OF_A, "reports"),
        (ALL, f'{OF_A}\nfolder = "./reports/"\nreport = "Успеваемость групп"', "reports"),
        (ALL, f'{OF_A}\nformat = "csv"', None),
        (ALL, f'{OF_A}\nfolder = "of-a"', None),
        (ALL, f'{OF_A}\nreport = "journal-keeping"', None),
        (ALL, 'consolidated = true\ninstitutions = ["b", "a"]', None),
        (ALL, APART, None),
        (APART, f'{ALL}\nfolder = "reports/a"', "reports/a"),
        (APART, f'{OF_A}\nfolder = "reports/a"', None),
    ],
)
def test_no_two_schedules_write_different_reports_into_one_file(
    tmp_path: Path, first: str, second: str, told: str | None
) -> None:
    place = Installation(tmp_path)
    for cron, lines in (("0 7 * * *", first), ("0 8 * * *", second)):
        report = "" if "report =" in lines else 'report = "group-progress"\n'
        place.config += f'[[schedule]]\njob = "report"\ncron = "{cron}"\n{report}{lines}\n'
    place.institution("a").institution("b")
    said = place.run("status", status=2 if told else 0).stderr
    if told:
        assert f"schedule[2].folder: {told}/Успеваемость групп.xlsx is written by schedule[1] too" in said


@pytest.mark.parametrize("command", ["scheduler", "worker"])
def test_those_who_stay_serve_metrics(tmp_path: Path, command: str, redis_url: str) -> None:
    place = Installation(tmp_path)
    place.config += f'[queue]\nurl = "{redis_url}"\n'
    place.institution("a")
    done = place.run(command, "--once" if command == "scheduler" else "--burst", "--metrics-port", "0")
    assert "metrics: http://127.0.0.1:" in done.stdout


def test_a_worker_needs_a_queue(tmp_path: Path) -> None:
    assert "svod scheduler" in Installation(tmp_path).institution("a").run("worker", status=2).stderr


@pytest.fixture
def queued(tmp_path: Path, redis_url: str) -> Installation:
    place = Installation(tmp_path)
    place.config += f'[queue]\nurl = "{redis_url}"\n'
    place.config += '[[schedule]]\njob = "report"\nreport = "group-progress"\ncron = "0 7 1 * *"\nconsolidated = true\n'
    write_folder(tmp_path / "drop", CLASS)
    return place.institution("a", timezone="Asia/Omsk").source("f", "files", layout="canonical", path="drop")


def test_status_tells_of_redis_and_of_workers(queued: Installation, redis_url: str) -> None:
    at = redis_url.removeprefix("redis://")
    assert queued.json("status")["redis"] == {"address": at, "workers": 0, "error": None}
    assert f"Redis ({at}) is there; no worker is alive: start `svod worker`" in queued.run("status").stdout
    client = connect(redis_url)
    wakeups = Wakeups(client)
    assert wakeups.here(60)
    assert f"Redis ({at}) is there; workers alive: 1" in queued.run("status").stdout
    wakeups.gone()
    assert workers(client) == 0
    wakeups.here(-1)
    assert workers(client) == 0, "what has not been heard of for long is not alive"
    client.close()
    queued.change(redis_url, "redis://:Krokodil@127.0.0.1:1/3")
    away = queued.run("status")
    assert "Redis is away (127.0.0.1:1/3): no job begins, and none is lost" in away.stdout
    assert queued.json("status")["redis"]["workers"] is None
    assert "Krokodil" not in away.stdout + away.stderr
    queued.change("[queue]\n", '[queue]\npassword = { env = "NO_SUCH_PASSWORD" }\n')
    assert "queue.password: the environment variable NO_SUCH_PASSWORD is not set" in queued.run("status").stdout


def test_a_worker_says_that_it_is_there(queued: Installation, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = connect(redis_url)
    seen: list[int | None] = []
    run_next = Runner.run_next
    monkeypatch.setattr(Runner, "run_next", lambda self: seen.append(workers(client)) or run_next(self))
    queued.run("import", "--queue")
    queued.run("worker", "--burst")
    assert seen[-1] == 1
    assert workers(client) == 0, "it has ended"
    client.close()


def test_status_shows_the_clock_of_the_institution_and_what_falls_due(queued: Installation) -> None:
    queued.run("import")
    queued.run("scheduler", "--once")
    said = queued.run("status").stdout
    assert "2026-11-20 21:00:00+06:00" in said
    assert "next report group-progress of all institutions: 2026-12-01 07:00:00+06:00 (0 7 1 * *)" in said


def test_a_burst_gives_a_redis_up_that_stays_away(
    queued: Installation, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued.change(redis_url, "redis://:Krokodil@127.0.0.1:1/3")
    queued.run("worker", "--burst")  # nothing is to be done
    queued.run("import", "--queue")
    monkeypatch.setattr("pipelines.jobs.serving.PATIENCE", 0.1)
    told = queued.run("worker", "--burst", status=1).stderr
    assert "Redis (127.0.0.1:1/3) has been away for" in told
    assert "Krokodil" not in told
    assert queued.json("status")["queue"]["queued"] == 1
