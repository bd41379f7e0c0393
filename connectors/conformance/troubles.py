"""Checks of what goes wrong on the way: faults, limits, sign-ins that end, portals that are down."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from connectors.conformance.bench import A_WEEK, Bench, Trial
from connectors.conformance.check import check, some
from connectors.conformance.giving import untroubled
from connectors.conformance.harness import QUICK
from connectors.errors import SignInNeededError, UnavailableError
from connectors.standins.server import FAULTS, Faults

_RATE: Final = 20
_SECONDS: Final = 3
"""How long a reading within its limits may take."""

_AT_ONCE: Final = 2
_SKEW: Final = 3600.0
_ENOUGH: Final = 25
"""Requests on which every kind of fault can be tried."""

_GRACE: Final = 0.25
"""Requests that were on their way when the portal asked for patience."""


def same_as_untroubled(trial: Trial, bench: Bench) -> Iterator[str]:
    """Complaints about a week that differ from those that were read without trouble."""
    yield from untroubled(trial)
    yield from untroubled(bench.short)
    if trial.got.records != bench.short.got.records:
        yield "what was read is not what comes without trouble"


@check("silver", "network")
def faults(bench: Bench) -> Iterator[str]:
    """A 500, a page with 502 or 200, an answer cut short, a closed connection, a 429: what passes loses nothing."""
    whole = len(bench.short.visits.at) < _ENOUGH
    trial = bench.read(window=None if whole else A_WEEK, faults=Faults(kinds=FAULTS, every=3))
    for kind in set(FAULTS) - set(trial.visits.failed):
        yield f"{kind}: too few requests to try it on"
    yield from untroubled(trial)
    if trial.got.records != (bench.plain if whole else bench.short).got.records:
        yield "what was read is not what comes without trouble"


@check("silver", "network")
def slow_drip(bench: Bench) -> Iterator[str]:
    """An answer that drips for ever is given up, and asked for again."""
    slow = replace(QUICK, read=2.5, total=3)  # a busy machine may take a second for an honest answer
    trial = bench.read(window=A_WEEK, faults=Faults(kinds=("slow drip",), every=5, most=1), patience=slow)
    if "slow drip" not in trial.visits.failed:
        yield "too few requests to try it on"
    yield from same_as_untroubled(trial, bench)


@check("silver", "network")
def retry_after(bench: Bench) -> Iterator[str]:
    """Retry-After is obeyed to the second, as seconds and as a date, also where the portal's clock is wrong."""
    for kind, skew in (("429", 0.0), ("429 until", -_SKEW)):
        wait = 1 if kind == "429" else 2  # a date has whole seconds: of two at least one is left
        trial = bench.read(window=A_WEEK, faults=Faults(kinds=(kind,), every=5, most=1, retry_after=wait, skew=skew))
        where = f"{kind}, the clock {skew:+.0f} s" if skew else kind
        yield from (f"{where}: {line}" for line in same_as_untroubled(trial, bench))
        visits = trial.visits
        if kind not in visits.failed:
            yield f"{where}: too few requests to try it on"
            continue
        asked = visits.at[visits.failed.index(kind)]
        early = [at - asked for at in visits.at if _GRACE < at - asked < wait - 1 + 0.9]
        if early:
            yield f"{where}: asked again after {early[0]:.2f} s"


