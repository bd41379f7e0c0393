"""`svod reconcile`, `discrepancies` and `people`, as a user calls them: a portal with a registry, an old portal with a new one."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

import connectors.dnevnik.standin as dnevnik
import connectors.mosreg.standin as mosreg
from canonical.entities import Attendance, Enrolment, Mark, Person, Record
from connectors.standins.region import Institution, make_institution
from connectors.standins.registry import Planted, registry_of
from connectors.standins.server import Door, StandIn, serving
from tests.journals import change, primed, region, without
from tests.region_records import records_of
from tests.sites import Installation, write_folder

NOW = datetime.fromisoformat("2026-11-20T18:00:00+03:00")
DISCREPANCY = ["id", "institution", "entity", "kind", "left", "right", "field", "since", "state"]
"""What contract.md promises of a discrepancy; more may stand besides."""

Told = tuple[str, str, str | None, str | None, str | None]


def told(discrepancies: Iterable[dict[str, Any]]) -> Counter[Told]:
    """Entity, kind, field, left and right key."""
    return Counter(
        (d["entity"], d["kind"], d["field"], *(d[side] and d[side]["key"] for side in ("left", "right")))
        for d in discrepancies
    )


def at(place: Installation, **later: float) -> None:
    """Moves the clock of an installation on."""
    assert place.now
    place.now = (datetime.fromisoformat(place.now) + timedelta(**later)).isoformat()


def two_folders(place: Installation) -> Installation:
    """An institution with two sources, the folders `left` and `right`; the first has the higher authority."""
    place.institution("a")
    for authority, side in ((10, "left"), (5, "right")):
        place.source(side, "files", layout="canonical", path=side, authority=authority)
    return place


def reimport(place: Installation, records: Iterable[Record], side: str = "right", *, status: int | None = 0) -> None:
    at(place, hours=1)
    write_folder(place.folder / side, records)
    place.run("import", status=status)


# -- a portal and a registry -----------------------------------------------------------------------------------------


def expected(planted: Iterable[Planted]) -> Counter[Told]:
    """What must be told of the planted differences; the portal's keys are the region's numbers."""
    found: Counter[Told] = Counter()
    for p in planted:
        here = None if p.person is None else f"{p.group}:{p.person}" if p.entity == "enrolments" else str(p.person)
        kind = p.kind if p.kind != "missing" else "missing_left" if p.absent == "portal" else "missing_right"
        found[p.entity, kind, p.field, None if kind == "missing_left" else here, p.key] += 1
    return found


def portal_and_registry(
    folder: Path, made: Institution, seed: int, url: str = "sqlite:///svod.db"
) -> tuple[Installation, list[Planted]]:
    records, planted = registry_of(made, seed)
    write_folder(folder / "left", records_of(made))
    write_folder(folder / "right", records)
    place = two_folders(Installation(folder, url=url, now=NOW.isoformat()))
    place.run("import")
    return place, planted


@pytest.mark.parametrize(("kind", "students", "seed"), [("school", 60, 1), ("college", 60, 2), ("school", 150, 3)])
def test_every_difference_of_the_registry_is_told_once_and_nothing_else(
    tmp_path: Path, kind: Literal["school", "college"], students: int, seed: int
) -> None:
    made = make_institution("a", kind, students=students, seed=seed, now=NOW)
    place, planted = portal_and_registry(tmp_path, made, seed)
    assert {(p.entity, p.kind, p.field) for p in planted} >= {
        ("people", "missing", None), ("people", "duplicate", None), ("people", "ambiguous", None),
        ("people", "differs", "birth_date"), ("people", "differs", "family_name"),
        ("enrolments", "differs", "status"), ("enrolments", "missing", None),
    }  # fmt: skip
    found = place.json("reconcile")
    assert told(found["discrepancies"]) == expected(planted)
    assert found["pairs"] == [{"institution": "a", "left": "a/left", "right": "a/right"}]


def test_the_life_of_a_registry_on_each_database(tmp_path: Path, store_url: str) -> None:
    made = make_institution("a", "school", students=40, seed=1, now=NOW)
    place, planted = portal_and_registry(tmp_path, made, 1, store_url)
    first = place.json("reconcile")["discrepancies"]
    assert {d["state"] for d in first} == {"new"}
    at(place, hours=2)
    second = place.json("reconcile")["discrepancies"]
    assert {d["state"] for d in second} == {"confirmed"}
    assert [(d["id"], d["since"]) for d in second] == [(d["id"], d["since"]) for d in first]
    # the secretary's pupil is entered into the portal, the slip in the date is put right there
    new = next(p.key for p in planted if p.kind == "missing" and p.entity == "people" and p.absent == "portal")
    slip = next(p for p in planted if p.field == "birth_date")
    registry = registry_of(made, 1)[0]
    pupil = next(r for r in registry if isinstance(r, Person) and r.key == new)
    enrolment = next(r for r in registry if isinstance(r, Enrolment) and r.person == new)
    corrected = next(r for r in registry if isinstance(r, Person) and r.key == slip.key).birth_date
    portal: list[Record] = [
        *change(list(records_of(made)), str(slip.person), Person, birth_date=corrected),
        Person(key="900", role="student", family_name=pupil.family_name, given_name=pupil.given_name, birth_date=pupil.birth_date),
        Enrolment(key="900:1", person="900", group=enrolment.group.removeprefix("rg"), start=enrolment.start),
    ]  # fmt: skip
    reimport(place, portal, "left")
    third = place.json("reconcile")
    assert told(third["discrepancies"]) == expected(p for p in planted if p is not slip and p.key != new)
    assert len(third["institutions"][0]["fixed"]) == 2
    listed = place.json("discrepancies", "list", "--all")["discrepancies"]
    assert Counter(d["state"] for d in listed) == {"confirmed": len(first) - 2, "fixed": 2}


# -- an old portal and a new one -------------------------------------------------------------------------------------


@contextmanager
def both_portals(place: Installation, old: StandIn, new: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An institution whose journal stands at Dnevnik.ru and at «Моя школа», both served."""
    with serving(Door(old.app)) as there, serving(Door(new.app)) as here:
        place.institution("a")
        for key, connector, made, base, authority in (
            ("old", "dnevnik", old, there, 1),
            ("new", "mosreg", new, here, 10),
        ):
            monkeypatch.setenv(f"TOKEN_{key}", made.auth["token"]["token"])
            auth = {"kind": "token", "token": {"env": f"TOKEN_{key}"}}
            place.source(key, connector, base_url=base, remote_id=made.remote_id, authority=authority, auth=auth, requests_per_second=1000)  # fmt: skip
        yield


