"""Create the tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "tunesmith_studies",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("created", sa.Double),
        sa.Column("parts", sa.Text, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("name", name="uq_tunesmith_studies_name"),
    )
    op.create_table(
        "tunesmith_trials",
        sa.Column("study", sa.Integer, sa.ForeignKey("tunesmith_studies.id"), nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("params", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("study", "position", name="pk_tunesmith_trials"),
        sa.UniqueConstraint("study", "number", name="uq_tunesmith_trials_number"),
        sa.UniqueConstraint("study", "key", name="uq_tunesmith_trials_key"),
    )
    op.create_table(
        "tunesmith_evaluations",
        sa.Column("study", sa.Integer, sa.ForeignKey("tunesmith_studies.id"), nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("trial", sa.BigInteger, nullable=False),
        sa.Column("split", sa.BigInteger, nullable=False),
        sa.Column("attempt", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("test", sa.Text, nullable=False),
        sa.Column("train", sa.Text, nullable=False),
        sa.Column("n_test_samples", sa.BigInteger, nullable=False),
        sa.Column("fit_time", sa.Double),
        sa.Column("score_time", sa.Double),
        sa.Column("error", sa.Text),
        sa.Column("ended", sa.Double),
        sa.PrimaryKeyConstraint("study", "position", name="pk_tunesmith_evaluations"),
        sa.UniqueConstraint(
            "study", "trial", "split", "attempt", name="uq_tunesmith_evaluations_attempt"
        ),
    )
    op.create_table(
        "tunesmith_scores",
        sa.Column("study", sa.Integer, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("part", sa.Text, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("metric", sa.Text, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("special", sa.Text),
        sa.PrimaryKeyConstraint("study", "position", "part", "place", name="pk_tunesmith_scores"),
    )


def downgrade() -> None:
    """Drop the tables."""
    for name in ("scores", "evaluations", "trials", "studies"):
        op.drop_table(f"tunesmith_{name}")
