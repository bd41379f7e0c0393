"""Trying again what could not be stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from canonical.store import runs as run_log
from pipelines.workplace import SourceJob, Workplace


def retry(work: Workplace, jobs: Sequence[SourceJob]) -> list[dict[str, Any]]:
    """Tries the open entries of sources once more.

    Returns:
        For each source `{"source", "released", "open"}`.

    Raises:
        BusyError: a source is being imported.

    """
    done: list[dict[str, Any]] = []
    with work.store.writing() as connection:
        run = run_log.begin(connection, "quarantine retry", {"sources": [j.key for j in jobs]}, work.store.stamp())
    with run_log.settled(work.store, run):
        for job in jobs:
            intake = work.store.intake(run=run, source=work.register(job), name=job.key, zone=job.institution.zone)
            released, left = intake.retry()
            done.append({"source": job.key, "released": released, "open": left})
        with work.store.writing() as connection:
            run_log.finish(connection, run, "ok", {"sources": done}, work.store.stamp())
    return done
