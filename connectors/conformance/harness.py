"""Reads a connector without a store, and compares what it gives with the truth of a stand-in."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec

from canonical.batch import Batch, Origin, Read, Reject
from canonical.cleaning import clean
from canonical.entities import Record, entity_of
from canonical.scales import Scale
from canonical.years import AcademicYear
from connectors.archive import Archive, NoArchive
from connectors.captures import Capture, capture_session
from connectors.contract import Context, Institution, Reading, SourceConfig, Vault, Window, note_answers
from connectors.errors import ConnectorError
from connectors.http import Manner, Patience, Session
from connectors.registry import connect, manifest
from connectors.sessions import archive_session, network_session
from connectors.standins.server import StandIn

QUICK = Patience(attempts=7, first_wait=0.01, longest_wait=0.2, read=5, total=10)
"""Patience for stand-ins: the same number of tries, without the waiting."""

FIVE = Scale(
    "five",
    {f"{n}{sign}": n for n in range(1, 6) for sign in ("", "+", "-")},
    {"зач": "credit", "незач": "no_credit", "осв": "exempt", "н/а": "not_attested", "•": "debt"},
)


@dataclass(repr=False)  # asyncio looks at the repr of what a task gives, and this one would take long
class Collected:
    """What a connector gave: records by entity and key, everything else as it came, and which units failed.

    `order` is the names of the units as they were yielded; `batches` are in the order in which they were read.
    """

    records: dict[str, dict[str, Record]] = field(default_factory=dict)
    batches: list[tuple[str, Batch]] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    failed: dict[str, ConnectorError] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    readings: dict[str, Reading] = field(default_factory=dict)

    @property
    def rejects(self) -> list[Reject]:
        return [r for _, b in self.batches for r in (*b.rejects, *(r for part in _lines_of(b) for r in part.rejects))]

    @property
    def drift(self) -> Counter[Any]:
        total: Counter[Any] = Counter()
        for _, b in self.batches:
            total.update(b.drift)
        return total


def make_context(
    standin: StandIn,
    base_url: str,
    *,
    product: str | None = None,
    auth: str = "password",
    secrets: Mapping[str, str] | None = None,
    vault: Vault | None = None,
    archive: Archive | None = None,
    patience: Patience = QUICK,
    requests_per_second: float = 10_000,
    concurrency: int = 4,
    find: Callable[[str], Origin | None] | None = None,
    pseudonym: Callable[[str], str | None] = lambda _: None,
    options: Mapping[str, Any] | None = None,
    capture: Capture | None = None,
) -> Context:
    """The context of a source that reads a stand-in with one of its `auth` kinds; with `find` from the `archive`.

    `options` are further settings of the source.

    Of a connector that reads files `base_url` is the folder in which the stand-in has laid them.
    """
    known = manifest(standin.portal)
    offered = known.product(product)
    settings: dict[str, Any] = {
        "key": "portal",
        "connector": standin.portal,
        "product": product,
        "requests_per_second": requests_per_second,
        "concurrency": concurrency,
        **(options or {}),
    }
    if standin.lay is not None:
        settings |= standin.lay(Path(base_url))
    else:
        settings |= {"base_url": base_url, "remote_id": standin.remote_id}
        if capture is not None:
            settings |= {"har": "*.har"}
        elif offered.auth:
            settings |= {"auth": _configured(auth, secrets or standin.auth[auth])}
    config = SourceConfig.model_validate(settings)
    place = standin.institution

    def open_session(manner: Manner) -> Session:
        if capture is not None:
            return capture_session(offered, manner, archive=archive or NoArchive(), capture=capture)
        if find is not None and archive is not None:
            return archive_session(offered, manner, archive=archive, find=find)
        return network_session(config, offered, manner, archive=archive, patience=patience)

    extra: dict[str, Any] = {"vault": vault} if vault is not None else {}
    return Context(
        source=f"{place.key}/portal",
        config=config,
        manifest=known,
        institution=Institution(place.key, place.name, place.kind, place.zone),
        scale=FIVE,
        open_session=open_session,
        clock=lambda: place.now,
        archive=archive or NoArchive(),
        root=Path(base_url) if standin.lay is not None else Path(),
        find=find,
        from_capture=capture is not None,
        pseudonym=pseudonym,
        **extra,
    )


def _configured(kind: str, values: Mapping[str, str]) -> dict[str, Any]:
    """An `auth` of a configuration; what is secret in it stands in the environment."""
    plain = {"client_id", "login", "username"}
    said = {name: value if name in plain else {"env": _remember(value)} for name, value in values.items()}
    return {"kind": kind, **said}


_SECRETS: dict[str, str] = {}


def _remember(value: str) -> str:
    """Puts a secret into an environment of the tests' own; gives the name of its variable."""
    name = f"SVOD_STANDIN_{abs(hash(value)):x}"
    _SECRETS[name] = value
    return name


