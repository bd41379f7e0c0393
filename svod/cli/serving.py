"""The commands that stay: `worker` and `scheduler`."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Annotated, Any

import typer

from canonical.store.schedules import EVERY
from pipelines.jobs.running import Policy, Runner
from pipelines.jobs.scheduling import Plan
from pipelines.jobs.serving import PATIENCE, Scheduler, work
from pipelines.jobs.wakeups import place_of
from svod.cli.frame import STOPPED, WRONG, Frame
from svod.cli.logs import telling
from svod.cli.options import MetricsHost, MetricsPort, metrics
from svod.settings import ScheduleSettings


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("worker")(worker)
    app.command("scheduler")(scheduler)


def worker(
    context: typer.Context,
    threads: Annotated[int, typer.Option(min=1, max=64, help="How many jobs at once.")] = 4,
    burst: Annotated[bool, typer.Option("--burst", help="End when no job is left; fail if Redis stays away.")] = False,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = "127.0.0.1",
) -> None:
    """Do the jobs on the queue, on this machine or many."""
    frame: Frame = context.obj
    wakeups = frame.wakeups
    if wakeups is None:
        frame.fail(
            f"{frame.site.file}: [queue] url names no Redis, so there is no queue to work on; name one, or let "
            "`svod scheduler` do the jobs by itself",
            "configuration",
            WRONG,
        )
        return
    runner = _runner(frame)
    with metrics(frame, metrics_host, metrics_port), _until_told(frame) as stop:
        if not work(runner, wakeups, threads=threads, stop=stop, burst=burst):
            frame.fail(
                f"Redis ({place_of(frame.redis)}) has been away for {PATIENCE:.0f} seconds: see that it runs, and that [queue] "
                "url and password are right, then call it again; the jobs stay in the store",
                "queue",
            )
        _end(frame, runner)


def scheduler(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Look at the clock once, and end.")] = False,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = "127.0.0.1",
) -> None:
    """Ask for jobs when they fall due; without a queue do them as well."""
    frame: Frame = context.obj
    plans = [plan for s in frame.site.settings.schedule for plan in _plans(frame, s)]
    if not plans and not once:
        frame.complain(f"{frame.site.file} has no [[schedule]]: nothing falls due; jobs that are asked for are seen to")
    runner = _runner(frame)
    at_work = Scheduler(runner, frame.wakeups, plans, frame.clock if frame.now else None)
    with metrics(frame, metrics_host, metrics_port), _until_told(frame) as stop:
        at_work.begin()
        if not once:
            at_work.run(stop)
            _end(frame, runner)
            return
        asked = at_work.once(stop)
    if frame.json:
        frame.give({"jobs": asked})
    frame.say(f"jobs asked for: {', '.join(map(str, asked)) or 'none'}")


def _plans(frame: Frame, schedule: ScheduleSettings) -> list[Plan]:
    """One for each institution of a schedule, or one for all of them together."""
    institutions = frame.site.scheduled(schedule)
    if schedule.consolidated and institutions:
        together = EVERY if schedule.of_all else ",".join(i.key for i in institutions)
        return [Plan(schedule.job, schedule.cron, together, institutions[0].place.zone, schedule.arguments)]
    return [Plan(schedule.job, schedule.cron, i.key, i.place.zone, schedule.arguments) for i in institutions]


def _runner(frame: Frame) -> Runner:
    queue = frame.site.settings.queue
    wards = {w.institution.key: w for w in frame.wards()}
    return Runner(frame.work, wards, Policy(queue.attempts, queue.retry_seconds, queue.sweep_seconds))


@contextmanager
def _until_told(frame: Frame) -> Iterator[threading.Event]:
    """Set when the process is told to end; told twice, it ends at once."""
    stop = threading.Event()

    def told(_number: int, _frame: Any) -> None:
        if stop.is_set():
            os._exit(STOPPED)
        stop.set()

    signals = (signal.SIGTERM, signal.SIGINT) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, told) for number in signals}
    try:
        with nullcontext() if frame.quiet else telling(logging.getLogger("svod.jobs")):
            yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(frame: Frame, runner: Runner) -> None:
    """Ends the process where something is still being done in it: it has been given back, and is fenced off."""
    if runner.busy:
        frame.complain("what was still being done has been given back, and goes on elsewhere")
        os._exit(0)
