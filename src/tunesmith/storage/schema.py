"""The tables of an SQL storage, as its newest migration leaves them.

A score is a double and, where SQL has no such double, its text: NaN, the infinities
and the negative zero are written out in ``special``, with a ``value`` of NULL. In the
other columns of doubles, which are times, NULL stands for NaN, and a zero has no sign.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

VERSIONS = ("0001", "0002", "0003", "0004")
"""The migrations there are, oldest first."""

VERSION_TABLE = "tunesmith_version"

METADATA = MetaData()

STUDIES = Table(
    "tunesmith_studies",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("created", Double),
    Column("parts", Text, nullable=False),
    Column("facts", Text, nullable=False),
    # Position of the last record. Counting it up is what makes appends wait for each other.
    Column("last", BigInteger, nullable=False),
    UniqueConstraint("name", name="uq_tunesmith_studies_name"),
)

TRIALS = Table(
    "tunesmith_trials",
    METADATA,
    Column("study", Integer, ForeignKey("tunesmith_studies.id"), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("params", Text, nullable=False),
    PrimaryKeyConstraint("study", "position", name="pk_tunesmith_trials"),
    UniqueConstraint("study", "number", name="uq_tunesmith_trials_number"),
    UniqueConstraint("study", "key", name="uq_tunesmith_trials_key"),
)

EVALUATIONS = Table(
    "tunesmith_evaluations",
    METADATA,
    Column("study", Integer, ForeignKey("tunesmith_studies.id"), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("trial", BigInteger, nullable=False),
    Column("split", BigInteger, nullable=False),
    Column("attempt", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    # Whether there are scores: "none", "one", or "many" (by metric).
    Column("test", Text, nullable=False),
    Column("train", Text, nullable=False),
    Column("n_test_samples", BigInteger, nullable=False),
    Column("fit_time", Double),
    Column("score_time", Double),
    Column("error", Text),
    Column("ended", Double),
    # The parameters met in a function, with what they range over; NULL where nobody knows.
    Column("met", Text),
    # What a function has told besides its scores; NULL where that is nothing.
    Column("notes", Text),
    PrimaryKeyConstraint("study", "position", name="pk_tunesmith_evaluations"),
    UniqueConstraint(
        "study", "trial", "split", "attempt", name="uq_tunesmith_evaluations_attempt"
    ),
)

SCORES = Table(
    "tunesmith_scores",
    METADATA,
    Column("study", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    # "test", "train", or "report", whose metric is the step.
    Column("part", Text, nullable=False),
    Column("place", Integer, nullable=False),
    Column("metric", Text, nullable=False),
    Column("value", Double),
    Column("special", Text),
    PrimaryKeyConstraint("study", "position", "part", "place", name="pk_tunesmith_scores"),
)

LEASES = Table(
    "tunesmith_leases",
    METADATA,
    Column("study", Integer, ForeignKey("tunesmith_studies.id"), nullable=False),
    Column("trial", BigInteger, nullable=False),
    Column("holder", Text, nullable=False),
    # Seconds since the epoch on the database's clock; NULL for ever.
    Column("until", Double),
    PrimaryKeyConstraint("study", "trial", name="pk_tunesmith_leases"),
)
