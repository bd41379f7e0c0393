"""Broken things in the answers of «Моя школа»: each is set aside alone, nothing else is lost, and what waits comes back."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from canonical.entities import Lesson, Mark
from canonical.tables import QUARANTINE
from connectors.conformance.harness import differences, read_all
from tests.conformance.mosreg_help import Served, import_into, imported, open_desk, served, window
from tests.stores import Desk


@dataclass
class Garbage:
    """What is broken, and what a read must set aside for it. `by_id` is list -> id -> what to do to the item."""

    by_id: dict[str, dict[int, Callable[[dict[str, Any]], None]]] = field(default_factory=dict)
    added: dict[str, list[Any]] = field(default_factory=dict)
    expected: set[tuple[str, str | None]] = field(default_factory=set)

    def breaks(self, listed: str, number: int, reject: tuple[str, str | None], /, **values: Any) -> None:
        """Puts wrong values into an item of a list."""
        self.by_id.setdefault(listed, {})[number] = lambda item: item.update(values)
        self.expected.add(reject)

    def adds(self, name: str, item: Any, reject: tuple[str, str | None]) -> None:
        """Puts something into a list that does not belong there."""
        self.added.setdefault(name, []).append(item)
        self.expected.add(reject)

    def __call__(self, name: str, body: Any) -> Any:
        rows = body if isinstance(body, list) else body.get("groups")
        if rows is None:
            return body
        for item in rows:
            if (change := self.by_id.get(name, {}).get(item.get("id"))) is not None:
                change(item)
        rows += self.added.get(name, [])
        return body


@dataclass
class Broken:
    garbage: Garbage
    lesson: str
    homework_lesson: str
    mark: str
    pupil: str
    course: str
    absence: str


@pytest.fixture
def school() -> Iterator[Served]:
    with served() as made:
        yield made


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store that holds the whole year."""
    path = tmp_path_factory.mktemp("year")
    imported(path)
    return path


