"""An import that is killed at any moment, and run again, equals one that nobody disturbed."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path

from canonical.entities import Mark, Person, Record
from tests.sites import Installation, write_folder
from tests.stores import CLASS


def journal() -> list[Record]:
    people = [Person(key=f"x{n}", role="student", family_name=f"Тестов{n}") for n in range(3_000)]
    marks = [Mark(key=f"m{n}", work=f"w{n % 2 + 1}", student=f"x{n % 3000}", value="4") for n in range(30_000)]
    return [*CLASS, *people, *marks]


def test_killed_at_random_and_run_again(tmp_path: Path, store_url: str) -> None:
    write_folder(tmp_path / "drop", journal())
    calm = Installation(tmp_path / "calm").institution("a")
    calm.source("f", "files", layout="canonical", path=str(tmp_path / "drop")).run("import")
    expected = calm.export()

    place = Installation(tmp_path / "killed", url=store_url).institution("a")
    place.source("f", "files", layout="canonical", path=str(tmp_path / "drop"))
    place.run("status")  # makes the tables
    rng = random.Random(7)
    killed = 0
    for _ in range(6):
        process = subprocess.Popen(
            place.command("import"),
            cwd=place.folder,
            env=place.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(0.7 + rng.random() * 1.5)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
    assert killed >= 3
    result = place.json("import")
    assert result["status"] == "ok"
    assert place.export() == expected
    states = [r["status"] for r in place.json("runs", "list")["runs"]]
    assert states[0] == "ok"
    assert set(states[1:]) <= {"interrupted", "ok"}
