"""The reports there are: every module of `pipelines.reporting.reports` that holds a `REPORT`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from pipelines.reporting import reports
from pipelines.reporting.asking import Asked, NothingSuchError, plain
from pipelines.reporting.document import Table
from pipelines.reporting.journal import Journal


@dataclass(frozen=True, slots=True)
class Body:
    """What a report says, without its head and foot: tables, notes, and parameters beside those that all reports have."""

    tables: tuple[Table, ...]
    notes: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Definition:
    """A report: its short id, its title letter for letter (regulations, section 3), other names, and what makes it.

    `takes` are the options beside `group` that it understands (`teacher`, `period`, `month`). `build` is pure: it looks at
    the journals one after another, each once, and at nothing else.
    """

    id: str
    title: str
    about: str
    clause: str
    takes: frozenset[str]
    signatures: tuple[str, ...]
    build: Callable[[Iterable[Journal], Asked], Body]
    also: tuple[str, ...] = ()
    order: int = 0


@cache
def definitions() -> tuple[Definition, ...]:
    """Every report, in the order of the regulations."""
    modules = (importlib.import_module(f"{reports.__name__}.{m.name}") for m in pkgutil.iter_modules(reports.__path__))
    return tuple(sorted((m.REPORT for m in modules), key=lambda d: (d.order, d.id)))


def find(name: str) -> Definition:
    """The report of a name: its id, its title or another of its names; case and quotes «» do not matter.

    Raises:
        NothingSuchError: there is none.

    """
    wanted = plain(name)
    for definition in definitions():
        if wanted in {plain(n) for n in (definition.id, definition.title, *definition.also)}:
            return definition
    known = "; ".join(f"{d.id} («{d.title}»)" for d in definitions())
    raise NothingSuchError(f"there is no report {name!r}; there are: {known}")
