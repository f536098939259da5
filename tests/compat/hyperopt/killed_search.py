"""A search that a test kills: python killed_search.py FILE PAUSE."""

from __future__ import annotations

import sys
import time

import numpy as np

from tunesmith.compat.hyperopt import STATUS_OK, Trials, fmin, hp, tpe

SPACE = {"x": hp.uniform("x", -5, 5), "c": hp.choice("c", [hp.randint("n", 9), "none"])}


def search(file, max_evals, pause=0.0):
    def function(point):
        time.sleep(pause)
        print("trial", flush=True)
        return {"loss": point["x"] ** 2, "status": STATUS_OK, "curve": [point["x"], 1.0]}

    trials = Trials()
    fmin(
        function,
        SPACE,
        tpe.suggest,
        max_evals=max_evals,
        trials=trials,
        rstate=np.random.default_rng(0),
        points_to_evaluate=[{"x": 1.0, "c": 1}],
        trials_save_file=file,
        show_progressbar=False,
    )
    return trials


if __name__ == "__main__":
    search(sys.argv[1], 1000, float(sys.argv[2]))
