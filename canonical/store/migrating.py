"""Brings a database to the newest form of the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Column, Connection, Engine, MetaData, PrimaryKeyConstraint, String, Table, insert, inspect, text

from canonical.store.engine import NewerStoreError, reading, shown, writing
from canonical.tables import METADATA

HEAD: Final = "0005"
"""The newest form of the tables: the last revision in `canonical/migrations`."""

_HERE: Final = Path(__file__).parent.parent / "migrations"
_LOCK: Final = 7_304_213
"""The advisory lock that lets one process at a time migrate a PostgreSQL store."""

_FORM: Final = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Where the migration tool keeps the form of the tables."""


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
        if form is None:
            _make(connection)
            return
        # the migration tool takes long to load, and is hardly ever needed
        from alembic import command  # noqa: PLC0415
        from alembic.config import Config  # noqa: PLC0415
        from alembic.script import ScriptDirectory  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(_HERE))
        if form not in {s.revision for s in ScriptDirectory.from_config(config).walk_revisions()}:
            place = shown(engine.url)
            raise NewerStoreError(
                f"store {place} was made by a newer svod (its tables are at {form}): install that version"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _make(connection: Connection) -> None:
    """Makes all tables of a new store at once: what the migrations come to, sooner."""
    _FORM.create(connection, checkfirst=True)
    METADATA.create_all(connection, checkfirst=False)
    connection.execute(insert(_FORM).values(version_num=HEAD))


def form_of(connection: Connection) -> str | None:
    """The form of the tables that are there; null if there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    form: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return form
