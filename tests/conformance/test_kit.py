"""Every connector that is shipped is held against the kit, each product of it."""

from __future__ import annotations

from functools import cache

import pytest

from connectors.conformance import CHECKS, Bench, Check, hold
from connectors.registry import manifests

PRODUCTS = [
    (m.name, product)
    for m in manifests().values()
    for product, about in m.products.items()
    if about.standin is not None
]


SAME = {"mosreg/portal"}
"""Products that are read by the module of another one, under another brand."""


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
    """What is read by the module of another product need not be tried in every respect each time (make test-soak)."""
    return [pytest.mark.soak] if product in SAME and check.tier != "bronze" else []


@pytest.mark.parametrize(("name", "product", "check"), cases())
def test_conformance(name: str, product: str, check: Check) -> None:
    verdict = hold(check, bench(name, product))
    if verdict.outcome == "skipped":
        pytest.skip(f"{name} has no {', '.join(verdict.lacking)}")
    assert not verdict.complaints


def test_every_connector_is_tried() -> None:
    assert {name for name, _ in PRODUCTS} == set(manifests())
