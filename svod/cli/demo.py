"""The command `demo`: the whole job on stand-in portals."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from canonical.writing import explained, whole_file
from pipelines.completeness.finding import OPEN
from pipelines.completeness.running import Request as Judgement
from pipelines.completeness.running import Result as Judged
from pipelines.completeness.running import Ward, completeness, totals
from pipelines.importing import Request, import_sources
from pipelines.reconciling import Result as Reconciled
from pipelines.reconciling import reconcile
from pipelines.reporting.asking import Request as Question
from pipelines.reporting.catalogue import definitions
from pipelines.reporting.formats import formats
from pipelines.reporting.making import Place, make_report
from svod.cli.frame import FAILED, Frame
from svod.cli.sources import check_all
from svod.demo import CAST, DemoError, clear, standins, write_installation

MOMENT: Final = "2026-11-20T18:00:00+03:00"
"""Where the clock stands, unless `--now` says otherwise: the same demo every day, in the middle of a term."""


@dataclass(slots=True)
class _Play:
    """What the demo has come to."""

    folder: Path
    config: Path
    began: float = field(default_factory=time.monotonic)
    imported: list[dict[str, Any]] = field(default_factory=list)
    reconciled: list[Reconciled] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    reports: list[Path] = field(default_factory=list)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("demo")(demo)


def demo(
    context: typer.Context,
    students: Annotated[int, typer.Option(min=20, help="About how many in each institution.")] = 60,
    seed: Annotated[int, typer.Option(help="The same seed makes the same people and journals.")] = 1,
    folder: Annotated[Path, typer.Option("--dir", help="Where the installation is made.")] = Path("demo-out"),
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stand-in portals running until Ctrl-C.")] = False,
) -> None:
    """Start stand-in portals, and do the whole job on them: check, import, reconcile, completeness, reports."""
    frame: Frame = context.obj
    frame.now = frame.now or datetime.fromisoformat(MOMENT)
    try:
        with explained(folder):
            clear(folder)
        with standins(students=students, seed=seed, now=frame.now) as portals:
            with _step(frame, f"stand-in portals: {', '.join(f'{a.name} ({a.connector})' for a in CAST)}"):
                said = portals()
            with explained(folder):
                frame.config = write_installation(folder, said, students=students, seed=seed, now=frame.now)
            play = _Play(folder, frame.config)
            _do(frame, play)
            _tell(frame, play)
            if keep and frame.status != FAILED:
                _wait(frame, play)
    except DemoError as error:
        frame.fail(str(error), "demo")


def _do(frame: Frame, play: _Play) -> None:
    jobs = frame.jobs()
    with _step(frame, "check: can every source be read?"):
        for checked in asyncio.run(check_all(frame.work, jobs)):
            if not checked.good:
                wrong = "; ".join(f"{line.what}: {line.detail}" for line in checked.lines if line.ok is False)
                raise DemoError(f"{checked.job.key} cannot be read: {wrong}")
    with _step(frame, "import: from four portals and a registry into the store"):
        play.imported = import_sources(frame.work, jobs, Request())["sources"]
        for one in play.imported:
            if one["error"]:
                raise DemoError(f"{one['source']}: {one['error']['message']}")
    with _step(frame, "reconcile: the two sources of one institution"):
        play.reconciled = reconcile(frame.store, jobs)
    site = frame.site
    with _step(frame, "completeness: the journals against the rules"):
        wards = [
            Ward(i.place, frame.jobs([i.key]), site.rules(i), site.calendar(i)) for i in site.institutions()
        ]  # fmt: skip
        _, play.judged = completeness(frame.store, wards, Judgement())
    places = [Place(i.place, frame.jobs([i.key]), site.calendar(i)) for i in site.institutions()]
    for definition in definitions():
        with _step(frame, f"report: «{definition.title}» over all institutions"):
            made = make_report(frame.store, places, definition, Question(), now=frame.clock())
            for name, form in sorted(formats().items()):
                path = play.folder / "reports" / f"{definition.title}.{name}"
                with whole_file(path) as file:
                    file.write(form.write(made))
                play.reports.append(path)


@contextmanager
def _step(frame: Frame, what: str) -> Iterator[None]:
    """Says what is being done, on standard error, and then how long it took."""
    began = time.monotonic()
    end = "failed"
    if not frame.quiet:
        frame.errors.print(f"  {what} … ", end="", markup=False)
    try:
        yield
        end = f"{time.monotonic() - began:.1f} s"
    finally:
        if not frame.quiet:
            frame.errors.print(end, markup=False)


def _tell(frame: Frame, play: _Play) -> None:
    rows = [_row(actor.key, play) for actor in CAST]
    if frame.json:
        frame.give(
            {
                "dir": str(play.folder),
                "config": str(play.config),
                "seconds": round(time.monotonic() - play.began, 1),
                "institutions": rows,
                "reports": [str(path) for path in play.reports],
            }
        )
    frame.say("")
    frame.table(
        ["institution", "sources", "records", "lessons", "marks", "quarantined", "filled", "findings", "differences"],
        [
            [
                row["name"],
                ", ".join(row["sources"]),
                row["records"],
                row["lessons"],
                row["marks"],
                row["quarantined"],
                f"{row['filled']:.1%}" if row["filled"] is not None else "",
                row["findings"],
                row["discrepancies"] if row["discrepancies"] is not None else "one source",
            ]
            for row in rows
        ],
    )  # fmt: skip
    frame.say("\nReports over all institutions (also as .html, .csv, .json):")
    for path in play.reports:
        if path.suffix == ".xlsx":
            frame.say(f"  {path}")
    frame.say("\nLook closer:")
    for words in ("completeness --institution school", "discrepancies list", "status"):
        frame.say(f"  {_call(frame, play)} {words}")


def _call(frame: Frame, play: _Play) -> str:
    """How this installation is worked with."""
    name = Path(sys.argv[0])
    command = str(name) if name.name == "svod" else f"{Path(sys.executable).name} -m svod"
    return f"{command} --config {play.config} --now {frame.clock().isoformat()}"


def _row(key: str, play: _Play) -> dict[str, Any]:
    """What is known of one institution."""
    sources = [one for one in play.imported if one["source"].startswith(f"{key}/")]
    stored: dict[str, int] = {}
    for one in sources:
        for entity, counts in one["entities"].items():
            stored[entity] = stored.get(entity, 0) + counts["inserted"]
    judged = [r for r in play.judged if r.institution == key]
    filled = totals(rate for r in judged for rate in r.fill)["institution"]
    pairs = [pair for r in play.reconciled if r.institution == key for pair in r.pairs]
    return {
        "key": key,
        "name": next(a.name for a in CAST if a.key == key),
        "sources": [one["source"].partition("/")[2] for one in sources],
        "records": sum(stored.values()),
        "lessons": stored.get("lessons", 0),
        "marks": stored.get("marks", 0),
        "quarantined": sum(one["new_quarantine"] for one in sources),
        "filled": filled[0].rate if filled else None,
        "findings": sum(f.state in OPEN for r in judged for f in r.findings),
        "discrepancies": sum(len(pair.discrepancies) for pair in pairs) if pairs else None,
    }


def _wait(frame: Frame, play: _Play) -> None:
    frame.say("\nThe stand-in portals run until Ctrl-C:")
    for institution in frame.site.institutions():
        frame.say(f"  {institution.source[0].base_url}  {institution.name}")
    frame.say(f"  for instance: {_call(frame, play)} import")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        frame.say("stopped")
