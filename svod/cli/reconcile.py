"""Commands about where sources disagree: reconcile, discrepancies, people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final, Literal

import typer

from canonical.store.jobs import SOON, Wanted
from canonical.text import tidy
from pipelines.reconciling import Result, as_json, candidates, decide
from pipelines.reconciling import reconcile as reconcile_sources
from reconcile import keeping
from reconcile.differences import COMPARED
from reconcile.keeping import DecisionError, NoSuchDiscrepancyError
from reconcile.life import STATES, Discrepancy
from svod.cli.discrepancy_words import ENTITY, FIELD, STATE, evidence, value_said
from svod.cli.frame import FAILED, Frame
from svod.cli.moments import written_in_russian
from svod.cli.options import Institutions
from svod.cli.queue import Queued, ask

KINDS: Final = ("missing_left", "missing_right", "differs", "duplicate", "ambiguous")
HEAD: Final = ["Номер", "Что", "О чём", "Расхождение", "Слева", "Справа", "Обнаружено", "Состояние"]

Ids = Annotated[list[str], typer.Argument(metavar="ID…")]
Why = Annotated[str | None, typer.Option(help="The reason, for those who look at it later.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("reconcile")(reconcile)
    discrepancies = typer.Typer(help="The life of what reconcile found.", no_args_is_help=True)
    discrepancies.command("list")(discrepancies_list)
    discrepancies.command("show")(discrepancies_show)
    discrepancies.command("accept")(discrepancies_accept)
    discrepancies.command("resolve")(discrepancies_resolve)
    app.add_typer(discrepancies, name="discrepancies")
    people = typer.Typer(help="Doubtful matches of people, for a person to decide.", no_args_is_help=True)
    people.command("candidates")(people_candidates)
    people.command("confirm")(people_confirm)
    people.command("split")(people_split)
    app.add_typer(people, name="people")


# -- reconcile -------------------------------------------------------------------------------------------------------


def reconcile(context: typer.Context, institution: Institutions = None, queue: Queued = False) -> None:
    """Match people and journals between the sources of an institution, and list where they differ."""
    frame: Frame = context.obj
    if queue:
        places = frame.site.institutions(institution or ())
        ask(frame, [Wanted("reconcile", place.key, priority=SOON) for place in places])
        return
    results = reconcile_sources(frame.store, frame.jobs(institution or ()))
    if frame.json:
        frame.give(as_json(results))
    _list(frame, [d for r in results for p in r.pairs for d in p.discrepancies], empty="расхождений нет")
    _pairs(frame, results)
    for result in results:
        _notices(frame, result)


def _pairs(frame: Frame, results: Sequence[Result]) -> None:
    rows = [
        [
            pair.sources.left,
            pair.sources.right,
            len(pair.outcome.matches["people"]),
            len(pair.outcome.doubtful),
            len(pair.outcome.matches["lessons"]),
            len(pair.discrepancies),
            len(pair.fixed),
        ]
        for result in results
        for pair in result.pairs
    ]
    frame.say("")
    frame.table(
        ["Слева", "Справа", "Людей сопоставлено", "Сомнительных", "Уроков сопоставлено", "Расхождений", "Закрыто"],
        rows,
        empty="сравнивать нечего: у учреждения нет двух источников с общими сведениями",
    )


def _notices(frame: Frame, result: Result) -> None:
    if result.error is not None:
        frame.complain(f"{result.institution}: {result.error}")
        frame.status = FAILED
    elif not result.stored and result.last_judged_at is not None and not frame.quiet:
        later = _when(frame, result.institution, result.last_judged_at.isoformat())
        frame.complain(f"{result.institution}: уже есть сверка на более поздний момент ({later}): итог показан, но не сохранён")  # fmt: skip
    doubtful = sum(len(p.outcome.doubtful) for p in result.pairs)
    if doubtful and not frame.quiet:
        frame.complain(f"{result.institution}: сомнительных пар: {doubtful}; решает человек: svod people candidates")


# -- discrepancies ---------------------------------------------------------------------------------------------------


def discrepancies_list(
    context: typer.Context,
    institution: Institutions = None,
    entity: Annotated[str | None, typer.Option(help="Only of this entity: people, enrolments, marks, …")] = None,
    kind: Annotated[str | None, typer.Option(help=f"Only of this kind: {', '.join(KINDS)}.")] = None,
    state: Annotated[str | None, typer.Option(help=f"Only in this state: {', '.join(STATES)}.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also what is fixed.")] = False,
) -> None:
    """List the discrepancies on record: those that are there still."""
    frame: Frame = context.obj
    for option, value, known in (("--entity", entity, COMPARED), ("--kind", kind, KINDS), ("--state", state, STATES)):
        if value is not None and value not in known:
            raise typer.BadParameter(f"{option} {value!r} is none of {', '.join(known)}")
    wanted = {i.key for i in frame.site.institutions(institution or ())}
    with frame.store.reading() as connection:
        known_ones = keeping.discrepancies(connection, entity=entity, kind=kind, state=state)
    some = [
        d
        for d in known_ones.values()
        if (not institution or d.institution in wanted) and (every or state or d.state != "fixed")
    ]
    some.sort(key=_order)
    if frame.json:
        frame.give({"discrepancies": [d.as_json() for d in some]})
    _list(frame, some, empty="расхождений нет")


def _order(one: Discrepancy) -> tuple[Any, ...]:
    return (one.institution, one.left_source, one.right_source, COMPARED.index(one.entity), one.about, one.id)


def _list(frame: Frame, some: Sequence[Discrepancy], *, empty: str) -> None:
    frame.table(
        HEAD,
        [
            [
                d.id,
                ENTITY[d.entity],
                d.about,
                _what(d),
                _said(d, d.left_source, d.left_key, d.left_value),
                _said(d, d.right_source, d.right_key, d.right_value),
                _when(frame, d.institution, d.first_at),
                STATE[d.state],
            ]
            for d in some
        ],
        empty=empty,
    )


def _what(one: Discrepancy) -> str:
    match one.kind:
        case "missing_left":
            return f"нет в {one.left_source}"
        case "missing_right":
            return f"нет в {one.right_source}"
        case "duplicate":
            return f"повторяется в {one.left_source if one.left_value is not None else one.right_source}"
        case "ambiguous":
            return "неясно, один ли это человек"
    return f"различается: {FIELD.get(one.field or '', one.field)}"


def _said(one: Discrepancy, source: str, key: str | None, value: str | None) -> str:
    return "" if key is None else f"{source}: {key if value is None else value_said(one.entity, one.field, value)}"


def discrepancies_show(context: typer.Context, discrepancy: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Show one discrepancy with its life; the beginning of its id is enough."""
    frame: Frame = context.obj
    try:
        with frame.store.reading() as connection:
            found = keeping.one(connection, discrepancy)
    except NoSuchDiscrepancyError as error:
        frame.fail(str(error), "not_found")
        return
    if frame.json:
        frame.give(found.as_json())
    for name, value in _described(frame, found):
        frame.say(f"{name}: {value}")


