"""A client that others wrote for Dnevnik.ru, run against our stand-in: it has never seen our connector.

It proves the part of the contract that it reads. It is installed into an environment of its own (its pins conflict with
ours), so this needs the package index: run by `make test-clients`.
"""

from __future__ import annotations

import json
import subprocess
import venv
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.dnevnik.standin import make
from connectors.partner_api.standin import objects
from connectors.standins.region import Institution, make_institution
from connectors.standins.server import StandIn, serving

pytestmark = pytest.mark.clients

NOVEMBER = datetime(2026, 11, 20, 18, tzinfo=ZoneInfo("Europe/Moscow"))
CLIENT = "pydnevnikruapi==0.1.1"
NEEDS = ("aiohttp", "requests")
"""What it imports; what it pins beside these is not installed."""

PROGRAM = """
import asyncio, datetime, inspect, json, sys

base, token, known = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
days = {"start_time": datetime.datetime(2026, 9, 1), "end_time": datetime.datetime(2026, 9, 28)}
elsewhere = {"get_token", "get_marks_values", "get_person_schedule"}  # these call absolute addresses


def calls(api):
    for name, method in inspect.getmembers(api, inspect.ismethod):
        if name.startswith("get_") and name not in elsewhere:
            wanted = inspect.signature(method).parameters
            yield name, method, {p: days.get(p, known.get(p)) for p in wanted}


def judged(value):
    wrong = isinstance(value, dict) and {"type", "description"} <= value.keys()
    return {"error": value["type"]} if wrong else {"value": value}


def plain():
    from pydnevnikruapi.dnevnik import dnevnik

    api = dnevnik.DiaryAPI(token=token)
    api.host = base + "/v2/"
    told = {}
    for name, method, arguments in calls(api):
        try:
            told[name] = judged(method(**arguments))
        except Exception as error:
            told[name] = {"error": f"{type(error).__name__}: {error}"}
    return told


async def async_():
    from pydnevnikruapi.aiodnevnik import dnevnik

    api = dnevnik.AsyncDiaryAPI(token=token)
    api.host = base + "/v2/"
    told = {}
    for name, method, arguments in calls(api):
        try:
            value = await method(**{n: text(v) for n, v in arguments.items()})
            told[name] = judged(await value if inspect.isawaitable(value) else value)  # some forget to wait
        except Exception as error:
            told[name] = {"error": f"{type(error).__name__}: {error}"}
    await api.close_session()
    return told


def text(value):
    return str(value) if isinstance(value, datetime.datetime) else value  # aiohttp takes no date in a query


print(json.dumps({"plain": plain(), "async": asyncio.run(async_())}))
"""

_FAMILY = "family and social calls: staff accounts do not use them, and an import does not read them"
_PUPIL = "calls for one pupil's diary and tasks: an import reads whole classes"
_WRONG = "the client's own spelling: the portal has no such path"
_FORM = "the client sends a form or an object; the portal documents a bare array of identifiers"

