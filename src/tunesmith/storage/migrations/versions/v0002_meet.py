"""Keep the parameters that are met in a function, and what it reports.

Reports are scores of the part "report", which needs no change of the tables.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of the evaluations there are, nobody knows what they have met."""
    op.add_column("tunesmith_evaluations", sa.Column("met", sa.Text))


def downgrade() -> None:
    """Drop the column, and the reports."""
    op.execute("DELETE FROM tunesmith_scores WHERE part = 'report'")
    op.drop_column("tunesmith_evaluations", "met")
