"""The toy portal through the command line, as one who has installed it uses it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from canonical.cleaning import decode
from connectors.conformance.bench import AUTUMN, Changing, keep_days
from connectors.conformance.harness import differences
from connectors.standins.region import make_institution
from connectors.standins.server import StandIn, serving
from tests.sites import ROOT, Installation
from tests.toy_portal.conftest import install

MOSCOW = ZoneInfo("Europe/Moscow")


@dataclass
class Site:
    standin: StandIn
    place: Installation
    changing: Changing

    def svod(self, *arguments: str, status: int = 0) -> Any:
        env = {"TOY_PASSWORD": self.standin.auth["password"]["password"]}
        return self.place.json(*arguments, status=status, env=env)

    def drift(self) -> dict[tuple[str, str], int]:
        """What `svod status` shows: (kind, place.name) -> count."""
        (source,) = self.svod("status")["sources"]
        return {(d["kind"], f"{d['place']}.{d['name']}"): d["count"] for d in source["drift"]}

    def differing(self) -> list[str]:
        got = {e: {r["key"]: decode(e, json.dumps(r)) for r in some} for e, some in self.place.export().items()}
        return differences(self.standin.truth(), got, MOSCOW)


@pytest.fixture
def site(installed: object, tmp_path: Path) -> Iterator[Site]:
    from toy_portal.standin import make

    place = make_institution("toy", "school", students=16, now=datetime(2026, 11, 20, 18, tzinfo=MOSCOW))
    keep_days(place, *AUTUMN[1:])
    standin = make(place)
    changing = Changing(standin.app, lambda _, body: body, None)
    with serving(changing) as base:
        here = Installation(tmp_path).institution("school").source(
            "portal", "toy", base_url=base, requests_per_second=1000, lookback_days=80,
            auth={"kind": "password", "login": "head", "password": {"env": "TOY_PASSWORD"}},
        )  # fmt: skip
        yield Site(standin, here, changing)


def test_an_import_is_the_truth_and_changes_nothing_the_second_time(site: Site) -> None:
    assert site.svod("check")["sources"][0]["ok"]
    first = site.svod("import")["sources"][0]["entities"]
    assert site.differing() == []
    assert site.svod("import")["sources"][0]["entities"]["marks"]["unchanged"] == first["marks"]["inserted"] > 50
    assert site.drift() == {}


def _without(name: str) -> Callable[[str, Any], Any]:
    def change(asked: str, body: Any) -> Any:
        if "/api/lessons" in asked:
            body["items"] = [{k: v for k, v in item.items() if k != name} for item in body["items"]]
        return body

    return change


def test_a_field_that_stays_away_is_shown_until_it_comes_again(site: Site) -> None:
    site.svod("import")
    site.changing.change = _without("topic")
    site.svod("import")
    lessons = len(site.standin.institution.lessons)
    assert site.drift() == {("missing_field", "Lesson.topic"): lessons}
    site.changing.change = lambda _, body: body
    site.svod("import")
    assert site.drift() == {}
    assert site.differing() == []


def _strange(asked: str, body: Any) -> Any:
    if "/api/lessons" in asked:
        for item in body["items"]:
            item["mood"] = "good"
            item["state"] = "dreamt" if item["state"] == "off" else item["state"]
    return body


def test_new_fields_and_words_are_counted_and_keep_their_records(site: Site) -> None:
    place = site.standin.institution
    off = {str(x.id) for x in place.lessons.values() if x.cancelled}
    assert off
    site.changing.change = _strange
    expected = {
        ("unknown_field", "Lesson.mood"): len(place.lessons),
        ("unknown_value", "Lesson.status=dreamt"): len(off),
    }
    for _ in range(2):  # the second time nothing is mapped anew, and what drifts is shown all the same
        site.svod("import")
        assert site.drift() == expected
    lessons = {r["key"]: r for r in site.place.export()["lessons"]}
    assert len(lessons) == len(place.lessons)
    assert {k for k, r in lessons.items() if r.get("raw")} == off
    assert {(r["status"], r["raw"]["status"]) for r in lessons.values() if r.get("raw")} == {(None, "dreamt")}
    shown = site.place.run("status").stdout
    assert f"unknown field Lesson.mood × {len(place.lessons)}" in shown


def test_in_a_process_of_its_own_it_is_listed_and_tells_its_truth(tmp_path: Path) -> None:
    """Nothing but an entry point makes it known: no line outside its folder names it."""
    path = ":".join([*install(tmp_path), str(ROOT)])

    def svod(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "svod", *arguments], cwd=tmp_path, env={"PYTHONPATH": path}, check=True,
            capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout

    listed = {c["name"]: c for c in json.loads(svod("--json", "connectors", "list"))["connectors"]}
    assert {"toy", "dnevnik", "mosreg", "asurso", "files"} <= listed.keys()
    assert listed["toy"]["products"]["api"]["limits"]
    assert listed["toy"]["tier"] == "gold"
