"""What an import gives where an account does not see whole classes, or not the school (portal facts, section 2.6)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from canonical.coverage import Scope, Selector
from canonical.entities import entity_of
from connectors.conformance.harness import Collected, make_context, secrets_in_place
from connectors.contract import CheckLine
from connectors.errors import AccessDeniedError
from connectors.partner_api.standin import objects
from connectors.registry import connect
from connectors.standins.server import StandIn, serving
from tests.conformance.test_dnevnik import AUTUMN, JUNE, Hub, autumn, changed, hub, read, school

__all__ = ["hub"]

WHOLE_LESSONS = r"edu-groups/\d+/lessons/.*"
WHOLE_MARKS = r"edu-groups/\d+/marks/.*"
LOG = "lesson-log-entries"
LOG_OF_SUBJECT = r"lesson-log-entries/group/\d+"
LOG_OF_PERSON = r"persons/\d+/lesson-log-entries"
FINALS = r"edu-groups/\d+/final-marks"
OF_LESSON = {"lessons", "works", "marks", "attendance"}


def scopes(got: Collected, *entities: str) -> set[Scope]:
    return {s for _, batch in got.batches for s in batch.scopes if s.entity in entities}


def selectors(got: Collected, entity: str) -> set[Selector]:
    return {s.selector for s in scopes(got, entity)}


@pytest.mark.parametrize(
    ("refused", "by_person"),
    [
        pytest.param(
            [WHOLE_LESSONS, "lessons/many"],
            {"lessons": set(), "works": set(), "attendance": set()},  # a lesson that nobody's timetable shows has a log
            id="lessons, one by one",
        ),
        pytest.param([LOG], {}, id="the log of lessons"),
        pytest.param(
            [WHOLE_LESSONS, WHOLE_MARKS, LOG, LOG_OF_SUBJECT],
            {"lessons": set(), "works": set(), "marks": {Selector.PERSON}, "attendance": {Selector.PERSON}},
            id="everything",
        ),
    ],
)
def test_what_a_class_refuses_is_read_pupil_by_pupil(refused: list[str], by_person: dict[str, set[Selector]]) -> None:
    made = school()
    for verb in ("GET", "POST"):
        changed(made, dict.fromkeys(refused, 403), verb=verb)
    got, _ = read(made, window=AUTUMN)
    assert not got.failed
    for entity in OF_LESSON | {"courses"}:
        assert got.records[entity] == autumn()[0].records[entity], entity
    expected = {entity: by_person.get(entity, {Selector.GROUP}) for entity in OF_LESSON}
    assert {entity: selectors(got, entity) for entity in OF_LESSON} == expected


def test_final_marks_of_a_class_that_refuses_them() -> None:
    made = school(JUNE)
    whole, _ = read(made, window=AUTUMN)
    changed(made, {FINALS: 403})
    got, _ = read(made, window=AUTUMN)
    assert not got.failed
    lost = whole.records["period_marks"].keys() - got.records["period_marks"].keys()
    lacking = {key.split(":")[0] for key in lost}
    assert all(whole.records["period_marks"][k] == r for k, r in got.records["period_marks"].items())
    assert 0 < len(lost) < len(got.records["period_marks"])
    assert {r.kind for r in got.records["period_marks"].values()} == {"period", "year"}
    covered = {s.selector_key for s in scopes(got, "period_marks")}
    assert selectors(got, "period_marks") <= {Selector.PERSON}
    assert not covered & lacking  # whose marks have works that the answer does not hold, or periods of another class


def test_a_log_that_is_refused_loses_only_itself() -> None:
    made = school()
    changed(made, dict.fromkeys((LOG, LOG_OF_SUBJECT, LOG_OF_PERSON), 403))
    got, _ = read(made, window=AUTUMN)
    assert {type(e) for e in got.failed.values()} == {AccessDeniedError}
    assert all(name.startswith("lessons ") for name in got.failed)
    assert "attendance" not in got.records
    assert not scopes(got, "attendance")
    assert got.records["lessons"].keys() == autumn()[0].records["lessons"].keys()
    for entity in ("works", "marks"):
        assert got.records[entity] == autumn()[0].records[entity]
        assert scopes(got, entity) == scopes(autumn()[0], entity)


def test_of_those_who_have_left_nothing_need_be_told() -> None:
    made = school()
    place = made.institution
    here = {p for g in place.classes() for p in g.on(place.now.date())}
    left = next(m.person for g in place.classes() for m in g.members if m.person not in here)
    changed(made, {WHOLE_MARKS: 403, f"persons/{objects.PERSON + left}/schools/.*": 403})
    got, _ = read(made, window=AUTUMN)
    assert not got.failed
    now = next(iter(here))
    changed(made, {f"persons/{objects.PERSON + now}/schools/.*": 403})
    got, _ = read(made, window=AUTUMN)
    assert got.failed
    assert str(objects.PERSON + now) not in {s.selector_key for s in scopes(got, "marks")}


def lessons_of_class(made: StandIn) -> set[str]:
    """Keys of the lessons of the class of the stand-in's pupil, in the days of the window."""
    place = made.institution
    own = place.classes()[0].id
    family = {str(objects.GROUP + g.id) for g in place.groups.values() if own in {g.id, g.parent}}
    courses = {r.key for r in made.truth() if entity_of(r) == "courses" and r.group in family}
    lessons = (r for r in made.truth() if entity_of(r) == "lessons" and r.course in courses)
    return {r.key for r in lessons if "2026-09-01" <= r.date <= "2026-09-25"}


