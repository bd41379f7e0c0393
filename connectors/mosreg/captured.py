"""Reads a browser's capture of «Моя школа»: the lists and windows that a person has paged to, in place of our own.

A person asks for one group or for a teacher's week, so days and groups are taken as they were asked for: in each stretch of
days each group is answered by the newest complete list. Marks go by the day of their entry, and so are units of their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any, Final

import msgspec

from canonical.batch import Batch
from canonical.coverage import Axis, Scope, Selector
from canonical.entities import Attendance, Course, Lesson, Period, Record
from canonical.years import AcademicYear, Stretch
from connectors.captures import Captured, Part, Run, covers, cut, day_of, newest_by_day, parts_of
from connectors.contract import Context, Reading, Unit, Window, ready
from connectors.errors import NotCapturedError
from connectors.http import Answer
from connectors.mosreg.asking import together
from connectors.mosreg.classes import homework_ids
from connectors.mosreg.client import Client, Listing, joined
from connectors.mosreg.finals import Finals
from connectors.mosreg.formats import WRAPPERS, to_day
from connectors.mosreg.journal import JournalContext, PieceAnswers, journal_batch
from connectors.mosreg.marks import MarksOfPiece
from connectors.mosreg.periods import Calendar
from connectors.mosreg.plans import plans_batch
from connectors.mosreg.reading import read
from connectors.mosreg.roster import classes_batch, pupils_batch, staff_batch
from connectors.mosreg.school import School, SchoolAnswers, by_number
from connectors.mosreg.wire import ControlForm
from connectors.mosreg.years import year_of
from connectors.wire import plain_key

_CORE: Final = "/api/ej/core/teacher/v1"
_PLAN: Final = "/api/ej/plan/teacher/v1"
_WHOLE: Final = frozenset({"academic_year_id", "school_id", "class_unit_id", "class_unit_ids", "group_ids"}) | {
    "with_deleted", "with_transferred", "with_archived_groups", "with_final_marks", "with_groups",
    "with_non_numeric_entries",
}  # fmt: skip
"""What a list may have chosen by, and still hold everything of the classes and groups that it was asked for."""

_UNTOLD: Final = {
    "groups": ("curator", "level"),
    "lessons": ("number", "status"),
    "attendance": ("reason",),
    "periods": ("name", "start", "end", "number", "groups"),
}
"""What other lists tell than the one that brings a record."""

_PUPILS: Final = ("with_deleted", "with_transferred", "with_archived_groups", "with_final_marks", "with_groups")


class CapturedSchool:
    """What was captured of one academic year of one school."""

    def __init__(self, context: Context, client: Client, captured: Captured, window: Window, school: str) -> None:
        self.context = context
        self.client = client
        self.captured = captured
        self._year = window.year
        self.days = Stretch(window.since, window.until)
        self._school_id = school
        self.today = context.today()
        self._year_id: str | None = None
        self.lessons: set[str] = set()
        self._rows: set[str] = set()

    async def units(self) -> AsyncIterator[Unit]:
        """The lists of the school first, then the journal group by group."""
        name = self._year.name
        years, _ = self._listing(f"{_CORE}/academic_years", "academic_years", of_year=False)
        self._year_id = year_of(years, self._year) or self._only_year()
        if self._year_id is None and self._year != AcademicYear.of(self.today):
            return  # whose the lists are cannot be told
        answers, missing = self._answers(years)
        for what in missing:
            yield _missing(f"{name} {what}")
        school = School(answers, name)
        for unit in self._school_units(school):
            yield unit
        forms, _ = self._listing(f"{_CORE}/control_forms", "control_forms")
        known = read(forms, ControlForm, entity="works")
        if forms.answers:
            yield self._ready(f"{name} control forms", forms.answers, partial(_problems, known))
        named = {form.id: form.name for form, _ in known.items}
        async for unit in self._journal(school, named):
            yield unit

    # -- lists of the school -------------------------------------------------------------------------------------

    def _only_year(self) -> str | None:
        """The portal's id of the year, where the list of years was not captured: that of requests for its days."""
        ids: set[str] = set()
        for path in (f"{_PLAN}/schedule_items", f"{_CORE}/attendances"):
            for run in self.captured.runs(path):
                if self.days.start <= run.days.start and run.days.end <= self.days.end:
                    ids |= run.chosen.get("academic_year_id", frozenset())
        return next(iter(ids)) if len(ids) == 1 else None

    def _runs(self, path: str, *, of_year: bool = True) -> list[Run]:
        """The lists of a path, of this year and school where they were asked for by these."""
        wanted = {"school_id": self._school_id}
        if of_year and self._year_id is not None:
            wanted["academic_year_id"] = self._year_id
        runs = self.captured.runs(path, wanted)
        return [r for r in runs if r.days.start <= self.days.end and r.days.end >= self.days.start]

    def _listing(self, path: str, wrapper: str, *, of_year: bool = True) -> tuple[Listing, bool]:
        """A list, the newest answers last; and whether it is complete. What is older than a complete one adds nothing."""
        runs = self._runs(path, of_year=of_year)
        whole = [r for r in runs if r.complete and r.chosen.keys() <= {"academic_year_id", "school_id", "with_deleted"}]
        since = max((r.at for r in whole), default=None)
        some = [r for r in reversed(runs) if since is None or r.at >= since]
        return Listing(tuple(a for r in some for a in self.captured.answers(r)), wrapper), bool(whole)

    def _answers(self, years: Listing) -> tuple[SchoolAnswers, list[str]]:
        staff, has_staff = self._listing(f"{_CORE}/teacher_profiles", "teacher_profiles", of_year=False)
        classes, has_classes = self._listing(f"{_CORE}/class_units", "class_units")
        groups, has_groups = self._listing(f"{_PLAN}/groups", "groups")
        schedules, has_schedules = self._listing(
            f"{_CORE}/attestation_periods_schedules", "attestation_periods_schedules", of_year=False
        )
        schedules = joined([schedules, *self._schedules_alone()])
        pupils, others, whole = self._pupils(classes.ids())
        self.has_groups = has_groups
        self._whole_classes = whole
        self._counts = {key: c.get("student_count") for c in classes.items() if (key := plain_key(c, "id"))}
        answers = SchoolAnswers(
            school=self._school_id,
            year=self._year_id or "",
            years=years
            if years.answers
            else Listing(tuple(_empty(a) for a in (*groups.answers, *classes.answers)[:1])),
            staff=staff,
            classes=classes,
            groups=groups,
            schedules=schedules,
            pupils=pupils,
            others=others,
            is_complete=has_classes and has_groups and whole >= set(classes.ids()),
            has_schedules=has_schedules,
        )
        self._has_years = bool(years.answers)
        told = (
            (years.answers, "academic years"), (has_staff, "staff list"), (has_classes, "classes"), (has_groups, "groups"),
            (has_schedules, "list of periods"),
        )  # fmt: skip
        missing = [what for there, what in told if not there]
        return answers, missing + [f"pupils {c}" for c in classes.ids() if c not in pupils]

    def _schedules_alone(self) -> Iterator[Listing]:
        for kept in self.captured.every(f"get {_CORE}/attestation_periods_schedules/[0-9]+"):
            yield Listing((_as_list(self.captured.take(kept)),), "attestation_periods_schedules")

    def _pupils(self, classes: Sequence[str]) -> tuple[dict[str, Listing], Listing, set[str]]:
        """Pupils by class, those of none, and the classes of which all were captured."""
        found: dict[str, list[Answer]] = defaultdict(list)
        others: list[Answer] = []
        whole: set[str] = set()
        for run in reversed(self._runs(f"{_CORE}/student_profiles")):
            asked = run.chosen.get("class_unit_ids", frozenset()) | run.chosen.get("class_unit_id", frozenset())
            alone = next(iter(asked)) if len(asked) == 1 else None
            for answer in self.captured.answers(run):
                items = Listing((answer,), "student_profiles").items()
                units = {_class_of(i) or alone for i in items if self._is_here(i)}
                for unit in units:
                    keep = partial(self._is_pupil_of, unit, alone)
                    part = cut(answer, keep, *WRAPPERS, "student_profiles")
                    (found[unit] if unit in classes or unit in asked else others).append(
                        part
                    ) if unit else others.append(part)
            if run.complete and run.chosen.keys() <= _WHOLE - {"group_ids"} and all(run.chosen.get(n) for n in _PUPILS):
                whole |= asked or set(classes)
        for empty in whole - found.keys():
            found[empty] = []
        return (
            {c: Listing(tuple(some), "student_profiles") for c, some in found.items()},
            Listing(tuple(others), "student_profiles"),
            whole,
        )

    def _is_here(self, pupil: Any) -> bool:
        return isinstance(pupil, dict) and plain_key(pupil, "school_id") in {None, self._school_id}

    def _is_pupil_of(self, unit: str | None, alone: str | None, pupil: Any) -> bool:
        return not isinstance(pupil, dict) or (self._is_here(pupil) and (_class_of(pupil) or alone) == unit)

    def _school_units(self, school: School) -> Iterator[Unit]:
        name, answers = school.academic_year, school.answers
        calendar = Calendar(school)
        finals = Finals(school, calendar, self.context.scale)
        if answers.staff.answers or answers.groups.answers:
            some = (*answers.staff.answers, *answers.groups.answers)
            yield self._ready(f"{name} staff", some, partial(staff_batch, school))
        pupils: list[tuple[str | None, Listing]] = [*answers.pupils.items(), (None, answers.others)]
        for key, listing in pupils:
            if listing.answers:
                make = partial(pupils_batch, school, key, self.context.pseudonym)
                yield self._ready(f"{name} pupils {key or '-'}", listing.answers, make)
        has_periods = answers.years.answers and (self._has_years or answers.schedules.answers) and self._year_id
        if has_periods:
            some = (*answers.years.answers, *answers.schedules.answers)
            yield self._ready(f"{name} periods", some, partial(self._periods, calendar))
        if answers.classes.answers or answers.groups.answers or pupils:
            some = (*answers.classes.answers, *answers.groups.answers, *(a for _, one in pupils for a in one.answers))
            if some:
                yield self._ready(f"{name} classes", some, partial(self._classes, school, finals))
        for key, listing in pupils:
            if listing.answers and answers.years.answers and self._year_id:
                yield self._ready(
                    f"{name} period marks {key or '-'}", listing.answers, partial(self._finals, finals, key)
                )

    def _periods(self, calendar: Calendar) -> Batch:
        """The periods; the year's own only where its dates were captured."""
        batch = calendar.batch()
        if not self._has_years:
            _keep(batch, lambda r: not (isinstance(r, Period) and r.key.endswith(":year")))
        if not self.has_groups:  # whose a schedule is, groups tell
            batch.scopes = []
        return batch

    def _classes(self, school: School, finals: Finals) -> Batch:
        """Classes and courses; no course of which it cannot be told whether it is its whole class's."""
        college = self.context.institution.kind == "college"
        batch = classes_batch(school, college=college, made_all=finals.is_whole)
        unsure = self._unsure(school)
        _keep(batch, lambda r: not (isinstance(r, Course) and r.key in unsure))
        return batch

    def _unsure(self, school: School) -> set[str]:
        counts = {key: g.get("student_count") for g in school.answers.groups.items() if (key := plain_key(g, "id"))}
        return {
            key
            for key, place in school.places.items()
            if place.kind == "class"
            and place.class_unit not in self._whole_classes
            and (counts.get(key) is None or counts.get(key) != self._counts.get(place.class_unit or ""))
        }

    def _finals(self, finals: Finals, class_unit: str | None) -> Batch:
        """Marks of periods; a course is made for one only where all groups are known."""
        batch = finals.batch(class_unit)
        if not self.has_groups:
            _keep(batch, lambda r: not isinstance(r, Course))
        if class_unit not in self._whole_classes:
            batch.scopes = []
        return batch

    def _ready(self, name: str, answers: Sequence[Answer], make: Callable[[], Batch]) -> Unit:
        def as_captured() -> Batch:
            batch = make()
            batch.untold = dict(_UNTOLD)
            return batch

        return ready(name, Reading(answers, as_captured))

    # -- the journal ---------------------------------------------------------------------------------------------

    async def _journal(self, school: School, forms: Mapping[str, str | None]) -> AsyncIterator[Unit]:
        """The lessons class by class, then marks, then what was noted of lessons that were not captured."""
        schedule = self._runs(f"{_PLAN}/schedule_items")
        marks = self._runs(f"{_CORE}/marks")
        absences = self._runs(f"{_CORE}/attendances")
        foreign = self._foreign()
        schedule, marks, absences = (
            [r for r in runs if not r.chosen.get("group_ids") or r.chosen["group_ids"] - foreign]
            for runs in (schedule, marks, absences)
        )
        buckets = dict(school.buckets())
        named = {g for r in (*schedule, *marks, *absences) for g in r.chosen.get("group_ids", ())}
        named |= self._groups_in(schedule, "schedule_items") | self._groups_in(marks, "marks")
        for group in sorted(named - school.places.keys() - foreign, key=by_number):
            buckets[f"other:{group}"] = (group,)
        for run in reversed(self._runs(f"{_PLAN}/calendar_plans")):
            asked = run.chosen.get("group_id", frozenset()) | run.chosen.get("group_ids", frozenset())
            if not asked or asked - foreign:
                yield self._plans(run, school, sorted(asked - foreign, key=by_number))
        loose = [r for r in schedule if not _is_whole(r)]
        unread: list[str] = []
        for bucket, groups in buckets.items():
            of_bucket = _Bucket(self, school, forms, bucket, groups, schedule, marks, absences, loose)
            async for unit in of_bucket.units():
                yield unit
            if not of_bucket.is_captured:
                unread.append(bucket)
        for bucket in unread:
            yield _missing(f"{school.academic_year} class {bucket}")
        for number, run in enumerate(reversed(absences)):
            rest = self._rest_of(run)
            if rest.answers:
                yield self._ready_with(f"{school.academic_year} absences {number}", rest, forms)

    def _groups_in(self, runs: Iterable[Run], wrapper: str) -> set[str]:
        """The groups of items."""
        lists = (Listing((a,), wrapper).items() for r in runs for a in self.captured.answers(r))
        return {key for items in lists for i in items if isinstance(i, dict) and (key := plain_key(i, "group_id"))}

    def _foreign(self) -> set[str]:
        """The groups of another school, of which something may have been captured as well."""
        runs = self.captured.runs(f"{_PLAN}/groups")
        items = (i for r in runs for a in self.captured.answers(r) for i in Listing((a,), "groups").items())
        strange = (i for i in items if isinstance(i, dict) and plain_key(i, "school_id") not in {None, self._school_id})
        return {key for i in strange if (key := plain_key(i, "id"))}

    def _plans(self, run: Run, school: School, asked: Sequence[str]) -> Unit:
        listing = Listing(tuple(_as_list(a) for a in self.captured.answers(run)), "calendar_plans")
        names = {g.id: g.name for g, _ in school.groups.items if not asked or g.id in asked}

        def make() -> Batch:
            batch = plans_batch([(listing, asked)], names)
            if not run.complete:
                batch.scopes = []
            return batch

        return self._ready(f"{school.academic_year} plans {','.join(asked)}", listing.answers, make)

    def _rest_of(self, run: Run) -> Listing:
        """The absences of a list whose lessons were not captured."""

        def is_left(row: Any) -> bool:
            return plain_key(row, "schedule_lesson_id") not in self.lessons

        parts = [cut(a, is_left, *WRAPPERS, "attendances") for a in self.captured.answers(run)]
        return Listing(tuple(a for a in parts if any(Listing((a,), "attendances").items())), "attendances")

    def _ready_with(self, name: str, absences: Listing, forms: Mapping[str, str | None]) -> Unit:
        since, until = self.days.start.isoformat(), self.days.end.isoformat()
        nothing = MarksOfPiece(Listing(), since, until)
        asked = PieceAnswers(
            since, until, since, Listing(), absences, nothing, (), Listing(), Listing(), None, began=True
        )
        context = JournalContext(forms, self.context.scale, numbered=False, scopes=(), is_settled=False)
        return self._ready(name, absences.answers, lambda: journal_batch(asked, context))


