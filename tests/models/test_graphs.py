from __future__ import annotations

import pytest

from tests.models.networks import run_tests_on

pytest.importorskip("keras", reason="Keras is not installed")


@pytest.mark.long
@pytest.mark.timeout(900)  # many tests in one
def test_graphs_in_a_process_on_tensorflow(request):
    run_tests_on("tensorflow", request.path.with_name("on_tensorflow.py"))
