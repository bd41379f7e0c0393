"""One institution with two sources: the archive of the Moscow region's old School Portal, and «Моя школа»."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import connectors.mosreg.portal.standin as old_portal
import connectors.mosreg.standin as new_portal
from connectors.conformance.bench import keep_classes, keep_days
from connectors.standins.region import Institution, make_institution
from connectors.standins.server import Door, StandIn, serving
from svod.settings import load
from tests.sites import ROOT, Installation

THEN = datetime.fromisoformat("2023-08-31T18:00:00+03:00")
NOW = datetime.fromisoformat("2026-11-20T18:00:00+03:00")


def school(now: datetime, *, gone: int, days: int = 14) -> Institution:
    """The school in one year, with the lessons of two weeks; one pupil (`gone`, from the end) is not there that year."""
    made = make_institution("s", "school", students=16, now=now)
    keep_classes(made, 2)
    first = made.year.start + timedelta(days=27)
    keep_days(made, first, first + timedelta(days=days))
    pupil = sorted(p.id for p in made.students)[-gone]
    for group in made.groups.values():
        group.members = [m for m in group.members if m.person != pupil]
    for table in (made.marks, made.absences, made.period_marks):
        for number in [n for n, row in table.items() if row.student == pupil]:  # type: ignore[attr-defined]
            del table[number]
    del made.people[pupil]
    made.touched()
    return made


def the_same_people(one: Institution, other: Institution) -> set[int]:
    """Who is in both; the region makes the same people in every year."""
    both = one.people.keys() & other.people.keys()
    assert {n: one.people[n] for n in both} == {n: other.people[n] for n in both}
    return both


def source_of(standin: StandIn, base: str) -> dict[str, Any]:
    quick = {"requests_per_second": 1000, "concurrency": 4}  # the portals are our own
    return {"base_url": base, "remote_id": standin.remote_id, "authority": 5, **quick}


def test_years_that_only_one_portal_has_are_no_differences(tmp_path: Path) -> None:
    then, now = school(THEN, gone=1), school(NOW, gone=2)
    both = the_same_people(then, now)
    archive, portal = old_portal.make(then), new_portal.make(now)
    place = Installation(tmp_path, now=NOW.isoformat()).institution("s")
    with ExitStack() as running:
        env = {}
        for key, standin, product in (("archive", archive, "portal"), ("portal", portal, "myschool")):
            base = running.enter_context(serving(Door(standin.app)))
            env[f"TOKEN_{product}"] = standin.auth["token"]["token"]
            auth = {"kind": "token", "token": {"env": f"TOKEN_{product}"}}
            place.source(key, "mosreg", product=product, auth=auth, **source_of(standin, base))
        imported = json.loads(place.run("--json", "import", env=env).stdout)
        assert {s["source"]: s["status"] for s in imported["sources"]} == {"s/archive": "ok", "s/portal": "ok"}
        years = {r["academic_year"] for r in exported(place, "groups") if r["source"] == "s/archive"}
        assert not [
            d for s in place.json("status")["sources"] for d in s["drift"] if d["kind"] == "unresolved_reference"
        ]
        assert years == {"2022/2023"}  # without dates: the last year that the old portal has
        again = json.loads(place.run("--json", "import", env=env).stdout)
        assert not [c for s in again["sources"] for c in s["entities"].values() if c["removed"] or c["inserted"]]
    found = place.json("reconcile")
    people = [m for m in found["matches"] if m["entity"] == "people"]
    assert len(people) == len([n for n in both if not (then.people[n].dismissed or now.people[n].dismissed)])
    assert found["discrepancies"] == [], Counter((d["entity"], d["kind"], d["field"]) for d in found["discrepancies"])
    assert found["pairs"] == [{"institution": "s", "left": "s/archive", "right": "s/portal"}]


def test_the_example_configuration_is_one() -> None:
    site = load(ROOT / "docs" / "examples" / "mosreg-two-portals.toml")
    (institution,) = site.settings.institution
    assert [(s.connector, s.product) for s in institution.source] == [("mosreg", None), ("mosreg", "portal")]


def exported(place: Installation, entity: str) -> list[dict[str, Any]]:
    place.run("export", "ndjson", "out")
    text = (place.folder / "out" / f"{entity}.ndjson").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]
