"""The command `jobs`: what is to be done, and what a person decides of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Final

import typer
from sqlalchemy import Connection

from canonical.store import jobs as job_rows
from svod.cli.frame import FAILED, Frame
from svod.cli.moments import written
from svod.cli.queue import as_json

Numbers = Annotated[list[int], typer.Argument(metavar="ID…")]

_LOOK_EVERY: Final = 0.5


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    jobs = typer.Typer(
        help="What is to be done, being done, or parked; how to try it again, or to drop it.", no_args_is_help=True
    )
    jobs.command("list")(list_)
    jobs.command("show")(show)
    jobs.command("wait")(wait)
    jobs.command("retry")(retry)
    jobs.command("drop")(drop)
    app.add_typer(jobs, name="jobs")


def list_(
    context: typer.Context,
    state: Annotated[
        list[str] | None, typer.Option(help="Only queued, running, parked, done, failed or dropped; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 50,
) -> None:
    """List what is being done, what waits, what is parked, and then what was done last."""
    frame: Frame = context.obj
    with frame.store.reading() as connection:
        rows = job_rows.jobs(connection, states=tuple(state or ()), limit=limit)
    if frame.json:
        frame.give({"jobs": [as_json(j) for j in rows]})
    frame.table(
        ["job", "what", "state", "attempts", "since", "reason"],
        [
            [j.id, j.name, j.state, j.attempts, written(j.finished_at or j.started_at or j.created_at, frame.zone), j.reason]
            for j in rows
        ],
        empty="there are no jobs",
    )  # fmt: skip


def show(context: typer.Context, job: Annotated[int, typer.Argument(metavar="ID")]) -> None:
    """Show one job."""
    frame: Frame = context.obj
    with frame.store.reading() as connection:
        row = job_rows.one(connection, job)
    if row is None:
        frame.fail(f"there is no job {job}; see `svod jobs list`", "not_found")
        return
    if frame.json:
        frame.give(as_json(row))
        return
    for name, value in as_json(row).items():
        if value is not None:
            frame.say(f"{name}: {value['message'] if name == 'error' else value}")


def wait(
    context: typer.Context,
    job: Numbers,
    seconds: Annotated[float | None, typer.Option(min=0, help="Give up after so many seconds.")] = None,
) -> None:
    """Wait until jobs are done; ends with status 1 if one of them was not."""
    frame: Frame = context.obj
    until = None if seconds is None else time.monotonic() + seconds
    while True:
        with frame.store.reading() as connection:
            rows = {n: job_rows.one(connection, n) for n in job}
        missing = [n for n, row in rows.items() if row is None]
        if missing:
            frame.fail(f"there is no job {missing[0]}; see `svod jobs list`", "not_found")
            return
        found = [row for row in rows.values() if row is not None]
        if not any(row.state in {"queued", "running"} for row in found):
            break
        if until is not None and time.monotonic() >= until:
            break
        time.sleep(_LOOK_EVERY)
    if frame.json:
        frame.give({"jobs": [as_json(row) for row in found]})
    for row in found:
        frame.say(f"job {row.id}: {row.name}: {row.state}")
        if row.state != "done":
            frame.complain(f"job {row.id}: {row.name}: {row.state}{f': {row.reason}' if row.reason else ''}")
            frame.status = FAILED


def retry(context: typer.Context, job: Numbers) -> None:
    """Have jobs tried again that are parked, have failed, or wait for their next attempt."""
    frame: Frame = context.obj
    _decide(frame, job, lambda c, n: job_rows.retry(c, n, frame.store.stamp()), "queued again", "retried")
    if frame.wakeups:
        with frame.store.reading() as connection:
            due = job_rows.waiting(connection)
        frame.wakeups.send(due)


def drop(context: typer.Context, job: Numbers) -> None:
    """Take jobs as settled that wait or are parked."""
    frame: Frame = context.obj
    _decide(frame, job, lambda c, n: job_rows.drop(c, n, frame.store.stamp()), "dropped", "dropped")


def _decide(frame: Frame, numbers: list[int], what: Callable[[Connection, int], bool], said: str, key: str) -> None:
    done: list[int] = []
    refused: list[int] = []
    with frame.store.writing() as connection:
        for number in numbers:
            (done if what(connection, number) else refused).append(number)
    if frame.json:
        frame.give({key: done, "refused": refused})
    for number in done:
        frame.say(f"job {number}: {said}")
    for number in refused:
        frame.complain(f"job {number}: there is no such job that waits or is parked; see `svod jobs list`")
        frame.status = FAILED
