"""Options that several commands take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from svod.cli.frame import Frame

Institutions = Annotated[
    list[str] | None, typer.Option("--institution", help="Only this institution; may be repeated.")
]
Sources = Annotated[list[str] | None, typer.Option("--source", help="Only this source (kolomna/portal, or portal).")]
MetricsPort = Annotated[
    int | None, typer.Option("--metrics-port", min=0, max=65535, help="Serve Prometheus metrics here meanwhile.")
]
MetricsHost = Annotated[
    str, typer.Option("--metrics-host", help="Where metrics are served; by default to this machine alone.")
]


@contextmanager
def metrics(frame: Frame, host: str, port: int | None) -> Iterator[None]:
    """Serves metrics while a command runs, if a port is given.

    Raises:
        typer.BadParameter: it cannot be served there.

    """
    if port is None:
        yield
        return
    from pipelines.metrics import serve_metrics  # noqa: PLC0415 - takes long to load, and is seldom asked for

    try:
        server = serve_metrics(frame.store, port, host)
    except OSError as error:
        raise typer.BadParameter(
            f"{host}:{port} cannot be served ({error.strerror or error}); choose another", param_hint="--metrics-port"
        ) from None
    try:
        frame.say(f"metrics: http://{host}:{server.port}/metrics")
        yield
    finally:
        server.close()