def test_an_old_portal_and_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """People, groups, lessons and marks are found again under quite other keys; what is changed at the new one is told."""
    made = make_institution("a", "school", students=24, seed=4, now=NOW)
    other = make_institution("a", "school", students=24, seed=4, now=NOW)
    place = Installation(tmp_path, now=NOW.isoformat())
    with both_portals(place, dnevnik.make(made), mosreg.make(other), monkeypatch):
        place.run("import")
        first = place.json("reconcile")
        matched = Counter(m["entity"] for m in first["matches"])
        assert matched["people"] == len(made.people)
        assert matched["groups"] == len(made.groups)
        assert matched["courses"] == len(made.courses)
        assert matched["lessons"] == len([x for x in made.lessons.values() if not x.cancelled])
        # what the portals do not say alike: why a pupil was absent, and the marks of physics, on a scale of ten
        assert {(d["entity"], d["kind"], d["field"]) for d in first["discrepancies"]} <= {
            ("attendance", "differs", "status"),
            ("marks", "differs", "value"),
            ("period_marks", "differs", "value"),
        }
        ten = {c.id for c in made.courses.values() if made.subjects[c.subject].name == "Физика"}
        assert all("Физика" in d["about"] for d in first["discrepancies"] if d["entity"] == "marks")
        edits = edit(other, ten)
        at(place, hours=1)
        place.run("import", "--source", "new", "--full")
        second = place.json("reconcile")
        fresh = [d for d in second["discrepancies"] if d["state"] == "new"]
        said = {
            (d["entity"], d["kind"], d["field"], d["left"] and d["left"]["value"], d["right"] and d["right"]["value"])
            for d in fresh
        }
        assert said == edits
        assert len(fresh) == len(edits)
        assert len(second["discrepancies"]) == len(first["discrepancies"]) + len(edits)