def _described(frame: Frame, one: Discrepancy) -> list[tuple[str, str]]:
    """One discrepancy with its life, as pairs of name and value; what is not known is left out."""
    values: list[tuple[str, Any]] = [
        ("Номер", one.id),
        ("Что", ENTITY[one.entity]),
        ("О чём", one.about),
        ("Расхождение", _what(one)),
        ("Слева", _said(one, one.left_source, one.left_key, one.left_value)),
        ("Ключ слева", one.left_key),
        ("Справа", _said(one, one.right_source, one.right_key, one.right_value)),
        ("Ключ справа", one.right_key),
        ("Учреждение", one.institution),
        ("Состояние", STATE[one.state]),
        ("Обнаружено", _when(frame, one.institution, one.first_at)),
        ("Найдено в последний раз", _when(frame, one.institution, one.last_at)),
        ("Закрыто", _when(frame, one.institution, one.closed_at)),
        ("Открывалось раз", one.times if one.times > 1 else None),
        ("Причина", one.note),
    ]
    return [(name, str(value)) for name, value in values if value]


def _when(frame: Frame, institution: str, instant: str | None) -> str:
    """An instant as it is told at the institution."""
    zone = next((i.place.zone for i in frame.site.institutions() if i.key == institution), frame.zone)
    return written_in_russian(instant, zone)


