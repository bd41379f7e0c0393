"""What drifted in a unit, and which fields a source's answers used to have"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("units", sa.Column("drift", TEXT, nullable=False, server_default="[]"))
    op.create_table(
        "wire_fields",
        sa.Column("source", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("place", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("most", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "place", "name"),
    )


def downgrade() -> None:
    op.drop_table("wire_fields")
    op.drop_column("units", "drift")
