"""The Dnevnik.ru connector against its stand-in: what an import gives, and how it behaves on the way."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from canonical.cleaning import clean
from canonical.entities import ENTITIES, Record, entity_of
from canonical.store import Store
from canonical.tables import QUARANTINE
from canonical.years import AcademicYear
from connectors.archive import FolderArchive
from connectors.conformance.harness import (
    FIVE,
    QUICK,
    Collected,
    differences,
    make_context,
    read_all,
    secrets_in_place,
)
from connectors.contract import CheckLine, MemoryVault, RemoteInstitution, Window
from connectors.dnevnik.standin import make
from connectors.errors import AccessDeniedError, SignInNeededError, SourceConfigError
from connectors.partner_api.standin import objects
from connectors.partner_api.standin.tokens import TokenOffice
from connectors.registry import connect, manifest
from connectors.standins.region import Institution, make_institution
from connectors.standins.server import Door, Faults, StandIn, serving
from pipelines.importing import Request, import_sources, replay_sources
from pipelines.workplace import SourceJob, Workplace
from tests.weeks import every_other_week

MOSCOW = ZoneInfo("Europe/Moscow")
OMSK = ZoneInfo("Asia/Omsk")
NOVEMBER = datetime(2026, 11, 20, 18, tzinfo=MOSCOW)
JUNE = datetime(2027, 6, 10, 18, tzinfo=MOSCOW)
YEAR = AcademicYear(2026)


def school(now: datetime = NOVEMBER, *, kind: Any = "school", students: int = 24, **options: Any) -> StandIn:
    return make(
        every_other_week(make_institution("kruk", kind, students=students, now=now, zone=now.tzinfo)), **options
    )


def read(
    standin: StandIn, faults: Faults | None = None, window: Window | None = None, **more: Any
) -> tuple[Collected, Door]:
    door = Door(standin.app, faults)
    with serving(door) as base:
        return asyncio.run(read_all(make_context(standin, base, auth=more.pop("auth", "token"), **more), window)), door


def differing(standin: StandIn, got: Collected) -> list[str]:
    return differences(standin.truth(), got.records, standin.institution.zone)


Change = Callable[[Any], Any]


class Changed:
    """A stand-in some of whose answers are changed on their way: path (a regular expression, or with its query) ->
    change of the JSON, or a status that is answered in its place.
    """

    def __init__(self, app: Any, changes: dict[str, Change | int], *, verb: str = "GET") -> None:
        self.app = app
        self.changes = changes
        self.verb = verb
        self.changed: Counter[str] = Counter()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"].removeprefix("/v2/")
        found = next((n for n in self.changes if scope["method"] == self.verb and re.fullmatch(n, path)), None)
        if found is None:
            await self.app(scope, receive, send)
            return
        self.changed[found] += 1
        change = self.changes[found]
        started: dict[str, Any] = {}
        parts: list[bytes] = []

        async def keep(message: Any) -> None:
            if message["type"] == "http.response.start":
                started.update(message)
            else:
                parts.append(message.get("body", b""))

        await self.app(scope, receive, keep)
        if isinstance(change, int):
            started["status"] = change
            body = json.dumps({"type": _TYPES[change], "description": "as the test wants it"}).encode()
        else:
            body = json.dumps(change(json.loads(b"".join(parts)))).encode()
        headers = [(k, v) for k, v in started["headers"] if k.lower() != b"content-length"]
        started["headers"] = [*headers, (b"content-length", str(len(body)).encode())]
        await send(started)
        await send({"type": "http.response.body", "body": body})


_TYPES = {403: "systemForbidden", 404: "apiResourceUnavailable", 405: "methodNotSupported", 500: "serverError"}


def changed(standin: StandIn, changes: dict[str, Change | int], *, verb: str = "GET") -> Changed:
    made = Changed(standin.app, changes, verb=verb)
    standin.app = made
    return made


def _without_twins(body: Any) -> Any:
    if isinstance(body, dict):
        return {k: _without_twins(v) for k, v in body.items() if not k.endswith(("_str", "IdStr"))}
    return [_without_twins(v) for v in body] if isinstance(body, list) else body


def _twins_only(body: Any) -> Any:
    if isinstance(body, dict):
        return {
            k: float(v) if isinstance(v, int) and (f"{k}_str" in body or f"{k}Str" in body) else _twins_only(v)
            for k, v in body.items()
        }
    return [_twins_only(v) for v in body] if isinstance(body, list) else body


def _null_lists(body: Any) -> Any:
    if isinstance(body, dict):
        return {k: None if v == [] else _null_lists(v) for k, v in body.items()}
    return [_null_lists(v) for v in body] if isinstance(body, list) else body


@cache
def untroubled() -> Collected:
    """What the usual school gives when nothing goes wrong."""
    return read(school())[0]


AUTUMN = Window(YEAR, date(2026, 9, 1), date(2026, 9, 25), explicit=True)


@cache
def autumn() -> tuple[Collected, Door]:
    """What three weeks of it give, asked for by their dates."""
    return read(school(), window=AUTUMN)


def with_exams(standin: StandIn) -> StandIn:
    """Gives those who have a mark of the year in the first course an exam and a final mark as well."""
    place = standin.institution
    for one in [m for m in place.period_marks.values() if m.kind == "year" and m.course == 1]:
        for kind in ("exam", "final"):
            number = len(place.period_marks) + 1
            place.period_marks[number] = dataclasses.replace(one, id=number, kind=kind)
    return standin


class TestWhatAnImportGives:
    @pytest.mark.parametrize(
        "standin",
        [
            pytest.param(lambda: school(kind="college"), id="a college"),
            pytest.param(
                lambda: school(NOVEMBER.astimezone(OMSK), official_codes=True, errors_with_200=True, lists_year=True),
                id="far from Moscow, errors with 200, the year among the periods",
            ),
        ],
    )
    def test_the_whole_year(self, standin: Callable[[], StandIn]) -> None:
        made = standin()
        got, _ = read(made)
        assert differing(made, got) == []
        assert not got.rejects
        assert not got.failed
        assert {(d.where, d.name) for d in got.drift} <= {("Work", "control=IndependentWork")}
        said = manifest("dnevnik").product(None).capabilities
        assert {e for e, records in got.records.items() if records} <= set(said)
        for entity, records in got.records.items():
            filled = {f for r in records.values() for f in r.__struct_fields__ if getattr(r, f) is not None}
            assert filled - {"key", "raw"} <= set(said[entity]), entity

    def test_a_year_that_is_over(self) -> None:
        made = with_exams(school(JUNE))
        got, _ = read(made)
        assert differing(made, got) == []
        kinds = Counter(r.kind for r in got.records["period_marks"].values())
        assert set(kinds) == {"period", "year", "exam", "final"}
        for entity, fields in manifest("dnevnik").product(None).capabilities.items():
            for name in fields:
                assert any(getattr(r, name) is not None for r in got.records[entity].values()), f"{entity}.{name}"

    def test_the_truth_is_the_region(self) -> None:
        """The truth is made by other code than the answers; this holds it against the region itself."""
        made = school(JUNE)
        place = made.institution
        counts = Counter(entity_of(r) for r in made.truth())
        held = {x.id for x in place.lessons.values() if not x.cancelled}
        assert counts["lessons"] == len(held)
        assert counts["marks"] == sum(place.works[m.work].lesson in held for m in place.marks.values())
        assert counts["period_marks"] == len(place.period_marks)
        assert {m.kind for m in place.period_marks.values()} >= {"period", "year"}
        statuses = Counter(r.status for r in made.truth() if entity_of(r) == "attendance")
        assert statuses["present"]
        assert sum(statuses.values()) - statuses["present"] == sum(a.lesson in held for a in place.absences.values())


class TestDates:
    def test_units_are_named_after_the_grid_and_cut_ones_are_not_whole(self) -> None:
        got, _ = read(school(), window=Window(YEAR, date(2026, 10, 5), date(2026, 10, 30), explicit=True))
        cut = {name: batch for name, batch in got.batches if name.startswith("lessons ")}
        assert cut.keys() < untroubled().digests.keys()
        assert not any(b.whole for b in cut.values())
        days = {(s.start, s.end) for b in cut.values() for s in b.scopes}
        assert days == {("2026-10-05", "2026-10-26"), ("2026-10-27", "2026-10-30")}

    def test_dates_that_are_the_whole_year_leave_nothing_out(self) -> None:
        got, _ = read(school(), window=Window(YEAR, YEAR.start, YEAR.end, explicit=True))
        assert got.digests == untroubled().digests
        assert got.records == untroubled().records

    def test_a_look_back_keeps_the_units_of_the_first_import(self) -> None:
        later, _ = read(school(), window=Window(YEAR, date(2027, 5, 20), YEAR.end))
        first = untroubled().digests
        assert later.digests.items() <= first.items()
        left_out = {n for n in first if n.startswith("lessons ") and n[-10:] < "2027-05-11"}
        assert first.keys() - later.digests.keys() == left_out

    def test_a_year_of_which_the_portal_has_no_groups(self) -> None:
        past = AcademicYear(2025)
        got, door = read(school(), window=Window(past, past.start, past.end))
        assert not got.records.get("groups")
        assert not got.failed
        assert not any("/lessons/" in p for p in door.visits.paths)
        assert not [s for _, b in got.batches for s in b.scopes]


DATED = {"lessons", "works", "marks", "attendance"}


def _lesson_of(record: Any) -> str | None:
    return record.key if entity_of(record) == "lessons" else getattr(record, "lesson", None)


class TestVariants:
    """What the portal's facts leave open, or mark as seen in one place only."""

    @pytest.mark.parametrize(
        "changes",
        [
            pytest.param({"users/me/context": 403}, id="no context"),
            pytest.param(
                {"users/me/context": lambda c: {**c, "schoolIds": [str(i) for i in c["schoolIds"]]}}, id="text"
            ),
            pytest.param({"edu-groups/[0-9]+/timetables": 403}, id="bells of the school"),
            pytest.param({"edu-groups/[0-9]+/timetables": lambda t: [t]}, id="a list of bells"),
            pytest.param({"schools/[0-9]+/edu-groups": 403}, id="groups by their teachers"),
            pytest.param({"schools/[0-9]+/edu-groups": lambda _: []}, id="an empty list of groups"),
            pytest.param(
                {"schools/[0-9]+/edu-groups": lambda g: [x for x in g if x["type"] == "Group"]}, id="subgroups unlisted"
            ),
            pytest.param({".*": _without_twins}, id="no twins"),
            pytest.param({".*": _twins_only}, id="numbers that JavaScript has rounded"),
            pytest.param({".*": lambda body: None if body == [] else body}, id="null for an empty list"),
            pytest.param({".*": _null_lists}, id="null for every empty list"),
            pytest.param({".*": lambda body: body[::-1] if isinstance(body, list) else body}, id="turned round"),
        ],
    )
    def test_gives_the_same(self, changes: dict[str, Change | int]) -> None:
        made = school()
        counter = changed(made, changes)
        got, _ = read(made, window=AUTUMN)
        assert counter.changed
        assert got.records == autumn()[0].records
        assert not got.failed
        assert not got.rejects

    @pytest.mark.parametrize("status", [403, 405])
    def test_logins_one_by_one(self, status: int) -> None:
        made = school()
        counter = changed(made, {"users/many": status}, verb="POST")
        got, door = read(made, window=AUTUMN)
        assert counter.changed
        assert got.records == autumn()[0].records
        pupils = sum(r.role == "student" for r in got.records["people"].values())
        assert sum(bool(re.fullmatch(r"/v2/users/\d+", p)) for p in door.visits.paths) == pupils + 1  # who has left

    @pytest.mark.parametrize(
        ("changes", "unknown"),
        [
            ({"users/many": 403, r"users/\d+": 403}, {("people", "birth_date")}),
            ({"edu-groups/[0-9]+/classteacher": 404}, {("groups", "curator")}),
            ({"persons/[0-9]+/school-memberships": 403}, {("courses", "teachers")}),
            (
                {"persons/[0-9]+/school-memberships": 403, "schools/[0-9]+/edu-groups": 403},
                {("courses", "teachers")},
            ),
            ({"work-types/.*": 403}, {("works", "kind"), ("works", "weight")}),
            ({"(schools|edu-groups)/[0-9]+/timetables": 404}, {("lessons", "starts_at"), ("lessons", "ends_at")}),
            (
                {"edu-groups/[0-9]+/timetables": 404, "schools/[0-9]+/timetables": lambda t: [*t, *t]},
                {("lessons", "starts_at"), ("lessons", "ends_at")},
            ),
            ({"persons/10000010000[0-9]+": 404}, {("people", "the one who has left")}),
        ],
        ids=[
            "birth dates",
            "class teachers",
            "memberships",
            "memberships and groups",
            "kinds of work",
            "bells",
            "which bells",
            "a person",
        ],
    )
    def test_what_is_not_told_is_unknown_and_nothing_else_is_lost(
        self, changes: dict[str, Change | int], unknown: set[tuple[str, str]]
    ) -> None:
        made = school()
        changed(made, changes)
        changed(made, changes, verb="POST")
        got, _ = read(made, window=AUTUMN)
        assert not got.failed
        differ = set()
        for entity, records in autumn()[0].records.items():
            for key, record in records.items():
                found = got.records[entity].get(key)
                fields = [f for f in record.__struct_fields__ if found and getattr(record, f) != getattr(found, f)]
                differ.update((entity, f) for f in fields or (["the one who has left"] if not found else []))
        assert differ == unknown

    def test_groups_that_the_account_itself_is_said_to_have(self) -> None:
        """A class whose teachers are not known to teach it: nobody's memberships or groups name it."""
        made = school()
        name = objects.GROUP + made.institution.classes()[0].id
        others = {"persons/[0-9]+/school-memberships": 403, "schools/[0-9]+/edu-groups": 403}
        changed(made, {**others, "persons/[0-9]+/edu-groups": lambda g: [x for x in g if x["id"] != name]})
        got, _ = read(made, window=AUTUMN)
        assert got.records["groups"] == autumn()[0].records["groups"]
        assert got.records["lessons"] == autumn()[0].records["lessons"]

    def test_no_course_is_made_for_a_pupil_whom_no_list_has(self) -> None:
        made = school()
        place = made.institution
        part = next(g for g in place.groups.values() if g.kind == "subgroup")
        pupil = part.members[0].person
        key = objects.PERSON + pupil
        changed(made, {"edu-groups/[0-9]+/(students|persons)": lambda p: [x if x["id"] != key else None for x in p]})
        got, _ = read(made)
        assert {r.entity for r in got.rejects} == {"people"}
        assert got.records["courses"] == untroubled().records["courses"]
        assert str(key) in {r.student for r in got.records["period_marks"].values()}

    def test_a_broken_period_keeps_its_place_among_the_others(self) -> None:
        made = school()

        def spoil_first(periods: Any) -> Any:
            first = min(p["start"] for p in periods)
            return [p | {"start": "?"} if p["start"] == first else p for p in periods]

        changed(made, {"edu-groups/[0-9]+/reporting-periods": spoil_first})
        got, _ = read(made, window=AUTUMN)
        assert got.rejects
        numbers = {k: r.number for k, r in got.records["periods"].items()}
        assert 2 in numbers.values()
        assert numbers.items() < {k: r.number for k, r in autumn()[0].records["periods"].items()}.items()

    def test_homework_that_came_as_a_number_is_text(self) -> None:
        made = school()

        def numbered(lessons: Any) -> Any:
            for work in (w for x in lessons for w in x["works"] if w["type"] == "Homework"):
                work["text"] = 147
            return lessons

        changed(made, {"edu-groups/[0-9]+/lessons/.*": numbered})
        got, _ = read(made, window=AUTUMN)
        assert {r.homework for r in got.records["lessons"].values()} <= {None, "147", "147; 147"}
        assert any(r.homework for r in got.records["lessons"].values())

    def test_marks_of_the_year_that_stand_with_the_pupils_only(self) -> None:
        made = school(JUNE)
        counter = changed(
            made, {"edu-groups/[0-9]+/final-marks": lambda f: [x for x in f if x["reportingPeriod"] is not None]}
        )
        got, _ = read(made, window=AUTUMN)
        assert counter.changed
        wanted = {r.key: r for r in made.truth() if entity_of(r) == "period_marks"}
        assert any(r.kind == "year" for r in wanted.values())
        assert differences(wanted.values(), {"period_marks": got.records["period_marks"]}, MOSCOW) == []

    @pytest.mark.parametrize("what", ["teachers", "subjects"])
    def test_a_list_that_is_refused_loses_only_itself(self, what: str) -> None:
        made = school()
        changed(made, {f"schools/[0-9]+/{what}": 403})
        got, _ = read(made, window=AUTUMN)
        assert set(got.failed) == {what}
        for entity, records in autumn()[0].records.items():
            assert got.records[entity].keys() >= records.keys() - (
                {k for k, r in records.items() if getattr(r, "role", "") == "staff"}
                | ({k for k in records if entity == "subjects"} if what == "subjects" else set())
            )
        used = {r.subject for r in got.records["courses"].values()}
        assert used <= got.records["subjects"].keys()
        assert {r.teacher for r in got.records["lessons"].values()} <= got.records["people"].keys()

    def test_a_group_that_is_refused_loses_only_itself(self) -> None:
        made = school()
        place = made.institution
        hidden = place.classes()[0]
        key = str(objects.GROUP + hidden.id)
        changed(made, {f"edu-groups/{key}/(?!classteacher).*": 403})
        got, _ = read(made)
        assert got.failed
        assert all(isinstance(e, AccessDeniedError) and key in n for n, e in got.failed.items())
        family = {key, *(str(objects.GROUP + g.id) for g in place.groups.values() if g.parent == hidden.id)}
        courses = {r.key for r in made.truth() if entity_of(r) == "courses" and r.group in family}
        hers = {r.key for r in made.truth() if entity_of(r) == "lessons" and r.course in courses}
        assert untroubled().records["lessons"].keys() - got.records["lessons"].keys() == hers
        assert untroubled().records["groups"] == got.records["groups"]
        assert not [n for n in got.digests if n.startswith("whole")]


