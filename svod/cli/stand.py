"""The command that starts one stand-in portal."""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
from datetime import datetime, time
from pathlib import Path
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

import typer

from canonical.entities import ENTITIES
from canonical.writing import explained
from connectors.errors import SourceConfigError
from connectors.registry import manifest, manifests
from connectors.standins.folder import write_folder
from connectors.standins.region import make_institution
from connectors.standins.server import Door, Faults, StandIn, listen, serve
from svod.cli.frame import Frame

KNOWN: Final = tuple(
    name if product == m.default else f"{name}/{product}"
    for name, m in manifests().items()
    for product, known in m.products.items()
    if known.standin and "path" not in known.needs
)
"""The portals that have a stand-in with an address, the default product of a connector by the connector's name.

What is read from a folder (it needs a `path`) has none.
"""


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("standin")(standin)


def standin(
    context: typer.Context,
    portal: Annotated[str, typer.Argument(help=f"One of {', '.join(KNOWN)}.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 0,
    students: Annotated[int, typer.Option(min=10, help="About how many.")] = 60,
    seed: Annotated[int, typer.Option(help="The same seed makes the same people and journals.")] = 1,
    latency_ms: Annotated[int, typer.Option(min=0, help="Wait so long before each answer.")] = 0,
    fault_rate: Annotated[float, typer.Option(min=0, max=1, help="The share of requests that fail.")] = 0.0,
    truth: Annotated[
        Path | None, typer.Option(help="Write the canonical NDJSON that an import must give into this folder.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="school or college; by default what the portal is for.")] = None,
    key: Annotated[str | None, typer.Option(help="Whose institution; another key makes other people.")] = None,
) -> None:
    """Start one stand-in portal by itself; the first line on standard output says how to reach it."""
    frame: Frame = context.obj
    if kind not in {None, "school", "college"}:
        raise typer.BadParameter("--kind is school or college")
    made = make_standin(portal, frame, students=students, seed=seed, kind=kind, key=key)
    if truth is not None:
        place = made.institution
        with explained(truth):
            write_folder(truth, made.truth(), f"{place.key}/portal", place.zone, also=ENTITIES)
    door = Door(made.app, Faults(rate=fault_rate, latency=latency_ms / 1000, seed=seed))

    def started(base_url: str) -> None:
        said = {
            "portal": portal,
            "kind": made.institution.kind,
            "base_url": base_url,
            "remote_id": made.remote_id,
            "auth": made.auth,
            "student": made.student,
        }
        sys.stdout.write(json.dumps(said, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    try:
        listener = listen(port)
    except OSError as error:
        why = f"port {port} of this machine cannot be used ({error.strerror or error}); choose another, or 0 for any free one"
        raise typer.BadParameter(why, param_hint="--port") from None
    with contextlib.suppress(KeyboardInterrupt):  # how it ends: it serves until it is stopped
        serve(door, listener, started=started)


def make_standin(
    portal: str, frame: Frame, *, students: int, seed: int, kind: str | None = None, key: str | None = None
) -> StandIn:
    """A stand-in for `portal` or `portal/product`, as its journals stand at the frame's moment.

    Raises:
        SourceConfigError: there is no stand-in of that name.

    """
    name, _, product_name = portal.partition("/")
    product = manifest(name).product(product_name or None)
    if product.standin is None:
        raise SourceConfigError(f"{portal} has no stand-in; there are: {', '.join(KNOWN)}")
    asked: Literal["school", "college"] = "college" if (kind or product.kind) == "college" else "school"
    zone = ZoneInfo(product.timezone or "Europe/Moscow")
    now = frame.clock()
    if product.ended:
        now = min(now, datetime.combine(product.ended, time(18), zone))
    institution = make_institution(key or name, asked, students=students, seed=seed, now=now, zone=zone)
    module, _, function = product.standin.partition(":")
    made: StandIn = getattr(importlib.import_module(module), function)(institution)
    if made.lay is not None:
        raise SourceConfigError(f"{portal} is read from a folder, and has no server to start")
    return made
