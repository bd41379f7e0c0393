"""Tries what an account lets us read of a school, so that `svod check` can say what it sees and what it does not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Final

from connectors.asking import attempt, together
from connectors.contract import CheckLine
from connectors.errors import ConnectorError
from connectors.http import Answer
from connectors.partner_api.client import Account, PartnerApi
from connectors.partner_api.mapper import items_of, key_of, listed

_BACK: Final = timedelta(days=27)
"""So many days back a lesson is looked for; longer ranges may be refused (portal facts, section 1.2)."""

_MOST_NAMED: Final = 8


async def checked(api: PartnerApi, account: Account, school: str, today: date) -> list[CheckLine]:
    """The lists of the school, one class's journal, and in how many classes it can be read."""
    lines = [
        await _probe("teachers", api.teachers(school)),
        await _probe("subjects", api.subjects(school)),
        await _probe("kinds of work", api.work_types(school)),
    ]
    if account.is_of_staff:
        listing = await attempt(listed(api.groups(school)))
        lines.append(_told("groups", listing))
        items = items_of(listing) if isinstance(listing, Answer) else []
        groups = {key: str(item.get("name") or key) for item in items if (key := key_of(item))}
    else:
        groups = {g: g for some in account.groups.values() for g in some}
        detail = "a pupil's or parent's account sees no more than its own classes; the school needs one of staff"
        lines.append(CheckLine("groups", False, detail))
    if not groups:
        return [*lines, CheckLine("journal", None, "no group to try it with")]
    refused = await _closed(api, groups, today)
    group = next((g for g in groups if g not in refused), next(iter(groups)))
    if account.is_of_staff:
        lines.append(_journals(groups, refused))
    return [*lines, *await _journal(api, account, school, group, today)]


async def _closed(api: PartnerApi, groups: dict[str, str], today: date) -> dict[str, ConnectorError]:
    """The groups whose marks cannot be read as a whole."""
    got = await together(attempt(listed(api.marks(g, today, today))) for g in groups)
    return {g: told for g, told in zip(groups, got, strict=True) if isinstance(told, ConnectorError)}


def _journals(groups: dict[str, str], refused: dict[str, ConnectorError]) -> CheckLine:
    if not refused:
        return CheckLine("journals", True, f"of all {len(groups)} groups")
    names = sorted(groups[g] for g in refused)
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    shown = f"{', '.join(names[:_MOST_NAMED])}{more}"
    why = next(iter(refused.values()))
    return CheckLine("journals", False, f"{len(refused)} of {len(groups)} groups are closed ({shown}): {why}")


async def _journal(api: PartnerApi, account: Account, school: str, group: str, today: date) -> list[CheckLine]:
    """What can be read of one class; where something is refused, whether it is told of single pupils."""
    since = today - _BACK
    students = await attempt(listed(api.students(group)))
    pupil = next(iter(account.groups or _keys(students)), "")
    lessons = await attempt(listed(api.lessons(group, since, today)))
    lines = [
        _told("pupils", students),
        await _probe("pupils who have left", api.persons(group)),
        await _probe("periods", api.periods(group)),
        _told("lessons", lessons),
        await _probe("marks", api.marks(group, since, today)),
        await _probe("final marks", api.final_marks(group)),
    ]
    if keys := _keys(lessons)[:1]:
        lines.append(await _probe("attendance log", api.log_entries(keys)))
    alone: dict[str, Callable[[], Awaitable[Answer]]] = {
        "lessons": lambda: api.schedule(pupil, group, since, today),
        "marks": lambda: api.marks_of_person(pupil, school, since, today),
        "final marks": lambda: api.all_final_marks(pupil, group),
        "attendance log": lambda: api.log_of_person(pupil, since, today),
    }
    for line in [one for one in lines if one.ok is False and one.what in alone and pupil]:
        told = await attempt(alone[line.what]())
        if isinstance(told, Answer):
            lines.append(CheckLine(f"{line.what}, pupil by pupil", True, "read so where the whole class is refused"))
        else:
            lines.append(CheckLine(f"{line.what}, pupil by pupil", False, str(told)))
    return lines


def _keys(told: Answer | ConnectorError) -> list[str]:
    return [key for item in items_of(told) if (key := key_of(item))] if isinstance(told, Answer) else []


async def _probe(what: str, call: Awaitable[Answer]) -> CheckLine:
    return _told(what, await attempt(listed(call)))


def _told(what: str, told: Answer | ConnectorError) -> CheckLine:
    if isinstance(told, ConnectorError):
        return CheckLine(what, False, str(told))
    return CheckLine(what, True, f"{len(items_of(told))} entries")