class TestManners:
    def test_marks_are_asked_for_only_where_there_are_lessons(self) -> None:
        _, door = read(school())
        asked = Counter(m[1] for p in door.visits.paths if (m := re.search(r"/(marks|lessons)/\d{4}-", p)))
        assert 0 < asked["marks"] < asked["lessons"]
        assert not [p for p in door.visits.paths if "/marks/2027-07" in p]

    @pytest.mark.parametrize("auth", ["oauth", "password"])
    def test_a_token_that_ends_midway_is_renewed(self, auth: str) -> None:
        made = school(calls_a_token=20)
        vault = MemoryVault()
        got, door = read(made, window=AUTUMN, auth=auth, vault=vault)
        assert got.records == autumn()[0].records
        grants = sum("authorizations" in p for p in door.visits.paths)
        assert 3 <= grants <= len(door.visits.paths) / 15
        again, _ = read(made, window=AUTUMN, auth=auth, vault=vault)  # with what the first one has left
        assert again.records == got.records

    def test_a_token_that_lives_is_used_again(self) -> None:
        made = school()
        vault = MemoryVault()
        read(made, window=AUTUMN, auth="oauth", vault=vault)
        _, door = read(made, window=AUTUMN, auth="oauth", vault=vault)
        assert not [p for p in door.visits.paths if "authorizations" in p]

    def test_a_given_token_that_ends_needs_a_person(self) -> None:
        made = school()
        office: TokenOffice = made.app.state.office
        seen = []

        def end(body: Any) -> Any:
            seen.append(1)
            office.revoke(office.given)
            return body

        changed(made, {"edu-groups/[0-9]+/reporting-periods": end})
        with pytest.raises(SignInNeededError, match=r"auth\.token") as caught:
            read(made, window=AUTUMN)
        assert seen
        assert office.given not in str(caught.value)


