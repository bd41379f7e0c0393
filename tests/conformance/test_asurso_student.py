"""The SPO module read with a student's account: their own rows, and nothing said of anybody else's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any
from unittest import mock

import pytest

from canonical.coverage import Selector
from canonical.entities import Attendance, Lesson, Mark, Record, Work
from canonical.years import AcademicYear
from connectors.asurso.standin_student import Diary
from connectors.asurso.standin_view import SHEET_ONLY
from connectors.conformance.bench import KeepingArchive
from connectors.conformance.harness import differences
from connectors.contract import Window
from connectors.standins.server import Faults, StandIn
from tests.conformance.test_asurso import JANUARY, SAMARA, Collected, ask, college, portal, read


def own(standin: StandIn, **more: Any) -> Collected:
    return read(standin, secrets=standin.student, **more)[0]


def expected(standin: StandIn, *, old: bool = False) -> Iterator[Record]:
    """The student's lessons with works, marks and absences: of the staff's truth, under the keys of a student's side."""
    state = portal(standin)
    view, pupil = state.view, state.student()
    number, group = str(view.person(pupil)), view.place.class_of(pupil.id)
    assert group
    parts = {g.id for g in view.place.groups.values() for m in g.members if m.person == pupil.id}
    mine = [c for c in view.courses(group) if c.group in parts]
    keys: dict[str, tuple[str, str, str]] = {}
    for lesson in view.place.lessons_of([c.id for c in mine]):
        course = view.place.courses[lesson.course]
        name, at = view.page_name(course), f"{lesson.starts:%H:%M}"
        part = (
            f"{view.group(group)}:{view.place.groups[course.group].name}" if view.is_part(course) else view.group(group)
        )
        keys[str(view.slot(lesson))] = (
            f"{view.group(group)}:{lesson.date}:{at}:{name}",
            f"{part}:{view.title(view.place.subjects[course.subject])}",
            str(view.person(view.place.people[lesson.teacher])),
        )
    rooms = {str(view.slot(x)): x.room for x in view.place.lessons.values()}
    works: set[str] = set()
    for record in standin.truth():
        if isinstance(record, Lesson) and record.key in keys:
            key, course_key, teacher = keys[record.key]
            kept = {
                n: getattr(record, n) for n in ("date", "starts_at", "ends_at", "status", "kind", "topic", "homework")
            }
            yield Lesson(key=key, course=course_key, room=rooms[record.key], teacher=teacher, **kept)
        elif isinstance(record, Work) and record.lesson in keys:
            key, course_key, _ = keys[record.lesson]
            works.add(record.key)
            yield Work(
                key=record.key,
                lesson=key,
                course=course_key,
                kind=record.kind,
                control=record.control,
                title=record.title,
            )
        elif isinstance(record, Mark) and record.student == number and record.work in works:
            yield record
        elif isinstance(record, Attendance) and record.student == number and record.lesson in keys:
            place = keys[record.lesson][0]
            yield Attendance(key=f"{place}:{number}", lesson=place, student=number, status=record.status)


PARTS = ("lessons", "works", "marks", "attendance")


def differing(standin: StandIn, got: Collected) -> list[str]:
    return differences(expected(standin), {e: got.records.get(e, {}) for e in PARTS}, SAMARA)


