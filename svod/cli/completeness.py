"""Commands about what is unfilled: completeness, findings, rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Annotated, Any, Final

import typer

from canonical.text import tidy
from canonical.toml_files import near
from pipelines.completeness import keeping
from pipelines.completeness.catalogue import CATALOGUE
from pipelines.completeness.finding import OPEN, Finding
from pipelines.completeness.keeping import NoSuchFindingError
from pipelines.completeness.profile import Profile
from pipelines.completeness.rates import Rate
from pipelines.completeness.rule import SEVERITIES, Rule, RuleSettings, Severity
from pipelines.completeness.running import Request, Result, Ward, as_json, completeness, order, totals
from svod.cli.frame import FAILED, WAITING, Frame
from svod.cli.moments import parse_day, parse_moment
from svod.cli.sources import Institutions
from svod.settings import load_or_empty

SEVERITY: Final[dict[str, str]] = {"error": "нарушение", "warning": "недочёт", "info": "напоминание"}
STATE: Final = {
    "new": "новое",
    "confirmed": "подтверждено",
    "back": "вернулось",
    "excused": "снято",
    "fixed": "закрыто",
}
ROLE: Final[dict[str, tuple[str, str]]] = {  # of a school, of a college
    "teacher": ("учитель", "преподаватель"),
    "class_teacher": ("классный руководитель", "руководитель группы"),
    "head_of_department": ("заместитель директора", "заведующий отделением"),
    "deputy": ("заместитель директора", "заместитель директора"),
    "administrator": ("администратор журнала", "администратор журнала"),
}
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
HEAD: Final = ["Срок", "Важность", "Замечание", "Отвечает", "Пункт", "Состояние", "Номер"]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("completeness")(judge)
    findings = typer.Typer(help="The life of what completeness found.", no_args_is_help=True)
    findings.command("list")(findings_list)
    findings.command("show")(findings_show)
    findings.command("waive")(findings_waive)
    app.add_typer(findings, name="findings")
    rules = typer.Typer(help="The rules, each with the clause it comes from.", no_args_is_help=True)
    rules.command("list")(rules_list)
    rules.command("show")(rules_show)
    app.add_typer(rules, name="rules")


# -- completeness ----------------------------------------------------------------------------------------------------


def judge(
    context: typer.Context,
    institution: Institutions = None,
    since: Annotated[str | None, typer.Option(help="The first day, YYYY-MM-DD; else 1 September.")] = None,
    until: Annotated[str | None, typer.Option(help="The last day, YYYY-MM-DD; else today.")] = None,
    fail_on: Annotated[
        str | None, typer.Option(help="End with status 3 if a finding is as grave as this: info, warning or error.")
    ] = None,
    as_of: Annotated[str | None, typer.Option(help="As the journals stood at this instant; nothing is kept.")] = None,
) -> None:
    """Hold the journals against the rules: what is unfilled, since when, and who answers."""
    frame: Frame = context.obj
    gravity = _severity(fail_on, "--fail-on")
    request = Request(parse_day(since, "--since"), parse_day(until, "--until"), parse_moment(as_of) if as_of else None)
    if request.since and request.until and request.since > request.until:
        raise typer.BadParameter("--since is later than --until")
    moment, results = completeness(frame.store, _wards(frame, institution or ()), request)
    if frame.json:
        frame.give(as_json(results, moment))
    _tell(frame, results, moment)
    if gravity and any(_is_grave(f, gravity) for r in results for f in r.findings):
        frame.status = WAITING


def _wards(frame: Frame, institutions: Iterable[str]) -> list[Ward]:
    site = frame.site
    return [
        Ward(i.place, frame.jobs([i.key]), site.rules(i), site.calendar(i)) for i in site.institutions(institutions)
    ]


def _is_grave(finding: Finding, gravity: Severity) -> bool:
    return finding.state in OPEN and SEVERITIES.index(finding.severity) >= SEVERITIES.index(gravity)


def _tell(frame: Frame, results: Sequence[Result], moment: datetime) -> None:
    kinds = {i.key: i.kind for i in frame.site.institutions()}
    several = len(results) > 1
    _list(frame, [f for r in results for f in r.findings], kinds, several=several, empty="замечаний нет")
    for by, some in totals(rate for r in results for rate in r.fill).items():
        _rates(frame, by, some, several=several)
    for result in results:
        _notices(frame, result, moment)


def _list(frame: Frame, some: Sequence[Finding], kinds: Mapping[str, str], *, several: bool, empty: str) -> None:
    """A table of findings; those that say the same (of several pupils) stand on one line."""
    rows: dict[tuple[Any, ...], list[Finding]] = {}
    for f in some:
        answers = _who(f, kinds.get(f.institution, "college"))
        row = (_until(f.due_at), SEVERITY[f.severity], f.message, answers, f.clause, _state(f))
        rows.setdefault((f.institution, *row) if several else row, []).append(f)
    head = ["Учреждение", *HEAD] if several else HEAD
    frame.table(head, [[*row, _ids(same)] for row, same in rows.items()], empty=empty)


def _ids(same: Sequence[Finding]) -> str:
    return same[0].id if len(same) == 1 else f"{same[0].id} … × {len(same)}"


def _who(finding: Finding, kind: str) -> str:
    role = ROLE[finding.answers][0 if kind == "school" else 1]
    return f"{role} {finding.answerer}" if finding.answerer else role


def _state(finding: Finding) -> str:
    if finding.state == "excused":
        return f"снято до {finding.waived_until}"
    return STATE[finding.state]


def _until(instant: str | None) -> str:
    """A deadline as people say it: `08.09.2026 18:10`, and of the end of a day only the day."""
    if instant is None:
        return ""
    moment = datetime.fromisoformat(instant)
    if moment.time() == time():
        return f"{moment.date() - timedelta(days=1):%d.%m.%Y}"
    return f"{moment:%d.%m.%Y %H:%M}"


def _rates(frame: Frame, by: str, some: Sequence[Rate], *, several: bool) -> None:
    if not some:
        return
    title, unknown = TOTALS[by]
    with_institution = several and by != "institution"
    frame.say(f"\nЗаполненность по {title}")
    frame.table(
        [*(["Учреждение"] if with_institution else []), "", "Должно быть", "Заполнено", "Доля"],
        [
            [
                *([r.institution] if with_institution else []),
                r.institution if by == "institution" else r.group or r.subject or r.teacher or unknown,
                r.due,
                r.filled,
                f"{r.rate:.1%}".replace(".", ",") if r.rate is not None else "",
            ]
            for r in some
        ],
    )


def _notices(frame: Frame, result: Result, moment: datetime) -> None:
    """What the reader must know to trust the list; on standard error, so that it is seen with `--json` too."""
    if frame.quiet:
        return
    name = result.institution
    if not result.sources:
        frame.complain(f"{name}: журнала за {result.since} — {result.until} в хранилище нет: сначала svod import")
    for s in result.stale():
        days = f" за {s['since']} — {s['until']}" if s["since"] else ""
        frame.complain(f"{name}: {s['rule']}: не проверено {s['count']}{days}: {DOUBT[s['why']]}")
    if result.unjudged:
        frame.complain(
            f"{name}: прежних замечаний, которые нельзя проверить заново: {len(result.unjudged)}; они открыты"
        )
    if result.last_judged_at is not None and moment < result.last_judged_at:
        later = result.last_judged_at.isoformat()
        frame.complain(f"{name}: уже есть проверка на более поздний момент ({later}): итог показан, но не сохранён")


# -- findings --------------------------------------------------------------------------------------------------------


def findings_list(
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
    gravity = _severity(severity, "--severity")
    if rule is not None and rule not in CATALOGUE:
        raise typer.BadParameter(f"--rule {rule!r}: there is no such rule{near(rule, CATALOGUE)}")
    if state is not None and state not in STATE:
        raise typer.BadParameter(f"--state {state!r} is none of {', '.join(STATE)}")
    wanted = {i.key: i.kind for i in frame.site.institutions(institution or ())}
    with frame.store.reading() as connection:
        known = keeping.findings(connection, rule=rule, state=state)
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
    _list(frame, some, wanted, several=len({f.institution for f in some}) > 1, empty="замечаний нет")


def findings_show(context: typer.Context, finding: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Show one finding with its life; the beginning of its id is enough."""
    frame: Frame = context.obj
    try:
        with frame.store.reading() as connection:
            found = keeping.one(connection, finding)
    except NoSuchFindingError as error:
        frame.fail(str(error), "not_found")
        return
    document = found.as_json(frame.clock())
    if frame.json:
        frame.give(document)
    for name, value in document.items():
        frame.say(f"{name}: {'' if value is None else value}")


