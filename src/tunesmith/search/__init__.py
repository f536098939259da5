"""scikit-learn's searches, by a change of import."""

from __future__ import annotations

from tunesmith.search.grid import GridSearchCV
from tunesmith.search.learned import SearchCV
from tunesmith.search.randomized import RandomizedSearchCV, RandomSearchCV

__all__ = ["GridSearchCV", "RandomSearchCV", "RandomizedSearchCV", "SearchCV"]
