from __future__ import annotations

import pytest

from tests.models.networks import run_tests_on

pytest.importorskip("keras", reason="Keras is not installed")


@pytest.mark.long
@pytest.mark.timeout(900)  # many tests in one
def test_tapes_in_a_process_on_torch(request):
    run_tests_on("torch", request.path.with_name("on_torch.py"))
