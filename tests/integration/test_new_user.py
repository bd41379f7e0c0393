"""What goes wrong on a first day: portals that are away, secrets and folders that are not as they should be."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sqlite3
import stat
import subprocess
from collections.abc import Iterator
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from canonical.entities import Person
from connectors.contract import _WARNED_OF, CheckLine
from connectors.dnevnik.standin import make
from connectors.files.connector import CanonicalFolder
from connectors.standins.region import make_institution
from connectors.standins.server import StandIn, serving
from tests.sites import Installation, write_folder

NOW = datetime(2026, 11, 20, 18, tzinfo=ZoneInfo("Europe/Moscow"))
TOKEN = {"kind": "token", "token": {"env": "A_TOKEN"}}


@pytest.fixture(scope="module")
def standin() -> StandIn:
    return make(make_institution("kruk", "school", students=12, now=NOW, zone=NOW.tzinfo))


@pytest.fixture
def portal(standin: StandIn) -> Iterator[str]:
    with serving(standin.app) as base:
        yield base


def with_folder(folder: Path) -> Installation:
    """An installation with a source that is sound."""
    write_folder(folder / "drop", [Person(key="p1", role="student")])
    return Installation(folder).institution("a").source("f", "files", layout="canonical", path="drop")


class TestSecrets:
    def test_a_token_with_a_line_end_is_good_and_a_wrong_one_is_never_shown(
        self, standin: StandIn, portal: str, tmp_path: Path
    ) -> None:
        place = with_folder(tmp_path)
        place.source("portal", "dnevnik", base_url=portal, remote_id=standin.remote_id, auth=TOKEN)
        good = standin.auth["token"]["token"]
        assert place.run("check", "portal", env={"A_TOKEN": f"{good}\n"}).returncode == 0
        for wrong in (f"{good[:9]}\n{good[9:]}", f"{good}ё"):
            told = [
                place.run(*words, status=1, env={"A_TOKEN": wrong})
                for words in (["check"], ["import"], ["--json", "check"], ["--json", "import"])
            ]
            status = place.run("--json", "status")
            for done in (*told, status):
                assert good[:9] not in done.stdout + done.stderr
            assert "a/portal: auth.token: the environment variable A_TOKEN holds" in told[0].stderr
            assert {s["source"]: s["ok"] for s in json.loads(told[2].stdout)["sources"]} == {
                "a/f": True,
                "a/portal": False,
            }
            assert {s["source"]: s["state"] for s in json.loads(status.stdout)["sources"]}["a/portal"] == "failed"
            assert [s["error"]["code"] for s in json.loads(told[3].stdout)["sources"] if s["error"]] == [
                "source_config"
            ]

    def test_the_key_of_the_store_is_found_wanting_at_once(self, tmp_path: Path) -> None:
        place = with_folder(tmp_path)
        place.config = '[secrets]\nkey = { env = "NO_SUCH_KEY" }\n' + place.config
        place.institution("b")
        done = place.run("check", status=2)
        assert "svod.toml: secrets.key: the environment variable NO_SUCH_KEY is not set" in done.stderr


class TestRawArchive:
    @pytest.mark.parametrize(
        ("folder", "why"), [("/proc/raw/", "No such file or directory"), ("svod.toml/raw", "Not a directory")]
    )
    def test_a_folder_that_cannot_be_made_is_named(
        self, folder: str, why: str, standin: StandIn, portal: str, tmp_path: Path
    ) -> None:
        place = with_folder(tmp_path)
        place.config = place.config.replace("[store]\n", f'[store]\nraw_archive = "{folder}"\n')
        place.source("portal", "dnevnik", base_url=portal, remote_id=standin.remote_id, auth=TOKEN)
        env = {"A_TOKEN": standin.auth["token"]["token"]}
        done = place.run("import", status=1, env=env)
        for source in ("a/f", "a/portal"):
            at = tmp_path / folder
            assert f"{source}: failed: the raw archive {at} cannot be written to ({why}); see to the" in done.stderr
        assert "[store] raw_archive" in done.stderr
        errors = [s["error"]["code"] for s in place.json("import", status=1, env=env)["sources"]]
        assert errors == ["raw_archive", "raw_archive"]

    def test_a_disk_that_is_full_midway_stops_the_source_and_leaves_no_part(
        self, standin: StandIn, portal: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place = Installation(tmp_path).institution("a")
        place.source("portal", "dnevnik", base_url=portal, remote_id=standin.remote_id, auth=TOKEN)
        real, written = Path.replace, [0]

        def replace(self: Path, target: Path) -> Path:
            if self.suffix == ".part":
                written[0] += 1
                if written[0] > 30:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(self, target)

        monkeypatch.setattr(Path, "replace", replace)
        result = place.json("import", status=1, env={"A_TOKEN": standin.auth["token"]["token"]})["sources"][0]
        assert (result["status"], result["error"]["code"]) == ("failed", "raw_archive")
        assert "No space left on device); free some space there" in result["error"]["message"]
        assert result["entities"]["people"]["inserted"]
        assert not list((tmp_path / "raw").rglob("*.part"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestWhoMayRead:
    def test_what_svod_makes_is_its_owner_s_alone(self, tmp_path: Path) -> None:
        before = os.umask(0o022)
        try:
            place = with_folder(tmp_path)
            place.config = place.config.replace("[store]\n", '[store]\nraw_archive = "kept/raw/"\n')
            place.institution("b")
            place.run("import")
            with contextlib.closing(sqlite3.connect(tmp_path / "svod.db")) as held:
                held.execute("SELECT 1 FROM alembic_version")  # keeps what SQLite puts beside the file
                place.run("import")
                made = [tmp_path / f"svod.db{end}" for end in ("", "-wal", "-shm")]
                assert [mode(file) for file in made] == [0o600] * 3
            place.run("export", "ndjson", str(tmp_path / "out" / "journal"))
        finally:
            os.umask(before)
        folders = [tmp_path / "kept", tmp_path / "out", tmp_path / "out" / "journal"]
        inside = list((tmp_path / "kept").rglob("*"))
        assert {mode(f) for f in (*folders, *inside) if f.is_dir()} == {0o700}
        assert {mode(f) for f in inside if f.is_file()} == {0o600}

    def test_what_is_there_keeps_its_mode(self, tmp_path: Path) -> None:
        place = with_folder(tmp_path)
        (tmp_path / "raw").mkdir()
        (tmp_path / "raw").chmod(0o750)
        (tmp_path / "svod.db").touch()
        (tmp_path / "svod.db").chmod(0o640)
        place.run("import")
        assert (mode(tmp_path / "raw"), mode(tmp_path / "svod.db")) == (0o750, 0o640)

    def test_a_secret_that_others_may_read_is_told_once(self, tmp_path: Path) -> None:
        secret = tmp_path / "the token"
        secret.write_text("x", encoding="utf-8")
        place = Installation(tmp_path).institution("a")
        auth = {"kind": "token", "token": {"file": secret.name}}
        place.source("portal", "dnevnik", base_url="http://127.0.0.1:9", remote_id="1", auth=auth)
        secret.chmod(0o640)
        told = place.run("check", status=1).stderr
        assert told.count(f"{secret}: others than its owner may read this secret; call: chmod 600 '{secret}'") == 1
        secret.chmod(0o600)
        _WARNED_OF.clear()
        assert "others" not in place.run("check", status=1).stderr


class TestCheck:
    """Every connector says how far the asking came."""

    @pytest.mark.parametrize(
        ("connector", "kind", "spoilt", "steps", "says"),
        [
            ("asurso", "password", "password", [("portal", True), ("sign-in", False)], "refuses the login"),
            ("asurso", "password", "remote_id", [("portal", True), ("configuration", False)], "spo_999"),
            ("mosreg", "token", "token", [("portal", True), ("sign-in", False)], "does not accept the token"),
            ("dnevnik", "token", "token", [("portal", True), ("sign-in", False)], "does not accept the access token"),
            ("dnevnik", "token", "", [("configuration", False)], "auth.token: the environment variable"),
        ],
    )
    def test_how_far_it_came(
        self, connector: str, kind: str, spoilt: str, steps: list[Any], says: str, tmp_path: Path
    ) -> None:
        made = import_module(f"connectors.{connector}.standin").make(
            make_institution("kruk", "college", students=12, now=NOW, zone=NOW.tzinfo)
        )
        given = {"remote_id": made.remote_id, **made.auth[kind]}
        if spoilt:
            given[spoilt] = "spo_999" if spoilt == "remote_id" else "wrong"
        auth = {"kind": kind, **{n: v for n, v in given.items() if n == "login"}}
        auth[kind] = {"env": "A_SECRET"}
        with serving(made.app) as base:
            place = Installation(tmp_path).institution("a")
            place.source("portal", connector, base_url=base, remote_id=given["remote_id"], auth=auth)
            env = {"A_SECRET": given[kind]} if spoilt else {}
            told = place.run("check", status=1, env=env)
            (source,) = place.json("check", status=1, env=env)["sources"]
        lines = source["lines"]
        assert [(line["what"], line["ok"]) for line in lines] == steps
        assert says in lines[-1]["detail"]
        signs = [f"{what}: {'yes' if ok else 'NO'}" for what, ok in steps]
        assert [line.strip() for line in told.stdout.splitlines()] == ["a/portal: not good", *signs], (
            "the fault is told once"
        )
        step = "" if source["error"] else f"{steps[-1][0]}: "
        assert f"a/portal: {step}{lines[-1]['detail']}" in told.stderr.splitlines()
        assert "wrong" not in told.stdout + told.stderr

    def test_a_password_in_an_address_is_told_and_never_shown(self, tmp_path: Path) -> None:
        place = with_folder(tmp_path)
        assert place.json("check")["warnings"] == []
        place.config += '[queue]\nurl = "redis://:Krokodil@127.0.0.1:9/1"\n'
        place.change("sqlite:///svod.db", "postgresql://svod@127.0.0.1:9/svod?password=Krokodil")
        for words in (["check"], ["--json", "check"]):
            told = place.run(*words, status=None)
            assert "Krokodil" not in told.stdout + told.stderr
        place.change("postgresql://svod@127.0.0.1:9/svod?password=Krokodil", "sqlite:///svod.db")
        assert "svod.toml: queue.url holds a password" in place.run("check").stderr
        (said,) = place.json("check")["warnings"]
        assert said in place.run("check").stderr

    def test_a_fault_of_our_own_touches_one_source_only(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        place = with_folder(tmp_path).source("g", "files", layout="canonical", path="other")
        (tmp_path / "other").mkdir()
        real = CanonicalFolder.check

        async def check(self: CanonicalFolder) -> list[CheckLine]:
            if self._context.source == "a/g":
                raise ZeroDivisionError("a secret")
            return await real(self)

        monkeypatch.setattr(CanonicalFolder, "check", check)
        good, bad = place.json("check", status=1)["sources"]
        assert (good["ok"], bad["ok"]) == (True, False)
        assert bad["error"]["code"] == "internal_error"
        assert "a secret" not in str(bad)


class TestVerbose:
    @pytest.mark.parametrize(
        ("words", "status", "trace"),
        [
            (["runs", "show", "99"], 1, "in runs_show"),
            (["quarantine", "show", "99"], 1, "in quarantine_show"),
            (["import", "--source", "f"], 1, "SourceConfigError"),
            (["check", "f"], 1, "SourceConfigError"),
            (["import", "--institution", "x"], 2, "SettingsError"),
        ],
    )
    def test_a_trace_stands_before_the_message(self, words: list[str], status: int, trace: str, tmp_path: Path) -> None:
        place = with_folder(tmp_path)
        (tmp_path / "drop" / "people.ndjson").unlink()
        (tmp_path / "drop").rmdir()
        short = place.run("-q", *words, status=status).stderr
        assert len(short.splitlines()) == 1
        done = subprocess.run(
            place.command("-v", *words), cwd=tmp_path, env=place.environment(), capture_output=True, text=True, check=False
        )  # fmt: skip
        assert done.returncode == status
        assert done.stderr.count("Traceback (most recent call last):") == 1
        before, _, after = done.stderr.rpartition("\n" + short)
        assert trace in before
        assert after == ""

    def test_no_trace_shows_a_secret_or_a_row(self, tmp_path: Path, standin: StandIn, portal: str) -> None:
        place = with_folder(tmp_path)
        place.source("portal", "dnevnik", base_url=portal, remote_id=standin.remote_id, auth=TOKEN)
        env = place.environment({"A_TOKEN": "f00-f00-f00"})
        place.run("status")
        with contextlib.closing(sqlite3.connect(tmp_path / "svod.db")) as held:
            held.executescript(
                "CREATE TRIGGER no_people BEFORE INSERT ON people BEGIN SELECT RAISE(ABORT, 'no people'); END"
            )
        write_folder(tmp_path / "drop", [Person(key="p1", role="student", family_name="Тестова")])
        done = subprocess.run(
            place.command("-v", "import"), cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        assert "SignInNeededError" in done.stderr
        assert "no people" in done.stderr
        assert "parameters hidden" in done.stderr
        assert "f00-f00-f00" not in done.stderr
        assert "Тестова" not in done.stderr