def discrepancies_accept(context: typer.Context, discrepancy: Ids, why: Why = None) -> None:
    """Accept discrepancies as they are: each stays accepted while both sides say the same."""
    _close(context.obj, discrepancy, "accepted", why)


def discrepancies_resolve(context: typer.Context, discrepancy: Ids, why: Why = None) -> None:
    """Say that discrepancies were put right at the source; one that is there still after the next import comes back."""
    _close(context.obj, discrepancy, "resolved", why)


def _close(frame: Frame, ids: Iterable[str], state: Literal["accepted", "resolved"], why: str | None) -> None:
    done: list[Discrepancy] = []
    already: set[str] = set()
    for beginning in ids:
        try:
            with frame.store.writing() as connection:
                before = keeping.one(connection, beginning)
                done.append(keeping.close(connection, beginning, state, tidy(why), frame.clock()))
            already |= {before.id} if before.state == state else set()
        except NoSuchDiscrepancyError as error:
            frame.complain(str(error))
            frame.status = FAILED
    if frame.json:
        frame.give({"discrepancies": [d.as_json() for d in done]})
    for d in done:
        said = f"{'уже ' if d.id in already else ''}{STATE[d.state]}"
        frame.say(f"{d.id}: {said}: {d.about}{f' (причина: {d.note})' if d.note else ''}")


# -- people ----------------------------------------------------------------------------------------------------------


def people_candidates(context: typer.Context, institution: Institutions = None) -> None:
    """List the pairs of people that may be one person, with what speaks for and against it."""
    frame: Frame = context.obj
    found = candidates(frame.store, frame.jobs(institution or ()))
    if frame.json:
        frame.give({"candidates": [c.as_json() for c in found]})
    frame.table(
        ["Номер", "Слева", "Справа", "Вероятность", "Что известно"],
        [
            [c.id, _person(c.left), _person(c.right), f"{c.match.score:.2f}".replace(".", ","), evidence(c.match.how)]
            for c in found
        ],
        empty="сомнительных пар нет",
    )


def _person(said: dict[str, Any]) -> str:
    known = [said["name"], said["birth_date"], "/".join(said["groups"]), said["position"]]
    return f"{said['source']}:{said['key']} " + ", ".join(k for k in known if k)


Names = Annotated[
    list[str],
    typer.Argument(metavar="ID | LEFT RIGHT", help="The id of a candidate, or two people as institution/source:key."),
]


def people_confirm(context: typer.Context, names: Names) -> None:
    """Say that two records are one person. It overrules what is found, from the next reconciliation on."""
    _decide(context.obj, names, "confirmed")


def people_split(context: typer.Context, names: Names) -> None:
    """Say that two records are two people. It overrules what is found, from the next reconciliation on."""
    _decide(context.obj, names, "split")


def _decide(frame: Frame, names: Sequence[str], decision: keeping.Decision) -> None:
    try:
        pair, left, right = decide(frame.store, frame.jobs(), names, decision)
    except DecisionError as error:
        frame.fail(str(error), "decision")
        return
    if frame.json:
        sides = {"left": {"source": pair.left, "key": left}, "right": {"source": pair.right, "key": right}}
        frame.give({"institution": pair.institution, "decision": decision, **sides})
    said = "один человек" if decision == "confirmed" else "разные люди"
    frame.say(f"{pair.left}:{left} и {pair.right}:{right} — {said}; учтёт следующая сверка: svod reconcile")
