"""``python -m tunesmith`` is the command ``tunesmith``."""

from __future__ import annotations

from tunesmith.cli import main

if __name__ == "__main__":
    main(prog_name="tunesmith")
