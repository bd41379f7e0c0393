"""The toy portal is held against the kit: the file that docs/ADDING_A_PORTAL.md asks for."""

import pytest

from connectors.conformance import CHECKS, Bench, Check, hold


@pytest.fixture(scope="module")
def bench(installed: object) -> Bench:
    return Bench("toy")


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_conformance(bench: Bench, check: Check) -> None:
    verdict = hold(check, bench)
    if verdict.outcome == "skipped":
        pytest.skip(f"the portal has no {', '.join(verdict.lacking)}")
    assert not verdict.complaints
