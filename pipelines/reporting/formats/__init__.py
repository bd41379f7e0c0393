"""How a report is printed: every module here that holds a `FORMAT`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from pipelines.reporting.document import Report


@dataclass(frozen=True, slots=True)
class Format:
    """A format: its name, which is also the suffix of its files, and the pure function that prints."""

    name: str
    write: Callable[[Report], bytes]
    is_text: bool = True


@cache
def formats() -> dict[str, Format]:
    """Every format by name."""
    modules = (importlib.import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__))
    return {m.FORMAT.name: m.FORMAT for m in modules}
