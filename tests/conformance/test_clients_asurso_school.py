"""The stand-in of the school module against clients that others wrote: netschoolapi (diary) and netschoolpy (reports).

Each is installed into an environment of its own (`make test-clients`). What it must reject of the portal's own words stands
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

from connectors.asurso.school.standin import make
from connectors.asurso.school.standin_portal import Portal
from connectors.asurso.school.standin_view import Place
from connectors.standins.region import Lesson, make_institution
from connectors.standins.server import StandIn, serving

pytestmark = pytest.mark.clients

SAMARA = ZoneInfo("Europe/Samara")
NOW = datetime(2026, 11, 20, 18, tzinfo=SAMARA)
SINCE, UNTIL = NOW.date() - timedelta(days=60), NOW.date() + timedelta(days=7)

EXPECTED: dict[str, dict[str, str]] = {
    "missing": {},
    "empty": {},
    "null": {"diary": "its model of a lesson wants a list of assignments, or none at all; newer servers write null"},
}
"""Calls of netschoolapi that are rejected, by how a lesson without assignments says so, with the reason."""

DIARY = """
import asyncio, datetime, json, sys
from netschoolapi import NetSchoolAPI

base, login, password, school, since, until = json.loads(sys.argv[1])
days = [datetime.date.fromisoformat(d) for d in (since, until)]


async def main():
    ns, said = NetSchoolAPI(base), {}

    async def call(name, ask):
        try:
            said[name] = {"value": await ask}
        except Exception as error:
            said[name] = {"error": f"{type(error).__name__}: {error}"}

    await call("login", ns.login(login, password, school))
    await call("diary", ns.diary(*days))
    await call("overdue", ns.overdue(*days))
    await call("announcements", ns.announcements())
    await call("school", ns.school())
    await call("logout", ns.full_logout())
    return said


print("RESULT" + json.dumps(asyncio.run(main()), default=lambda v: vars(v) if hasattr(v, "__dict__") else str(v)))
"""

REPORTS = """
import asyncio, json, sys
import netschoolpy.client as client
from netschoolpy import NetSchool

real = client.websockets.connect  # it insists on TLS, which a stand-in on this machine has not
client.websockets.connect = lambda address, ssl=None, **more: real(address, **more)

base, login, password, school, since, until = json.loads(sys.argv[1])


async def main():
    ns = NetSchool(base)
    await ns.login(login, password, school)
    said = {"total": await ns.total_marks(), "entered": [], "bells": await ns.bell_schedule()}
    for subject in await ns.subjects():
        said["entered"] += await ns.assigned_marks(subject=subject.name)
    await ns.close()
    return said


print("RESULT" + json.dumps(asyncio.run(main()), default=lambda v: vars(v) if hasattr(v, "__dict__") else str(v)))
"""


def environment(folder: Path, package: str) -> Path:
    """The interpreter of an environment that has a client; fails loudly where it cannot be installed."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    made = folder / "bin" / "python"
    install = [str(made), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", package, "setuptools<80"]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"{package} could not be installed, so the stand-in was not tried:\n{done.stderr[-2000:]}")
    return made


@pytest.fixture(scope="module")
def netschoolapi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment(tmp_path_factory.mktemp("netschoolapi"), "netschoolapi==11.0.5")


@pytest.fixture(scope="module")
def netschoolpy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment(tmp_path_factory.mktemp("netschoolpy"), "netschoolpy==9.6.3")


def standin(**mode: Any) -> StandIn:
    """Marks are whole numbers: netschoolapi knows no others."""
    place = make_institution("samara", "school", students=24, now=NOW, zone=SAMARA)
    return make(place, whole_marks=True, **mode)


def ask(python: Path, script: str, served: StandIn, base: str) -> Any:
    given = [base, served.student["login"], served.student["password"], served.remote_id, str(SINCE), str(UNTIL)]
    done = subprocess.run(
        [str(python), "-c", script, json.dumps(given)], capture_output=True, text=True, check=False, timeout=240
    )
    result = done.stdout.partition("RESULT")[2]
    assert result, done.stderr[-2000:]
    return json.loads(result)


@pytest.mark.parametrize("no_assignments", EXPECTED)
def test_netschoolapi_reads_what_a_pupil_sees(no_assignments: str, netschoolapi: Path) -> None:
    served = standin(no_assignments=no_assignments)
    portal: Portal = served.app.state.portal
    with serving(served.app) as base:
        said = ask(netschoolapi, DIARY, served, base)
    assert portal.sessions == {}
    assert {name for name, answer in said.items() if "error" in answer} == set(EXPECTED[no_assignments]), said
    assert said["school"]["value"]["name"] == served.institution.name
    if "diary" not in EXPECTED[no_assignments]:
        assert diary(said["diary"]["value"]) == region(portal)


def diary(said: Any) -> dict[str, Any]:
    """What the client has read of the diary, in numbers that can be held against the region."""
    lessons = [(day["day"], x) for day in said["schedule"] for x in day["lessons"]]
    assignments = [a for _, x in lessons for a in x["assignments"]]
    return {
        "lessons": sorted((on, x["number"], x["subject"]) for on, x in lessons),
        "marks": sorted(a["mark"] for a in assignments if a["mark"] is not None),
        "homework": sorted(a["content"] for a in assignments if a["type"] == "Домашнее задание"),
        "debts": sum(a["is_duty"] for a in assignments),
    }


def region(portal: Portal) -> dict[str, Any]:
    """The same of the region itself."""
    view, pupil = portal.view, portal.student().id
    lessons = view.lessons(pupil, SINCE, UNTIL)
    places = [p for x in lessons for p in view.places(x)]
    marks = [m for p in places if (m := view.mark(p, pupil))]
    courses = view.place.courses
    assert marks
    return {
        "lessons": sorted((x.date.isoformat(), x.number, view.course_title(courses[x.course])) for x in lessons),
        "marks": sorted(int(m.text[0]) for m in marks),
        "homework": sorted(x.homework for x in lessons if x.homework and x.recorded_at),
        "debts": sum(view.owes(p, pupil) for p in places),
    }


def test_netschoolpy_reads_reports_by_way_of_the_hub(netschoolpy: Path) -> None:
    served = standin()
    portal: Portal = served.app.state.portal
    with serving(served.app) as base:
        said = ask(netschoolpy, REPORTS, served, base)
    view, pupil = portal.view, portal.student().id
    totals = view.totals(pupil)
    terms = view.terms_of(view.class_of(pupil))
    wanted = {view.title(s): [totals.get((s.id, t.id, "period")) for t in terms] for s in view.learns(pupil)}
    subjects = [
        row for row in said["total"] if not row["subject"].isdigit()
    ]  # it takes the numbers of terms for a subject
    assert {row["subject"]: row["period_marks"] for row in subjects} == wanted
    assert any(any(cells) for cells in wanted.values())
    term = next(t for t in terms if t.end >= view.today)
    entered = [
        (x.date.isoformat(), m.at.date().isoformat(), str(view.shown(m)))
        for x, p in _places(portal, pupil, term.start, term.end)
        if (m := view.mark(p, pupil))
    ]
    assert entered
    assert sorted((r["lesson_date"], r["mark_set_date"], r["mark_text"]) for r in said["entered"]) == sorted(entered)
    assert portal.sessions == {}


def _places(portal: Portal, pupil: int, since: date, until: date) -> list[tuple[Lesson, Place]]:
    return [(x, p) for x in portal.view.lessons(pupil, since, until) for p in portal.view.places(x)]
