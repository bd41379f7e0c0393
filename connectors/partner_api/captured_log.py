"""The attendance log of a browser's capture, which pages ask for by lessons, by a group's subject, or by a pupil (in one subject).

One lesson may stand in answers of all these kinds. The newest that was asked for the lesson or for its course tells of all
pupils; a newer one that was asked for a pupil tells of that pupil. Others give entries, but are complete for nothing: an
answer about a class holds some of its subgroups' lessons too (facts, section 5.6), and one may have been narrowed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property, partial
from typing import Any, Final

from canonical.coverage import Axis, Scope, Selector
from connectors.captured_days import cut
from connectors.captured_requests import day_of
from connectors.captures import Captured, Kept
from connectors.errors import UnexpectedAnswerError
from connectors.http import Answer
from connectors.partner_api.mapper import Pair, course_key, key_of
from connectors.partner_api.parts import entries_of
from connectors.partner_api.wire import id_of

_OF_PERSON: Final = "get /v2/persons/[0-9]+/lesson-log-entries"
_OF_PERSON_IN_SUBJECT: Final = "get /v2/lesson-log-entries/person/[0-9]+/subject/[0-9]+"
_ALL: Final = ""
"""Stands for all subjects of a pupil."""


@dataclass(frozen=True, slots=True)
class Loose:
    """What the log says of lessons that were not captured, and what it is complete for."""

    name: str
    answers: Sequence[Answer]
    scopes: Sequence[Scope]


class CapturedLog:
    """`is_of_school` says of a group whether it may be of the school that is read; of that are `pupils`, null where any may be."""

    def __init__(
        self, captured: Captured, *, is_of_school: Callable[[str], bool], pupils: AbstractSet[str] | None
    ) -> None:
        self._captured = captured
        of_lessons = captured.every("get /v2/lesson-log-entries")
        self._of_lessons = [k for k in of_lessons if not k.asked.others]
        self._narrowed = [k for k in of_lessons if k.asked.others]
        self._by_lesson = {lesson: k for k in self._of_lessons for lesson in k.asked.chosen.get("lessons", ())}
        self._by_course: dict[Pair, list[Kept]] = defaultdict(list)
        for kept in captured.every("get /v2/lesson-log-entries/group/[0-9]+"):
            group, subjects = kept.asked.place.split("/")[4], kept.asked.chosen.get("subject", frozenset())
            if len(subjects) == 1 and is_of_school(group):
                self._by_course[group, next(iter(subjects))].append(kept)
        self._by_person: dict[Pair, list[Kept]] = defaultdict(list)
        for kept in captured.every(f"{_OF_PERSON}|{_OF_PERSON_IN_SUBJECT}"):
            person, *subject = re.findall("/([0-9]+)", kept.asked.place)
            if pupils is None or person in pupils:
                self._by_person[person, subject[0] if subject else _ALL].append(kept)
        self._persons = {person for person, _ in self._by_person}
        self._read: dict[str, tuple[str, date | None, Kept | None]] = {}

    # -- lessons that were captured ------------------------------------------------------------------------------

    def of(self, lessons: Iterable[Any]) -> tuple[list[Answer], set[str]]:
        """What the log says of lessons, and for which of them it says that of all pupils."""
        said: dict[int, tuple[Kept, dict[str, frozenset[str]]]] = {}
        told: set[str] = set()
        for item in lessons:
            key = key_of(item)
            if key is None:
                continue
            subject, day = key_of(item.get("subject")) or "", day_of(item.get("date"))
            whole = self._whole_of(key, (id_of(item, "group") or "", subject), day)
            self._read[key] = subject, day, whole
            pupils = ((person, self._of_pupil(person, subject, day)) for person in self._persons)
            newer = {
                person: kept
                for person, kept in pupils
                if kept is not None and (whole is None or _age(whole) < _age(kept))
            }
            if whole is not None:
                told.add(key)
            for kept in (whole, *self._in_part.get(key, ())):
                if kept is not None and (whole is None or _age(whole) <= _age(kept)):
                    said.setdefault(kept.order, (kept, {}))[1][key] = frozenset(newer)
            for kept in newer.values():
                said.setdefault(kept.order, (kept, {}))[1][key] = frozenset()
        answers = [
            cut(self._captured.take(kept), partial(_is_of, without), "logEntries")
            for _, (kept, without) in sorted(said.items())
        ]
        return answers, told

    def _whole_of(self, key: str, course: Pair, day: date | None) -> Kept | None:
        """The newest answer that tells of all pupils of a lesson."""
        asked = [k for k in self._by_course.get(course, ()) if _holds(k, day)]
        found = [*asked, *([self._by_lesson[key]] if key in self._by_lesson else [])]
        return max(found, key=_age, default=None)

    @cached_property
    def _in_part(self) -> Mapping[str, list[Kept]]:
        """Answers by lessons of which they say something, though perhaps not all.

        Those that may have been narrowed are not among them: whatever they are read with covers nothing.
        """
        found: dict[str, list[Kept]] = defaultdict(list)
        of_courses = (kept for some in self._by_course.values() for kept in _standing(some))
        for kept in (k for k in of_courses if not k.asked.others):
            with suppress(UnexpectedAnswerError):  # told where it is read by itself
                for lesson in {id_of(entry, "lesson") or "" for entry in entries_of(self._captured.take(kept))}:
                    found[lesson].append(kept)
        return found

    def _of_pupil(self, person: str, subject: str, day: date | None) -> Kept | None:
        """The newest answer about a pupil that has all of a subject's lessons of a day."""
        asked = (reversed(self._by_person.get((person, s), ())) for s in (subject, _ALL))
        newest = (next((k for k in some if _holds(k, day)), None) for some in asked)
        return max((k for k in newest if k), key=_age, default=None)

    # -- other lessons -------------------------------------------------------------------------------------------

    def loose(self) -> Iterator[Loose]:
        """What the log says besides, when all captured lessons have been asked for: an older answer before a newer one."""
        lessons = [k for k in self._of_lessons if k in self._by_lesson.values()]
        rest = sorted(n for n in self._by_lesson if n not in self._read)
        of_lessons = Loose(
            "attendance log",
            [a for k in lessons if _has_to_tell(a := self._others(k))],
            [Scope("attendance", Selector.LESSON, n) for n in rest],
        )
        parts: list[tuple[Kept, str, Selector | None, str]] = [(k, "of lessons", None, "") for k in self._narrowed]
        for (group, subject), some in self._by_course.items():
            key = course_key(group, subject)
            parts += [(k, f"{group} {subject}", Selector.COURSE, key) for k in _standing(some)]
        for (person, subject), some in self._by_person.items():
            name, covered = f"of pupil {person} {subject}".strip(), None if subject else Selector.PERSON
            parts += [(k, name, covered, person) for k in _standing(some)]
        if of_lessons.answers or of_lessons.scopes:
            yield of_lessons
        for kept, what, selector, key in sorted(parts, key=lambda p: _age(p[0])):
            since, until = (d.isoformat() for d in (kept.asked.days.start, kept.asked.days.end))
            whole, answer = _is_whole(kept), self._others(kept)
            name = f"attendance log {what} {since} {until}{'' if whole else f' {kept.order}'}"
            scopes = [Scope("attendance", selector, key, Axis.LESSON_DATE, since, until)] if whole and selector else []
            if scopes or _has_to_tell(answer):
                yield Loose(name, [answer], scopes)

    def _others(self, kept: Kept) -> Answer:
        """What an answer says that neither a newer one tells nor captured lessons have been given from it."""

        def is_loose(entry: Any) -> bool:
            lesson = id_of(entry, "lesson") or ""
            if lesson not in self._read:
                alone = self._by_lesson.get(lesson)
                return alone is None or _age(alone) <= _age(kept)
            subject, day, whole = self._read[lesson]
            of_pupil = self._of_pupil(id_of(entry, "person") or "", subject, day)
            return all(k is None or _age(k) < _age(kept) for k in (whole, of_pupil))

        return cut(self._captured.take(kept), is_loose, "logEntries")