def secrets_in_place() -> Any:
    """While this lasts, the secrets of `make_context` can be found in the environment."""
    return mock.patch.dict("os.environ", _SECRETS)


def whole_year(now: datetime) -> Window:
    """The window of a first import."""
    year = AcademicYear.of(now.date())
    return Window(year, year.start, year.end)


async def read_all(context: Context, window: Window | None = None) -> Collected:
    """Reads everything, several units at once, and makes every batch."""
    collected = Collected()
    with secrets_in_place():
        connector = connect(context)
        try:
            pending: set[asyncio.Task[None]] = set()
            async for unit in connector.read(window or whole_year(context.clock().astimezone(context.zone))):
                collected.order.append(unit.name)

                async def one(unit: Any = unit) -> None:
                    try:
                        reading = await unit.read()
                    except ConnectorError as error:
                        if error.stops == "source":
                            raise
                        collected.failed[unit.name] = error
                        return
                    batch = reading.make()
                    batch.whole = unit.whole and not reading.lost
                    for number, lost in enumerate(reading.lost, 1):
                        collected.failed[f"{unit.name}, part {number}"] = lost
                    note_answers(batch, reading)
                    collected.digests[unit.name] = reading.digest("")
                    collected.readings[unit.name] = reading
                    collected.batches.append((unit.name, batch))

                pending.add(asyncio.create_task(one()))
                if len(pending) >= 4:
                    done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
            for task in pending:
                await task
        finally:
            await connector.close()
    for _, batch in collected.batches:
        for record in records_in(batch):
            tidy = clean(record, context.zone)
            collected.records.setdefault(entity_of(tidy), {})[tidy.key] = tidy
    return collected


def records_in(batch: Batch) -> Iterator[Record]:
    """The records of a batch, those in lines of files among them."""
    for _, records in batch.blocks:
        yield from records
    for part in _lines_of(batch):
        yield from part.records


def _lines_of(batch: Batch) -> Iterator[Read]:
    for some in batch.lines:
        yield some.read(range(len(some.split())))


def differences(truth: Iterable[Record], got: Mapping[str, Mapping[str, Record]], zone: Any) -> list[str]:
    """What of the truth is missing, what is there besides, and which fields differ: one line each, sorted."""
    expected: dict[str, dict[str, Record]] = {}
    for record in truth:
        tidy = clean(record, zone)
        expected.setdefault(entity_of(tidy), {})[tidy.key] = tidy
    lines = []
    for entity in sorted({*expected, *got}):
        want, have = expected.get(entity, {}), got.get(entity, {})
        lines += [f"{entity} {k}: missing, should be {msgspec.to_builtins(want[k])}" for k in want.keys() - have.keys()]
        lines += [f"{entity} {k}: not in the truth: {msgspec.to_builtins(have[k])}" for k in have.keys() - want.keys()]
        for key in want.keys() & have.keys():
            if want[key] == have[key]:
                continue
            for name in want[key].__struct_fields__:
                left, right = getattr(want[key], name), getattr(have[key], name)
                if left != right:
                    lines.append(f"{entity} {key}.{name}: {right!r} should be {left!r}")
    return sorted(lines)
