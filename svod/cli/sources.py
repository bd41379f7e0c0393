"""Commands about sources: init, check, import, replay."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from canonical.store import Store
from canonical.store import runs as run_log
from canonical.store.engine import address, shown
from canonical.store.jobs import BACKFILL, SOON, Wanted
from canonical.writing import whole_file
from connectors.captures import paths_of
from connectors.contract import CheckLine, Secret
from connectors.errors import (
    AccessDeniedError,
    ArchiveError,
    CaptureError,
    ConnectorError,
    ExpiredError,
    SignInNeededError,
    SourceConfigError,
    UnavailableError,
)
from connectors.http import BRIEF
from connectors.registry import connect
from pipelines.capturing import survey
from pipelines.importing import REPORT, Request, import_sources, replay_sources
from pipelines.workplace import SourceJob, Workplace
from svod.cli.frame import FAILED, WAITING, Frame, without_source
from svod.cli.moments import parse_day
from svod.cli.options import Institutions, MetricsHost, MetricsPort, Sources, metrics
from svod.cli.progress import by_source, expected_units
from svod.cli.queue import Queued, ask
from svod.settings import load

log = logging.getLogger("svod.check")

_LONG: Final = 62
"""Days of a journal that take long to read."""

_STEPS: Final = {
    SignInNeededError.code: "sign-in",
    ExpiredError.code: "sign-in",
    SourceConfigError.code: "configuration",
    AccessDeniedError.code: "rights",
    ArchiveError.code: "raw archive",
    CaptureError.code: "captures",
}
"""What has failed, by the error that ended a check."""

_MOST_MISSING: Final = 12

TEMPLATE: Final = """\
# The configuration of svod. An unknown key is an error. Relative paths begin at this file.

[store]
url = "sqlite:///svod.db"      # or postgresql+psycopg://user@host/name
raw_archive = "raw/"           # answers as they were received; "" switches it off
raw_keep_days = 400            # what `svod prune` leaves, see docs/care.md
# history_keep_days = 1100     # without it `--as-of` reaches back to the first day
# runs_keep_days = 400

# [secrets]                    # encrypts kept sign-ins in the store; without it they lie in a private file here
# key = { env = "SVOD_KEY" }

# [queue]                      # for `svod worker` on one machine or many; without it `svod scheduler` does all by itself
# url = "redis://localhost:6379/1"

# [[schedule]]                 # for `svod scheduler`; the hour is the institution's own
# job = "import"               # import | reconcile | completeness | report
# cron = "15 */2 * * 1-6"
# institutions = ["*"]

# [[institution]]
# key = "kolomna"
# name = "Колледж «Коломна»"
# kind = "college"             # school | college
# timezone = "Europe/Moscow"
# rules = "kolomna"            # config/rules/: which act it lives by
# calendar = "spo-2026"        # config/calendars/
#
#   [[institution.source]]
#   key = "portal"
#   connector = "mosreg"       # svod connectors list
#   remote_id = "1000000000123"
#   auth = { kind = "token", token = { env = "KOLOMNA_TOKEN" } }   # a secret is never in this file
#
#   [[institution.source]]
#   key = "registry"
#   connector = "files"
#   layout = "canonical"
#   path = "drop/kolomna"
"""


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("init")(init)
    app.command("check")(check)
    app.command("import")(import_)
    app.command("replay")(replay)


def init(context: typer.Context) -> None:
    """Write a commented svod.toml here, and create the store."""
    frame: Frame = context.obj
    path = frame.config or Path("svod.toml")
    made = not path.exists()
    if made:
        with whole_file(path) as file:
            file.write(TEMPLATE.encode())
    frame.config = path
    site = load(path)
    Store(site.store_url, frame.clock).close()
    store = shown(address(site.settings.store.url))
    if frame.json:
        frame.give({"config": str(path), "written": made, "store": store})
    frame.say(f"{path}: {'written; describe your institutions in it' if made else 'was there already, and is kept'}")
    frame.say(f"store {store}: ready")


def check(context: typer.Context, source: Annotated[list[str] | None, typer.Argument()] = None) -> None:
    """Ask each source whether it is reachable, whether the credentials are good, and what they let us read."""
    frame: Frame = context.obj
    jobs = frame.jobs(sources=source or ())
    document = []
    for one in asyncio.run(check_all(frame.work, jobs)):
        document.append(
            {
                "source": one.job.key,
                "ok": one.good,
                "error": one.error,
                "lines": [{"what": x.what, "ok": x.ok, "detail": x.detail} for x in one.lines],
            }
        )
        frame.say(f"{one.job.key}: {'good' if one.good else 'not good'}")
        for line in one.lines:
            sign = {True: "yes", False: "NO", None: "?"}[line.ok]
            told_below = line.ok is False
            frame.say(f"  {line.what}: {sign}{f' ({line.detail})' if line.detail and not told_below else ''}")
            if told_below:
                step = "" if one.error else f"{line.what}: "
                frame.complain(f"{one.job.key}: {step}{line.detail or 'no'}")
                frame.status = FAILED
    warnings = [f"{frame.site.file}: {w}" for w in frame.site.settings.passwords_in_addresses()]
    if frame.json:
        frame.give({"sources": document, "warnings": warnings})
    for warning in warnings:
        frame.complain(warning)
    if not jobs:
        frame.complain(frame.nothing_configured())


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found out of a source. `error` is null, or `{"code", "message"}` of what ended the asking."""

    job: SourceJob
    lines: Sequence[CheckLine]
    error: dict[str, str] | None = None

    @property
    def good(self) -> bool:
        return all(line.ok is not False for line in self.lines)


