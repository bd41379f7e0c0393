"""What has been read and stored must be let go at once: what holds itself stays until Python looks for circles, and an import grows."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from canonical.store import Intake
from connectors.asurso import standin as spo
from connectors.asurso.school import standin as school
from connectors.dnevnik import standin as dnevnik
from connectors.mosreg import standin as mosreg
from connectors.standins.region import make_institution
from connectors.standins.server import StandIn, serving
from tests.sites import Installation

NOW = datetime(2026, 11, 20, 18, tzinfo=ZoneInfo("Europe/Moscow"))
OURS = ("canonical", "connectors", "pipelines", "tenacity")


@pytest.fixture
def circles(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """What of ours an import had in circles that nothing else held, when all was read."""
    found: Counter[str] = Counter()
    begin, finish = Intake.__init__, Intake.finish

    def begun(self: Any, *arguments: Any, **more: Any) -> None:
        begin(self, *arguments, **more)
        gc.collect()
        gc.disable()

    def finished(self: Any, *arguments: Any) -> Any:
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        gc.set_debug(0)
        found.update(kind for one in gc.garbage if (kind := type(one).__module__.partition(".")[0]) in OURS)
        gc.garbage.clear()
        return finish(self, *arguments)

    monkeypatch.setattr(Intake, "__init__", begun)
    monkeypatch.setattr(Intake, "finish", finished)
    yield found
    gc.enable()


@pytest.mark.parametrize(
    ("make", "kind", "connector", "auth", "more"),
    [
        (dnevnik.make, "school", "dnevnik", "token", {}),
        (mosreg.make, "school", "mosreg", "token", {}),
        (spo.make, "college", "asurso", "password", {}),
        (school.make, "school", "asurso", "password", {"product": "school"}),
    ],
)
def test_nothing_that_was_read_holds_itself(
    tmp_path: Path,
    circles: Counter[str],
    make: Callable[..., StandIn],
    kind: Any,
    connector: str,
    auth: str,
    more: dict[str, str],
) -> None:
    standin = make(make_institution("a", kind, students=20, now=NOW, zone=NOW.tzinfo))  # type: ignore[arg-type]
    place = Installation(tmp_path).institution("a", kind=kind)
    given = {"kind": auth, **standin.auth[auth]}
    secret = "token" if auth == "token" else "password"
    given[secret] = {"env": "SECRET"}  # type: ignore[assignment]
    with serving(standin.app) as base:
        place.source(
            "p", connector, base_url=base, remote_id=standin.remote_id, auth=given, requests_per_second=10_000, **more
        )
        done = place.json("import", env={"SECRET": standin.auth[auth][secret]})["sources"][0]
    assert sum(circles.values()) < done["requests"], circles
