"""A region in small: institutions on stand-in portals, imported by 1, 2 and 4 workers into one PostgreSQL, then again.

For each number of workers it prints records per second, how long a unit of reading takes (95 of 100), what a mark takes in
the store, whether an institution among many takes longer than one among few, and what holds it up first. From
the slopes of this machine it reckons what 1,000 institutions of 400 pupils would take.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, text

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT.parent))

from benchmarks.load import postgres_url  # noqa: E402
from canonical.entities import ENTITIES  # noqa: E402
from tests.servers import postgres, redis  # noqa: E402

PORTALS = ("dnevnik", "mosreg")
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Portal:
    """A stand-in that runs: what its first line said, and its process."""

    said: dict[str, Any]
    process: subprocess.Popen[str]


@contextmanager
def portals(count: int, students: int, latency: int) -> Iterator[list[Portal]]:
    """Stand-ins, each in a process of its own, each with other people."""
    with ExitStack() as running:
        made = []
        for n in range(count):
            command = [*svod(), "standin", PORTALS[n % len(PORTALS)], "--key", f"portal{n}"]
            command += ["--students", str(students), "--seed", str(n), "--latency-ms", str(latency)]
            process = running.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            running.callback(process.kill)
            made.append(process)
        yield [Portal(json.loads(p.stdout.readline()), p) for p in made if p.stdout]


def svod() -> list[str]:
    return [sys.executable, "-m", "svod"]


def configure(folder: Path, url: str, queue: str, institutions: int, served: Sequence[Portal]) -> dict[str, str]:
    """Writes the configuration of a region; gives the environment that holds its secrets."""
    lines = [f'[store]\nurl = "{url}"\nraw_archive = "raw/"\n[queue]\nurl = "{queue}"\n']
    secrets = {}
    for n in range(institutions):
        said = served[n % len(served)].said
        secrets[f"TOKEN{n}"] = said["auth"]["token"]["token"]
        lines.append(
            f'[[institution]]\nkey = "i{n:04}"\nname = "Учреждение {n}"\nkind = "school"\n'
            f'[[institution.source]]\nkey = "portal"\nconnector = "{said["portal"]}"\nbase_url = "{said["base_url"]}"\n'
            f'remote_id = "{said["remote_id"]}"\nrequests_per_second = 100000\nconcurrency = 16\n'
            f'auth = {{ kind = "token", token = {{ env = "TOKEN{n}" }} }}\n'
        )
    (folder / "svod.toml").write_text("\n".join(lines), encoding="utf-8")
    return {**os.environ, **secrets, "PYTHONPATH": str(ROOT.parent)}


def cpu_of(pid: int) -> float:
    """Seconds of processor time that a process and its children, living and dead, have had."""
    total = 0.0
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    total += sum(map(int, fields[11:15])) / TICK
    return total + sum(cpu_of(int(child)) for child in children)


def postmaster(engine: Engine) -> int:
    with engine.connect() as connection:
        folder = connection.execute(text("SHOW data_directory")).scalar_one()
    return int((Path(folder) / "postmaster.pid").read_text().splitlines()[0])


@dataclass(frozen=True)
class Pass:
    """One import of the whole region. `cpu` is seconds of processor time by who had them."""

    seconds: float
    cpu: dict[str, float]


def import_all(folder: Path, env: dict[str, str], workers: int, engine: Engine, served: Sequence[Portal]) -> Pass:
    """Asks for an import of everything, and lets so many workers do it, one job at a time each."""
    ask = [*svod(), "--json", "import", "--queue"]
    subprocess.run(ask, cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL)
    database = postmaster(engine)
    before = cpu_of(database), sum(cpu_of(p.process.pid) for p in served)
    started = time.perf_counter()
    command = [*svod(), "-q", "worker", "--threads", "1", "--burst"]
    at_work = [subprocess.Popen(command, cwd=folder, env=env) for _ in range(workers)]
    had = [os.wait4(process.pid, 0)[2] for process in at_work]
    seconds = time.perf_counter() - started
    for process in at_work:
        process.returncode = 0  # it has been waited for
    return Pass(
        seconds,
        {
            "workers": sum(u.ru_utime + u.ru_stime for u in had),
            "database": cpu_of(database) - before[0],
            "stand-in portals": sum(cpu_of(p.process.pid) for p in served) - before[1],
        },
    )


def units(engine: Engine) -> list[float]:
    """Seconds between one unit's commit and the next of the same run."""
    with engine.connect() as connection:
        query = text(
            "SELECT at - lag(at) OVER (PARTITION BY run ORDER BY id) AS took FROM batches WHERE unit <> 'removals'"
        )
        return [row.took / 1e6 for row in connection.execute(query) if row.took is not None]


