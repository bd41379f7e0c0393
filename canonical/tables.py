"""The tables of the store, made from the entities where they hold entities.

A row of an entity table is the record as it stands now; what it was before is in `history`, as JSON. Keys are text in
byte order everywhere, so no query depends on a database's collation. Dates and instants are kept as the text that the
record has (canonical.md), batches are numbered: `since` is the batch that brought the row as it is, `removed` the batch
that found it vanished.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    true,
)
from sqlalchemy.types import LargeBinary, TypeEngine

from canonical.entities import ENTITIES, Entity

METADATA: Final = MetaData()


def _text() -> Text:
    return Text().with_variant(Text(collation="C"), "postgresql")


def _serial(name: str = "id") -> Column[int]:
    """A number that the database gives; SQLite counts only in a column declared INTEGER."""
    return Column(name, BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


def _type(kind: type) -> TypeEngine[Any]:
    if kind is int:
        return Integer()
    if kind is float:
        return Double()
    if kind is bool:
        return Boolean()
    return _text()


def _entity_table(entity: Entity) -> Table:
    return Table(
        entity.name,
        METADATA,
        Column("source", Integer, primary_key=True, autoincrement=False),
        *(Column(f.name, _type(f.kind), primary_key=f.name == "key", nullable=not f.required) for f in entity.fields),
        Column("hash", BigInteger, nullable=False),
        Column("line", BigInteger),
        Column("since", BigInteger, nullable=False),
        Column("origin", BigInteger),
        Column("removed", BigInteger),
        sqlite_with_rowid=False,
    )


ROWS: Final = {name: _entity_table(entity) for name, entity in ENTITIES.items()}
"""The table of each entity. `hash` is the content hash, `line` the hash of the file line it was read from, if any.

