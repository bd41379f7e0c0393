"""Options that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

Institutions = Annotated[
    list[str] | None, typer.Option("--institution", help="Only this institution; may be repeated.")
]
Sources = Annotated[list[str] | None, typer.Option("--source", help="Only this source (kolomna/portal, or portal).")]