def _is_of(without: Mapping[str, frozenset[str]], entry: Any) -> bool:
    """Whether an entry is of one of these lessons, and of none of the pupils of whom a newer answer tells."""
    lesson = id_of(entry, "lesson") or ""
    return lesson in without and id_of(entry, "person") not in without[lesson]


def _has_to_tell(answer: Answer) -> bool:
    """Whether an answer has entries, or at least that it cannot be read."""
    try:
        return bool(entries_of(answer))
    except UnexpectedAnswerError:
        return True


def _age(kept: Kept) -> tuple[datetime, int]:
    return kept.at, kept.order


def _is_whole(kept: Kept) -> bool:
    """Whether an answer has all of the days that it was asked for."""
    days = kept.asked.days
    return not kept.asked.others and days.start > date.min and days.end < date.max


def _holds(kept: Kept, day: date | None) -> bool:
    """Whether an answer has all of a day."""
    return day is not None and _is_whole(kept) and day in kept.asked.days


def _standing(some: Sequence[Kept]) -> list[Kept]:
    """Answers of one kind, the oldest first, without those all of whose days a newer one has."""
    return [
        kept
        for n, kept in enumerate(some, 1)
        if not any(
            _is_whole(k) and k.asked.days.start <= kept.asked.days.start and kept.asked.days.end <= k.asked.days.end
            for k in some[n:]
        )
    ]
