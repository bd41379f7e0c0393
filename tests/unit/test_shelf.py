"""What an intake remembers of its lines and keys, laid aside on the disk and taken up again."""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from canonical.store import Store, keyset
from canonical.store import lines as stored_lines
from canonical.store.engine import StoreError, writing
from canonical.store.keyset import KeySet
from canonical.store.lines import LineIndex
from canonical.store.shelf import is_shelved, put_back, shelved
from canonical.tables import ROWS

NUMBERS = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=40)


@settings(deadline=None)
@given(st.lists(NUMBERS, max_size=6))
def test_a_shelved_array_holds_what_was_put_into_it_and_what_is_written_later(parts: list[list[int]]) -> None:
    made = shelved((np.array(p, dtype=np.int64) for p in parts), np.int64)
    all_ = [n for p in parts for n in p]
    assert made.tolist() == all_
    assert is_shelved(made) == bool(all_)
    made.sort()
    put_back(made)
    assert made.tolist() == sorted(all_)


@settings(deadline=None)
@given(st.lists(st.tuples(st.lists(st.text(max_size=3), max_size=20), st.booleans()), max_size=10))
def test_a_set_of_keys_is_the_same_after_a_rest(blocks: list[tuple[list[str], bool]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyset, "_SMALL", 3)
        patch.setattr(keyset, "_YOUNG", 8)
        keys, model = KeySet(), set[str]()
        for block, rests in blocks:
            assert sum(keys.add_new(block)) == len(set(block) - model)
            model |= set(block)
            if rests:
                keys.rest()
        everything = [k for block, _ in blocks for k in block]
        assert keys.holds([*everything, "absent"]) == [*(True for _ in everything), False]
        assert len(KeySet(keys.pack())) == len(model)


LINES = st.lists(st.integers(0, 30), min_size=1, max_size=8)


@settings(deadline=None)
@given(st.lists(st.integers(0, 30), max_size=20), st.lists(st.tuples(st.sampled_from("mfr"), LINES)))
def test_lines_are_known_until_their_records_are_replaced(stood: list[int], told: list[tuple[str, list[int]]]) -> None:
    index = LineIndex(shelved([np.array(sorted(set(stood)), dtype=np.int64)], np.int64))
    met, replaced = set[int](), set[int]()
    for what, lines in told:
        stand = [line in stood and line not in replaced for line in lines]
        if what == "m":
            known, new = index.meet(np.array(lines, dtype=np.int64))
            assert known.tolist() == stand
            come = {line for line, stands in zip(lines, stand, strict=True) if stands}
            assert new == len(come - met)
            met |= come
        elif what == "f":
            index.forget(lines)
            replaced |= {*lines} & {*stood}
        else:
            index.rest()
            assert index.knows_all(np.array(lines, dtype=np.int64)) == all(stand)
        assert [index.has_met(line) for line in lines] == [line in met and line not in replaced for line in lines]
    assert index.has_unmet() == bool(set(stood) - met - replaced)


@pytest.mark.parametrize("count", [0, 1, 6, 7])
def test_those_of_a_store_are_all_loaded(count: int, store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are read at once; those of other sources, of what is gone and of what came by another way are not."""
    monkeypatch.setattr(stored_lines, "_MANY", 3)
    numbers = [(-1) ** n * (2**63 - 1 - n) for n in range(count)]
    row = {"name": "Алгебра", "hash": 0, "since": 1, "origin": None, "removed": None}
    others = [(1, "gone", 11, 2), (1, "other", None, None), (2, "s0", 12, None)]
    rows = [{**row, "source": 1, "key": f"s{n}", "line": line} for n, line in enumerate(numbers)]
    rows += [{**row, "source": s, "key": key, "line": line, "removed": gone} for s, key, line, gone in others]
    store = Store(store_url)
    with writing(store.engine) as connection:
        connection.execute(insert(ROWS["subjects"]), rows)
        index = LineIndex.load(connection, 1, "subjects")
    store.close()
    known, met = index.meet(np.array([*numbers, 11, 12], dtype=np.int64))
    assert (known.tolist(), met) == ([True] * count + [False] * 2, count)


def test_no_room_for_it_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(**_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(StoreError, match=f"temporary files in {tmp_path}: No space left on device. Free some space"):
        shelved([np.zeros(3, dtype=np.int64)], np.int64)
