"""Keep what a function tells besides its scores."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("tunesmith_evaluations", sa.Column("notes", sa.Text))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("tunesmith_evaluations", "notes")