@check("silver", "network")
def limits(bench: Bench) -> Iterator[str]:
    """Never more requests a second, nor at once, than the source allows."""
    rate = max(_RATE, len(bench.short.visits.at) // _SECONDS)
    trial = bench.read(window=A_WEEK, requests_per_second=rate, concurrency=_AT_ONCE, faults=Faults(latency=0.005))
    yield from same_as_untroubled(trial, bench)
    if trial.visits.most_at_once > _AT_ONCE:
        yield f"{trial.visits.most_at_once} requests at once, where {_AT_ONCE} are allowed"
    if trial.visits.busiest_second() > rate:
        yield f"{trial.visits.busiest_second()} requests in one second, where {rate} are allowed"


@check("silver", "network")
def portal_is_down(bench: Bench) -> Iterator[str]:
    """A portal that is down ends in `portal_unavailable` after a few tries, and `check` says so."""
    few = replace(QUICK, attempts=3)
    trial = bench.read(window=A_WEEK, faults=Faults(kinds=("502 page",), rate=1.0), patience=few)
    if not isinstance(trial.error, UnavailableError):
        yield f"it ended in {type(trial.error).__name__}: {trial.error}"
    if len(trial.visits.at) > 4 * few.attempts:
        yield f"it was asked {len(trial.visits.at)} times"
    lines, trial = bench.ask(lambda c: c.check(), faults=Faults(kinds=("502 page",), rate=1.0), patience=few)
    if lines is None and not isinstance(trial.error, UnavailableError):
        yield f"check raised {type(trial.error).__name__}: {trial.error}"
    if lines is not None and all(line.ok is not False for line in lines):
        yield "check finds nothing amiss"


def _midway(bench: Bench) -> int:
    """A request in the middle of a week."""
    return max(2, len(bench.short.visits.at) // 2)


@check("silver", "network", "sign-in", "renewal")
def refused_midway(bench: Bench) -> Iterator[str]:
    """A 401 or a way to the sign-in page in the middle makes the connector sign in anew, once, and lose nothing."""
    for kind in ("401", "to the sign-in page"):
        trial = bench.read(window=A_WEEK, faults=Faults(kinds=(kind,), every=_midway(bench), most=1))
        if kind not in trial.visits.failed:
            yield f"{kind}: too few requests to try it on"
        yield from (f"{kind}: {line}" for line in same_as_untroubled(trial, bench))


@check("silver", "network", "renewal", "expiry")
def expired_midway(bench: Bench) -> Iterator[str]:
    """A sign-in that the portal ends in its own way, midway, is made anew, and nothing is lost."""
    standin = bench.standin()
    assert standin.expire  # noqa: S101 - the check needs it
    ended: list[float] = []

    midway = _midway(bench)

    def before(number: int) -> None:
        if number == midway and standin.expire:
            standin.expire()
            ended.append(time.monotonic())

    trial = bench.read(standin, A_WEEK, before=before)
    if not ended:
        yield "too few requests to try it on"
    yield from same_as_untroubled(trial, bench)


@check("silver", "network", "sign-in")
def wrong_secret(bench: Bench) -> Iterator[str]:
    """A secret that is not good ends in `sign_in_needed`, after few tries, so that no account is locked."""
    for kind in bench.product.auth:
        standin = bench.standin()
        right = standin.auth[kind]
        last = next(reversed(right))
        trial = bench.read(standin, A_WEEK, auth=kind, secrets=right | {last: "a-wrong-secret-0"})
        if not isinstance(trial.error, SignInNeededError):
            yield f"auth {kind}: it ended in {type(trial.error).__name__}: {trial.error}"
        if len(trial.visits.at) > 4:
            yield f"auth {kind}: {len(trial.visits.at)} requests with a wrong secret"
        if any("a-wrong-secret-0" in text for text in trial.told):
            yield f"auth {kind}: the secret stands in a message"
        lines, _ = bench.ask(lambda c: c.check(), standin, auth=kind, secrets=right | {last: "a-wrong-secret-0"})
        if lines is not None and all(line.ok is not False for line in lines):
            yield f"auth {kind}: check finds nothing amiss"


@check("bronze", "network", "sign-in")
def every_sign_in(bench: Bench) -> Iterator[str]:
    """Every kind of sign-in that the manifest names can be read with."""
    for kind in bench.product.auth:
        if kind not in bench.standin().auth:
            yield f"auth {kind}: the stand-in has none to try"
        elif kind != bench.auth:
            yield from some(same_as_untroubled(bench.signed_in(kind), bench), f"auth {kind}: ")