@pytest.fixture
def filled(year: Path, tmp_path: Path) -> Iterator[Desk]:
    """A store of the test's own that holds the whole year."""
    shutil.copytree(year, tmp_path, dirs_exist_ok=True)
    made = open_desk(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = open_desk(tmp_path)
    yield made
    made.store.close()


def break_everything(portal: Served) -> Broken:
    """One broken thing of every kind."""
    truth = {(type(r).__name__, r.key): r for r in portal.standin.truth()}
    marks = [r for r in truth.values() if isinstance(r, Mark)]
    lessons = [r for r in truth.values() if isinstance(r, Lesson)]
    held = [x for x in lessons if x.status == "held" and x.course == "510102"]
    lesson, homework = held[3], next(x for x in held[5:] if x.homework)
    alone = next(m for m in marks if [o.work for o in marks].count(m.work) == 1 and "-" not in m.work)
    other = next(m for m in marks if m.work != alone.work and m.value == "4")
    absence = next(
        k
        for (e, k), r in truth.items()
        if e == "Attendance" and not is_letter(portal, k) and k.split(":")[0] != lesson.key
    )
    row = next(a for a in portal.place.absences.values() if f"{330000 + a.lesson}:{90000 + a.student}" == absence)
    pupil = "90014"
    made = Garbage()
    made.breaks("student_profiles", int(pupil), ("people", pupil), birth_date="31.02.2013")
    made.breaks("teacher_profiles", 6003, ("people", "6003"), last_name=12345)
    made.adds("class_units", {"id": 7999, "name": ["7", "Ж"]}, ("groups", "7999"))
    made.breaks("groups", 510103, ("courses", "510103"), class_level_id={"level": 7})
    made.breaks("schedule_items", int(lesson.key), ("lessons", lesson.key), date=[2026, 13, 1])
    made.breaks("marks", int(alone.key), ("marks", alone.key), student_profile_id=None)
    made.breaks("marks", int(other.key), ("marks", other.key), created_at="вчера")
    made.breaks("attendances", 880000 + row.id, ("attendance", absence), absence_reason_id="болел")
    made.breaks("homeworks", 990000 + int(homework.key) - 330000, ("lessons", homework.key), homework_entries="§ 5")
    made.breaks("control_forms", 86, ("works", "86"), name=["Домашнее"])
    made.breaks("academic_years", 13, ("periods", "13"), begin_date="прошлый год")

    def spoil_period(item: dict[str, Any]) -> None:
        item["periods"][0]["begin_date"] = "99.99.2026"

    def spoil_plan(item: dict[str, Any]) -> None:
        item["lessons"][4]["hours"] = "много"

    made.by_id["attestation_periods_schedules"] = {402: spoil_period}
    made.by_id["calendar_plans"] = {600005: spoil_plan}
    made.expected |= {("periods", "4021"), ("planned_topics", "510105:5")}
    finals = next(r for (e, _), r in truth.items() if e == "PeriodMark" and r.student != pupil and r.grade)  # type: ignore[attr-defined]

    def spoil_final(item: dict[str, Any]) -> None:
        row = next(r for r in item["final_marks"] if r["subject_id"] == int(finals.key.split(":")[1]))
        row["value"] = ["5"]

    made.by_id["student_profiles"][int(finals.key.split(":")[0])] = spoil_final
    made.expected.add(("period_marks", finals.key))
    return Broken(made, lesson.key, homework.key, alone.key, pupil, "510103", absence)


def is_letter(portal: Served, key: str) -> bool:
    """Whether an absence stands only as «н» among the marks."""
    lesson, student = (int(part) for part in key.split(":"))
    return any(
        a.id % 7 == 0
        for a in portal.place.absences.values()
        if (a.lesson, a.student) == (lesson - 330000, student - 90000)
    )


def quarantine(desk: Desk, kind: str) -> set[tuple[str, str | None]]:
    with desk.store.reading() as connection:
        q = QUARANTINE.c
        rows = connection.execute(select(q.entity, q.key).where(q.state == "open", q.kind == kind)).all()
    return {(r.entity, r.key) for r in rows}


def test_exactly_what_is_broken_is_set_aside(school: Served) -> None:
    broken = break_everything(school)
    school.listening.change = broken.garbage
    got = asyncio.run(read_all(school.context()))
    work = next(r.work for r in school.standin.truth() if isinstance(r, Mark) and r.key == broken.mark)
    assert work in got.records["works"]  # its only mark is broken, and is a mark all the same
    assert {(r.entity, r.key) for r in got.rejects} == broken.garbage.expected
    assert len({(r.entity, r.key, str(r.raw)) for r in got.rejects}) == len(broken.garbage.expected)
    assert not any("Тестов" in r.reason or "вчера" in r.reason for r in got.rejects)
    lines = differences(school.standin.truth(), got.records, school.place.zone)
    lost = {(line.split(" ")[0], line.split(" ")[1].rstrip(":")) for line in lines if ": missing" in line}
    nested = {
        ("enrolments", f"{broken.pupil}:7001"),
        *(("period_marks", k) for k in period_marks_of(school, broken.pupil)),
    }
    assert (
        lost
        == {e for e in broken.garbage.expected if e not in {("groups", "7999"), ("works", "86"), ("periods", "13")}}
        | nested
    )
    assert [line for line in lines if ": missing" not in line] == []


def period_marks_of(portal: Served, pupil: str) -> set[str]:
    return {r.key for r in portal.standin.truth() if type(r).__name__ == "PeriodMark" and r.key.startswith(f"{pupil}:")}


def test_a_new_store_waits_for_what_is_broken_and_is_whole_when_it_is_mended(school: Served, desk: Desk) -> None:
    broken = break_everything(school)
    school.listening.change = broken.garbage
    import_into(desk, school, window(school.place))
    assert quarantine(desk, "malformed") == broken.garbage.expected
    waiting = quarantine(desk, "waiting")
    truth = list(school.standin.truth())
    of_course = {r.key for r in truth if isinstance(r, Lesson) and r.course == broken.course}
    assert {k for e, k in waiting if e == "lessons"} == of_course
    assert {k for e, k in waiting if e == "marks"} >= {
        m.key for m in truth if isinstance(m, Mark) and m.work.startswith(f"{broken.lesson}:")
    }
    assert {e for e, _ in waiting} == {
        "lessons",
        "works",
        "marks",
        "attendance",
        "enrolments",
        "planned_topics",
        "period_marks",
    }
    school.listening.change = None
    import_into(desk, school, window(school.place))
    assert quarantine(desk, "malformed") == quarantine(desk, "waiting") == set()
    assert differences(truth, desk.contents(), school.place.zone) == []


def test_what_stood_before_it_broke_stays(school: Served, filled: Desk) -> None:
    desk = filled
    before = desk.contents()
    broken = break_everything(school)
    school.listening.change = broken.garbage
    for days in (window(school.place), window(school.place, 21)):
        ledger = import_into(desk, school, days, skipping=False).ledger
        assert sum(c["removed"] for c in ledger.values()) == 0
        assert desk.contents() == before
    assert quarantine(desk, "malformed") == broken.garbage.expected
    assert quarantine(desk, "waiting") == set()


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("attendances", {"schedule_lesson_id": None}),
        ("attendances", {"student_profile_id": {}}),
        ("attendances", {"absence_reason_id": ["2"]}),
        ("marks", {"created_at": "вчера"}),
        ("marks", {"student_profile_id": None}),
        ("marks", {"name": ["н"]}),
    ],
)
def test_a_broken_absence_removes_nothing(school: Served, filled: Desk, name: str, spoil: dict[str, Any]) -> None:
    """Also where its own id is not the record's key, and where it stands among the marks only."""
    before = filled.contents()
    broken: list[int] = []

    def stands_alone(row: dict[str, Any]) -> bool:
        key = f"{row['schedule_lesson_id']}:{row['student_profile_id']}"
        return name == "attendances" or (row["name"] == "н" and is_letter(school, key))

    def change(called: str, body: Any) -> Any:
        for row in body if called == name else []:
            if row["id"] in broken or (not broken and stands_alone(row)):
                broken[:] = [row["id"]]
                row.update(spoil)
        return body

    school.listening.change = change
    ledger = import_into(filled, school, window(school.place, 25), skipping=False).ledger
    assert len(quarantine(filled, "malformed")) == 1
    assert {e: c["removed"] for e, c in ledger.items() if c["removed"]} == {}
    after = filled.contents()
    assert after["attendance"].keys() == before["attendance"].keys()  # one may come from its «н» now
    assert {**after, "attendance": {}} == {**before, "attendance": {}}


