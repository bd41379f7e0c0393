"""One institution as its portals would each give it: what they tell of it in their own ways is no difference."""

from __future__ import annotations

from collections import Counter
from functools import cache
from types import ModuleType
from typing import Literal

import pytest

import connectors.asurso.standin as asurso
import connectors.dnevnik.standin as dnevnik
import connectors.mosreg.standin as mosreg
from canonical.cleaning import clean
from canonical.coverage import Axis, Selector
from canonical.entities import Record, entity_of
from canonical.view import Covered, JournalView
from connectors.registry import manifest
from connectors.standins.region import Institution, make_institution
from connectors.standins.registry import registry_of
from reconcile.pair import Outcome, reconcile_pair
from tests.journals import NOW, everything, view

Kind = Literal["school", "college"]
PORTALS: dict[str, tuple[ModuleType, str]] = {"dnevnik": (dnevnik, ""), "mosreg": (mosreg, "myschool"), "asurso": (asurso, "spo")}  # fmt: skip


@cache
def institution(kind: Kind, seed: int) -> Institution:
    return make_institution("a", kind, students=40, seed=seed, now=NOW)


@cache
def records(portal: str, kind: Kind, seed: int) -> list[Record]:
    made = institution(kind, seed)
    return [clean(r, made.zone) for r in PORTALS[portal][0].make(made).truth()]


def journal(portal: str, kind: Kind, seed: int, *, covered: list[Covered] | None = None) -> JournalView:
    said = manifest(portal).product(PORTALS[portal][1] or None).capabilities
    found = records(portal, kind, seed)
    return view(found, f"a/{portal}", capabilities=said, covered=None if covered is None else (), scopes=covered or ())


def compared(left: JournalView, right: JournalView) -> Outcome:
    return reconcile_pair(left, right, day=NOW.date())


@pytest.mark.parametrize(("kind", "left", "right"), [
    ("school", "dnevnik", "mosreg"), ("college", "dnevnik", "mosreg"), ("college", "dnevnik", "asurso"),
    ("college", "mosreg", "asurso"),
])  # fmt: skip
@pytest.mark.parametrize("seed", [1, 2])
def test_two_portals_of_one_institution(kind: Kind, left: str, right: str, seed: int) -> None:
    made = institution(kind, seed)
    found = compared(journal(left, kind, seed), journal(right, kind, seed))
    told = Counter((d.entity, d.kind, d.field) for d in found.differences)
    assert found.doubtful == []
    assert set(told) <= {
        ("attendance", "differs", "status"),  # «Моя школа» does not always tell why somebody was absent
        ("marks", "differs", "value"),  # physics at «Моя школа» is marked with ten points
        ("period_marks", "differs", "value"),
        ("lessons", "differs", "homework"),  # АСУ РСО has tasks of its own beside the homework
        ("lessons", "differs", "status"),  # held without a topic, a mark or an absence: Dnevnik.ru cannot know it
        ("enrolments", "differs", "end"),
        ("enrolments", "differs", "status"),
        ("subjects", "missing_left", None),  # one subject of АСУ РСО goes by two names
        ("subjects", "missing_right", None),
        ("people", "missing_right", None),  # a teacher who has left is not on its list
    }
    assert told["people", "missing_right", None] <= 1
    assert told["lessons", "differs", "status"] <= 1
    assert told["enrolments", "differs", "status"] + told["enrolments", "differs", "end"] <= 2
    assert all("Физика" in d.about for d in found.differences if d.entity == "marks")
    assert len(found.matches["people"]) >= len(made.people) - 1
    assert len(found.matches["groups"]) == len(made.groups)
    lessons = {records_of_one["lessons"] for records_of_one in (_count(left, kind, seed), _count(right, kind, seed))}
    assert len(found.matches["lessons"]) > 0.8 * min(lessons)


def _count(portal: str, kind: Kind, seed: int) -> Counter[str]:
    return Counter(entity_of(r) for r in records(portal, kind, seed))


@pytest.mark.parametrize(("portal", "kind"), [("dnevnik", "school"), ("mosreg", "school"), ("asurso", "college")])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_registry_beside_each_portal(portal: str, kind: Kind, seed: int) -> None:
    """«Моя школа» is never read by a list of people: who is missing there is missing in its rosters."""
    registry, planted = registry_of(institution(kind, seed), seed)
    whole = [everything("people")] if portal != "mosreg" else []
    year = {"axis": Axis.ACADEMIC_YEAR, "start": "2026/2027", "end": "2026/2027"}
    covered = [Covered(e, Selector.INSTITUTION, None, at=NOW, **year) for e in ("groups", "enrolments")]  # type: ignore[arg-type]
    there = view(registry, "a/registry", covered=("people", "groups", "enrolments"))
    found = compared(journal(portal, kind, seed, covered=[*whole, *covered]), there)
    sides = {"portal": "missing_left", "registry": "missing_right"}
    expected = Counter((p.entity, sides.get(p.absent or "", p.kind), p.field, p.key) for p in planted)
    told = Counter((d.entity, d.kind, d.field, d.right.key if d.right else None) for d in found.differences)
    extra = told - expected
    assert expected - told == Counter()
    assert {(entity, kind, field) for entity, kind, field, _ in extra} <= {("enrolments", "differs", "end")}
    assert extra.total() <= 1  # «Моя школа» says when a pupil began in the new class, not when they left the old one
