"""Makes a backup: the store, and if it is asked for the raw answers, in one file."""

from __future__ import annotations

import io
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import case, func, select

from canonical.store import Store
from canonical.store.carrying import counted, size, take_out
from canonical.store.engine import connect, reading, sqlite_url
from canonical.store.leases import is_dead, this_process
from canonical.tables import ANSWERS
from canonical.writing import WriteError, check_target, explained
from connectors.archive import Archive
from connectors.errors import DamagedAnswerError
from pipelines.care.packing import (
    FORM,
    MANIFEST,
    RAW,
    STORE,
    Manifest,
    Packer,
    Raw,
    Told,
    check_space,
    copy_hashed,
    encoded,
    packing,
)


def back_up(
    store: Store,
    file: Path,
    *,
    version: str,
    archive: Archive | None = None,
    force: bool = False,
    told: Told = lambda *_: None,
) -> dict[str, Any]:
    """Writes a backup of the store as it stands at one moment, while others may write to it; whole or not at all.

    With an `archive` the raw answers go with it.

    Returns:
        `{"file", "bytes", "manifest"}`.

    Raises:
        WriteError: the file cannot be written.
        StoreError: the store cannot be read.

    """
    _check_file(file, force=force)
    target = file.resolve()
    check_space(target.parent, size(store.engine), "the backup")
    with draft(target.parent) as taken, draft(target.parent) as packed:
        told("the store", 0, None)
        take_out(store.engine, taken)
        with explained(file), packed.open("wb") as out:
            manifest = _pack(store, taken, out, version, archive, told)
            out.flush()
            os.fsync(out.fileno())
        with explained(file):
            packed.replace(target)
    return {"file": str(file), "bytes": target.stat().st_size, "manifest": manifest}


def _pack(store: Store, taken: Path, out: BinaryIO, version: str, archive: Archive | None, told: Told) -> Manifest:
    """Packs the store that was taken out, and the raw answers that it knows of."""
    form, rows = counted(taken)
    with packing(out, int(store.clock().timestamp())) as packer:
        with taken.open("rb") as body:
            sha256, length = copy_hashed(body, None)
            body.seek(0)
            told("packing the store", 0, None)
            packer.add(STORE, length, body)
        raw = _add_bodies(packer, archive, taken, told) if archive else None
        manifest = Manifest(
            form=FORM,
            svod=version,
            made_at=store.stamp(),
            kind=store.engine.dialect.name,
            tables=form,
            rows=rows,
            bytes=length,
            sha256=sha256,
            raw=raw,
        )
        packer.add(MANIFEST, len(encoded(manifest)), io.BytesIO(encoded(manifest)))
    return manifest


@contextmanager
def draft(folder: Path) -> Iterator[Path]:
    """A private file in a folder that is gone afterwards, with what a database puts beside it; so are those of the dead."""
    with explained(folder):
        for left in folder.glob(".svod-*:*:*-*.draft*"):
            if is_dead(left.name.removeprefix(".svod-").rpartition("-")[0]):
                left.unlink(missing_ok=True)
        number, name = tempfile.mkstemp(prefix=f".svod-{this_process()}-", suffix=".draft", dir=folder)
    os.close(number)
    path = Path(name)
    try:
        yield path
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


def _check_file(file: Path, *, force: bool) -> None:
    check_target(file)
    if file.exists():
        if not stat.S_ISREG(file.stat().st_mode):
            raise WriteError(f"{file}: is a device or a pipe; a backup is a file that can be read again: name one")
        if not force:
            raise WriteError(f"{file}: is there already; name another file, or replace it with --force")


def _add_bodies(packer: Packer, archive: Archive, taken: Path, told: Told) -> Raw:
    """Adds every body that the store knows of and the archive has."""
    bodies = length = absent = damaged = 0
    engine = connect(sqlite_url(taken))
    try:
        with reading(engine) as connection:
            kept = func.max(case((ANSWERS.c.kept, 1), else_=0))
            known = select(ANSWERS.c.sha256, kept).group_by(ANSWERS.c.sha256).order_by(ANSWERS.c.sha256)
            for sha256, was_kept in connection.execute(known, execution_options={"yield_per": 10_000}):
                try:
                    body = archive.get(sha256)
                except KeyError:
                    absent += was_kept
                    continue
                except DamagedAnswerError:
                    damaged += 1
                    continue
                packer.add(RAW + sha256, len(body), io.BytesIO(body))
                bodies += 1
                length += len(body)
                told("raw answers", bodies, None)
    finally:
        engine.dispose()
    return Raw(bodies=bodies, bytes=length, absent=absent, damaged=damaged)
