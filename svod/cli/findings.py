"""Commands about the life of what completeness found."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

import typer

from canonical.text import sort_key, tidy
from canonical.toml_files import near
from pipelines.completeness import keeping
from pipelines.completeness.catalogue import CATALOGUE
from pipelines.completeness.finding import Finding
from pipelines.completeness.keeping import NoSuchFindingError
from pipelines.completeness.rule import SEVERITIES
from pipelines.completeness.running import order
from pipelines.completeness.suspicion import Severity
from pipelines.journals import group_names, staff_names
from svod.cli.finding_tables import STATE, describe, list_findings, state
from svod.cli.frame import FAILED, Frame
from svod.cli.moments import parse_day
from svod.cli.options import Institutions


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    findings = typer.Typer(help="The life of what completeness found.", no_args_is_help=True)
    findings.command("list")(list_)
    findings.command("show")(show)
    findings.command("waive")(waive)
    app.add_typer(findings, name="findings")


def list_(
    context: typer.Context,
    institution: Institutions = None,
    rule: Annotated[str | None, typer.Option(help="Only of this rule.")] = None,
    state: Annotated[str | None, typer.Option(help="Only new, confirmed, back, excused or fixed.")] = None,
    severity: Annotated[str | None, typer.Option(help="Only as grave as this: info, warning or error.")] = None,
    group: Annotated[str | None, typer.Option(help="Only of this class or group.")] = None,
    teacher: Annotated[str | None, typer.Option(help="Only of a teacher whose name holds this.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also what is closed.")] = False,
) -> None:
    """List the findings on record: those that are open or excused."""
    frame: Frame = context.obj
    gravity = parse_severity(severity, "--severity")
    if rule is not None and rule not in CATALOGUE:
        raise typer.BadParameter(f"--rule {rule!r}: there is no such rule{near(rule, CATALOGUE)}")
    if state is not None and state not in STATE:
        raise typer.BadParameter(f"--state {state!r} is none of {', '.join(STATE)}")
    wanted = {i.key: i.kind for i in frame.site.institutions(institution or ())}
    with frame.store.reading() as connection:
        known = keeping.findings(connection, rule=rule, state=state)
        if group is not None or teacher is not None:
            ever = [f for f in keeping.findings(connection).values() if f.institution in wanted or not institution]
            _check_group(group, {f.group for f in ever if f.group} | group_names(connection, wanted))
            _check_teacher(teacher, {f.teacher for f in ever if f.teacher} | staff_names(connection, wanted))
    some = [
        f
        for f in known.values()
        if (f.institution in wanted or not institution)
        and (every or state or f.state != "fixed")
        and (gravity is None or SEVERITIES.index(f.severity) >= SEVERITIES.index(gravity))
        and (group is None or _plain(group) == _plain(f.group))
        and (teacher is None or _plain(teacher) in _plain(f.teacher))
    ]
    some.sort(key=order)
    if frame.json:
        frame.give({"findings": [f.as_json(frame.clock()) for f in some]})
    list_findings(frame, some, wanted, several=len({f.institution for f in some}) > 1)


def _check_group(group: str | None, known: Collection[str]) -> None:
    if group is not None and _plain(group) not in {_plain(name) for name in known}:
        there = ", ".join(f"«{name}»" for name in sorted(known, key=sort_key)) or "none"
        raise typer.BadParameter(f"--group {group!r}: no journal here has such a class or group; there are: {there}")


def _check_teacher(teacher: str | None, known: Collection[str]) -> None:
    """Names of people stay out of messages: they are not listed."""
    if teacher is not None and not any(_plain(teacher) in _plain(name) for name in known):
        raise typer.BadParameter(
            "--teacher: nobody of this name is in the journals here; write a part of the full name"
        )


def show(context: typer.Context, finding: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Show one finding with its life; the beginning of its id is enough."""
    frame: Frame = context.obj
    try:
        with frame.store.reading() as connection:
            found = keeping.one(connection, finding)
    except NoSuchFindingError as error:
        frame.fail(str(error), "not_found")
        return
    if frame.json:
        frame.give(found.as_json(frame.clock()))
    places = {i.key: i.place for i in frame.site.institutions()}
    zone = places[found.institution].zone if found.institution in places else None
    for name, value in describe(found, {k: p.kind for k, p in places.items()}, zone, frame.clock()):
        frame.say(f"{name}: {value}")


def waive(
    context: typer.Context,
    finding: Annotated[list[str], typer.Argument(metavar="ID…")],
    until: Annotated[str | None, typer.Option(help="The last day on which it is excused, YYYY-MM-DD.")] = None,
    why: Annotated[str | None, typer.Option(help="The reason, for those who look at it later.")] = None,
    lift: Annotated[bool, typer.Option("--lift", help="End the waiver.")] = False,
    alike: Annotated[
        bool, typer.Option("--alike", help="Also those that say the same of other pupils: one line of the list.")
    ] = False,
) -> None:
    """Excuse findings until a day, with the reason; or end that."""
    frame: Frame = context.obj
    day = parse_day(until, "--until")
    if lift == (day is not None or why is not None):
        raise typer.BadParameter("give --until and --why, or --lift")
    reason = tidy(why)
    if not lift and (day is None or reason is None):
        raise typer.BadParameter("both --until and --why are needed")
    if day is not None and day < frame.clock().date():
        raise typer.BadParameter(f"--until {until} is over already")
    done: dict[str, Finding] = {}
    for beginning in finding:
        try:
            with frame.store.writing() as connection:
                for key in keeping.alike(connection, beginning) if alike else [beginning]:
                    after = (
                        keeping.waive(connection, key, day, reason) if day and reason else keeping.lift(connection, key)
                    )
                    done[after.id] = after
        except NoSuchFindingError as error:
            frame.complain(str(error))
            frame.status = FAILED
    if frame.json:
        frame.give({"findings": [f.as_json(frame.clock()) for f in done.values()]})
    for f in done.values():
        frame.say(f"{f.id}: {state(f)}: {f.message}")


def parse_severity(text: str | None, option: str) -> Severity | None:
    """A severity by its name, or null where none is given.

    Raises:
        typer.BadParameter: it is none.

    """
    found = next((s for s in SEVERITIES if s == text), None)
    if text is not None and found is None:
        raise typer.BadParameter(f"{option} {text!r} is none of {', '.join(SEVERITIES)}")
    return found


def _plain(text: str | None) -> str:
    return (tidy(text) or "").casefold().replace("ё", "е")