class TestAccounts:
    def ask(self, standin: StandIn, what: str, **more: Any) -> Any:
        async def go(base: str) -> Any:
            context = make_context(standin, base, auth="token", **more)
            with secrets_in_place():
                connector = connect(context)
                try:
                    return await getattr(connector, what)()
                finally:
                    await connector.close()

        with serving(standin.app) as base:
            return asyncio.run(go(base))

    def test_check_tells_what_can_be_read(self) -> None:
        made = school()
        lines: list[CheckLine] = self.ask(made, "check")
        assert all(line.ok for line in lines), lines
        assert [line.what for line in lines][:4] == ["portal", "sign-in", "institution", "teachers"]
        assert "EduStaff" in lines[1].detail
        assert made.remote_id in lines[2].detail

    def test_check_tells_what_is_missing_and_who_can_help(self) -> None:
        made = school()
        changed(made, {"edu-groups/[0-9]+/final-marks": 403})
        lines: list[CheckLine] = self.ask(made, "check")
        assert [(line.what, "administrator" in line.detail) for line in lines if not line.ok] == [("final marks", True)]

    def test_check_with_a_token_that_is_not_good(self) -> None:
        lines: list[CheckLine] = self.ask(school(), "check", secrets={"token": "0" * 32})
        assert [(line.what, line.ok) for line in lines] == [("portal", True), ("sign-in", False)]

    def test_discover_lists_schools(self) -> None:
        made = school()
        assert self.ask(made, "discover") == [RemoteInstitution(made.remote_id, made.institution.short)]

    def test_a_school_that_the_account_does_not_see(self) -> None:
        made = school()
        right, made.remote_id = made.remote_id, "1000000009999"
        with pytest.raises(SourceConfigError, match=right):
            read(made)

    def test_the_only_school_need_not_be_named(self) -> None:
        made = school()
        made.remote_id = None  # type: ignore[assignment]
        got, _ = read(made, window=AUTUMN)
        assert got.records == autumn()[0].records


