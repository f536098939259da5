"""Add the table of leases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "tunesmith_leases",
        sa.Column("study", sa.Integer, sa.ForeignKey("tunesmith_studies.id"), nullable=False),
        sa.Column("trial", sa.BigInteger, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("until", sa.Double),
        sa.PrimaryKeyConstraint("study", "trial", name="pk_tunesmith_leases"),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("tunesmith_leases")
