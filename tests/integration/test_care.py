"""Backup, restore, prune and verify, as a user calls them: on both stores, across them, killed in the middle, damaged."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import zstandard
from sqlalchemy import func, make_url, select, update

from canonical.entities import Mark, Person, Record
from canonical.store import Store
from canonical.store.leases import Lease
from canonical.store.migrating import HEAD
from canonical.tables import ANSWERS, BATCHES, ROWS, UNITS
from connectors.archive import FolderArchive
from pipelines.care.pruning import _is_lost
from svod.cli import care as _loaded  # noqa: F401 - a backup must begin while an import still runs
from tests.integration.test_first_release import first_store
from tests.servers import _postgres_binaries
from tests.sites import Installation, write_folder
from tests.stores import CLASS

BEFORE = "2026-11-20T20:00:00+03:00"


def mark(value: str, key: str = "m", work: str = "w1") -> Mark:
    return Mark(key=key, work=work, student="p1", value=value)


def site(folder: Path, url: str, drop: Path) -> Installation:
    made = Installation(folder, url=url).institution("a")
    return made.source("f", "files", layout="canonical", path=str(drop))


def live(tmp_path: Path, url: str) -> Installation:
    """A store with history, something removed, and something in quarantine."""
    drop = tmp_path / "drop"
    write_folder(drop, [*CLASS, mark("5"), mark("4", "gone")])
    made = site(tmp_path / "lived", url, drop)
    made.run("import")
    made.now = "2026-11-21T18:00:00+03:00"
    write_folder(drop, [mark("3"), mark("2", "lost", "nowhere")])
    made.run("import", status=3)
    return made


@pytest.fixture
def lived(tmp_path: Path, store_url: str) -> Installation:
    """A store that has lived, on either database."""
    return live(tmp_path, store_url)


@pytest.fixture
def lived_here(tmp_path: Path) -> Installation:
    """A store that has lived, where the kind of the database makes no difference."""
    return live(tmp_path, "sqlite:///svod.db")


def everything(place: Installation) -> list[Any]:
    """All that a user can see of a store."""
    return [
        place.export("--with-removed"),
        place.export("--as-of", BEFORE),
        place.json("quarantine", "list"),
        place.json("runs", "show", "2"),
    ]


def put_away(place: Installation, *more: str) -> Path:
    file = place.folder / "a.backup"
    place.run("backup", str(file), "--with-raw", *more)
    return file


# -- backup and restore ----------------------------------------------------------------------------------------------


def test_a_backup_is_restored_into_either_kind_of_store(lived: Installation, bare_url: str, tmp_path: Path) -> None:
    expected = everything(lived)
    file = put_away(lived)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    other = site(tmp_path / "other", bare_url, tmp_path / "drop")
    other.now = lived.now
    done = other.json("restore", str(file))
    assert done["bodies"] == done["manifest"]["raw"]["bodies"] == 8
    assert everything(other) == expected
    assert other.json("verify")["ok"]
    again = other.json("import")["sources"][0]["entities"]["marks"]
    assert (again["received"], again["unchanged"], again["quarantined"]) == (2, 1, 1)
    write_folder(tmp_path / "drop", [mark("2"), mark("1", "new")])  # numbers go on where they had been
    other.json("import")
    assert other.json("verify")["ok"]
    assert not list(tmp_path.rglob(".svod-*"))


def test_without_raw_the_answers_that_stayed_behind_are_no_damage(lived_here: Installation, tmp_path: Path) -> None:
    file = lived_here.folder / "a.backup"
    lived_here.run("backup", str(file))
    other = site(tmp_path / "other", f"sqlite:///{tmp_path / 'other.db'}", tmp_path / "drop")
    other.run("restore", str(file))
    told = other.json("verify")
    assert (told["ok"], told["notes"]) == (True, ["8 raw answers did not come with the backup that was restored"])


def test_a_store_that_holds_something_is_replaced_only_when_that_is_meant(lived: Installation) -> None:
    file = put_away(lived)
    expected = everything(lived)
    lived.now = "2026-11-22T18:00:00+03:00"
    write_folder(lived.folder.parent / "drop", [mark("1")])
    lived.run("import")
    refused = lived.json("restore", str(file), status=1)["error"]
    assert refused["code"] == "store_not_empty"
    assert "--force" in refused["message"]
    lived.run("restore", str(file), "--force")
    assert everything(lived) == expected
    assert lived.json("verify")["ok"]


def test_a_file_that_is_there_is_not_written_over(lived_here: Installation) -> None:
    file = put_away(lived_here)
    before = file.read_bytes()
    assert "is there already" in lived_here.run("backup", str(file), status=1).stderr
    assert file.read_bytes() == before
    put_away(lived_here, "--force")
    for target, words in (
        ("/dev/null", "is a device or a pipe"),
        ("nowhere/a", "its folder is not there"),
        (".", "is a folder"),
    ):
        assert words in lived_here.run("backup", target, "--force", status=1).stderr


def test_too_little_space_is_told_before_anything_is_written(lived_here: Installation) -> None:
    with mock.patch("shutil.disk_usage", return_value=mock.Mock(free=1_000)):
        told = lived_here.run("backup", "a.backup", status=1).stderr
    assert "the backup needs" in told
    assert "free some, or write elsewhere" in told
    if os.geteuid() != 0:
        lived_here.folder.chmod(0o500)
        assert "cannot be written" in lived_here.run("backup", "a.backup", status=1).stderr
        lived_here.folder.chmod(0o700)
    assert not list(lived_here.folder.glob("*.backup"))


def repacked(file: Path, change: Any) -> Path:
    """A backup whose parts have been changed: `change` gets name and body, and gives them or null."""
    out = io.BytesIO()
    body = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(file.read_bytes())).read()
    with tarfile.open(fileobj=io.BytesIO(body)) as old, tarfile.open(fileobj=out, mode="w") as new:
        for info in old:
            read = old.extractfile(info)
            assert read
            if (kept := change(info.name, read.read())) is not None:
                info.name, info.size = kept[0], len(kept[1])
                new.addfile(info, io.BytesIO(kept[1]))
    file.write_bytes(zstandard.compress(out.getvalue()))
    return file


def edited(manifest: bytes, **more: Any) -> bytes:
    return json.dumps({**json.loads(manifest), **more}).encode()


DAMAGE = {
    "store": (lambda n, b: (n, b.replace("Тестова".encode(), "Естовая".encode()[:14])) if n.endswith(".db") else (n, b), "is not what its manifest says"),
    "raw": (lambda n, b: (n, b + b" ") if "/raw/" in n else (n, b), "the raw answer"),
    "fewer": (lambda n, b: None if "/raw/" in n else (n, b), "raw answers are missing"),
    "manifest": (lambda n, b: None if n.endswith("json") else (n, b), "its manifest is missing"),
    "nonsense": (lambda n, b: (n, b"{}") if n.endswith("json") else (n, b), "its manifest cannot be read"),
    "newer": (lambda n, b: (n.replace("svod-1", "svod-2"), b), "was made by a newer svod (svod-2)"),
    "rows": (lambda n, b: (n, edited(b, rows={})) if n.endswith("json") else (n, b), "does not hold the rows"),
    "foreign": (lambda n, b: (n.replace("svod-1/", ""), b), "is not a backup of svod"),
}  # fmt: skip


def test_a_backup_that_is_not_whole_touches_nothing(lived_here: Installation) -> None:
    file = put_away(lived_here)
    good = file.read_bytes()
    lived_here.now = "2026-11-22T18:00:00+03:00"
    write_folder(lived_here.folder.parent / "drop", [mark("1")])
    lived_here.run("import")
    expected = everything(lived_here)
    wrong = {}
    for name, (change, words) in DAMAGE.items():
        file.write_bytes(good)
        told = lived_here.json("restore", str(repacked(file, change)), "--force", status=1)["error"]
        if told["code"] != "backup_unusable" or words not in told["message"]:
            wrong[name] = told
    for name, body in (("cut", good[:-40]), ("half", good[: len(good) // 2]), ("text", b"hello"), ("empty", b"")):
        file.write_bytes(body)
        told = lived_here.json("restore", str(file), "--force", status=1)["error"]
        if told["code"] != "backup_unusable" or str(file) not in told["message"]:
            wrong[name] = told
    assert wrong == {}
    assert "No such file" in lived_here.run("restore", "nowhere", "--force", status=1).stderr
    assert everything(lived_here) == expected
    assert not list(lived_here.folder.rglob(".svod-*"))


def test_a_backup_of_a_newer_store_is_refused_and_an_older_one_brought_up(tmp_path: Path) -> None:
    place = Installation(tmp_path / "new").institution("a")
    old = tmp_path / "old"
    old.mkdir()
    first_store(f"sqlite:///{old / 'svod.db'}")
    file = tmp_path / "a.backup"
    older = Installation(old).institution("a")
    with mock.patch("canonical.store.upgrade"):  # as if by an older svod
        older.run("backup", str(file))
    assert place.json("restore", str(file))["manifest"]["tables"] == "0001"
    with sqlite3.connect(place.folder / "svod.db") as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
        assert connection.execute("SELECT count(*) FROM marks").fetchall() == [(2,)]
    connection.close()

    with sqlite3.connect(old / "svod.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with mock.patch("canonical.store.upgrade"):
        older.run("backup", str(file), "--force")
    told = place.json("restore", str(file), "--force", status=1)["error"]
    assert told["code"] == "backup_unusable"
    assert "was made by a newer svod (its tables are at 9999" in told["message"]


def test_a_damaged_store_is_set_aside(tmp_path: Path) -> None:
    write_folder(tmp_path / "drop", [*CLASS, mark("5")])
    place = site(tmp_path / "a", "sqlite:///svod.db", tmp_path / "drop")
    place.run("import")
    expected = place.export()
    file = put_away(place)
    store = place.folder / "svod.db"
    store.write_bytes(b"not a database at all" * 1000)
    assert place.run("restore", str(file), status=1).stderr
    done = place.json("restore", str(file), "--force")
    assert Path(done["aside"]).read_bytes() == b"not a database at all" * 1000
    assert place.export() == expected


# -- while others write, and killed ----------------------------------------------------------------------------------


def big() -> list[Record]:
    people = [Person(key=f"x{n}", role="student", family_name=f"Тестов{n}") for n in range(500)]
    marks = [Mark(key=f"m{n}", work=f"w{n % 2 + 1}", student=f"x{n % 500}", value="4") for n in range(5_000)]
    return [*CLASS, *people, *marks]


WAITING = """
import pathlib, time
from canonical.store import Intake

