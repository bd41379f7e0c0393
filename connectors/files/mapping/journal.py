"""Pages of a class journal: pupils down and lessons across, marks and absences mixed in the cells; reports of one pupil
with subjects down; lists with a row for each mark.

A cell of a later file takes the place of the same cell of an earlier one, also where it has become empty.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from canonical.coverage import Axis, Scope, Selector
from connectors.files.layouts.cells import CellContent
from connectors.files.layouts.pages import Line, Page, PageCell
from connectors.files.layouts.values import Fault, Values
from connectors.files.mapping.around import Course, LackingError, course_of, need, pupil_of, taught_by, teachers
from connectors.files.mapping.gathering import HIDES, Gathering


@dataclass(frozen=True, slots=True)
class _Spot:
    """A column of a lesson: the day, which lesson of the day, and which work of the lesson, each from 1.

    `mark` is the number of the first mark of a cell: more than 1 where a list has several rows for one work.
    """

    day: date
    lesson: int
    work: int
    mark: int = 1

    def lesson_key(self, course: Course) -> str:
        return f"{course.key}:{self.day}:{self.lesson}"

    def work_key(self, course: Course, n: int) -> str:
        """The work of the n-th mark of a cell."""
        key, number = f"{self.lesson_key(course)}:{self.work}", self.mark + n - 1
        return key if number == 1 else f"{key}.{number}"


@dataclass(frozen=True, slots=True)
class _Cell:
    course: Course
    student: str
    spot: _Spot
    values: Values
    line: Line | None

    @property
    def content(self) -> CellContent:
        found: CellContent = self.values.said.get("marks") or CellContent()
        return found

    @property
    def fault(self) -> Fault | None:
        return self.values.faults.get("marks")

    @property
    def lesson(self) -> str:
        return self.spot.lesson_key(self.course)


@dataclass(slots=True)
class _Sheet:
    """What one file holds of a course: the cells, of whom they are, and the days. `pupil`: it is a report of one."""

    file: int
    pupil: str | None = None
    cells: list[_Cell] = field(default_factory=list)
    students: set[str] = field(default_factory=set)
    lessons: set[str] = field(default_factory=set)
    days: set[date] = field(default_factory=set)
    complete: bool = True

    @property
    def bad_days(self) -> set[date]:
        return {cell.spot.day for cell in self.cells if cell.fault}


@dataclass(slots=True)
class Journal:
    """The journal pages of all files of a source: `take` each, then `finish`."""

    made: Gathering
    sheets: dict[str, list[_Sheet]] = field(default_factory=lambda: defaultdict(list))

    def take(self, file: int, page: Page, *, covers: bool) -> None:
        """Takes a page in."""
        opened: dict[tuple[str, str | None], _Sheet] = {}
        of_pupils = "subject" in page.table.columns and bool(page.across)
        twins = set() if of_pupils or not page.across else _twins(page)
        rows: list[_Cell] = []
        for line in page.lines:
            for values, cells in _strips(page, line):
                try:
                    course, student = self._whose(file, page, values, line, twins)
                    day: date | None = None if page.across else need(values, "date", place=line.place)
                except LackingError as error:
                    entity = "people" if page.across and not of_pupils else "marks"
                    self.made.refuse(file, entity, error.fault, line=line, hides=HIDES[entity])
                    break
                sheet = opened.setdefault((course.key, student if of_pupils else None), _Sheet(file, complete=covers))
                sheet.pupil = student if of_pupils else None
                sheet.students.add(student)
                if day is not None:
                    rows.append(_Cell(course, student, _Spot(day, values.said.get("number", 1), 1), values, line))
                else:
                    self._take(sheet, _cells(course, student, line, cells), columns=not of_pupils)
        for cell in _numbered(rows):
            self._take(opened[cell.course.key, None], [cell], columns=False)
        for (course_key, _), sheet in opened.items():
            self.sheets[course_key].append(sheet)
        if page.across:
            self._faulty_columns(file, page)

    def _whose(self, file: int, page: Page, values: Values, line: Line, twins: set[Any]) -> tuple[Course, str]:
        """The course and the pupil of a line, who belongs to the group, and to the subgroup that is taught.

        Raises:
            LackingError: they cannot be told.

        """
        course = course_of(self.made, file, values, page.year, line)
        taught_by(self.made, file, course, teachers(self.made, file, values, line))
        student = pupil_of(self.made, file, values, course.home, line)
        if values.said.get("student") in twins:
            why = "two pupils of this page have the same name; add a column of numbers (student_key)"
            raise LackingError(Fault(why, "", line.place))
        for group in dict.fromkeys((course.home, course.group)):
            self.made.add(file, "enrolments", f"{student}:{group}", person=student, group=group)
        return course, student

    def _take(self, sheet: _Sheet, cells: Iterable[_Cell], *, columns: bool) -> None:
        """Takes cells of a line in. With `columns` a column is a lesson even where its cells are empty."""
        for cell in cells:
            sheet.days.add(cell.spot.day)
            sheet.lessons.add(cell.lesson)
            if cell.fault:
                sheet.cells.append(cell)
            elif cell.content:
                sheet.cells.append(replace(cell, line=None))  # the row is only for a person who looks at a fault
            if columns:
                self._lesson(sheet.file, cell)

    def _lesson(self, file: int, cell: _Cell) -> None:
        number = cell.values.said.get("number")
        known = cell.lesson in self.made.made["lessons"]
        self.made.add(
            file, "lessons", cell.lesson, course=cell.course.key, date=cell.spot.day.isoformat(), number=number
        )
        if "number" in cell.values.faults and not known:
            self.made.refuse(file, "lessons", cell.values.faults["number"], key=cell.lesson)

    def _faulty_columns(self, file: int, page: Page) -> None:
        for across in page.across:
            if "date" in across.values.faults:
                self.made.refuse(file, "lessons", across.values.faults["date"], hides=HIDES["lessons"])

    # -- when all files have been taken in ---------------------------------------------------------------------------

    def finish(self) -> None:
        """Makes works, marks and attendance of the cells that count, and says what was covered."""
        for course, sheets in self.sheets.items():
            for sheet in sheets:
                later = [s for s in sheets if s.file > sheet.file]
                for cell in sheet.cells:
                    if not any(cell.lesson in s.lessons and cell.student in s.students for s in later):
                        self._settle(sheet.file, cell)
            self._cover(course, [s for s in sheets if s.pupil is None and s.complete])
        self._cover_pupils([s for sheets in self.sheets.values() for s in sheets if s.pupil and s.complete])

    def _settle(self, file: int, cell: _Cell) -> None:
        made = self.made
        self._lesson(file, cell)
        if cell.fault:
            key = f"{cell.spot.work_key(cell.course, 1)}:{cell.student}"
            made.refuse(file, "marks", cell.fault, key=key, line=cell.line)
            return
        made.held.add(cell.lesson)
        comment = cell.values.said.get("comment")
        for n, value in enumerate(cell.content.marks, 1):
            work = self._work(file, cell, n)
            key = f"{work}:{cell.student}"
            made.add(file, "marks", key, work=work, student=cell.student, comment=comment, **made.meaning(value))
        if cell.content.attendance:
            key = f"{cell.lesson}:{cell.student}"
            status = cell.content.attendance
            made.add(file, "attendance", key, lesson=cell.lesson, student=cell.student, status=status)

    def _work(self, file: int, cell: _Cell, n: int) -> str:
        """The key of the work that the n-th mark of a cell is for."""
        said, faults = cell.values.said, cell.values.faults
        key = cell.spot.work_key(cell.course, n)
        known = key in self.made.made["works"]
        fields = {"kind": said.get("work"), "title": said.get("title"), "weight": said.get("weight")}
        self.made.add(file, "works", key, lesson=cell.lesson, course=cell.course.key, **fields)
        fault = faults.get("work") or faults.get("weight")
        if fault and not known:
            self.made.refuse(file, "works", fault, key=key)
        return key

    def _cover(self, course: str, sheets: list[_Sheet]) -> None:
        """Pages hold a course from their first day to their last; days with unreadable cells are no evidence."""
        bad = {day for sheet in sheets for day in sheet.bad_days}
        for sheet, start, end in _stretches(sheets):
            scopes = self.made.by_file[sheet.file].scopes
            scopes.append(_scope("lessons", Selector.COURSE, course, start, end))
            for first, last in _without(start, end, bad):
                scopes.extend(
                    _scope(entity, Selector.COURSE, course, first, last) for entity in ("works", "marks", "attendance")
                )

    def _cover_pupils(self, sheets: list[_Sheet]) -> None:
        """A report of one pupil holds what they got from its first day to its last."""
        reports: dict[tuple[int, str], list[_Sheet]] = defaultdict(list)
        for sheet in sheets:
            reports[sheet.file, sheet.pupil or ""].append(sheet)
        for (file, pupil), parts in reports.items():
            days = {day for part in parts for day in part.days}
            bad = {day for part in parts for day in part.bad_days}
            for first, last in _without(min(days), max(days), bad) if days else ():
                self.made.by_file[file].scopes.extend(
                    _scope(entity, Selector.PERSON, pupil, first, last) for entity in ("marks", "attendance")
                )


def _strips(page: Page, line: Line) -> Iterator[tuple[Values, list[PageCell]]]:
    """The cells of a line by the course that they belong to, where subjects or groups stand across; else all of them."""
    around = line.values.over(page.heading)
    strips: dict[tuple[Any, Any], tuple[Values, list[PageCell]]] = {}
    for cell in line.cells:
        above = cell.across.values
        whose = above.said.get("group"), above.said.get("subject")
        strips.setdefault(whose, (above.over(around) if any(whose) else around, []))[1].append(cell)
    yield from strips.values() if line.cells else [(around, [])]


def _cells(course: Course, student: str, line: Line, cells: Iterable[PageCell]) -> Iterator[_Cell]:
    """Cells of a line, each with the lesson and the work that its column is."""
    lessons: Counter[date] = Counter()
    works: Counter[tuple[date, int]] = Counter()
    for cell in cells:
        day = cell.across.values.said.get("date")
        if day is None:
            continue
        if cell.across.own_day or not lessons[day]:
            lessons[day] += 1
        works[day, lessons[day]] += 1
        spot = _Spot(day, lessons[day], works[day, lessons[day]])
        yield _Cell(course, student, spot, cell.values.over(cell.across.values), line)


def _numbered(rows: list[_Cell]) -> Iterator[_Cell]:
    """Rows of a list of marks with the numbers of their lessons within the day, and of works within the lesson."""
    numbers: dict[tuple[str, date], set[int]] = defaultdict(set)
    works: dict[str, list[tuple[Any, Any]]] = defaultdict(list)
    marks: Counter[tuple[str, int, str]] = Counter()
    for row in rows:
        numbers[row.course.key, row.spot.day].add(row.spot.lesson)
    for row in rows:
        order = sorted(numbers[row.course.key, row.spot.day])
        lesson = replace(row, spot=replace(row.spot, lesson=order.index(row.spot.lesson) + 1))
        if not lesson.content.marks:
            yield lesson
            continue
        what = row.values.said.get("work"), row.values.said.get("title")
        if what not in works[lesson.lesson]:
            works[lesson.lesson].append(what)
        work = works[lesson.lesson].index(what) + 1
        first = marks[lesson.lesson, work, row.student] + 1
        marks[lesson.lesson, work, row.student] += len(lesson.content.marks)
        yield replace(lesson, spot=replace(lesson.spot, work=work, mark=first))


def _scope(entity: str, selector: Selector, key: str, start: date, end: date) -> Scope:
    return Scope(entity, selector, key, Axis.LESSON_DATE, start.isoformat(), end.isoformat())


def _twins(page: Page) -> set[Any]:
    """Names that stand on a page more than once."""
    names = Counter(line.values.said.get("student") for line in page.lines if "student_key" not in line.values.said)
    return {name for name, times in names.items() if name is not None and times > 1}


def _stretches(sheets: Iterable[_Sheet]) -> Iterator[tuple[_Sheet, date, date]]:
    """For each stretch of days the last file that holds it."""
    held = [(s, min(s.days), max(s.days)) for s in sorted(sheets, key=lambda s: s.file) if s.days]
    edges = sorted({edge for _, first, last in held for edge in (first, last + timedelta(days=1))})
    made: list[tuple[_Sheet, date, date]] = []
    for start, after in pairwise(edges):
        holding = [sheet for sheet, first, last in held if first <= start <= last]
        if holding:
            joins = made and made[-1][0] is holding[-1] and made[-1][2] + timedelta(days=1) == start
            first = made.pop()[1] if joins else start
            made.append((holding[-1], first, after - timedelta(days=1)))
    yield from made


def _without(start: date, end: date, bad: set[date]) -> Iterator[tuple[date, date]]:
    """A stretch of days without some of them."""
    first = start
    for day in sorted(d for d in bad if start <= d <= end):
        if first < day:
            yield first, day - timedelta(days=1)
        first = day + timedelta(days=1)
    if first <= end:
        yield first, end
