"""A check: one thing that every connector must do, as a plain function; and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Literal

from connectors.conformance.bench import Bench
from connectors.contract import TIERS, Tier

Hold = Callable[[Bench], Iterator[str]]
"""Tries a connector, and says what is wrong, a line for each thing; nothing where nothing is."""

_MOST: Final = 6


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that every connector must do to reach a tier. `needs` are capabilities (`Bench.offers`)."""

    name: str
    tier: Tier
    says: str
    needs: tuple[str, ...]
    hold: Hold

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a check. `lacking` names the capabilities for want of which it was left out."""

    check: Check
    outcome: Literal["passed", "failed", "skipped"]
    complaints: list[str] = field(default_factory=list)
    lacking: tuple[str, ...] = ()


def check(tier: Tier, *needs: str, standin: bool = True) -> Callable[[Hold], Check]:
    """Makes a check of a function; its name and the first line of its docstring are the check's.

    `standin`: there must be one to try the connector with.
    """

    def made(hold: Hold) -> Check:
        assert hold.__doc__  # noqa: S101 - a check without a sentence cannot be told to anybody
        name = hold.__name__.strip("_").replace("_", "-")
        return Check(
            name, tier, hold.__doc__.strip().splitlines()[0], (*(("stand-in",) if standin else ()), *needs), hold
        )

    return made


def hold(check: Check, bench: Bench) -> Verdict:
    """Tries one check on a connector."""
    lacking = tuple(n for n in check.needs if n not in bench.offers)
    if lacking:
        return Verdict(check, "skipped", lacking=lacking)
    try:
        complaints = list(check.hold(bench))
    except Exception as error:  # noqa: BLE001 - whatever a connector raises is a complaint about it
        complaints = [f"{type(error).__name__}: {error}"]
    return Verdict(check, "failed" if complaints else "passed", complaints)


def some(lines: Iterable[str], before: str = "") -> Iterator[str]:
    """The first few complaints, and how many more there are."""
    rest = iter(lines)
    for line in islice(rest, _MOST):
        yield f"{before}{line}"
    if more := sum(1 for _ in rest):
        yield f"{before}and {more} more"


def reached(verdicts: Iterable[Verdict]) -> Tier:
    """The highest tier of which, and below which, no check has failed."""
    failed = {v.check.tier for v in verdicts if v.outcome == "failed"}
    tier: Tier = "draft"
    for one in TIERS[1:]:
        if one in failed:
            break
        tier = one
    return tier
