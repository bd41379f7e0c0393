"""Commands about exported files: which layout fits, and a proposal for one that none fits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from canonical.scales import Scale
from canonical.toml_files import ConfigError
from canonical.writing import explained, whole_file
from canonical.years import AcademicYear
from connectors.files.identifying import Preview, Verdict, identify
from connectors.files.layouts.model import Layout, load_layout
from connectors.files.learning.proposing import propose
from svod.cli.frame import FAILED, Frame
from svod.settings import SettingsError, Site, load_or_empty

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="An exported file.")]
ScaleName = Annotated[str, typer.Option("--scale", help="A scale of config/scales/: which values are marks.")]
College = Annotated[bool, typer.Option("--college", help="The file is of a college, whose groups are no classes.")]

_EXAMPLES = 3
_FAULTS = 10


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(name="files", help="Exported files and their layouts.", no_args_is_help=True)
    group.command("identify")(identify_)
    group.command("learn")(learn)
    app.add_typer(group)


def identify_(context: typer.Context, file: File, scale: ScaleName = "five", college: College = False) -> None:
    """Say which layout fits a file and what it reads of it, and why the others do not fit."""
    frame: Frame = context.obj
    site = load_or_empty(frame.config)
    verdicts = identify(
        _layouts(site), file.read_bytes(), file.name, scale=_scale(site, scale), year=_year(frame), kind=_kind(college)
    )
    good = [v for v in verdicts if v.fits]
    if frame.json:
        form = verdicts[0].format if verdicts else None
        frame.give({"file": str(file), "format": form, "layouts": [v.as_json() for v in verdicts]})
    if good:
        frame.say(f"{file.name} ({good[0].format}): layout {good[0].layout.name} fits: {good[0].layout.title}")
        _show(frame, good[0])
    else:
        frame.complain(f"{file}: no layout fits; `svod files learn {file}` proposes one")
        frame.status = FAILED
    for other in verdicts:
        if other is not (good[0] if good else None):
            why = "fits as well, but less" if other.fits else "; ".join(other.lacking)
            frame.say(f"  not {other.layout.name}: {why}")


def _show(frame: Frame, verdict: Verdict) -> None:
    rows = [
        [t.table.kind, t.sheet.name, t.row + 1, ", ".join(f"{n} {c}" for n, c in verdict.as_json()["tables"][k]["columns"].items()), len(t.across) or ""]
        for k, t in enumerate(verdict.tables)
    ]  # fmt: skip
    frame.table(["table", "sheet", "header row", "columns", "across"], rows)
    if verdict.preview:
        _preview(frame, verdict.preview)


def _preview(frame: Frame, preview: Preview) -> None:
    frame.say("it reads: " + ", ".join(f"{n} {entity}" for entity, n in preview.counts.items()))
    for fault in preview.unreadable[:_FAULTS]:
        frame.say(f"  cannot be read: {fault}")
    if len(preview.unreadable) > _FAULTS:
        frame.say(f"  and {len(preview.unreadable) - _FAULTS} more")
    if preview.unknown:
        frame.say("  columns that it does not read: " + ", ".join(preview.unknown))


def learn(
    context: typer.Context,
    file: File,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the layout here: config/layouts/NAME.toml.")
    ] = None,
    scale: ScaleName = "five",
    college: College = False,
) -> None:
    """Propose a layout for a file: show what it would read, and write the TOML for a person to correct."""
    frame: Frame = context.obj
    if output is not None and output.exists():
        raise typer.BadParameter(f"{output} is there already; name another file, or remove it", param_hint="-o")
    site = load_or_empty(frame.config)
    proposal = propose(
        _layouts(site), file.read_bytes(), file.name, scale=_scale(site, scale), year=_year(frame), kind=_kind(college)
    )
    if proposal is None:
        frame.fail(
            f"{file}: no table is found in it: no header row with names, days, periods or marks below", "no_table"
        )
        return
    if output is not None:
        with explained(output):
            output.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(output) as written:
            written.write(proposal.text.encode())
        frame.say(f"{output}: written; look through it, and correct it")
    elif not frame.json:
        frame.show(proposal.text, soft_wrap=True, end="")
    if frame.json:
        frame.give(_document(file, proposal.text, proposal.kind, proposal.columns, proposal.missing, proposal.preview))
    for what in proposal.missing:
        frame.complain(f"missing: {what}; the layout cannot be used until you say it")
    if output is not None and proposal.preview:
        _preview(frame, proposal.preview)
        for entity, example in list(proposal.preview.examples.items())[:_EXAMPLES]:
            frame.say(f"  for example {entity}: {example}")
    if proposal.missing:
        frame.status = FAILED


def _document(
    file: Path, text: str, kind: str, columns: dict[str, str], missing: list[str], preview: Preview | None
) -> dict[str, Any]:
    return {
        "file": str(file),
        "kind": kind,
        "columns": columns,
        "missing": missing,
        "records": preview.counts if preview else {},
        "examples": preview.examples if preview else {},
        "unreadable": preview.unreadable if preview else [],
        "unknown_columns": preview.unknown if preview else [],
        "layout": text,
    }


def _layouts(site: Site) -> list[Layout]:
    """All layouts, the installation's own and those that come with svod."""
    try:
        return [load_layout(site.data("layouts", name, "layout")) for name in site.names("layouts")]
    except ConfigError as error:
        raise SettingsError(str(error)) from None


def _scale(site: Site, name: str) -> Scale:
    try:
        return Scale.load(site.data("scales", name, "--scale"))
    except (ValueError, AttributeError) as error:
        raise SettingsError(str(error)) from None


def _year(frame: Frame) -> AcademicYear:
    return AcademicYear.of(frame.clock().date())


def _kind(college: bool) -> Literal["school", "college"]:
    return "college" if college else "school"
