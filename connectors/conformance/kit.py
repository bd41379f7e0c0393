"""The kit: every check, in the order in which they are tried, and how a connector is graded by them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from connectors.conformance import capturing, days, giving, golden, repeating, safety, strangeness, troubles
from connectors.conformance.bench import Bench
from connectors.conformance.check import Check, Verdict, hold, reached
from connectors.contract import TIERS, Tier

CHECKS: Final[tuple[Check, ...]] = (
    giving.manifest,
    giving.account,
    giving.whole_year,
    giving.units,
    giving.references_resolve,
    giving.nothing_undeclared,
    troubles.every_sign_in,
    repeating.repetition,
    repeating.replay,
    capturing.capture,
    repeating.idempotence,
    repeating.coverage,
    days.windows,
    days.adjacent_windows,
    days.time_of_the_machine,
    days.time_zones,
    troubles.faults,
    troubles.slow_drip,
    troubles.retry_after,
    troubles.limits,
    troubles.portal_is_down,
    troubles.refused_midway,
    troubles.expired_midway,
    troubles.wrong_secret,
    strangeness.unknown_fields,
    strangeness.alien_items,
    strangeness.unknown_words,
    giving.nothing_declared_in_vain,
    giving.paging,
    giving.described,
    golden.golden,
    safety.secrecy,
    safety.reads_only,
)
"""The last one looks at everything that the others have asked."""


@dataclass(frozen=True, slots=True)
class Grade:
    """How one product of a connector was found. `declared` is the tier of its manifest, `reached` what the checks say."""

    connector: str
    product: str
    declared: Tier
    reached: Tier
    verdicts: list[Verdict]

    @property
    def holds(self) -> bool:
        """Whether it is as good as it says."""
        return TIERS.index(self.reached) >= TIERS.index(self.declared)


def grade(name: str, product: str, told: Callable[[Verdict], None] = lambda _: None) -> Grade:
    """Tries every check on one product of a connector; tells each verdict as soon as it is there."""
    bench = Bench(name, product)
    verdicts = []
    for one in CHECKS:
        verdict = hold(one, bench)
        told(verdict)
        verdicts.append(verdict)
    return Grade(name, product, bench.manifest.tier, reached(verdicts), verdicts)
