"""The school module's connector against its stand-in: what an import gives, and how it behaves on the way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest

from canonical.cleaning import decode
from canonical.coverage import Axis
from canonical.entities import Lesson, entity_of
from canonical.years import AcademicYear
from connectors.archive import NoArchive
from connectors.asurso.school.standin import make
from connectors.asurso.school.standin_answers import Answers
from connectors.asurso.school.standin_portal import LOGIN, PASSWORD, Portal, hashed
from connectors.conformance.bench import keep_classes, keep_days
from connectors.conformance.harness import Collected, differences, make_context, read_all, secrets_in_place
from connectors.contract import Window
from connectors.errors import ConnectorError, SignInNeededError, SourceConfigError
from connectors.registry import connect, manifest
from connectors.standins.region import make_institution
from connectors.standins.server import Door, Faults, StandIn, serving
from tests.sites import Installation

SAMARA = ZoneInfo("Europe/Samara")
SEPTEMBER = datetime(2026, 9, 4, 18, tzinfo=SAMARA)
NOVEMBER = datetime(2026, 11, 6, 18, tzinfo=SAMARA)


def school(now: datetime = SEPTEMBER, students: int = 14, classes: int = 2, **options: Any) -> StandIn:
    """A school of which the last five weeks and the next one are there: a year has more that is alike."""
    place = make_institution("samara", "school", students=students, now=now, zone=SAMARA)
    keep_classes(place, classes)
    keep_days(place, now.date() - timedelta(days=35), now.date() + timedelta(days=7))
    return make(place, **options)


def portal(standin: StandIn) -> Portal:
    state: Portal = standin.app.state.portal
    return state


def read(
    standin: StandIn, faults: Faults | None = None, window: Window | None = None, **more: Any
) -> tuple[Collected, Door]:
    door = Door(standin.app, faults)
    with serving(door) as base:
        return asyncio.run(read_all(make_context(standin, base, product="school", **more), window)), door


WEEK = Window(AcademicYear(2026), date(2026, 9, 1), date(2026, 9, 6), explicit=True)
"""All days on which something has happened by SEPTEMBER: enough for most tests, at a fifth of the requests."""


def differing(standin: StandIn, got: Collected, window: Window | None = None) -> list[str]:
    """How an import differs from the truth; of an explicit window, from the truth with the lessons of its days."""
    until = window.until.isoformat() if window else "9999"
    truth = (r for r in standin.truth() if not isinstance(r, Lesson) or r.date <= until)
    return differences(truth, got.records, SAMARA)


class Kept(NoArchive):
    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def put(self, body: bytes) -> str:
        self.bodies.append(body)
        return super().put(body)


@dataclass
class Plain:
    """An import on an ordinary day, for the tests that only look at it."""

    standin: StandIn
    got: Collected
    door: Door
    kept: Kept


@pytest.fixture(scope="module")
def plain() -> Plain:
    standin, kept = school(NOVEMBER), Kept()
    return Plain(standin, *read(standin, archive=kept), kept)


class TestWhatAnImportGives:
    def test_the_whole_year(self, plain: Plain) -> None:
        standin, got = plain.standin, plain.got
        assert differing(standin, got) == []
        assert not got.rejects
        assert not got.failed
        assert not got.drift
        said = manifest("asurso").product("school").capabilities
        assert {e for e, records in got.records.items() if records} == set(said)
        for entity, records in got.records.items():
            filled = {f for r in records.values() for f in r.__struct_fields__ if getattr(r, f) is not None}
            assert filled - {"key", "raw"} <= set(said[entity]), entity

    def test_it_is_what_the_region_holds(self, plain: Plain) -> None:
        """Answers and truth have one view of the region; this holds both against the region itself."""
        view, got = portal(plain.standin).view, plain.got
        here = {p.id for p in view.pupils()}
        place = view.place
        marks = [m for m in place.marks.values() if m.student in here]
        debts = [m for m in got.records["marks"].values() if getattr(m, "meaning", None) == "debt"]
        assert len(got.records["marks"]) - len(debts) == len(marks) > 300
        assert debts
        assert len(got.records["attendance"]) == len([a for a in place.absences.values() if a.student in here]) > 30
        assert {r.value for r in got.records["marks"].values()} >= {"5", "4", "5-", "•"}  # type: ignore[attr-defined]
        assert all(m.recorded_at for m in got.records["marks"].values() if m not in debts)  # type: ignore[attr-defined]
        kinds = {g.kind for g in got.records["groups"].values()}  # type: ignore[attr-defined]
        assert kinds == {"class", "subgroup", "metagroup"}

    @pytest.mark.parametrize(
        "mode",
        [
            {"no_assignments": "null", "version": "5.30.0.0"},
            {"no_assignments": "empty", "version": "5.20.0.0", "old_form": True},
            {"roles": True, "search_by_name": True},
            {"whole_marks": True, "fail_reports": 3},
        ],
        ids=lambda mode: ",".join(map(str, mode.values())),
    )
    def test_in_every_mode_of_the_portal(self, mode: dict[str, Any]) -> None:
        standin = school(**mode)
        got, _ = read(standin, window=WEEK)
        assert differing(standin, got, WEEK) == []
        assert not got.failed
        assert portal(standin).sessions == {}

    def test_a_school_by_its_id(self) -> None:
        standin = school()
        standin.remote_id = str(portal(standin).answers.school_id())
        got, door = read(standin, window=WEEK)
        assert differing(standin, got, WEEK) == []
        assert "/webapi/schools/search" not in door.visits.paths

    def test_an_edit_changes_the_units_that_it_touches(self) -> None:
        standin = school()
        first, _ = read(standin)
        standin.institution.edit()
        third, _ = read(standin)
        changed = {name for name, digest in third.digests.items() if digest != first.digests[name]}
        assert changed
        assert {n.split("/")[0] for n in changed} <= {"journal", "covered", "finals"}
        assert {n for n in changed if n.startswith("journal/")} < {n for n in third.digests if n.startswith("journal/")}
        assert differing(standin, third) == []

    def test_weights_stay_unknown_where_cards_may_not_be_seen(self) -> None:
        standin = school(denied=("/webapi/student/diary/assigns",))
        got, _ = read(standin, window=WEEK)
        assert {w.weight for w in got.records["works"].values()} == {None}  # type: ignore[attr-defined]
        assert all(".weight:" in line for line in differing(standin, got, WEEK))

    def test_without_the_timetable_pupils_tell_the_courses(self) -> None:
        standin = school(denied=("/webapi/schedule/classmeetings", "/webapi/subjects"))
        got, _ = read(standin, window=WEEK)
        lines = [
            x for x in differing(standin, got, WEEK) if x.split()[0] in {"lessons", "works", "marks", "attendance"}
        ]
        assert lines
        assert all(".teacher:" in line for line in lines)

    def test_without_reports_marks_and_lessons_are_there(self) -> None:
        standin = school(denied=("/webapi/reports",))
        got, _ = read(standin, window=WEEK)
        assert set(got.failed) == {"reports/studenttotal", "reports/studentgrades", "reports/studenttotalmarks"}
        lines = [x for x in differing(standin, got, WEEK) if x.split()[0] not in {"attendance", "period_marks"}]
        assert lines
        assert all(".recorded_at:" in x or ".status: 'planned' should be 'held'" in x for x in lines)


class TestOneFamily:
    def test_a_pupils_own_account_gives_their_own_rows(self) -> None:
        standin = school(NOVEMBER)
        got, _ = read(standin, secrets=standin.student)
        assert list(got.failed) == ["classes", "subjects"]
        pupil = str(portal(standin).view.person(portal(standin).student().id, student=True))
        wanted = [
            r for r in standin.truth() if entity_of(r) in {"marks", "attendance"} and getattr(r, "student", "") == pupil
        ]
        assert wanted
        assert differences(wanted, {e: got.records[e] for e in ("marks", "attendance")}, SAMARA) == []
        scopes = [s for _, b in got.batches for s in b.scopes]
        assert {s.selector_key for s in scopes if s.entity in {"marks", "attendance", "period_marks"}} == {pupil}
        assert {s.entity for s in scopes} <= {"marks", "attendance", "period_marks", "periods"}


class TestExplicitDates:
    def test_nothing_outside_the_dates_is_asked_for_or_taken(self) -> None:
        standin = school(NOVEMBER)
        since, until = date(2026, 10, 5), date(2026, 10, 9)
        asked: list[str] = []
        real = standin.app

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["path"] == "/webapi/student/diary":
                asked.append(scope["query_string"].decode())
            await real(scope, receive, send)

        standin.app = app
        got, door = read(standin, window=Window(AcademicYear(2026), since, until, explicit=True))
        assert asked
        assert all("weekStart=2026-10-05&weekEnd=2026-10-09" in q for q in asked)
        assert not [p for p in door.visits.paths if "totalmarks/queue" in p]
        dates = {k: x.date for k, x in got.records["lessons"].items()}  # type: ignore[attr-defined]
        lessons = {x.key for x in standin.truth() if hasattr(x, "starts_at") and "2026-10-05" <= x.date <= "2026-10-09"}
        assert set(dates) == lessons
        inside = [x for x in differing(standin, got) if x.startswith(("lessons", "works", "marks", "attendance"))]
        assert all("missing" in line for line in inside)
        for _, batch in got.batches:
            for scope in batch.scopes:
                if scope.entity in {"lessons", "works", "marks", "attendance"}:
                    assert (scope.axis, scope.start, scope.end) == (Axis.LESSON_DATE, "2026-10-05", "2026-10-09")
                else:
                    assert scope.entity in {"enrolments", "periods"}


class TestManners:
    def test_it_only_reads_and_signs_out(self, plain: Plain) -> None:
        posts = {p for p in plain.door.visits.paths if p.endswith(("/queue", "/search", "login", "logout", "getdata"))}
        assert posts == {
            "/webapi/auth/getdata",
            "/webapi/login",
            "/webapi/schools/search",
            "/webapi/terms/search",
            "/webapi/reports/studenttotal/queue",
            "/webapi/reports/studentgrades/queue",
            "/webapi/reports/studenttotalmarks/queue",
            "/webapi/auth/logout",
        }
        assert set(plain.door.visits.methods) == {"GET", "POST"}
        assert plain.door.visits.paths[-1] == "/webapi/auth/logout"
        state = portal(plain.standin)
        assert (state.sessions, state.sign_ins, state.warnings) == ({}, 1, 0)

    def test_a_session_that_ends_midway_in_a_page_is_renewed(self) -> None:
        standin = school(pages=True)
        got, _ = read_with(standin, {60: portal(standin).expire, 300: portal(standin).expire})
        assert not got.failed
        assert differing(standin, got) == []
        assert portal(standin).sign_ins == 3
        assert portal(standin).sessions == {}

    def test_the_security_warning_is_answered(self) -> None:
        standin = school()
        state = portal(standin)

        def warn() -> None:
            for session in state.sessions.values():
                session.warned = True

        got, _ = read_with(standin, {60: warn, 200: warn})
        assert differing(standin, got) == []
        assert (state.sign_ins, state.warnings) == (1, 2)

    def test_a_forgotten_session_of_somebody_else_warns_at_the_door(self) -> None:
        standin = school()
        state = portal(standin)
        window = Window(AcademicYear(2026), date(2026, 9, 7), date(2026, 9, 8), explicit=True)

        async def both(base: str) -> None:
            first = connect(make_context(standin, base, product="school"))
            await first.check()
            await read_all(make_context(standin, base.replace("127.0.0.1", "localhost"), product="school"), window)
            await first.close()

        with serving(standin.app) as base, secrets_in_place():
            asyncio.run(both(base))
        assert (state.sign_ins, state.warnings, state.sessions) == (2, 1, {})

    def test_what_is_kept_holds_no_secret(self, plain: Plain) -> None:
        kept = b"".join(plain.kept.bodies)
        assert b"classmeetingId" in kept
        assert b"report-title" in kept
        for secret in (PASSWORD.encode(), b"stand-access", b"stand-refresh", b"salt"):
            assert secret not in kept

    def test_no_request_names_the_token(self, plain: Plain) -> None:
        origins = [o.request for _, b in plain.got.batches for o, _ in b.blocks if o]
        assert origins
        assert not [o for o in origins if "at=" in o or "pw" in o]


def read_with(standin: StandIn, at: dict[int, Callable[[], None]]) -> tuple[Collected, Door]:
    """Reads while something happens at certain requests."""
    real, counted = standin.app, [0]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            counted[0] += 1
            at.get(counted[0], lambda: None)()
        await real(scope, receive, send)

    door = Door(app)
    with serving(door) as base:
        return asyncio.run(read_all(make_context(standin, base, product="school"))), door


class TestTheAccount:
    @pytest.mark.parametrize(
        ("change", "error", "says"),
        [
            ({"password": "a wrong one"}, SignInNeededError, "refuses the login or the password"),
            ({"login": "nobody"}, SignInNeededError, "refuses the login or the password"),
            ({"password": "日本"}, SourceConfigError, "windows-1251"),
        ],
    )
    def test_a_wrong_password_is_tried_once(
        self, change: dict[str, str], error: type[ConnectorError], says: str
    ) -> None:
        standin = school()
        secrets = {"login": LOGIN, "password": PASSWORD, **change}
        with pytest.raises(error, match=says) as caught:
            read(standin, secrets=secrets)
        assert secrets["password"] not in str(caught.value)
        assert portal(standin).wrong <= 1

    def test_a_lock_is_told_from_a_wrong_password(self) -> None:
        standin = school()
        portal(standin).locked = True
        with pytest.raises(SignInNeededError, match="locked the account"):
            read(standin)

    @pytest.mark.parametrize(
        ("mode", "remote_id", "says"),
        [({"esia_only": True}, "own", "Госуслуги"), ({}, "Гимназия № 0", "knows no school")],
    )
    def test_a_source_that_cannot_work_is_for_it_staff(self, mode: dict[str, Any], remote_id: str, says: str) -> None:
        standin = school(**mode)
        standin.remote_id = standin.remote_id if remote_id == "own" else remote_id
        with pytest.raises(SourceConfigError, match=says):
            read(standin)

    def test_check_and_discover(self) -> None:
        standin = school()
        lines = {line.what: line for line in asyncio.run(ask(standin, "check"))}
        assert all(line.ok for line in lines.values()), lines
        assert {"portal", "sign-in", "institution", "classes", "diaries", "report studenttotal"} <= set(lines)
        (found,) = asyncio.run(ask(standin, "discover"))
        assert (found.id, found.name) == (standin.remote_id, standin.institution.short)
        denied = school(denied=("/webapi/classes",))
        lines = {line.what: line for line in asyncio.run(ask(denied, "check"))}
        assert lines["classes"].ok is False
        assert portal(denied).sessions == {}


async def ask(standin: StandIn, what: str) -> Any:
    with serving(standin.app) as base, secrets_in_place():
        connector = connect(make_context(standin, base, product="school"))
        try:
            return await getattr(connector, what)()
        finally:
            await connector.close()


@contextmanager
def corrupted(method: str, change: Callable[[Any], None]) -> Iterator[None]:
    """While this lasts, what the stand-in answers by one method is changed."""
    real = getattr(Answers, method)

    def answer(self: Answers, *given: Any) -> Any:
        said = real(self, *given)
        change(said)
        return said

    with mock.patch.object(Answers, method, answer):
        yield


def lesson_of(diary: Any) -> Any:
    """The lesson that is spoilt, in every diary in which it stands."""
    return next((x for d in diary["weekDays"] for x in d["lessons"] if x["classmeetingId"] == SPOILT), None)


def spoilt() -> int:
    view = portal(school()).view
    lessons = sorted({view.place.works[m.work].lesson for m in view.place.marks.values()})
    return view.meeting(next(view.place.lessons[n] for n in lessons if view.place.lessons[n].homework))


SPOILT = spoilt()


def spoil_lesson(diary: Any) -> None:
    for x in [lesson_of(diary)]:
        if x:
            x["room"] = 12


def spoil_subject_of_lesson(diary: Any) -> None:
    if x := lesson_of(diary):
        x["subjectName"] = {"x": 1}


def spoil_date_of_lesson(diary: Any) -> None:
    if x := lesson_of(diary):
        x["day"] = "2026-02-31T00:00:00"


def spoil_work(diary: Any) -> None:
    x = lesson_of(diary)
    for a in (x or {}).get("assignments") or ():
        if a["typeId"] != 3:
            a["assignmentName"] = 5
            return


def spoil_mark(diary: Any) -> None:
    x = lesson_of(diary)
    for a in (x or {}).get("assignments") or ():
        if "mark" in a:
            a["mark"]["mark"] = {"unexpected": 1}


class TestGarbage:
    @pytest.mark.parametrize(
        ("method", "change", "entities"),
        [
            ("classes", lambda a: a[0].update(name=17), {"groups"}),
            ("classes", lambda a: a[0]["chiefs"].append("garbage"), {"people"}),
            ("pupils", lambda a: a[0].update(fullName=["x"]), {"people"}),
            ("subjects", lambda a: a[0].update(shortName=5), {"subjects"}),
            ("subjects", lambda a: a[0].update(name=None), {"subjects"}),
            ("subject_groups", lambda a: a[0].update(name=None), {"courses"}),
            ("subject_groups", lambda a: a[0].update(teachers="x"), {"courses"}),
            ("terms", lambda a: a[0].update(startDate=5), {"periods"}),
            ("diary", spoil_lesson, {"lessons"}),
            ("diary", spoil_subject_of_lesson, {"lessons"}),
            ("diary", spoil_work, {"works"}),
            ("diary", spoil_mark, {"marks"}),
        ],
        ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", ""),
    )
    def test_is_set_aside_alone(self, method: str, change: Callable[[Any], None], entities: set[str]) -> None:
        standin = school(classes=1)
        with corrupted(method, change):
            got, _ = read(standin, window=WEEK)
        rejected = [(r.entity, r.key) for r in got.rejects]
        assert {e for e, _ in rejected} == entities
        assert len(rejected) == len(set(rejected))
        assert not got.failed
        missing = {(line.split()[0], line.split()[1].rstrip(":")) for line in differing(standin, got, WEEK)}
        assert missing == {one for one in rejected if one[1]}

    def test_what_has_no_key_covers_nothing(self) -> None:
        standin = school()

        def change(diary: Any) -> None:
            if x := lesson_of(diary):
                del x["classmeetingId"]

        with corrupted("diary", change):
            got, _ = read(standin)
        assert {(r.entity, r.key) for r in got.rejects} == {("lessons", None)}
        scopes = {(s.entity, s.start) for _, b in got.batches for s in b.scopes if s.axis is Axis.LESSON_DATE}
        assert not [e for e, start in scopes if start == "2026-09-01" and e in {"lessons", "works", "marks"}]

    def test_a_diary_that_is_none_leaves_one_pupil_out(self) -> None:
        standin = school()
        first = portal(standin).view.pupils()[0]

        def answer(self: Answers, student: int, *days: Any, real: Any = Answers.diary) -> Any:
            return [] if student == first.id else real(self, student, *days)

        with mock.patch.object(Answers, "diary", answer):
            got, _ = read(standin, window=WEEK)
        key = str(portal(standin).view.person(first.id, student=True))
        assert {n.split("/")[1] for n in got.failed} == {key}
        lines = [x for x in differing(standin, got, WEEK) if "missing" in x]
        assert {x.split()[0] for x in lines} <= {"marks", "attendance"}
        assert all(key in x.split()[1] for x in lines)
        scopes = [s for _, b in got.batches for s in b.scopes if s.entity == "marks"]
        assert key not in {s.selector_key for s in scopes}


SECRET = {"ASURSO_PASSWORD": PASSWORD}


def installation(standin: StandIn, base: str, folder: Path) -> Installation:
    made = Installation(folder, now=standin.institution.now.isoformat())
    made.institution("samara", kind="school", timezone="Europe/Samara")
    login = {"kind": "password", "login": LOGIN, "password": {"env": "ASURSO_PASSWORD"}}
    more = {"base_url": base, "remote_id": standin.remote_id, "requests_per_second": 1000, "concurrency": 4}
    return made.source("portal", "asurso", product="school", auth=login, **more)


def in_store(standin: StandIn, place: Installation) -> list[str]:
    got = {name: {r["key"]: decode(name, json.dumps(r)) for r in some} for name, some in place.export().items()}
    return differences(standin.truth(), got, SAMARA)


class TestInTheStore:
    """The same through the command line: what is exported is the truth, whatever happened in between."""

    def test_edits_removals_garbage_and_its_end(self, tmp_path: Path) -> None:
        standin = school(classes=1)
        with serving(standin.app) as base:
            place = installation(standin, base, tmp_path)
            first = place.json("import", env=SECRET)["sources"][0]
            assert in_store(standin, place) == []
            again = place.json("import", env=SECRET)["sources"][0]["entities"]
            assert all(e["unchanged"] == e["received"] for e in again.values())
            assert {n: e["received"] for n, e in again.items()} == {
                n: e["received"] for n, e in first["entities"].items() if n in again
            }

            replayed = place.json("replay", env=SECRET)["sources"][0]
            assert replayed["status"] == "ok", replayed
            assert {n: e["unchanged"] for n, e in replayed["entities"].items()} == {
                n: e["received"] for n, e in again.items()
            }

            take_away(standin)
            place.run("import", env=SECRET, status=None)
            assert in_store(standin, place) == []

            with corrupted("pupils", lambda a: a[0].update(fullName=["x"])), corrupted("diary", spoil_date_of_lesson):
                place.run("import", env=SECRET, status=3)
            assert in_store(standin, place) == [], "what is set aside stands as it was, and nothing is found gone"
            listed = place.json("quarantine", "list")["quarantine"]
            assert {(q["entity"], q["kind"]) for q in listed} == {("lessons", "malformed"), ("people", "malformed")}
            place.run("import", env=SECRET)
            assert place.json("quarantine", "list")["quarantine"] == []
            assert in_store(standin, place) == []

    def test_what_points_at_garbage_waits_for_it(self, tmp_path: Path) -> None:
        standin = school(classes=1)
        with serving(standin.app) as base:
            place = installation(standin, base, tmp_path)
            with corrupted("diary", spoil_date_of_lesson):
                place.run("import", env=SECRET, status=3)
            listed = place.json("quarantine", "list")["quarantine"]
            (lesson,) = {q["key"] for q in listed if q["kind"] == "malformed"}
            waiting = {(q["entity"], q["key"]) for q in listed if q["kind"] == "waiting"}
            hanging = {(entity_of(r), r.key) for r in standin.truth() if getattr(r, "lesson", None) == lesson}
            works = {key for entity, key in hanging if entity == "works"}
            hanging |= {("marks", r.key) for r in standin.truth() if getattr(r, "work", None) in works}
            assert waiting == hanging
            assert {e for e, _ in waiting} >= {"works", "marks"}
            place.run("import", env=SECRET)
            assert in_store(standin, place) == []


def take_away(standin: StandIn) -> None:
    """Teachers edit; marks, absences and a lesson vanish without a trace."""
    place = standin.institution
    place.edit()
    lesson = next(x for x in sorted(place.lessons.values(), key=lambda x: x.id, reverse=True) if x.recorded_at)
    for work in place.works_of(lesson.id):
        for mark in place.marks_of(work.id):
            del place.marks[mark.id]
        del place.works[work.id]
    for absence in place.absences_of(lesson.id):
        del place.absences[absence.id]
    lesson.cancelled = True
    for number in sorted(place.period_marks)[:2]:
        del place.period_marks[number]
    place.touched()


def test_a_password_is_hashed_as_the_portal_does() -> None:
    from connectors.asurso.school.signin import hashed as ours

    short, whole = ours("Пароль1", "12345")
    assert whole == hashed("Пароль1", "12345")
    assert short == whole[:7]
