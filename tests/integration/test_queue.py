"""Workers and schedulers in processes of their own, on a real Redis, killed and cut off in the midst of what they do."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pytest
from redis import Redis
from sqlalchemy import select, update

from canonical.store import Store, progress
from canonical.store import runs as run_log
from canonical.tables import PROGRESS, RUNS, SCHEDULES
from connectors.dnevnik.standin import make
from connectors.standins.region import make_institution
from connectors.standins.server import Door, Faults, serving
from tests.servers import own_postgres
from tests.sites import Installation

NOW = datetime(2026, 11, 20, 18, tzinfo=ZoneInfo("Europe/Moscow"))
RATE = 40
SOURCES = ("a", "b")


@contextmanager
def portal(folder: Path, url: str, *, redis: str = "", latency: float = 0.05) -> Iterator[tuple[Installation, Door]]:
    """Two institutions that are read from one slow portal, every hour."""
    standin = make(make_institution("kruk", "school", students=10, now=NOW, zone=NOW.tzinfo))  # type: ignore[arg-type]
    door = Door(standin.app, Faults(latency=latency))
    place = Installation(folder, url=url)
    place.config += f'[queue]\nurl = "{redis}"\nretry_seconds = 0.3\nsweep_seconds = 1\nattempts = 50\n'
    place.config += '[[schedule]]\njob = "import"\ncron = "0 * * * *"\n'
    token = {"kind": "token", "token": {"file": str(folder / "token")}}
    (folder / "token").write_text(standin.auth["token"]["token"])
    (folder / "token").chmod(0o600)
    with serving(door) as base:
        limits = {"requests_per_second": RATE, "concurrency": 4}
        for key in SOURCES:
            place.institution(key)
            place.source("p", "dnevnik", base_url=base, remote_id=standin.remote_id, auth=token, **limits)
        yield place, door


def opened(place: Installation) -> Store:
    url = place.config.partition('url = "')[2].partition('"')[0]
    return Store(f"sqlite:///{place.folder / 'svod.db'}" if url.startswith("sqlite") else url)


def ledgers(place: Installation) -> dict[str, Any]:
    """The ledger of each source in the one run that it had."""
    store = opened(place)
    found: dict[str, Any] = {}
    with store.reading() as connection:
        for run in connection.execute(select(RUNS.c.id).where(RUNS.c.job == "import")).scalars():
            for source, counts in run_log.ledger(connection, run).items():
                assert source not in found, "one run a source, however many attempts it took"
                found[source] = counts
    store.close()
    return found


class Calm(NamedTuple):
    """What an import that nobody disturbs comes to, and what it asks."""

    journal: Any
    ledgers: Any
    asked: Counter[str]


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Calm:
    with portal(tmp_path_factory.mktemp("calm"), "sqlite:///svod.db", latency=0.0) as (place, door):
        for key in SOURCES:
            place.run("import", "--institution", key)
        return Calm(place.export(), ledgers(place), Counter(map(unquote, door.visits.asked)))


def start(place: Installation, *arguments: str) -> subprocess.Popen[bytes]:
    with (place.folder / "log").open("ab") as log:
        command = place.command(*arguments)
        return subprocess.Popen(command, cwd=place.folder, env=place.environment(), stdout=log, stderr=log)


def wait_for(what: Callable[[], Any], seconds: float = 90.0, *, every: float = 0.05) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it takes too long"
        time.sleep(every)


def falls_due(place: Installation) -> None:
    """It has been slept through."""
    place.run("scheduler", "--once")
    store = opened(place)
    with store.writing() as connection:
        connection.execute(update(SCHEDULES).values(next_due_at=0))
    store.close()


def states(place: Installation) -> list[str]:
    return [j["state"] for j in place.json("jobs", "list")["jobs"]]


def end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        process.wait(60)


def test_two_schedulers_and_three_workers_on_one_slow_portal(
    tmp_path: Path, calm: Calm, postgres_url: str, redis_url: str
) -> None:
    with portal(tmp_path, postgres_url, redis=redis_url) as (place, door):
        falls_due(place)
        workers = [start(place, "worker", "--threads", "2") for _ in range(3)]
        schedulers = [start(place, "scheduler") for _ in range(2)]
        try:
            wait_for(lambda: len(door.visits.at) > 15)
            with Redis.from_url(redis_url) as client:
                client.flushdb()
            wait_for(lambda: len(door.visits.at) > 30)
            holders = {int(j["holder"].split(":")[1]) for j in place.json("status")["queue"]["running"]}
            dead = [w for w in workers if w.pid in holders]
            assert dead
            for worker in dead:
                worker.send_signal(signal.SIGKILL)
                worker.wait()
            workers = [w for w in workers if w not in dead] or [start(place, "worker")]
            wait_for(lambda: states(place) == ["done"] * len(SOURCES), every=0.5)
            ended = time.monotonic()
            assert place.json("status")["queue"] == {"queued": 0, "due": 0, "running": [], "parked": []}
        finally:
            end([*workers, *schedulers])
        assert time.monotonic() - ended < 15, "who has nothing to do ends at once"
        assert {w.returncode for w in (*workers, *schedulers)} == {0}
        assert place.export() == calm.journal
        assert ledgers(place) == calm.ledgers
        assert door.visits.busiest_second() <= RATE
        log = (place.folder / "log").read_text(encoding="utf-8")
        assert "its worker died" in log
        assert "Traceback" not in log


def test_told_to_end_a_worker_lays_its_job_down_and_another_goes_on(tmp_path: Path, calm: Calm, redis_url: str) -> None:
    with portal(tmp_path, "sqlite:///svod.db", redis=redis_url) as (place, door):
        place.run("import", "--queue")
        worker = start(place, "worker")
        wait_for(lambda: len(door.visits.at) > 60)
        end([worker])
        assert worker.returncode == 0
        assert {(j["state"], j["attempts"]) for j in place.json("jobs", "list")["jobs"]} <= {("queued", 0), ("done", 1)}
        assert "queued" in states(place)
        store = opened(place)
        with store.reading() as connection:
            noted = Counter(
                request
                for run, source in connection.execute(select(PROGRESS.c.run, PROGRESS.c.source).distinct())
                for request in progress.Progress(connection, run, source).answers()
            )
        store.close()
        assert noted
        place.run("worker", "--burst", "--threads", "2")
        assert set(states(place)) == {"done"}
        assert place.export() == calm.journal
        assert ledgers(place) == calm.ledgers
        asked = Counter(map(unquote, door.visits.asked))
        by_all = {request for request, times in noted.items() if times == len(SOURCES)}
        assert by_all
        again = {request for request in by_all if asked[request] > calm.asked[request]}
        assert not again, "committed units are asked for again"


@pytest.mark.soak
def test_everything_is_killed_and_restarted_all_the_time(tmp_path: Path, calm: Calm, redis_url: str) -> None:
    """The portal is slow, has a limit and fails now and then besides; its log shows that the limit was kept."""
    rng = random.Random(3)
    with own_postgres() as (url, restart), portal(tmp_path, url, redis=redis_url) as (place, door):
        door.faults.rate, door.faults.kinds, door.faults.retry_after = 0.03, ("429", "500", "hung up"), 1
        falls_due(place)
        running = [start(place, "worker", "--threads", "2") for _ in range(3)]
        running += [start(place, "scheduler") for _ in range(2)]
        done: Counter[int] = Counter()
        try:
            until = time.monotonic() + 60
            while time.monotonic() < until:
                time.sleep(rng.uniform(1, 4))
                what = done.total() if done.total() < 3 else rng.randrange(8)
                done[min(what, 2)] += 1
                if what == 0:
                    restart()
                elif what == 1:
                    with Redis.from_url(redis_url) as client:
                        client.flushdb()
                else:
                    number = rng.randrange(len(running))
                    running[number].send_signal(rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
                    running[number].wait(60)
                    running[number] = start(place, *(("worker", "--threads", "2") if number < 3 else ("scheduler",)))
            wait_for(lambda: states(place) == ["done"] * len(SOURCES), 120, every=0.5)
        finally:
            end(running)
        assert place.export() == calm.journal
        assert ledgers(place) == calm.ledgers
        assert place.json("verify")["ok"]
        assert door.visits.busiest_second() <= RATE
        assert {*filter(None, door.visits.failed)} == {"429", "500", "hung up"}
        assert min(done[what] for what in range(3)) > 0, "the store restarted, Redis emptied, processes killed"