# -- with a store ----------------------------------------------------------------------------------------------------


@dataclass
class Hub:
    """A store that imports a stand-in, each time one hour later."""

    standin: StandIn
    folder: Path
    base: str
    hours: int = 0
    job: SourceJob = field(init=False)
    work: Workplace = field(init=False)

    def __post_init__(self) -> None:
        store = Store(f"sqlite:///{self.folder / 'svod.db'}", self.clock)
        self.work = Workplace(store, archive=FolderArchive(self.folder / "raw"), patience=QUICK)
        context = make_context(self.standin, self.base, auth="token")
        self.job = SourceJob(context.institution, context.config, FIVE)

    def use(self, secrets: dict[str, str]) -> None:
        """From now on with another sign-in."""
        context = make_context(self.standin, self.base, auth="token", secrets=secrets)
        self.job = SourceJob(context.institution, context.config, FIVE)

    def clock(self) -> datetime:
        return self.standin.institution.now + timedelta(hours=self.hours)

    def import_(self, **what: Any) -> dict[str, Any]:
        self.hours += 1
        with secrets_in_place():
            (source,) = import_sources(self.work, [self.job], Request(**what))["sources"]
        return source

    def replay(self) -> dict[str, Any]:
        (source,) = replay_sources(self.work, [self.job], None)["sources"]
        return source

    def contents(self) -> dict[str, dict[str, Record]]:
        number = self.work.store.source(self.job.key, institution="kruk", connector="dnevnik", capabilities={})
        return {e: {r.key: r for r in self.work.store.records(number, e)} for e in ENTITIES}

    def differing(self, without: Iterable[tuple[str, str]] = ()) -> list[str]:
        return differences(left_of(self.standin, without), self.contents(), self.standin.institution.zone)

    def quarantine(self, kind: str) -> set[tuple[str, str | None]]:
        q = QUARANTINE.c
        with self.work.store.reading() as connection:
            rows = connection.execute(select(q.entity, q.key).where(q.state == "open", q.kind == kind)).all()
        return {(r.entity, r.key) for r in rows}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Callable[[StandIn], Hub]]:
    open_: list[Any] = []

    def start(standin: StandIn) -> Hub:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await standin.app(scope, receive, send)  # which a test may have changed in the meantime

        server = serving(app)
        open_.append(server)
        return Hub(standin, tmp_path, server.__enter__())

    yield start
    for server in open_:
        server.__exit__(None, None, None)