def jobs(engine: Engine) -> list[float]:
    """Seconds that each institution's import took, in the order in which they were begun."""
    with engine.connect() as connection:
        query = text(
            "SELECT extract(epoch FROM finished_at::timestamptz - started_at::timestamptz) AS took FROM jobs ORDER BY started_at, id"
        )
        return [float(row.took) for row in connection.execute(query)]


def count(engine: Engine, entity: str | None = None) -> int:
    with engine.connect() as connection:
        return sum(
            connection.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one()
            for name in ENTITIES
            if entity in {None, name}
        )


def size(engine: Engine) -> int:
    with engine.connect() as connection:
        found: int = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    return found


def bottleneck(one: Pass, workers: int) -> str:
    """What holds it up, in words."""
    cores = len(os.sched_getaffinity(0))
    used = sum(one.cpu.values()) / one.seconds
    shares = ", ".join(f"{name} {seconds / one.seconds:.2f}" for name, seconds in one.cpu.items())
    if used > 0.85 * cores:
        most = max(one.cpu, key=lambda name: one.cpu[name])
        return f"the {cores} cores of this machine, most of all for the {most} (cores used: {shares})"
    if one.cpu["workers"] / one.seconds > 0.85 * workers:
        return f"the workers, one core each (cores used: {shares})"
    return f"waiting for the portals' answers (cores used: {shares})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--institutions", type=int, default=70)
    parser.add_argument("--students", type=int, default=60, help="of each institution")
    parser.add_argument("--workers", default="1,2,4")
    parser.add_argument("--portals", type=int, default=2, help="stand-ins, which the institutions share")
    parser.add_argument("--latency-ms", type=int, default=20)
    said = parser.parse_args()
    with postgres() as server, redis() as queue, portals(said.portals, said.students, said.latency_ms) as served:
        fresh = postgres_url(server)
        for workers in map(int, said.workers.split(",")):
            folder = Path(tempfile.mkdtemp(prefix="svod-region-"))
            url = fresh(folder)
            engine = create_engine(url)
            try:
                env = configure(folder, url, queue, said.institutions, served)
                subprocess.run([*svod(), "-q", "status"], cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL)
                empty = size(engine)
                first = import_all(folder, env, workers, engine, served)
                records, marks, taken = count(engine), count(engine, "marks"), size(engine) - empty
                per_unit, per_job = units(engine), jobs(engine)
                again = import_all(folder, env, workers, engine, served)
                report(said, workers, first, again, records, marks, taken, per_unit, per_job)
            finally:
                engine.dispose()
                shutil.rmtree(folder)


def report(
    said: argparse.Namespace,
    workers: int,
    first: Pass,
    again: Pass,
    records: int,
    marks: int,
    taken: int,
    per_unit: list[float],
    per_job: list[float],
) -> None:
    n = said.institutions
    assert len(per_job) == n, f"{len(per_job)} of {n} institutions were imported"
    quarter = max(1, n // 4)
    early, late = statistics.mean(per_job[:quarter]), statistics.mean(per_job[-quarter:])
    print(
        f"{n} institutions of {said.students} pupils, {records:,} records, {workers} worker{'s' * (workers > 1)}\n"
        f"  first import   {first.seconds:7.1f} s  {records / first.seconds:9,.0f} records/s\n"
        f"  and again      {again.seconds:7.1f} s  {n / again.seconds:9.2f} institutions/s, nothing changed\n"
        f"  a unit         {statistics.quantiles(per_unit, n=20)[-1]:7.2f} s  95 of 100 take no longer\n"
        f"  a mark         {taken / marks:7.0f} bytes of the database, with all that belongs to it\n"
        f"  an institution {early:7.2f} s  of the first quarter, {late:.2f} s of the last ({late / early:.2f})\n"
        f"  held up by     {bottleneck(first, workers)}"
    )
    pupils = 400 / said.students
    hours = 1000 * pupils * first.seconds / n / 3600
    print(
        f"  1,000 institutions of 400 pupils at this rate: {1000 * pupils * records / n / 1e6:,.0f} million records in "
        f"{hours:,.1f} h, {1000 * pupils * taken / n / 1e9:,.0f} GB; again, nothing changed, {1000 * pupils * again.seconds / n / 3600:,.1f} h",
        flush=True,
    )


if __name__ == "__main__":
    main()
