"""Start worker processes that never run the user's script."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import cache
from multiprocessing import process, resource_tracker, spawn
from types import FunctionType
from typing import Any

# Forking is safe where a process has done nothing but import. On macOS, importing NumPy
# starts threads of the system's own libraries, which do not survive it.
_METHOD = "forkserver" if sys.platform == "linux" else "spawn"


def launch(target: Callable[..., None], *args: Any, preload: Sequence[str] = ()) -> Any:
    """Start a process.

    The classes of `multiprocessing` would import the user's script in it again, which is
    why scripts need an ``if __name__ == "__main__"``; and they would have the interpreter
    wait for the process at its end. Nothing here needs the script: what comes from it is
    pickled by value.

    Parameters
    ----------
    target : callable
        A function of a module, to be called in the process.
    *args : object
        Its arguments: connections, and what can be pickled.
    preload : sequence of str, default=()
        Modules that it will need. Where processes are forked from a server, the server
        imports them once, for all that have the same needs.

    Returns
    -------
    multiprocessing.popen_fork.Popen
        With ``pid``, ``sentinel``, ``wait``, ``kill`` and ``close``.
    """
    context: Any = multiprocessing.get_context(_METHOD)
    # Ctrl-C belongs to the parent alone, from the first moment of the process. Started
    # before that, the tracker leaves the mask of this thread as it is.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return _popen(tuple(preload))(context.Process(target=target, args=args))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Preparation:
    """Stands in for `multiprocessing.spawn` where a process is started."""

    def __getattr__(self, name: str) -> Any:
        return getattr(spawn, name)

    @staticmethod
    def get_preparation_data(name: str) -> dict[str, Any]:
        """Say what a process must know before it begins: all but the user's script."""
        data = {
            "name": name,
            "authkey": process.current_process().authkey,
            "sys_path": [os.getcwd() if path == "" else path for path in sys.path],
            "sys_argv": sys.argv,
            "dir": os.getcwd(),
        }
        if (method := multiprocessing.get_start_method(allow_none=True)) is not None:
            data["start_method"] = method
        return data


class _ForkServer:
    """Stands in for `multiprocessing.forkserver`: a server that has imported what is needed.

    Parameters
    ----------
    preload : tuple of str
        Names of modules.
    backend : str or None
        What Keras is to run on, which counts when it is imported.
    """

    def __init__(self, preload: tuple[str, ...], backend: str | None) -> None:
        from multiprocessing import forkserver

        self._module = forkserver
        server = forkserver.ForkServer()
        first = ["tunesmith.executors.nursery", "tunesmith.executors.worker"]
        server.set_forkserver_preload([*first, *preload])
        self.connect_to_new_process = server.connect_to_new_process

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


_server = cache(_ForkServer)


def _popen(preload: tuple[str, ...]) -> type[Any]:
    """Return the standard library's class that starts a process, told to leave scripts alone."""
    names: dict[str, Any] = {"spawn": _Preparation()}
    if _METHOD == "forkserver":
        from multiprocessing import popen_forkserver as module

        names["forkserver"] = _server(preload, os.environ.get("KERAS_BACKEND"))
    else:
        from multiprocessing import popen_spawn_posix as module  # type: ignore[no-redef]
    start: Any = module.Popen._launch  # type: ignore[attr-defined]
    bound = _bound(start, {**start.__globals__, **names})
    return type("Popen", (module.Popen,), {"_launch": bound})


def _bound(function: FunctionType, names: dict[str, Any]) -> FunctionType:
    """Return a function that does the same with other globals."""
    return FunctionType(function.__code__, names, closure=function.__closure__)
