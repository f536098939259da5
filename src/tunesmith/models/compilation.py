"""JAX's cache of compiled programs on disk, from which other workers and later runs start."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

VARIABLE = "TUNESMITH_COMPILATION_CACHE"
"""Environment variable: a folder in place of the user's cache folder, or "off"."""

LIMIT = 2**30
"""Bytes in the folder at most; the oldest programs go first."""


@contextmanager
def kept_on_disk() -> Iterator[None]:
    """Keep what JAX compiles meanwhile on disk, and take from there what others compiled.

    Where JAX has been given a cache already, by ``JAX_COMPILATION_CACHE_DIR`` or ``jax.config``,
    that one is used as it is set up.
    """
    import keras

    folder = _folder_to_use() if keras.backend.backend() == "jax" else None
    if folder is None or not _usable(folder):
        yield
        return
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    settings: Any = jax.config
    ours = {
        "jax_compilation_cache_dir": str(folder),
        "jax_persistent_cache_min_compile_time_secs": 0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    outside = {name: getattr(settings, name) for name in ours}
    before = _changed(folder)
    # JAX decides once whether it has a cache; told to forget, it looks again.
    compilation_cache.reset_cache()
    for name, value in ours.items():
        settings.update(name, value)
    try:
        yield
    finally:
        for name, value in outside.items():
            settings.update(name, value)
        compilation_cache.reset_cache()
        if _changed(folder) != before:
            prune(folder.parent, LIMIT)


def _changed(folder: Path) -> int | None:
    """Tell when something in a folder was last added; None where somebody has removed it."""
    with suppress(OSError):
        return folder.stat().st_mtime_ns
    return None


def _folder_to_use() -> Path | None:
    import jax

    settings: Any = jax.config
    return None if settings.jax_compilation_cache_dir else cache_folder()


def compile_lowered(lowered: Any, *, often: bool) -> Any:
    """Compile a program, or take it from disk.

    Parameters
    ----------
    lowered : jax.stages.Lowered
        What `jax.jit` makes of a function and shapes.
    often : bool
        Whether it runs so often that its speed counts for more than its compilation.

    Returns
    -------
    jax.stages.Compiled
        To be called.
    """
    with kept_on_disk():
        return lowered.compile(compiler_options=_options(often))


_SOONER: dict[str, str | bool] = {"xla_backend_optimization_level": "2"}
"""On a CPU a program is as fast with this, and there in half the time."""

_SOONEST = _SOONER | {"xla_cpu_use_fusion_emitters": False}
"""It is slower with this where it does little but add and multiply; and there in a quarter."""


@cache
def _options(often: bool) -> dict[str, str | bool] | None:
    """Return options for XLA, if it knows them; they are no part of its promises."""
    import jax

    options = _SOONER if often else _SOONEST
    if jax.default_backend() != "cpu":
        return None
    try:
        jax.jit(lambda x: x).lower(0.0).compile(compiler_options=options)
    except jax.errors.JaxRuntimeError as error:
        if "No such compile option" not in str(error):
            raise
        return None
    return options


def cache_folder() -> Path | None:
    """Name the folder of compiled programs.

    Returns
    -------
    Path or None
        None where the environment variable `VARIABLE` says "off". Machines of another kind and
        processes with another number of threads have a folder of their own, since machine code
        is made for both.
    """
    asked = os.environ.get(VARIABLE, "")
    if asked.lower() in ("off", "0", "no", "false"):
        return None
    base = Path(asked).expanduser() if asked else _user_cache() / "tunesmith" / "jax"
    return base / f"{_machine()}-{_threads()}"


def prune(folder: Path, limit: int) -> None:
    """Remove the oldest programs of a folder, until they are no more than a number of bytes.

    Parameters
    ----------
    folder : Path
    limit : int
        Bytes.
    """
    files = []
    for path in folder.glob("*/*-cache"):
        with suppress(OSError):  # another process may have removed it
            status = path.stat()
            files.append((status.st_mtime, status.st_size, path))
    excess = sum(size for _, size, _ in files) - limit
    for _, size, path in sorted(files):
        if excess <= 0:
            return
        excess -= size
        with suppress(OSError):
            path.unlink()


def _usable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _threads() -> str:
    """Tell the number of threads that XLA's machine code is made for."""
    given = os.environ.get("NPROC", "")
    available = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))(0)
    return given if given.isdigit() else str(len(available))


@cache
def _machine() -> str:
    """Tell kinds of processors apart."""
    import platform

    about = [platform.machine(), platform.processor()]
    with suppress(OSError), open("/proc/cpuinfo") as lines:
        for line in lines:
            if not line.strip():
                break  # the first processor will do
            if line.startswith(("model name", "flags", "Features", "CPU part")):
                about.append(line)
    return hashlib.blake2b("\n".join(about).encode(), digest_size=6).hexdigest()