A row is found by source and key, in whose order the rows stand, and by nothing else: all work is on one source, whose
rows lie together, and every further index would cost each load a third of its time.
"""

HISTORY: Final = Table(
    "history",
    METADATA,
    Column("source", Integer, primary_key=True, autoincrement=False),
    Column("entity", _text(), primary_key=True),
    Column("key", _text(), primary_key=True),
    Column("since", BigInteger, primary_key=True, autoincrement=False),
    Column("until", BigInteger, nullable=False),
    Column("origin", BigInteger),
    Column("hash", BigInteger, nullable=False),
    Column("body", _text(), nullable=False),
)
"""What rows were: the record (JSON) as it stood from batch `since` until batch `until`, exclusive."""

META: Final = Table(
    "meta", METADATA, Column("name", _text(), primary_key=True), Column("value", _text(), nullable=False)
)

SOURCES: Final = Table(
    "sources",
    METADATA,
    _serial(),
    Column("key", _text(), nullable=False, unique=True),
    Column("institution", _text(), nullable=False),
    Column("connector", _text(), nullable=False),
    Column("capabilities", _text(), nullable=False),
    Column("says_what_comes", Boolean, nullable=False),
    Column("state", _text(), nullable=False),
    Column("state_since", _text(), nullable=False),
    Column("message", _text()),
    Column("last_ok_at", _text()),
    Column("last_read_at", _text()),
)
"""`key` is `institution/source`. `capabilities` is JSON: entity -> fields that the source can say; of one that
`says_what_comes` only those that have come. `state` is `new`, `ok`,
`partial`, `failed`, `needs_sign_in` or `signed_in`."""

RUNS: Final = Table(
    "runs",
    METADATA,
    _serial(),
    Column("job", _text(), nullable=False),
    Column("detail", _text(), nullable=False),
    Column("status", _text(), nullable=False),
    Column("started_at", _text(), nullable=False),
    Column("finished_at", _text()),
    Column("holder", _text(), nullable=False),
    Column("result", _text()),
    Index("runs_by_status", "status"),
)
"""`detail` and `result` are JSON; `status` is `running`, `ok`, `partial`, `failed` or `interrupted`."""

BATCHES: Final = Table(
    "batches",
    METADATA,
    _serial(),
    Column("run", BigInteger, nullable=False),
    Column("source", Integer, nullable=False),
    Column("unit", _text(), nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("batches_by_run", "run"),
    Index("batches_by_at", "at"),
)
"""One committed transaction; `at` is microseconds since 1970 UTC and never runs backwards."""

ANSWERS: Final = Table(
    "answers",
    METADATA,
    _serial(),
    Column("source", Integer, nullable=False),
    Column("request", _text(), nullable=False),
    Column("sha256", _text(), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("run", BigInteger, nullable=False),
    Column("at", _text(), nullable=False),
    Column("kept", Boolean, nullable=False, server_default=true()),
    Index("answers_by_request", "source", "request"),
)
"""What was answered to which request. A new row only where the body differs from the last one. `kept` says whether a raw archive took
the body when it came."""

LEDGER: Final = Table(
    "ledger",
    METADATA,
    Column("run", BigInteger, primary_key=True, autoincrement=False),
    Column("source", Integer, primary_key=True, autoincrement=False),
    Column("entity", _text(), primary_key=True),
    *(
        Column(name, BigInteger, nullable=False, server_default="0")
        for name in (
            "received",
            "inserted",
            "updated",
            "unchanged",
            "quarantined",
            "removed",
            "revived",
            "released",
        )
    ),
)

COVERAGE: Final = Table(
    "coverage",
    METADATA,
    Column("source", Integer, primary_key=True, autoincrement=False),
    Column("entity", _text(), primary_key=True),
    Column("selector", _text(), primary_key=True),
    Column("selector_key", _text(), primary_key=True),
    Column("axis", _text(), primary_key=True),
    Column("start", _text(), primary_key=True),
    Column("end", _text(), primary_key=True),
    Column("run", BigInteger, nullable=False),
    Column("at", _text(), nullable=False),
    Column("first_at", _text(), nullable=False),
)
"""The last complete read of each scope, and when it was first read so; empty text stands for null in the key columns."""

UNITS: Final = Table(
    "units",
    METADATA,
    Column("source", Integer, primary_key=True, autoincrement=False),
    Column("unit", _text(), primary_key=True),
    Column("run", BigInteger, nullable=False),
    Column("at", _text(), nullable=False),
    Column("digest", _text(), nullable=False),
    Column("scopes", _text(), nullable=False),
    Column("judged", Boolean, nullable=False),
    Column("keys", LargeBinary, nullable=False),
    Column("drift", _text(), nullable=False, server_default="[]"),
)
"""The cursor of a source: for each unit of reading what its answers were (`digest`), which keys they held, which scopes
they covered and what in them drifted. `judged` is false until the run has looked for what had vanished."""

DRIFT: Final = Table(
    "drift",
    METADATA,
    Column("run", BigInteger, primary_key=True, autoincrement=False),
    Column("source", Integer, primary_key=True, autoincrement=False),
    Column("kind", _text(), primary_key=True),
    Column("place", _text(), primary_key=True),
    Column("name", _text(), primary_key=True),
    Column("count", BigInteger, nullable=False),
)

WIRE_FIELDS: Final = Table(
    "wire_fields",
    METADATA,
    Column("source", Integer, primary_key=True, autoincrement=False),
    Column("place", _text(), primary_key=True),
    Column("name", _text(), primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("most", BigInteger, nullable=False),
)
"""How many objects of each kind (`place`) of a source's answers had a field, in all runs and the most in one; the objects
themselves stand under an empty name."""

QUARANTINE: Final = Table(
    "quarantine",
    METADATA,
    _serial(),
    Column("source", Integer, nullable=False),
    Column("entity", _text(), nullable=False),
    Column("identity", _text(), nullable=False),
    Column("key", _text()),
    Column("unit", _text(), nullable=False),
    Column("kind", _text(), nullable=False),
    Column("reason", _text(), nullable=False),
    Column("missing_entity", _text()),
    Column("missing_key", _text()),
    Column("body", _text(), nullable=False),
    Column("origin", BigInteger),
    Column("first_run", BigInteger, nullable=False),
    Column("last_run", BigInteger, nullable=False),
    Column("first_at", _text(), nullable=False),
    Column("state", _text(), nullable=False),
    UniqueConstraint("source", "entity", "identity", name="quarantine_identity"),
    Index("quarantine_waiting_for", "source", "missing_entity", "missing_key"),
)
"""`kind` is `malformed` or `waiting`; `state` is `open`, `released`, `gone` or `dropped`; `body` is the raw form (JSON)."""

REMOVALS: Final = Table(
    "removals",
    METADATA,
    Column("run", BigInteger, primary_key=True, autoincrement=False),
    Column("source", Integer, primary_key=True, autoincrement=False),
    Column("entity", _text(), primary_key=True),
    Column("key", _text(), primary_key=True),
)
"""Removals too many to be believed: they wait for `svod import --accept-removals RUN`."""

LEASES: Final = Table(
    "leases",
    METADATA,
    Column("name", _text(), primary_key=True),
    Column("holder", _text(), nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
)

"""Who is at work on what: `expires` is microseconds since 1970 by the store's clock, `token` rises with every holder."""

