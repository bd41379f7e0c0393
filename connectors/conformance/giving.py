"""Checks of what a connector says of itself, and of what it gives when nothing is in the way."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from canonical.entities import ENTITIES, entity_of, references
from connectors.addresses import check_base_url
from connectors.conformance.bench import A_WEEK, Bench, Trial
from connectors.conformance.check import check, some
from connectors.conformance.harness import differences, records_in
from connectors.contract import Reading
from connectors.errors import SourceConfigError
from connectors.registry import folder
from connectors.standins.region import Institution

_MARKS_IN_A_CELL: Final = 5


def untroubled(trial: Trial) -> Iterator[str]:
    """Complaints about a reading that should have gone through."""
    if trial.error is not None:
        yield f"the reading stopped: {type(trial.error).__name__}: {trial.error}"
    yield from some(f"unit {name!r} was left out: {e.code}: {e}" for name, e in trial.got.failed.items())
    yield from some(f"set aside: {r.entity} {r.key}: {r.reason}" for r in trial.got.rejects)


def is_the_truth(trial: Trial) -> Iterator[str]:
    """Complaints about a whole year that is not what the stand-in knows to be true."""
    yield from untroubled(trial)
    place = trial.standin.institution
    yield from some(differences(trial.standin.truth(), trial.got.records, place.zone))


@check("bronze", standin=False)
def manifest(bench: Bench) -> Iterator[str]:
    """The manifest names what is there: entities, fields, functions, paths, limits, an address, a stand-in."""
    product = bench.product
    if not product.capabilities:
        yield "capabilities: none are declared"
    for entity, fields in (*product.capabilities.items(), *product.history.items()):
        if entity not in ENTITIES:
            yield f"capabilities: there is no entity {entity!r}"
            continue
        known = {f.name for f in ENTITIES[entity].fields} - {"key", "raw"}
        yield from (f"capabilities: {entity} has no field {name!r}" for name in fields if name not in known)
    for what in ("factory", "standin"):
        place = getattr(product, what)
        if place is None:
            yield "standin: none is named, so nothing can be tried"
        elif not callable(_found(place)):
            yield f"{what}: {place!r} is not there"
    for pattern in (*product.sign_in_paths, *product.reads_by_post):
        try:
            re.compile(pattern)
        except re.error as error:
            yield f"{pattern!r} is not a regular expression: {error}"
    if product.base_url is not None:
        try:
            check_base_url(product.base_url)
        except SourceConfigError as error:
            yield str(error)
    yield from (f"limits: not a sentence: {x!r}" for x in product.limits if not x.endswith("."))


def _found(place: str) -> Any:
    module, _, function = place.partition(":")
    try:
        return getattr(importlib.import_module(module), function, None)
    except ImportError:
        return None


@check("bronze")
def account(bench: Bench) -> Iterator[str]:
    """With a good credential `check` finds nothing amiss, and `discover` lists the institution."""
    standin = bench.standin()
    lines, trial = bench.ask(lambda c: c.check(), standin)
    if lines is None:
        yield f"check raised {type(trial.error).__name__}: {trial.error}"
    else:
        yield from ([] if lines else ["check has nothing to say"])
        yield from (f"check: {x.what}: {x.detail}" for x in lines if x.ok is False)
    found, trial = bench.ask(lambda c: c.discover(), standin)
    if found is None:
        yield f"discover raised {type(trial.error).__name__}: {trial.error}"
    elif standin.lay is None and standin.remote_id not in {one.id for one in found}:
        yield f"discover does not list {standin.remote_id}: {[one.id for one in found]}"


@check("bronze")
def whole_year(bench: Bench) -> Iterator[str]:
    """A whole year gives what the stand-in knows to be true: every record, every field, and nothing besides."""
    yield from is_the_truth(bench.plain)
    if not bench.plain.got.records.get("people"):
        yield "not even people came"


@check("bronze")
def units(bench: Bench) -> Iterator[str]:
    """Units have names of their own, say which answer brought each record, and are made purely of their answers."""
    got = bench.plain.got
    answers = {getattr(a, "origin", a) for reading in got.readings.values() for a in reading.answers}
    names = [name for name, _ in got.batches]
    yield from some(f"two units are named {name!r}" for name in sorted({n for n in names if names.count(n) > 1}))
    yield from some(_impure(got.readings))
    versions: dict[tuple[str, str], set[Any]] = {}
    for name, batch in got.batches:
        origins = {origin for origin, records in batch.blocks if records}
        if None in origins:
            yield f"unit {name!r}: records without the answer that brought them"
        for origin in origins - answers - {None}:
            yield f"unit {name!r}: records by {origin.request if origin else ''}, which is among no unit's answers"
        for record in records_in(batch):
            versions.setdefault((entity_of(record), record.key), set()).add(repr(record))
    yield from some(
        f"{e} {k}: came in {len(v)} versions in one reading" for (e, k), v in versions.items() if len(v) > 1
    )


def _impure(readings: dict[str, Reading]) -> Iterator[str]:
    for name, reading in readings.items():
        one, other = reading.make(), reading.make()
        for what in ("blocks", "rejects", "scopes", "drift"):
            if getattr(one, what) != getattr(other, what):
                yield f"unit {name!r}: made twice of the same answers, {what} differ"


@check("bronze")
def references_resolve(bench: Bench) -> Iterator[str]:
    """Every record that is pointed at comes along, and no later than what points at it, so that nothing waits in quarantine."""
    got = bench.plain.got
    batches = dict(got.batches)
    there: dict[str, set[str]] = {}
    for name in got.order:
        records = list(records_in(batches[name])) if name in batches else []
        for record in records:
            there.setdefault(entity_of(record), set()).add(record.key)
        yield from some(
            f"unit {name!r}: {entity_of(record)} {record.key}: {field.name} points at {field.ref.entity} {key}, "
            f"which {'comes later' if key in got.records.get(field.ref.entity, {}) else 'is not there'}"
            for record in records
            for field, key in references(record, ENTITIES[entity_of(record)])
            if field.ref and key not in there.get(field.ref.entity, ())
        )


@check("bronze")
def nothing_undeclared(bench: Bench) -> Iterator[str]:
    """No field is filled that the manifest does not declare."""
    declared = bench.product.capabilities
    for entity, records in bench.plain.got.records.items():
        filled = {f for r in records.values() for f in r.__struct_fields__ if getattr(r, f) is not None}
        for name in sorted(filled - {"key", "raw"} - set(declared.get(entity, ()))):
            yield f"{entity}.{name} is filled, and not among the capabilities"


@check("gold")
def nothing_declared_in_vain(bench: Bench) -> Iterator[str]:
    """Every field that the manifest declares is filled somewhere, and a year that is over is read truly as well."""
    yield from is_the_truth(bench.summer)
    if bench.product.says_what_comes:
        return
    trials = [bench.plain, bench.summer]
    if "people.snils" in bench.offers:
        trials.append(bench.read(window=A_WEEK, pseudonym=lambda snils: f"pseudonym of {len(snils)} digits"))
    for entity, fields in bench.product.capabilities.items():
        records = [r for t in trials for r in t.got.records.get(entity, {}).values()]
        for name in fields:
            if all(getattr(r, name) is None for r in records):
                yield f"{entity}.{name} is declared, and never filled"


@check("gold", "pages")
def paging(bench: Bench) -> Iterator[str]:
    """Lists that come in pages are read to their end."""
    place = bench.place()
    crowd(place)
    trial = bench.read(bench.standin(place))
    yield from is_the_truth(trial)
    page = re.compile(rf"[?&]{re.escape(bench.product.pages or '')}=(\d+)")
    numbers = {int(found[1]) for asked in trial.visits.asked if (found := page.search(asked))}
    if len(numbers) < 2:
        yield f"no list came in several pages: {bench.product.pages}={sorted(numbers)} was asked for"


def crowd(place: Institution) -> None:
    """Puts several marks into every cell, as many as a long list needs."""
    number = max(place.marks)
    for mark in list(place.marks.values()):
        for more in range(2, _MARKS_IN_A_CELL + 1):
            number += 1
            place.marks[number] = replace(mark, id=number, number=mark.number * 100 + more)
    place.touched()


@check("gold")
def described(bench: Bench) -> Iterator[str]:
    """The folder has a README.md, and the manifest says in sentences what the portal cannot tell."""
    if not (folder(bench.manifest.name) / "README.md").is_file():
        yield "README.md is missing: how to get a sign-in, what is read, what the portal cannot tell"
    if not bench.product.limits:
        yield "limits: there is no portal that tells everything"
