"""The parts of a journal: asked for the whole class at once, and where that is refused pupil by pupil.

The same questions serve all roles, and what an account sees is decided by the portal (facts, section 2.6). What a part
was read for is kept with its answers: only that is declared as covered.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from canonical.years import Stretch
from connectors.asking import REFUSALS, attempt, together, unless_denied
from connectors.errors import ConnectorError, UnexpectedAnswerError
from connectors.http import Answer
from connectors.partner_api.client import PartnerApi
from connectors.partner_api.mapper import items_of, key_of, listed
from connectors.partner_api.wire import id_of
from connectors.wire import as_list

LESSONS_AT_ONCE: Final = 60
"""Lessons in one question about the log: an address of some 1,700 characters, within what web servers allow."""


@dataclass(frozen=True, slots=True)
class Part:
    """What was answered about one part of a journal.

    `whole`: it is all that there is of the class; else it is all that there is of `persons`. `refused` is why something
    is missing, if that is to be told.
    """

    answers: tuple[Answer, ...] = ()
    whole: bool = True
    persons: tuple[str, ...] = ()
    refused: ConnectorError | None = None


@dataclass(frozen=True, slots=True)
class Whom:
    """Whom to ask about one by one, where a class is refused: all who are or were in it, or a family's own pupils.

    Of the `expected` something must be told, or it is missing: of those who have left a portal need not tell.
    """

    persons: tuple[str, ...]
    expected: frozenset[str]

    def part(self, refused: ConnectorError, told: Iterable[tuple[str, Sequence[Answer] | None]]) -> Part:
        """What single pupils' answers make; null stands for a refusal."""
        shown = [(person, answers) for person, answers in told if answers is not None]
        lacks = not shown or not self.expected <= {person for person, _ in shown}
        return Part(
            tuple(a for _, answers in shown for a in answers),
            whole=False,
            persons=tuple(person for person, _ in shown),
            refused=refused if lacks else None,
        )


async def lessons_of(api: PartnerApi, group: str, piece: Stretch, whom: Whom) -> Part:
    """The lessons of a class: from its journal, or from its pupils' timetables, which name lessons to be asked for.

    Raises:
        ConnectorError: there is nothing to be had.

    """
    whole = await attempt(listed(api.lessons(group, piece.start, piece.end)))
    if isinstance(whole, Answer):
        return Part((whole,))
    if not isinstance(whole, REFUSALS) or not whom.persons:
        raise whole
    days = await _each(whom, lambda p: api.schedule(p, group, piece.start, piece.end))
    part = whom.part(whole, days)
    if not part.persons:
        raise whole
    keys = sorted({key for answer in part.answers for key in _in_schedule(answer)}, key=int)
    return Part((*part.answers, *await api.some_lessons(keys)), whole=False, persons=part.persons, refused=part.refused)


def lessons_in(part: Part) -> list[tuple[list[Any], Answer]]:
    """The lessons of a part, each once, by the answers that hold them; timetables hold none as a whole."""
    seen: set[str] = set()
    found = []
    for answer in part.answers:
        body = answer.json()
        if not part.whole and (_days(body) is not None):
            continue
        some = items_of(answer) if isinstance(body, list) or body is None else [body]
        fresh = [item for item in some if (key := key_of(item)) is None or key not in seen]
        seen.update(key for item in fresh if (key := key_of(item)))
        found.append((fresh, answer))
    return found


def _days(body: Any) -> list[Any] | None:
    """The days of a timetable; null if it is none."""
    days = body.get("days") if isinstance(body, dict) else body
    if isinstance(days, list) and all(isinstance(d, dict) and "lessons" in d for d in days):
        return days
    return None


def _in_schedule(answer: Answer) -> set[str]:
    lessons = [day.get("lessons") for day in _days(answer.json()) or ()]
    return {key for some in lessons if isinstance(some, list) for item in some if (key := key_of(item))}


async def marks_of(api: PartnerApi, school: str, group: str, piece: Stretch, whom: Whom) -> Part:
    """The marks for the lessons of a class, or else those of single pupils, in whatever group they got them.

    Raises:
        ConnectorError: the portal cannot tell now.

    """
    whole = await attempt(listed(api.marks(group, piece.start, piece.end)))
    if isinstance(whole, Answer):
        return Part((whole,))
    if not isinstance(whole, REFUSALS):
        raise whole
    told = await _each(whom, lambda p: listed(api.marks_of_person(p, school, piece.start, piece.end)))
    return whom.part(whole, told)


async def log_of(api: PartnerApi, lessons: Sequence[Any], piece: Stretch, whom: Whom) -> Part:
    """The attendance log of lessons; or, whichever is shown, of their groups by subjects, or of single pupils.

    Raises:
        ConnectorError: the portal cannot tell now.

    """
    keys = [key for item in lessons if (key := key_of(item))]
    whole = len(keys) == len(lessons)
    batches = [keys[n : n + LESSONS_AT_ONCE] for n in range(0, len(keys), LESSONS_AT_ONCE)]
    told = await attempt(together(listed(api.log_entries(batch)) for batch in batches))
    if isinstance(told, list):
        return Part(tuple(told), whole)
    refused = told
    if not isinstance(refused, (*REFUSALS, UnexpectedAnswerError)):
        raise refused
    taught = {(g, s) for item in lessons if (g := id_of(item, "group")) and (s := key_of(item.get("subject")))}
    calls = (listed(api.log_of_subject(g, s, piece.start, piece.end)) for g, s in sorted(taught))
    told = await attempt(together(calls))
    if isinstance(told, list):
        return Part(tuple(told), whole)
    return whom.part(refused, await _each(whom, lambda p: _with_entries(api.log_of_person(p, piece.start, piece.end))))


def entries_of(answer: Answer) -> list[Any]:
    """The entries of an attendance log, whichever way it was asked for."""
    return as_list(answer.json(), "logEntries", where=answer.origin.request)


async def _with_entries(call: Awaitable[Answer]) -> Answer:
    answer = await call
    entries_of(answer)
    return answer


async def _each(whom: Whom, ask: Callable[[str], Awaitable[Answer]]) -> list[tuple[str, tuple[Answer, ...] | None]]:
    """What each pupil's question gives; null where it is refused."""
    got = await together(unless_denied(ask(person)) for person in whom.persons)
    return [(p, None if answer is None else (answer,)) for p, answer in zip(whom.persons, got, strict=True)]