def left_of(standin: StandIn, without: Iterable[tuple[str, str]]) -> list[Record]:
    """The truth without some records and what cannot be without them."""
    gone = set(without)
    records = [clean(r, standin.institution.zone) for r in standin.truth()]
    while True:
        left = [r for r in records if (entity_of(r), r.key) not in gone and not _lacks(r, gone)]
        lost = {(entity_of(r), r.key) for r in records} - {(entity_of(r), r.key) for r in left}
        if lost <= gone:
            return left
        gone |= lost


def _lacks(record: Record, gone: set[tuple[str, str]]) -> bool:
    refs = (f for f in ENTITIES[entity_of(record)].refs if f.ref and f.ref.required)
    return any((f.ref.entity, getattr(record, f.name)) in gone for f in refs if f.ref)


class TestInTheStore:
    def test_life_of_a_journal(self, hub: Callable[[StandIn], Hub]) -> None:
        made = school()
        place = made.institution
        place.subjects[UNUSED] = dataclasses.replace(place.subjects[1], id=UNUSED, name="Астрономия")
        here = hub(made)
        first = here.import_()
        assert first["status"] == "ok"
        assert here.differing() == []

        second = here.import_()
        assert second["requests"] < first["requests"]
        assert all(not (c["inserted"] or c["updated"] or c["removed"]) for c in second["entities"].values())

        _edit_recent(place)
        _lose_some(place)
        third = here.import_(full=True)
        assert third["entities"]["people"]["removed"] == 1
        assert third["entities"]["subjects"]["removed"] == 1
        assert third["entities"]["enrolments"]["removed"] == 2
        assert here.differing() == []

        assert here.import_(since=date(2026, 10, 5), until=date(2026, 10, 9))["status"] == "ok"
        assert here.differing() == []
        assert here.replay()["status"] == "ok"
        assert here.differing() == []

    @pytest.mark.parametrize(
        ("fault", "code"),
        [
            pytest.param(500, "out_of_order", id="it fails"),
            pytest.param(lambda _: {"lessons": []}, "unexpected_answer", id="its answers are of another shape"),
        ],
    )
    def test_a_group_that_fails_for_ever_loses_only_itself(
        self, hub: Callable[[StandIn], Hub], fault: Change | int, code: str
    ) -> None:
        made = school()
        place = made.institution
        broken = place.classes()[0]
        family = {g.id for g in place.groups.values() if broken.id in {g.id, g.parent}}
        hers = [x for x in place.lessons.values() if place.courses[x.course].group in family]
        healthy = made.app
        changed(made, {f"edu-groups/{objects.GROUP + broken.id}/lessons/.*": fault})
        here = hub(made)
        result = here.import_()
        assert (result["status"], {u["code"] for u in result["lost"]}) == ("partial", {code})
        assert here.differing([("lessons", str(objects.LESSON + x.id)) for x in hers]) == []
        made.app = healthy
        assert here.import_()["status"] == "ok"
        assert here.differing() == []

    def test_what_was_missed_is_read_though_it_lies_before_the_look_back(self, hub: Callable[[StandIn], Hub]) -> None:
        made = school()
        healthy = made.app
        key = objects.GROUP + made.institution.classes()[0].id
        here = hub(made)
        here.import_(since=date(2026, 11, 2), until=date(2026, 11, 6))
        changed(made, {f"edu-groups/{key}/.*": 403})
        assert here.import_()["status"] == "partial"
        made.app = Garbage(made).standin.app
        here.import_()
        assert here.quarantine("malformed")
        made.app = healthy
        assert here.import_()["status"] == "ok"
        assert here.differing() == []
        assert not here.quarantine("malformed")
        door = Counter[str]()
        made.app = Noting(healthy, door)
        here.import_()
        assert not [p for p in door if re.search(r"/marks/2026-09", p)]

    def test_garbage_is_set_aside_alone_and_heals(self, hub: Callable[[StandIn], Hub]) -> None:
        made = school()
        garbage = Garbage(made)
        here = hub(made)
        here.import_()
        assert here.quarantine("malformed") == garbage.aside
        assert here.quarantine("waiting")
        assert here.differing(garbage.aside) == []

        garbage.take_back()
        assert here.import_(full=True)["status"] == "ok"
        assert not here.quarantine("malformed")
        assert not here.quarantine("waiting")
        assert here.differing() == []

        Garbage(made)
        result = here.import_(full=True)
        assert here.quarantine("malformed") == garbage.aside
        assert here.differing() == []  # what stood is not taken to have vanished
        assert not sum(c["removed"] for c in result["entities"].values())


