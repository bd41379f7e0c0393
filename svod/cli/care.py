"""Care of the store: backup, restore, prune, verify."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from canonical.store.engine import address
from canonical.store.pruning import Limits
from connectors.archive import FolderArchive
from pipelines.care.backup import back_up
from pipelines.care.pruning import prune as prune_store
from pipelines.care.restore import Target
from pipelines.care.restore import restore as restore_store
from pipelines.care.verifying import verify as verify_store
from svod import __version__
from svod.cli.frame import FAILED, Frame
from svod.cli.moments import written
from svod.cli.progress import by_step


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("backup")(backup)
    app.command("restore")(restore)
    app.command("prune")(prune)
    app.command("verify")(verify)


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the backup goes: svod-2026-11-20.backup.")],
    with_raw: Annotated[bool, typer.Option("--with-raw", help="With the raw answers.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")] = False,
) -> None:
    """Write the store into one file, as it stands at one moment; imports may go on."""
    frame: Frame = context.obj
    archive = _archive(frame)
    if with_raw and archive is None:
        raise typer.BadParameter('there is no raw archive ([store] raw_archive = "")', param_hint="--with-raw")
    with by_step(frame) as told:
        done = back_up(
            frame.store, file, version=__version__, archive=archive if with_raw else None, force=force, told=told
        )
    manifest = done["manifest"]
    if frame.json:
        frame.give({**done, "manifest": msgspec.to_builtins(manifest)})
    rows = sum(manifest.rows.values())
    raw = f", {manifest.raw.bodies} raw answers" if manifest.raw else ""
    frame.say(f"{file}: {_size(done['bytes'])}, {rows} rows{raw}")
    if (frame.site.root / ".svod-sign-in.json").exists():
        frame.say("kept sign-ins are not in it: they lie in .svod-sign-in.json beside the configuration")
    if manifest.raw and manifest.raw.absent + manifest.raw.damaged:
        frame.complain(
            f"{file}: written, but {manifest.raw.absent} raw answers are not in the archive and {manifest.raw.damaged} "
            "are damaged there; svod verify names them"
        )
        frame.status = FAILED


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")],
    force: Annotated[bool, typer.Option("--force", help="Replace all that the store holds now.")] = False,
) -> None:
    """Put a backup in the place of the store, which must be empty; it is looked at whole before anything is touched."""
    frame: Frame = context.obj
    url = frame.site.store_url
    database = address(url).database
    is_file = address(url).get_backend_name() == "sqlite" and database
    folder = Path(database).parent if is_file and database else frame.site.root
    archive = _archive(frame)
    with by_step(frame) as told:
        done = restore_store(file, Target(url, folder, frame.clock, archive), force=force, told=told)
    manifest = done["manifest"]
    if frame.json:
        frame.give({**done, "manifest": msgspec.to_builtins(manifest)})
    made = written(manifest.made_at, frame.zone)
    frame.say(f"{file}, made {made} by svod {manifest.svod}: restored, {sum(manifest.rows.values())} rows")
    if manifest.raw and archive is not None:
        frame.say(f"{done['bodies']} raw answers are in the archive")
    elif manifest.raw:
        frame.say('its raw answers are left out: [store] raw_archive = ""')
    if done["aside"]:
        frame.say(f"the store that could not be opened is kept as {done['aside']}")


def prune(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would go, and change nothing.")] = False,
    lost: Annotated[
        bool, typer.Option("--lost", help="Also forget answers whose bodies are lost or damaged for good.")
    ] = False,
) -> None:
    """Let go of what is older than [store] raw_keep_days, runs_keep_days and history_keep_days say."""
    frame: Frame = context.obj
    keep = frame.site.settings.store
    now = frame.clock()
    history = now - timedelta(days=keep.history_keep_days) if keep.history_keep_days else None
    limits = Limits(now - timedelta(days=keep.raw_keep_days), now - timedelta(days=keep.runs_keep_days), history)
    with by_step(frame) as told:
        told("pruning", 0, None)
        done = prune_store(frame.store, _archive(frame), limits, lost=lost, trial=dry_run)
    since = done["history_from"]
    moment = datetime.fromtimestamp(since / 1_000_000, UTC).isoformat(timespec="seconds") if since else None
    if frame.json:
        frame.give({"dry_run": dry_run, **done, "history_from": moment})
    frame.table(
        ["would go" if dry_run else "gone", "number"],
        [
            [f"raw answers ({_size(done['bytes'])})", done["bodies"]],
            ["answers that nothing leads to", done["answers"]],
            ["answers without a body (--lost)", done["lost"]],
            ["earlier versions of records", done["versions"]],
            ["settled entries of the quarantine", done["quarantine"]],
            ["ledger lines of old runs, added up", done["ledger"]],
            ["drift lines of old runs", done["drift"]],
            ["settled jobs", done["jobs"]],
        ],
    )
    if moment:
        frame.say(f"--as-of {'could then show' if dry_run else 'shows'} the store from {moment} on, and no earlier")


def verify(
    context: typer.Context,
    raw: Annotated[bool, typer.Option("--raw/--no-raw", help="Whether to look at the raw answers too.")] = True,
) -> None:
    """Hold the store against its invariants: ledger against rows, history, references, the raw answers' hashes."""
    frame: Frame = context.obj
    with by_step(frame) as told:
        found = verify_store(frame.store, _archive(frame) if raw else None, told)
    document: dict[str, Any] = {
        "ok": not found.damage,
        "checked": dict(found.checked),
        "damage": [
            {
                "check": d.check,
                "where": d.where,
                "what": d.what,
                "count": d.count,
                "examples": d.examples,
                "todo": d.todo,
            }
            for d in found.damage
        ],
        "notes": found.notes,
    }
    if frame.json:
        frame.give(document)
    for one in found.damage:
        shown = ", ".join(one.examples) + (", …" if one.count > len(one.examples) else "")
        frame.complain(f"{one.where}: {one.what}: {one.count} ({shown})\n  {one.todo}")
    for line in found.notes:
        frame.say(line)
    frame.say(f"looked at {', '.join(f'{n} {what}' for what, n in found.checked.items()) or 'the database'}")
    kinds = "1 kind" if len(found.damage) == 1 else f"{len(found.damage)} kinds"
    frame.say(f"{kinds} of damage" if found.damage else "the store is in order")
    if found.damage:
        frame.status = FAILED


def _archive(frame: Frame) -> FolderArchive | None:
    folder = frame.site.archive_folder
    return FolderArchive(folder) if folder else None


def _size(number: int) -> str:
    return f"{number / 1_000_000:,.1f} MB".replace(",", " ")
