"""Brings a database to the newest form of the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, inspect, text

from canonical.store.engine import NewerStoreError, reading, writing

HEAD: Final = "0005"
"""The newest form of the tables: the last revision in `canonical/migrations`."""

_HERE: Final = Path(__file__).parent.parent / "migrations"
_LOCK: Final = 7_304_213
"""The advisory lock that lets one process at a time migrate a PostgreSQL store."""


def upgrade(engine: Engine) -> None:
    """Creates the tables, or changes them from an older form; does nothing where they are the newest.

    Raises:
        NewerStoreError: the store was made by a newer svod.

    """
    with reading(engine) as connection:
        if form_of(connection) == HEAD:
            return
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        form = form_of(connection)
        if form == HEAD:
            return
        # the migration tool takes long to load, and is hardly ever needed
        from alembic import command  # noqa: PLC0415
        from alembic.config import Config  # noqa: PLC0415
        from alembic.script import ScriptDirectory  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(_HERE))
        if form is not None and form not in {s.revision for s in ScriptDirectory.from_config(config).walk_revisions()}:
            place = engine.url.render_as_string(hide_password=True)
            raise NewerStoreError(
                f"store {place} was made by a newer svod (its tables are at {form}): install that version"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def form_of(connection: Connection) -> str | None:
    """The form of the tables that are there; null if there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    form: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return form
