"""Runs that are under way are found among those of years"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("runs_by_status", "runs", ["status"])


def downgrade() -> None:
    op.drop_index("runs_by_status", "runs")
