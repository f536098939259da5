"""Rules for data: containers, arrays, frames, tensors, distributions."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

import numpy as np

from tunesmith.keys.objects import reduced
from tunesmith.keys.walk import Hasher, hash_parts, instance_dict, utf8

_CHUNK = 1 << 22  # bytes of an array copied at once where it is not contiguous


def sequence(walk: Hasher, value: Iterable[Any]) -> bytes:
    """Key a list or tuple in its order."""
    parts = [walk.digest(item, f"[{i}]") for i, item in enumerate(value)]
    return hash_parts(type(value).__name__, *parts)


def unordered(walk: Hasher, value: Iterable[Any]) -> bytes:
    """Key a set, whatever its order."""
    members = sorted(walk.alone(item, "{...}") for item in value)
    return hash_parts(
        "set", walk.digest(type(value)), *members, walk.attributes(instance_dict(value))
    )


def mapping(walk: Hasher, value: Mapping[Any, Any]) -> bytes:
    """Key a dict, whatever its order."""
    return hash_parts(type(value).__name__, *walk.pairs(value.items()))


def array(walk: Hasher, value: np.ndarray[Any, Any]) -> bytes:
    """Key an array by type, shape and values, whatever its layout in memory."""
    plain = type(value) in (np.ndarray, np.memmap)
    kind = b"" if plain else walk.digest(type(value)) + walk.attributes(instance_dict(value))
    return hash_parts("array", kind, _content(walk, np.asarray(value)))


def masked(walk: Hasher, value: np.ma.MaskedArray[Any, Any]) -> bytes:
    """Key a masked array, the values under its mask included."""
    return walk.join(
        "masked",
        kind=type(value),
        data=np.asarray(value.data),
        mask=np.ma.getmaskarray(value),
        fill=value.fill_value,
    )


def scalar(walk: Hasher, value: np.generic) -> bytes:
    """Key a numpy scalar; one NaN is like another."""
    if isinstance(value, np.floating) and np.isnan(value):
        value = type(value)("nan")
    return hash_parts("scalar", _content(walk, np.asarray(value)))


def _content(walk: Hasher, array: np.ndarray[Any, Any]) -> bytes:
    """Hash an array in C order, copying at most a few rows of one that is not."""
    shape, names = repr(array.shape).encode(), array.dtype.names
    if names is not None:
        fields = (_content(walk, array[name]) for name in names)
        return hash_parts("fields", shape, utf8(repr(names)), *fields)
    if array.dtype.hasobject or array.dtype.kind == "T":
        items = enumerate(array.reshape(-1).tolist())
        parts = (walk.digest(item, f".flat[{at}]") for at, item in items)
        return hash_parts("objects", shape, utf8(str(array.dtype)), *parts)
    native = array.dtype.newbyteorder("=")  # pickling an array may turn its bytes around
    state = blake2b(hash_parts("numbers", shape, utf8(str(native))), digest_size=16)
    if array.nbytes:
        rows = array if array.ndim else array.reshape(1)
        size = max(1, _CHUNK * len(rows) // array.nbytes)
        for start in range(0, len(rows), size):
            chunk = np.ascontiguousarray(rows[start : start + size], dtype=native)
            state.update(chunk.reshape(-1).view(np.uint8).data)
    return state.digest()


def sparse(walk: Hasher, value: Any) -> bytes:
    """Key a sparse matrix or array by its format and data."""
    plain = value if value.format in ("csr", "csc", "bsr", "coo", "dia") else value.tocsr()
    parts = ("data", "indices", "indptr", "offsets", "coords")
    held = {part: getattr(plain, part) for part in parts if hasattr(plain, part)}
    return walk.join("sparse", kind=type(value), shape=value.shape, **held)


def frame(walk: Hasher, value: Any) -> bytes:
    """Key a pandas or polars DataFrame by its columns."""
    if _is_polars(value):
        columns = value.get_columns()
    else:
        columns = [value.iloc[:, i] for i in range(value.shape[1])]
    head = [
        walk.digest(getattr(value, at), f".{at}")
        for at in ("index", "columns")
        if hasattr(value, at)
    ]
    return hash_parts(
        "frame", walk.digest(type(value)), *head, *(series(walk, each) for each in columns)
    )


def series(walk: Hasher, value: Any) -> bytes:
    """Key a pandas or polars Series, or a pandas Index."""
    names = list(value.names) if hasattr(value, "names") else value.name
    index = walk.digest(value.index) if hasattr(value, "index") else b""
    head = (walk.digest(type(value)), walk.digest(names), utf8(str(value.dtype)))
    return hash_parts("series", *head, index, _column(walk, value))


def _is_polars(value: Any) -> bool:
    return type(value).__module__.startswith("polars.")


def _column(walk: Hasher, value: Any) -> bytes:
    if _is_polars(value):
        plain = value.dtype.is_numeric() and not value.null_count()
        return walk.digest(value.to_numpy() if plain else value.to_list())
    if isinstance(value.dtype, np.dtype):
        return _content(walk, value.to_numpy())
    if str(value.dtype) == "category":
        held = value.array
        return walk.join("category", codes=held.codes, of=held.categories, rank=held.ordered)
    return _content(walk, value.to_numpy(dtype=object))


def tensor(walk: Hasher, value: Any) -> bytes:
    """Key a torch tensor by its values, wherever they are."""
    if str(value.layout) != "torch.strided":
        return reduced(walk, value)
    flat = value.detach().cpu().contiguous().reshape(-1)
    data = flat.view(sys.modules["torch"].uint8).numpy()
    return walk.join(
        "tensor",
        kind=type(value),
        dtype=str(value.dtype),
        data=data,
        shape=tuple(value.shape),
        requires_grad=value.requires_grad,
    )


def distribution(walk: Hasher, value: Any) -> bytes:
    """Key a scipy distribution without its own random state, which draws do not use."""
    state = {k: v for k, v in value.__getstate__().items() if k != "_random_state"}
    return hash_parts("distribution", walk.digest(type(value)), walk.attributes(state))
