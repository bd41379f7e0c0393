"""Every connector that is shipped is held against the kit, each product of it."""

from __future__ import annotations

from functools import cache
from typing import Final

import pytest

from connectors.conformance import CHECKS, Bench, Check, hold
from connectors.contract import TIERS
from connectors.registry import manifests

PRODUCTS = [
    (m.name, product)
    for m in manifests().values()
    for product, about in m.products.items()
    if about.standin is not None
]

OPEN: Final = {
    ("dnevnik/api", "coverage"): "marks of a period of a pupil who has vanished from everything stay in a metagroup",
    ("mosreg/myschool", "nothing-declared-in-vain"): "the stand-in sends no СНИЛС",
    ("mosreg/myschool", "replay"): "answers without records are not noted, so that a replay does not find them",
    ("mosreg/myschool", "unknown-words"): "marks of a period with an unknown mark_type are dropped in silence",
}
"""What is known to miss, and why. Whoever mends it takes it out here: it is strict."""


@cache
def bench(name: str, product: str) -> Bench:
    return Bench(name, product)


def cases() -> list[object]:
    return [
        pytest.param(name, product, check, id=f"{name}/{product} {check}", marks=_marks(f"{name}/{product}", check))
        for name, product in PRODUCTS
        for check in CHECKS
    ]


def _marks(product: str, check: Check) -> list[pytest.MarkDecorator]:
    why = OPEN.get((product, check.name))
    return [pytest.mark.xfail(reason=why, strict=True)] if why else []


@pytest.mark.parametrize(("name", "product", "check"), cases())
def test_conformance(name: str, product: str, check: Check) -> None:
    verdict = hold(check, bench(name, product))
    if verdict.outcome == "skipped":
        pytest.skip(f"{name} has no {', '.join(verdict.lacking)}")
    assert not verdict.complaints


def test_tiers_are_as_good_as_they_say() -> None:
    """Of what stands in `OPEN`; the rest passes, as the tests before this one say."""
    for name, product in PRODUCTS:
        on = f"{name}/{product}"
        failing = {check.tier for check in CHECKS if (on, check.name) in OPEN}
        below = next((n for n, tier in enumerate(TIERS) if tier in failing), len(TIERS))
        assert TIERS.index(manifests()[name].tier) < below, on


def test_every_connector_is_tried() -> None:
    assert {name for name, _ in PRODUCTS} == set(manifests())
    assert {on for on, _ in OPEN} <= {"/".join(p) for p in PRODUCTS}
    assert {check for _, check in OPEN} <= {c.name for c in CHECKS}
