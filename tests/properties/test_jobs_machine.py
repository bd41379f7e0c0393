"""Workers that come, die, sleep and wake at any moment: nothing is lost, nothing has two holders, no end is noted twice."""

from __future__ import annotations

import tempfile
from collections import Counter
from functools import cache
from pathlib import Path
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select, update

from canonical.store import LeaseLostError, Store
from canonical.store import jobs as job_rows
from canonical.store.jobs import BACKFILL, SCHEDULED, SOON, Asked, Job, Wanted
from canonical.tables import JOBS, LEASES

ATTEMPTS = 3
NAMES = [("import", "a", "x"), ("import", "a", "y"), ("reconcile", "a", None)]
STAMP = "2026-11-20T18:00:00+03:00"


@cache
def empty_store() -> bytes:
    """The file of a store; to make the tables anew each time would take most of the time."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "svod.db"
        store = Store(f"sqlite:///{file}")
        with store.engine.connect() as connection:
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("PRAGMA journal_mode = DELETE")
            connection.exec_driver_sql("BEGIN")
        store.close()
        return file.read_bytes()


class Machine(RuleBasedStateMachine):
    """`held` are the jobs that workers believe to be theirs, with those that have been overtaken; `ended` how often each ended."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        file = Path(self._folder.name) / "svod.db"
        file.write_bytes(empty_store())
        self.store = Store(f"sqlite:///{file}")
        self.now = 1_000_000_000_000_000
        self._clock = [mock.patch(f"canonical.store.{m}.store_clock", self._tell) for m in ("leases", "jobs")]
        for patch in self._clock:
            patch.start()
        self.held: list[Job] = []
        self.asked: set[int] = set()
        self.latest: dict[str, int | None] = {}
        self.ended: Counter[int] = Counter()
        self.given_up: set[int] = set()

    def _tell(self, _: object) -> int:
        return self.now

    def teardown(self) -> None:
        while self._open():  # whatever has happened: those who come next find all that was not ended
            self.now += 10**12
            self.recover()
            with self.store.writing() as connection:
                connection.execute(update(JOBS).where(JOBS.c.state == "parked").values(state="queued", attempts=0))
                job = job_rows.claim(connection, STAMP)
                if job is not None:
                    job_rows.finish(connection, job, STAMP)
                    self.ended[job.id] += 1
        for patch in self._clock:
            patch.stop()
        self.store.close()
        self._folder.cleanup()
        assert self.asked == set(self.ended) | self.given_up, "a job was lost"
        assert set(self.ended.values()) <= {1}, "a job ended twice"

    @initialize()
    def begin(self) -> None:
        for name in NAMES:
            self.ask(name, SCHEDULED, full=False)
        self.claim()

    @rule(name=st.sampled_from(NAMES), priority=st.sampled_from([SOON, SCHEDULED, BACKFILL]), full=st.booleans())
    def ask(self, name: tuple[str, str, str | None], priority: int, full: bool) -> None:
        wanted = Wanted(*name, {"full": True} if full else None, priority)
        with self.store.writing() as connection:
            before = [job.id for job in job_rows.jobs(connection, states=job_rows.OPEN)]
            asked = job_rows.submit(connection, wanted, STAMP)
            assert asked == Asked(asked.id, new=asked.id not in before)
        self.asked.add(asked.id)

    @rule()
    def claim(self) -> None:
        with self.store.writing() as connection:
            best = connection.execute(
                select(JOBS.c.priority).where(JOBS.c.state == "queued", JOBS.c.not_before <= self.now, ~self._busy())
                .order_by(JOBS.c.priority)
            ).first()  # fmt: skip
            job = job_rows.claim(connection, STAMP)
        assert (job is None) == (best is None)
        if job is not None and best is not None:
            assert job.priority == best.priority, "something more urgent waited"
            self.held.append(job)
            self.latest[job.name] = job.token

    def _open(self) -> bool:
        with self.store.reading() as connection:
            return bool(job_rows.jobs(connection, states=job_rows.OPEN))

    def _busy(self) -> object:
        return JOBS.c.name.in_(select(LEASES.c.name).where(LEASES.c.holder != "", LEASES.c.expires > self.now))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), how=st.sampled_from(["done", "failed", "parked", "again", "laid down", "hold"]))
    def end(self, data: st.DataObject, how: str) -> None:
        """A worker says how its job ended: believed only if the job is still its own."""
        job = data.draw(st.sampled_from(self.held))
        try:
            with self.store.writing() as connection:
                if how == "hold":
                    job.lease.hold(connection)
                elif how == "again":
                    job_rows.put_back(connection, job, STAMP, after=5, code="store", reason="away")
                elif how == "laid down":
                    job_rows.lay_down(connection, job)
                else:
                    job_rows.finish(connection, job, STAMP, state=how)
        except LeaseLostError:
            return
        finally:
            if how != "hold":
                self.held.remove(job)
        assert self.latest[job.name] == job.token, "one who has been overtaken is believed"
        if how in {"done", "failed"}:
            self.ended[job.id] += 1

    @rule(seconds=st.sampled_from([1, 6, 60, 121, 3600]))
    def time_goes_by(self, seconds: int) -> None:
        self.now += seconds * 1_000_000

    @rule()
    def recover(self) -> None:
        with self.store.writing() as connection:
            job_rows.recover(connection, STAMP, attempts=ATTEMPTS, wait=1)

    @precondition(lambda self: self.held)
    @rule()
    def all_workers_sleep_and_others_come(self) -> None:
        self.now += 200 * 1_000_000
        self.recover()
        self.now += 3600 * 1_000_000
        self.claim()

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), dropping=st.booleans())
    def a_person_decides(self, data: st.DataObject, dropping: bool) -> None:
        number = data.draw(st.sampled_from(sorted(self.asked)))
        with self.store.writing() as connection:
            job = job_rows.one(connection, number)
            assert job is not None
            if dropping and job_rows.drop(connection, number, STAMP):
                self.given_up.add(number)
            elif not dropping and job.state != "failed":
                job_rows.retry(connection, number, STAMP)

    @invariant()
    def no_lease_has_two_jobs(self) -> None:
        with self.store.reading() as connection:
            running = job_rows.jobs(connection, states=("running",))
            opened = connection.execute(select(JOBS.c.open_name).where(JOBS.c.open_name.is_not(None))).scalars().all()
        live = [job for job in running if job.holder is not None]
        assert len({job.name for job in live}) == len(live)
        assert len(set(opened)) == len(opened)


TestJobs = Machine.TestCase
TestJobs.settings = settings(max_examples=30, stateful_step_count=30, deadline=None, derandomize=True)
