"""Lets go of what is older than it must be kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache
from typing import Any, Final

from canonical.store import Store
from canonical.store import pruning as store_pruning
from canonical.store.forgetting import Bodies, Marked, forget_lost
from canonical.store.pruning import Limits
from connectors.archive import FolderArchive
from connectors.errors import DamagedAnswerError

_REMEMBERED: Final = 50_000
"""Sound bodies that need not be read again where they come again as the answer to something else."""


def prune(store: Store, archive: FolderArchive | None, limits: Limits, *, lost: bool, trial: bool) -> dict[str, Any]:
    """Prunes the store, and then the raw archive of every body that no answer in the store leads to.

    It goes in small pieces, and others may write between them; killed at any moment it is called again and ends the same.
    `lost`: answers whose bodies are not in the archive, or are not what they should be, are forgotten too. With `trial`
    all is counted and nothing changed.

    Returns:
        `{"answers", "versions", "quarantine", "ledger", "drift", "jobs", "lost", "bodies", "bytes", "history_from"}`.

    Raises:
        StoreError: the store cannot be written.
        BusyError: answers of a source are `lost` that is being imported.
        ArchiveError: the archive cannot.

    """
    marked = Marked(store.engine) if trial else None
    done = store_pruning.prune(store.engine, limits, marked)
    gone = count = size = 0
    if archive:
        if lost:
            gone = forget_lost(store.engine, _is_lost(archive, trial=trial), marked)
        known = Bodies(store.engine, marked)
        count, size = archive.sweep(known.hold, before=limits.raw.timestamp(), trial=trial)
    return {**asdict(done), "lost": gone, "bodies": count, "bytes": size}


def _is_lost(archive: FolderArchive, *, trial: bool) -> Callable[[str], bool]:
    """Says whether a body is not there, or is damaged; what is damaged goes, so that it can come anew."""

    @lru_cache(_REMEMBERED)
    def read(sha256: str) -> None:  # what is lost is not remembered: it may come anew
        archive.get(sha256)

    def look(sha256: str) -> bool:
        try:
            read(sha256)
        except KeyError:
            return True
        except DamagedAnswerError:
            if not trial:
                archive.discard(sha256)
            return True
        return False

    return look