def edit(made: Institution, ten: set[int]) -> set[tuple[str, str, str | None, str | None, str | None]]:
    """Changes at the new portal, each as it must be told (the new one is left)."""
    lessons = [x for x in made.lessons.values() if x.recorded_at and x.course not in ten and x.topic]
    lesson = lessons[-3]
    before = lesson.topic
    lesson.topic = "Совсем другая тема"
    cells = Counter((made.works[m.work].lesson, m.student) for m in made.marks.values())
    alone = [m for m in made.marks.values() if m.type == "grade" and made.lessons[made.works[m.work].lesson].course not in ten
             and cells[made.works[m.work].lesson, m.student] == 1 and m.text in {"4", "5"}]  # fmt: skip
    changed, lost = alone[-1], alone[-7]
    was, changed.text = changed.text, "2"
    del made.marks[lost.id]
    absence = next(a for a in reversed(made.absences.values()) if a.status == "absent")
    del made.absences[absence.id]
    made.touched()
    return {
        ("lessons", "differs", "topic", "Совсем другая тема", before),
        ("marks", "differs", "value", "2", was),
        ("marks", "missing_left", None, None, lost.text),
        ("attendance", "missing_left", None, None, "absent"),
    }


# -- two folders of one journal --------------------------------------------------------------------------------------

JOURNAL = [r for r in region(24, 2) if not isinstance(r, Attendance)]
RIGHT = primed(JOURNAL)
SOME_MARK = next(r for r in RIGHT if isinstance(r, Mark) and r.meaning == "grade" and r.value == "5")
WORSE = change(RIGHT, SOME_MARK.key, Mark, value="2", grade=2)


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    made = two_folders(Installation(tmp_path, now=NOW.isoformat()))
    write_folder(tmp_path / "left", JOURNAL)
    write_folder(tmp_path / "right", WORSE)
    made.run("import")
    return made


def test_the_same_journal_under_other_keys(place: Installation) -> None:
    reimport(place, RIGHT)
    found = place.json("reconcile")
    assert found["discrepancies"] == []
    assert len(found["matches"]) > 1000
    assert "расхождений нет" in place.run("reconcile").stdout


def test_the_documents(place: Installation) -> None:
    document = place.json("reconcile")
    assert list(document)[:3] == ["pairs", "matches", "discrepancies"]
    (one,) = document["discrepancies"]
    assert list(one)[: len(DISCREPANCY)] == DISCREPANCY
    assert one["left"] == {"source": "a/left", "key": SOME_MARK.key[1:], "value": "5"}
    assert one["right"] == {"source": "a/right", "key": SOME_MARK.key, "value": "2"}
    assert (one["institution"], one["field"], one["state"], one["since"]) == ("a", "value", "new", NOW.isoformat())
    match = document["matches"][0]
    assert list(match) == ["institution", "entity", "left", "right", "score", "how"]
    assert match["left"]["source"] == "a/left"
    assert 0 < match["score"] <= 1
    assert place.json("discrepancies", "list") == {"discrepancies": [one]}
    assert place.json("discrepancies", "show", one["id"][:6]) == one
    assert place.json("people", "candidates") == {"candidates": []}


def test_the_tables(place: Installation) -> None:
    said = place.run("reconcile").stdout
    assert "отметка" in said
    assert "различается: значение" in said
    assert "a/left: 5" in said
    assert "Людей сопоставлено" in said
    listed = place.run("discrepancies", "list").stdout
    assert "новое" in listed
    shown = place.run("discrepancies", "show", place.json("discrepancies", "list")["discrepancies"][0]["id"]).stdout
    assert "Состояние: новое" in shown
    assert "Обнаружено: 20.11.2026 18:00" in shown
    assert not re.search(r"(?m)^[a-z_]+: ", shown)