class _Bucket:
    """The journal of the groups that are read together."""

    def __init__(
        self,
        of: CapturedSchool,
        school: School,
        forms: Mapping[str, str | None],
        bucket: str,
        groups: Sequence[str],
        schedule: Sequence[Run],
        marks: Sequence[Run],
        absences: Sequence[Run],
        loose: Sequence[Run],
    ) -> None:
        self._of = of
        self._school = school
        self._forms = forms
        self._groups = groups
        self._is_class = bucket.isdigit()
        self._name = f"{school.academic_year} {'class ' if self._is_class else ''}{bucket.replace(':', ' ')}"
        self._schedule = {g: [r for r in schedule if _is_whole(r) and _asks_for(r, g)] for g in groups}
        self._marks = {g: [r for r in marks if _is_whole(r) and _asks_for(r, g)] for g in groups}
        self._absences = {g: [r for r in absences if _is_whole(r) and _asks_for(r, g)] for g in groups}
        self._every_marks = [r for r in marks if any(_asks_for(r, g) for g in groups)]
        self._every_absences = [r for r in absences if any(_asks_for(r, g) for g in groups)]
        self._loose = [*loose, *(r for r in schedule if _is_whole(r) and not r.complete)]
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
                return plain_key(item, "group_id") in groups and (day is None or _holds(part.days, day))

            found += [cut(a, is_meant, *WRAPPERS, "schedule_items") for a in self._of.captured.answers(run)]
        return Listing(tuple(found), "schedule_items")

    def _loose_lessons(self, run: Run, parts: Sequence[Part]) -> Listing:
        """The lessons of these groups in a list that does not hold all of any; not where a newer list holds all."""

        def is_meant(item: Any) -> bool:
            if not isinstance(item, dict):
                return False
            group, day = plain_key(item, "group_id"), _day_of(item)
            if group is None or group not in self._groups or day is None or not _holds(self._of.days, day):
                return False
            newer = (p.runs[group].at >= run.at for p in parts if group in p.runs and _holds(p.days, day))
            return not any(newer)

        answers = [cut(a, is_meant, *WRAPPERS, "schedule_items") for a in self._of.captured.answers(run)]
        return Listing(tuple(answers), "schedule_items")

    async def _lesson_unit(
        self, name: str, part: Part, schedule: Listing, marks: Sequence[MarksOfPiece], absences: Listing
    ) -> Unit:
        of = self._of
        items = [i for i in schedule.items() if isinstance(i, dict)]
        lessons = {key for i in items if (key := plain_key(i, "id"))}
        of.lessons |= lessons
        rows = Listing(
            tuple(cut(a, partial(_is_of, lessons), *WRAPPERS, "attendances") for a in absences.answers), "attendances"
        )
        rows = Listing(tuple(a for a in rows.answers if any(Listing((a,), "attendances").items())), "attendances")
        wanted = set(homework_ids(items))
        homeworks, has_all = self._homeworks(wanted)
        named = {plain_key(i, field) for i in items for field in ("teacher_id", "replaced_teacher_id")}
        unknown = sorted(n for n in named if n is not None and n not in self._school.known_staff)
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
        context = JournalContext(self._forms, of.context.scale, numbered, (), is_settled=False)

        def make() -> Batch:
            batch = journal_batch(asked, context)
            batch.untold = {
                **_UNTOLD,
                **({} if has_all else {"lessons": (*_UNTOLD["lessons"], "homework", "homework_at")}),
            }
            if not self._forms:
                batch.untold["works"] = ("kind", "control")
            sure = {g for g, (marked, absent) in held.items() if marked and absent}
            _each(batch, lambda r: _unless_planned(r, sure, of.today))
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
        for run in reversed(of.captured.runs(f"{_CORE}/homeworks")):
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
            return days is None or day is None or not _holds(run.days, day) or _holds(days, day)

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
        context = JournalContext(self._forms, of.context.scale, numbered=False, scopes=(), is_settled=False)
        rows = {
            f"{plain_key(i, 'schedule_lesson_id')}:{plain_key(i, 'student_profile_id')}"
            for r in self._every_absences
            for a in of.captured.answers(r)
            for i in Listing((a,), "attendances").items()
        }
        seen = frozenset(of.lessons)

        def make() -> Batch:
            batch = journal_batch(asked, context)
            batch.untold = dict(_UNTOLD)
            if not self._forms:
                batch.untold["works"] = ("kind", "control")
            _keep(batch, lambda r: not (isinstance(r, Attendance) and (r.lesson in seen or r.key in rows)))
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
            place = self._school.places.get(key)
            by_group.setdefault(place.group if place else f"\0{key}", []).append(key)
        sure = self._school.groups.is_whole and self._of.has_groups
        for group, courses in by_group.items():
            if sure and not group.startswith("\0") and asked >= set(courses):
                yield Selector.GROUP, group, courses
            else:
                yield from ((Selector.COURSE, c, [c]) for c in courses if c in asked)


