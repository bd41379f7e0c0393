"""Jobs, what they have come to, and when they fall due"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("institution", TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=True),
        sa.Column("arguments", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("open_name", TEXT, nullable=True),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=True),
        sa.Column("run", sa.BigInteger(), nullable=True),
        sa.Column("code", TEXT, nullable=True),
        sa.Column("reason", TEXT, nullable=True),
        sa.Column("created_at", TEXT, nullable=False),
        sa.Column("started_at", TEXT, nullable=True),
        sa.Column("finished_at", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("open_name"),
    )
    op.create_index("jobs_by_state", "jobs", ["state", "priority", "id"])
    op.create_table(
        "progress",
        sa.Column("run", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("unit", TEXT, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("run", "source", "unit"),
    )
    op.create_table(
        "schedules",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("job", TEXT, nullable=False),
        sa.Column("institution", TEXT, nullable=False),
        sa.Column("cron", TEXT, nullable=False),
        sa.Column("arguments", TEXT, nullable=False),
        sa.Column("next_due_at", sa.BigInteger(), nullable=False),
        sa.Column("last_due_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )


def downgrade() -> None:
    for table in ("schedules", "progress", "jobs"):
        op.drop_table(table)
