"""Summaries: marks for reporting periods, years and exams, and the results of attestation."""

from __future__ import annotations

from collections.abc import Iterator

from canonical.coverage import Scope, Selector
from connectors.files.layouts.names import PeriodName
from connectors.files.layouts.pages import Line, Page
from connectors.files.layouts.values import Values
from connectors.files.mapping.around import (
    Course,
    LackingError,
    course_of,
    need,
    period_of,
    pupil_of,
    taught_by,
    teachers,
)
from connectors.files.mapping.gathering import HIDES, Gathering


def period_marks(made: Gathering, file: int, page: Page, *, covers: bool) -> None:
    """A summary sheet: pupils or subjects down; periods or subjects across, or a row for each mark."""
    whole: set[Scope] = set()
    of_one = bool(page.heading.said.keys() & {"student", "family_name"})
    for values, line in _results(page):
        try:
            course, student = _whose(made, file, page, values, line)
            named: PeriodName = need(values, "period", place=line.place)
        except LackingError as error:
            made.refuse(file, "people", error.fault, line=line, hides=HIDES["people"])
            continue
        whole.add(
            Scope("period_marks", Selector.PERSON, student)
            if of_one
            else Scope("period_marks", Selector.COURSE, course.key)
        )
        period = period_of(made, file, named, page.year, page.heading)
        key = f"{student}:{course.subject}:{period}:{named.mark}"
        if "value" in values.faults:
            made.refuse(file, "period_marks", values.faults["value"], key=key, line=line)
        elif "value" in values.said:
            what = made.meaning(values.said["value"])
            fields = {"student": student, "course": course.key, "period": period, "kind": named.mark}
            made.add(file, "period_marks", key, **fields, **what)
    if covers:
        made.by_file[file].scopes.extend(sorted(whole, key=repr))


def attestations(made: Gathering, file: int, page: Page) -> None:
    """An attestation sheet."""
    for values, line in _results(page):
        try:
            course, student = _whose(made, file, page, values, line)
        except LackingError as error:
            made.refuse(file, "people", error.fault, line=line, hides=HIDES["people"])
            continue
        said = values.said
        held = said["held_on"].isoformat() if "held_on" in said else None
        kind, title = said.get("kind"), said.get("title")
        key = ":".join(filter(None, (student, course.subject, kind, title, held)))
        fault = next((values.faults[f] for f in ("value", "held_on") if f in values.faults), None)
        if fault:
            made.refuse(file, "attestations", fault, key=key, line=line)
        elif "value" in said:
            fields = {"student": student, "course": course.key, "subject": course.subject, "kind": kind, "title": title}
            made.add(file, "attestations", key, **fields, held_on=held, **made.meaning(said["value"]))


def _results(page: Page) -> Iterator[tuple[Values, Line]]:
    """Each result with all that is said of it; an empty cell is none."""
    for line in page.lines:
        if not page.across:
            yield line.values.over(page.heading), line
        for cell in line.cells:
            if cell.values.said or cell.values.faults:
                yield cell.values.over(cell.across.values).over(line.values).over(page.heading), line


def _whose(made: Gathering, file: int, page: Page, values: Values, line: Line) -> tuple[Course, str]:
    """The course and the pupil of a result.

    Raises:
        LackingError: they cannot be told.

    """
    course = course_of(made, file, values, page.year, line)
    taught_by(made, file, course, teachers(made, file, values, line))
    student = pupil_of(made, file, values, course.home, line)
    made.add(file, "enrolments", f"{student}:{course.home}", person=student, group=course.home)
    return course, student
