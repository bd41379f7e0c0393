"""Asking for jobs, in place of doing the work at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from canonical.store import jobs as job_rows
from canonical.store.jobs import Wanted
from svod.cli.frame import Frame

Queued = Annotated[
    bool, typer.Option("--queue", help="Do not do it now: ask the workers for it, and print the numbers of the jobs.")
]


def ask(frame: Frame, wanted: Iterable[Wanted]) -> None:
    """Asks for jobs, and says which they are; one that was asked for before is not asked for twice."""
    with frame.store.writing() as connection:
        asked = [job_rows.submit(connection, one, frame.store.stamp()) for one in wanted]
        rows = {one.id: job_rows.one(connection, one.id) for one in asked}
        due = job_rows.waiting(connection)
    if frame.wakeups:
        frame.wakeups.send(due)
    document = [as_json(row) | {"new": one.new} for one in asked if (row := rows[one.id])]
    if frame.json:
        frame.give({"jobs": document})
    for job in document:
        before = "" if job["new"] else f"; it was asked for before, and is {job['state']}"
        frame.say(f"job {job['id']}: {job['name']}{before}")
    if not frame.wakeups:
        frame.say("no queue is configured: `svod scheduler` does them")


def as_json(job: job_rows.Job) -> dict[str, Any]:
    """A job as `--json` shows it."""
    return {
        "id": job.id,
        "name": job.name,
        "kind": job.kind,
        "institution": job.institution,
        "source": f"{job.institution}/{job.source}" if job.source else None,
        "arguments": job.arguments,
        "state": job.state,
        "priority": job.priority,
        "attempts": job.attempts,
        "run": job.run,
        "holder": job.holder if job.state == "running" else None,
        "error": {"code": job.code, "message": job.reason} if job.code else None,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
    }
