"""Text files in blocks of whole lines."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.files.blocks import blocks


@settings(deadline=None)
@given(st.lists(st.sampled_from([b"\n", b"{}", b" ", b"\r", b"\0", "ё".encode()])).map(b"".join), st.integers(1, 9))
@example(b"", 4)
@example(b"\n\n", 1)
@example(b"no end", 2)
def test_they_are_the_file_and_their_lines_have_its_numbers(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, size: int
) -> None:
    file = tmp_path_factory.mktemp("blocks") / "x"
    file.write_bytes(content)
    made = list(blocks(file, size))
    assert b"".join(b.body for b in made) == content
    assert [b.number for b in made] == list(range(len(made)))
    assert all(b.body.endswith(b"\n") for b in made[:-1])
    lines = [(n, line.strip()) for n, line in enumerate(content.split(b"\n"), 1) if line.strip()]
    assert [x for b in made for x in b.numbered(range(len(b.lines)))] == lines
