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

from canonical.store import keyset
from canonical.store.engine import StoreError
from canonical.store.keyset import KeySet
from canonical.store.lines import LineIndex
from canonical.store.shelf import is_shelved, put_back, shelved

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


@settings(deadline=None)
@given(st.lists(st.integers(0, 30), max_size=20), st.lists(st.tuples(st.sampled_from("mfr"), st.integers(0, 30))))
def test_lines_are_known_until_their_records_are_replaced(stood: list[int], told: list[tuple[str, int]]) -> None:
    index = LineIndex(shelved([np.array(sorted(set(stood)), dtype=np.int64)], np.int64))
    met, replaced = set[int](), set[int]()
    for what, line in told:
        if what == "m":
            known, new = index.meet(np.array([line, line], dtype=np.int64))
            stands = line in stood and line not in replaced
            assert known.tolist() == [stands] * 2
            assert new == int(stands and line not in met)
            met |= {line} if stands else set()
        elif what == "f":
            index.forget([line])
            replaced |= {line} & set(stood)
        else:
            index.rest()
        assert index.has_met(line) == (line in met and line not in replaced)
    assert index.has_unmet() == bool(set(stood) - met - replaced)


def test_no_room_for_it_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(**_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(StoreError, match=f"temporary files in {tmp_path}: No space left on device. Free some space"):
        shelved([np.zeros(3, dtype=np.int64)], np.int64)