def _is_whole(run: Run) -> bool:
    """Whether a list was asked for by nothing but groups."""
    return run.chosen.keys() <= _WHOLE


def _asks_for(run: Run, group: str) -> bool:
    return group in run.chosen.get("group_ids", {group})


def _has_text(run: Run) -> bool:
    return run.chosen.get("with_non_numeric_entries", frozenset()) == {"true"}


def _class_of(pupil: Any) -> str | None:
    unit = pupil.get("class_unit") if isinstance(pupil, dict) else None
    return plain_key(unit, "id") if isinstance(unit, dict) else None


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


def _holds(days: Stretch, day: date) -> bool:
    return days.start <= day <= days.end


def _as_list(answer: Answer) -> Answer:
    """An answer of one object as a list of one."""
    said = answer.json()
    if isinstance(said, dict) and not any(isinstance(said.get(w), list) for w in WRAPPERS):
        return Answer(answer.status, answer.headers, answer.body, answer.origin, answer.cookies, [said])
    return answer


def _empty(answer: Answer) -> Answer:
    return Answer(answer.status, answer.headers, answer.body, answer.origin, answer.cookies, [])


def _keep(batch: Batch, keep: Callable[[Record], bool]) -> None:
    batch.blocks = [(origin, [r for r in records if keep(r)]) for origin, records in batch.blocks]


def _each(batch: Batch, change: Callable[[Record], Record]) -> None:
    batch.blocks = [(origin, [change(r) for r in records]) for origin, records in batch.blocks]


def _unless_planned(record: Record, sure: set[str], today: date) -> Record:
    """A lesson without a sign of having been held: whether it was, is not known where marks or absences are missing."""
    if isinstance(record, Lesson) and record.status == "planned" and record.course not in sure:
        day = day_of(record.date)
        if day is not None and day <= today:
            return msgspec.structs.replace(record, status=None)
    return record


def _problems(forms: Any) -> Batch:
    batch = Batch()
    forms.report(batch)
    return batch


def _missing(name: str) -> Unit:
    async def read_it() -> Reading:
        raise NotCapturedError(f"not in the capture: {name}")

    return Unit(name, read_it)
