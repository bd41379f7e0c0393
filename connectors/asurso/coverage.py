"""What was read completely, of one group and of all together (canonical.md: every read says which scope it covered)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from canonical.batch import Origin
from canonical.coverage import Axis, Scope, Selector
from canonical.years import AcademicYear
from connectors.asurso.directory import Directory
from connectors.asurso.gradebooks import Gradebook, Taught
from connectors.asurso.journal import PARTS
from connectors.asurso.structure import Page, Structure
from connectors.contract import Unit, Window
from connectors.http import Answer


@dataclass
class Found:
    """What of a group's journals could be read.

    `unread` are the gradebooks of which not everything was: out of the window, refused, or with something that has no key;
    `holes`: what gradebooks there are, or who is in the group, is not known for certain.
    """

    books: list[Gradebook] = field(default_factory=list)
    inside: list[Gradebook] = field(default_factory=list)
    pages: list[tuple[Page, Answer]] = field(default_factory=list)
    sheets: list[tuple[Gradebook, Answer]] = field(default_factory=list)
    lost: list[Unit] = field(default_factory=list)
    lost_pages: list[tuple[Gradebook, Taught]] = field(default_factory=list)
    unread: list[Gradebook] = field(default_factory=list)
    holes: bool = False
    sheets_whole: bool = True

    def left_out_in(self, year: AcademicYear) -> bool:
        """Whether not all gradebooks that may be of a year were read: what the others said of its pupils stands."""
        return any(b.year() in {year, None} for b in self.unread)


@dataclass
class Progress:
    """What all groups together have come to in one window.

    `owners` says which course gave a planned lesson first. Whether everything was read: `of_year`, all journals of the
    window's year; `of_all`, those of other years as well; `sheets`, all that can hold something;
    `movement`, the decrees of all, where they are asked for. From `since` on all
    lessons of all groups were read. `origins` are of all answers; the answers themselves are let go group by group.
    """

    since: date
    origins: list[Origin] = field(default_factory=list)
    owners: dict[str, str] = field(default_factory=dict)
    of_year: bool = True
    of_all: bool = True
    sheets: bool = True
    movement: bool = True

    def missed(self) -> None:
        """Notes that of nothing all is known."""
        self.of_year = self.of_all = self.sheets = False
        self.since = date.max


def covered(
    group: str, found: Found, made: Structure, window: Window, directory: Directory, progress: Progress
) -> list[Scope]:
    """The scopes of a group, and what it means for the whole."""
    progress.sheets = progress.sheets and found.sheets_whole
    if window.explicit or found.holes:
        progress.missed()
        return []
    progress.of_all = progress.of_all and not found.unread
    progress.of_year = progress.of_year and not found.left_out_in(window.year)
    since = _read_since(found, window.year)
    progress.since = max(progress.since, since)
    parts = [group, *sorted(made.subgroups)]
    scopes: list[Scope] = []
    if since <= window.year.end and found.inside:
        scopes += [Scope(e, Selector.GROUP, part, *_days(since, window.year)) for part in parts for e in PARTS]
    if not found.unread:
        entities = ["enrolments"] if directory.students_whole and progress.movement else []
        entities += ["courses", "planned_topics"] if found.sheets_whole else []
        scopes += [Scope(e, Selector.GROUP, part) for part in parts for e in entities]
    return scopes


def _read_since(found: Found, year: AcademicYear) -> date:
    """The day from which on every lesson of the group was read: after the last gradebook that was not."""
    if not found.unread:
        return year.start
    last = max(b.end or date.max for b in found.unread)
    whole = [b.start for b in found.inside if b not in found.unread and b.start]
    first = min(whole, default=date.max)
    return max(year.start, first, last + timedelta(days=1) if last < date.max else last)


def _days(since: date, year: AcademicYear) -> tuple[Axis, str, str]:
    return Axis.LESSON_DATE, since.isoformat(), year.end.isoformat()


def of_everything(
    window: Window, current: AcademicYear, directory: Directory, progress: Progress, *, plans: bool
) -> Iterator[Scope]:
    """The scopes of the institution. `plans`: whether the lists of the plans (subjects, calendars) were read.

    What the portal keeps of other years, a window does not hold; so people, subjects and courses, which have no year,
    are known completely only where the journals name no other year.
    """
    if window.explicit:
        return
    if progress.since <= window.year.end:
        yield from (Scope(e, Selector.INSTITUTION, None, *_days(progress.since, window.year)) for e in PARTS)
    in_year = (Axis.ACADEMIC_YEAR, window.year.name, window.year.name)
    if progress.of_year:
        if window.year == current:
            yield Scope("groups", Selector.INSTITUTION, None, *in_year)
        if plans and None not in directory.levels.values():  # else whose a calendar is, is not known of all
            yield Scope("periods", Selector.INSTITUTION, None, *in_year)
        if progress.sheets:
            yield Scope("period_marks", Selector.INSTITUTION, None, *in_year)
    if progress.of_all and progress.sheets:
        yield from (Scope(e) for e in ("courses", "planned_topics", "attestations"))
        if directory.students_whole:
            yield from (Scope(e) for e in ("people", "enrolments") if e == "people" or progress.movement)
        if plans:
            yield Scope("subjects")
