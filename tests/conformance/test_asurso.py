"""The АСУ РСО connector against its stand-in: what an import gives, and how it behaves on the way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from starlette.responses import HTMLResponse

from canonical.cleaning import decode
from canonical.coverage import Axis, Selector
from canonical.entities import entity_of
from canonical.years import AcademicYear
from connectors.archive import NoArchive
from connectors.asurso.standin import LOGIN, PASSWORD, Portal, hashed, make
from connectors.asurso.standin_answers import Answers
from connectors.asurso.standin_frame import PAGE
from connectors.conformance.bench import KeepingArchive, keep_days
from connectors.conformance.harness import (
    QUICK,
    Collected,
    differences,
    make_context,
    read_all,
    secrets_in_place,
)
from connectors.contract import Window
from connectors.errors import ConnectorError, SignInNeededError, SourceConfigError, UnavailableError
from connectors.registry import connect, manifest
from connectors.standins.region import make_institution
from connectors.standins.server import Door, Faults, StandIn, serving
from tests.sites import Installation

SAMARA = ZoneInfo("Europe/Samara")
NOVEMBER = datetime(2026, 11, 20, 18, tzinfo=SAMARA)
JANUARY = datetime(2027, 1, 20, 18, tzinfo=SAMARA)


def college(now: datetime = NOVEMBER, **options: Any) -> StandIn:
    """A college of which the last ten weeks and the next one are there: a year has more that is alike."""
    place = make_institution("samara", "college", students=24, now=now, zone=SAMARA)
    keep_days(place, now.date() - timedelta(days=70), now.date() + timedelta(days=7))
    return make(place, **options)


def portal(standin: StandIn) -> Portal:
    state: Portal = standin.app.state.portal
    return state


def read(
    standin: StandIn, faults: Faults | None = None, window: Window | None = None, **more: Any
) -> tuple[Collected, Door]:
    door = Door(standin.app, faults)
    with serving(door) as base:
        return asyncio.run(read_all(make_context(standin, base, **more), window)), door


def differing(standin: StandIn, got: Collected) -> list[str]:
    return differences(standin.truth(), got.records, SAMARA)


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
    standin, kept = college(), Kept()
    return Plain(standin, *read(standin, archive=kept), kept)


class TestWhatAnImportGives:
    def test_the_whole_year_in_its_second_term(self) -> None:
        standin = college(JANUARY)
        got, _ = read(standin)
        self.is_the_truth(standin, got)
        assert {str(r.value) for r in got.records["period_marks"].values()} >= {"5", "3", "зач", "•"}  # type: ignore[attr-defined]

    def is_the_truth(self, standin: StandIn, got: Collected) -> None:
        assert differing(standin, got) == []
        assert not got.rejects
        assert not got.failed
        assert not got.drift
        said = manifest("asurso").product("spo").capabilities
        assert {e for e, records in got.records.items() if records} == set(said)
        for entity, records in got.records.items():
            filled = {f for r in records.values() for f in r.__struct_fields__ if getattr(r, f) is not None}
            assert filled - {"key", "raw"} <= set(said[entity]), entity

    def test_all_marks_of_the_region_are_there(self, plain: Plain) -> None:
        """Answers and truth have one view of the region; this holds both against the region itself."""
        standin, got = plain.standin, plain.got
        marks = [m for m in got.records["marks"].values() if getattr(m, "meaning", None) != "debt"]
        assert len(marks) == len(standin.institution.marks) > 300
        assert any(getattr(m, "meaning", None) == "debt" for m in got.records["marks"].values())
        assert len(got.records["attendance"]) == len(standin.institution.absences) > 50

    def test_teachers_whom_a_page_does_not_tell(self) -> None:
        standin = college()
        people = standin.institution.people
        gone, twin, other = (people[n] for n in (1, 2, 3))
        gone.dismissed = True
        other.family, other.given, other.patronymic = twin.family, twin.given, twin.patronymic
        got, _ = read(standin)
        assert differing(standin, got) == []
        raws = {r.raw["teachers"] for r in got.records["courses"].values() if r.raw}  # type: ignore[attr-defined]
        assert raws == {gone.initials, twin.initials}
        assert [d.kind for d in got.drift] == ["unresolved_reference"]

    @pytest.mark.parametrize(
        "mode",
        [
            {"redirects": True},
            {"old_absences": True},
            {"chunked": True},
            {"empty_login": True, "other_tenants": ("spo_99",)},
            {"other_tenants": ("spo_7", "spo_8"), "pool": 1},
        ],
        ids=lambda mode: next(iter(mode)),
    )
    def test_in_every_mode_of_the_portal(self, mode: dict[str, Any]) -> None:
        standin = college(**mode)
        got, _ = read(standin)
        assert differing(standin, got) == []
        assert portal(standin).sign_ins == 1

    def test_history_adds_who_moved_when_and_by_which_order(self) -> None:
        standin, archive = college(), KeepingArchive()
        got, _ = read(standin, archive=archive, options={"history": True})
        assert not got.failed
        assert not got.rejects
        view = portal(standin).view
        shown = 0
        for group in view.groups():
            for member in group.members:
                record: Any = got.records["enrolments"][f"{50000 + member.person}:{view.group(group)}"]
                stays = {"transferred": "transferred", "expelled": "expelled", "academic_leave": "academic_leave"}
                assert record.status == stays.get(member.status, "enrolled")
                assert record.start == member.start.isoformat()
                assert (record.end is None) == (member.end is None)
                assert record.order_number.startswith(f"{member.person}-")
                shown += record.status != "enrolled"
        assert shown >= 3
        lines = [line.split()[0] for line in differing(standin, got)]
        assert set(lines) == {"enrolments"}
        assert not any(b"passport" in body or b"snils" in body for body in archive.bodies.values())
        answers = {o.request: o for _, b in got.batches for o, _ in b.blocks if o}
        again, _ = read(standin, archive=archive, find=answers.get, options={"history": True})
        assert again.records == got.records

    def test_without_cards_history_is_told_and_nothing_is_found_gone(self) -> None:
        standin = college()
        with mock.patch.object(Answers, "card", side_effect=PermissionError):
            got, door = read(standin, options={"history": True})
            lines = asyncio.run(ask(standin, "check", options={"history": True}))
        assert [name.partition("/")[0] for name in got.failed] == ["decrees"]
        assert sum("/people/students/" in p for p in door.visits.paths) == 1
        assert {s.entity for _, b in got.batches for s in b.scopes} & {"people", "enrolments"} == {"people"}
        assert [line.what for line in lines if line.ok is False] == ["decrees"]

    def test_an_edit_changes_the_units_that_it_touches(self, plain: Plain) -> None:
        first, standin = plain.got, college()
        standin.institution.edit()
        third, _ = read(standin)
        changed = {name for name, digest in third.digests.items() if digest != first.digests[name]}
        assert changed
        assert {n.split("/")[0] for n in changed} <= {"page", "group", "everything"}
        assert {n for n in changed if n.startswith("page/")} < {n for n in third.digests if n.startswith("page/")}
        assert differing(standin, third) == []


class TestExplicitDates:
    def test_nothing_outside_the_dates_is_asked_for_or_taken(self) -> None:
        standin = college(JANUARY)
        since, until = date(2026, 11, 30), date(2026, 12, 13)
        got, door = read(standin, window=Window(AcademicYear(2026), since, until, explicit=True))
        view = portal(standin).view
        second = {str(view.gradebook(g, view.terms()[1])) for g in view.groups()}
        assert not [p for p in door.visits.paths if any(f"/{book}/" in p for book in second)]
        assert not [p for p in door.visits.paths if "attestation" in p], "no sheet speaks as of these days"
        inside = [x for x in differing(standin, got) if x.startswith(("lessons", "works", "marks", "attendance"))]
        dates = {k: x.date for k, x in got.records["lessons"].items()}  # type: ignore[attr-defined]
        assert dates
        assert all(since.isoformat() <= day <= until.isoformat() for day in dates.values())
        assert all("missing" in line for line in inside)
        lessons = [x for x in standin.truth() if hasattr(x, "starts_at")]
        wanted = {x.key for x in lessons if since.isoformat() <= x.date <= until.isoformat()}
        assert set(dates) == wanted
        for _, batch in got.batches:
            for scope in batch.scopes:
                if scope.entity in {"lessons", "works", "marks", "attendance"}:
                    assert (scope.axis, scope.start, scope.end) == (Axis.LESSON_DATE, "2026-11-30", "2026-12-13")
                else:
                    assert scope.entity == "planned_topics"

    def test_a_year_that_is_over_is_read_when_it_is_asked_for(self) -> None:
        standin = college(JANUARY)
        truth = list(standin.truth())
        year, entries = AcademicYear(2026), Answers.entries
        groups = mock.patch.object(Answers, "groups", a_course_later(Answers.groups))
        over = mock.patch.object(Answers, "entries", lambda *a: [{**e, "isActive": False} for e in entries(*a)])
        with serving(standin.app) as base, groups, over:
            made = replace(make_context(standin, base), clock=lambda: datetime(2027, 10, 5, 12, tzinfo=SAMARA))
            got = asyncio.run(read_all(made, Window(year, year.start, year.end, explicit=True)))
        assert not got.failed
        lines = [
            x for x in differences(truth, got.records, SAMARA) if ".academic_year:" not in x and ".level:" not in x
        ]
        assert lines == []
        assert {s.entity for _, b in got.batches for s in b.scopes} <= {
            "lessons",
            "works",
            "marks",
            "attendance",
            "planned_topics",
            "period_marks",
            "attestations",
        }

    def test_a_look_back_reads_the_terms_that_it_touches_whole(self) -> None:
        standin = college(datetime(2027, 4, 1, 12, tzinfo=SAMARA))
        window = Window(AcademicYear(2026), date(2027, 2, 18), date(2027, 8, 31))
        got, door = read(standin, window=window)
        view = portal(standin).view
        first = {str(view.gradebook(g, view.terms()[0])) for g in view.groups()}
        assert not [p for p in door.visits.paths if any(f"/{book}/" in p for book in first)]
        scopes = [s for _, b in got.batches for s in b.scopes]
        assert "people" not in {s.entity for s in scopes}, "rosters of the first term were not read"
        days = {s.start for s in scopes if s.entity == "lessons" and s.axis is Axis.LESSON_DATE}
        assert days == {"2027-01-11"}


class TestManners:
    def test_it_only_reads_and_signs_out(self, plain: Plain) -> None:
        standin, door = plain.standin, plain.door
        assert dict(door.visits.methods) == {"GET": door.visits.methods["GET"], "POST": 1, "DELETE": 1}
        assert portal(standin).sessions == {}
        assert door.visits.paths[-1] == "/services/security/logout"
        assert not [p for p in door.visits.paths if "/students/" in p and "/people/students/" in p]
        assert "/services/people/organization" not in door.visits.paths

    @pytest.mark.parametrize("mode", [{"redirects": True}, {"chunked": True}], ids=str)
    def test_a_session_that_ends_midway_is_renewed_once(self, mode: dict[str, Any]) -> None:
        standin = college(pool=1, **mode)
        got, _ = read_with(standin, {20: portal(standin).expire})
        assert differing(standin, got) == []
        assert portal(standin).sign_ins == 2
        assert portal(standin).sessions == {}

    def test_a_refusal_that_does_not_end_the_session_takes_no_second_place(self) -> None:
        standin = college(pool=1)
        real, counted = standin.app, [0]

        async def app(scope: Any, receive: Any, send: Any) -> None:
            counted[0] += 1
            if counted[0] == 20:
                await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
                await send({"type": "http.response.body", "body": b""})
            else:
                await real(scope, receive, send)

        standin.app = app
        got, _ = read(standin)
        assert differing(standin, got) == []
        assert not got.failed

    def test_the_session_is_given_back_when_the_portal_fails(self) -> None:
        standin = college()
        state = portal(standin)
        real, counted = standin.app, [0]

        async def app(scope: Any, receive: Any, send: Any) -> None:
            counted[0] += 1
            away = counted[0] >= 20 and scope["method"] == "GET"
            await (HTMLResponse(PAGE, 503) if away else real)(scope, receive, send)

        standin.app = app
        with pytest.raises(UnavailableError):
            read(standin, patience=replace(QUICK, attempts=2))
        assert state.sign_ins == 1
        assert state.sessions == {}

    def test_one_page_that_fails_for_ever_is_left_out_alone(self) -> None:
        standin = college()
        whole, _ = read(standin)
        real = standin.app
        page = next(u.removeprefix("page/") for u, _ in whole.batches if u.startswith("page/"))

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["path"].endswith("/subjects/" + page.partition(":")[2]):
                await send({"type": "http.response.start", "status": 500, "headers": []})
                await send({"type": "http.response.body", "body": b""})
            else:
                await real(scope, receive, send)

        standin.app = app
        got, _ = read(standin, patience=replace(QUICK, attempts=2))
        assert set(got.failed) == {f"page/{page}"}
        lost = {key for key, lesson in whole.records["lessons"].items() if lesson.course == page}
        assert lost
        assert set(got.records["lessons"]) == set(whole.records["lessons"]) - lost

    def test_sources_with_one_account_wait_for_each_other(self) -> None:
        standin = college(pool=1)

        async def both(base: str) -> list[Collected]:
            contexts = [make_context(standin, base) for _ in range(2)]
            with secrets_in_place():
                return list(await asyncio.gather(*(read_all(context) for context in contexts)))

        with serving(standin.app) as base:
            several = asyncio.run(both(base))
        assert [differing(standin, got) for got in several] == [[], []]

    def test_what_is_kept_holds_no_secret_of_the_institution(self, plain: Plain) -> None:
        kept = b"".join(plain.kept.bodies)
        assert b"markSets" in kept
        assert b"communityToken" not in kept
        assert b"employeeRole" not in kept


def read_with(standin: StandIn, at: dict[int, Callable[[], None]], attempts: int = 7) -> tuple[Collected, Door]:
    """Reads while something happens at certain requests."""
    real, counted = standin.app, [0]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        counted[0] += 1
        at.get(counted[0], lambda: None)()
        await real(scope, receive, send)

    door = Door(app)
    with serving(door) as base:
        return asyncio.run(read_all(make_context(standin, base, patience=replace(QUICK, attempts=attempts)))), door


class TestTheAccount:
    @pytest.mark.parametrize(
        ("change", "error", "says"),
        [
            ({"password": "a wrong one"}, SignInNeededError, "refuses the login or the password"),
            ({"login": "nobody"}, SignInNeededError, "refuses the login or the password"),
        ],
    )
    def test_a_wrong_password_is_for_its_owner(
        self, change: dict[str, str], error: type[ConnectorError], says: str
    ) -> None:
        standin = college()
        secrets = {"login": LOGIN, "password": PASSWORD, **change}
        with pytest.raises(error, match=says) as caught:
            read(standin, secrets=secrets)
        assert secrets["password"] not in str(caught.value)
        assert hashed(secrets["password"]) not in str(caught.value)

    @pytest.mark.parametrize(
        ("mode", "remote_id", "says"),
        [
            ({"esia_only": True}, "own", "Госуслуги"),
            ({"other_tenants": ("spo_7",)}, "spo_1", "spo_7"),
            ({"other_tenants": ("spo_7",)}, None, "spo_7"),
        ],
    )
    def test_a_source_that_cannot_work_is_for_it_staff(
        self, mode: dict[str, Any], remote_id: str | None, says: str
    ) -> None:
        standin = college(**mode)
        if remote_id != "own":
            standin.remote_id = remote_id  # type: ignore[assignment]
        with pytest.raises(SourceConfigError, match=says):
            read(standin)
        assert portal(standin).sessions == {}

    @pytest.mark.parametrize("remote_id", [None, "SPO_{}"])
    def test_the_tenant_may_be_left_out_or_written_large(self, remote_id: str | None) -> None:
        standin = college()
        standin.remote_id = remote_id and remote_id.format(standin.institution.id)  # type: ignore[assignment]
        assert not [line for line in asyncio.run(ask(standin, "check")) if line.ok is False]

    def test_no_place_left_for_a_session_passes_when_one_ends(self) -> None:
        standin = college(pool=1)
        portal(standin).sign_in(None, remember=False)
        with pytest.raises(UnavailableError, match="one more session"):
            read_with(standin, {}, attempts=2)
        got, _ = read_with(standin, {6: portal(standin).expire})
        assert differing(standin, got) == []

    def test_check_says_what_the_account_may_read(self) -> None:
        standin = college(permissions=(200, 201, 507, 700))
        lines = {line.what: line for line in asyncio.run(ask(standin, "check"))}
        assert lines["portal"].ok
        assert "3.7.0.19" in lines["portal"].detail
        assert lines["institution"].detail == f"{standin.institution.short} ({standin.remote_id})"
        assert lines["permissions"].ok is False
        assert "202 ViewAttestation, 509 ViewEmployees" in lines["permissions"].detail
        assert "201" in lines["too many permissions"].detail
        assert {w for w, line in lines.items() if line.ok is False} == {"permissions", "employees"}
        assert lines["a journal"].ok
        assert portal(standin).sessions == {}

    def test_discover_lists_the_institutions(self) -> None:
        standin = college(other_tenants=("spo_7",))
        found = asyncio.run(ask(standin, "discover"))
        assert {one.id for one in found} == {f"spo_{standin.institution.id}", "spo_7"}
        assert {one.name for one in found} == {standin.institution.short}
        assert portal(standin).sessions == {}

    def test_without_the_right_to_sheets_the_rest_is_read(self) -> None:
        standin = college(permissions=(200, 507, 509))
        got, _ = read(standin)
        assert {e.code for e in got.failed.values()} == {"access_denied"}
        assert {n.split("/")[0] for n in got.failed} == {"sheet"}
        entities = {line.split()[0] for line in differing(standin, got)}
        assert entities <= {"period_marks", "attestations", "subjects", "courses"}
        assert "people" not in {s.entity for _, b in got.batches for s in b.scopes}

    def test_without_the_right_to_students_the_rosters_name_them(self) -> None:
        standin = college(permissions=(200, 202, 509, 700))
        got, _ = read(standin)
        assert list(got.failed) == ["students"]
        lines = differing(standin, got)
        assert {line.split()[0] for line in lines} <= {"people", "enrolments"}
        students = [p for p in got.records["people"].values() if getattr(p, "role", "") == "student"]
        assert students
        assert not any(getattr(p, "birth_date", None) for p in students)

    def test_without_the_list_of_journals_nothing_is_known_to_be_gone(self) -> None:
        got, _ = read(college(permissions=(202, 507, 509, 700)))
        assert set(got.failed) == {"groups/journals"}
        assert got.records["enrolments"]
        assert not [scope for _, batch in got.batches for scope in batch.scopes]


def a_course_later(groups: Callable[[Answers], Any]) -> Callable[[Answers], Any]:
    """The list of groups as it will be a year later."""
    return lambda answers: [{**g, "yearNumber": g["yearNumber"] + 1} for g in groups(answers)]


async def ask(standin: StandIn, what: str, **more: Any) -> Any:
    with serving(standin.app) as base, secrets_in_place():
        context = make_context(standin, base, **more)
        with secrets_in_place():
            connector = connect(context)
            try:
                return await getattr(connector, what)()
            finally:
                await connector.close()


@contextmanager
def corrupted(method: str, change: Callable[[Any], None]) -> Iterator[None]:
    """While this lasts, what the stand-in answers by one method is changed; pages of the first course only."""
    real = getattr(Answers, method)
    first: list[Any] = []

    def answer(self: Answers, *given: Any) -> Any:
        said = real(self, *given)
        if not first:
            first.append(given)
        if said is not None and given == first[0]:
            change(said)
        return said

    with mock.patch.object(Answers, method, answer):
        yield


def recorded(page: Any) -> Any:
    """A lesson of a page that has marks."""
    return next(x for x in page["lessons"] if any(s.get("marks") for s in x.get("markSets", {}).values()))


def spoil_page(page: Any) -> None:
    lessons = page["lessons"]
    lessons[0]["duration"] = "long"
    lesson = recorded(page)
    lesson["tasks"][0]["topic"] = 5
    student, cells = next((s, c) for s, c in lesson["markSets"].items() if c.get("marks"))
    task = next(iter(cells["marks"]))
    cells["marks"][task] = {"value": {"unexpected": 1}}
    late = next(x for x in reversed(lessons) if any(s.get("absenceType") for s in x.get("markSets", {}).values()))
    pupil = next(s for s, c in late["markSets"].items() if c.get("absenceType"))
    late["markSets"][pupil]["absenceType"] = 3
    page["workingProgram"]["topics"][0]["lessons"][0]["name"] = ["x"]
    page["students"][0]["lastName"] = {"x": 1}
    SPOILT.clear()
    SPOILT.update(
        {
            ("lessons", str(lessons[0]["scheduleLessonId"])),
            ("works", str(lesson["tasks"][0]["id"])),
            ("marks", f"{task}:{student}"),
            ("attendance", f"{late['scheduleLessonId']}:{pupil}"),
            ("planned_topics", str(page["workingProgram"]["topics"][0]["lessons"][0]["id"])),
            ("enrolments", f"{page['students'][0]['id']}:5001"),
        }
    )


SPOILT: set[tuple[str, str]] = set()


class TestGarbage:
    @pytest.mark.parametrize(
        ("method", "change", "aside"),
        [
            ("employees", lambda a: a[0].update(positionName=5), {("people", "7001")}),
            ("employees", lambda a: a.append("garbage"), {("people", None)}),
            ("students", lambda a: a["students"][0].update(firstName=["x"]), None),
            ("groups", lambda a: a[0].update(name=17), {("groups", "5001")}),
            ("subjects", lambda a: a[0].update(type={}), {("subjects", "601")}),
            ("calendars", lambda a: a.append({"id": 99, "startDate": 5}), {("periods", "99")}),
            ("entries", lambda a: a[0].update(termNumber="x"), {("periods", "40011")}),
            ("entries", lambda a: a[1]["scheduleSubjects"][0].update(name=None), {("courses", "40012:61012")}),
            ("page", spoil_page, SPOILT),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_is_set_aside_alone(self, method: str, change: Callable[[Any], None], aside: Any) -> None:
        standin = college()
        with corrupted(method, change):
            got, _ = read(standin)
        rejected = [(r.entity, r.key) for r in got.rejects]
        if aside is None:
            aside = {("people", r.key) for r in got.rejects}
            assert len(aside) == 1
        assert len(rejected) == len(set(rejected))
        assert set(rejected) == aside
        assert not got.failed
        missing = {(line.split()[0], line.split()[1].rstrip(":")) for line in differing(standin, got)}
        assert missing == {one for one in aside if one[1] not in {None, "99"}}

    def test_what_has_no_key_covers_nothing(self) -> None:
        standin = college()

        def change(page: Any) -> None:
            del recorded(page)["scheduleLessonId"]

        with corrupted("page", change):
            got, _ = read(standin)
        (reject,) = got.rejects
        assert (reject.entity, reject.key, reject.hides) == ("lessons", None, ("works", "marks", "attendance"))
        group = [s for n, b in got.batches if n.startswith("group/5001") for s in b.scopes]
        assert not [s for s in group if s.entity == "lessons" and s.start == "2026-09-01"]
        assert not [s for n, b in got.batches if n.startswith("everything") for s in b.scopes if s.entity == "people"]

    @pytest.mark.parametrize("method", ["entries", "subject_of_entries"])
    def test_a_gradebook_without_an_id_takes_nothing_away(self, method: str) -> None:
        standin = college()

        def change(entries: Any) -> None:
            del (entries[0] if method == "entries" else entries[0]["scheduleSubjects"][0])["id"]

        with corrupted("entries", change):
            got, _ = read(standin)
        assert len(got.rejects) == 1
        assert got.rejects[0].key is None
        held = {"courses", "lessons", "works", "marks", "attendance"}
        assert not [
            s for _, b in got.batches for s in b.scopes if s.selector is Selector.INSTITUTION and s.entity in held
        ]

    def test_a_column_of_the_sheet(self) -> None:
        standin = college(JANUARY)

        def change(sheet: Any) -> None:
            if sheet["termNumber"] == 1:
                sheet["subjects"][0]["marks"] = "many"

        with corrupted("sheet", change):
            got, _ = read(standin)
        assert {(r.entity, r.key, r.hides) for r in got.rejects} == {("period_marks", None, ("attestations",))}
        assert {line.split()[0] for line in differing(standin, got)} <= {"period_marks", "attestations"}


class TestInTheStore:
    """The same through the command line: what is exported is the truth, whatever happened in between."""

    def test_edits_removals_garbage_and_its_end(self, tmp_path: Path) -> None:
        standin = college()
        with serving(standin.app) as base:
            place = installation(standin, base, tmp_path)
            first = place.json("import", env=SECRET)["sources"][0]
            assert in_store(standin, place) == []
            again = place.json("import", env=SECRET)["sources"][0]["entities"]
            assert all(e["unchanged"] == e["received"] for e in again.values())
            assert {n: e["received"] for n, e in again.items()} == {
                n: e["received"] for n, e in first["entities"].items()
            }

            replayed = place.json("replay", env=SECRET)["sources"][0]
            assert replayed["status"] == "ok"
            assert {n: e["unchanged"] for n, e in replayed["entities"].items()} == {
                n: e["received"] for n, e in again.items()
            }

            take_away(standin)
            much = place.json("import", env=SECRET, status=3)
            assert much["sources"][0]["waiting_removals"] > 50
            place.run("import", "--accept-removals", str(much["run"]), env=SECRET)
            assert in_store(standin, place) == []

            with corrupted("students", impossible_birthday), corrupted("page", impossible_date):
                place.run("import", env=SECRET, status=3)
            assert in_store(standin, place) == [], "what is set aside stands as it was, and nothing is found gone"
            listed = place.json("quarantine", "list")["quarantine"]
            assert sorted((q["entity"], q["kind"]) for q in listed) == [
                ("lessons", "malformed"),
                ("people", "malformed"),
            ]
            healed = place.json("import", env=SECRET)["sources"][0]["entities"]
            assert healed["people"]["released"] == healed["lessons"]["released"] == 1
            assert place.json("quarantine", "list")["quarantine"] == []
            assert in_store(standin, place) == []

    def test_what_points_at_garbage_waits_for_it(self, tmp_path: Path) -> None:
        standin = college()
        with serving(standin.app) as base:
            place = installation(standin, base, tmp_path)
            with corrupted("students", impossible_birthday), corrupted("page", impossible_date):
                place.run("import", env=SECRET, status=3)
            listed = place.json("quarantine", "list")["quarantine"]
            broken = {q["entity"]: q["key"] for q in listed if q["kind"] == "malformed"}
            assert set(broken) == {"people", "lessons"}
            waiting = {(q["entity"], q["key"]) for q in listed if q["kind"] == "waiting"}
            pupil, lesson = broken["people"], broken["lessons"]
            hanging = {
                (entity_of(r), r.key)
                for r in standin.truth()
                if pupil in {getattr(r, "student", None), getattr(r, "person", None)}
                or getattr(r, "lesson", None) == lesson
            }
            works = {key for entity, key in hanging if entity == "works"}
            hanging |= {("marks", r.key) for r in standin.truth() if getattr(r, "work", None) in works}
            assert waiting == hanging
            assert {e for e, _ in waiting} >= {"enrolments", "marks", "works"}
            missing = {tuple(x.partition(": missing")[0].split(" ", 1)) for x in in_store(standin, place)}
            assert missing == waiting | set(broken.items())
            place.run("import", env=SECRET)
            assert in_store(standin, place) == []


SECRET = {"ASURSO_PASSWORD": PASSWORD}


def installation(standin: StandIn, base: str, folder: Path) -> Installation:
    made = Installation(folder, now="2026-11-20T18:00:00+04:00")
    made.institution("samara", kind="college", timezone="Europe/Samara")
    login = {"kind": "password", "login": LOGIN, "password": {"env": "ASURSO_PASSWORD"}}
    more = {"base_url": base, "remote_id": standin.remote_id, "requests_per_second": 1000, "concurrency": 4}
    return made.source("portal", "asurso", auth=login, **more)


def in_store(standin: StandIn, place: Installation) -> list[str]:
    got = {name: {r["key"]: decode(name, json.dumps(r)) for r in some} for name, some in place.export().items()}
    return differences(standin.truth(), got, SAMARA)


def take_away(standin: StandIn) -> None:
    """Teachers edit; a teacher leaves; a course, a subgroup's lessons and a pupil vanish without a trace."""
    place = standin.institution
    place.edit()
    place.people[6].dismissed = True
    gone = next(c for c in place.courses.values() if not portal(standin).view.is_part(c) and c.id > 3)
    for lesson in place.lessons_of([gone.id]):
        del place.lessons[lesson.id]
    del place.courses[gone.id]
    part = next(c for c in place.courses.values() if portal(standin).view.is_part(c))
    for lesson in place.lessons_of([part.id]):
        lesson.cancelled = lesson.id % 4 == 0
    pupil = place.groups[1].members[-2].person
    for group in place.groups.values():
        group.members = [m for m in group.members if m.person != pupil]
    del place.people[pupil]
    for table in (place.marks, place.absences, place.period_marks):
        for number in [n for n, row in table.items() if row.student == pupil]:
            del table[number]
    for number in [n for n, m in place.period_marks.items() if m.course == gone.id]:
        del place.period_marks[number]
    place.touched()


def impossible_birthday(page: Any) -> None:
    page["students"][0]["birthday"] = "2008-02-31T00:00:00.0000000"


def impossible_date(page: Any) -> None:
    recorded(page)["date"] = "2026-09-31T00:00:00.0000000"
