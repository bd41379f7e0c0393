"""Homeworks, which lessons point at by id (facts B4.4). Pure."""

from __future__ import annotations

from canonical.batch import Batch, Drift, Reject
from connectors.mosreg.client import Listing
from connectors.mosreg.reading import read
from connectors.mosreg.school import by_number
from connectors.mosreg.wire import Homework, ScheduleItem


class Homeworks:
    """Homeworks by id. A broken one makes the lesson that points at it broken."""

    def __init__(self, listing: Listing) -> None:
        self._read = read(listing, Homework, entity="lessons")
        self._good = {h.id: h for h, _ in self._read.items}
        self._broken = {r.key: r for r in self._read.rejects if r.key is not None}

    def report(self, batch: Batch) -> None:
        """Puts into a batch what has not even an id, and what was new."""
        batch.rejects.extend(r for r in self._read.rejects if r.key is None)
        batch.drift.update(self._read.problems.drift)

    def broken_of(self, item: ScheduleItem) -> Reject | None:
        """What is wrong with a homework of a lesson, if anything."""
        return next((self._broken[h.id] for h in item.homeworks_to_give if h.id in self._broken), None)

    def of(self, item: ScheduleItem, batch: Batch) -> tuple[str | None, str | None]:
        """The text of what is set at a lesson, several joined with `; `, and when the first of it was entered."""
        found = [self._good[h.id] for h in item.homeworks_to_give if h.id in self._good]
        if len(found) < len(item.homeworks_to_give):
            batch.drift[Drift("unresolved_reference", "ScheduleItem", "homeworks_to_give")] += 1
        found.sort(key=lambda h: (h.created_at or "", by_number(h.id)))
        texts = [
            entry.description
            for homework in found
            for entry in sorted(homework.homework_entries, key=lambda e: by_number(e.id or ""))
            if entry.description
        ]
        return "; ".join(texts) or None, min((h.created_at for h in found if h.created_at), default=None)
