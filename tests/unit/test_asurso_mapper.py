"""What the SPO module's payloads become: the examples of the portal facts letter for letter, and its quirks one by one."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import msgspec
import pytest

from canonical.batch import Batch, Origin
from canonical.cleaning import clean
from canonical.entities import Period, Record, entity_of
from canonical.years import AcademicYear
from connectors.asurso import mapper
from connectors.asurso.client import Client
from connectors.asurso.coverage import Found
from connectors.asurso.directory import Directory
from connectors.asurso.forms import printed, printed_names
from connectors.asurso.gradebooks import gradebooks
from connectors.asurso.journal import Surroundings, has_holes, read_page
from connectors.asurso.sheets import SheetOf, read_sheet, speaks_of
from connectors.asurso.signin import account_of
from connectors.asurso.structure import Links, Structure, page_of, structure
from connectors.asurso.values import day, instant
from connectors.conformance.harness import FIVE, QUICK
from connectors.contract import Context, Institution, SourceConfig, Window
from connectors.errors import UnexpectedAnswerError
from connectors.http import Answer, Network, Session
from connectors.registry import manifest
from tests.mocked import mocks

SAMARA = ZoneInfo("Europe/Samara")
YEAR = AcademicYear(2024)
WHOLE = Window(YEAR, YEAR.start, YEAR.end)
BASE = "https://spo.example.invalid"

STUDENTS = """{"studentsCount": 2,
 "students": [{"id": 50101, "firstName": "Пётр", "lastName": "Примеров", "middleName": "Тестович",
   "birthday": "2006-01-15T00:00:00.0000000", "gender": "Male", "studentGroup": {"id": 5011, "name": "ИС-21"},
   "userProfileId": 90101, "educationBasis": "RfSubjectBudget", "formOfTraining": "FullTime", "gradePointAverage": 4.2,
   "isEsiaBound": false},
  {"id": 50102, "firstName": "Ольга", "lastName": "Образцова", "birthday": "2006-05-20T00:00:00.0000000",
   "gender": "Female", "studentGroup": {"id": 5011, "name": "ИС-21"}, "userProfileId": 90102,
   "educationBasis": "LegalPerson", "isEsiaBound": true}]}"""
GROUPS = """[{"id": 5011, "code": "09.02.07", "name": "ИС-21", "yearNumber": 2, "departmentId": 31, "educationForm": "FullTime",
  "curatorId": 7001, "shiftId": 1}]"""
DEPARTMENTS = '[{"id": 31, "name": "Отделение информационных технологий", "managerId": 7001}]'
EMPLOYEES = """[{"id": 7001, "lastName": "Шаблонова", "firstName": "Вера", "middleName": "Макетовна"},
 {"id": 7002, "lastName": "Трафаретова", "firstName": "Анна", "middleName": "Стендовна"}]"""
JOURNALS = '[{"id": 5011, "name": "ИС-21", "code": "09.02.07", "yearNumber": 2}]'
ENTRIES = """[{"id": 40021, "name": "2 курс, 1 семестр", "yearNumber": 2, "termNumber": 1, "termType": "Semester", "isActive": true,
  "startDate": "2024-09-02T00:00:00.0000000", "endDate": "2024-12-28T00:00:00.0000000",
  "scheduleSubjects": [{"id": 61001, "name": "Математика", "plannedHours": 68, "editable": false, "isAttendanceEditable": false,
    "remarks": []}]}]"""
PAGE = """{"workingProgram": {"isApproved": true,
  "topics": [{"sectionIndex": 1, "index": 1, "name": "Пределы",
    "lessons": [{"id": 300001, "type": "Lesson", "duration": 2, "name": "Предел последовательности"}]}]},
 "lessons": [{"id": 880001, "date": "2024-10-07T00:00:00.0000000", "scheduleLessonId": 770001, "type": "Lesson", "duration": 2,
   "startTime": "08:30", "endTime": "10:05", "plannedLessons": {"300001": 2},
   "tasks": [{"id": 990001, "type": "Lesson", "topic": "Ответ на занятии", "attachments": []},
    {"id": 990002, "type": "Home", "topic": "Задачи 1–5 со стр. 12", "condition": "Решить письменно", "attachments": []}],
   "markSets": {"50101": {"marks": {"990001": {"isRequired": false, "value": "Five"}, "990002": {"isRequired": true}}},
    "50102": {"absenceType": "SickLeave"}}},
  {"date": "2024-10-14T00:00:00.0000000", "scheduleLessonId": 770002, "duration": 2, "startTime": "08:30",
   "endTime": "10:05", "plannedLessons": {}, "tasks": [], "markSets": {}}],
 "students": [{"id": 50101, "number": 1, "startDate": "2024-09-02T00:00:00.0000000", "averageScore": 4.5, "lastName": "Примеров",
   "firstName": "Пётр", "middleName": "Тестович"},
  {"id": 50102, "number": 2, "startDate": "2024-09-02T00:00:00.0000000", "lastName": "Образцова", "firstName": "Ольга"}],
 "remarks": [], "teacher": "Шаблонова В.М."}"""
SHEET = """{"termType": "Semester", "termNumber": 1, "year": 2024, "departmentName": "Отделение информационных технологий",
 "students": [{"id": 50101, "firstName": "Пётр", "lastName": "Примеров", "middleName": "Тестович"}],
 "subjects": [{"id": 601, "name": "Математика", "examinationType": "Exam",
   "teacher": {"id": 7001, "lastName": "Шаблонова", "firstName": "Вера", "middleName": "Макетовна"},
   "marks": {"50101": {"value": "Five"}}},
  {"id": 604, "name": "Физическая культура", "examinationType": "Test", "marks": {"50101": {"value": "Success"}}},
  {"id": 605, "name": "История", "examinationType": "DifferentiatedTest", "marks": {"50101": {}}}],
 "profModules": [{"id": 701, "name": "ПМ.01 Разработка модулей", "marks": {}}],
 "courseWorks": [{"id": 801, "name": "Основы алгоритмизации",
   "teacher": {"id": 7001, "lastName": "Шаблонова", "firstName": "Вера", "middleName": "Макетовна"},
   "marks": {"50101": {"value": "Four"}}}]}"""


def answer(body: Any, request: str = "GET /x", status: int = 200) -> Answer:
    text = body if isinstance(body, str) else json.dumps(body)
    return Answer(status, {}, text.encode(), Origin(request, str(hash(text)), len(text), "2024-11-20T12:00:00+04:00"))


def directory(students: Any = STUDENTS, employees: Any = EMPLOYEES, subjects: Any = None) -> Directory:
    return Directory.of(
        students=[answer(students)] if students is not None else None,
        staff=answer(employees),
        subjects=answer(subjects) if subjects else None,
        groups=(answer(GROUPS), answer(JOURNALS)),
    )


def records(batch: Batch, entity: str) -> dict[str, Any]:
    """What a batch holds of an entity, as the store would take it: key -> fields that are not null."""
    cleaned = [clean(r, SAMARA) for _, some in batch.blocks for r in some if entity_of(r) == entity]
    return {r.key: shown(r) for r in cleaned}


def shown(record: Record) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(msgspec.json.encode(record))
    return {k: v for k, v in fields.items() if v is not None and k != "key"}


def group(
    entries: Any = ENTRIES, pages: dict[str, Any] | None = None, known: Directory | None = None
) -> tuple[Structure, Batch]:
    """The structure of group 5011 with these pages (course key -> payload; a page is the example's by default)."""
    batch = Batch()
    found = gradebooks(answer(entries), "5011", WHOLE, batch)
    heads = [
        page_of(book, taught, answer((pages or {}).get(f"{book.id}:{taught.id}", PAGE)), batch)
        for book in found
        for taught in book.subjects
    ]
    return structure("5011", heads, known or directory(), YEAR, batch), batch


def page(payload: Any = PAGE, **more: Any) -> Batch:
    """The records of a journal page whose roster is the example's."""
    links = Links({"50101": "50101", "50102": "50102"}, "")
    around = {"course": "40021:61001", "links": links, "directory": directory(), "zone": SAMARA, "scale": FIVE, **more}
    return read_page(answer(payload), Surroundings(**around))


def changed(example: str, **more: Any) -> Any:
    payload = json.loads(example)
    payload.update(more)
    return payload


def lesson(**more: Any) -> Any:
    """A page with the example's recorded lesson only, some of its fields others."""
    payload = json.loads(PAGE)
    payload["lessons"] = [{**payload["lessons"][0], **more}]
    return payload


class TestTheExamples:
    def test_people(self) -> None:
        assert records(mapper.students([answer(STUDENTS)], directory()), "people") == {
            "50101": {"role": "student", "family_name": "Примеров", "given_name": "Пётр", "patronymic": "Тестович", "birth_date": "2006-01-15", "sex": "m"},
            "50102": {"role": "student", "family_name": "Образцова", "given_name": "Ольга", "birth_date": "2006-05-20", "sex": "f"},
        }  # fmt: skip
        assert records(mapper.staff(answer(EMPLOYEES)), "people")["7002"] == {
            "role": "staff",
            "family_name": "Трафаретова",
            "given_name": "Анна",
            "patronymic": "Стендовна",
        }

    def test_a_position_is_named_by_its_list(self) -> None:
        who = answer([{"id": 7001, "lastName": "Шаблонова", "positionId": 3}, {"id": 7002, "positionName": "Мастер"}])
        batch = mapper.staff(who, answer([{"id": 3, "name": "Преподаватель"}, "?"], "GET /positions"))
        assert [r["position"] for r in records(batch, "people").values()] == ["Преподаватель", "Мастер"]

    def test_groups(self) -> None:
        specialities = [{"id": 1, "code": "09.02.07", "name": "Информационные системы"}, {"id": 2, "code": "09.02.07", "name": "Информационные системы"}]  # fmt: skip
        batch = mapper.groups(
            answer(GROUPS), answer(JOURNALS), answer(DEPARTMENTS), answer(specialities), AcademicYear(2024)
        )
        assert records(batch, "groups") == {
            "5011": {
                "academic_year": "2024/2025",
                "name": "ИС-21",
                "kind": "study_group",
                "level": 2,
                "speciality_code": "09.02.07",
                "speciality_name": "Информационные системы",
                "department": "Отделение информационных технологий",
                "curator": "7001",
            }
        }
        assert not batch.drift

    def test_the_journal(self) -> None:
        made, batch = group()
        assert records(batch, "periods") == {
            "40021": {
                "academic_year": "2024/2025",
                "kind": "semester",
                "number": 1,
                "name": "2 курс, 1 семестр",
                "start": "2024-09-02",
                "end": "2024-12-28",
                "groups": ["5011"],
            }
        }
        assert records(batch, "courses") == {
            "40021:61001": {
                "group": "5011",
                "subject": "Математика",
                "period": "40021",
                "teachers": ["7001"],
                "planned_hours": 68,
            }
        }
        assert records(batch, "subjects") == {"Математика": {"name": "Математика"}}
        assert records(batch, "enrolments") == {
            f"{n}:5011": {"person": n, "group": "5011", "start": "2024-09-02", "status": "enrolled"}
            for n in ("50101", "50102")
        }
        assert records(batch, "people") == {}
        assert made.subgroups == set()
        assert not batch.drift

    def test_a_page(self) -> None:
        batch = page()
        assert records(batch, "planned_topics") == {
            "300001": {
                "course": "40021:61001",
                "number": 1,
                "title": "Предел последовательности",
                "hours": 2,
                "kind": "theory",
            }
        }
        assert records(batch, "lessons") == {
            "770001": {
                "course": "40021:61001",
                "date": "2024-10-07",
                "starts_at": "2024-10-07T08:30:00+04:00",
                "ends_at": "2024-10-07T10:05:00+04:00",
                "status": "held",
                "kind": "theory",
                "hours": 2,
                "topic": "Предел последовательности",
                "planned_topic": "300001",
                "homework": "Задачи 1–5 со стр. 12 Решить письменно",
            },
            "770002": {
                "course": "40021:61001",
                "date": "2024-10-14",
                "starts_at": "2024-10-14T08:30:00+04:00",
                "ends_at": "2024-10-14T10:05:00+04:00",
                "status": "planned",
                "hours": 2,
            },
        }
        both = {"lesson": "770001", "course": "40021:61001"}
        assert records(batch, "works") == {
            "990001": {**both, "kind": "Lesson", "control": "oral", "title": "Ответ на занятии"},
            "990002": {**both, "kind": "Home", "control": "homework", "title": "Задачи 1–5 со стр. 12"},
        }
        assert records(batch, "marks") == {
            "990001:50101": {"work": "990001", "student": "50101", "value": "5", "grade": 5, "meaning": "grade"},
            "990002:50101": {"work": "990002", "student": "50101", "value": "•", "meaning": "debt"},
        }
        assert records(batch, "attendance") == {
            "770001:50102": {"lesson": "770001", "student": "50102", "status": "ill"}
        }
        assert {(s.entity, s.selector, s.selector_key, s.axis) for s in batch.scopes} == {
            (e, "course", "40021:61001", "none") for e in ("planned_topics", "lessons", "works", "marks", "attendance")
        }
        assert not batch.drift
        assert not batch.rejects

    def test_the_sheet(self) -> None:
        made, _ = group()
        of = SheetOf("5011", "40021", tuple(made.courses), frozenset(), directory(), FIVE)
        batch = read_sheet(answer(SHEET), of)
        assert records(batch, "period_marks") == {
            "50101:Математика:40021:period": {"student": "50101", "course": "40021:61001", "period": "40021", "kind": "period", "value": "5", "grade": 5, "meaning": "grade"},
            "50101:Физическая культура:40021:period": {"student": "50101", "course": "40021:604", "period": "40021", "kind": "period", "value": "зач", "meaning": "credit"},
        }  # fmt: skip
        assert records(batch, "attestations") == {
            "50101:Математика:40021:exam": {"student": "50101", "course": "40021:61001", "subject": "Математика", "kind": "exam", "value": "5", "grade": 5, "meaning": "grade"},
            "50101:Физическая культура:40021:credit": {"student": "50101", "course": "40021:604", "subject": "Физическая культура", "kind": "credit", "value": "зач", "meaning": "credit"},
            "50101:801:40021:coursework": {"student": "50101", "kind": "coursework", "title": "Основы алгоритмизации", "value": "4", "grade": 4, "meaning": "grade"},
        }  # fmt: skip
        assert records(batch, "courses") == {
            "40021:604": {"group": "5011", "subject": "Физическая культура", "period": "40021"}
        }
        assert records(batch, "people") == {}
        assert {s.selector_key for s in batch.scopes} == {"40021:61001", "40021:604"}

    def test_the_sign_in(self) -> None:
        said = account_of(
            {
                "tenantName": "spo_50",
                "tenants": {
                    "spo_50": {
                        "settings": {"organization": {"name": "ГБПОУ «Учебно-стендовый колледж»", "shortName": "УСК"}},
                        "employeeRole": {"id": 7001, "isCurator": True, "permissions": [200, 201, 300, 507, 509, 700]},
                    }
                },
            }
        )
        tenant = said.tenant("SPO_50")
        assert tenant
        assert (tenant.key, tenant.name) == ("spo_50", "УСК")
        assert tenant.permissions == {200, 201, 300, 507, 509, 700}
        assert account_of(None).tenants == account_of({"tenants": []}).tenants == {}
        assert account_of({"tenants": {"spo_1": None}}).tenants["spo_1"].permissions is None


class TestForms:
    @pytest.mark.parametrize(
        ("text", "is_"),
        [
            ("2024-10-07T00:00:00.0000000", "2024-10-07"),
            ("2024-10-07T00:00:00", "2024-10-07"),
            ("2024-10-07", "2024-10-07"),
            ("", None),
            (None, None),
            ("07.10.2024", "07.10.2024"),
        ],
    )
    def test_dates(self, text: str | None, is_: str | None) -> None:
        assert day(text) == is_

    @pytest.mark.parametrize(
        ("at", "is_"), [("8:30", "08:30:00+04:00"), ("08:30:00", "08:30:00+04:00"), ("25:00", "25:00")]
    )
    def test_times(self, at: str, is_: str) -> None:
        assert instant("2024-10-07", at, SAMARA) == f"2024-10-07T{is_}"
        assert instant("2024-10-07", None, SAMARA) is None

    def test_teachers_as_they_are_printed(self) -> None:
        assert printed_names("Шаблонова", "Вера", "Макетовна") == ["шаблонова в.м", "шаблонова вера макетовна"]
        assert {printed(x) for x in ("Шаблонова В.М.", "Шаблонова В. М.", " Шаблонова  В.М")} == {"шаблонова в.м"}
        who = directory()
        assert who.teacher("Шаблонова В. М.") == who.teacher("Шаблонова Вера Макетовна") == "7001"
        assert who.teacher("Шаблонова В.") is None
        twins = directory(employees=[*json.loads(EMPLOYEES), {"id": 7009, "lastName": "Шаблонова", "firstName": "Валя", "middleName": "Мироновна"}])  # fmt: skip
        assert twins.teacher("Шаблонова В.М.") is None
        assert twins.teacher("Шаблонова Вера Макетовна") == "7001"


class TestMarks:
    @pytest.mark.parametrize(
        ("cell", "is_"),
        [
            ({"value": "Two"}, {"value": "2", "grade": 2, "meaning": "grade"}),
            ({"value": "Success"}, {"value": "зач", "meaning": "credit"}),
            ({"value": "Fail"}, {"value": "незач", "meaning": "no_credit"}),
            ({"value": "Absent"}, {"value": "н/а", "meaning": "not_attested"}),
            ({"value": "Excused"}, {"value": "осв", "meaning": "exempt"}),
            ({"value": "Excellent"}, {"value": "Excellent", "raw": {"meaning": "Excellent"}}),
            ({"value": "Five", "isRequired": True}, {"value": "5", "grade": 5, "meaning": "grade"}),
            ({"isRequired": True}, {"value": "•", "meaning": "debt"}),
            ({"value": "None", "isRequired": True}, {"value": "•", "meaning": "debt"}),
            ({"value": "", "isRequired": True}, {"value": "•", "meaning": "debt"}),
            ({"value": None, "isRequired": False}, None),
            ({"value": "None"}, None),
            ({}, None),
        ],
    )
    def test_every_rating(self, cell: Any, is_: Any) -> None:
        batch = page(lesson(markSets={"50101": {"marks": {"990001": cell}}}))
        expected = {"990001:50101": {"work": "990001", "student": "50101", **is_}} if is_ else {}
        assert records(batch, "marks") == expected

    @pytest.mark.parametrize(
        ("word", "is_"),
        [
            ("IsLate", {"status": "late"}),
            ("IsAbsentByValidReason", {"status": "excused"}),
            ("IsAbsentByNotValidReason", {"status": "absent"}),
            ("SickLeave", {"status": "ill"}),
            ("IsAbsent", {"status": "absent"}),
            ("OnTheMoon", {"raw": {"status": "OnTheMoon"}}),
            ("", None),
            (None, None),
        ],
    )
    def test_every_absence(self, word: str | None, is_: Any) -> None:
        batch = page(lesson(markSets={"50102": {"absenceType": word, "marks": {}}}))
        expected = {"770001:50102": {"lesson": "770001", "student": "50102", **is_}} if is_ else {}
        assert records(batch, "attendance") == expected

    def test_a_mark_and_an_absence_stand_together(self) -> None:
        batch = page(lesson(markSets={"50101": {"absenceType": "IsLate", "marks": {"990001": {"value": "Four"}}}}))
        assert len(records(batch, "marks")) == len(records(batch, "attendance")) == 1

    def test_a_pupil_who_is_not_on_the_roster_keeps_their_own_id(self) -> None:
        batch = page(lesson(markSets={"50999": {"marks": {"990001": {"value": "Four"}}}}))
        assert records(batch, "marks")["990001:50999"]["student"] == "50999"


class TestLessons:
    def test_a_slot_stays_the_same_record_when_it_is_recorded(self) -> None:
        before = page(lesson(id=None, type=None, tasks=[], markSets={}, plannedLessons={}))
        assert records(before, "lessons")["770001"]["status"] == "planned"
        assert records(page(), "lessons")["770001"]["status"] == "held"

    @pytest.mark.parametrize(
        ("planned", "name", "topic", "planned_topic"),
        [
            ({"300001": 2}, "Своя тема", "Предел последовательности", "300001"),
            ({}, "Своя тема", "Своя тема", None),
            ({}, "", None, None),
            ({"300002": 1, "300001": 1}, None, "Предел последовательности; Предел функции", "300001"),
            ({"399999": 2}, "Своя тема", "Своя тема", "399999"),
        ],
    )
    def test_topics(self, planned: Any, name: str | None, topic: str | None, planned_topic: str | None) -> None:
        payload = lesson(plannedLessons=planned, name=name)
        payload["workingProgram"]["topics"].append({"lessons": [{"id": 300002, "type": "Practice", "name": "Предел функции"}]})  # fmt: skip
        made = records(page(payload), "lessons")["770001"]
        assert made.get("topic") == topic
        assert made.get("planned_topic") == planned_topic

    def test_homework_of_several_tasks(self) -> None:
        tasks = [{"id": 12, "type": "Home", "topic": "§ 2"}, {"id": 3, "type": "Home", "topic": "§ 1", "condition": "устно"}, {"id": 4, "type": "Home"}]  # fmt: skip
        assert records(page(lesson(tasks=tasks)), "lessons")["770001"]["homework"] == "§ 1 устно; § 2"

    def test_unknown_words_are_kept_and_noted(self) -> None:
        batch = page(lesson(type="Webinar", tasks=[{"id": 1, "type": "Quest"}], weather="fine"))
        assert records(batch, "lessons")["770001"]["raw"] == {"kind": "Webinar"}
        assert records(batch, "works")["1"]["kind"] == "Quest"
        assert records(batch, "works")["1"]["raw"] == {"control": "Quest"}
        assert {(d.kind, d.name) for d in batch.drift} == {
            ("unknown_value", "kind=Webinar"),
            ("unknown_value", "control=Quest"),
            ("unknown_field", "weather"),
        }

    def test_a_thematic_plan_that_two_courses_share_belongs_to_the_first(self) -> None:
        batch = page(foreign=frozenset({"300001"}))
        assert list(records(batch, "planned_topics")) == ["40021:61001:300001"]
        assert records(batch, "lessons")["770001"]["planned_topic"] == "40021:61001:300001"

    def test_dates_cut_a_page(self) -> None:
        batch = page(since=date(2024, 10, 8), until=date(2024, 10, 31))
        assert list(records(batch, "lessons")) == ["770002"]
        assert not records(batch, "marks")
        assert {(s.axis, s.start, s.end) for s in batch.scopes if s.entity == "marks"} == {
            ("lesson_date", "2024-10-08", "2024-10-31")
        }

    @pytest.mark.parametrize("body", ["", "null", "  "])
    def test_an_empty_answer_covers_nothing(self, body: str) -> None:
        batch = page(body)
        assert (batch.blocks, batch.scopes, batch.rejects) == ([], [], [])
        assert has_holes(answer(body))

    @pytest.mark.parametrize("payload", [[], {"lessons": "none"}, "text"])
    def test_what_is_no_page(self, payload: Any) -> None:
        with pytest.raises(UnexpectedAnswerError):
            page(json.dumps(payload))


class TestBrokenParts:
    @pytest.mark.parametrize(
        ("change", "entity", "key"),
        [
            ({"date": 5}, "lessons", "770001"),
            ({"date": None}, "lessons", "770001"),
            ({"startTime": ["8:30"]}, "lessons", "770001"),
            ({"plannedLessons": "all"}, "lessons", "770001"),
            ({"tasks": [{"id": 990001, "topic": 5}]}, "works", "990001"),
            ({"tasks": ["garbage"]}, "works", None),
            ({"markSets": {"50101": {"marks": {"990001": {"value": 5}}}}}, "marks", "990001:50101"),
            ({"markSets": {"50101": {"marks": {"990001": "Five"}}}}, "marks", "990001:50101"),
            ({"markSets": {"50101": {"absenceType": 1}}}, "attendance", "770001:50101"),
            ({"markSets": {"50101": "absent"}}, "attendance", "770001:50101"),
            ({"markSets": {"50101": {"marks": [5]}}}, "marks", None),
        ],
    )
    def test_one_is_set_aside_alone(self, change: Any, entity: str, key: str | None) -> None:
        payload = json.loads(PAGE)
        payload["lessons"][0].update(change)
        batch = page(payload)
        (reject,) = batch.rejects
        assert (reject.entity, reject.key) == (entity, key)
        assert "770002" in records(batch, "lessons")
        assert ("770001" in records(batch, "lessons")) == (entity != "lessons")
        if entity == "lessons":
            assert set(records(batch, "works")) == {"990001", "990002"}, "they wait for the lesson"

    @pytest.mark.parametrize("sets", [{"50101": None}, {"50101": {"marks": {"990001": None}, "absenceType": None}}])
    def test_null_is_nothing(self, sets: Any) -> None:
        batch = page(lesson(markSets=sets))
        assert batch.rejects == []
        assert records(batch, "marks") == records(batch, "attendance") == {}
        assert not has_holes(answer(lesson(markSets=sets)))

    def test_a_lesson_whose_parts_cannot_be_read_hides_them(self) -> None:
        batch = page(lesson(tasks="many"))
        (reject,) = batch.rejects
        assert (reject.entity, reject.key, reject.hides) == ("lessons", "770001", ("works", "marks", "attendance"))
        assert not has_holes(answer(lesson(tasks="many")))

    @pytest.mark.parametrize(
        "change",
        [
            {"scheduleLessonId": None},
            {"tasks": [{"topic": "без номера"}]},
            {"markSets": {"50101": "absent"}},
        ],
    )
    def test_what_has_no_key_is_a_hole(self, change: Any) -> None:
        assert has_holes(answer(lesson(**change)))
        assert not has_holes(answer(PAGE))
        covered = {s.entity for s in page(lesson(markSets={"50101": "absent"})).scopes}
        assert "marks" not in covered

    def test_a_broken_thematic_plan(self) -> None:
        program = {"topics": [{"lessons": [{"id": 1, "name": 5}, {"id": 2, "name": "Вторая"}]}, "garbage"]}
        batch = page(changed(PAGE, workingProgram=program))
        assert [(r.entity, r.key) for r in batch.rejects] == [("planned_topics", "1"), ("planned_topics", None)]
        assert records(batch, "planned_topics")["2"]["number"] == 2
        assert "770001" in records(batch, "lessons")

    def test_broken_gradebooks(self) -> None:
        entries = json.loads(ENTRIES)
        entries[0]["termNumber"] = "first"
        entries[0]["scheduleSubjects"].append({"id": 61002, "name": None})
        made, batch = group(entries)
        assert [(r.entity, r.key) for r in batch.rejects] == [("periods", "40021"), ("courses", "40021:61002")]
        assert [c.name for c in made.courses] == ["Математика", None]

    def test_a_sheet_points_at_the_course_that_cannot_be_read(self) -> None:
        entries = json.loads(ENTRIES)
        entries[0]["scheduleSubjects"][0]["name"] = 5
        made, _ = group(entries)
        of = SheetOf("5011", "40021", tuple(made.courses), frozenset(), directory(), FIVE)
        batch = read_sheet(answer(SHEET), of)
        assert {m["course"] for m in records(batch, "period_marks").values()} == {"40021:61001"}
        assert records(batch, "courses") == {}

    def test_a_subject_that_is_broken_otherwise_keeps_its_name(self) -> None:
        entries = taught((604, "Физическая культура"), (605, "История"))
        entries[0]["scheduleSubjects"][0]["plannedHours"] = "many"
        made, _ = group(entries)
        of = SheetOf("5011", "40021", tuple(made.courses), frozenset(), directory(), FIVE)
        batch = read_sheet(answer(SHEET), of)
        courses = {m["course"] for m in records(batch, "period_marks").values()}
        assert courses == {"40021:604", "40021:601"}, "mathematics is not the one that is broken"

    @pytest.mark.parametrize("broken", [{"id": None}, {"startDate": "31.02.2024"}])
    def test_periods_keep_their_numbers_beside_a_broken_one(self, broken: Any) -> None:
        entries = [{**taught()[0], **broken}, *taught(term=2)]
        _, batch = group(entries)
        numbers = {r.key: r.number for _, some in batch.blocks for r in some if isinstance(r, Period)}
        assert numbers["40022"] == 2

    @pytest.mark.parametrize(
        ("item", "entity", "key"),
        [
            ({"id": 50101, "lastName": 5}, "enrolments", "50101:5011"),
            ({"id": 50101, "startDate": "2024-02-31T00:00:00"}, "enrolments", "50101:5011"),
            ({"id": 50777, "lastName": 5}, "people", "50777"),
            ("garbage", "enrolments", None),
        ],
    )
    def test_broken_places_on_a_roster(self, item: Any, entity: str, key: str | None) -> None:
        roster = json.loads(PAGE)["students"]
        made, batch = group(pages={"40021:61001": changed(PAGE, students=[item, roster[1]])})
        (reject,) = batch.rejects
        assert (reject.entity, reject.key) == (entity, key)
        assert made.subgroups == set()
        enrolled = set(records(batch, "enrolments"))
        assert "50102:5011" in enrolled
        assert ("50101:5011" in enrolled) == (key != "50101:5011")


def pupils(*numbers: int, group: int | None = 5011) -> Any:
    """A page of the students' list."""
    names = ["Примеров", "Образцов", "Тестов", "Макетов", "Шаблонов"]
    return {
        "studentsCount": len(numbers),
        "students": [
            {
                "id": n,
                "lastName": names[n % 5],
                "firstName": f"Имя{n}",
                "studentGroup": {"id": group} if group else None,
            }
            for n in numbers
        ],
    }


def on(*numbers: int, **dates: str) -> list[Any]:
    """A roster of these pupils; `e50003="2024-10-09"` ends one's membership, `s50003` begins it later."""
    found = []
    for student in pupils(*numbers)["students"]:
        start = dates.get(f"s{student['id']}", "2024-09-02")
        end = dates.get(f"e{student['id']}")
        found.append({"id": student["id"], "lastName": student["lastName"], "firstName": student["firstName"], "startDate": start, "endDate": end})  # fmt: skip
    return found


def taught(*subjects: tuple[int, str], term: int = 1) -> Any:
    """Gradebooks of one group."""
    start, end = (("2024-09-02", "2024-12-28"), ("2025-01-13", "2025-06-28"))[term - 1]
    return [{**json.loads(ENTRIES)[0], "id": 40020 + term, "termNumber": term, "startDate": start, "endDate": end, "scheduleSubjects": [{"id": n, "name": name} for n, name in subjects]}]  # fmt: skip


class TestSubgroups:
    FOUR = (50001, 50002, 50003, 50004)

    def made(self, entries: Any, rosters: dict[str, Any], students: Any = None) -> tuple[Structure, Batch]:
        pages = {key: {"students": roster} for key, roster in rosters.items()}
        return group(entries, pages, directory(students or pupils(*self.FOUR)))

    def test_a_part_of_the_group_named_after_the_suffix(self) -> None:
        entries = taught((1, "Математика"), (2, "Иностранный язык/подгруппа 1"), (3, "Иностранный язык/ подгруппа 2"))
        rosters = {"40021:1": on(*self.FOUR), "40021:2": on(50001, 50003), "40021:3": on(50002, 50004)}
        _, batch = self.made(entries, rosters)
        assert records(batch, "groups") == {
            f"5011:подгруппа {n}": {"academic_year": "2024/2025", "name": f"подгруппа {n}", "kind": "subgroup", "level": 2, "parent": "5011"}
            for n in (1, 2)
        }  # fmt: skip
        courses = records(batch, "courses")
        assert {k: (c["group"], c["subject"]) for k, c in courses.items()} == {
            "40021:1": ("5011", "Математика"),
            "40021:2": ("5011:подгруппа 1", "Иностранный язык"),
            "40021:3": ("5011:подгруппа 2", "Иностранный язык"),
        }
        enrolments = records(batch, "enrolments")
        assert set(enrolments) == {
            *(f"{n}:5011" for n in self.FOUR),
            *(f"{n}:5011:подгруппа 1" for n in (50001, 50003)),
            *(f"{n}:5011:подгруппа 2" for n in (50002, 50004)),
        }

    def test_a_slash_in_the_name_of_a_subject_that_all_are_taught(self) -> None:
        entries = taught((1, "История/Россия в мире"), (2, "Химия/А/часть 2"))
        _, batch = self.made(entries, {"40021:1": on(*self.FOUR), "40021:2": on(50001)})
        courses = records(batch, "courses")
        assert (courses["40021:1"]["group"], courses["40021:1"]["subject"]) == ("5011", "История/Россия в мире")
        assert (courses["40021:2"]["group"], courses["40021:2"]["subject"]) == ("5011:часть 2", "Химия/А")

    def test_of_a_page_without_pupils_the_plan_tells(self) -> None:
        known = directory(subjects=[{"id": 9, "name": "Ввод/вывод"}, {"id": 8, "name": "Ин.яз"}])
        pages = {"40021:2": {"students": None}, "40021:3": {"students": []}}
        _, batch = group(taught((1, "Математика"), (2, "Ввод/вывод"), (3, "Ин.яз/1")), pages, known)
        courses = {k: (c["group"], c["subject"]) for k, c in records(batch, "courses").items()}
        assert courses["40021:2"] == ("5011", "9")
        assert courses["40021:3"] == ("5011:1", "8")

    def test_those_who_left_or_joined_later_do_not_make_a_part(self) -> None:
        entries = [*taught((1, "История/Россия"), (2, "Математика")), *taught((3, "Математика"), term=2)]
        students = pupils(50001, 50002, 50004)  # 50003 has left, 50004 has joined in January
        rosters = {
            "40021:1": on(50001, 50002),
            "40021:2": on(50001, 50002, 50003, e50003="2024-10-09"),
            "40022:3": on(50001, 50002, 50004, s50004="2025-01-20"),
        }
        made, batch = self.made(entries, rosters, students)
        assert made.subgroups == set()
        enrolments = records(batch, "enrolments")
        assert enrolments["50003:5011"] == {"person": "50003", "group": "5011", "start": "2024-09-02", "end": "2024-10-09"}  # fmt: skip
        assert enrolments["50004:5011"] == {"person": "50004", "group": "5011", "start": "2025-01-20", "status": "enrolled"}  # fmt: skip
        assert set(records(batch, "people")) == {"50003"}

    def test_a_single_page_of_a_part(self) -> None:
        made, _ = self.made(taught((1, "Иностранный язык/подгруппа 1")), {"40021:1": on(50001, 50002)})
        assert made.subgroups == {"5011:подгруппа 1"}

    def test_without_the_students_list_rosters_tell(self) -> None:
        entries = taught((1, "Математика"), (2, "Ин.яз/1"), (3, "История/Россия"))
        pages = {"40021:1": on(*self.FOUR), "40021:2": on(50001), "40021:3": on(*self.FOUR)}
        made, batch = group(entries, {k: {"students": r} for k, r in pages.items()}, directory(students=None))
        assert made.subgroups == {"5011:1"}
        assert len(records(batch, "people")) == 4
        assert records(batch, "enrolments")["50001:5011"] == {"person": "50001", "group": "5011", "start": "2024-09-02"}

    def test_without_pages_nothing_new_is_said_of_those_whom_pages_have_placed(self) -> None:
        known = directory(pupils(*self.FOUR))
        batch = Batch()
        structure("5011", [], known, YEAR, batch, by_list=False)
        assert records(batch, "enrolments") == {}
        structure("5011", [], known, YEAR, batch)
        assert set(records(batch, "enrolments")) == {f"{n}:5011" for n in self.FOUR}

    def test_who_changed_the_part(self) -> None:
        entries = taught((1, "Математика"), (2, "Ин.яз/1"), (3, "Ин.яз/2"))
        rosters = {
            "40021:1": on(*self.FOUR),
            "40021:2": on(50001, 50003, e50003="2024-10-10"),
            "40021:3": on(50002, 50003, 50004, s50003="2024-10-11"),
        }
        _, batch = self.made(entries, rosters)
        enrolments = records(batch, "enrolments")
        assert enrolments["50003:5011:1"]["end"] == "2024-10-10"
        assert "status" not in enrolments["50003:5011:1"]
        assert enrolments["50003:5011:2"]["start"] == "2024-10-11"
        assert "end" not in enrolments["50003:5011"]


class TestWhoIsWho:
    def test_ids_that_count_within_the_gradebook_are_linked_by_name(self) -> None:
        roster = [{**s, "id": n} for n, s in enumerate(on(50001, 50002, 50003), 1)]
        known = directory(pupils(50001, 50002))
        made, batch = group(pages={"40021:61001": changed(PAGE, students=roster)}, known=known)
        assert made.links["40021:61001"].known == {"1": "50001", "2": "50002", "3": "40021:3"}
        assert made.links["40021:61001"].key("4", known) == "40021:4"
        assert set(records(batch, "people")) == {"40021:3"}
        assert set(records(batch, "enrolments")) == {"50001:5011", "50002:5011", "40021:3:5011"}

    def test_ids_within_the_gradebook_may_be_those_of_other_pupils(self) -> None:
        """They are told by their names, also who is in another group by now; one id happens to agree."""
        listed = pupils(50001, 50002, 50003, 50004)
        listed["students"][3]["studentGroup"]["id"] = 5012
        names = on(50001, 50002, 50003, 50004)
        roster = [{**s, "id": n} for s, n in zip(names, (50001, 50003, 50002, 7), strict=True)]
        made, batch = group(pages={"40021:61001": changed(PAGE, students=roster)}, known=directory(listed))
        assert made.links["40021:61001"].known == {
            "50001": "50001",
            "50003": "50002",
            "50002": "50003",
            "7": "50004",
        }
        assert records(batch, "people") == {}

    def test_namesakes_are_not_linked_by_name(self) -> None:
        roster = [{**s, "id": n} for n, s in enumerate([*on(50001, 50002), *on(50002)], 1)]
        made, _ = group(pages={"40021:61001": changed(PAGE, students=roster)}, known=directory(pupils(50001, 50002)))
        assert made.links["40021:61001"].known == {"1": "50001", "2": "40021:2", "3": "40021:3"}

    def test_a_new_name_does_not_make_a_new_person(self) -> None:
        roster = on(50001, 50002)
        roster[1]["lastName"] = "Девичьева"
        _, batch = group(pages={"40021:61001": changed(PAGE, students=roster)}, known=directory(pupils(50001, 50002)))
        assert records(batch, "people") == {}
        assert [(d.where, d.name) for d in batch.drift] == [("RosterStudent", "name")]

    def test_a_pupil_whose_list_item_has_no_id_is_not_made_from_the_roster(self) -> None:
        students = pupils(50001, 50002)
        students["students"][1]["id"] = None
        known = directory(students)
        _, batch = group(pages={"40021:61001": changed(PAGE, students=on(50001, 50002, 50003))}, known=known)
        assert set(records(batch, "people")) == {"50003"}
        assert not known.students_whole

    def test_an_employee_with_a_pupils_id(self) -> None:
        employees = [*json.loads(EMPLOYEES), {"id": 50102, "lastName": "Стендова", "firstName": "Нина"}]
        known = directory(employees=employees)
        assert set(records(mapper.students([answer(STUDENTS)], known), "people")) == {"50101", "student:50102"}
        made, batch = group(known=known)
        assert set(records(batch, "enrolments")) == {"50101:5011", "student:50102:5011"}
        links = made.links["40021:61001"]
        assert "770001:student:50102" in records(page(links=links, directory=known), "attendance")

    def test_a_teacher_who_cannot_be_told_stands_in_raw(self) -> None:
        _, batch = group(pages={"40021:61001": changed(PAGE, teacher="Шаблонова В.М., Забытова К.К.")})
        course = records(batch, "courses")["40021:61001"]
        assert course["teachers"] == ["7001"]
        assert course["raw"] == {"teachers": "Шаблонова В.М., Забытова К.К."}
        assert [(d.kind, d.name) for d in batch.drift] == [("unresolved_reference", "teachers")]

    def test_the_teacher_is_told_whether_or_not_the_letter_has_its_dots(self) -> None:
        known = directory(employees=[{"id": 7009, "lastName": "Ёлкина", "firstName": "Алёна"}])
        assert known.teacher("Елкина А.") == "7009"

    def test_a_subject_of_the_plan_by_its_name(self) -> None:
        subjects = [{"id": 9, "name": "МАТЕМАТИКА", "type": "Regular"}, {"id": 4, "name": "Математика", "type": "Mdk"}]
        _, batch = group(known=directory(subjects=subjects))
        assert records(batch, "courses")["40021:61001"]["subject"] == "4"
        assert records(batch, "subjects") == {}


class TestLists:
    def test_gradebooks_of_other_years_are_no_periods_of_this_one(self) -> None:
        before = {**json.loads(ENTRIES)[0], "id": 40011, "startDate": "2023-09-01T00:00:00", "endDate": "2023-12-28T00:00:00"}  # fmt: skip
        after = {**json.loads(ENTRIES)[0], "id": 40031, "startDate": "2025-01-13T00:00:00", "endDate": "2025-06-28T00:00:00"}  # fmt: skip
        batch = Batch()
        found = gradebooks(answer([after, *json.loads(ENTRIES), before]), "5011", WHOLE, batch)
        assert [b.id for b in found] == ["40011", "40021", "40031"]
        assert {k: p["number"] for k, p in records(batch, "periods").items()} == {"40021": 1, "40031": 2}
        assert [b.lies_in(WHOLE, 2) for b in found] == [False, True, True]
        late = Window(YEAR, date(2025, 2, 1), YEAR.end)
        assert [b.lies_in(late, 2) for b in found] == [False, False, True]
        left_out = Found(unread=found[:1])
        assert not left_out.left_out_in(YEAR)
        left_out.unread.append(found[1])
        assert left_out.left_out_in(YEAR)

    def test_a_term_that_begins_in_august(self) -> None:
        entries = [{**json.loads(ENTRIES)[0], "startDate": "2024-08-28T00:00:00"}]
        batch = Batch()
        (book,) = gradebooks(answer(entries), "5011", WHOLE, batch)
        assert book.lies_in(WHOLE, 2)
        assert records(batch, "periods")["40021"]["academic_year"] == "2024/2025"

    def test_a_gradebook_without_dates_is_of_the_groups_own_course(self) -> None:
        entry = {k: v for k, v in json.loads(ENTRIES)[0].items() if not k.endswith("Date")}
        (book,) = gradebooks(answer([entry]), "5011", WHOLE, Batch())
        assert book.lies_in(WHOLE, 2)
        assert not book.lies_in(WHOLE, 3)

    def test_calendars_are_years_of_the_groups_on_their_course(self) -> None:
        items = [
            {"id": 3, "name": "2 курс", "yearNumber": 2, "termType": "Semester", "startDate": "2024-09-02T00:00:00.0000000", "endDate": "2025-06-28T00:00:00.0000000"},
            {"id": 4, "name": "3 курс", "yearNumber": 3, "startDate": "2024-09-02T00:00:00.0000000"},
            {"id": 5, "name": "2 курс", "yearNumber": 2, "startDate": "2023-09-01T00:00:00.0000000"},
        ]  # fmt: skip
        batch = mapper.calendars(answer(items), YEAR, YEAR, directory())
        assert records(batch, "periods") == {
            "calendar:3": {"academic_year": "2024/2025", "kind": "year", "number": 1, "name": "2 курс", "start": "2024-09-02", "end": "2025-06-28", "groups": ["5011"]}
        }  # fmt: skip

    def test_the_course_of_a_group_is_told_by_either_list(self) -> None:
        broken = json.loads(GROUPS)
        broken[0]["yearNumber"] = "second"
        known = Directory.of(students=None, staff=None, subjects=None, groups=(answer(broken), answer(JOURNALS)))
        assert known.levels == {"5011": 2}

    def test_groups_that_only_the_list_of_journals_names(self) -> None:
        journals = [*json.loads(JOURNALS), {"id": 5012, "name": "ИС-22", "yearNumber": 1}]
        made = records(mapper.groups(answer(GROUPS), answer(journals), None, None, YEAR), "groups")
        assert made["5011"]["curator"] == "7001"
        assert made["5012"] == {"academic_year": "2024/2025", "name": "ИС-22", "kind": "study_group", "level": 1}
        broken = [{"id": 5011, "name": 5}]
        batch = mapper.groups(answer(broken), answer(JOURNALS), None, None, YEAR)
        assert records(batch, "groups") == {}, "a broken group is not made up for from another list"
        assert [(r.entity, r.key) for r in batch.rejects] == [("groups", "5011")]

    def test_an_unknown_sex_and_an_impossible_birthday(self) -> None:
        students = json.loads(STUDENTS)
        students["students"][0].update(gender="Unknown", birthday="2006-02-31T00:00:00.0000000")
        made = [r for _, some in mapper.students([answer(students)], directory()).blocks for r in some]
        assert made[0].raw == {"sex": "Unknown"}  # type: ignore[attr-defined]
        with pytest.raises(ValueError, match="birth_date: not a date"):
            clean(made[0], SAMARA)


class TestSheets:
    def of(self, made: Structure, known: Directory | None = None) -> SheetOf:
        return SheetOf("5011", "40021", tuple(made.courses), frozenset(made.people), known or directory(), FIVE)

    def test_a_pupils_own_course_of_several(self) -> None:
        entries = taught((1, "Математика"), (2, "Ин.яз/1"), (3, "Ин.яз/2"), (4, "Математика"))
        rosters = {"1": on(50001, 50002, 50003), "2": on(50001), "3": on(50002), "4": on(50003)}
        known = directory(pupils(50001, 50002, 50003))
        made, _ = group(entries, {f"40021:{k}": {"students": r} for k, r in rosters.items()}, known)
        cells = {str(n): {"value": "Four"} for n in (50001, 50002, 50003)}
        sheet = {"subjects": [{"id": 8, "name": "Ин.яз", "marks": cells}, {"id": 4, "name": "Математика", "marks": cells}]}  # fmt: skip
        batch = read_sheet(answer(sheet), self.of(made, known))
        marks = {k: m["course"] for k, m in records(batch, "period_marks").items()}
        assert marks == {
            "50001:Ин.яз:40021:period": "40021:2",
            "50002:Ин.яз:40021:period": "40021:3",
            "50003:Ин.яз:40021:period": "40021:8",
            "50001:Математика:40021:period": "40021:1",
            "50002:Математика:40021:period": "40021:1",
            "50003:Математика:40021:period": "40021:4",
        }

    def test_debts_other_forms_and_people_of_the_sheet_alone(self) -> None:
        sheet = json.loads(SHEET)
        sheet["students"].append({"id": 50888, "lastName": "Стендов"})
        sheet["subjects"][2]["marks"] = {"50101": {"isRequired": True}, "50888": {"isRequired": True, "value": "None"}}
        sheet["subjects"][2]["examinationType"] = "Other"
        batch = read_sheet(answer(sheet), self.of(group()[0]))
        assert records(batch, "people") == {"50888": {"role": "student", "family_name": "Стендов"}}
        debts = {k: m for k, m in records(batch, "period_marks").items() if m["meaning"] == "debt"}
        assert set(debts) == {"50101:История:40021:period", "50888:История:40021:period"}
        assert records(batch, "attestations")["50101:История:40021:Other"]["raw"] == {"kind": "Other"}

    def test_a_mark_beats_a_debt_of_another_column(self) -> None:
        column = json.loads(SHEET)["subjects"][0]
        debt = {**column, "marks": {"50101": {"isRequired": True}}}
        for columns in ([column, debt], [debt, column]):
            batch = read_sheet(answer({"subjects": columns}), self.of(group()[0]))
            assert [m["value"] for m in records(batch, "period_marks").values()] == ["5"]

    def test_broken_cells_and_columns(self) -> None:
        sheet = json.loads(SHEET)
        sheet["subjects"][0]["marks"]["50101"] = {"value": ["Five"]}
        sheet["subjects"][1] = {"id": 604, "marks": {}}
        batch = read_sheet(answer(sheet), self.of(group()[0]))
        assert [(r.entity, r.key) for r in batch.rejects] == [
            ("period_marks", "50101:Математика:40021:period"),
            ("period_marks", None),
        ]
        assert "attestations" not in {s.entity for s in batch.scopes}

    def test_of_which_term_it_speaks(self) -> None:
        (book,) = gradebooks(answer(ENTRIES), "5011", WHOLE, Batch())
        assert speaks_of(answer(SHEET), book)
        assert speaks_of(answer({"subjects": []}), book)
        assert speaks_of(answer(""), book)
        assert not speaks_of(answer({**json.loads(SHEET), "termNumber": 2}), book)
        assert not speaks_of(answer({**json.loads(SHEET), "year": 2023}), book)
        assert read_sheet(answer(""), self.of(group()[0])).scopes == []


# -- single exchanges --------------------------------------------------------------------------------------------------


def client() -> Client:
    known = manifest("asurso")
    config = SourceConfig.model_validate(
        {"key": "portal", "connector": "asurso", "base_url": BASE, "auth": {"kind": "password", "login": "u", "password": {"env": "ASURSO_UNIT"}}}
    )  # fmt: skip

    def open_session(manner: Any) -> Session:
        return Session(Network(BASE, patience=QUICK), manner, patience=QUICK, sign_in_paths=known.product("spo").sign_in_paths)  # fmt: skip

    return Client(
        Context(
            source="a/portal",
            config=config,
            manifest=known,
            institution=Institution("a", "А", "college", SAMARA),
            scale=FIVE,
            open_session=open_session,
            clock=lambda: datetime(2024, 11, 20, 12, tzinfo=UTC),
        )
    )


def ask(what: str, *given: Any) -> Any:
    async def go() -> Any:
        made = client()
        try:
            return await getattr(made, what)(*given)
        finally:
            await made.close()

    return asyncio.run(go())


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The portal's sign-in and sign-out, mocked; the test adds what it asks for."""
    monkeypatch.setenv("ASURSO_UNIT", "abc")
    with mocks(base_url=BASE) as router:
        router.get("/services/security/esia-settings").mock(httpx.Response(404))
        body = {"tenantName": "spo_50", "tenants": {"spo_50": {}}}
        router.post("/services/security/login", name="login").mock(httpx.Response(200, json=body))
        router.delete("/services/security/logout", name="logout").mock(httpx.Response(200))
        yield router


class TestOnTheWire:
    def test_the_password_travels_hashed(self, wire: Any) -> None:
        wire.get("/services/people/employees/all").mock(httpx.Response(200, json=[]))
        ask("employees")
        sent = json.loads(wire["login"].calls[0].request.content)
        assert sent == {"login": "u", "password": "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=", "isRemember": False}
        assert wire["logout"].call_count == 1

    def test_pages_of_students(self, wire: Any) -> None:
        route = wire.get("/services/people/students")
        first, second = pupils(*range(1, 201)), pupils(*range(201, 251))
        first["studentsCount"] = second["studentsCount"] = 250
        route.mock(side_effect=[httpx.Response(200, json=first), httpx.Response(200, json=second)])
        assert len(ask("students")) == 2
        query = route.calls[1].request.url.query.decode()
        assert query == "isActive=true&isEsia=false&orderBy=%2BfullName&pageIndex=1&pageSize=200"

    @pytest.mark.parametrize(
        ("sizes", "count", "pages"),
        [((100, 100, 50), 250, 3), ((200, 3), None, 2), ((200, 0), None, 2), ((5, 0), 9, 2)],
    )
    def test_pages_until_all_have_come(self, wire: Any, sizes: tuple[int, ...], count: int | None, pages: int) -> None:
        answers = [{**pupils(*range(1, n + 1)), "studentsCount": count} for n in sizes]
        wire.get("/services/people/students").mock(side_effect=[httpx.Response(200, json=a) for a in answers])
        assert len(ask("students")) == pages

    def test_an_empty_answer_is_asked_for_again_unless_it_says_so(self, wire: Any) -> None:
        path = "/services/journal/gradebook/5011/entries"
        route = wire.get(path).mock(side_effect=[httpx.Response(200), httpx.Response(200, json=[1])])
        assert ask("entries", "5011").json() == [1]
        route.mock(side_effect=[httpx.Response(204)])
        assert ask("entries", "5011").json() is None
        route.mock(side_effect=[httpx.Response(200)] * 3)
        assert ask("entries", "5011").json() is None

    def test_a_refusal_with_the_status_of_success(self, wire: Any) -> None:
        refusal = httpx.Response(200, json={"responseStatus": {"message": "Ошибка"}})
        wire.get("/services/people/employees/all").mock(side_effect=[refusal, httpx.Response(200, json=[])])
        assert ask("employees").json() == []

    def test_subjects_from_the_other_address(self, wire: Any) -> None:
        wire.get("/services/plan/subjects/flatten").mock(httpx.Response(404))
        wire.get("/services/plan/subjects/plan").mock(httpx.Response(200, json=[]))
        assert ask("subjects").origin.request == "GET /services/plan/subjects/plan"