async def check_all(work: Workplace, jobs: Sequence[SourceJob]) -> list[Checked]:
    """Asks every source, at once; what one of them does is no matter of the others. Nobody waits long for a portal."""
    work = replace(work, patience=BRIEF)

    async def one(job: SourceJob) -> Checked:
        context = work.context(job)
        try:
            if job.config.har:
                return Checked(job, [_shown(job, line) for line in await survey(work, job)])
            connector = connect(context)
            try:
                lines = [*await connector.check(), *_secrets_that_lack(job)]
                return Checked(job, [_shown(job, line) for line in lines])
            finally:
                await connector.close()
        except ConnectorError as error:
            log.debug("source %s", job.key, exc_info=True)
            answered = any(session.has_answered for session in context.sessions)
            return Checked(job, _steps(job, error, answered=answered), {"code": error.code, "message": str(error)})
        except Exception as error:
            log.debug("source %s", job.key, exc_info=True)
            what = f"{type(error).__name__}: {REPORT}"
            return Checked(job, [CheckLine("svod", ok=False, detail=what)], {"code": "internal_error", "message": what})

    return list(await asyncio.gather(*(one(job) for job in jobs)))


def _secrets_that_lack(job: SourceJob) -> list[CheckLine]:
    """What the source's `auth` names and is not there: a kept sign-in does without it only for so long."""
    lines = []
    for _, value in job.config.auth or ():
        if isinstance(value, Secret):
            try:
                value.reveal()
            except SourceConfigError as error:
                lines.append(CheckLine(_STEPS[error.code], ok=False, detail=str(error)))
    return lines


def _steps(job: SourceJob, error: ConnectorError, *, answered: bool) -> list[CheckLine]:
    """How far the asking came before an error ended it."""
    what = "portal" if isinstance(error, UnavailableError) else _STEPS.get(error.code, "answers")
    before = [CheckLine("portal", ok=True)] if answered and what != "portal" else []
    return [*before, _shown(job, CheckLine(what, ok=False, detail=str(error)))]


def _shown(job: SourceJob, line: CheckLine) -> CheckLine:
    """The line as it stands below the source's name."""
    return replace(line, detail=without_source(line.detail, job.key))


def import_(
    context: typer.Context,
    institution: Institutions = None,
    source: Sources = None,
    since: Annotated[str | None, typer.Option(help="The first day to read, YYYY-MM-DD.")] = None,
    until: Annotated[str | None, typer.Option(help="The last day to read, YYYY-MM-DD.")] = None,
    full: Annotated[bool, typer.Option("--full", help="The whole academic year, everything anew.")] = False,
    har: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE", help="Read a browser's capture in place of the portal (one --source); may be a pattern."
        ),
    ] = None,
    accept_removals: Annotated[
        int | None, typer.Option(metavar="RUN", help="Apply the removals that RUN left to a person.")
    ] = None,
    queue: Queued = False,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = "127.0.0.1",
) -> None:
    """Read from the portals into the store."""
    frame: Frame = context.obj
    if accept_removals is not None:
        _accept(frame, accept_removals)
        return
    request = Request(parse_day(since, "--since"), parse_day(until, "--until"), full)
    if request.since and request.until and request.since > request.until:
        raise typer.BadParameter("--since is later than --until")
    jobs = frame.jobs(institution or (), source or ())
    if har:
        if request.explicit or full:
            raise typer.BadParameter("--har reads what was captured: leave out --since, --until and --full")
        if queue:
            raise typer.BadParameter(
                "--har reads files of this machine: leave out --queue, or name them as har in the source"
            )
        jobs = _of_capture(jobs, source or (), har)
    if not jobs:
        frame.complain(frame.nothing_configured(institution or ()))
    if queue:
        ask(frame, [_wanted(job, request) for job in jobs])
        return
    with metrics(frame, metrics_host, metrics_port):
        result = _import_with_progress(frame, jobs, request)
    _finish(frame, result)


