"""The journal of a browser's capture: lessons, marks and absences of groups that are read together (facts B4.4-B4.6)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any, Final

import msgspec

from canonical.batch import Batch
from canonical.coverage import Axis, Scope, Selector
from canonical.entities import Attendance, Lesson, Record
from canonical.years import Stretch
from connectors.asking import together
from connectors.captured_days import Part, covers, cut, newest_by_day, parts_of
from connectors.captured_requests import day_of
from connectors.captures import Captured, Run
from connectors.contract import Context, Reading, Unit, ready
from connectors.http import Answer
from connectors.mosreg.classes import homework_ids
from connectors.mosreg.client import CORE, Client, Listing, joined
from connectors.mosreg.formats import WRAPPERS, to_day
from connectors.mosreg.journal import JournalContext, PieceAnswers, journal_batch
from connectors.mosreg.marks import MarksOfPiece
from connectors.mosreg.school import School
from connectors.wire import plain_key

WHOLE: Final = frozenset({"academic_year_id", "school_id", "class_unit_id", "class_unit_ids", "group_ids"}) | {
    "with_deleted", "with_transferred", "with_archived_groups", "with_final_marks", "with_groups",
    "with_non_numeric_entries",
}  # fmt: skip
"""What a list may have chosen by, and still hold everything of the classes and groups that it was asked for."""

UNTOLD: Final = {
    "groups": ("curator", "level"),
    "lessons": ("number", "status"),
    "attendance": ("reason",),
    "periods": ("name", "start", "end", "number", "groups"),
}
"""What other lists tell than the one that brings a record."""


@dataclass(frozen=True)
class Journal:
    """What was captured of the journal of a school, of all its groups. `lessons` are those that have been read by now."""

    context: Context
    client: Client
    captured: Captured
    days: Stretch
    today: date
    school: School
    has_groups: bool
    forms: Mapping[str, str | None]
    schedule: Sequence[Run]
    marks: Sequence[Run]
    absences: Sequence[Run]
    lessons: set[str] = field(default_factory=set)


class Bucket:
    """The journal of the groups that are read together."""

    def __init__(self, of: Journal, bucket: str, groups: Sequence[str]) -> None:
        self._of = of
        self._groups = groups
        self._is_class = bucket.isdigit()
        self._name = f"{of.school.academic_year} {'class ' if self._is_class else ''}{bucket.replace(':', ' ')}"
        self._schedule = {g: [r for r in of.schedule if _is_whole(r) and _asks_for(r, g)] for g in groups}
        self._marks = {g: [r for r in of.marks if _is_whole(r) and _asks_for(r, g)] for g in groups}
        self._absences = {g: [r for r in of.absences if _is_whole(r) and _asks_for(r, g)] for g in groups}
        self._every_marks = [r for r in of.marks if any(_asks_for(r, g) for g in groups)]
        self._every_absences = [r for r in of.absences if any(_asks_for(r, g) for g in groups)]
        self._loose = [r for r in of.schedule if not _is_whole(r)]
        self._loose += [r for r in of.schedule if _is_whole(r) and not r.complete]
        self.is_captured = False

    async def units(self) -> AsyncIterator[Unit]:
        of = self._of
        parts = parts_of(self._schedule, of.days)
        marks = [self._marks_of(r, self._groups, None) for r in reversed(self._every_marks)]
        self.is_captured = bool(parts or marks)
        if parts:
            absences = Listing(
                tuple(a for r in reversed(self._every_absences) for a in of.captured.answers(r)), "attendances"
            )
        else:
            absences = Listing((), "attendances")
        for part in parts:
            listing = self._lessons_of(part)
            yield await self._lesson_unit(
                f"{self._name} {part.days.start} {part.days.end}", part, listing, marks, absences
            )
        for number, run in enumerate(self._loose):
            listing = self._loose_lessons(run, parts)
            if any(listing.items()):
                self.is_captured = True
                whole = Part(of.days, {})
                yield await self._lesson_unit(f"{self._name} lessons {number}", whole, listing, marks, absences)
        for part in parts_of(self._marks, of.days):
            runs = list(dict.fromkeys(part.runs.values()))
            some = [self._marks_of(r, [g for g, x in part.runs.items() if x is r], part.days) for r in runs]
            listing = joined([m.listing for m in some])
            yield self._marks_unit(f"{self._name} marks {part.days.start} {part.days.end}", part, listing)
        for number, run in enumerate(self._every_marks):
            if not (run.complete and _is_whole(run)):
                some_marks = self._marks_of(run, self._groups, None)
                if any(some_marks.listing.items()):
                    yield self._marks_unit(f"{self._name} marks {number}", Part(of.days, {}), some_marks.listing)

    # -- lessons -------------------------------------------------------------------------------------------------

    def _lessons_of(self, part: Part) -> Listing:
        found = []
        for run in dict.fromkeys(part.runs.values()):
            groups = {g for g, r in part.runs.items() if r is run}

            def is_meant(item: Any, groups: set[str] = groups) -> bool:
                if not isinstance(item, dict):
                    return True
                day = _day_of(item)
                return plain_key(item, "group_id") in groups and (day is None or day in part.days)

            found += [cut(a, is_meant, *WRAPPERS, "schedule_items") for a in self._of.captured.answers(run)]
        return Listing(tuple(found), "schedule_items")

    def _loose_lessons(self, run: Run, parts: Sequence[Part]) -> Listing:
        """The lessons of these groups in a list that does not hold all of any; not where a newer list holds all."""

        def is_meant(item: Any) -> bool:
            if not isinstance(item, dict):
                return False
            group, day = plain_key(item, "group_id"), _day_of(item)
            if group is None or group not in self._groups or day is None or day not in self._of.days:
                return False
            newer = (p.runs[group].at >= run.at for p in parts if group in p.runs and day in p.days)
            return not any(newer)

        answers = [cut(a, is_meant, *WRAPPERS, "schedule_items") for a in self._of.captured.answers(run)]
        return Listing(tuple(answers), "schedule_items")

    async def _lesson_unit(
        self, name: str, part: Part, schedule: Listing, marks: Sequence[MarksOfPiece], absences: Listing
    ) -> Unit:
        of = self._of
        items = [i for i in schedule.items() if isinstance(i, dict)]
        lessons = {key for i in items if (key := plain_key(i, "id"))}
        of.lessons.update(lessons)
        rows = Listing(
            tuple(cut(a, partial(_is_of, lessons), *WRAPPERS, "attendances") for a in absences.answers), "attendances"
        )
        rows = Listing(tuple(a for a in rows.answers if any(Listing((a,), "attendances").items())), "attendances")
        wanted = set(homework_ids(items))
        homeworks, has_all = self._homeworks(wanted)
        named = {plain_key(i, field) for i in items for field in ("teacher_id", "replaced_teacher_id")}
        unknown = sorted(n for n in named if n is not None and n not in of.school.known_staff)
        teachers = joined(await together([of.client.teacher(n) for n in unknown]))
        days = part.days
        began = days.start <= of.today
        held = {g: self._is_settled(g, days) for g in part.runs}
        asked = PieceAnswers(
            since=days.start.isoformat(),
            until=days.end.isoformat(),
            first=days.start.isoformat(),
            schedule=schedule,
            attendances=rows,
            marks=MarksOfPiece(Listing((), "marks"), days.start.isoformat(), days.end.isoformat()),
            other_marks=[_only(m, partial(_is_of, lessons)) for m in marks],
            homeworks=homeworks,
            teachers=teachers,
            late=None,
            began=began,
        )
        numbered = self._is_class and part.runs.keys() >= set(self._groups)
        context = JournalContext(of.forms, of.context.scale, numbered, (), is_settled=False)

        def make() -> Batch:
            batch = journal_batch(asked, context)
            batch.untold = {
                **UNTOLD,
                **({} if has_all else {"lessons": (*UNTOLD["lessons"], "homework", "homework_at")}),
            }
            if not of.forms:
                batch.untold["works"] = ("kind", "control")
            sure = {g for g, (marked, absent) in held.items() if marked and absent}
            batch.change(lambda r: _unless_planned(r, sure, of.today))
            self._cover(batch, asked, part, held)
            return batch

        listings = [schedule, rows, *(m.listing for m in asked.other_marks), homeworks, teachers]
        return ready(name, Reading([a for one in listings for a in one.answers], make))

    def _is_settled(self, group: str, days: Stretch) -> tuple[bool, bool]:
        """Whether all marks that can concern some days were captured, and all absences of these days."""
        of = self._of
        to = max(min(of.today, of.days.end), days.end if days.end <= of.today else days.start)
        marks = [s for s, r in newest_by_day(self._marks[group], of.days) if _has_text(r)]
        absences = [s for s, _ in newest_by_day(self._absences[group], of.days)]
        last = min(days.end, of.today)
        return (
            days.start > of.today or covers(marks, Stretch(days.start, to)),
            days.start > of.today or covers(absences, Stretch(days.start, last)),
        )

    def _cover(self, batch: Batch, asked: PieceAnswers, part: Part, held: Mapping[str, tuple[bool, bool]]) -> None:
        days = (asked.since, asked.until)
        marks_known = all(m.all_have_places for m in asked.other_marks)
        told = all(m.tells_all_absences for m in asked.other_marks)
        for selector, key, groups in self._scopes(part.runs.keys()):
            batch.covers(Scope("lessons", selector, key, Axis.LESSON_DATE, *days))
            if asked.began and marks_known and all(held[g][0] for g in groups):
                batch.covers(Scope("works", selector, key, Axis.LESSON_DATE, *days))
                if told and all(held[g][1] for g in groups):
                    batch.covers(Scope("attendance", selector, key, Axis.LESSON_DATE, *days))

    def _homeworks(self, wanted: set[str]) -> tuple[Listing, bool]:
        """The homeworks of these ids, wherever they were captured; and whether all were."""
        of = self._of
        if not wanted:
            return Listing((), "homeworks"), True
        found: list[Answer] = []
        ids: set[str] = set()
        for run in reversed(of.captured.runs(f"{CORE}/homeworks")):
            if "ids" in run.chosen and not run.chosen["ids"] & wanted:
                continue
            for answer in of.captured.answers(run):
                part = cut(answer, lambda i: plain_key(i, "id") in wanted, *WRAPPERS, "homeworks")
                here = set(Listing((part,), "homeworks").ids())
                if here:
                    found.append(part)
                    ids |= here
        return Listing(tuple(found), "homeworks"), ids >= wanted

    # -- marks ---------------------------------------------------------------------------------------------------

    def _marks_of(self, run: Run, groups: Sequence[str], days: Stretch | None) -> MarksOfPiece:
        """The marks of groups in a list; of some days of entry only, where a newer list holds the others."""

        def is_meant(item: Any) -> bool:
            if not isinstance(item, dict):
                return run.chosen.get("group_ids", frozenset()) == frozenset(groups)
            if plain_key(item, "group_id") not in groups:
                return False
            day = day_of(item.get("created_at"))
            return days is None or day is None or day not in run.days or day in days

        answers = [cut(a, is_meant, *WRAPPERS, "marks") for a in self._of.captured.answers(run)]
        shown = days or run.days
        return MarksOfPiece(Listing(tuple(answers), "marks"), shown.start.isoformat(), shown.end.isoformat())

    def _marks_unit(self, name: str, part: Part, listing: Listing) -> Unit:
        """Marks with the works that they stand in. An «н» counts here only where no lesson was captured that it is of."""
        of = self._of
        since, until = part.days.start.isoformat(), part.days.end.isoformat()
        marks = MarksOfPiece(listing, since, until)
        asked = PieceAnswers(
            of.days.start.isoformat(), of.days.end.isoformat(), since, Listing(), Listing(), marks, (),
            Listing(), Listing(), None, began=True,
        )  # fmt: skip
        context = JournalContext(of.forms, of.context.scale, numbered=False, scopes=(), is_settled=False)
        rows = {
            f"{plain_key(i, 'schedule_lesson_id')}:{plain_key(i, 'student_profile_id')}"
            for r in self._every_absences
            for a in of.captured.answers(r)
            for i in Listing((a,), "attendances").items()
        }
        seen = frozenset(of.lessons)

        def make() -> Batch:
            batch = journal_batch(asked, context)
            batch.untold = dict(UNTOLD)
            if not of.forms:
                batch.untold["works"] = ("kind", "control")
            batch.keep(lambda r: not (isinstance(r, Attendance) and (r.lesson in seen or r.key in rows)))
            if marks.keeps_to_its_days and all(_has_text(r) for r in part.runs.values()):
                for selector, key, _ in self._scopes(part.runs.keys()):
                    batch.covers(Scope("marks", selector, key, Axis.RECORDED_ON, since, until))
            return batch

        return ready(name, Reading(listing.answers, make))

    def _scopes(self, groups: Iterable[str]) -> Iterator[tuple[Selector, str, list[str]]]:
        """What is covered when these groups are: whole canonical groups where all their courses are, else courses."""
        asked = set(groups)
        by_group: dict[str, list[str]] = {}
        for key in self._groups:
            place = self._of.school.places.get(key)
            by_group.setdefault(place.group if place else f"\0{key}", []).append(key)
        sure = self._of.school.groups.is_whole and self._of.has_groups
        for group, courses in by_group.items():
            if sure and not group.startswith("\0") and asked >= set(courses):
                yield Selector.GROUP, group, courses
            else:
                yield from ((Selector.COURSE, c, [c]) for c in courses if c in asked)


def _is_whole(run: Run) -> bool:
    """Whether a list was asked for by nothing but groups."""
    return run.chosen.keys() <= WHOLE


def _asks_for(run: Run, group: str) -> bool:
    return group in run.chosen.get("group_ids", {group})


def _has_text(run: Run) -> bool:
    return run.chosen.get("with_non_numeric_entries", frozenset()) == {"true"}


def _is_of(lessons: set[str], item: Any) -> bool:
    return plain_key(item, "schedule_lesson_id") in lessons


def _only(marks: MarksOfPiece, keep: Callable[[Any], bool]) -> MarksOfPiece:
    answers = (cut(a, keep, *WRAPPERS, "marks") for a in marks.listing.answers)
    kept = tuple(a for a in answers if any(Listing((a,), "marks").items()))
    return MarksOfPiece(Listing(kept, "marks"), marks.since, marks.until)


def _day_of(item: Mapping[str, Any]) -> date | None:
    """The day of a lesson, as far as it can be read."""
    for name in ("date", "iso_date_time"):
        try:
            if text := to_day(item.get(name)):
                return date.fromisoformat(text)
        except (ValueError, TypeError):
            continue
    return None


def _unless_planned(record: Record, sure: set[str], today: date) -> Record:
    """A lesson without a sign of having been held: whether it was, is not known where marks or absences are missing."""
    if isinstance(record, Lesson) and record.status == "planned" and record.course not in sure:
        day = day_of(record.date)
        if day is not None and day <= today:
            return msgspec.structs.replace(record, status=None)
    return record