EXPECTED = {
    "get_children": _FAMILY,
    "get_children_relatives": _FAMILY,
    "get_classmates": _FAMILY,
    "get_feed": _FAMILY,
    "get_friends": _FAMILY,
    "get_person_children": _FAMILY,
    "get_relatives": _FAMILY,
    "get_user_children": _FAMILY,
    "get_user_friends": _FAMILY,
    "get_user_groups": _FAMILY,
    "get_user_relatives": _FAMILY,
    "get_homework_by_id": _PUPIL,
    "get_lesson_task": _PUPIL,
    "get_lessons_task": _PUPIL,
    "get_marks_histogram": "histograms of marks: an import reads the marks themselves",
    "get_subject_marks_histogram": "histograms of marks: an import reads the marks themselves",
    "get_person_average_marks": _PUPIL,
    "get_person_average_marks_by_subject": _PUPIL,
    "get_person_homework": _PUPIL,
    "get_person_tasks": _PUPIL,
    "get_recent_person_marks": _PUPIL,
    "get_school_homework": _PUPIL,
    "get_task_info": _PUPIL,
    "get_school_params": "the school's passport: an import does not read it",
    "get_all_schools": _WRONG,
    "get_best_schools": _WRONG,
    "get_final_group_marks": "marks by criteria are not used in Russia",
    "get_final_group_marks_by_subject": "marks by criteria are not used in Russia",
    "get_students_groups_list": "the client asks by GET; the portal documents this as POST",
    "get_many_lessons_info": _FORM,
    "get_marks_by_lessons": _FORM,
}
"""Calls that the stand-in must refuse, each with its reason. Any other refusal, or a missing one, is a failure."""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that holds the client and nothing of ours."""
    place = tmp_path_factory.mktemp("client")
    venv.create(place, with_pip=True)
    interpreter = place / "bin" / "python"
    for what in (("--no-deps", CLIENT), NEEDS):
        done = subprocess.run(
            [interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.fail(
                f"{CLIENT} could not be installed, so NOTHING was proved:\n{done.stderr[-2000:]}", pytrace=False
            )
    return interpreter


@pytest.fixture(scope="module")
def standin() -> StandIn:
    return make(make_institution("kruk", "school", students=24, now=NOVEMBER))


@pytest.fixture(scope="module")
def told(python: Path, standin: StandIn) -> dict[str, dict[str, Any]]:
    """What the client got, by its kind and method."""
    with serving(standin.app) as base:
        given = [base, standin.auth["token"]["token"], json.dumps(arguments(standin))]
        done = subprocess.run([python, "-c", PROGRAM, *given], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    told: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return told


def arguments(standin: StandIn) -> dict[str, Any]:
    """One thing of each kind that the calls name."""
    place = standin.institution
    lesson = next(
        x
        for x in place.lessons.values()
        if not x.cancelled and place.absences_of(x.id) and any(place.marks_of(w.id) for w in place.works_of(x.id))
    )
    pupil = place.absences_of(lesson.id)[0].student
    work = next(w for w in place.works_of(lesson.id) if place.marks_of(w.id))
    mark = place.marks_of(work.id)[0]
    group = objects.GROUP + group_of(place).id
    return {
        "organization_id": int(standin.remote_id),
        "school_id": int(standin.remote_id),
        "schools_ids": [int(standin.remote_id)],
        "user_id": objects.USER + pupil,
        "person_id": objects.PERSON + pupil,
        "person": objects.PERSON + pupil,
        "edu_group_id": group,
        "group_id": group,
        "edu_groups_list": [group],
        "subject_id": objects.SUBJECT + place.courses[lesson.course].subject,
        "homework_id": objects.HOMEWORK + 2 * lesson.id,
        "lesson_id": objects.LESSON + lesson.id,
        "lessons_ids": [objects.LESSON + lesson.id],
        "lessons_list": [objects.LESSON + lesson.id],
        "work_id": objects.WORK + work.id,
        "mark_id": objects.MARK + mark.id,
        "period": objects.PERIOD + 1,
        "period_id": objects.PERIOD + 1,
        "date": "2026-09-28 00:00:00",
        "marks_type": "Mark5",
        "task_id": 1,
        "teacher_id": objects.PERSON + 1,
    }


def group_of(place: Institution) -> Any:
    return place.classes()[0]


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_it_is_refused_only_where_it_must_be(told: dict[str, dict[str, Any]], kind: str) -> None:
    refused = {name: answer["error"] for name, answer in told[kind].items() if "error" in answer}
    assert {n: e for n, e in refused.items() if n not in EXPECTED} == {}
    assert sorted(EXPECTED.keys() - refused.keys()) == [], "these are answered now: take them off the list"
    assert len(told[kind]) - len(refused) > 45


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_what_it_reads_is_what_the_region_holds(told: dict[str, dict[str, Any]], standin: StandIn, kind: str) -> None:
    place = standin.institution
    got = {name: answer["value"] for name, answer in told[kind].items() if "value" in answer}
    group = group_of(place)
    family = {group.id, *(g.id for g in place.groups.values() if g.parent == group.id)}
    courses = [c.id for c in place.courses.values() if c.group in family or place.groups[c.group].kind == "metagroup"]
    lessons = [x for x in place.lessons_of(courses, date(2026, 9, 1), date(2026, 9, 28)) if not x.cancelled]
    assert {x["id"] for x in got["get_group_lessons_info"]} == {objects.LESSON + x.id for x in lessons}
    texts = {objects.MARK + m.id: m.text for x in lessons for w in place.works_of(x.id) for m in place.marks_of(w.id)}
    marks = {m["id"]: m["textValue"] for m in got["get_group_marks_period"] if m["lesson"]}
    assert marks.items() <= texts.items()
    assert len(marks) > 50
    assert len(got["get_groups_pupils"]) == len(group.on(NOVEMBER.date()))
    assert len(got["get_school_teachers"]) == sum(not p.dismissed for p in place.staff)
    assert {s["name"] for s in got["get_school_subjects"]} == {s.name for s in place.subjects.values()}
    assert [g["name"] for g in got["get_school_groups"]] == [g.name for g in place.groups.values()]
    assert len(got["get_group_marks"]) > 10
