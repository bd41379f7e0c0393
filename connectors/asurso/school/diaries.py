"""What the diaries of many pupils say together of the same lessons (portal facts B2.3). Pure.

A lesson stands in the diary of every pupil who was to be there, and so do its assignments; only marks are each pupil's
own. Of several copies a good one counts; something is broken only where all its copies are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from canonical.batch import Batch, Origin
from connectors.asurso.school import wire
from connectors.asurso.values import as_date, day, folded, id_of
from connectors.errors import UnexpectedAnswerError
from connectors.http import Answer
from connectors.wire import Wire, as_list, note_drift, reason

W = TypeVar("W", bound=Wire)


@dataclass
class Copies(Generic[W]):
    """The copies of one thing: the first good one, else the first broken one with what is wrong."""

    made: W | None = None
    origin: Origin | None = None
    why: str = ""
    raw: Any = None

    def take(self, model: type[W], item: Any, origin: Origin) -> W | None:
        """Looks at one more copy; gives it if it is good."""
        try:
            made = model.model_validate(item)
        except ValidationError as error:
            if self.made is None and not self.why:
                self.why, self.raw, self.origin = reason(error), item, origin
            return None
        if self.made is None:
            self.made, self.origin, self.why, self.raw = made, origin, "", None
        return made


@dataclass
class SeenMark:
    """What stands in one pupil's place of an assignment, as it came."""

    student: str
    mark: Any
    comment: Any
    origin: Origin


@dataclass
class SeenWork:
    """An assignment in all diaries."""

    key: str
    lesson: str | None
    copies: Copies[wire.Assignment] = field(default_factory=Copies)
    marks: dict[str, SeenMark] = field(default_factory=dict)
    pupils: list[str] = field(default_factory=list)


@dataclass
class SeenLesson:
    """A lesson in all diaries. `subjects` and `day` are there also where the lesson is broken."""

    key: str
    day: date | None
    copies: Copies[wire.Lesson] = field(default_factory=Copies)
    subjects: set[str] = field(default_factory=set)
    pupils: dict[str, Origin] = field(default_factory=dict)
    works: dict[str, SeenWork] = field(default_factory=dict)

    @property
    def number(self) -> int:
        made = self.copies.made
        return made.number or 0 if made else 0


@dataclass
class Diaries:
    """The diaries of some days: lessons by key, assignments without a lesson, and what has no key at all."""

    since: date
    until: date
    lessons: dict[str, SeenLesson] = field(default_factory=dict)
    loose: dict[str, SeenWork] = field(default_factory=dict)
    unkeyed: list[tuple[str, str, Any, Origin, tuple[str, ...]]] = field(default_factory=list)
    drift: Batch = field(default_factory=Batch)

    def take(self, student: str, answer: Answer) -> None:
        """Adds the diary of one pupil.

        Raises:
            UnexpectedAnswerError: the answer is no diary.

        """
        said, origin = answer.json(), answer.origin
        if not isinstance(said, Mapping):
            raise UnexpectedAnswerError(f"{origin.request}: a diary was expected")
        days = as_list(said.get("weekDays"), where=origin.request)
        for one in days:
            lessons = one.get("lessons") if isinstance(one, Mapping) else one
            if not isinstance(lessons, list | None) or not isinstance(one, Mapping):
                self._lose("lessons", "a day holds no list of lessons", one, origin, ("works", "marks"))
                continue
            for item in lessons or ():
                self._lesson(student, item, one.get("date"), origin)
        loose = said.get("laAssigns")
        for item in loose if isinstance(loose, list) else ():
            self._work(student, None, item, self.loose, origin)

    def _lesson(self, student: str, item: Any, of_day: Any, origin: Origin) -> None:
        key = id_of(item, "classmeetingId")
        if key is None:
            self._lose("lessons", "classmeetingId: there is none", item, origin, ("works", "marks"))
            return
        on = as_date(item.get("day")) or as_date(of_day)
        if on and not self.since <= on <= self.until:
            return
        lesson = self.lessons.setdefault(key, SeenLesson(key, on))
        filled = item if item.get("day") is not None or not isinstance(of_day, str) else {**item, "day": of_day}
        made = lesson.copies.take(wire.Lesson, filled, origin)
        if made and lesson.copies.made is made:
            note_drift(made, self.drift)
        lesson.day = on if made else lesson.day or on
        lesson.pupils.setdefault(student, origin)
        if isinstance(item.get("subjectName"), str) and folded(item["subjectName"]):
            lesson.subjects.add(item["subjectName"])
        works = item.get("assignments")
        if not isinstance(works, list | None):
            self._lose("works", "assignments: a list was expected", item, origin, ("marks",))
            return
        for work in works or ():
            self._work(student, lesson.key, work, lesson.works, origin)

    def _work(self, student: str, lesson: str | None, item: Any, works: dict[str, SeenWork], origin: Origin) -> None:
        key = id_of(item)
        if key is None:
            self._lose("works", "id: there is none", item, origin, ("marks",))
            return
        work = works.setdefault(key, SeenWork(key, lesson))
        made = work.copies.take(wire.Assignment, item, origin)
        if made and work.copies.made is made:
            note_drift(made, self.drift)
        if student not in work.pupils:
            work.pupils.append(student)
        if item.get("mark") is not None:
            work.marks[student] = SeenMark(student, item["mark"], item.get("markComment"), origin)

    def _lose(self, entity: str, why: str, raw: Any, origin: Origin, hides: tuple[str, ...]) -> None:
        """Something without a key: counted once, in however many diaries it stands."""
        if all((entity, raw) != (e, r) for e, _, r, *_ in self.unkeyed):
            self.unkeyed.append((entity, why, raw, origin, hides))

    def works(self) -> Iterator[tuple[SeenLesson | None, SeenWork]]:
        """All assignments, with their lessons, in a fixed order."""
        for lesson in self.lessons.values():
            for work in lesson.works.values():
                yield lesson, work
        for work in self.loose.values():
            yield None, work

    def at(self, student: str, on: date, subject: str) -> list[SeenLesson]:
        """A pupil's lessons of a subject on a day, in the order of the day; one that cannot say its subject may be meant."""
        here = self.by_pupil_day.get((student, on), [])
        wanted = folded(subject)
        named = [x for x in here if wanted in {folded(s) for s in x.subjects}]
        return sorted(named or [x for x in here if not x.subjects], key=lambda x: (x.number, x.key))

    @property
    def by_pupil_day(self) -> Mapping[tuple[str, date], list[SeenLesson]]:
        """Lessons by pupil and day. To be asked when all diaries are there."""
        if self._index is None:
            index: dict[tuple[str, date], list[SeenLesson]] = {}
            for lesson in self.lessons.values():
                for student in lesson.pupils:
                    if lesson.day:
                        index.setdefault((student, lesson.day), []).append(lesson)
            self._index = index
        return self._index

    _index: dict[tuple[str, date], list[SeenLesson]] | None = None


def day_of(lesson: SeenLesson) -> str:
    """The date of a lesson as text; what is no date stays as it came."""
    made = lesson.copies.made
    return (day(made.day) if made else None) or (lesson.day.isoformat() if lesson.day else "")