def test_accept_and_resolve(place: Installation) -> None:
    (one,) = place.json("reconcile")["discrepancies"]
    done = place.json("discrepancies", "accept", one["id"][:6], "--why", " так  и было ")["discrepancies"]
    assert [(d["state"], d["note"]) for d in done] == [("accepted", "так и было")]
    again = place.run("discrepancies", "accept", one["id"]).stdout
    assert re.search(rf"{one['id']}: уже принято: .* \(причина: так и было\)", again)
    assert place.json("discrepancies", "show", one["id"])["note"] == "так и было"
    at(place, hours=1)
    assert [d["state"] for d in place.json("reconcile")["discrepancies"]] == ["accepted"]
    assert place.json("discrepancies", "list", "--state", "new")["discrepancies"] == []
    assert len(place.json("discrepancies", "list", "--state", "accepted")["discrepancies"]) == 1
    assert "исправлено" in place.run("discrepancies", "resolve", one["id"]).stdout
    reimport(place, WORSE)
    assert [d["state"] for d in place.json("reconcile")["discrepancies"]] == ["back"]


def test_filters(place: Installation) -> None:
    reimport(place, without(WORSE, next(r.key for r in RIGHT if isinstance(r, Enrolment) and r.end is None), Enrolment))
    place.run("reconcile")
    every = place.json("discrepancies", "list")["discrepancies"]
    assert len(every) == 2
    assert len(place.json("discrepancies", "list", "--entity", "marks")["discrepancies"]) == 1
    assert len(place.json("discrepancies", "list", "--kind", "missing_right")["discrepancies"]) == 1
    assert len(place.json("discrepancies", "list", "--institution", "a")["discrepancies"]) == 2
    for option in ("--entity", "--kind", "--state"):
        assert "is none of" in place.run("discrepancies", "list", option, "nonsense", status=2).stderr
    place.run("discrepancies", "list", "--institution", "nowhere", status=2)
    place.run("reconcile", "--institution", "nowhere", status=2)


def test_what_is_not_there(place: Installation) -> None:
    place.run("reconcile")
    assert "расхождения «zzz» нет" in place.run("discrepancies", "show", "zzz", status=1).stderr
    assert place.json("discrepancies", "show", "zzz", status=1)["error"]["code"] == "not_found"
    assert "расхождения «zzz» нет" in place.run("discrepancies", "accept", "zzz", status=1).stderr
    assert "нет человека с ключом" in place.run("people", "confirm", "a/left:1", "a/right:nobody", status=1).stderr
    assert place.json("people", "split", "a/left:1", status=1)["error"]["code"] == "decision"


def test_decisions_survive_every_run(place: Installation) -> None:
    twin = next(r for r in RIGHT if isinstance(r, Person) and r.role == "student")
    renamed = change(RIGHT, twin.key, Person, given_name="Ярополк")
    reimport(place, renamed)
    done = place.run("reconcile")
    assert "сомнительных пар: 1; решает человек: svod people candidates" in done.stderr
    assert twin.family_name is not None
    assert twin.family_name not in done.stderr, "names stand only where they were asked for"
    (candidate,) = place.json("people", "candidates")["candidates"]
    assert list(candidate) == ["id", "institution", "left", "right", "score", "how"]
    assert candidate["right"]["name"].split()[1] == "Ярополк"
    assert "Ярополк" in place.run("people", "candidates").stdout
    said = place.json("people", "confirm", candidate["id"])
    assert said == {
        "institution": "a", "decision": "confirmed", "left": {"source": "a/left", "key": twin.key[1:]},
        "right": {"source": "a/right", "key": twin.key},
    }  # fmt: skip
    for _ in range(2):
        reimport(place, renamed)
        (one,) = place.json("reconcile")["discrepancies"]
        assert (one["entity"], one["kind"], one["field"]) == ("people", "differs", "given_name")
    assert place.json("people", "candidates") == {"candidates": []}
    assert "разные люди" in place.run("people", "split", f"a/right:{twin.key}", f"a/left:{twin.key[1:]}").stdout
    for _ in range(2):
        reimport(place, renamed)
        found = told(place.json("reconcile")["discrepancies"])
        assert ("people", "missing_left", None, None, twin.key) in found
        assert ("people", "missing_right", None, twin.key[1:], None) in found
    assert place.json("people", "candidates") == {"candidates": []}


