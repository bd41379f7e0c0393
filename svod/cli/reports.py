"""The command `report`: lists the reports, and prints one."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from canonical.writing import check_target, whole_file
from pipelines.reporting.asking import NothingSuchError, Request
from pipelines.reporting.catalogue import Definition, definitions, find
from pipelines.reporting.formats import Format, formats
from pipelines.reporting.formats.json_document import as_data
from pipelines.reporting.making import NoJournalError, Place, make_report
from svod.cli.frame import WRONG, Frame
from svod.cli.moments import parse_moment
from svod.cli.options import Institutions

_STDOUT: Final = (Path("-"), Path("/dev/stdout"))


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("report")(report)


def report(
    context: typer.Context,
    name: Annotated[
        list[str],
        typer.Argument(metavar="list | NAME", help="The report's Russian name, or its id; `list` shows both."),
    ],
    institution: Institutions = None,
    group: Annotated[str | None, typer.Option(help="Only this class or group.")] = None,
    teacher: Annotated[str | None, typer.Option(help="Only this teacher: the family name, or the whole name.")] = None,
    period: Annotated[
        str | None,
        typer.Option(help="A period by name or key: «1 четверть», «1 семестр», «год»; else the current one."),
    ] = None,
    month: Annotated[str | None, typer.Option(help="A month, YYYY-MM.")] = None,
    as_of: Annotated[str | None, typer.Option(help="As the journals stood at this instant.")] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="xlsx (the default), html, csv or json; else as FILE ends.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Where to; - is standard output.")
    ] = None,
) -> None:
    """List the reports, or print one: for one institution, or consolidated over all."""
    frame: Frame = context.obj
    if name == ["list"]:
        _list(frame)
        return
    try:
        definition = find(" ".join(name))
        if out is not None and out not in _STDOUT:
            check_target(out)
        chosen = _format(form, out)
        request = Request(group, teacher, period, _month(month))
        _print(frame, definition, chosen, request, institution or [], as_of, out)
    except NothingSuchError as error:
        frame.fail(str(error), "usage", WRONG)
    except NoJournalError as error:
        frame.fail(str(error), "no_journal")


def _list(frame: Frame) -> None:
    known = definitions()
    if frame.json:
        frame.give({"reports": [_described(d) for d in known]})
    frame.table(
        ["id", "report", "clause", "takes"],
        [[d.id, d.title, d.clause, " ".join(f"--{o}" for o in _options(d))] for d in known],
    )


def _described(definition: Definition) -> dict[str, Any]:
    return {
        "id": definition.id,
        "title": definition.title,
        "also": list(definition.also),
        "about": definition.about,
        "clause": definition.clause,
        "takes": _options(definition),
    }


def _options(definition: Definition) -> list[str]:
    return ["group", *sorted(definition.takes)]


def _print(
    frame: Frame,
    definition: Definition,
    chosen: Format,
    request: Request,
    institutions: list[str],
    as_of: str | None,
    out: Path | None,
) -> None:
    places = [
        Place(i.place, frame.jobs([i.key]), frame.site.calendar(i)) for i in frame.site.institutions(institutions)
    ]
    made = make_report(
        frame.store, places, definition, request, now=frame.clock(), as_of=parse_moment(as_of) if as_of else None
    )
    body = chosen.write(made)
    if out in _STDOUT:
        _to_stdout(frame, chosen, body)
        return
    to_file = out is not None or not (frame.json and chosen.name == "json")
    path = out or Path(f"{definition.title}.{chosen.name}")
    if to_file:
        with whole_file(path) as file:
            file.write(body)
        frame.say(f"{path}: written")
    if frame.json:
        frame.give(as_data(made) if chosen.name == "json" else {"report": definition.id, "file": str(path)})


def _to_stdout(frame: Frame, chosen: Format, body: bytes) -> None:
    if frame.json and chosen.name != "json":
        raise NothingSuchError(f"--json leaves no room for {chosen.name} on standard output: name a file with -o")
    if not chosen.is_text and sys.stdout.isatty():
        raise NothingSuchError(f"{chosen.name} is not for a terminal: name a file with -o")
    frame.spoken = True
    with frame.aloud():
        sys.stdout.buffer.write(body)


def _format(form: str | None, out: Path | None) -> Format:
    """The format that was named, else the one that the file's name ends with; xlsx where neither is given."""
    known = ", ".join(sorted(formats()))
    if form is None and (out is None or out in _STDOUT):
        return formats()["xlsx"]
    name = (form or (out.suffix[1:] if out else "")).casefold()
    if name in formats():
        return formats()[name]
    if form is not None:
        raise NothingSuchError(f"there is no format {form!r}; there are: {known}")
    what = f"{out} ends with no format" if not name else f"{out}: there is no format {name!r}"
    raise NothingSuchError(f"{what}; there are: {known}; let the name end with one, or give --format")


def _month(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise NothingSuchError(f"--month {text!r} is not a month; write it as YYYY-MM") from None
