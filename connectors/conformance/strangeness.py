"""Checks of answers that are not what they were: new fields, new words, things that are no records."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, Final

from canonical.entities import Record
from connectors.conformance.bench import A_WEEK, Bench, Trial
from connectors.conformance.check import check
from connectors.conformance.giving import untroubled

_WORD: Final = re.compile(r"[A-Za-z][A-Za-z_]{1,40}")
_NEW: Final = "SvodNeverSeenBefore"
_FEW: Final = 10
"""One part in so many of all records may fall with one record."""


@check("silver", "network")
def unknown_fields(bench: Bench) -> Iterator[str]:
    """Fields that the connector does not know change nothing, and are counted as drift."""

    def change(_: str, body: Any) -> Any:
        return _map_objects(body, lambda x: x if _is_map(x) else {**x, "svodUnknownField": {"a": [1]}})

    trial = bench.read(window=A_WEEK, change=change)
    yield from untroubled(trial)
    if trial.got.records != bench.short.got.records:
        yield "records are not what they are without the new field"
    if not any(d.kind == "unknown_field" and d.name == "svodUnknownField" for d in trial.got.drift):
        yield "the new field was not counted as drift"


@check("silver", "network")
def alien_items(bench: Bench) -> Iterator[str]:
    """A thing that is no record, in whatever list, is set aside alone, or with the record whose list it is."""
    places = _lists(bench.short)
    if not places:
        yield "no list of objects is among the answers"
    for inner in (False, True):
        names = {name for name, depth in places.items() if (depth > 0) is inner}
        if any(_with_aliens(bench, names, inner=inner)):
            for name in sorted(names):  # which one was it
                yield from (f"{name}: {line}" for line in _with_aliens(bench, {name}, inner=inner))


def _with_aliens(bench: Bench, names: set[str], *, inner: bool) -> Iterator[str]:
    """Complaints about a week with an alien in every one of these lists; of lists within records only in the first."""
    once = set(names)

    def change(asked: str, body: Any) -> Any:
        return _add_to_lists(body, _template(asked), once if inner else names, used_up=inner)

    trial = bench.read(window=A_WEEK, change=change)
    before = bench.short.got.records
    lost = _lost(before, trial.got.records)
    if trial.error is not None:
        yield f"the source stopped: {type(trial.error).__name__}: {trial.error}"
    for unit, error in trial.got.failed.items():
        yield f"unit {unit!r} was left out: {error}"
        return
    if inner:  # a record falls with its own list, and what hangs on it
        alone = not lost or (bool(trial.got.rejects) and len(lost) * _FEW < sum(map(len, before.values())))
    else:
        alone = not lost
    if not alone:
        yield f"{len(lost)} records were lost, {' '.join(lost[0])} among them"


@check("gold", "network")
def unknown_words(bench: Bench) -> Iterator[str]:
    """A word outside an enumeration keeps its record, with the word as it came; none is dropped in silence."""
    words = _words(bench.short)
    trial = _with_words(bench, words)
    if not list(_worded(bench, trial)):  # what all of them together do not spoil
        told = _told(trial)
        words = {field: word for field, word in words.items() if field not in told}
        if _with_words(bench, words).got.records == bench.short.got.records:
            return  # the others are of no account
    for field, word in sorted(words.items()):
        trial = _with_words(bench, {field: word})
        yield from (f"{field}={word}: {line}" for line in _worded(bench, trial))
        if trial.got.records != bench.short.got.records and not _told(trial):
            yield f"{field}={word}: records changed, and the word stands neither in one of them nor in the drift"


def _with_words(bench: Bench, words: dict[str, str]) -> Trial:
    def change(_: str, body: Any) -> Any:
        return _map_objects(body, lambda x: x | {f: f"{_NEW}-{f}" for f, w in words.items() if x.get(f) == w})

    return bench.read(window=A_WEEK, change=change)


def _worded(bench: Bench, trial: Trial) -> Iterator[str]:
    """Complaints about records that were lost, neither set aside nor kept under a key that holds the word."""
    lost = Counter(entity for entity, _ in _lost(bench.short.got.records, trial.got.records))
    aside = Counter(reject.entity for reject in trial.got.rejects)
    aside.update(entity for entity, key in _lost(trial.got.records, bench.short.got.records) if _NEW in key)
    if trial.error is not None:
        yield f"the source stopped: {type(trial.error).__name__}: {trial.error}"
    for entity, number in (lost - aside).items():
        yield f"{number} {entity} were lost in silence"


def _told(trial: Trial) -> set[str]:
    """The fields whose new word stands in a record or in the drift."""
    texts = [d.name for d in trial.got.drift if d.kind == "unknown_value"]
    texts += [repr(r) for records in trial.got.records.values() for r in records.values()]
    return set(re.findall(rf"{_NEW}-(\w+)", "\n".join(texts)))


Records = dict[str, dict[str, Record]]


def _lost(before: Records, after: Records) -> list[tuple[str, str]]:
    return [(e, k) for e, records in before.items() for k in records if k not in after.get(e, {})]


# -- what stands in the answers --------------------------------------------------------------------------------------


def _answers(trial: Trial) -> Iterator[tuple[str, Any]]:
    """What units rest on, decoded: the request and its answer."""
    for request, origin in trial.origins.items():
        body = trial.archive.bodies.get(origin.sha256, b"")
        if body.lstrip()[:1] in {b"[", b"{"}:
            yield request, json.loads(body)


def _template(request: str) -> str:
    """A request without its numbers and its query, so that the same question about another thing looks the same."""
    return re.sub(
        r"[0-9][0-9a-fA-F-]*",
        "#",
        request.split("?", maxsplit=1)[0].split(" {", maxsplit=1)[0].split(" [", maxsplit=1)[0],
    )


def _lists(trial: Trial) -> dict[str, int]:
    """Where lists of objects stand, and within how many other lists.

    A place is a request's template, and the names of the fields down to the list.
    """
    found: dict[str, int] = {}

    def walk(value: Any, path: str, depth: int) -> None:
        if isinstance(value, list):
            if value and isinstance(value[0], dict):
                found[path] = depth
            for item in value:
                walk(item, path, depth + 1)
        elif isinstance(value, dict):
            for name, inner in value.items():
                walk(inner, f"{path} {'#' if name.isdigit() else name}", depth + name.isdigit())

    for request, body in _answers(trial):
        walk(body, _template(request), 0)
    return found


def _add_to_lists(value: Any, path: str, wanted: set[str], *, used_up: bool) -> Any:
    """The same with something alien at the end of each list that stands at a wanted place; `used_up`: of the first."""
    if isinstance(value, list):
        hit = path in wanted and value and isinstance(value[0], dict)
        if hit and used_up:
            wanted.discard(path)
        made = [_add_to_lists(v, path, wanted, used_up=used_up) for v in value]
        return [*made, "a thing that is no record"] if hit else made
    if isinstance(value, dict):
        return {
            n: _add_to_lists(v, f"{path} {'#' if n.isdigit() else n}", wanted, used_up=used_up)
            for n, v in value.items()
        }
    return value


def _words(trial: Trial) -> dict[str, str]:
    """Fields that hold code words, each with the one it holds most often."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)

    def walk(value: Any) -> None:
        if isinstance(value, list):
            for item in value:
                walk(item)
        elif isinstance(value, dict):
            for name, inner in value.items():
                if isinstance(inner, str):
                    seen[name][inner] += 1
                else:
                    walk(inner)

    for _, body in _answers(trial):
        walk(body)
    enums = {n: c for n, c in seen.items() if len(c) <= 12 and all(_WORD.fullmatch(w) for w in c if w)}
    return {n: c.most_common(1)[0][0] for n, c in enums.items() if c.total() >= 3 and c.most_common(1)[0][0]}


def _is_map(value: dict[str, Any]) -> bool:
    """Whether an object's names are keys of things, not names of fields; an empty one may be such."""
    return all(name.isdigit() for name in value)


def _map_objects(value: Any, change: Any) -> Any:
    if isinstance(value, list):
        return [_map_objects(v, change) for v in value]
    if isinstance(value, dict):
        return change({n: _map_objects(v, change) for n, v in value.items()})
    return value
