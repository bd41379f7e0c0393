"""Checks of what must never happen: writing to a portal, and a secret where it does not belong."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from connectors.conformance.bench import A_WEEK, Bench, Trial
from connectors.conformance.check import check, some
from connectors.conformance.giving import untroubled
from connectors.standins.server import Faults

_PLAIN: Final = {"login", "username", "client_id"}
_SHORTEST: Final = 6
_MOST: Final = 60
"""Faults that are enough to see every message."""


@check("bronze", "network")
def reads_only(bench: Bench) -> Iterator[str]:
    """Nothing but GET, and the POSTs that the manifest says only read, or sign in and out."""
    assert bench.plain  # noqa: S101 - one reading at least
    asked = {one for trial in bench.trials for one in trial.visits.asked}
    product = bench.product
    reads = [re.compile(p) for p in product.reads_by_post]
    sign_in = [re.compile(p) for p in product.sign_in_paths]
    wrong = set()
    for one in asked:
        method, _, rest = one.partition(" ")
        path = rest.partition("?")[0]
        allowed = method in {"GET", "HEAD"} or any(p.fullmatch(path) for p in sign_in)
        if not allowed and not (method == "POST" and any(p.fullmatch(path) for p in reads)):
            wrong.add(f"{method} {path}")
    yield from some(sorted(wrong))


@check("bronze", "network", "sign-in")
def secrecy(bench: Bench) -> Iterator[str]:
    """No secret, given or got, stands in a log, an error, the name of a request, an address, a record or the archive."""
    for kind in bench.product.auth:
        good = bench.signed_in(kind)
        yield from (f"auth {kind}: {line}" for line in untroubled(good))
        bad = bench.read(
            window=A_WEEK, auth=kind, faults=Faults(rate=0.5, kinds=("500", "hung up", "401"), seed=3, most=_MOST)
        )
        for trial in (good, bad):
            yield from (f"auth {kind}: {line}" for line in some(_leaks(trial, kind)))


def _leaks(trial: Trial, kind: str) -> Iterator[str]:
    given = {v for n, v in trial.standin.auth[kind].items() if n not in _PLAIN}
    got = {v for secrets in trial.vault.kept.values() for v in secrets.values()}
    secrets = {s for s in given | got if len(s) >= _SHORTEST and not s.isdigit()}
    spelled = {s: {s, quote(s, safe=""), base64.b64encode(s.encode()).decode()} for s in secrets}
    places = {
        "a log or an error": "\n".join(trial.told),
        "an address": "\n".join(trial.visits.asked),
        "the name of a request": "\n".join(trial.origins),
        "a record": "\n".join(repr(r) for some_of_it in trial.got.records.values() for r in some_of_it.values()),
        "the archive": "\n".join(b.decode("utf-8", errors="replace") for b in trial.archive.bodies.values()),
    }
    for where, text in places.items():
        for forms in spelled.values():
            if any(form in text for form in forms):
                yield f"a secret stands in {where}"
                break
