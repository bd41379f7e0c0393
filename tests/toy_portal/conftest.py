"""Installs the toy portal as pip would: its folder on the path, and a dist-info that declares the entry point."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors import registry

HERE = Path(__file__).parent


def install(folder: Path) -> list[str]:
    """What must be on the path so that the toy portal is installed."""
    about = folder / "toy_portal-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-portal\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[svod.connectors]\ntoy = toy_portal\n")
    return [str(folder), str(HERE)]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The toy portal is among the connectors while this lasts."""
    patch = pytest.MonkeyPatch()
    path = install(tmp_path_factory.mktemp("site"))
    for folder in path:
        patch.syspath_prepend(folder)
    registry.forget()
    yield path
    patch.undo()
    registry.forget()
