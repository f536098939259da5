"""Imported before all else by the process that workers are forked from.

A collection in the middle of a large import finds nothing, and all of them take a sixth to a
quarter of the time. What was imported stays, so `worker.serve` sets it aside for good, and only
then collects again.
"""

import gc

gc.disable()