def as_parent(context: Any) -> Any:
    child = {"personId": context["personId"], "groupIds": context["groupIds"], "schoolIds": context["schoolIds"]}
    gone = {"personId": objects.PERSON + 1, "schoolIds": [], "groupIds": [], "schools": [], "eduGroups": []}
    elsewhere = {"personId": objects.PERSON + 2, "groupIds": [objects.GROUP + 999], "schoolIds": [1000000009999]}
    return {**context, **gone, "roles": ["EduParent"], "children": [child, elsewhere]}


@pytest.mark.parametrize("change", [lambda context: context, as_parent], ids=["pupil", "parent"])
def test_a_family_reads_its_own_class(change: Callable[[Any], Any]) -> None:
    made = school()
    changed(made, {"users/me/context": change})
    got, _ = read(made, window=AUTUMN, secrets={"token": made.student["token"]})
    assert not got.failed
    mine = lessons_of_class(made)
    assert mine
    assert mine <= got.records["lessons"].keys()
    assert sum(r.kind == "class" for r in got.records["groups"].values()) == 1
    assert not [s for s in scopes(got, "people", "groups", "subjects", "periods") if s.selector is Selector.INSTITUTION]


def test_a_family_that_sees_its_own_pupil_only() -> None:
    made = school()
    secrets = {"token": made.student["token"]}
    whole, _ = read(made, window=AUTUMN, secrets=secrets)
    class_wide = [WHOLE_LESSONS, WHOLE_MARKS, LOG, LOG_OF_SUBJECT, FINALS, r"edu-groups/\d+/(students|persons)"]
    changed(made, dict.fromkeys(class_wide, 403))
    got, _ = read(made, window=AUTUMN, secrets=secrets)
    assert not got.failed
    (pupil,) = (r.key for r in got.records["people"].values() if r.role == "student")
    for entity in ("marks", "attendance"):
        hers = {k: r for k, r in whole.records[entity].items() if r.student == pupil}
        assert got.records.get(entity, {}) == hers
        assert {s.selector_key for s in scopes(got, entity)} == {pupil}
    assert got.records["marks"]
    assert got.records["lessons"]
    assert not scopes(got, "lessons", "enrolments", "groups")


def test_a_family_account_removes_nothing_that_staff_have_read(hub: Callable[[StandIn], Hub]) -> None:
    made = school()
    here = hub(made)
    assert here.import_()["status"] == "ok"
    before = here.contents()
    here.use({"token": made.student["token"]})
    result = here.import_(full=True)
    assert result["status"] == "ok"
    assert not sum(c["removed"] for c in result["entities"].values())
    assert all(here.contents()[e].keys() >= rows.keys() for e, rows in before.items())


def test_what_was_refused_is_told_and_read_when_it_is_allowed(hub: Callable[[StandIn], Hub]) -> None:
    made = school()
    healthy = made.app
    here = hub(made)
    changed(made, dict.fromkeys((LOG, LOG_OF_SUBJECT, LOG_OF_PERSON), 403))
    result = here.import_()
    assert (result["status"], {u["code"] for u in result["lost"]}) == ("partial", {"access_denied"})
    assert here.contents()["marks"]
    assert not here.contents()["attendance"]
    made.app = healthy
    assert here.import_()["status"] == "ok"
    assert here.differing() == []


def check(standin: StandIn, **more: Any) -> list[CheckLine]:
    async def go(base: str) -> list[CheckLine]:
        with secrets_in_place():
            connector = connect(make_context(standin, base, auth="token", **more))
            try:
                return await connector.check()
            finally:
                await connector.close()

    with serving(standin.app) as base:
        return asyncio.run(go(base))


def test_check_names_the_journals_that_are_closed_and_the_way_round() -> None:
    made = school()
    closed = made.institution.classes()[0]
    changed(made, {f"edu-groups/{objects.GROUP + closed.id}/marks/.*": 403, LOG: 403})
    lines = {line.what: line for line in check(made)}
    assert [w for w, line in lines.items() if line.ok is False] == ["journals", "attendance log"]
    assert closed.name in lines["journals"].detail
    assert lines["attendance log, pupil by pupil"].ok


def test_check_tells_a_family_what_it_does_not_see() -> None:
    made = school()
    lines = check(made, secrets={"token": made.student["token"]})
    assert [line.what for line in lines if line.ok is False] == ["groups"]
    assert "staff" in next(line.detail for line in lines if line.ok is False)
