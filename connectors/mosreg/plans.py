"""Thematic plans (КТП, facts B4.4). Which fields their lessons have is not published, so the likely ones are read. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from canonical.batch import Batch, Origin
from canonical.coverage import Scope, Selector
from canonical.entities import PlannedTopic
from connectors.mosreg.client import Listing
from connectors.mosreg.reading import read
from connectors.mosreg.wire import CalendarPlan, PlannedLesson
from connectors.wire import plain_key, read_each


def group_of(plan: Any, asked: Sequence[str], names: Mapping[str, str | None]) -> str | None:
    """The group that a plan is for: it says so, or was asked for alone, or has its name alone, or bears its id.

    `names` is group -> name, of the groups that were asked for.
    """
    if (said := plain_key(plan, "group_id")) is not None:
        return said
    if len(asked) == 1:
        return asked[0]
    name = plan.get("group_name") if isinstance(plan, dict) else None
    called = [g for g in asked if name and names.get(g) == name]
    if len(called) == 1:
        return called[0]
    own = plain_key(plan, "id")
    return own if own in asked else None


def plans_batch(plans: Sequence[tuple[Listing, Sequence[str]]], names: Mapping[str, str | None]) -> Batch:
    """The planned topics of groups. `plans` are lists, each with the groups it was asked for."""
    batch = Batch()
    for listing, asked in plans:
        some = read(listing, CalendarPlan, entity="planned_topics")
        some.report(batch)
        for plan, origin in some.items:
            group = group_of(plan.model_dump(), asked, names)
            if group is None:
                batch.reject("planned_topics", "group: cannot be told", plan.model_dump(), origin=origin)
                continue
            batch.add(_topics(plan, group, origin, batch), origin)
        if some.is_whole:
            batch.covers(*(Scope("planned_topics", Selector.COURSE, group) for group in asked))
    return batch


def _topics(plan: CalendarPlan, group: str, origin: Origin, batch: Batch) -> Iterator[PlannedTopic]:
    """The rows of one plan. A row without an id of its own goes by its place in the plan."""
    places = {id(row): f"{group}:{place}" for place, row in enumerate(plan.lessons, 1)}

    def key(row: Any) -> str | None:
        return plain_key(row, "id") or places[id(row)]

    for place, row in enumerate(plan.lessons, 1):
        for lesson in read_each([row], PlannedLesson, batch, entity="planned_topics", key=key, origin=origin):
            yield PlannedTopic(
                key=lesson.id or f"{group}:{place}",
                course=group,
                number=lesson.number or lesson.lesson_number or place,
                title=lesson.shown,
                hours=lesson.hours,
                planned_on=lesson.date,
                homework=lesson.homework,
            )
