"""The command line as a whole: what is loaded, how it ends, how errors and times are told."""

from __future__ import annotations

import json
import pkgutil
import re
import socket
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import make_url

import svod.cli
from connectors.registry import manifest
from svod.cli.app import COMMANDS, load_module
from svod.cli.frame import without_source
from tests.sites import ROOT, Installation, write_folder
from tests.small_class import CLASS, lesson

HEAVY = {"sqlalchemy", "httpx", "pydantic", "numpy", "canonical.store", "svod.settings", "connectors.contract"}


@pytest.fixture
def site(tmp_path: Path) -> Installation:
    made = Installation(tmp_path).institution("a").source("f", "files", layout="canonical", path="drop")
    write_folder(tmp_path / "drop", [*CLASS, lesson("l1", "c", "2026-09-08")])
    return made


# -- what is loaded --------------------------------------------------------------------------------------------------


def test_every_command_is_listed_in_the_words_of_its_own_help(site: Installation) -> None:
    modules = [m.name for m in pkgutil.iter_modules(svod.cli.__path__)]
    registering = {m for m in modules if hasattr(import_module(f"svod.cli.{m}"), "register")}
    found = {}
    for module in registering:
        for name, command in load_module(module).items():
            found[name] = (module, re.split(r"\n\n", command.help or "")[0])
    assert found == COMMANDS
    listed = site.run("--help").stdout
    assert all(f"\n  {name} " in listed for name in COMMANDS)
    assert "Did you mean 'status'" in site.run("staus", status=2).stderr


