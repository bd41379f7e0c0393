"""Golden files: what a connector made of two weeks at its stand-in, written down beside it to be read by people.

`python -m connectors.conformance golden [NAME…]` writes them anew; what has changed in them is reviewed like code.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources.abc import Traversable
from typing import Final

from canonical.cleaning import encode
from canonical.entities import ENTITIES
from connectors.conformance.bench import TWO_WEEKS, Bench, keep_days
from connectors.conformance.check import check, some
from connectors.conformance.giving import untroubled
from connectors.registry import folder

_PUPILS: Final = 12
_COURSES: Final = 3
_TOPICS: Final = 8
"""So few that a person can read the file."""


def golden_file(bench: Bench) -> Traversable:
    """Where the golden file of a product stands."""
    return folder(bench.manifest.name) / "golden" / f"{bench.product_name}.ndjson"


def golden_lines(bench: Bench) -> list[str]:
    """What stands in it: `entity {record}` a line, in canonical order and by key, and the drift.

    Raises:
        RuntimeError: the two weeks could not be read.

    """
    place = bench.place(students=_PUPILS, classes=1)
    kept = sorted(place.courses)[:_COURSES]
    place.lessons = {n: x for n, x in place.lessons.items() if x.course in kept}
    for course in place.courses.values():
        course.plan = course.plan[:_TOPICS]
    planned = {item.id for course in place.courses.values() for item in course.plan}
    for lesson in place.lessons.values():
        lesson.plan_item = lesson.plan_item if lesson.plan_item in planned else None
    keep_days(place, TWO_WEEKS.since, TWO_WEEKS.until)
    trial = bench.read(bench.standin(place), TWO_WEEKS)
    if trouble := list(untroubled(trial)):
        raise RuntimeError("; ".join(trouble))
    lines = [
        f"{entity} {encode(trial.got.records[entity][key]).decode()}"
        for entity in ENTITIES
        for key in sorted(trial.got.records.get(entity, {}))
    ]
    return lines + sorted(f"# {d.kind} {d.where}.{d.name}" for d in trial.got.drift)


@check("gold")
def golden(bench: Bench) -> Iterator[str]:
    """Two weeks give what the golden file beside the connector holds."""
    place = golden_file(bench)
    if not place.is_file():
        yield f"golden/{place.name} is missing: python -m connectors.conformance golden {bench.manifest.name}"
        return
    want, have = place.read_text(encoding="utf-8").splitlines(), golden_lines(bench)
    yield from some(f"missing: {line}" for line in want if line not in set(have))
    yield from some(f"new: {line}" for line in have if line not in set(want))