JOBS: Final = Table(
    "jobs",
    METADATA,
    _serial(),
    Column("kind", _text(), nullable=False),
    Column("institution", _text(), nullable=False),
    Column("source", _text()),
    Column("arguments", _text(), nullable=False),
    Column("name", _text(), nullable=False),
    Column("open_name", _text(), unique=True),
    Column("priority", SmallInteger, nullable=False),
    Column("state", _text(), nullable=False),
    Column("attempts", SmallInteger, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("token", BigInteger),
    Column("run", BigInteger),
    Column("code", _text()),
    Column("reason", _text()),
    Column("created_at", _text(), nullable=False),
    Column("started_at", _text()),
    Column("finished_at", _text()),
    Index("jobs_by_state", "state", "priority", "id"),
)
"""What is to be done. `state` is `queued`, `running`, `parked`, `done`, `failed` or `dropped`; `open_name` stands
in the first three of these and says all that is asked for, so that the same is not asked for twice. Whoever runs it holds the
lease of its `name`, with `token`. `not_before` is microseconds since 1970; of several that may begin the least `priority` is first, then the oldest."""

PROGRESS: Final = Table(
    "progress",
    METADATA,
    Column("run", BigInteger, primary_key=True, autoincrement=False),
    Column("source", Integer, primary_key=True, autoincrement=False),
    Column("unit", _text(), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("digest", _text(), nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""What a job's run has committed, unit by unit, for the attempt that takes it up (`canonical.store.progress`); gone with the job."""

SCHEDULES: Final = Table(
    "schedules",
    METADATA,
    Column("name", _text(), primary_key=True),
    Column("job", _text(), nullable=False),
    Column("institution", _text(), nullable=False),
    Column("cron", _text(), nullable=False),
    Column("arguments", _text(), nullable=False),
    Column("next_due_at", BigInteger, nullable=False),
    Column("last_due_at", BigInteger),
)
"""When what is due next: instants are microseconds since 1970."""

SECRETS: Final = Table(
    "secrets",
    METADATA,
    Column("source", _text(), primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("at", _text(), nullable=False),
)
"""Refreshed tokens, encrypted."""

FINDINGS: Final = Table(
    "findings",
    METADATA,
    Column("id", _text(), primary_key=True),
    Column("institution", _text(), nullable=False),
    Column("rule", _text(), nullable=False),
    Column("clause", _text(), nullable=False),
    Column("severity", _text(), nullable=False),
    Column("source", _text(), nullable=False),
    Column("group", _text()),
    Column("subject", _text()),
    Column("teacher", _text()),
    Column("lesson", _text()),
    Column("student", _text()),
    Column("period", _text()),
    Column("day", _text()),
    Column("due_at", _text()),
    Column("done_at", _text()),
    Column("answers", _text(), nullable=False),
    Column("answerer", _text()),
    Column("message", _text(), nullable=False),
    Column("state", _text(), nullable=False),
    Column("first_at", _text(), nullable=False),
    Column("last_at", _text(), nullable=False),
    Column("closed_at", _text()),
    Column("closed_why", _text()),
    Column("times", SmallInteger, nullable=False),
    Column("waived_until", _text()),
    Column("waived_why", _text()),
    Index("findings_by_institution", "institution", "state"),
)
"""`state` is `new`, `confirmed`, `excused`, `fixed` or `back`; `closed_why` is `in_order`, `rule_off` or `other_journal`. `day` is
the day to which the finding belongs, `done_at` when what came too late was done; `answers` is a role, `answerer` a name."""

MATCHES: Final = Table(
    "matches",
    METADATA,
    Column("institution", _text(), primary_key=True),
    Column("entity", _text(), primary_key=True),
    Column("left_source", _text(), primary_key=True),
    Column("left_key", _text(), primary_key=True),
    Column("right_source", _text(), primary_key=True),
    Column("right_key", _text(), primary_key=True),
    Column("score", Double, nullable=False),
    Column("how", _text(), nullable=False),
    Column("doubtful", Boolean, nullable=False),
    Column("decision", _text()),
    Column("at", _text(), nullable=False),
)
"""Which records of two sources are one thing, or may be (`doubtful`). `decision` is null (found), or what a person has said:
`confirmed` or `split`."""

DISCREPANCIES: Final = Table(
    "discrepancies",
    METADATA,
    Column("id", _text(), primary_key=True),
    Column("institution", _text(), nullable=False),
    Column("entity", _text(), nullable=False),
    Column("kind", _text(), nullable=False),
    Column("left_source", _text(), nullable=False),
    Column("left_key", _text()),
    Column("left_value", _text()),
    Column("right_source", _text(), nullable=False),
    Column("right_key", _text()),
    Column("right_value", _text()),
    Column("field", _text()),
    Column("about", _text(), nullable=False),
    Column("state", _text(), nullable=False),
    Column("first_at", _text(), nullable=False),
    Column("last_at", _text(), nullable=False),
    Column("closed_at", _text()),
    Column("times", SmallInteger, nullable=False),
    Column("note", _text()),
    Index("discrepancies_by_institution", "institution", "state"),
)
"""`about` says in words what it is about. `state` is `new`, `confirmed`, `accepted`, `resolved`, `fixed` or `back`; `times`
counts how often it has come up."""

JUDGEMENTS: Final = Table(
    "judgements",
    METADATA,
    Column("job", _text(), primary_key=True),
    Column("institution", _text(), primary_key=True),
    Column("at", _text(), nullable=False),
)
"""When each institution was last judged: an analysis of an earlier moment stores nothing (contract.md, `--now`)."""
