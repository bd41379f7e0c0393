"""Files that a person has named: whole or not at all, and devices stay devices."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from canonical.writing import WriteError, check_target, explained, whole_file


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


def write(path: Path, body: bytes = b"new") -> None:
    with whole_file(path) as file:
        file.write(body)


def test_a_new_file_gets_what_the_umask_leaves_and_an_old_one_keeps_its_mode(tmp_path: Path) -> None:
    write(tmp_path / "new")
    (tmp_path / "old").write_bytes(b"old")
    (tmp_path / "old").chmod(0o604)
    write(tmp_path / "old")
    modes = {p.name: (p.read_bytes(), stat.S_IMODE(p.stat().st_mode)) for p in tmp_path.iterdir()}
    assert modes == {"new": (b"new", 0o640), "old": (b"new", 0o604)}


def test_the_draft_is_private_and_beside_the_file(tmp_path: Path) -> None:
    with whole_file(tmp_path / "a"):
        (draft,) = tmp_path.iterdir()
        assert stat.S_IMODE(draft.stat().st_mode) == 0o600


@pytest.mark.parametrize("trouble", [ValueError, KeyboardInterrupt, OSError])
def test_nothing_is_left_when_writing_fails(tmp_path: Path, trouble: type[BaseException]) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises((trouble, WriteError)), whole_file(path) as file:
        file.write(b"half")
        raise trouble
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert path.read_bytes() == b"old"


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for name in ("known", "fresh"):
        (tmp_path / name).symlink_to(tmp_path / "there" / name)
    (tmp_path / "there" / "known").write_bytes(b"old")
    for name in ("known", "fresh"):
        write(tmp_path / name)
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / "there" / name).read_bytes() == b"new"


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write(pipe)
    reader.join()
    assert got == [b"new"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_device_stays_a_device(tmp_path: Path) -> None:
    null = tmp_path / "null"
    null.symlink_to("/dev/null")
    write(null)
    assert stat.S_ISCHR(null.stat().st_mode)
    with pytest.raises(WriteError, match=r"^/dev/full: there is no space left; free some"):
        write(Path("/dev/full"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("folder", "is a folder; name a file in it"),
        ("none/a", "its folder is not there; make it, or name another place"),
        ("file/a", "there is a file where a folder is needed; name another place"),
        ("lonely", "its folder is not there; make it, or name another place"),
        ("x" * 300, "cannot be written: File name too long; name another place"),
    ],
)
def test_what_cannot_be_is_said_of_the_name_that_was_given(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "lonely").symlink_to("nowhere/a")
    path = tmp_path / name
    for attempt in (check_target, write):
        with pytest.raises(WriteError) as told:
            attempt(path)
        assert str(told.value) == f"{path}: {message}"
    assert {p.name for p in tmp_path.iterdir()} == {"folder", "file", "lonely"}
    assert not any((tmp_path / "folder").iterdir())


@pytest.mark.parametrize("path", ["/proc/a", "/proc/version"])
def test_what_may_not_be_written(path: str) -> None:
    with pytest.raises(WriteError, match=f"^{path}: "):
        write(Path(path))


def test_a_reader_who_has_gone_is_no_trouble_of_the_file() -> None:
    with pytest.raises(BrokenPipeError), explained("a"):
        raise BrokenPipeError
