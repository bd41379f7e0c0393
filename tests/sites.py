"""Whole installations for tests: a folder with a configuration, and the command line on it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from canonical.cleaning import encode
from canonical.entities import ENTITIES, Record, entity_of
from svod.cli.app import run

ROOT = Path(__file__).parent.parent


def write_folder(folder: Path, records: Iterable[Record]) -> None:
    """A canonical folder of these records."""
    folder.mkdir(parents=True, exist_ok=True)
    by_entity: dict[str, list[bytes]] = {}
    for record in records:
        by_entity.setdefault(entity_of(record), []).append(encode(record))
    for entity, lines in by_entity.items():
        (folder / f"{entity}.ndjson").write_bytes(b"\n".join(lines) + b"\n")


class Done(NamedTuple):
    """What a call came to."""

    returncode: int
    stdout: str
    stderr: str


class Installation:
    """A folder with a `svod.toml`."""

    def __init__(
        self, folder: Path, *, url: str = "sqlite:///svod.db", now: str | None = "2026-11-20T18:00:00+03:00"
    ) -> None:
        self.folder = folder
        self.now = now
        self.url = url
        folder.mkdir(parents=True, exist_ok=True)
        self.config = f'[store]\nurl = "{url}"\n'
        self._write()

    def institution(self, key: str, *, kind: str = "school", **more: str) -> Installation:
        extra = "".join(f'{name} = "{value}"\n' for name, value in more.items())
        self.config += f'[[institution]]\nkey = "{key}"\nname = "Школа «{key}»"\nkind = "{kind}"\n{extra}'
        self._write()
        return self

    def source(self, key: str, connector: str, **more: Any) -> Installation:
        values = "".join(f"  {name} = {json.dumps(value)}\n" if not isinstance(value, dict) else f"  {name} = {_inline(value)}\n" for name, value in more.items())  # fmt: skip
        self.config += f'  [[institution.source]]\n  key = "{key}"\n  connector = "{connector}"\n{values}'
        self._write()
        return self

    def change(self, old: str, new: str) -> Installation:
        """Puts something else into the configuration."""
        assert old in self.config
        self.config = self.config.replace(old, new)
        self._write()
        return self

    def _write(self) -> None:
        (self.folder / "svod.toml").write_text(self.config, encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        """The words that call the command line in a process of its own, in `folder` with `environment()`."""
        now = ["--now", self.now] if self.now else []
        return [sys.executable, "-m", "svod", *now, *arguments]

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT), **(more or {})}

    def run(self, *arguments: str, status: int | None = 0, env: Mapping[str, str] | None = None) -> Done:
        """One call of the command line, within this process: a process of its own takes a second to start."""
        now = ["--now", self.now] if self.now else []
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            contextlib.chdir(self.folder),
            mock.patch.dict(os.environ, env or {}),
        ):
            code = run([*now, *arguments])
        done = Done(code, out.getvalue(), err.getvalue())
        assert "Traceback" not in done.stderr, done.stderr
        if status is not None:
            assert done.returncode == status, done
        return done

    def json(self, *arguments: str, status: int | None = 0, env: Mapping[str, str] | None = None) -> Any:
        return json.loads(self.run("--json", *arguments, status=status, env=env).stdout)

    def export(self, *arguments: str) -> dict[str, list[dict[str, Any]]]:
        """The journal as `svod export ndjson` writes it."""
        out = self.folder / "exported"
        self.run("export", "ndjson", str(out), *arguments)
        return {
            name: [json.loads(line) for line in (out / f"{name}.ndjson").read_text(encoding="utf-8").splitlines()]
            for name in ENTITIES
        }


def _inline(table: dict[str, Any]) -> str:
    parts = (f"{k} = {_inline(v) if isinstance(v, dict) else json.dumps(v)}" for k, v in table.items())
    return "{ " + ", ".join(parts) + " }"
