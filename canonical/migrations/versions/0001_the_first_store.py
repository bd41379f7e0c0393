"""The first store"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "activity",
        sa.Column("source", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("person", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=True),
        sa.Column("date", TEXT, nullable=False),
        sa.Column("logins", sa.Integer(), nullable=True),
        sa.Column("edits", sa.Integer(), nullable=True),
        sa.Column("raw", TEXT, nullable=True),
        sa.Column("hash", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.BigInteger(), nullable=True),
        sa.Column("removed", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("source", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "answers",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("source", sa.Integer(), nullable=False),
        sa.Column("request", TEXT, nullable=False),
        sa.Column("sha256", TEXT, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("at", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("answers_by_request", "answers", ["source", "request"], unique=False)
    op.create_table(
        "attendance",
        sa.Column("source", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("lesson", TEXT, nullable=False),
        sa.Column("student", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=True),
        sa.Column("minutes_late", sa.Integer(), nullable=True),
        sa.Column("reason", TEXT, nullable=True),
        sa.Column("recorded_at", TEXT, nullable=True),
        sa.Column("raw", TEXT, nullable=True),
        sa.Column("hash", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.BigInteger(), nullable=True),
        sa.Column("removed", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("source", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "attestations",
        sa.Column("source", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("student", TEXT, nullable=False),
        sa.Column("course", TEXT, nullable=True),
        sa.Column("subject", TEXT, nullable=True),
        sa.Column("kind", TEXT, nullable=True),
        sa.Column("title", TEXT, nullable=True),
        sa.Column("held_on", TEXT, nullable=True),
        sa.Column("known_on", TEXT, nullable=True),
        sa.Column("published_at", TEXT, nullable=True),
        sa.Column("value", TEXT, nullable=True),
        sa.Column("grade", sa.Integer(), nullable=True),
        sa.Column("meaning", TEXT, nullable=True),
        sa.Column("raw", TEXT, nullable=True),
        sa.Column("hash", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.BigInteger(), nullable=True),
        sa.Column("removed", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("source", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "batches",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Integer(), nullable=False),
        sa.Column("unit", TEXT, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("batches_by_at", "batches", ["at"], unique=False)
    op.create_index("batches_by_run", "batches", ["run"], unique=False)
    op.create_table(
        "courses",
        sa.Column("source", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("group", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("period", TEXT, nullable=True),
        sa.Column("teachers", TEXT, nullable=True),
        sa.Column("planned_hours", sa.Double(), nullable=True),
        sa.Column("raw", TEXT, nullable=True),
        sa.Column("hash", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.BigInteger(), nullable=True),
        sa.Column("removed", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("source", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "coverage",
        sa.Column("source", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("entity", TEXT, nullable=False),
        sa.Column("selector", TEXT, nullable=False),
        sa.Column("selector_key", TEXT, nullable=False),
        sa.Column("axis", TEXT, nullable=False),
        sa.Column("start", TEXT, nullable=False),
        sa.Column("end", TEXT, nullable=False),
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("at", TEXT, nullable=False),
        sa.Column("first_at", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("source", "entity", "selector", "selector_key", "axis", "start", "end"),
    )
    op.create_table(
        "discrepancies",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("institution", TEXT, nullable=False),
        sa.Column("entity", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("left_source", TEXT, nullable=False),
        sa.Column("left_key", TEXT, nullable=True),
        sa.Column("left_value", TEXT, nullable=True),
        sa.Column("right_source", TEXT, nullable=False),
        sa.Column("right_key", TEXT, nullable=True),
        sa.Column("right_value", TEXT, nullable=True),
        sa.Column("field", TEXT, nullable=True),
        sa.Column("about", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("first_at", TEXT, nullable=False),
        sa.Column("last_at", TEXT, nullable=False),
        sa.Column("closed_at", TEXT, nullable=True),
        sa.Column("times", sa.SmallInteger(), nullable=False),
        sa.Column("note", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("discrepancies_by_institution", "discrepancies", ["institution", "state"], unique=False)
    op.create_table(
        "drift",
        sa.Column("run", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("place", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run", "source", "kind", "place", "name"),
    )
    op.create_table(
        "enrolments",
        sa.Column("source", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("person", TEXT, nullable=False),
        sa.Column("group", TEXT, nullable=False),
        sa.Column("start", TEXT, nullable=True),
        sa.Column("end", TEXT, nullable=True),
        sa.Column("status", TEXT, nullable=True),
        sa.Column("order_number", TEXT, nullable=True),
        sa.Column("raw", TEXT, nullable=True),
        sa.Column("hash", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.BigInteger(), nullable=True),
        sa.Column("removed", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("source", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "findings",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("institution", TEXT, nullable=False),
        sa.Column("rule", TEXT, nullable=False),
        sa.Column("clause", TEXT, nullable=False),
        sa.Column("severity", TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("group", TEXT, nullable=True),
        sa.Column("subject", TEXT, nullable=True),
        sa.Column("teacher", TEXT, nullable=True),
        sa.Column("lesson", TEXT, nullable=True),
        sa.Column("student", TEXT, nullable=True),
        sa.Column("period", TEXT, nullable=True),
        sa.Column("day", TEXT, nullable=True),
        sa.Column("due_at", TEXT, nullable=True),
        sa.Column("done_at", TEXT, nullable=True),
        sa.Column("answers", TEXT, nullable=False),
        sa.Column("answerer", TEXT, nullable=True),
        sa.Column("message", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("first_at", TEXT, nullable=False),
        sa.Column("last_at", TEXT, nullable=False),
        sa.Column("closed_at", TEXT, nullable=True),
        sa.Column("closed_why", TEXT, nullable=True),
        sa.Column("times", sa.SmallInteger(), nullable=False),
        sa.Column("waived_until", TEXT, nullable=True),
        sa.Column("waived_why", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("findings_by_institution", "findings", ["institution", "state"], unique=False)
    op.create_table(
        "groups",
        sa.Column("source", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("academic_year", TEXT, nullable=True),
        sa.Column("name", TEXT, nullable=True),
        sa.Column("kind", TEXT, nullable=True),
        sa.Column("level", sa.Integer(), nullable=True),
        sa.Column("parent", TEXT, nullable=True),
        sa.Column("speciality_code", TEXT, nullable=True),
        sa.Column("speciality_name", TEXT, nullable=True),
        sa.Column("department", TEXT, nullable=True),
        sa.Column("curator", TEXT, nullable=True),
        sa.Column("raw", TEXT, nullable=True),
        sa.Column("hash", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.BigInteger(), nullable=True),
        sa.Column("removed", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("source", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "history",
        sa.Column("source", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("entity", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("since", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.BigInteger(), nullable=True),
        sa.Column("hash", sa.BigInteger(), nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("source", "entity", "key", "since"),
    )
    op.create_table(
        "judgements",
        sa.Column("job", TEXT, nullable=False),
        sa.Column("institution", TEXT, nullable=False),
        sa.Column("at", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("job", "institution"),
    )
    op.create_table(
        "leases",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("holder", TEXT, nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "ledger",
        sa.Column("run", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("entity", TEXT, nullable=False),
        sa.Column("received", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("inserted", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unchanged", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("quarantined", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("removed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("revived", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("released", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("run", "source", "entity"),
    )
    op.create_table(
        "lessons",
        sa.Column("source", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("course", TEXT, nullable=False),
        sa.Column("date", TEXT, nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("starts_at", TEXT, nullable=True),
        sa.Column("ends_at", TEXT, nullable=True),
        sa.Column("room", TEXT, nullable=True),
        sa.Column("status", TEXT, nullable=True),
        sa.Column("kind", TEXT, nullable=True),
        sa.Column("hours", sa.Double(), nullable=True),
        sa.Column("topic", TEXT, nullable=True),
        sa.Column("planned_topic", TEXT, nullable=True),
        sa.Column("homework", TEXT, nullable=True),
        sa.Column("homework_at", TEXT, nullable=True),
        sa.Column("teacher", TEXT, nullable=True),
        sa.Column("recorded_at", TEXT, nullable=True),
        sa.Column("attendance_taken", sa.Boolean(), nullable=True),
        sa.Column("raw", TEXT, nullable=True),
        sa.Column("hash", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.BigInteger(), nullable=True),
        sa.Column("removed", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("source", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "marks",
        sa.Column("source", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("work", TEXT, nullable=False),
        sa.Column("student", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=True),
        sa.Column("grade", sa.Integer(), nullable=True),
        sa.Column("meaning", TEXT, nullable=True),
        sa.Column("recorded_at", TEXT, nullable=True),
        sa.Column("comment", TEXT, nullable=True),
        sa.Column("raw", TEXT, nullable=True),
        sa.Column("hash", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.BigInteger(), nullable=True),
        sa.Column("removed", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("source", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "matches",
        sa.Column("institution", TEXT, nullable=False),
        sa.Column("entity", TEXT, nullable=False),
        sa.Column("left_source", TEXT, nullable=False),
        sa.Column("left_key", TEXT, nullable=False),
        sa.Column("right_source", TEXT, nullable=False),
        sa.Column("right_key", TEXT, nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("how", TEXT, nullable=False),
        sa.Column("doubtful", sa.Boolean(), nullable=False),
        sa.Column("decision", TEXT, nullable=True),
        sa.Column("at", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("institution", "entity", "left_source", "left_key", "right_source", "right_key"),
    )
    op.create_table(
        "meta",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "people",
        sa.Column("source", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=True),
        sa.Column("family_name", TEXT, nullable=True),
        sa.Column("given_name", TEXT, nullable=True),
        sa.Column("patronymic", TEXT, nullable=True),
        sa.Column("birth_date", TEXT, nullable=True),
        sa.Column("sex", TEXT, nullable=True),
        sa.Column("position", TEXT, nullable=True),
        sa.Column("snils", TEXT, nullable=True),
        sa.Column("raw", TEXT, nullable=True),
        sa.Column("hash", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.BigInteger(), nullable=True),
        sa.Column("removed", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("source", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "period_marks",
        sa.Column("source", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("student", TEXT, nullable=False),
        sa.Column("course", TEXT, nullable=False),
        sa.Column("period", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=True),
        sa.Column("value", TEXT, nullable=True),
        sa.Column("grade", sa.Integer(), nullable=True),
        sa.Column("meaning", TEXT, nullable=True),
        sa.Column("recorded_at", TEXT, nullable=True),
        sa.Column("raw", TEXT, nullable=True),
        sa.Column("hash", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.BigInteger(), nullable=True),
        sa.Column("removed", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("source", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "periods",
        sa.Column("source", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("academic_year", TEXT, nullable=True),
        sa.Column("kind", TEXT, nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("name", TEXT, nullable=True),
        sa.Column("start", TEXT, nullable=True),
        sa.Column("end", TEXT, nullable=True),
        sa.Column("groups", TEXT, nullable=True),
        sa.Column("raw", TEXT, nullable=True),
        sa.Column("hash", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.BigInteger(), nullable=True),
        sa.Column("removed", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("source", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "planned_topics",
        sa.Column("source", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("course", TEXT, nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("title", TEXT, nullable=True),
        sa.Column("hours", sa.Double(), nullable=True),
        sa.Column("kind", TEXT, nullable=True),
        sa.Column("planned_on", TEXT, nullable=True),
        sa.Column("homework", TEXT, nullable=True),
        sa.Column("raw", TEXT, nullable=True),
        sa.Column("hash", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.BigInteger(), nullable=True),
        sa.Column("removed", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("source", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "quarantine",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("source", sa.Integer(), nullable=False),
        sa.Column("entity", TEXT, nullable=False),
        sa.Column("identity", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=True),
        sa.Column("unit", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("missing_entity", TEXT, nullable=True),
        sa.Column("missing_key", TEXT, nullable=True),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("origin", sa.BigInteger(), nullable=True),
        sa.Column("first_run", sa.BigInteger(), nullable=False),
        sa.Column("last_run", sa.BigInteger(), nullable=False),
        sa.Column("first_at", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source", "entity", "identity", name="quarantine_identity"),
    )
    op.create_index("quarantine_waiting_for", "quarantine", ["source", "missing_entity", "missing_key"], unique=False)
    op.create_table(
        "removals",
        sa.Column("run", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("entity", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("run", "source", "entity", "key"),
    )
    op.create_table(
        "runs",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("job", TEXT, nullable=False),
        sa.Column("detail", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("started_at", TEXT, nullable=False),
        sa.Column("finished_at", TEXT, nullable=True),
        sa.Column("holder", TEXT, nullable=False),
        sa.Column("result", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "secrets",
        sa.Column("source", TEXT, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("source"),
    )
    op.create_table(
        "sources",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("institution", TEXT, nullable=False),
        sa.Column("connector", TEXT, nullable=False),
        sa.Column("capabilities", TEXT, nullable=False),
        sa.Column("says_what_comes", sa.Boolean(), nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("state_since", TEXT, nullable=False),
        sa.Column("message", TEXT, nullable=True),
        sa.Column("last_ok_at", TEXT, nullable=True),
        sa.Column("last_read_at", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_table(
        "subjects",
        sa.Column("source", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=True),
        sa.Column("short_name", TEXT, nullable=True),
        sa.Column("kind", TEXT, nullable=True),
        sa.Column("raw", TEXT, nullable=True),
        sa.Column("hash", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.BigInteger(), nullable=True),
        sa.Column("removed", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("source", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "units",
        sa.Column("source", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("unit", TEXT, nullable=False),
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("at", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("scopes", TEXT, nullable=False),
        sa.Column("judged", sa.Boolean(), nullable=False),
        sa.Column("keys", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("source", "unit"),
    )
    op.create_table(
        "works",
        sa.Column("source", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("lesson", TEXT, nullable=True),
        sa.Column("course", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=True),
        sa.Column("control", TEXT, nullable=True),
        sa.Column("title", TEXT, nullable=True),
        sa.Column("weight", sa.Double(), nullable=True),
        sa.Column("due_on", TEXT, nullable=True),
        sa.Column("checked_on", TEXT, nullable=True),
        sa.Column("raw", TEXT, nullable=True),
        sa.Column("hash", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.BigInteger(), nullable=True),
        sa.Column("removed", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("source", "key"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("works")
    op.drop_table("units")
    op.drop_table("subjects")
    op.drop_table("sources")
    op.drop_table("secrets")
    op.drop_table("runs")
    op.drop_table("removals")
    op.drop_index("quarantine_waiting_for", table_name="quarantine")
    op.drop_table("quarantine")
    op.drop_table("planned_topics")
    op.drop_table("periods")
    op.drop_table("period_marks")
    op.drop_table("people")
    op.drop_table("meta")
    op.drop_table("matches")
    op.drop_table("marks")
    op.drop_table("lessons")
    op.drop_table("ledger")
    op.drop_table("leases")
    op.drop_table("judgements")
    op.drop_table("history")
    op.drop_table("groups")
    op.drop_index("findings_by_institution", table_name="findings")
    op.drop_table("findings")
    op.drop_table("enrolments")
    op.drop_table("drift")
    op.drop_index("discrepancies_by_institution", table_name="discrepancies")
    op.drop_table("discrepancies")
    op.drop_table("coverage")
    op.drop_table("courses")
    op.drop_index("batches_by_run", table_name="batches")
    op.drop_index("batches_by_at", table_name="batches")
    op.drop_table("batches")
    op.drop_table("attestations")
    op.drop_table("attendance")
    op.drop_index("answers_by_request", table_name="answers")
    op.drop_table("answers")
    op.drop_table("activity")