UNUSED = 77
"""A subject that nobody is taught."""


class Noting:
    """An app whose paths are counted."""

    def __init__(self, app: Any, paths: Counter[str]) -> None:
        self.app = app
        self.paths = paths

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.paths[scope["path"]] += 1
        await self.app(scope, receive, send)


def _edit_recent(place: Institution) -> None:
    """What teachers do in two weeks: corrections, deletions, a new mark, a lesson taken out."""
    since = date(2026, 11, 9)
    held = sorted((x for x in place.lessons.values() if x.recorded_at and x.date >= since), key=lambda x: x.id)
    marks = [m for x in held for w in place.works_of(x.id) for m in place.marks_of(w.id)]
    marks[0].text, marks[0].at = "2", place.now
    del place.marks[marks[1].id]
    held[0].topic = "Исправленная тема"
    held[1].homework = None
    held[2].cancelled = True
    absence = next(a for a in place.absences.values() if a.lesson in {x.id for x in held})
    del place.absences[absence.id]
    place.touched()


def _lose_some(place: Institution) -> None:
    """A pupil who was entered by mistake, a subject that nobody is taught, a pupil taken out of a group."""
    mistake = max(p.id for p in place.students)
    for group in place.groups.values():
        group.members = [m for m in group.members if m.person != mistake]
    del place.people[mistake]
    for table in (place.marks, place.absences, place.period_marks):
        for number in [n for n, row in table.items() if row.student == mistake]:
            del table[number]
    place.subjects.pop(UNUSED, None)
    place.touched()


