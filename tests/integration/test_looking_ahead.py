"""Which lines stand is looked up before their turn comes: what happens in between must not be missed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from canonical.entities import Mark, Work
from canonical.store import lookahead
from canonical.store.engine import StoreError
from canonical.store.lookahead import LinesAhead
from tests.sites import Installation, write_folder
from tests.stores import CLASS

MARK = Mark(key="m", work="w1", student="p1", value="5", grade=5, meaning="grade")
ELSEWHERE = replace(MARK, work="w9")


@pytest.fixture
def place(tmp_path: Path, store_url: str) -> Installation:
    installation = Installation(tmp_path / "site", url=store_url).institution("a")
    return installation.source("f", "files", layout="canonical", path="../drop")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Of which entities the lines were looked up ahead when their turn came, and whether they could be used."""
    taken: dict[str, bool] = {}
    take = LinesAhead.take

    def noted(self: Any, entity: str) -> Any:
        was_asked = entity in self._coming
        index = take(self, entity)
        if was_asked:
            taken[entity] = index is not None
        return index

    monkeypatch.setattr(LinesAhead, "take", noted)
    return taken


def test_the_lines_of_what_comes_next_are_looked_up(
    tmp_path: Path, place: Installation, found: dict[str, bool]
) -> None:
    write_folder(tmp_path / "drop", [*CLASS, MARK])
    place.run("import")
    assert not found, "of a first import there is nothing to look up"
    write_folder(tmp_path / "drop", [*CLASS, replace(MARK, value="4", grade=4)])
    place.run("import")
    assert found["marks"]
    assert [m["value"] for m in place.export()["marks"]] == ["4"]


def test_a_row_replaced_before_the_turn_of_its_line(
    tmp_path: Path, place: Installation, found: dict[str, bool]
) -> None:
    write_folder(tmp_path / "drop", [*CLASS, MARK])
    place.run("import")
    write_folder(tmp_path / "drop", [*CLASS, ELSEWHERE])  # it waits for a work that is not there yet
    place.run("import", status=3)
    write_folder(tmp_path / "drop", [*CLASS, Work(key="w9", course="c", lesson="l1"), MARK])
    found.clear()
    place.run("import")  # w9 lets the mark in that waited; then its line comes as it was at first
    assert not found["marks"]
    assert [m["work"] for m in place.export()["marks"]] == ["w1"]


def test_the_look_fails(tmp_path: Path, place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path / "drop", [*CLASS, MARK])
    place.run("import")
    before = place.export()
    write_folder(tmp_path / "drop", [*CLASS, replace(MARK, value="4", grade=4)])

    def full(*_: object) -> None:
        raise StoreError("temporary files in somewhere: No space left on device. Free some space there.")

    with monkeypatch.context() as patch:
        patch.setattr(lookahead, "_look_up", full)
        assert "Free some space" in place.run("import", status=1).stderr
    assert place.export() == before
    place.run("import")
    assert [m["value"] for m in place.export()["marks"]] == ["4"]