@pytest.mark.parametrize(
    ("words", "unwanted"),
    [
        (["--help"], HEAVY),
        (["--version"], HEAVY),
        (["completeness", "--hlp"], set()),
        (["status"], {"openpyxl", "rapidfuzz", "jinja2", "xlsxwriter", "uvicorn", "pipelines.importing", "pipelines.reporting"}),
    ],
)  # fmt: skip
def test_a_command_loads_what_it_needs(site: Installation, words: list[str], unwanted: set[str]) -> None:
    program = (
        f"import sys; from svod.cli.app import run\nrun({words!r}); print(*sys.modules, sep='\\n', file=sys.stderr)"
    )
    done = subprocess.run(
        [site.command()[0], "-c", program],
        cwd=site.folder, env=site.environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaded = set(done.stderr.splitlines())
    assert "typer" in loaded
    assert not loaded & unwanted


# -- where the output goes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["status"], ["--json", "status"], ["rules", "list"], ["--help"]])
def test_a_reader_who_has_gone_is_no_error(site: Installation, words: list[str]) -> None:
    command = " ".join(f"'{w}'" for w in site.command(*words))
    done = subprocess.run(
        ["bash", "-c", f"{command} | true; exit ${{PIPESTATUS[0]}}"],
        cwd=site.folder, env=site.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", [["status"], ["--json", "status"], ["export", "ndjson", "out"]])
def test_a_full_standard_output_is_told(site: Installation, words: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            site.command(*words), cwd=site.folder, env=site.environment(), stdout=full, stderr=subprocess.PIPE, check=False
        )  # fmt: skip
    said = done.stderr.decode()
    assert (done.returncode, said.splitlines()) == (
        1, ["standard output: there is no space left; free some, or write elsewhere, and run the command again"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["export", "ndjson", "svod.toml"], "svod.toml: there is a file where a folder is needed; name another place"),
        (["export", "ndjson", "spoilt"], "spoilt/marks.ndjson: is a folder; name a file in it"),
        (["--config", "none/svod.toml", "init"], "none/svod.toml: its folder is not there; make it, or name another place"),
        (["standin", "dnevnik", "--students", "10", "--truth", "svod.toml"], "svod.toml: there is a file where a folder is needed; name another place"),
        (["demo", "--dir", "svod.toml"], "svod.toml: there is a file where a folder is needed; name another place"),
        (["files", "learn", "list.csv", "-o", "svod.toml/a.toml"], "svod.toml/a.toml: there is a file where a folder is needed; name another place"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_told_by_its_name(site: Installation, words: list[str], message: str) -> None:
    (site.folder / "spoilt" / "marks.ndjson").mkdir(parents=True)
    (site.folder / "list.csv").write_text("ФИО;Дата рождения\nОбразцов Пример Тестович;01.02.2012\n", encoding="utf-8")
    assert site.run(*words, status=1).stderr == f"{message}\n"
    assert not list(site.folder.rglob(".svod-*"))


def test_init_shows_no_password_of_the_store(tmp_path: Path, postgres_url: str) -> None:
    url = make_url(postgres_url).set(password="geheim").render_as_string(hide_password=False)
    site = Installation(tmp_path, url=url)
    for done in (site.run("init"), site.run("--json", "init")):
        assert "postgresql+psycopg://" in done.stdout
        assert "geheim" not in done.stdout


# -- importing -------------------------------------------------------------------------------------------------------


def test_nothing_configured_is_told_with_the_file(tmp_path: Path) -> None:
    site = Installation(tmp_path)
    words = "no source is configured: describe one in svod.toml"
    done = site.run("import")
    assert (done.stdout, done.stderr) == ("", f"{words}\n")
    assert site.run("check").stderr == f"{words}\n"
    assert site.run("status").stdout == f"{words}\n"
    assert site.run("report", "group-progress", status=1).stderr == "no institution is configured\n"
    site.institution("empty")
    assert site.run("import", "--institution", "empty").stderr == f"{words.replace(':', ' for empty:')}\n"


def test_removals_of_a_run_that_is_not_there(site: Installation) -> None:
    site.run("import")
    assert (
        site.run("import", "--accept-removals", "999", status=1).stderr == "there is no run 999; see `svod runs list`\n"
    )
    assert site.json("import", "--accept-removals", "999", status=1)["error"]["code"] == "not_found"
    assert site.run("import", "--accept-removals", "1").stdout == "nothing waits from run 1\n"
    assert site.json("import", "--accept-removals", "1") == {"run": 1, "removed": {}}


def test_a_source_is_named_once(tmp_path: Path) -> None:
    site = Installation(tmp_path).institution("a").source("f", "files", layout="canonical", path="nowhere")
    message = site.json("import", status=1)["sources"][0]["error"]["message"]
    assert message.startswith("source a/f: path ")
    rest = message.removeprefix("source a/f: ")
    assert site.run("-q", "import", status=1).stderr == f"a/f: failed: {rest}\n"
    assert f"\na/f: {rest}" in site.run("status").stdout
    assert (
        f"a/f: {rest}"
        in site.run("check", status=1).stderr.splitlines() + site.run("check", status=1).stdout.splitlines()
    )
    for text in ("source a/f: x", "source f: x", "import a/f: x", "a/f: x", "institution a, source f: x", "x"):
        assert without_source(text, "a/f") == "x"
    assert without_source("source a/ff: x", "a/f") == "source a/ff: x"


# -- times and stand-ins ---------------------------------------------------------------------------------------------


def test_times_stand_with_their_offset(site: Installation) -> None:
    site.run("import")
    for words in (["runs", "list"], ["status"], ["runs", "show", "1"]):
        assert "2026-11-20 18:00:00+03:00" in site.run(*words).stdout, words
    site.now = "2026-11-20T15:00:00+00:00"
    assert "2026-11-20 15:00:00+00:00" in site.run("runs", "list").stdout
    assert site.json("runs", "list")["runs"][0]["started_at"] == "2026-11-20T18:00:00+03:00"


def test_only_stand_ins_that_exist_are_offered(site: Installation) -> None:
    help_ = site.run("standin", "--help").stdout
    names = re.search(r"One of (.+?)\.", " ".join(help_.split()))
    assert names
    offered = names[1].split(", ")
    assert "files" not in offered, "it is read from a folder, and has no address"
    assert {"dnevnik", "mosreg", "mosreg/portal", "asurso", "asurso/school"} <= set(offered)
    for name in offered:
        connector, _, product = name.partition("/")
        assert manifest(connector).product(product or None).standin


def test_a_port_that_is_taken_is_named(site: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = site.run("standin", "dnevnik", "--students", "10", "--port", port, status=2).stderr
    assert f"--port: port {port} of this machine cannot be used (Address already in use); choose another" in said


def test_the_first_line_of_a_stand_in_tells_the_kind() -> None:

    for given, kind in (([], "school"), (["--kind", "college"], "college")):
        process = subprocess.Popen(
            [sys.executable, "-m", "svod", "standin", "dnevnik", "--students", "10", *given],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert process.stdout
            said = json.loads(process.stdout.readline())
        finally:
            process.terminate()
            _, complained = process.communicate()
        assert (process.returncode, complained) == (0, ""), "it serves until it is stopped"
        assert said["kind"] == kind
        assert {"portal", "base_url", "remote_id", "auth", "student"} < said.keys()