class TestAStudentsAccount:
    @pytest.mark.parametrize("mode", [{}, {"flat_rooms": True}, {"chunked": True}], ids=str)
    def test_gives_their_own_days(self, mode: dict[str, Any]) -> None:
        standin = college(**mode)
        got = own(standin)
        assert differing(standin, got) == []
        assert not got.failed
        assert not got.rejects
        assert {d.name for d in got.drift} <= {"kind=Other"}, "another form of control has no kind of its own"
        assert {len(got.records[e]) > 3 for e in PARTS} == {True}
        assert portal(standin).sessions == {}

    def test_covers_but_their_own_rows(self) -> None:
        standin = college()
        got = own(standin)
        number = str(portal(standin).view.person(portal(standin).student()))
        scopes = [s for _, b in got.batches for s in b.scopes]
        assert {s.selector_key for s in scopes if s.selector is Selector.PERSON} == {number}
        assert {s.selector for s in scopes} == {Selector.PERSON, Selector.COURSE}
        assert {s.entity for s in scopes if s.selector is Selector.COURSE} == {"lessons", "works"}
        courses = {r.key for r in got.records["courses"].values()}
        assert {s.selector_key for s in scopes if s.selector is Selector.COURSE} <= courses

    def test_gives_their_marks_of_terms(self) -> None:
        standin = college(JANUARY)
        got = own(standin)
        number = str(portal(standin).view.person(portal(standin).student()))
        truth = [
            r
            for r in standin.truth()
            if type(r).__name__ == "PeriodMark" and getattr(r, "student", "") == number and SHEET_ONLY[1] not in r.key
        ]
        values = sorted(str(getattr(r, "value", None)) for r in truth if getattr(r, "value", "") != "•")
        mine = sorted(str(r.value) for r in got.records["period_marks"].values() if r.value != "•")  # type: ignore[attr-defined]
        assert values
        assert mine == values
        kinds = {r.kind for r in got.records["periods"].values()}  # type: ignore[attr-defined]
        assert kinds == {"semester", "year"}
        for mark in got.records["period_marks"].values():
            assert mark.period in got.records["periods"]  # type: ignore[attr-defined]
            assert mark.course in got.records["courses"]  # type: ignore[attr-defined]

    def test_a_lesson_stays_the_same_when_it_is_recorded(self) -> None:
        standin = college()
        before = {k: r.status for k, r in own(standin).records["lessons"].items()}  # type: ignore[attr-defined]
        standin.institution.edit()
        after = {k: r.status for k, r in own(standin).records["lessons"].items()}  # type: ignore[attr-defined]
        assert set(after) <= set(before)
        assert differing(standin, own(standin)) == []

    def test_with_every_tenth_answer_at_fault(self) -> None:
        standin = college()
        got = own(standin, faults=Faults(rate=0.1))
        assert differing(standin, got) == []
        assert not got.failed

    def test_explicit_dates(self) -> None:
        standin = college()
        since, until = date(2026, 10, 5), date(2026, 10, 11)
        got, door = read(
            standin, secrets=standin.student, window=Window(AcademicYear(2026), since, until, explicit=True)
        )
        days = {r.date for r in got.records["lessons"].values()}  # type: ignore[attr-defined]
        assert days
        assert all("2026-10-05" <= d <= "2026-10-11" for d in days)
        assert [p for p in door.visits.paths if "/lessons/" in p] == [p for p in door.visits.paths if "2026-10-05/2026-10-11" in p]  # fmt: skip

    def test_a_replay_knows_whose_account_it_was(self) -> None:
        standin, archive = college(), KeepingArchive()
        got = own(standin, archive=archive)
        answers = {o.request: o for _, b in got.batches for o, _ in b.blocks if o}
        again = own(standin, archive=archive, find=answers.get)
        assert again.records == got.records
        assert not again.failed
        kept = b"\n".join(archive.bodies.values()).decode()
        assert standin.student["password"] not in kept
        assert "communityToken" not in kept

    def test_check_says_that_it_is_no_staff_account(self) -> None:
        import asyncio

        standin = college()
        standin.auth["password"] = standin.student
        lines = {line.what: line for line in asyncio.run(ask(standin, "check"))}
        assert lines["account"].ok is None
        assert "student" in lines["account"].detail

    def test_garbage_is_set_aside_alone(self) -> None:
        standin = college()
        spoilt: list[str] = []
        real = Diary.lessons

        def lessons(self: Diary, *days: date) -> Any:
            said = real(self, *days)
            held = [x for d in said for x in d["lessons"] if x.get("gradebook", {}).get("tasks")]
            if held and not spoilt:
                held[0]["gradebook"]["tasks"][0]["topic"] = 5
                spoilt.append(str(held[0]["gradebook"]["tasks"][0]["id"]))
            return said

        with mock.patch.object(Diary, "lessons", lessons):
            got = own(standin)
        assert [(r.entity, r.key) for r in got.rejects] == [("works", spoilt[0])]
        lines = [x for x in differing(standin, got) if ".homework:" not in x]
        assert [x.split()[:2] for x in lines] == [["works", f"{spoilt[0]}:"]]


def test_a_name_with_a_slash_is_split_only_where_a_part_is_meant() -> None:
    from connectors.asurso.signin import OwnStudent
    from connectors.asurso.student_around import Around

    me = OwnStudent("1", "5", "ИС-21", (None, None, None))
    around = Around(me, "5", AcademicYear(2026), frozenset({"история/россия в мире", "математика"}), mock.Mock())
    assert around.split("История/Россия в мире") == ("История/Россия в мире", None)
    assert around.split("Математика/1") == ("Математика", "1")
    assert around.split("Иностранный язык/подгруппа 1") == ("Иностранный язык", "подгруппа 1")
    assert around.split("Химия/Экология") == ("Химия/Экология", None)
