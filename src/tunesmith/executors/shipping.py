"""Bring evaluators, with their data, to processes on this machine: written once, mapped by all."""

from __future__ import annotations

import fcntl
import io
import marshal
import mmap
import os
import pickle
import shutil
import tempfile
import threading
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import IO, Any

import cloudpickle
import numpy as np
from sklearn import config_context, get_config

from tunesmith.evaluation import Evaluator
from tunesmith.exceptions import WorkerError
from tunesmith.executors.culprit import unpicklable, why_unpicklable
from tunesmith.trial import Job

_ALIGNMENT = 64
_PREFIX = "tunesmith-data-"
_CLAIM = "claim"
_GRACE = 60.0
"""Seconds within which a new folder has been claimed for certain."""


@dataclass(frozen=True)
class Surroundings:
    """scikit-learn's configuration and the warning filters of one thread.

    Parameters
    ----------
    config : dict
        As ``sklearn.get_config`` gives it.
    filters : tuple
        Of ``warnings.filters``.
    """

    config: dict[str, Any]
    filters: tuple[Any, ...]

    @classmethod
    def here(cls) -> Surroundings:
        """Return those of the calling thread."""
        return cls(get_config(), tuple(warnings.filters))

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Have them in force, in a process whose other threads raise no warnings."""
        with config_context(**self.config), warnings.catch_warnings():
            warnings.resetwarnings()
            filters: Any = warnings.filters
            filters[:] = self.filters
            yield


@dataclass(frozen=True)
class Parcel:
    """Where an evaluator lies, pickled.

    Parameters
    ----------
    token : str
        Unique in the world.
    folder : str
        Holds the pickle and, in a file of its own, the contents of the arrays.
    """

    token: str
    folder: str

    @property
    def pickle(self) -> Path:
        """The pickle, preceded by the places of the arrays."""
        return Path(self.folder, f"{self.token}.pickle")

    @property
    def arrays(self) -> Path:
        """The contents of the arrays."""
        return Path(self.folder, f"{self.token}.arrays")

    def open(self) -> Evaluator:
        """Return the evaluator; its arrays are writable, and shared until written to."""
        with self.pickle.open("rb") as file:
            places: list[tuple[int, int]] = pickle.load(file)
            mapped = memoryview(b"")
            if any(size for _, size in places):
                with self.arrays.open("rb") as arrays:
                    mapped = memoryview(mmap.mmap(arrays.fileno(), 0, access=mmap.ACCESS_COPY))
            buffers = [mapped[start : start + size] for start, size in places]
            evaluator: Evaluator = pickle.load(file, buffers=buffers)
        return evaluator


@dataclass
class _Shipment:
    evaluator: Evaluator
    parcel: Parcel
    users: int = 0


@dataclass
class Depot:
    """A private folder from which workers take evaluators.

    Evaluators that no bundle uses any more make room when another one is shipped.

    Attributes
    ----------
    folder : str
        The folder; it is removed by `close`.
    """

    _temporary: tempfile.TemporaryDirectory[str] = field(
        default_factory=lambda: tempfile.TemporaryDirectory(
            prefix=_PREFIX, ignore_cleanup_errors=True
        )
    )
    _claim: IO[bytes] = field(init=False)
    _shipments: dict[int, _Shipment] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        sweep()
        claim = Path(self.folder, _CLAIM)
        self._claim = claim.open("wb")
        fcntl.flock(self._claim, fcntl.LOCK_EX)

    @property
    def folder(self) -> str:
        """Where the parcels lie."""
        return self._temporary.name

    @property
    def tokens(self) -> frozenset[str]:
        """Of the evaluators in use."""
        with self._lock:
            return frozenset(s.parcel.token for s in self._shipments.values())

    def ship(self, evaluator: Evaluator) -> Parcel:
        """Write an evaluator, unless it is there; it has one user more.

        Parameters
        ----------
        evaluator : Evaluator
            Told apart by identity.

        Returns
        -------
        Parcel
            Where it lies.

        Raises
        ------
        UnpicklableError
            If it cannot be pickled; the message names the part that cannot.
        WorkerError
            If the folder cannot hold it.
        """
        with self._lock:
            if (shipment := self._shipments.get(id(evaluator))) is None:
                self._make_room()
                parcel = Parcel(uuid.uuid4().hex, self.folder)
                write(evaluator, parcel)
                shipment = self._shipments[id(evaluator)] = _Shipment(evaluator, parcel)
            shipment.users += 1
            return shipment.parcel

    def release(self, evaluator: Evaluator) -> None:
        """Let go of an evaluator: it has one user less."""
        with self._lock:
            if id(evaluator) in self._shipments:
                self._shipments[id(evaluator)].users -= 1

    def close(self) -> None:
        """Remove the folder. What is mapped stays readable."""
        with self._lock:
            self._shipments.clear()
        self._temporary.cleanup()
        self._claim.close()

    def _make_room(self) -> None:
        for key, shipment in list(self._shipments.items()):
            if not shipment.users:
                del self._shipments[key]
                shipment.parcel.pickle.unlink(missing_ok=True)
                shipment.parcel.arrays.unlink(missing_ok=True)


def sweep() -> None:
    """Remove folders left behind by processes of this user that were killed.

    A process holds a lock in its folder for as long as it lives. (When workers are
    running already, they remove it; this is for what was killed before they could.)
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # locked, somebody else's, or gone
            if time.time() - folder.stat().st_mtime > _GRACE:
                with Path(folder, _CLAIM).open("rb") as claim:
                    fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder)