commit, left, until = Intake.commit, [None] * 50, time.monotonic() + 60

def waiting(*args, **kwargs):
    time.sleep(0.02)
    while not left and not pathlib.Path({!r}).exists() and time.monotonic() < until:
        time.sleep(0.01)
    del left[:1]
    commit(*args, **kwargs)

Intake.commit = waiting
"""
"""An import writes without haste, as far as this, and no further until there is a file."""


def after(place: Installation, program: str, *words: str) -> list[str]:
    """The words that call a command in a process of its own, after a program in the same process."""
    program += "\nimport sys; from svod.cli.app import run; sys.exit(run(sys.argv[1:]))"
    return [sys.executable, "-c", program, *place.command()[3:], *words]


def test_a_backup_made_while_an_import_runs_is_of_one_moment(tmp_path: Path, store_url: str) -> None:
    write_folder(tmp_path / "drop", big())
    place = Installation(tmp_path / "a", url=store_url).institution("a")
    other = Installation(tmp_path / "other").institution("a")
    for one in (place, other):
        for name in "fghij":
            one.source(name, "files", layout="canonical", path=str(tmp_path / "drop"))
    file = place.folder / "a.backup"
    store = Store(place.url)
    importing = subprocess.Popen(
        after(place, WAITING.format(str(file)), "-q", "import"),
        cwd=place.folder, env=place.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    while True:
        with store.reading() as connection:
            if connection.execute(select(func.count()).select_from(BATCHES)).scalar_one() > 2:
                break
        time.sleep(0.01)
    rows = place.json("backup", str(file))["manifest"]["rows"]
    _, said = importing.communicate()
    assert (importing.returncode, said) == (0, b"")
    with store.reading() as connection:
        assert connection.execute(select(func.count()).select_from(BATCHES)).scalar_one() == 70
    store.close()
    assert 2 < rows["batches"] < 60
    other.run("restore", str(file))
    assert other.json("verify", "--no-raw")["ok"]
    assert [r["status"] for r in other.json("runs", "list")["runs"]] == ["interrupted"]
    other.run("import")
    assert other.export() == place.export()


def killed_at(place: Installation, where: str, *words: str) -> None:
    """Calls a command in a process that is killed (-9) when it comes to a function."""
    module, name = where.split(":")
    program = f"import os, signal, {module} as m\nm.{name} = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)"
    done = subprocess.run(
        after(place, program, *words), cwd=place.folder, env=place.environment(), check=False, capture_output=True
    )
    assert done.returncode == -signal.SIGKILL, done


def test_a_killed_backup_leaves_no_file_and_the_next_one_sweeps(lived_here: Installation) -> None:
    file = lived_here.folder / "a.backup"
    killed_at(lived_here, "pipelines.care.backup:Manifest", "backup", str(file), "--with-raw")
    assert not file.exists()
    assert len(list(lived_here.folder.glob(".svod-*.draft"))) == 2
    put_away(lived_here)
    assert not list(lived_here.folder.glob(".svod-*"))
    lived_here.run("restore", str(file), "--force")


def test_a_killed_restore_leaves_the_store_as_it_was(lived: Installation) -> None:
    file = put_away(lived)
    restored = lived.export()
    lived.now = "2026-11-22T18:00:00+03:00"
    write_folder(lived.folder.parent / "drop", [mark("1")])
    lived.run("import")
    standing = lived.export()
    last = "_page_size" if "sqlite" in lived.config else "_set_serial"
    for where in ("pipelines.care.restore:prepare", f"canonical.store.carrying:{last}"):
        killed_at(lived, where, "restore", str(file), "--force")
        assert lived.export() == standing, where
    assert lived.json("verify")["ok"]
    lived.run("restore", str(file), "--force")
    assert lived.export() == restored
    assert not list(lived.folder.parent.rglob(".svod-*"))


def test_a_restore_killed_while_it_writes_leaves_one_store_or_the_other(tmp_path: Path) -> None:
    write_folder(tmp_path / "drop", big())
    place = site(tmp_path / "a", "sqlite:///svod.db", tmp_path / "drop")
    place.run("import")
    file = put_away(place)
    new = place.export()
    write_folder(tmp_path / "drop", [mark("5", "m0")])
    place.run("import", status=3)
    place.now = "2026-11-21T18:00:00+03:00"
    old = place.export()
    assert old != new
    wal = place.folder / "svod.db-wal"
    process = subprocess.Popen(
        place.command("restore", str(file), "--force"), cwd=place.folder, env=place.environment(), stdout=subprocess.DEVNULL
    )  # fmt: skip
    while process.poll() is None and not (wal.exists() and wal.stat().st_size > 100_000):
        time.sleep(0.001)
    process.kill()
    process.wait()
    assert place.export() in (old, new)
    assert place.json("verify", "--no-raw")["ok"]


def test_whoever_is_importing_is_not_restored_over(lived_here: Installation) -> None:
    file = put_away(lived_here)
    store = Store(f"sqlite:///{lived_here.folder / 'svod.db'}")
    with store.writing() as connection:
        lease = Lease.take(connection, "import a/f")
    told = lived_here.json("restore", str(file), "--force", status=1)["error"]
    assert (told["code"], "import a/f is under way" in told["message"]) == ("busy", True)
    with store.writing() as connection:
        lease.give_back(connection)
    store.close()


# -- the database's own tools ----------------------------------------------------------------------------------------


def test_pg_dump_and_pg_restore_carry_a_store_too(tmp_path: Path, postgres_url: str, make_database: Any) -> None:
    tools = _postgres_binaries()
    if not (tools / "pg_dump").exists():
        tools = Path(shutil.which("pg_dump") or tools).parent
    write_folder(tmp_path / "drop", [*CLASS, mark("5")])
    place = site(tmp_path / "a", postgres_url, tmp_path / "drop")
    place.run("import")
    other_url = make_database()

    def plain(url: str) -> str:
        return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)

    dump = tmp_path / "a.pgdump"
    subprocess.run([str(tools / "pg_dump"), "-Fc", "-f", str(dump), "-d", plain(postgres_url)], check=True)
    subprocess.run([str(tools / "pg_restore"), "--single-transaction", "-d", plain(other_url), str(dump)], check=True)
    other = site(tmp_path / "b", other_url, tmp_path / "drop")
    assert other.json("verify", "--no-raw")["ok"]
    assert other.export() == place.export()


# -- verify ----------------------------------------------------------------------------------------------------------


def test_damage_to_the_raw_archive_is_named_and_can_be_settled(lived_here: Installation) -> None:
    bodies = sorted((lived_here.folder / "raw").rglob("*.zst"))
    bodies[0].write_bytes(b"rotten")
    bodies[1].unlink()
    name = [b.parent.name + b.stem for b in bodies]
    told = lived_here.json("verify", status=1)
    assert {(d["check"], d["count"], d["examples"][0]) for d in told["damage"]} == {
        ("raw_damaged", 1, name[0]),
        ("raw_missing", 1, name[1]),
    }
    assert lived_here.json("verify", "--no-raw")["ok"]
    said = lived_here.run("verify", status=1).stderr
    assert name[0] in said
    assert "svod prune --lost" in said
    partly = lived_here.json("backup", "b.backup", "--with-raw", status=1)["manifest"]["raw"]
    assert (partly["bodies"], partly["absent"], partly["damaged"]) == (6, 1, 1)
    assert lived_here.json("prune", "--lost", "--dry-run")["lost"] == 2
    assert lived_here.json("prune", "--lost")["lost"] == 2
    assert lived_here.json("verify")["ok"]
    assert [b for b in bodies if b.exists()] == bodies[2:]


def test_a_restore_mends_damaged_bodies(lived_here: Installation) -> None:
    """Though a file of that name is there."""
    file = put_away(lived_here)
    body = next((lived_here.folder / "raw").rglob("*.zst"))
    body.write_bytes(b"rotten")
    assert lived_here.run("verify", status=1).stdout.endswith("\n1 kind of damage\n")
    said = lived_here.run("restore", str(file), "--force").stdout
    assert ", made 2026-11-21 18:00:00+03:00 by svod" in said
    assert lived_here.json("verify")["ok"]


def test_lost_answers_come_again_with_the_next_import(lived_here: Installation) -> None:
    """Though the portal says what it said the last time."""

    def known() -> set[str]:
        store = Store(f"sqlite:///{lived_here.folder / 'svod.db'}")
        with store.reading() as connection:
            found = set(connection.execute(select(ANSWERS.c.request)).scalars())
        store.close()
        return found

    lived_here.run("import")
    before = known()
    shutil.rmtree(lived_here.folder / "raw")
    assert lived_here.json("prune", "--lost")["lost"] > len(before) > 1
    assert known() == set()
    lived_here.run("import")
    assert known() == before
    assert lived_here.json("verify")["ok"]
    assert lived_here.json("prune", "--lost", "--dry-run")["lost"] == 0


def test_a_lost_body_that_comes_anew_is_lost_no_more(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path)
    is_lost = _is_lost(archive, trial=False)
    name = archive.put(b"a")
    archive.path(name).unlink()
    assert is_lost(name)
    archive.put(b"a")
    assert not is_lost(name)
    archive.path(archive.put(b"b")).write_bytes(b"rotten")
    assert is_lost(archive.put(b"b"))
    archive.put(b"b")
    assert not is_lost(archive.put(b"b"))


def test_a_full_import_mends_what_was_damaged(tmp_path: Path, store_url: str) -> None:
    """The record, its hash, what a unit is known by, and a body that was damaged and has been deleted since."""
    write_folder(tmp_path / "drop", [*CLASS, *(mark("5", key) for key in ("m1", "m2", "m3", "m4"))])
    place = site(tmp_path / "a", store_url, tmp_path / "drop")
    place.run("import")
    seen = [place.export(), place.export("--as-of", BEFORE)]
    marks = ROWS["marks"]
    store = Store(place.url)
    with store.writing() as connection:
        for key, damage in (("m1", {"value": "2"}), ("m2", {"value": None}), ("m3", {"hash": 1})):
            connection.execute(update(marks).where(marks.c.key == key).values(damage))
        connection.execute(update(UNITS).where(UNITS.c.unit.contains("marks")).values(keys=b"?"))
    store.close()
    body = next((place.folder / "raw").rglob("*.zst"))
    body.unlink()
    told = place.json("verify", status=1)["damage"]
    assert {(d["check"], d["count"]) for d in told} == {("row", 3), ("unit", 2), ("raw_missing", 1)}
    assert all("svod import --full" in d["todo"] for d in told if d["check"] in {"row", "unit"})

    place.now = "2026-11-20T19:00:00+03:00"
    counts = place.json("import", "--full")["sources"][0]["entities"]["marks"]
    assert (counts["unchanged"], counts["updated"]) == (4, 0)
    assert place.json("verify")["ok"]
    assert [place.export(), place.export("--as-of", BEFORE)] == seen


def test_a_unit_whose_note_is_damaged_is_read_anew_by_any_import(tmp_path: Path) -> None:
    """And what it held and holds no more is found gone."""
    drop = tmp_path / "drop"
    write_folder(drop, [*CLASS, mark("5", "m1"), mark("5", "m2")])
    place = site(tmp_path / "a", "sqlite:///svod.db", drop)
    place.run("import")
    write_folder(drop, [mark("5", "m1")])
    store = Store(f"sqlite:///{place.folder / 'svod.db'}")
    with store.writing() as connection:
        connection.execute(update(UNITS).values(keys=b"?", scopes="[", drift="["))
    store.close()
    entities = place.json("import")["sources"][0]["entities"]
    assert (entities["marks"]["unchanged"], entities["marks"]["removed"]) == (1, 1)
    assert sum(e["removed"] for e in entities.values()) == 1
    assert place.json("verify")["ok"]


def test_answers_from_before_there_was_an_archive_are_no_damage(tmp_path: Path, store_url: str) -> None:
    drop = tmp_path / "drop"
    write_folder(drop, [*CLASS, mark("5")])
    place = site(tmp_path / "a", store_url, drop)
    switched_on = place.config
    place.config = place.config.replace("[store]\n", '[store]\nraw_archive = ""\n')
    place._write()
    place.run("import")
    place.config = switched_on
    place._write()
    told = place.json("verify")
    assert (told["ok"], told["notes"][-1]) == (True, "7 raw answers were received while there was no raw archive")
    raw = place.json("backup", "b.backup", "--with-raw")["manifest"]["raw"]
    assert (raw["bodies"], raw["absent"]) == (0, 0)

    place.now = "2026-11-21T18:00:00+03:00"
    write_folder(drop, [mark("3")])
    place.run("import", "--full")
    assert place.json("verify")["notes"][-1] == "1 raw answers were received while there was no raw archive"
    bodies = sorted((place.folder / "raw").rglob("*.zst"))
    assert len(bodies) == 7
    for body in bodies:
        body.unlink()
    (damage,) = place.json("verify", status=1)["damage"]
    assert (damage["check"], damage["count"]) == ("raw_missing", 7)


# -- prune -----------------------------------------------------------------------------------------------------------


def test_prune_lets_go_of_what_is_old_and_needed_for_nothing(tmp_path: Path, store_url: str) -> None:
    drop = tmp_path / "drop"
    place = site(tmp_path / "a", store_url, drop)
    place.config = place.config.replace("[store]\n", "[store]\nhistory_keep_days = 300\n")
    place._write()
    write_folder(drop, [*CLASS, mark("2", "stuck", "nowhere")])
    moments = [
        "2024-10-01T10:00:00+03:00",
        "2025-02-01T10:00:00+03:00",
        "2026-10-01T10:00:00+03:00",
        "2026-11-01T10:00:00+03:00",
    ]
    for number, place.now in enumerate(moments):
        write_folder(drop, [mark(str(number + 2))])
        place.run("import", status=None)
    place.now = "2026-11-20T18:00:00+03:00"
    aged = list((place.folder / "raw").rglob("*.zst"))
    for path in aged:
        age(path)
    seen = {m: place.export("--as-of", m) for m in moments}
    now = place.export("--with-removed")

    trial = place.json("prune", "--dry-run")
    assert place.export("--as-of", moments[0]) == seen[moments[0]]
    assert len(list((place.folder / "raw").rglob("*.zst"))) == len(aged)
    draft = aged[0].with_name("tmpdead.part")
    draft.write_bytes(b"half")
    age(draft)
    killed_at(place, "connectors.archive:FolderArchive.sweep", "prune")
    place.run("verify")
    done = place.json("prune")
    assert (trial["answers"], trial["versions"], trial["bodies"]) == (2, 1, 2)
    assert (trial["ledger"] > 0, trial["history_from"] == done["history_from"]) == (True, True)
    assert (done["answers"], done["versions"], done["bodies"], draft.exists()) == (0, 0, 3, False)

    assert place.json("verify")["ok"]
    assert place.export("--with-removed") == now
    assert {m: place.export("--as-of", m) for m in moments[2:]} == {m: seen[m] for m in moments[2:]}
    told = place.json("export", "ndjson", "x", "--as-of", moments[1], status=1)["error"]
    assert "what stood before 2026-01-24T15:00:00+00:00 has been pruned" in told["message"]
    assert place.json("replay")["sources"][0]["status"] == "ok"
    assert place.export("--with-removed") == now
    assert place.json("runs", "show", "1")["ledger"] == {}
    assert place.json("runs", "show", "4")["ledger"] != {}
    assert place.json("prune")["bodies"] == 0


def age(path: Path) -> None:
    long_ago = time.time() - 500 * 24 * 60 * 60
    os.utime(path, (long_ago, long_ago))


def test_what_is_put_again_while_a_sweep_runs_stays(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path)
    name = archive.put(b"body")
    age(archive.path(name))

    def keep(names: list[str]) -> list[bool]:
        archive.put(b"body")  # an import comes upon the same answer
        return [False for _ in names]

    assert archive.sweep(keep, before=time.time() - 60) == (0, 0)
    assert archive.get(name) == b"body"
    age(archive.path(name))
    assert archive.sweep(lambda names: [False for _ in names], before=time.time() - 60)[0] == 1
    assert not archive.holds(name)
