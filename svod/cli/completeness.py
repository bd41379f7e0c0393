"""The command `completeness`: what is unfilled, since when, and who answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Annotated, Final

import typer

from canonical.store.jobs import SOON, Wanted
from pipelines.completeness.catalogue import CATALOGUE
from pipelines.completeness.finding import OPEN, Finding
from pipelines.completeness.rates import Rate
from pipelines.completeness.rule import SEVERITIES
from pipelines.completeness.running import Request, Result, as_json, completeness, totals
from pipelines.completeness.suspicion import Severity
from svod.cli.finding_tables import list_findings, russian_day
from svod.cli.findings import parse_severity
from svod.cli.frame import WAITING, Frame
from svod.cli.moments import parse_day, parse_moment, written_in_russian
from svod.cli.options import Institutions
from svod.cli.queue import Queued, ask

DOUBT: Final = {
    "never_read": "это место журнала ни разу не прочитано полностью",
    "read_too_early": "прочитано до истечения срока",
    "read_too_long_ago": "прочитано слишком давно; svod import --full прочитает заново",
    "in_quarantine": "запись лежит в карантине: svod quarantine list",
}
TOTALS: Final = {
    "institution": ("учреждениям", ""),
    "group": ("группам", "группа неизвестна"),
    "subject": ("предметам", "предмет неизвестен"),
    "teacher": ("преподавателям", "преподаватель неизвестен"),
}


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("completeness")(judge)


def judge(
    context: typer.Context,
    institution: Institutions = None,
    since: Annotated[str | None, typer.Option(help="The first day, YYYY-MM-DD; else 1 September.")] = None,
    until: Annotated[str | None, typer.Option(help="The last day, YYYY-MM-DD; else today.")] = None,
    fail_on: Annotated[
        str | None, typer.Option(help="End with status 3 if a finding is as grave as this: info, warning or error.")
    ] = None,
    as_of: Annotated[str | None, typer.Option(help="As the journals stood at this instant; nothing is kept.")] = None,
    queue: Queued = False,
) -> None:
    """Hold the journals against the rules: what is unfilled, since when, and who answers."""
    frame: Frame = context.obj
    gravity = parse_severity(fail_on, "--fail-on")
    request = Request(parse_day(since, "--since"), parse_day(until, "--until"), parse_moment(as_of) if as_of else None)
    if request.since and request.until and request.since > request.until:
        raise typer.BadParameter("--since is later than --until")
    wards = frame.wards(institution or ())
    if queue:
        if request != Request() or gravity:
            raise typer.BadParameter(
                "--queue asks for the whole judgement as of when it is made: give it no other option"
            )
        ask(frame, [Wanted("completeness", w.institution.key, priority=SOON) for w in wards])
        return
    now = request.as_of or frame.clock()
    today = min((now.astimezone(w.institution.zone).date() for w in wards), default=now.date())
    if request.since and request.since > today:
        raise typer.BadParameter(f"--since {request.since} is later than the last day that can be judged, {today}")
    moment, results = completeness(frame.store, wards, request)
    if frame.json:
        frame.give(as_json(results, moment))
    _tell(frame, results, moment)
    if gravity and any(_is_grave(f, gravity) for r in results for f in r.findings):
        frame.status = WAITING


def _is_grave(finding: Finding, gravity: Severity) -> bool:
    return finding.state in OPEN and SEVERITIES.index(finding.severity) >= SEVERITIES.index(gravity)


def _tell(frame: Frame, results: Sequence[Result], moment: datetime) -> None:
    places = {i.key: i.place for i in frame.site.institutions()}
    kinds: dict[str, str] = {key: place.kind for key, place in places.items()}
    several = len(results) > 1
    list_findings(frame, [f for r in results for f in r.findings], kinds, several=several)
    for by, some in totals(rate for r in results for rate in r.fill).items():
        _rates(frame, by, some, several=several)
    for result in results:
        _notices(frame, result, moment, places[result.institution].zone)


def _rates(frame: Frame, by: str, some: Sequence[Rate], *, several: bool) -> None:
    """A table of fill rates; lessons that cannot be told have a column when there are any."""
    if not some:
        return
    title, nameless = TOTALS[by]
    with_institution = several and by != "institution"
    with_unknown = any(r.unknown for r in some)
    head = [*(["Учреждение"] if with_institution else []), "", "Должно быть", "Заполнено", "Доля"]
    rows = [
        [
            *([r.institution] if with_institution else []),
            r.institution if by == "institution" else r.group or r.subject or r.teacher or nameless,
            r.due,
            r.filled,
            f"{r.rate:.1%}".replace(".", ",") if r.rate is not None else "",
            *([r.unknown or ""] if with_unknown else []),
        ]
        for r in some
    ]
    frame.say(f"\nЗаполненность по {title}")
    frame.table([*head, *(["Неизвестно"] if with_unknown else [])], rows)


def _notices(frame: Frame, result: Result, moment: datetime, zone: tzinfo) -> None:
    """What the reader must know to trust the list; on standard error, so that it is seen with `--json` too."""
    if frame.quiet:
        return
    name = result.institution
    if not result.sources:
        days = _days(result.since, result.until)
        frame.complain(f"{name}: журнала за {days} в хранилище нет: сначала svod import")
    for verdict in result.verdicts:
        for rule, lacking in verdict.silent.items():
            frame.complain(f"{name}: {_rule(rule)}: не проверяется: источник не сообщает {', '.join(lacking)}")
    for s in result.stale():
        days = f" за {_days(s['since'], s['until'])}" if s["since"] else ""
        frame.complain(f"{name}: {_rule(s['rule'])}: не проверено {s['count']}{days}: {DOUBT[s['why']]}")
    if result.unjudged:
        frame.complain(
            f"{name}: прежних замечаний, которые нельзя проверить заново: {len(result.unjudged)}; они открыты"
        )
    if result.last_judged_at is not None and moment < result.last_judged_at:
        later = written_in_russian(result.last_judged_at.isoformat(), zone)
        frame.complain(f"{name}: уже есть проверка на более поздний момент ({later}): итог показан, но не сохранён")


def _rule(rule: str) -> str:
    return f"«{CATALOGUE[rule].title}» ({rule})"


def _days(since: str, until: str) -> str:
    """`08.09.2026`, or `08.09.2026 — 10.09.2026`."""
    return " — ".join(russian_day(day) for day in dict.fromkeys((since, until)))