def write(evaluator: Evaluator, parcel: Parcel) -> None:
    """Pickle an evaluator into the files of a parcel, its arrays straight from memory.

    Parameters
    ----------
    evaluator : Evaluator
        What to write.
    parcel : Parcel
        Where to write it.

    Raises
    ------
    UnpicklableError
        If it cannot be pickled; the message names the part that cannot.
    WorkerError
        If the folder cannot hold it.
    """
    body = parcel.pickle.with_suffix(".body")
    try:
        with parcel.arrays.open("wb") as arrays, body.open("wb") as file:
            places = _pack(evaluator, file, arrays)
        with parcel.pickle.open("wb") as whole, body.open("rb") as file:
            pickle.dump(places, whole)
            shutil.copyfileobj(file, whole, 1 << 20)
    except Exception as error:
        if (reason := why_unpicklable(evaluator)) is not None:
            raise unpicklable(evaluator, "the evaluator", reason) from error
        raise WorkerError(
            f"cannot write what the worker processes need into {parcel.folder}: {error}; "
            f"set the environment variable TMPDIR to a folder with more room."
        ) from error
    finally:
        body.unlink(missing_ok=True)


def pack_jobs(jobs: tuple[Job, ...]) -> bytes:
    """Pickle jobs together with the surroundings of the calling thread.

    Parameters
    ----------
    jobs : tuple of Job
        What to run.

    Returns
    -------
    bytes
        A pickle of (surroundings, jobs).

    Raises
    ------
    UnpicklableError
        If a parameter cannot be pickled; the message names it.
    """
    try:
        file = io.BytesIO()
        _Packer(file, protocol=5).dump((Surroundings.here(), jobs))
    except Exception as error:
        for job in jobs:
            for name, value in job.params.items():
                if (reason := why_unpicklable(value)) is not None:
                    what = f"the value of {name!r}"
                    raise unpicklable(value, what, reason) from error
        raise unpicklable(jobs, "the jobs", error) from error
    return file.getvalue()


def _pack(evaluator: Evaluator, file: IO[bytes], arrays: IO[bytes]) -> list[tuple[int, int]]:
    """Pickle into `file`, and contents of arrays into `arrays`; return their places."""
    places: list[tuple[int, int]] = []

    def put(buffer: pickle.PickleBuffer) -> None:
        with buffer.raw() as content:
            start = -(-arrays.tell() // _ALIGNMENT) * _ALIGNMENT
            arrays.seek(start)
            arrays.write(content)
            places.append((start, content.nbytes))

    _Packer(file, protocol=5, buffer_callback=put).dump(evaluator)
    return places


class _Packer(cloudpickle.Pickler):  # type: ignore[misc, unused-ignore]
    """Keeps the contents of every plain array out of the pickle, and memory maps on disk.

    Code keeps the name of its file, which some versions of cloudpickle take away, so that
    tracebacks from workers show its lines.
    """

    def reducer_override(self, obj: Any) -> Any:
        kind = type(obj)
        if kind is CodeType:
            return marshal.loads, (marshal.dumps(obj),)
        if kind is np.memmap and (again := _reopening(obj)):
            return again
        if (kind is np.ndarray or kind is np.memmap) and not obj.dtype.hasobject:
            # NumPy itself pickles views with gaps, and memory maps, by copying them twice.
            flags = obj.flags
            whole = obj if flags.c_contiguous or flags.f_contiguous else np.ascontiguousarray(obj)
            return np.asarray(whole).__reduce_ex__(5)
        return super().reducer_override(obj)


def _reopening(array: np.memmap[Any, Any]) -> tuple[Any, ...] | None:
    """Say how to map a file again; None if the array is not simply what the file holds."""
    name, mode = array.filename, array.mode
    if not isinstance(array.base, mmap.mmap) or name is None or mode == "c":
        return None
    if not os.path.exists(name) or array.offset + array.nbytes > os.path.getsize(name):
        return None
    order = "C" if array.flags.c_contiguous else "F"
    mode = "r" if mode == "r" else "c"
    where = (os.path.abspath(name), array.dtype, mode, array.offset, array.shape, order)
    return np.memmap, where
