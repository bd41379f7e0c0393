"""Holds the store and the raw archive against their invariants."""

from __future__ import annotations

from sqlalchemy import case, func, select

from canonical.store import Store
from canonical.store.checking import check_store
from canonical.store.damage import Findings, Told
from canonical.store.notes import RAW_NOT_RESTORED, note
from canonical.tables import ANSWERS
from connectors.archive import Archive
from connectors.errors import DamagedAnswerError


def verify(store: Store, archive: Archive | None, told: Told = lambda *_: None) -> Findings:
    """Looks at everything, in one view of the store; at the raw answers too if there is an archive.

    Raises:
        StoreError: the database cannot be read.
        ArchiveError: the archive cannot.

    """
    found = Findings()
    with store.reading() as connection:
        check_store(connection, found, told)
        if archive is None or any(d.check in {"database", "tables"} for d in found.damage):
            return found
        not_restored = int(note(connection, RAW_NOT_RESTORED) or 0)
        total = connection.execute(select(func.count(ANSWERS.c.sha256.distinct()))).scalar_one()
        kept = func.max(case((ANSWERS.c.kept, 1), else_=0))
        bodies = select(ANSWERS.c.sha256, func.max(ANSWERS.c.id), kept).group_by(ANSWERS.c.sha256)
        left_behind = never_kept = 0
        for sha256, last, was_kept in connection.execute(bodies, execution_options={"yield_per": 10_000}):
            try:
                archive.get(sha256)
            except KeyError:
                if last <= not_restored:
                    left_behind += 1
                elif not was_kept:
                    never_kept += 1
                else:
                    found.add("raw_missing", "raw archive", "the body of an answer is not there", [sha256])
            except DamagedAnswerError:
                found.add("raw_damaged", "raw archive", "the body of an answer is not what was put there", [sha256])
            found.checked["bodies"] += 1
            told("raw answers", found.checked["bodies"], total)
        if left_behind:
            found.notes.append(f"{left_behind} raw answers did not come with the backup that was restored")
        if never_kept:
            found.notes.append(f"{never_kept} raw answers were received while there was no raw archive")
    return found
