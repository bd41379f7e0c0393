"""Commands about what is in the store: quarantine, status, runs, export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.json import JSON

from canonical.store import jobs as job_rows
from canonical.store import overview
from canonical.store import runs as run_log
from canonical.store import sources as source_rows
from canonical.store.schedules import EVERY, Schedule, moment_of
from canonical.store.schedules import schedules as schedule_rows
from svod.cli.frame import FAILED, WAITING, Frame, without_source
from svod.cli.moments import parse_moment, written
from svod.cli.options import Institutions, Sources
from svod.cli.queue import as_json


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    quarantine = typer.Typer(
        help="Records that could not be stored, each with its reason and raw form.", no_args_is_help=True
    )
    quarantine.command("list")(quarantine_list)
    quarantine.command("show")(quarantine_show)
    quarantine.command("retry")(quarantine_retry)
    quarantine.command("drop")(quarantine_drop)
    app.add_typer(quarantine, name="quarantine")
    runs = typer.Typer(help="What ran, when, how long, with what ledger.", no_args_is_help=True)
    runs.command("list")(runs_list)
    runs.command("show")(runs_show)
    app.add_typer(runs, name="runs")
    app.command("status")(status)
    export = typer.Typer(help="The canonical journal as files.", no_args_is_help=True)
    export.command("ndjson")(ndjson)
    app.add_typer(export, name="export")


def quarantine_list(
    context: typer.Context,
    source: Annotated[str | None, typer.Option(help="Only this source, kolomna/portal.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only malformed, or only waiting.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also what is released, gone or dropped.")] = False,
) -> None:
    """List what could not be stored, with the reasons."""
    frame: Frame = context.obj
    with frame.store.reading() as connection:
        rows = overview.quarantine(connection, source=source, kind=kind, state=None if every else "open")
    if frame.json:
        frame.give({"quarantine": [{k: v for k, v in asdict(r).items() if k != "raw"} for r in rows]})
    frame.table(
        ["id", "source", "entity", "key", "kind", "reason", "since"],
        [[r.id, r.source, r.entity, r.key, r.kind, r.reason, written(r.first_at, frame.zone)] for r in rows],
        empty="the quarantine is empty",
    )


def quarantine_show(context: typer.Context, entry: Annotated[int, typer.Argument(metavar="ID")]) -> None:
    """Show one entry with its raw form. It may hold personal data."""
    frame: Frame = context.obj
    with frame.store.reading() as connection:
        rows = overview.quarantine(connection, entry=entry, state=None)
    if not rows:
        frame.fail(f"there is no entry {entry} in the quarantine", "not_found")
        return
    if frame.json:
        frame.give(asdict(rows[0]))
        return
    for name, value in asdict(rows[0]).items():
        if name != "raw":
            frame.say(f"{name}: {'' if value is None else value}")
    frame.show(JSON.from_data(rows[0].raw, ensure_ascii=False))


def quarantine_retry(context: typer.Context, source: Sources = None) -> None:
    """Try again to store what is in the quarantine. What a portal answered badly is mended by import or replay."""
    from pipelines.quarantine import retry  # noqa: PLC0415 - takes long to load

    frame: Frame = context.obj
    done = retry(frame.work, frame.jobs(sources=source or ()))
    if frame.json:
        frame.give({"sources": done})
    frame.table(["source", "released", "still aside"], [[s["source"], s["released"], s["open"]] for s in done])
    if any(s["open"] for s in done):
        frame.status = WAITING


def quarantine_drop(context: typer.Context, entry: Annotated[list[int], typer.Argument(metavar="ID…")]) -> None:
    """Take entries as settled; each stays dropped as long as it comes in the same form."""
    frame: Frame = context.obj
    done: list[int] = []
    unknown: list[int] = []
    with frame.store.writing() as connection:
        for number in entry:
            (done if overview.drop(connection, number) else unknown).append(number)
    if frame.json:
        frame.give({"dropped": done, "unknown": unknown})
    for number in done:
        frame.say(f"{number}: dropped")
    for number in unknown:
        frame.complain(f"{number}: there is no open entry of this number")
        frame.status = FAILED


def status(context: typer.Context) -> None:
    """Show what each source last delivered, and what waits for a person."""
    frame: Frame = context.obj
    with frame.store.reading() as connection:
        known = {s.key: s for s in source_rows(connection)}
        aside = overview.aside(connection)
        removals = overview.waiting_removals(connection)
        drift = {
            s.key: run_log.drift(connection, run)
            for s in known.values()
            if (run := overview.last_run(connection, s.id)) is not None
        }
        recent = run_log.recent(connection, limit=1)
        depth = job_rows.counts(connection)
        open_jobs = job_rows.jobs(connection, states=("running", "parked"))
        plans = schedule_rows(connection)
    document: dict[str, Any] = {
        "sources": [_source_status(job.key, known.get(job.key), aside, drift) for job in frame.jobs()],
        "waiting_removals": removals,
        "last_run": asdict(recent[0]) if recent else None,
        "queue": {
            "queued": depth["queued"],
            "due": depth["due"],
            "running": [as_json(j) for j in open_jobs if j.state == "running"],
            "parked": [as_json(j) for j in open_jobs if j.state == "parked"],
        },
        "redis": _redis(frame),
        "schedules": [_schedule(p) for p in plans],
    }
    if frame.json:
        frame.give(document)
        return
    zones: Zones = {i.key: i.place.zone for i in frame.site.institutions()}
    _sources(frame, document, zones)
    if document["redis"]:
        _workers(frame, document["redis"])
    _queue(frame, document["queue"], zones)
    for plan in document["schedules"]:
        _next(frame, plan, zones)


Zones = Mapping[str, tzinfo]
"""The clock of each institution, by its key."""


def _redis(frame: Frame) -> dict[str, Any] | None:
    """How the queue is; null if none is configured. `workers` is null while nobody can tell."""
    if not frame.site.settings.queue.url:
        return None
    from pipelines.jobs.wakeups import place_of, workers  # noqa: PLC0415 - takes long to load
    from svod.settings import SettingsError  # noqa: PLC0415 - see above

    try:
        client = frame.redis
    except SettingsError as error:
        return {"address": None, "workers": None, "error": str(error)}
    count = workers(client)
    return {"address": place_of(client), "workers": count, "error": "Redis is away" if count is None else None}


def _schedule(plan: Schedule) -> dict[str, Any]:
    return {
        "job": plan.job,
        "institution": plan.institution,
        "cron": plan.cron,
        "arguments": plan.arguments,
        "next_due_at": moment_of(plan.next_due_at).isoformat(),
        "last_due_at": moment_of(plan.last_due_at).isoformat() if plan.last_due_at is not None else None,
    }


def _workers(frame: Frame, redis: dict[str, Any]) -> None:
    if redis["workers"] is None:
        at = f" ({redis['address']})" if redis["address"] else ""
        frame.say(
            f"\n{redis['error']}{at}: no job begins, and none is lost; see to it, and to [queue] in {frame.site.file}"
        )
    else:
        alive = f"workers alive: {redis['workers']}" if redis["workers"] else "no worker is alive: start `svod worker`"
        frame.say(f"\nRedis ({redis['address']}) is there; {alive}")


def _queue(frame: Frame, queue: dict[str, Any], zones: Zones) -> None:
    if queue["queued"] or queue["running"] or queue["parked"]:
        frame.say(f"\njobs: {queue['queued']} queued, {len(queue['running'])} running, {len(queue['parked'])} parked")
    for job in queue["running"]:
        host, pid, _ = (job["holder"] or "nobody:?:").rsplit(":", 2)
        frame.say(
            f"job {job['id']}: {job['name']}: since {written(job['started_at'], zones.get(job['institution'], frame.zone))}, process {pid} on {host}"
        )
    for job in queue["parked"]:
        frame.say(
            f"job {job['id']}: {job['name']}: parked after {job['attempts']} attempts: {job['error']['message']}; "
            f"when it is mended: svod jobs retry {job['id']}"
        )


def _next(frame: Frame, plan: dict[str, Any], zones: Zones) -> None:
    """When a schedule falls due, by the clock by which it does: of several institutions that of the first."""
    whose = plan["institution"]
    first = next(iter(zones), "") if whose == EVERY else whose.partition(",")[0]
    due = written(plan["next_due_at"], zones.get(first, frame.zone))
    what = " ".join([plan["job"], *filter(None, [plan["arguments"].get("report")])])
    every = "all institutions" if whose == EVERY else whose.replace(",", ", ")
    frame.say(f"next {what} of {every}: {due} ({plan['cron']})")


def _sources(frame: Frame, document: dict[str, Any], zones: Zones) -> None:
    clocks = {s["source"]: zones[s["source"].partition("/")[0]] for s in document["sources"]}
    frame.table(
        ["source", "state", "since", "last delivered", "quarantine", "drift"],
        [
            [
                s["source"],
                _STATES.get(s["state"], s["state"]),
                written(s["state_since"], clocks[s["source"]]),
                written(s["last_read_at"], clocks[s["source"]]) or "never",
                sum(s["quarantine"].values()) or "",
                sum(d["count"] for d in s["drift"]) or "",
            ]
            for s in document["sources"]
        ],
        empty=frame.nothing_configured(),
    )
    for one in document["sources"]:
        if one["message"]:
            frame.say(f"{one['source']}: {without_source(one['message'], one['source'])}")
        for d in one["drift"]:
            frame.say(f"{one['source']}: {d['kind'].replace('_', ' ')} {d['place']}.{d['name']} × {d['count']}")
    if any(one["drift"] for one in document["sources"]):
        frame.say(_DRIFT)
    for r in document["waiting_removals"]:
        frame.say(
            f"{r['source']}: {r['rows']} removals wait; if they are right: svod import --accept-removals {r['run']}"
        )


_DRIFT: Final = (
    "drift is where a portal's answers differ from what svod knows of them: words and fields that are new, gone, or lead nowhere. "
    "The rest is read all the same; if it stays, send these lines to svod's developers"
)

_STATES: Final = {"needs_sign_in": "needs sign-in", "signed_in": "signed in"}
"""How states are written for people, where it is not by their names."""


def _source_status(key: str, row: Any, aside: dict[str, Any], drift: dict[str, Any]) -> dict[str, Any]:
    return {
        "source": key,
        "state": row.state if row else "new",
        "state_since": row.state_since if row else None,
        "message": row.message if row else None,
        "last_ok_at": row.last_ok_at if row else None,
        "last_read_at": row.last_read_at if row else None,
        "quarantine": aside.get(key, {}),
        "drift": [d for d in drift.get(key, []) if d["source"] == key],
    }


def runs_list(context: typer.Context, limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20) -> None:
    """List what ran, the newest first."""
    frame: Frame = context.obj
    with frame.store.reading() as connection:
        rows = run_log.recent(connection, limit=limit)
    if frame.json:
        frame.give({"runs": [asdict(r) for r in rows]})
    frame.table(
        ["run", "job", "status", "started", "seconds"],
        [[r.id, r.job, r.status, written(r.started_at, frame.zone), _seconds(r)] for r in rows],
        empty="nothing has run yet",
    )


def runs_show(context: typer.Context, run: Annotated[int, typer.Argument()]) -> None:
    """Show one run with its ledger and what drifted."""
    frame: Frame = context.obj
    with frame.store.reading() as connection:
        rows = run_log.recent(connection, run=run)
        ledger = run_log.ledger(connection, run)
        drift = run_log.drift(connection, run)
    if not rows:
        frame.fail(f"there is no run {run}", "not_found")
        return
    if frame.json:
        frame.give({**asdict(rows[0]), "ledger": ledger, "drift": drift})
        return
    begun, ended = (written(at, frame.zone) for at in (rows[0].started_at, rows[0].finished_at))
    frame.say(f"run {run}: {rows[0].job}, {rows[0].status}, started {begun}{f', finished {ended}' if ended else ''}")
    names = ["received", "inserted", "updated", "unchanged", "quarantined", "removed", "revived", "released"]
    frame.table(
        ["source", "entity", *names],
        [[s, e, *(c[n] or "" for n in names)] for s, es in ledger.items() for e, c in es.items()],
        empty="no ledger",
    )
    for d in drift:
        frame.say(f"{d['source']}: {d['kind'].replace('_', ' ')} {d['place']}.{d['name']} × {d['count']}")


def _seconds(run: run_log.Run) -> str:
    if not run.finished_at:
        return ""
    span = datetime.fromisoformat(run.finished_at).astimezone(UTC) - datetime.fromisoformat(run.started_at).astimezone(
        UTC
    )
    return f"{span.total_seconds():.1f}"


def ndjson(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    institution: Institutions = None,
    source: Sources = None,
    as_of: Annotated[str | None, typer.Option(help="As the store stood at this instant.")] = None,
    with_removed: Annotated[bool, typer.Option("--with-removed", help="Also what has vanished.")] = False,
) -> None:
    """Write one <entity>.ndjson each, sorted by source and key."""
    from pipelines.export import export_ndjson  # noqa: PLC0415 - takes long to load

    frame: Frame = context.obj
    keys = [j.key for j in frame.jobs(institution or (), source or ())]
    counts = export_ndjson(
        frame.store,
        folder,
        source_keys=keys if source or institution else (),
        as_of=parse_moment(as_of) if as_of else None,
        with_removed=with_removed,
    )
    if frame.json:
        frame.give({"folder": str(folder), "records": counts})
    frame.table(["entity", "records"], [[e, n] for e, n in counts.items()])