def findings_waive(
    context: typer.Context,
    finding: Annotated[list[str], typer.Argument(metavar="ID…")],
    until: Annotated[str | None, typer.Option(help="The last day on which it is excused, YYYY-MM-DD.")] = None,
    why: Annotated[str | None, typer.Option(help="The reason, for those who look at it later.")] = None,
    lift: Annotated[bool, typer.Option("--lift", help="End the waiver.")] = False,
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
    done: list[Finding] = []
    for one in finding:
        try:
            with frame.store.writing() as connection:
                done.append(
                    keeping.waive(connection, one, day, reason) if day and reason else keeping.lift(connection, one)
                )
        except NoSuchFindingError as error:
            frame.complain(str(error))
            frame.status = FAILED
    if frame.json:
        frame.give({"findings": [f.as_json(frame.clock()) for f in done]})
    for f in done:
        frame.say(f"{f.id}: {_state(f)}: {f.message}")


# -- rules -----------------------------------------------------------------------------------------------------------


def rules_list(
    context: typer.Context,
    profile: Annotated[str | None, typer.Option(help="Only as this profile of config/rules/ has them.")] = None,
) -> None:
    """List the catalogue: each rule with the clauses that demand it."""
    frame: Frame = context.obj
    profiles = _profiles(frame, profile)
    if frame.json:
        frame.give({"rules": [_rule(r, profiles) for r in CATALOGUE.values()]})
    frame.table(
        ["Правило", "Что находит", "Пункты"],
        [[r.id, r.title, "; ".join(_clauses(r, profiles)) or "не требует"] for r in CATALOGUE.values()],
    )


def rules_show(
    context: typer.Context,
    rule: Annotated[str, typer.Argument(metavar="ID")],
    profile: Annotated[str | None, typer.Option(help="Only as this profile has it.")] = None,
) -> None:
    """Show one rule: what it finds, what a portal must be able to say for it, and what each profile makes of it."""
    frame: Frame = context.obj
    if rule not in CATALOGUE:
        frame.fail(f"there is no rule {rule!r}{near(rule, CATALOGUE)}; see `svod rules list`", "not_found")
        return
    found = CATALOGUE[rule]
    profiles = _profiles(frame, profile)
    if frame.json:
        frame.give(_rule(found, profiles))
    frame.say(f"{found.id}: {found.title}\n{found.about}\nПортал должен сообщать: {', '.join(found.needs)}\n")
    frame.table(
        ["Профиль", "Пункт", "Важность", "Отвечает", "Параметры"],
        [
            [p.name, s.clause, SEVERITY[s.severity], ROLE[s.answers][1], _parameters(s)]
            if (s := p.rules[rule]).enabled
            else [p.name, "не требует", "", "", ""]
            for p in profiles
        ],
    )


def _profiles(frame: Frame, name: str | None) -> list[Profile]:
    site = load_or_empty(frame.config)
    return [site.profile(n, "--profile") for n in ([name] if name else site.names("rules"))]


def _rule(rule: Rule, profiles: Sequence[Profile]) -> dict[str, Any]:
    return {
        "id": rule.id,
        "title": rule.title,
        "about": rule.about,
        "needs": list(rule.needs),
        "clauses": _clauses(rule, profiles),
        "profiles": {p.name: p.rules[rule.id].model_dump(mode="json") for p in profiles},
    }


def _clauses(rule: Rule, profiles: Sequence[Profile]) -> list[str]:
    """The clauses of all profiles in which the rule is on, each once."""
    said = (p.rules[rule.id] for p in profiles)
    return list(dict.fromkeys(c.strip() for s in said if s.enabled for c in s.clause.split(";")))


def _parameters(settings: RuleSettings) -> str:
    said = settings.model_dump(mode="json", exclude=set(RuleSettings.model_fields))
    return ", ".join(f"{name} = {_brief(value)}" for name, value in said.items() if value is not None)


def _brief(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(value[:3]) + (", …]" if len(value) > 3 else "]")
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


# -- words -----------------------------------------------------------------------------------------------------------


def _severity(text: str | None, option: str) -> Severity | None:
    found = next((s for s in SEVERITIES if s == text), None)
    if text is not None and found is None:
        raise typer.BadParameter(f"{option} {text!r} is none of {', '.join(SEVERITIES)}")
    return found


def _plain(text: str | None) -> str:
    return (tidy(text) or "").casefold().replace("ё", "е")
