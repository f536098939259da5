"""What takes the place of searches that share a MongoDB."""

from __future__ import annotations

from typing import Any, Never

from tunesmith.exceptions import TunesmithError


class MongoTrials:
    """Raises, and tells what to write instead.

    Raises
    ------
    TunesmithError
        Always.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Never:
        """Raise."""
        raise TunesmithError(
            "there are no MongoTrials. Searches of several machines share a study in PostgreSQL: "
            'tunesmith.Study(space, storage="postgresql+psycopg://HOST/NAME", name="search") in '
            "each process, and study.optimize(function, n_iter)"
        )
