"""The Moscow-region connector against its stand-in: everything that is there, nothing besides, and in the portal's manner."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from canonical.entities import Lesson, Record
from connectors.conformance.harness import Collected, differences, read_all
from connectors.contract import MemoryVault
from connectors.errors import AccessDeniedError, SignInNeededError, SourceConfigError
from connectors.http import Patience
from connectors.mosreg.manner import expiry
from connectors.mosreg.wire import PlannedLesson
from connectors.standins.region import Mark, Work
from connectors.standins.server import Faults
from tests.browsing import signed_in_myschool
from tests.conformance.mosreg_help import NOW, Served, break_off, import_into, imported, open_desk, served, window
from tests.stores import Desk


@pytest.fixture
def school() -> Iterator[Served]:
    with served() as made:
        yield made


@dataclass
class Whole:
    """A stand-in that was read once, for tests that only look at what came of it."""

    portal: Served
    got: Collected


@pytest.fixture(scope="module")
def whole() -> Iterator[Whole]:
    with served() as portal:
        yield Whole(portal, read(portal))


def missing(portal: Served, got: Any) -> list[str]:
    """Where what was read differs from the truth."""
    return differences(portal.standin.truth(), got, portal.place.zone)


def read(portal: Served, days: Any = None, **more: Any) -> Any:
    return asyncio.run(read_all(portal.context(**more), days))


class TestEverythingAndNothingBesides:
    @pytest.mark.parametrize(("kind", "auth"), [("college", "password")])
    def test_a_whole_import_is_the_truth_and_again_after_edits(self, kind: Any, auth: str) -> None:
        with served(kind) as portal:
            got = read(portal, auth=auth)
            assert missing(portal, got.records) == []
            assert not got.rejects
            assert not got.failed
            assert {d.kind for d in got.drift} == {
                "unknown_value"
            }  # reasons of absences, whose codes are not published
            expected = {"people", "groups", "subjects", "periods", "enrolments", "courses", "planned_topics", "lessons"}
            assert got.records.keys() == expected | {"works", "marks", "attendance", "period_marks"}
            portal.place.edit()
            assert missing(portal, read(portal, auth="token", secrets=fresh(portal)).records) == []

    def test_the_truth_holds_every_quirk(self, school: Served) -> None:
        """So that the comparison above means something."""
        truth = list(school.standin.truth())
        marks = [r for r in truth if type(r).__name__ == "Mark"]
        works = [r for r in truth if type(r).__name__ == "Work"]
        groups = [r for r in truth if type(r).__name__ == "Group"]
        absences = [r for r in truth if type(r).__name__ == "Attendance"]
        finals = [r for r in truth if type(r).__name__ == "PeriodMark"]
        assert {m.meaning for m in marks} >= {"grade", "debt", "exempt"}
        assert {m.value for m in marks} >= {"точка", "10", "5-", "ОСВ"}
        assert {w.key.split(":")[1] for w in works} >= {"-", "81", "82", "83"}
        assert {g.kind for g in groups} == {"class", "subgroup", "metagroup"}
        assert {a.status for a in absences} == {"absent", None}
        assert {a.reason for a in absences} == {None, "Болезнь", "Уважительная причина"}
        assert any(f.grade is None for f in finals) or len(finals) > 50
        lessons = [r for r in truth if isinstance(r, Lesson)]
        assert {x.status for x in lessons} == {"planned", "held", "cancelled"}
        assert any(x.status == "held" and x.topic is None for x in lessons)

    @pytest.mark.parametrize("field", ["topic_name", "lesson_name", "lesson_topic", "theme", "topic", "title"])
    def test_a_planned_topic_by_any_likely_name(self, field: str) -> None:
        """The names of the fields are not published (facts B4.4)."""
        told: Any = {"id": 7, "name": "Дроби"} if field in {"theme", "topic"} else "Дроби"
        row = PlannedLesson.model_validate({"date": [2026, 9, 8], "topic_name": None, field: told})
        assert (row.shown, row.date) == ("Дроби", "2026-09-08")

    def test_neither_the_order_of_rows_nor_of_units_matters(self, whole: Whole, school: Served) -> None:
        school.listening.change = lambda _, body: reversed_lists(body)
        assert read(school, concurrency=1).records == whole.got.records

    def test_what_is_the_same_has_the_same_digests(self, whole: Whole, school: Served) -> None:
        first = whole.got
        assert first.digests == read(school).digests
        assert len(first.digests) == 40
        school.place.edit()
        changed = {u for u, d in read(school).digests.items() if first.digests[u] != d}
        assert changed
        assert all(" class 70" in unit and not unit.endswith((" access", " plans")) for unit in changed)

    @pytest.mark.parametrize("most_rows", [50, 16])
    def test_a_server_that_cuts_pages_shorter_than_asked_for(self, whole: Whole, most_rows: int) -> None:
        with served(most_rows=most_rows) as portal:
            got = read(portal)
            assert got.records == whole.got.records
            assert not got.failed
            assert max(int(q["page"]) for q in portal.asked.of("marks")) > 4

    def test_few_pages_are_asked_for_in_vain(self, whole: Whole) -> None:
        pages = [int(q["page"]) for _, q in whole.portal.asked.requests if "page" in q]
        assert set(pages) <= {1, 2}
        assert pages.count(2) * 4 < pages.count(1)

    def test_a_list_that_knows_no_pages_is_read_once(self, whole: Whole, school: Served) -> None:
        school.listening.first_page = True
        assert read(school).records == whole.got.records

    @pytest.mark.parametrize("errors", ["modern", "older"])
    def test_a_teacher_reads_the_own_journals(self, errors: Any) -> None:
        with served(role="teacher", errors=errors) as portal:
            got = read(portal)
            assert got.failed
            assert {type(e) for e in got.failed.values()} == {AccessDeniedError}
            assert all(unit.endswith(" access") for unit in got.failed)
            teacher = portal.place.staff[0].id
            own = {str(510100 + c.id) for c in portal.place.courses.values() if teacher in c.teachers}
            truth: list[Record] = [
                r
                for r in portal.standin.truth()
                if getattr(r, "course", next(iter(own))) in own and type(r) is not Lesson
            ]
            assert {x.course for x in got.records["lessons"].values()} == own
            assert {w.key for w in got.records["works"].values()} == {
                r.key for r in truth if type(r).__name__ == "Work"
            }
            lessons = [s for _, b in got.batches for s in b.scopes if s.entity == "lessons"]
            named = {s.selector_key for s in lessons if s.selector == "course"}
            assert named
            assert named <= own


def fresh(portal: Served) -> dict[str, str]:
    """A token of a new session, for what signs in after a login has ended the first."""
    return {"token": portal.portal.begin_session(portal.portal.accounts["staff"])}


def reversed_lists(body: Any) -> Any:
    if isinstance(body, dict):
        return {k: reversed_lists(v) if isinstance(v, list) else v for k, v in body.items()}
    return body[::-1]


def is_part(got: Collected, whole: Collected) -> bool:
    """Whether a good deal was read, and nothing else than in a whole read."""
    assert len(got.records["lessons"]) > 500
    return all(whole.records[e].get(k) == r for e, rows in got.records.items() for k, r in rows.items())


class TestWhatCannotBeRead:
    """What the portal refuses for ever is told of, and left out alone."""

    @pytest.mark.parametrize(
        ("status", "listed"), [(403, "schedule_items"), (403, "marks"), (404, "attendances"), (500, "marks")]
    )
    def test_one_group(self, whole: Whole, school: Served, status: int, listed: str) -> None:
        school.listening.refuse = lambda path, query: (
            status if path.endswith(listed) and "510102" in query["group_ids"].split(",") else None
        )
        got = read(school)
        assert list(got.failed) == ["2026/2027 class 7001 access"]
        assert "510102" in str(got.failed["2026/2027 class 7001 access"])
        lost = {k for k, x in whole.got.records["lessons"].items() if x.course == "510102"}
        assert whole.got.records["lessons"].keys() - got.records["lessons"].keys() == lost
        marks = {k: m for k, m in whole.got.records["marks"].items() if m.work.split(":")[0] not in lost}
        assert got.records["marks"] == marks
        covered = {s.selector_key for _, b in got.batches for s in b.scopes if s.entity in {"lessons", "marks"}}
        assert not covered & {"510102", "7001"}

    def test_a_teacher_whom_only_a_lesson_names(self, whole: Whole, school: Served) -> None:
        teacher = next(iter(x.teacher for x in whole.got.records["lessons"].values() if x.teacher))
        school.listening.change = lambda name, body: without_teacher(name, body, int(teacher))
        school.listening.refuse = lambda path, _: 500 if path.endswith(f"teacher_profiles/{teacher}") else None
        got = read(school)
        assert not got.failed
        assert got.records["lessons"] == whole.got.records["lessons"]
        assert whole.got.records["people"].keys() - got.records["people"].keys() == {teacher}


def without_teacher(name: str, body: Any, teacher: int) -> Any:
    """The staff list and the groups without one of the staff."""
    if name == "teacher_profiles":
        return [t for t in body if t["id"] != teacher]
    if name == "groups":
        for group in body if isinstance(body, list) else body["groups"]:
            group["teachers"] = [t for t in group["teachers"] if t["id"] != teacher]
    return body


class TestManner:
    def test_nothing_is_written_and_nobody_signed_out(self, whole: Whole, school: Served) -> None:
        assert set(whole.portal.door.visits.methods) == {"GET"}
        read(school, window(school.place, 9, until=3), auth="password")
        assert school.door.visits.methods["POST"] == 1
        assert set(school.door.visits.methods) == {"GET", "POST"}

    def test_how_lists_are_asked_for(self, whole: Whole) -> None:
        asked = whole.portal.asked
        assert asked.of("marks")
        assert all(as_day(q["created_at_from"]) <= NOW.date() for q in asked.of("marks"))  # none in the future
        assert all(as_day(q["start_at"]) <= NOW.date() for q in asked.of("attendances"))
        assert all(q["with_non_numeric_entries"] == "true" for q in asked.of("marks"))
        assert all("education_level_id" not in q for q in asked.of("control_forms"))
        assert max(len(q["ids"].split(",")) for q in asked.of("homeworks")) <= 100

    def test_units_bear_the_same_names_however_much_is_read(self, whole: Whole, school: Served) -> None:
        names = set(whole.got.digests)
        assert set(read(school, window(school.place, 21)).digests) < names
        assert set(read(school, window(school.place, 9, until=3)).digests) < names


def as_day(text: str) -> date:
    return date.fromisoformat("-".join(reversed(text.split("."))) if "." in text else text)


class TestSigningIn:
    @pytest.mark.parametrize("ended", ["401", "message", "text"])
    def test_a_session_that_ends_midway_is_begun_anew(self, whole: Whole, ended: Any) -> None:
        with served(ended=ended) as portal:
            break_off(portal, 20, portal.portal.end_sessions)
            got = read(portal, window(portal.place, 9), auth="password")
            assert not got.failed
            assert is_part(got, whole.got)
            assert portal.portal.logins == 2

    def test_profiles_in_a_wrapper(self, whole: Whole, school: Served) -> None:
        school.listening.change = lambda name, body: {"data": body} if name == "profile_info" else body
        assert is_part(read(school, window(school.place, 9)), whole.got)

    def test_a_token_that_is_refused_midway_is_renewed(self, whole: Whole, school: Served) -> None:
        vault = MemoryVault()
        break_off(school, 20, school.portal.stale_tokens)
        got = read(school, window(school.place, 9), vault=vault)
        assert not got.failed
        assert is_part(got, whole.got)
        assert vault.kept["kolomna/portal"]["token"] != school.standin.auth["token"]["token"]
        assert school.portal.logins == 0

    def test_without_a_password_a_person_is_needed(self, school: Served) -> None:
        school.portal.end_sessions()
        with pytest.raises(SignInNeededError, match=r"auth\.token") as caught:
            read(school)
        assert school.standin.auth["token"]["token"] not in str(caught.value)

    def test_a_wrong_password(self, school: Served) -> None:
        with pytest.raises(SignInNeededError, match="login and the password") as caught:
            read(school, auth="password", secrets={"login": "director.stand", "password": "не тот"})
        assert "не тот" not in str(caught.value)

    def test_a_token_near_its_end_is_renewed_before_use_and_kept(self) -> None:
        with served(token_days=2) as portal:
            vault = MemoryVault()
            portal.connector(lambda c: c.check(), vault=vault)
            kept = vault.kept["kolomna/portal"]["token"]
            assert kept != portal.standin.auth["token"]["token"]
            assert len([p for p, _ in portal.asked.requests if p == "/v2/token/refresh"]) == 1
            portal.portal._life = timedelta(days=9)
            portal.connector(lambda c: c.check(), vault=vault)  # the kept token ends later, so it is taken
            assert expiry(vault.kept["kolomna/portal"]["token"]) > expiry(kept)

    def test_a_login_is_made_once_as_long_as_its_token_lives(self, school: Served) -> None:
        vault = MemoryVault()
        for _ in range(3):
            school.connector(lambda c: c.check(), "password", vault=vault)
        assert school.portal.logins == 1

    def test_a_pupil_is_not_let_in(self, school: Served) -> None:
        token = school.portal.begin_session(school.portal.accounts["student"])
        with pytest.raises(SourceConfigError, match="pupil"):
            read(school, secrets={"token": token})


class TestCheck:
    def test_says_what_can_be_read(self, school: Served) -> None:
        lines = school.connector(lambda c: c.check())
        assert {line.what: line.ok for line in lines} == dict.fromkeys(
            (
                "portal",
                "sign-in",
                "school",
                "academic year",
                "classes",
                "groups (journals)",
                "staff",
                "periods",
                "control forms",
                "pupils and their period marks",
                "timetable",
                "marks",
                "absences",
                "thematic plans",
            ),
            True,
        )
        assert school.place.name in next(line.detail for line in lines if line.what == "school")

    def test_says_what_is_missing(self) -> None:
        with served(role="teacher") as portal:
            lines = {line.what: line for line in portal.connector(lambda c: c.check())}
            assert lines["whole school"].ok is None
            groups = next(iter(portal.place.courses.values()))
            expected = portal.place.staff[0].id in groups.teachers
            assert lines["marks"].ok is expected
            assert "administrator" in lines["whole school"].detail

    def test_an_ended_sign_in(self, school: Served) -> None:
        school.portal.end_sessions()
        lines = school.connector(lambda c: c.check())
        assert [(line.what, line.ok) for line in lines] == [("portal", True), ("sign-in", False)]

    def test_a_portal_that_is_away(self) -> None:
        with served(faults=Faults(rate=1.0, kinds=("500",))) as portal:
            lines = portal.connector(lambda c: c.check(), patience=Patience(attempts=2, first_wait=0.01))
            assert [(line.what, line.ok) for line in lines] == [("portal", False)]

    def test_discover(self, school: Served) -> None:
        found = school.connector(lambda c: c.discover())
        assert [(r.id, r.name) for r in found] == [(school.standin.remote_id, school.place.name)]

    def test_the_wrong_school(self, school: Served) -> None:
        school.standin.remote_id = "999999"
        with pytest.raises(SourceConfigError, match=f"belongs to school {school.place.id}"):
            read(school)

    def test_a_year_that_the_portal_has_not(self, school: Served) -> None:
        school.listening.change = lambda name, body: body[:1] if name == "academic_years" else body
        got = read(school)
        assert list(got.failed) == ["2026/2027 school"]


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


class TestInAStore:
    """What the coverage is worth: later imports see what changed and what has gone, and touch nothing else."""

    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_a_look_back_brings_late_edits_and_removes_what_has_gone(
        self, school: Served, filled: Desk, seed: int
    ) -> None:
        school.place.edit(seed)
        assert missing(school, filled.contents())
        outcome = import_into(filled, school, window(school.place, 21))
        assert outcome.ledger["marks"]["removed"] == 3
        assert outcome.ledger["marks"]["updated"] >= 5
        assert outcome.new_quarantine == 0
        assert [line for line in missing(school, filled.contents()) if not is_of_old_absence(line, filled)] == []

    def test_a_mark_entered_late_brings_its_lesson(self, school: Served, filled: Desk) -> None:
        """A lesson from before the look-back, which nobody had filled, is held as soon as it has a mark."""
        place = school.place
        lesson = next(
            x for x in place.lessons.values() if x.date < date(2026, 9, 20) and not (x.recorded_at or x.cancelled)
        )
        place.works[900_001] = Work(900_001, lesson.id, "answer", "Ответ", 1)
        student = place.pupils_of(place.courses[lesson.course], lesson.date)[0]
        place.marks[900_001] = Mark(900_001, 900_001, student, "5", "grade", NOW)
        place.touched()
        import_into(filled, school, window(place, 21))
        assert missing(school, filled.contents()) == []
        del place.marks[900_001]
        place.touched()
        import_into(filled, school, window(place, 21))
        left = missing(school, filled.contents())
        assert {line.split(" ")[0] for line in left} == {"lessons", "works"}  # beyond the look-back: --full sees it
        import_into(filled, school, window(place), skipping=False)
        assert missing(school, filled.contents()) == []

    @pytest.mark.parametrize(
        "refused",
        [
            lambda path, query: path.endswith("schedule_items") and "510102" in query["group_ids"] and 403,
            lambda path, query: path.endswith("marks") and query["created_at_from"] == "01.09.2026" and 500,
            lambda path, _: path.endswith("control_forms") and 403,
        ],
    )
    def test_what_was_refused_is_read_later_though_it_lies_before_the_look_back(
        self, school: Served, tmp_path: Path, refused: Any
    ) -> None:
        desk = open_desk(tmp_path)
        school.listening.refuse = refused
        import_into(desk, school, window(school.place))
        assert missing(school, desk.contents())
        school.listening.refuse = None
        import_into(desk, school, window(school.place, 9))
        assert missing(school, desk.contents()) == []
        asked = len(school.asked.requests)
        import_into(desk, school, window(school.place, 9))
        assert not any(q.get("created_at_from") == "01.09.2026" for _, q in school.asked.requests[asked:])
        desk.store.close()

    def test_days_that_were_asked_for_remove_only_there(self, school: Served, filled: Desk) -> None:
        desk = filled
        before = desk.contents()
        outcome = import_into(desk, school, window(school.place, 30, until=10))
        assert not any(c["removed"] or c["updated"] for c in outcome.ledger.values())
        assert desk.contents() == before

    def test_a_class_that_cannot_be_read_loses_nothing(self, school: Served, filled: Desk) -> None:
        desk = filled
        before = desk.contents()
        days = window(school.place, 21)
        intake = desk.begin()

        async def part(connector: Any) -> None:
            async for unit in connector.read(days):
                if "7001" not in unit.name:
                    intake.commit(unit.name, (await unit.read()).make())

        school.connector(part)
        ledger = intake.finish().ledger
        assert sum(c["removed"] for c in ledger.values()) == 0
        assert desk.contents() == before


def is_of_old_absence(line: str, desk: Desk) -> bool:
    """Whether a difference is an absence that was deleted before the look-back, which no import of it can see."""
    entity, key, *_ = line.split(" ", 2)
    if entity != "attendance" or "not in the truth" not in line:
        return False
    lesson = desk.rows("lessons")[key.split(":")[0]]
    return isinstance(lesson, Lesson) and lesson.date < (NOW - timedelta(days=21)).date().isoformat()


def test_the_stand_in_gives_the_pupils_of_groups() -> None:
    with served() as portal:
        browser = signed_in_myschool(portal.standin)
        said = {"academic_year_id": 14, "with_groups": "true", "per_page": 300}
        profiles = "/api/ej/core/teacher/v1/student_profiles"
        groups = browser.ask("/jersey/api/groups", {"academic_year_id": 14, "per_page": 300})
        everyone = {g["id"]: set(g["student_ids"]) for g in groups}
        small, *_, whole = sorted(everyone, key=lambda g: len(everyone[g]))
        for asked in ([small], [whole], [small, whole]):
            found = browser.ask(profiles, said | {"group_ids": ",".join(map(str, asked))})
            assert {p["id"] for p in found} == set().union(*(everyone[g] for g in asked))
            assert all(set(asked) & {g["id"] for g in p["groups"]} for p in found)
        one = browser.ask(profiles, said | {"group_ids": small, "class_unit_id": 1})
        assert one == [], "what is asked for is narrowed by every filter"
