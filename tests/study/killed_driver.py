"""Runs trials; a test kills it: `killed_driver.py FILE N_ITER SEED LEASE [HANGS_AT]`."""

import random
import sys
import time

from tunesmith import Float, Int, Study


def main(path, n_iter, seed, lease, hangs_at=0):
    rng = random.Random(int(seed))
    calls = 0

    def bowl(params):
        nonlocal calls
        calls += 1
        if calls == int(hangs_at):
            print("hangs", flush=True)
            time.sleep(60)
        time.sleep(rng.uniform(0, 0.02))
        return (params["x"] - 0.3) ** 2 + abs(params["n"] - 7)

    space = {"x": Float(0, 1), "n": Int(1, 10)}
    with Study(space, storage=path, random_state=0, in_flight=3, lease=float(lease)) as study:
        print("ready", flush=True)
        sys.stdin.readline()
        study.optimize(bowl, int(n_iter))


if __name__ == "__main__":
    main(*sys.argv[1:])
