"""Which captured answers tell of which days of a group's journal: asked for as a whole, or subject by subject."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from canonical.years import Stretch
from connectors.captured_days import Part, cut, parts_of
from connectors.captured_requests import day_of
from connectors.captures import Captured, Run
from connectors.http import Answer
from connectors.partner_api.mapper import items_of, key_of
from connectors.partner_api.wire import id_of

_ANY_DAYS: Final = "2000-01-01/2000-01-01"


@dataclass(frozen=True, slots=True)
class Piece:
    """Lessons and marks that are read together; either may not have been captured.

    `subject` is null where they are of the group with all its subjects. `complete`: of these days they are all.
    `apart`: the subjects whose lessons of these days stand in pieces of their own. `more`: newer marks of single subjects,
    which may hold none of subgroups.
    """

    days: Stretch
    lessons: Answer | None
    marks: Answer | None
    complete: bool
    subject: str | None = None
    apart: frozenset[str] = frozenset()
    more: tuple[Answer, ...] = ()


class Windows:
    """The windows of one group that a person has paged to."""

    def __init__(self, captured: Captured, group: str) -> None:
        self._captured = captured
        self._group = group
        asked = captured.every(f"get /v2/edu-groups/{group}/subjects/[0-9]+/(lessons|marks)/.*")
        self.subjects = sorted({k.asked.place.split("/")[5] for k in asked})
        self.lessons = self._runs("", "lessons")
        self._runs_of: dict[str, list[Run]] = {"lessons": self.lessons, "marks": self._runs("", "marks")}
        for subject in self.subjects:
            for what in ("lessons", "marks"):
                self._runs_of[f"{what} {subject}"] = self._runs(f"/subjects/{subject}", what)

    def _runs(self, of: str, what: str) -> list[Run]:
        runs = self._captured.runs(f"/v2/edu-groups/{self._group}{of}/{what}/{_ANY_DAYS}")
        return [replace(r, complete=False) if r.chosen else r for r in runs]

    def __bool__(self) -> bool:
        return any(self._runs_of.values())

    def pieces(self, year: Stretch) -> list[Piece]:
        """The pieces of the year: of each day what the newest answers tell, then what may have been narrowed."""
        found = [piece for part in parts_of(self._runs_of, year) for piece in self._of_part(part)]
        narrowed = [(n, r) for n, runs in self._runs_of.items() for r in runs if not r.complete]
        for name, run in narrowed:
            what, _, subject = name.partition(" ")
            if what == "lessons":
                lessons = cut(self._cut(run, run.days), partial(self._is_news, run))
                found.append(Piece(run.days, lessons, None, complete=False, subject=subject or None))
        taught = {key: i for p in found if p.lessons for i in items_of(p.lessons) if (key := key_of(i))}
        for name, run in narrowed:
            what, _, subject = name.partition(" ")
            if what == "marks":
                marks = cut(self._captured.answers(run)[0], partial(self._is_news, run, taught=taught))
                found.append(Piece(run.days, None, marks, complete=False, subject=subject or None))
        return found

    def _is_news(self, run: Run, item: Any, taught: Mapping[str, Any] | None = None) -> bool:
        """Whether no newer complete answer tells of the day of a lesson, or of a mark at one of those that are `taught`."""
        what = "lessons" if taught is None else "marks"
        lesson = item if taught is None else taught.get(id_of(item, "lesson") or "")
        day = day_of(lesson.get("date")) if isinstance(lesson, dict) else None
        newer = (*self._runs_of[what], *self._runs_of.get(f"{what} {_subject_of(lesson)}", ()))
        return day is None or not any(r.complete and run.at < r.at and day in r.days for r in newer)

    def _of_part(self, part: Part) -> Iterator[Piece]:
        """The pieces of some days. A subject has one of its own where it was asked for later than the whole.

        An answer about one subject need not hold the lessons and marks of subgroups: what the whole has of them stays there.
        """
        runs, days = part.runs, part.days
        lessons = self._cut(runs["lessons"], days) if "lessons" in runs else None
        marks = self._captured.answers(runs["marks"])[0] if "marks" in runs else None
        own: list[Piece] = []
        more: list[Answer] = []
        for subject in self.subjects:
            newer = {
                what: run
                for what in ("lessons", "marks")
                if (run := runs.get(f"{what} {subject}")) and (what not in runs or runs[what].at < run.at)
            }
            if newer:
                taught = self._cut(newer["lessons"], days) if "lessons" in newer else self._of_subject(lessons, subject)
                marked = marks
                if "marks" in newer:
                    (marked,) = self._captured.answers(newer["marks"])
                    more.append(marked)
                own.append(Piece(days, taught, marked, complete=True, subject=subject))
        apart = frozenset(piece.subject for piece in own if piece.subject)
        if lessons is not None:
            told = [item for piece in own if piece.lessons for item in items_of(piece.lessons) if self._is_own(item)]
            there = {key for item in told if (key := key_of(item))}

            def stays(item: Any) -> bool:
                return not (self._is_own(item) and _subject_of(item) in apart) and key_of(item) not in there

            lessons = cut(lessons, stays)
        if lessons is not None or marks is not None:
            yield Piece(
                days, lessons, marks, complete=True, apart=apart, more=tuple(more) if lessons is not None else ()
            )
        yield from own

    def _of_subject(self, lessons: Answer | None, subject: str) -> Answer | None:
        if lessons is None:
            return None
        return cut(lessons, lambda item: self._is_own(item) and _subject_of(item) == subject)

    def _is_own(self, item: Any) -> bool:
        """Whether a lesson is of the group itself, and of none of its subgroups."""
        return id_of(item, "group") == self._group

    def _cut(self, run: Run, days: Stretch) -> Answer:
        (answer,) = self._captured.answers(run)
        items_of(answer)

        def is_inside(item: Any) -> bool:
            day = day_of(item.get("date")) if isinstance(item, dict) else None
            return day is None or day in days

        return cut(answer, is_inside)


def _subject_of(item: Any) -> str | None:
    return key_of(item.get("subject")) if isinstance(item, dict) else None
