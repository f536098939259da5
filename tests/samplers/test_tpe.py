from __future__ import annotations

import numpy as np
import pytest

from tunesmith.samplers.tpe import _Category


@pytest.mark.parametrize("n", [0, 3, 40])
@pytest.mark.parametrize("widths", [[1.0], [0.5, 0.5], [0.1, 0.2, 0.3, 0.4]])
def test_categories_no_two_of_which_are_near_are_as_far_from_each_other(n, widths):
    edges = np.concatenate([[0.0], np.cumsum(widths)])
    untold = _Category(n, edges, None)
    told = _Category(n, edges, np.zeros((len(widths), len(widths))))
    rng = np.random.default_rng(0)
    u, centres, at = rng.random((3, 500))
    assert np.array_equal(untold.quantile(u, centres), told.quantile(u, centres))
    assert np.allclose(untold.log(at, centres), told.log(at, centres), rtol=0, atol=1e-12)
