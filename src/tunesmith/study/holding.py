"""The trials that a driver is at, and the leases that tell others so."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import weakref
from collections.abc import Iterable
from contextlib import suppress

from tunesmith.exceptions import StorageError
from tunesmith.storage import Storage
from tunesmith.storage.leases import Lease

_PATIENCE = 5.0
"""Seconds that whoever drops a holder waits for its leases to end."""


class Holder:
    """Holds leases on trials of one study, and renews them in the background.

    A fork begins with none.

    Parameters
    ----------
    storage : Storage
        Where the study is.
    study : str
        Its name.
    seconds : float or None
        For how long a lease holds once this process has stopped to renew it; None for ever.
    """

    def __init__(self, storage: Storage, study: str, seconds: float | None) -> None:
        self._storage, self._study, self._seconds = storage, study, seconds
        self._begin()

    @property
    def trials(self) -> set[int]:
        """The numbers of the trials that are held."""
        return set(self._here().leases)

    def claim(self, trials: Iterable[int]) -> list[int]:
        """Take leases on trials; return the numbers of those that could be had."""
        return self._here().claim(trials)

    def release(self, trials: Iterable[int]) -> None:
        """End the leases on trials, if there are."""
        self._here().release(trials)

    def close(self) -> None:
        """End all leases that end at all; calling it again does nothing."""
        self._finalizer.detach()
        self._beat.finish(None)

    def _begin(self) -> None:
        self._beat = _Beat(self._storage, self._study, self._seconds)
        self._finalizer = weakref.finalize(self, self._beat.finish, _PATIENCE)

    def _here(self) -> _Beat:
        if self._beat.process != os.getpid():
            self._finalizer.detach()
            self._begin()
        return self._beat


class _Beat:
    """The thread that renews. It knows no `Holder`, so that one may be collected."""

    def __init__(self, storage: Storage, study: str, seconds: float | None) -> None:
        self.process = os.getpid()
        self.leases: dict[int, Lease] = {}
        unique = secrets.token_hex(4)
        self._name = f"process {self.process} on {socket.gethostname()} ({unique})"
        self._storage, self._study, self._seconds = storage, study, seconds
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def claim(self, trials: Iterable[int]) -> list[int]:
        with self._lock:
            got = self._storage.claim(self._study, trials, self._name, self._seconds)
            self.leases |= {lease.trial: lease for lease in got}
            if self._seconds is not None and self._thread is None:
                name = f"leases on {self._study}"
                self._thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._thread.start()
        return [lease.trial for lease in got]

    def release(self, trials: Iterable[int]) -> None:
        with self._lock:
            ended = [self.leases.pop(trial) for trial in trials if trial in self.leases]
            with suppress(StorageError):  # What is renewed no more runs out by itself.
                self._storage.release(*ended)

    def finish(self, patience: float | None) -> None:
        # The thread ends the leases: a collection of garbage may come here in any other, amid
        # a transaction.
        self._over.set()
        here = self.process == os.getpid() and threading.current_thread() is not self._thread
        if here and self._thread is not None:
            self._thread.join(patience)

    def _run(self) -> None:
        assert self._seconds is not None
        while not self._over.wait(self._seconds / 3):
            with self._lock, suppress(StorageError):  # and at the next beat again
                held = self._storage.renew(*self.leases.values())
                self.leases = {lease.trial: lease for lease in held}
        self.release(list(self.leases))
