"""Findings as people read them: words, tables, one finding with its life."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any, Final

from pipelines.completeness.catalogue import CATALOGUE
from pipelines.completeness.finding import Finding
from svod.cli.frame import Frame
from svod.cli.moments import written_in_russian

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
CLOSED: Final[dict[str, str]] = {
    "in_order": "исправлено",
    "rule_off": "правило больше не проверяется",
    "other_journal": "журнал теперь ведётся в другом источнике",
}
_HEAD: Final = ("Срок", "Важность", "Замечание", "Отвечает", "Пункт", "Состояние", "Номер")
_SHORT: Final = 10
"""So many digits of an id stand in a table; commands take the beginning of an id."""


def list_findings(frame: Frame, some: Sequence[Finding], kinds: Mapping[str, str], *, several: bool) -> None:
    """A table of findings; those that say the same (of several pupils) stand on one line.

    `kinds` are the institutions' kinds by key; with `several` each line names its institution.
    """
    rows: dict[tuple[Any, ...], list[Finding]] = {}
    for f in some:
        row = (_until(f.due_at), SEVERITY[f.severity], f.message, who(f, kinds), f.clause, state(f))
        rows.setdefault((f.institution, *row) if several else row, []).append(f)
    head = ["Учреждение", *_HEAD] if several else _HEAD
    frame.table(head, [[*row, _ids(same)] for row, same in rows.items()], empty="замечаний нет")


def describe(
    finding: Finding, kinds: Mapping[str, str], zone: tzinfo | None, moment: datetime
) -> list[tuple[str, str]]:
    """One finding with its life, as pairs of name and value; what is not known is left out.

    Times are of the institution's `zone` (null: of the machine's).
    """
    overdue = finding.overdue_hours(moment)
    closed = CLOSED.get(finding.closed_why or "", "")
    values: list[tuple[str, Any]] = [
        ("Номер", finding.id),
        ("Замечание", finding.message),
        ("Правило", f"{finding.rule} — {CATALOGUE[finding.rule].title}" if finding.rule in CATALOGUE else finding.rule),
        ("Пункт", finding.clause),
        ("Важность", SEVERITY[finding.severity]),
        ("Отвечает", who(finding, kinds)),
        ("Состояние", ", ".join(filter(None, (state(finding), closed)))),
        ("Учреждение", finding.institution),
        ("Источник", finding.source),
        ("Группа", finding.group),
        ("Предмет", finding.subject),
        ("Преподаватель", finding.teacher),
        ("Урок (ключ)", finding.lesson),
        ("Обучающийся (ключ)", finding.student),
        ("Период (ключ)", finding.period),
        ("Срок", _until(finding.due_at)),
        ("Сделано", written_in_russian(finding.done_at, zone)),
        ("Просрочено, ч", f"{overdue:g}".replace(".", ",") if overdue else None),
        ("Найдено впервые", written_in_russian(finding.first_at, zone)),
        ("Найдено в последний раз", written_in_russian(finding.last_at, zone)),
        ("Закрыто", written_in_russian(finding.closed_at, zone)),
        ("Открывалось раз", finding.times if finding.times > 1 else None),
        ("Почему снято", finding.waived_why),
    ]
    return [(name, str(value)) for name, value in values if value]


def who(finding: Finding, kinds: Mapping[str, str]) -> str:
    """Who answers for it: the role as it is called in a school or a college, and the name where it is known."""
    role = ROLE[finding.answers][0 if kinds.get(finding.institution) == "school" else 1]
    return f"{role} {finding.answerer}" if finding.answerer else role


def state(finding: Finding) -> str:
    """The state in words."""
    if finding.state == "excused" and finding.waived_until:
        return f"снято до {russian_day(finding.waived_until)}"
    return STATE[finding.state]


def russian_day(day: str) -> str:
    """`08.09.2026`"""
    return f"{date.fromisoformat(day):%d.%m.%Y}"


def _ids(same: Sequence[Finding]) -> str:
    return same[0].id[:_SHORT] + (f" × {len(same)}" if len(same) > 1 else "")


def _until(instant: str | None) -> str:
    """A deadline as people say it: `08.09.2026 18:10`, and of the end of a day only the day."""
    if instant is None:
        return ""
    moment = datetime.fromisoformat(instant)
    if moment.time() == time():
        return f"{moment.date() - timedelta(days=1):%d.%m.%Y}"
    return f"{moment:%d.%m.%Y %H:%M}"