def test_an_earlier_moment_stores_nothing(place: Installation) -> None:
    place.run("reconcile")
    kept = place.json("discrepancies", "list")
    at(place, hours=-1)
    done = place.run("reconcile")
    assert "итог показан, но не сохранён" in done.stderr
    assert place.json("discrepancies", "list") == kept
    document = place.json("reconcile")
    assert len(document["discrepancies"]) == 1
    assert document["institutions"][0]["stored"] is False


def test_one_source_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    write_folder(tmp_path / "left", JOURNAL)
    place = Installation(tmp_path).institution("a").source("left", "files", layout="canonical", path="left")
    place.run("import")
    assert place.json("reconcile")["pairs"] == []
    assert "сравнивать нечего" in place.run("reconcile").stdout


# -- what was not read, or not understood ----------------------------------------------------------------------------


def test_a_file_that_is_missing_or_partial_leaves_nothing_missing(place: Installation, tmp_path: Path) -> None:
    (tmp_path / "right" / "marks.ndjson").unlink()
    part = two_folders(Installation(tmp_path / "part", now=NOW.isoformat()))
    write_folder(part.folder / "left", JOURNAL)
    write_folder(part.folder / "right", [r for r in RIGHT if not isinstance(r, Mark)])
    part.run("import")
    assert part.json("reconcile")["discrepancies"] == []
    some = Installation(tmp_path / "some", now=NOW.isoformat()).institution("a")
    some.source("left", "files", layout="canonical", path="left", authority=2)
    some.source("right", "files", layout="canonical", path="right", partial=True)
    write_folder(some.folder / "left", JOURNAL)
    write_folder(some.folder / "right", RIGHT[: len(RIGHT) // 2])
    some.run("import", status=None)
    found = some.json("reconcile")["discrepancies"]
    assert [d for d in found if d["kind"] == "missing_right"] == []


@pytest.mark.parametrize("entity", ["people", "enrolments", "lessons", "works", "marks", "period_marks"])
def test_garbage_is_not_absence(place: Installation, entity: str) -> None:
    """Records that come broken are in quarantine, their dependents wait: no false `missing`, and the rest is compared."""
    at(place, hours=1)
    write_folder(place.folder / "right", RIGHT)
    path = place.folder / "right" / f"{entity}.ndjson"
    lines = path.read_text(encoding="utf-8").splitlines()
    spoilt = [lines[3], lines[len(lines) // 2], lines[-4]]
    broken = {"people": "birth_date", "enrolments": "start", "lessons": "number", "works": "weight", "marks": "grade",
              "period_marks": "grade"}[entity]  # fmt: skip
    spoilt[0] = spoil(spoilt[0], broken, {"no": "value"})
    spoilt[1] = spoil(spoilt[1], broken, [1])
    spoilt[2] = spoilt[2][: len(spoilt[2]) * 2 // 3]
    lines[3], lines[len(lines) // 2], lines[-4] = spoilt
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    place.run("import", status=3)
    assert len(place.json("quarantine", "list")["quarantine"]) >= 3
    assert place.json("reconcile")["discrepancies"] == []
    # what is repaired later is compared as if nothing had been
    reimport(place, WORSE, status=None)
    (one,) = place.json("reconcile")["discrepancies"]
    assert (one["entity"], one["kind"]) == ("marks", "differs")


def spoil(line: str, field: str, value: object) -> str:
    return json.dumps({**json.loads(line), field: value}, ensure_ascii=False)
