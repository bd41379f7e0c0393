"""Large files are read in a process beside the one that stores: the store must not show it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from canonical.batch import Ready
from canonical.entities import Mark
from connectors.files import beside, connector
from tests.sites import Installation, write_folder
from tests.stores import CLASS

MARKS = [Mark(key=f"m{n}", work=f"w{n % 2 + 1}", student="p1", value="5", grade=5, meaning="grade") for n in range(50)]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Ready | None]:
    """Even the smallest file is read ahead; gives what came of it."""
    given: list[Ready | None] = []
    read = beside.Beside.read

    def noted(self: Any, *arguments: Any) -> Ready | None:
        given.append(read(self, *arguments))
        return given[-1]

    monkeypatch.setattr(connector, "WORTH_IT", 0)
    monkeypatch.setattr(beside.Beside, "read", noted)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    return given


def place_at(folder: Path, url: str = "sqlite:///svod.db") -> Installation:
    return Installation(folder, url=url).institution("a").source("f", "files", layout="canonical", path="../drop")


def ledger(place: Installation) -> dict[str, Any]:
    entities: dict[str, Any] = place.json("import", status=None)["sources"][0]["entities"]
    return entities


def quarantine(place: Installation) -> list[tuple[Any, ...]]:
    rows = place.json("quarantine", "list")["quarantine"]
    return sorted((r["entity"], r["key"] or "", r["kind"], r["reason"]) for r in rows)


def test_it_ends_as_without_it(tmp_path: Path, store_url: str, answers: list[Ready | None]) -> None:
    write_folder(tmp_path / "drop", [*CLASS, *MARKS])
    place = place_at(tmp_path / "ahead", store_url)
    first = ledger(place)
    assert answers
    assert all(answers)
    assert sum(a.count for a in answers if a) == len([r for r in (*CLASS, *MARKS) if type(r).__name__ != "Person"])
    asked = len(answers)
    assert all(e["unchanged"] == e["received"] for e in ledger(place).values())
    assert len(answers) == asked, "what is known is not read again"

    connector.WORTH_IT = 1 << 40
    calm = place_at(tmp_path / "calm")
    assert ledger(calm) == first
    assert calm.export() == place.export()


def test_what_is_broken_is_set_aside_as_without_it(tmp_path: Path, answers: list[Ready | None]) -> None:
    write_folder(tmp_path / "drop", [*CLASS, *MARKS])
    with (tmp_path / "drop" / "marks.ndjson").open("ab") as file:
        file.write(
            b'{"key": "m1", "work": "w1", "student": "p1", "value": "2", "recorded_at": "2026-10-02T09:00:00"}\n'
        )
        file.write(b'{"key": "bad", "work": "w1"}\n')
        file.write(b'{"key": "early", "work": "nowhere", "student": "p1", "value": "4"}\n')
        file.write(b'  {"key": " loose ", "work": "w1", "student": "p1", "value": "  3  "}  \n')
    place = place_at(tmp_path / "ahead")
    first = ledger(place)
    assert None in answers
    connector.WORTH_IT = 1 << 40
    calm = place_at(tmp_path / "calm")
    assert ledger(calm) == first
    assert calm.export() == place.export()
    assert quarantine(calm) == quarantine(place)
    assert {m["key"]: m["value"] for m in place.export()["marks"]}["loose"] == "3"


def test_the_process_dies(tmp_path: Path, answers: list[Ready | None], monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path / "drop", [*CLASS, *MARKS])
    start = beside.Beside._start

    def killed(self: Any) -> Any:
        pipe = start(self)
        self._process.kill()
        self._process.join()
        return pipe

    monkeypatch.setattr(beside.Beside, "_start", killed)
    place = place_at(tmp_path / "ahead")
    assert ledger(place)["marks"]["inserted"] == len(MARKS)
    assert answers
    assert not any(answers)
