"""Puts a backup in the place of a store: all of it or nothing, and only after all of it has been looked at."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from canonical.store import Store, StoreError
from canonical.store.carrying import check_target, counted, prepare, put_in
from canonical.store.engine import NewerStoreError, connect
from canonical.store.intake import Clock
from canonical.writing import explained, private_folder
from connectors.archive import FolderArchive
from connectors.errors import DamagedAnswerError
from pipelines.care.backup import draft
from pipelines.care.packing import (
    MANIFEST,
    RAW,
    STORE,
    BackupError,
    Manifest,
    Told,
    check_space,
    copy_hashed,
    decoded,
    legible,
    parts,
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a backup goes: the address of the store, the folder for what is made on the way, the raw archive if there is one."""

    url: str
    folder: Path
    clock: Clock
    archive: FolderArchive | None


def restore(file: Path, target: Target, *, force: bool = False, told: Told = lambda *_: None) -> dict[str, Any]:
    """Restores a backup. Killed at any moment, it leaves the store as it was or as it will be.

    Returns:
        `{"manifest", "bodies", "without_bodies", "aside"}`: how many raw answers were put into the archive, whether some
        that the store knows of are not there, and where a damaged store that was replaced has been kept.

    Raises:
        BackupError: the file cannot be restored.
        StoreError: the store is not empty, is in use, or cannot be written.

    """
    with explained(target.folder):
        private_folder(target.folder)
    engine, aside = _open(target.url, force=force)
    try:
        with draft(target.folder) as taken:
            with legible(file):
                manifest = _verify(file, taken, told)
            lacks = manifest.raw is None or bool(manifest.raw.absent + manifest.raw.damaged) or target.archive is None
            told("bringing it to the newest form", 0, None)
            try:
                prepare(taken, stamp=target.clock().isoformat(), without_bodies=lacks)
            except NewerStoreError:
                newer = f"its tables are at {manifest.tables}, svod {manifest.svod}"
                raise BackupError(f"{file}: was made by a newer svod ({newer}): install that version") from None
            bodies = _put_bodies(file, target.archive, told) if manifest.raw and target.archive else 0
            told("putting it in place", 0, None)
            kept = _put_in_place(taken, engine, aside)
    finally:
        engine.dispose()
    return {"manifest": manifest, "bodies": bodies, "without_bodies": lacks, "aside": kept}


def _open(url: str, *, force: bool) -> tuple[Engine, bool]:
    """The store to be replaced, and whether its file must be set aside, since it cannot be opened.

    A SQLite file that is not there is not made here: what is put in its place appears at once, and whole.
    """
    engine = connect(url)
    file = _file(engine)
    if file is not None and (not file.exists() or file.stat().st_size == 0):
        return engine, False
    try:
        Store(url).close()
        check_target(engine, force=force)
    except StoreError as error:
        engine.dispose()
        if file is None or not force or error.code not in {"store", "store_newer"}:
            raise
        return engine, True
    return engine, False


def _file(engine: Engine) -> Path | None:
    return Path(engine.url.database or "") if engine.dialect.name == "sqlite" else None


def _verify(file: Path, taken: Path, told: Told) -> Manifest:
    """Holds every part against its hash; the store goes into `taken`."""
    sha256, length = "", 0
    bodies = 0
    manifest: Manifest | None = None
    for name, body in parts(file):
        if name == STORE:
            told("looking at the store", 0, None)
            check_space(taken.parent, file.stat().st_size, "to restore")
            with explained(taken), taken.open("wb") as out:
                sha256, length = copy_hashed(body, out)
        elif name.startswith(RAW):
            if copy_hashed(body, None)[0] != name.removeprefix(RAW):
                raise BackupError(f"{file}: damaged: the raw answer {name.removeprefix(RAW)} is not what it should be")
            bodies += 1
            told("looking at raw answers", bodies, None)
        elif name == MANIFEST:
            manifest = decoded(file, body.read())
        else:
            raise BackupError(f"{file}: was made by a newer svod (it holds {name}): install that version")
    if manifest is None:
        raise BackupError(f"{file}: is cut off: its manifest is missing; take another backup")
    if (sha256, length) != (manifest.sha256, manifest.bytes):
        raise BackupError(f"{file}: damaged: the store in it is not what its manifest says; take another backup")
    if bodies != (manifest.raw.bodies if manifest.raw else 0):
        raise BackupError(f"{file}: damaged: raw answers are missing in it; take another backup")
    if counted(taken) != (manifest.tables, manifest.rows):
        raise BackupError(
            f"{file}: the store in it does not hold the rows that its manifest names; take another backup"
        )
    return manifest


def _put_bodies(file: Path, archive: FolderArchive, told: Told) -> int:
    done = 0
    with legible(file):
        for name, body in parts(file):
            if name.startswith(RAW):
                _put(archive, name.removeprefix(RAW), body.read())
                done += 1
                told("raw answers", done, None)
    return done


def _put(archive: FolderArchive, sha256: str, body: bytes) -> None:
    """Puts a body into the archive, in the place of one that is damaged too."""
    try:
        if archive.holds(sha256):
            archive.get(sha256)
    except DamagedAnswerError:
        archive.discard(sha256)
    archive.put(body)


def _put_in_place(taken: Path, engine: Engine, aside: bool) -> str | None:  # noqa: FBT001 - private
    """Puts the file in the place of the store; gives where a damaged one has been kept."""
    file = _file(engine)
    if file is None or (file.exists() and file.stat().st_size and not aside):
        put_in(taken, engine)
        return None
    kept = _set_aside(file) if aside else None
    with explained(file):
        for suffix in ("-wal", "-shm"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)  # of a file that has gone
        with taken.open("rb") as written:
            os.fsync(written.fileno())
        taken.replace(file)
    return str(kept) if kept else None


def _set_aside(file: Path) -> Path:
    """Keeps a store that cannot be opened under another name; its own name is left to what replaces it."""
    number = 1
    while (kept := file.with_name(f"{file.name}.damaged-{number}")).exists():
        number += 1
    with explained(file):
        for suffix in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                file.with_name(file.name + suffix).rename(kept.with_name(kept.name + suffix))
        os.link(file, kept)
    return kept
