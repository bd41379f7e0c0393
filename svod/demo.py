"""What `svod demo` works on: stand-in portals in processes of their own, and an installation that reads them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from connectors.standins.folder import write_folder
from connectors.standins.region import make_institution
from connectors.standins.registry import registry_of


@dataclass(frozen=True, slots=True)
class Actor:
    """An institution of the demo. `auth` is the kind of sign-in that its portal is read with."""

    key: str
    name: str
    kind: Literal["school", "college"]
    connector: str
    auth: Literal["token", "oauth", "password"]
    rules: str
    calendar: str
    timezone: str = "Europe/Moscow"
    has_registry: bool = False

    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


CAST: Final = (
    Actor("school", "Школа «Заречная»", "school", "dnevnik", "oauth", "kru", "school-2026"),
    Actor("college", "Колледж «Слобода»", "college", "mosreg", "token", "kol", "spo-2026"),
    Actor("technikum", "Техникум «Жигули»", "college", "asurso", "password", "uso", "spo-2026", "Europe/Samara"),
    Actor("lyceum", "Лицей «Маяк»", "school", "mosreg", "password", "base", "school-2026", has_registry=True),
)
"""Who plays: a school on Dnevnik.ru, a college of the Moscow region, one on АСУ РСО, and one with two sources."""

CONFIG: Final = "svod.toml"
_MARK: Final = "# The installation that `svod demo` made; the next `svod demo` makes it anew.\n"
_OURS: Final = (
    CONFIG,
    "svod.db",
    "svod.db-wal",
    "svod.db-shm",
    ".svod-sign-in.json",
    ".svod-sign-in.lock",
    "raw",
    "secrets",
    "drop",
    "reports",
)
_SECRETS: Final = {"token", "refresh_token", "client_secret", "password"}
_QUICK: Final = {"requests_per_second": 500, "concurrency": 4}  # the portals are our own, on this machine


class DemoError(Exception):
    """The demo cannot be given here. The message says what to do."""


def clear(folder: Path) -> None:
    """Makes an empty place for the installation.

    Raises:
        DemoError: the folder holds something that no demo made.

    """
    if folder.exists() and any(folder.iterdir()):
        config = folder / CONFIG
        if not (config.is_file() and config.read_text(encoding="utf-8").startswith(_MARK)):
            raise DemoError(f"{folder} is not empty, and no demo made it: name another folder with --dir")
        for name in _OURS:
            if (folder / name).is_dir():
                shutil.rmtree(folder / name)
            else:
                (folder / name).unlink(missing_ok=True)
    (folder / "reports").mkdir(parents=True, exist_ok=True)


@contextmanager
def standins(*, students: int, seed: int, now: datetime) -> Iterator[Callable[[], dict[str, dict[str, Any]]]]:
    """Runs a stand-in for each actor; gives what waits for them and gives what each said of itself, by the actor's key.

    Raises:
        DemoError: one did not start.

    """
    with ExitStack() as running:
        started = {a.key: running.enter_context(_standin(a, students, seed, now)) for a in CAST}
        yield lambda: {key: _said(process, key) for key, process in started.items()}


@contextmanager
def _standin(actor: Actor, students: int, seed: int, now: datetime) -> Iterator[subprocess.Popen[str]]:
    words = ["--now", now.isoformat(), "standin", actor.connector, "--kind", actor.kind, "--key", actor.key]
    with subprocess.Popen(  # noqa: S603 - this very program, with words of its own
        [sys.executable, "-m", "svod", *words, "--students", str(students), "--seed", str(seed)],
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def _said(process: subprocess.Popen[str], key: str) -> dict[str, Any]:
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise DemoError(f"the stand-in portal of {key!r} did not start; what it said stands above")
    said: dict[str, Any] = json.loads(line)
    return said


def write_installation(
    folder: Path, portals: Mapping[str, Mapping[str, Any]], *, students: int, seed: int, now: datetime
) -> Path:
    """Writes the configuration, the secrets that it names, and the registry of the actor that has one.

    Returns:
        The configuration.

    """
    (folder / "secrets").mkdir(mode=0o700)
    parts = [_MARK, '[store]\nurl = "sqlite:///svod.db"\nraw_archive = "raw/"\n']
    for actor in CAST:
        place = {n: getattr(actor, n) for n in ("key", "name", "kind", "timezone", "rules", "calendar")}
        parts.append("[[institution]]\n" + _lines(place))
        portal = portals[actor.key]
        auth = _auth(folder, actor, portal["auth"][actor.auth])
        at = {"base_url": portal["base_url"], "remote_id": portal["remote_id"], "authority": 10, **_QUICK}
        source = {"key": "portal", "connector": actor.connector, **at, "auth": auth}
        parts.append("[[institution.source]]\n" + _lines(source))
        if actor.has_registry:
            made = make_institution(actor.key, actor.kind, students=students, seed=seed, now=now, zone=actor.zone())
            records, _ = registry_of(made, seed)
            write_folder(folder / "drop" / actor.key, records, f"{actor.key}/registry", actor.zone())
            registry = {"key": "registry", "connector": "files", "layout": "canonical", "path": f"drop/{actor.key}"}
            parts.append("[[institution.source]]\n" + _lines(registry))
    config = folder / CONFIG
    config.write_text("\n".join(parts), encoding="utf-8")
    return config


def _auth(folder: Path, actor: Actor, values: Mapping[str, str]) -> dict[str, Any]:
    """The sign-in of a source; its secrets go into files that only their owner may read."""
    auth: dict[str, Any] = {"kind": actor.auth}
    for name, value in values.items():
        if name in _SECRETS:
            file = folder / "secrets" / f"{actor.key}-{name}"
            file.touch(mode=0o600)
            file.write_text(value, encoding="utf-8")
            auth[name] = {"file": str(file.relative_to(folder))}
        else:
            auth[name] = value
    return auth


def _lines(table: Mapping[str, Any]) -> str:
    return "".join(f"{name} = {_toml(value)}\n" for name, value in table.items())


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(inner)}" for name, inner in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)  # a JSON string without control characters is a TOML one
