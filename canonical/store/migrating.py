"""Brings a database to the newest form of the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from canonical.store.engine import StoreError, reading, writing

_HERE: Final = Path(__file__).parent.parent / "migrations"
_LOCK: Final = 7_304_213
"""The advisory lock that lets one process at a time migrate a PostgreSQL store."""


def upgrade(engine: Engine) -> None:
    """Creates the tables, or changes them from an older form; does nothing where they are the newest.

    Raises:
        StoreError: the store was made by a newer svod.

    """
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    scripts = ScriptDirectory.from_config(config)
    head = scripts.get_current_head()
    with reading(engine) as connection:
        if MigrationContext.configure(connection).get_current_revision() == head:
            return
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        current = MigrationContext.configure(connection).get_current_revision()
        if current == head:
            return
        if current is not None and current not in {s.revision for s in scripts.walk_revisions()}:
            place = engine.url.render_as_string(hide_password=True)
            raise StoreError(
                f"store {place} was made by a newer svod (its tables are at {current}): install that version"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
