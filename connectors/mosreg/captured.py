"""Reads a browser's capture of «Моя школа»: the lists and windows that a person has paged to, in place of our own.

A person asks for one group or for a teacher's week, so days and groups are taken as they were asked for: in each stretch of
days each group is answered by the newest complete list. Marks go by the day of their entry, and so are units of their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from canonical.batch import Batch
from canonical.entities import Course, Period
from canonical.years import AcademicYear, Stretch
from connectors.captured_days import cut, emptied
from connectors.captures import Captured, Run, missing
from connectors.contract import Context, Reading, Unit, Window, ready
from connectors.http import Answer
from connectors.mosreg.captured_journal import UNTOLD, WHOLE, Bucket, Journal
from connectors.mosreg.client import CORE, PLAN, Client, Listing, in_list, joined
from connectors.mosreg.finals import Finals
from connectors.mosreg.formats import WRAPPERS
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

    async def units(self) -> AsyncIterator[Unit]:
        """The lists of the school first, then the journal group by group."""
        name = self._year.name
        years, _ = self._listing(f"{CORE}/academic_years", "academic_years", of_year=False)
        self._year_id = year_of(years, self._year) or self._only_year()
        if self._year_id is None and self._year != AcademicYear.of(self.today):
            return  # whose the lists are cannot be told
        answers, lacking = self._answers(years)
        for what in lacking:
            yield missing(f"{name} {what}")
        school = School(answers, name)
        for unit in self._school_units(school):
            yield unit
        forms, _ = self._listing(f"{CORE}/control_forms", "control_forms")
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
        for path in (f"{PLAN}/schedule_items", f"{CORE}/attendances"):
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
        staff, has_staff = self._listing(f"{CORE}/teacher_profiles", "teacher_profiles", of_year=False)
        classes, has_classes = self._listing(f"{CORE}/class_units", "class_units")
        groups, has_groups = self._listing(f"{PLAN}/groups", "groups")
        schedules, has_schedules = self._listing(
            f"{CORE}/attestation_periods_schedules", "attestation_periods_schedules", of_year=False
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
            else Listing(tuple(emptied(a) for a in (*groups.answers, *classes.answers)[:1])),
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
        lacking = [what for there, what in told if not there]
        return answers, lacking + [f"pupils {c}" for c in classes.ids() if c not in pupils]

    def _schedules_alone(self) -> Iterator[Listing]:
        for kept in self.captured.every(f"get {CORE}/attestation_periods_schedules/[0-9]+"):
            yield Listing(
                (in_list(self.captured.take(kept), "attestation_periods_schedules"),), "attestation_periods_schedules"
            )

    def _pupils(self, classes: Sequence[str]) -> tuple[dict[str, Listing], Listing, set[str]]:
        """Pupils by class, those of none, and the classes of which all were captured."""
        found: dict[str, list[Answer]] = defaultdict(list)
        others: list[Answer] = []
        whole: set[str] = set()
        for run in reversed(self._runs(f"{CORE}/student_profiles")):
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
            if run.complete and run.chosen.keys() <= WHOLE - {"group_ids"} and all(run.chosen.get(n) for n in _PUPILS):
                whole |= asked or set(classes)
        for unit in whole - found.keys():
            found[unit] = []
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
        if answers.classes.answers or answers.groups.answers or pupils:
            some = (*answers.classes.answers, *answers.groups.answers, *(a for _, one in pupils for a in one.answers))
            if some:
                yield self._ready(f"{name} classes", some, partial(self._classes, school, finals))
        has_periods = answers.years.answers and (self._has_years or answers.schedules.answers) and self._year_id
        if has_periods:
            some = (*answers.years.answers, *answers.schedules.answers)
            yield self._ready(f"{name} periods", some, partial(self._periods, calendar))
        for key, listing in pupils:
            if listing.answers and answers.years.answers and self._year_id:
                yield self._ready(
                    f"{name} period marks {key or '-'}", listing.answers, partial(self._finals, finals, key)
                )

    def _periods(self, calendar: Calendar) -> Batch:
        """The periods; the year's own only where its dates were captured."""
        batch = calendar.batch()
        if not self._has_years:
            batch.keep(lambda r: not (isinstance(r, Period) and r.key.endswith(":year")))
        if not self.has_groups:  # whose a schedule is, groups tell
            batch.scopes = []
        return batch

    def _classes(self, school: School, finals: Finals) -> Batch:
        """Classes and courses; no course of which it cannot be told whether it is its whole class's."""
        college = self.context.institution.kind == "college"
        batch = classes_batch(school, college=college, made_all=finals.is_whole)
        unsure = self._unsure(school)
        batch.keep(lambda r: not (isinstance(r, Course) and r.key in unsure))
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
            batch.keep(lambda r: not isinstance(r, Course))
        if class_unit not in self._whole_classes:
            batch.scopes = []
        return batch

    def _ready(self, name: str, answers: Sequence[Answer], make: Callable[[], Batch]) -> Unit:
        def as_captured() -> Batch:
            batch = make()
            batch.untold = dict(UNTOLD)
            return batch

        return ready(name, Reading(answers, as_captured))

    # -- the journal ---------------------------------------------------------------------------------------------

    async def _journal(self, school: School, forms: Mapping[str, str | None]) -> AsyncIterator[Unit]:
        """The lessons class by class, then marks, then what was noted of lessons that were not captured."""
        schedule = self._runs(f"{PLAN}/schedule_items")
        marks = self._runs(f"{CORE}/marks")
        absences = self._runs(f"{CORE}/attendances")
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
        for run in reversed(self._runs(f"{PLAN}/calendar_plans")):
            asked = run.chosen.get("group_id", frozenset()) | run.chosen.get("group_ids", frozenset())
            if not asked or asked - foreign:
                yield self._plans(run, school, sorted(asked - foreign, key=by_number))
        journal = Journal(
            self.context, self.client, self.captured, self.days, self.today, school, self.has_groups, forms,
            schedule, marks, absences,
        )  # fmt: skip
        unread: list[str] = []
        for bucket, groups in buckets.items():
            of_bucket = Bucket(journal, bucket, groups)
            async for unit in of_bucket.units():
                yield unit
            if not of_bucket.is_captured:
                unread.append(bucket)
        for bucket in unread:
            yield missing(f"{school.academic_year} class {bucket}")
        for number, run in enumerate(reversed(absences)):
            rest = self._rest_of(run, journal.lessons)
            if rest.answers:
                yield self._ready_with(f"{school.academic_year} absences {number}", rest, forms)

    def _groups_in(self, runs: Iterable[Run], wrapper: str) -> set[str]:
        """The groups of items."""
        lists = (Listing((a,), wrapper).items() for r in runs for a in self.captured.answers(r))
        return {key for items in lists for i in items if isinstance(i, dict) and (key := plain_key(i, "group_id"))}

    def _foreign(self) -> set[str]:
        """The groups of another school, of which something may have been captured as well."""
        runs = self.captured.runs(f"{PLAN}/groups")
        items = (i for r in runs for a in self.captured.answers(r) for i in Listing((a,), "groups").items())
        strange = (i for i in items if isinstance(i, dict) and plain_key(i, "school_id") not in {None, self._school_id})
        return {key for i in strange if (key := plain_key(i, "id"))}

    def _plans(self, run: Run, school: School, asked: Sequence[str]) -> Unit:
        listing = Listing(tuple(in_list(a, "calendar_plans") for a in self.captured.answers(run)), "calendar_plans")
        names = {g.id: g.name for g, _ in school.groups.items if not asked or g.id in asked}

        def make() -> Batch:
            batch = plans_batch([(listing, asked)], names)
            if not run.complete:
                batch.scopes = []
            return batch

        return self._ready(f"{school.academic_year} plans {','.join(asked)}", listing.answers, make)

    def _rest_of(self, run: Run, lessons: set[str]) -> Listing:
        """The absences of a list at none of these lessons."""

        def is_left(row: Any) -> bool:
            return plain_key(row, "schedule_lesson_id") not in lessons

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


def _class_of(pupil: Any) -> str | None:
    unit = pupil.get("class_unit") if isinstance(pupil, dict) else None
    return plain_key(unit, "id") if isinstance(unit, dict) else None


def _problems(forms: Any) -> Batch:
    batch = Batch()
    forms.report(batch)
    return batch
