"""`svod demo` in processes of its own, as a user calls it."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from svod.cli.app import run
from svod.cli.demo import MOMENT
from svod.demo import CAST
from tests.sites import ROOT


def call(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "svod", *words],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_demo_does_the_whole_job_and_may_be_given_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = call("--json", "demo", "--students", "20", folder=tmp_path)
    assert first.returncode == 0, first.stderr
    document: dict[str, Any] = json.loads(first.stdout)
    told = {row["key"]: row for row in document["institutions"]}
    assert list(told) == [a.key for a in CAST]
    for row in told.values():
        assert row["lessons"] > 100, row
        assert row["marks"] > 100, row
        assert row["quarantined"] == 0, row
        assert row["findings"] > 0, row
        assert 0.5 < row["filled"] < 1, row
    assert told["lyceum"]["sources"] == ["portal", "registry"]
    assert told["lyceum"]["discrepancies"] > 0
    assert {told[key]["discrepancies"] for key in told if key != "lyceum"} == {None}
    reports = [tmp_path / path for path in document["reports"]]
    assert len(reports) == 16
    assert all(path.stat().st_size > 1000 for path in reports)
    assert all(a.name in (tmp_path / document["reports"][0]).read_text("utf-8") for a in CAST)

    secrets = list((tmp_path / "demo-out" / "secrets").iterdir())
    assert secrets
    assert {oct(path.stat().st_mode)[-2:] for path in secrets} == {"00"}
    config = (tmp_path / document["config"]).read_text("utf-8")
    assert not any(path.read_text("utf-8") in config + first.stdout + first.stderr for path in secrets)

    status = call("--config", document["config"], "--json", "status", folder=tmp_path)
    assert status.returncode == 0, status.stderr

    replay = call("--config", document["config"], "--json", "--now", MOMENT, "replay", folder=tmp_path)
    assert replay.returncode == 0, replay.stderr
    stored = Counter[str]()
    for source in json.loads(replay.stdout)["sources"]:
        assert source["status"] == "ok", source
        stored[source["source"].partition("/")[0]] += sum(e["unchanged"] for e in source["entities"].values())
    assert stored == {key: row["records"] for key, row in told.items()}, "everything stands in the raw archive"

    one = CAST[1]
    for place in ("svod.demo.CAST", "svod.cli.demo.CAST"):
        monkeypatch.setattr(place, (one,))  # to tell it in a table, and in the same folder, one institution is enough
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert run(["demo", "--students", "20"]) == 0
    assert one.name in said.getvalue()
    assert "demo-out/reports/" in said.getvalue()
    assert [
        line for line in Path(document["config"]).read_text("utf-8").splitlines() if line.startswith("name = ")
    ] == [f'name = "{one.name}"']


def test_demo_leaves_a_folder_alone_that_it_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "svod.toml").write_text("[store]\n", encoding="utf-8")
    done = call("demo", "--dir", "mine", folder=tmp_path)
    assert done.returncode == 1
    assert "--dir" in done.stderr
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["svod.toml"]
