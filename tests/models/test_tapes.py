from __future__ import annotations

import pytest

from tests.models.networks import run_on

pytest.importorskip("keras", reason="Keras is not installed")

SCRIPT = """
import sys

import pytest

options = ["-q", "-x", "-W", "default", "-p", "no:cacheprovider", "-p", "no:xdist"]
sys.exit(pytest.main([*options, {path!r}]))
"""


@pytest.mark.long
def test_tapes_in_a_process_on_torch(request):
    run_on("torch", SCRIPT.format(path=str(request.path.with_name("on_torch.py"))))