class Garbage:
    """One broken record of each kind among the stand-in's answers. `aside` is what must be set aside."""

    def __init__(self, standin: StandIn) -> None:
        self.standin = standin
        self.healthy = standin.app
        place = standin.institution
        family = place.classes()[0]
        course = next(c for c in place.courses_of(family.id))
        held = [x for x in place.lessons_of([course.id]) if x.recorded_at and not x.cancelled]
        other = next(c for c in place.courses_of(family.id) if c.id != course.id)
        elsewhere = [x for x in place.lessons_of([other.id]) if x.recorded_at and not x.cancelled]
        marks = [m for x in held[3:] for w in place.works_of(x.id) for m in place.marks_of(w.id)]
        absences = [a for x in held[3:] + elsewhere for a in place.absences_of(x.id)]
        final = next(m for m in place.period_marks.values() if m.course == other.id and m.kind == "period")
        pupil = family.members[-1].person
        lesson, work = held[0], place.works_of(held[2].id)[0]
        keys = {
            "lessons": str(objects.LESSON + lesson.id),
            "works": str(objects.WORK + work.id),
            "marks": str(objects.MARK + marks[0].id),
            "attendance": f"{objects.LESSON + absences[0].lesson}:{objects.PERSON + absences[0].student}",
            "people": str(objects.PERSON + pupil),
            "period_marks": ":".join(
                (
                    str(objects.PERSON + final.student),
                    str(objects.SUBJECT + other.subject),
                    str(objects.PERIOD + final.period),
                    "period",
                )
            ),
        }
        self.aside = {*keys.items(), ("marks", str(objects.MARK + marks[1].id))}
        changes: dict[str, Change | int] = {
            r"edu-groups/\d+/lessons/.*": lambda body: [
                _spoilt(x, keys["lessons"], "date", "2026-02-30T00:00:00")
                | {"works": [_spoilt(w, keys["works"], "targetDate", ["x"]) for w in x["works"]]}
                for x in body
            ],
            r"edu-groups/\d+/marks/.*": lambda body: [
                _spoilt(
                    _spoilt(m, keys["marks"], "person", "кто-то", "person_str"),
                    str(objects.MARK + marks[1].id),
                    "date",
                    "вчера",
                )
                for m in body
            ],
            r"lesson-log-entries": lambda body: [
                e | {"createdDate": {"day": 1}} if f"{e['lesson']}:{e['person']}" == keys["attendance"] else e
                for e in body
            ],
            r"edu-groups/\d+/(students|persons)": lambda body: [
                _spoilt(p, keys["people"], "lastName", {"not": "text"}) for p in body
            ],
            r"edu-groups/\d+/final-marks": lambda body: [_spoilt_final(row, final) for row in body],
        }
        standin.app = Changed(self.healthy, changes)

    def take_back(self) -> None:
        self.standin.app = self.healthy


def _spoilt(item: Any, key: str, name: str, value: Any, *drop: str) -> Any:
    if item["id_str"] != key:
        return item
    return {k: v for k, v in item.items() if k not in drop} | {name: value}


def _spoilt_final(row: Any, final: Any) -> Any:
    if (row["person"], row["reportingPeriod"]) != (objects.PERSON + final.student, objects.PERIOD + final.period):
        return row
    cells = [
        c | {"final-mark": "пять"} if c["final-mark"]["id"] == objects.PERIOD_MARK + final.id else c
        for c in row["per-subject-final-marks"]
    ]
    return row | {"per-subject-final-marks": cells}