@pytest.mark.parametrize("spoil", [{"final_marks": "нет"}, {"last_name": ["Т"]}])
def test_a_class_is_no_smaller_for_a_broken_pupil(school: Served, filled: Desk, spoil: dict[str, Any]) -> None:
    """A part of the class that is all but this pupil stays a part."""
    course = next(iter(school.place.courses.values()))
    pupil, *others = [90000 + s for s in school.place.pupils_of(course, school.place.now.date())]

    def change(name: str, body: Any) -> Any:
        if name == "groups":
            for group in body["groups"]:
                if group["is_subgroup"] and group["class_unit_id"] == 7000 + course.group:
                    group.update(is_subgroup=False, student_ids=others)
        return body

    def breaking(name: str, body: Any) -> Any:
        if name == "student_profiles":
            for row in body:
                row.update(spoil if row["id"] == pupil else {})
        return change(name, body)

    school.listening.change = change
    import_into(filled, school, window(school.place, 9))
    before = filled.contents()
    assert {g.kind for g in before["groups"].values()} >= {"subgroup"}  # type: ignore[attr-defined]
    school.listening.change = breaking
    import_into(filled, school, window(school.place, 9), skipping=False)
    assert quarantine(filled, "malformed") == {("people", str(pupil))}
    assert filled.contents() == before


@pytest.mark.parametrize(
    ("name", "entity"),
    [
        ("student_profiles", "people"),
        ("groups", "courses"),
        ("schedule_items", "lessons"),
        ("marks", "marks"),
        ("attendances", "attendance"),
        ("calendar_plans", "planned_topics"),
    ],
)
def test_what_has_not_even_a_key_hides_nothing_and_removes_nothing(
    school: Served, filled: Desk, name: str, entity: str
) -> None:
    """An item turns into nonsense, key and all: it is set aside, and the row that it may have been stays."""
    desk = filled
    before = desk.contents()
    spoilt: list[Any] = []

    def spoil(called: str, body: Any) -> Any:
        if called != name:
            return body
        rows = body if isinstance(body, list) else body["groups"]
        if not spoilt and len(rows) > 5:
            spoilt.append(rows[5]["id"])
        rows[:] = ["мусор" if row["id"] in spoilt else row for row in rows]
        return body

    school.listening.change = spoil
    ledger = import_into(desk, school, window(school.place, 25), skipping=False).ledger
    assert spoilt
    assert {e for e, _ in quarantine(desk, "malformed")} == {entity}
    assert {e: c["removed"] for e, c in ledger.items() if c["removed"]} == {}
    after = desk.contents()
    assert {e: rows.keys() for e, rows in after.items()} == {e: rows.keys() for e, rows in before.items()}
    changed = {e for e, rows in after.items() if rows != before[e]}
    assert changed <= {"groups": {"lessons"}, "schedule_items": {"lessons"}, "attendances": {"attendance"}}.get(
        name, set()
    )
    if name in {"groups", "schedule_items"}:  # what cannot be told has no place in its class's day
        assert without_numbers(after["lessons"]) == without_numbers(before["lessons"])


def without_numbers(lessons: dict[str, Any]) -> dict[str, Any]:
    return {k: msgspec.structs.replace(lesson, number=None) for k, lesson in lessons.items()}


def test_a_broken_period_leaves_the_numbers_of_the_others(school: Served) -> None:
    def change(name: str, body: Any) -> Any:
        for schedule in body if name == "attestation_periods_schedules" else []:
            schedule["periods"].reverse()
            schedule["periods"][0]["begin_date"] = "31.02.2027"
        return body

    before = asyncio.run(read_all(school.context())).records["periods"]
    school.listening.change = change
    got = asyncio.run(read_all(school.context()))
    broken = {r.key for r in got.rejects}
    assert broken
    assert got.records["periods"] == {k: p for k, p in before.items() if k not in broken}


def test_a_class_that_is_no_reference_breaks_the_pupil(school: Served) -> None:
    def change(name: str, body: Any) -> Any:
        for row in body if name == "student_profiles" else []:
            if row["id"] == pupil:
                row["class_unit"] = "7А"
        return body

    course = next(iter(school.place.courses.values()))
    pupil = 90000 + school.place.pupils_of(course, school.place.now.date())[0]
    school.listening.change = change
    got = asyncio.run(read_all(school.context()))
    assert {(r.entity, r.key) for r in got.rejects} == {("people", str(pupil))}
