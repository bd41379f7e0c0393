"""Lets go of what is older than it must be kept."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, select

from canonical.store import Store
from canonical.store import pruning as store_pruning
from canonical.store.notes import HISTORY_FROM, note
from canonical.store.pruning import Limits
from canonical.tables import ANSWERS
from connectors.archive import FolderArchive
from connectors.errors import DamagedAnswerError


def prune(store: Store, archive: FolderArchive | None, limits: Limits, *, lost: bool, trial: bool) -> dict[str, Any]:
    """Prunes the store, and then the raw archive of every body that no answer in the store leads to.

    Killed in between it is called again and ends the same. `lost`: answers whose bodies are not in the archive, or are not
    what they should be, are forgotten too. With `trial` all is counted and nothing changed.

    Returns:
        `{"answers", "versions", "quarantine", "ledger", "drift", "jobs", "lost", "bodies", "bytes", "history_from"}`.

    Raises:
        StoreError: the store cannot be written.
        ArchiveError: the archive cannot.

    """
    with store.writing() as connection:
        done = store_pruning.prune(connection, limits)
        gone = _unfounded(connection, archive, trial=trial) if lost and archive else []
        if gone:
            store_pruning.forget_answers(connection, gone)
        kept = store_pruning.bodies(connection)
        history_from = note(connection, HISTORY_FROM)
        if trial:
            connection.rollback()
    count = size = 0
    if archive:
        count, size = archive.sweep(kept.holds, before=limits.raw.timestamp(), trial=trial)
    since = int(history_from) if history_from else None
    return {**asdict(done), "lost": len(gone), "bodies": count, "bytes": size, "history_from": since}


def _unfounded(connection: Connection, archive: FolderArchive, *, trial: bool) -> list[int]:
    """The answers whose bodies are not there, or are damaged; what is damaged goes, so that it can come anew."""
    found: list[int] = []
    whole: dict[str, bool] = {}
    known = select(ANSWERS.c.id, ANSWERS.c.sha256).order_by(ANSWERS.c.sha256)
    for number, sha256 in connection.execute(known, execution_options={"yield_per": 10_000}):
        if sha256 not in whole:
            whole = {sha256: _is_whole(archive, sha256)}
            if not whole[sha256] and not trial:
                archive.discard(sha256)
        if not whole[sha256]:
            found.append(number)
    return found


def _is_whole(archive: FolderArchive, sha256: str) -> bool:
    try:
        archive.get(sha256)
    except (KeyError, DamagedAnswerError):
        return False
    return True