def _of_capture(jobs: Sequence[SourceJob], named: Sequence[str], patterns: Sequence[str]) -> list[SourceJob]:
    """The one source that was named, to be read from files."""
    if not named or len(jobs) != 1:
        what = (
            "name the source that was captured: --source" if not named else "a capture is of one source: name it alone"
        )
        raise typer.BadParameter(f"--har: {what}")
    (job,) = jobs
    if job.manifest.product(job.config.product).captures is None:
        raise typer.BadParameter(f"--har: browser captures of {job.key} cannot be read")
    try:
        files = tuple(str(p) for p in paths_of(patterns, Path.cwd()))
    except CaptureError as error:
        raise typer.BadParameter(f"--har: {error}") from None
    return [replace(job, config=job.config.model_copy(update={"har": files}))]


def _wanted(job: SourceJob, request: Request) -> Wanted:
    """An import as a job. What reads months of a journal goes behind what a person waits for."""
    days = (request.until - request.since).days if request.since and request.until else 0
    long = request.full or days > _LONG or (request.since is not None and request.until is None)
    arguments = {name: value for name, value in request.as_json().items() if value}
    return Wanted("import", job.institution.key, job.config.key, arguments, BACKFILL if long else SOON)


def _import_with_progress(frame: Frame, jobs: list[SourceJob], request: Request) -> dict[str, Any]:
    """Imports; shows what each source has come to, and how long it will take by the last time."""
    last: dict[str, int] = {}
    if not frame.quiet:
        with frame.store.reading() as connection:
            last = expected_units(run_log.recent(connection, limit=_LOOK_BACK), request.as_json())
    with by_source(frame, {j.key: last.get(j.key) for j in jobs}) as progress:
        return import_sources(frame.work, jobs, request, progress=progress)


_LOOK_BACK: Final = 50
"""Runs among which an import like this one is looked for."""


def replay(
    context: typer.Context,
    source: Sources = None,
    since: Annotated[str | None, typer.Option(help="The first day to map again, YYYY-MM-DD.")] = None,
) -> None:
    """Map the archived raw answers again, without the portals."""
    frame: Frame = context.obj
    _finish(frame, replay_sources(frame.work, frame.jobs(sources=source or ()), parse_day(since, "--since")))


def _finish(frame: Frame, result: dict[str, Any]) -> None:
    waiting = False
    rows = []
    for one in result["sources"]:
        for entity, counts in one["entities"].items():
            rows.append([one["source"], entity, *(counts[c] or "" for c in ("received", "inserted", "updated", "unchanged", "quarantined", "removed"))])  # fmt: skip
        if one.get("capture"):
            _tell_capture(frame, one["source"], one["capture"])
        if one["error"]:
            message = without_source(one["error"]["message"], one["source"])
            frame.complain(f"{one['source']}: {one['status']}: {message}")
        if one["new_quarantine"]:
            waiting = True
            frame.complain(
                f"{one['source']}: {one['new_quarantine']} records could not be stored; see `svod quarantine list`"
            )
        if one["waiting_removals"]:
            waiting = True
            frame.complain(
                f"{one['source']}: {one['waiting_removals']} records have vanished at once, too many to be believed; "
                f"if they are really gone, call `svod import --accept-removals {result['run']}`"
            )
    if frame.json:
        frame.give(result)
    if result["sources"]:
        frame.table(
            ["source", "entity", "received", "inserted", "updated", "unchanged", "quarantined", "removed"], rows
        )
        frame.say(f"run {result['run']}: {result['status']}")
    frame.status = FAILED if result["status"] != "ok" else WAITING if waiting else frame.status


def _tell_capture(frame: Frame, source: str, capture: dict[str, Any]) -> None:
    """What was found in a capture, and what was not."""
    frame.say(f"{source}: {capture['answers']} captured answers read")
    missing = capture["not_captured"]
    if missing:
        more = f" and {len(missing) - _MOST_MISSING} more" if len(missing) > _MOST_MISSING else ""
        frame.say(f"{source}: not in the capture ({len(missing)}): {', '.join(missing[:_MOST_MISSING])}{more}")


def _accept(frame: Frame, run: int) -> None:
    with frame.store.reading() as connection:
        known = run_log.recent(connection, run=run)
    if not known:
        frame.fail(f"there is no run {run}; see `svod runs list`", "not_found")
        return
    done = frame.store.accept_removals(run)
    if frame.json:
        frame.give({"run": run, "removed": done})
    frame.table(["source", "entity", "removed"], [[s, e, n] for s, es in done.items() for e, n in es.items()],
                empty=f"nothing waits from run {run}")  # fmt: skip
