"""The stand-in of the SPO module against a client that others wrote: asurso-api, which reads a student's side.

It is installed into an environment of its own (`make test-clients`). What it must reject of the portal's own words stands
in an allow-list with the reason; anything else that it rejects is a fault of the stand-in.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.asurso.standin import Portal, make
from connectors.asurso.standin_answers import rating
from connectors.standins.region import make_institution
from connectors.standins.server import StandIn, serving

pytestmark = pytest.mark.clients

PACKAGE = "asurso-api==0.6.3"
SAMARA = ZoneInfo("Europe/Samara")
NOW = datetime(2026, 11, 20, 18, tzinfo=SAMARA)

CALLS = (
    "login",
    "get_lessons",
    "get_info",
    "get_dashboard",
    "get_attestation",
    "get_chats",
    "get_organization",
    "get_current_performance",
    "get_group_attestation",
    "logout",
)

MARKS = "its model of marks knows Two to Five; the portal also has Success and Fail (zachyot), and Excused"
ABSENCES = "its model of absences does not know IsAbsent, the only absence of older builds"

EXPECTED: dict[str, dict[str, str]] = {
    "ordinary": {"get_current_performance": MARKS},
    "remembered": {"get_current_performance": MARKS},
    "chunked": {"get_current_performance": MARKS},
    "flat_rooms": {"get_current_performance": MARKS},
    "old_absences": {"get_lessons": ABSENCES, "get_current_performance": ABSENCES},
}
"""Calls that are rejected in each mode of the portal, with the reason."""

SCRIPT = """
import asyncio, datetime, inspect, json, sys
import asurso_api.functions.lessons as lessons
from asurso_api import ASURSO, AsyncASURSO
from asurso_api.utils import MyAsyncClient, MyClient
from pydantic import BaseModel

lessons.range_to_dates = lambda a, b, o: (a, b)  # its own date helper fails from November to January
base, login, password, remember, since, until, calls = json.loads(sys.argv[1])
days = [datetime.date.fromisoformat(d) for d in (since, until)]
GIVEN = {"login": [remember], "get_lessons": days}


def plain(value):
    if isinstance(value, BaseModel):
        return json.loads(value.model_dump_json())
    return [plain(v) for v in value] if isinstance(value, list) else value


async def each(client):
    said = {}
    for call in calls:
        try:
            value = getattr(client, call)(*GIVEN.get(call, []))
            value = await value if inspect.isawaitable(value) else value
            said[call] = {"value": plain(value)}
        except Exception as error:
            said[call] = {"error": f"{type(error).__name__}: {error}"}
    return said


async def main():
    sync, other = ASURSO(login, password), AsyncASURSO(login, password)
    sync._client, other._client = MyClient(base_url=base), MyAsyncClient(base_url=base)
    return {"sync": await each(sync), "async": await each(other)}


print("RESULT" + json.dumps(asyncio.run(main())))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has the client; fails loudly where it cannot be installed."""
    folder = tmp_path_factory.mktemp("client")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    made = folder / "bin" / "python"
    install = [str(made), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", PACKAGE]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"{PACKAGE} could not be installed, so the stand-in was not tried:\n{done.stderr[-2000:]}")
    return made


def standin(mode: str) -> StandIn:
    options = {mode: True} if mode in {"chunked", "flat_rooms", "old_absences"} else {}
    return make(make_institution("samara", "college", students=24, now=NOW, zone=SAMARA), **options)


def ask(python: Path, served: StandIn, base: str, *, remember: bool) -> Any:
    login = (served.student["login"], served.student["password"])
    days = [(NOW.date() + timedelta(days=n)).isoformat() for n in (-60, 7)]
    given = json.dumps([base, *login, remember, *days, CALLS])
    done = subprocess.run([str(python), "-c", SCRIPT, given], capture_output=True, text=True, check=False, timeout=120)
    result = done.stdout.partition("RESULT")[2]
    assert result, done.stderr[-2000:]
    return json.loads(result)


@pytest.mark.parametrize("mode", EXPECTED)
def test_it_reads_what_a_student_sees(mode: str, python: Path) -> None:
    served = standin(mode)
    portal: Portal = served.app.state.portal
    with serving(served.app) as base:
        both = ask(python, served, base, remember=mode == "remembered")
    assert portal.sessions == {}
    for kind, said in both.items():
        rejected = {call: answer["error"] for call, answer in said.items() if "error" in answer}
        assert set(rejected) == set(EXPECTED[mode]), (kind, rejected)
        assert all("ValidationError" in error for error in rejected.values()), rejected
        assert said["login"]["value"]["tenant_name"] == served.remote_id
        assert said["logout"]["value"] is True
        assert said["get_info"]["value"]["default_language"] == "ru"
        assert said["get_organization"]["value"]["short_name"] == served.institution.short
        assert {s["name"] for s in said["get_dashboard"]["value"]["subjects"]} >= {"Математика", "Иностранный язык"}
        if mode != "old_absences":
            assert diary(said["get_lessons"]["value"]) == region(portal)


def diary(days: list[Any]) -> dict[str, Any]:
    """What the client has read of the diary, in numbers that can be held against the region."""
    lessons = [(day["date"], x) for day in days for x in day["lessons"] if x["name"]]
    recorded = [(day, x["gradebook"]) for day, x in lessons if x["gradebook"]]
    return {
        "lessons": len(lessons),
        "recorded": len(recorded),
        "topics": sorted(t for _, g in recorded for t in g["themes"]),
        "marks": sorted(t["mark"] for _, g in recorded for t in g["tasks"] if t["mark"]),
        "absences": sorted(day for day, g in recorded if g["absence_type"]),
        "homework": sorted(t["topic"] for _, g in recorded for t in g["tasks"] if t["type"] == "Home"),
    }


def region(portal: Portal) -> dict[str, Any]:
    """The same of the region itself."""
    place, pupil = portal.view.place, portal.student()
    groups = {g.id for g in place.groups.values() for m in g.members if m.person == pupil.id}
    courses = [c.id for c in place.courses.values() if c.group in groups]
    since, until = (NOW.date() + timedelta(days=n) for n in (-60, 7))
    lessons = [x for x in place.lessons_of(courses, since, until) if not x.cancelled]
    held = [x for x in lessons if x.recorded_at]
    marks = [m for x in held for w in place.works_of(x.id) for m in place.marks_of(w.id) if m.student == pupil.id]
    absences = [x.date for x in held for a in place.absences_of(x.id) if a.student == pupil.id]
    assert marks
    assert absences
    return {
        "lessons": len(lessons),
        "recorded": len(held),
        "topics": sorted(x.topic for x in held if x.topic),
        "marks": sorted(rating(m.text) for m in marks),
        "absences": sorted(date.isoformat(day) for day in absences),
        "homework": sorted(x.homework for x in held if x.homework),
    }


def test_a_wrong_password_is_refused_in_the_clients_own_words(python: Path) -> None:
    served = standin("ordinary")
    served.student["password"] = "another"
    with serving(served.app) as base:
        both = ask(python, served, base, remember=False)
    for said in both.values():
        assert said["login"]["error"] == "UnauthorizedError: Неверный логин или пароль"
