"""Labelled images for the demo: scikit-learn's digits, or a file of the user's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ARRAYS = ("x_train", "y_train", "x_test", "y_test")
# Leaves 1,440 digits: the 960 that two of three folds hold are whole batches of 32, for which
# Keras compiles one program where an odd last batch would need another.
_HELD_OUT = 357


@dataclass(frozen=True)
class Images:
    """Images to search with, and images that no search has seen.

    Parameters
    ----------
    name : str
        What people call them.
    x_train, x_test : ndarray of shape (n_images, height, width, channels)
        Brightness from 0 to 1, float32.
    y_train, y_test : ndarray of shape (n_images,)
        Class of each image, from 0 to n_classes - 1.
    """

    name: str
    x_train: NDArray[np.float32]
    y_train: NDArray[np.int64]
    x_test: NDArray[np.float32]
    y_test: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and channels of an image."""
        return self.x_train.shape[1:]

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return int(max(self.y_train.max(), self.y_test.max())) + 1

    def first(self, n_images: int) -> Images:
        """Return the same with the first training images only.

        Raises
        ------
        ValueError
            If there are fewer than `n_images`.
        """
        if n_images > len(self.x_train):
            raise ValueError(
                f"{self.name} has {len(self.x_train):,} training images; {n_images:,} asked for"
            )
        x, y = self.x_train[:n_images], self.y_train[:n_images]
        return Images(self.name, x, y, self.x_test, self.y_test)


def load_digits(random_state: int) -> Images:
    """Return scikit-learn's 1,797 handwritten digits of 8 by 8 pixels, 357 held out.

    Parameters
    ----------
    random_state : int
        Decides which images are held out, the same share of each class.
    """
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    digits = datasets.load_digits()
    x = _brightness(digits.images, "digits")
    y = digits.target.astype(np.int64)
    x_train, x_test, y_train, y_test = train_test_split(
        x, y, test_size=_HELD_OUT, stratify=y, random_state=random_state
    )
    return Images("digits", x_train, y_train, x_test, y_test)


def load_file(path: Path) -> Images:
    """Return the images of an ``.npz`` file.

    Parameters
    ----------
    path : Path
        Holds ``x_train`` and ``x_test`` of shape (n_images, height, width) or
        (n_images, height, width, channels), ``y_train`` and ``y_test`` of shape
        (n_images,), integers from 0.

    Raises
    ------
    ValueError
        If the file holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in _ARRAYS if name not in file]
            arrays = {name: file[name] for name in _ARRAYS if name in file}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no .npz file of plain arrays: {error}") from error
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}; it must hold {', '.join(_ARRAYS)}")
    images = Images(
        path.stem,
        _brightness(arrays["x_train"], "x_train"),
        _classes(arrays["y_train"], "y_train"),
        _brightness(arrays["x_test"], "x_test"),
        _classes(arrays["y_test"], "y_test"),
    )
    if len(images.x_train) != len(images.y_train) or len(images.x_test) != len(images.y_test):
        raise ValueError(f"{path} has not as many labels as images")
    return images


def _brightness(x: NDArray[Any], name: str) -> NDArray[np.float32]:
    """Scale to the range from 0 to 1, with the channels as the last axis."""
    if x.ndim not in (3, 4) or not np.issubdtype(x.dtype, np.number) or not x.size:
        raise ValueError(
            f"{name} must be numbers of shape (n_images, height, width[, channels]); "
            f"got {x.dtype} of shape {x.shape}"
        )
    largest = float(np.iinfo(x.dtype).max) if x.dtype == np.uint8 else float(x.max())
    scaled = x.astype(np.float32) / (largest if largest > 1 else 1.0)
    return scaled if x.ndim == 4 else scaled[..., np.newaxis]


def _classes(y: NDArray[Any], name: str) -> NDArray[np.int64]:
    if y.ndim != 1 or not np.issubdtype(y.dtype, np.integer) or not y.size or y.min() < 0:
        raise ValueError(
            f"{name} must be integers from 0 of shape (n_images,); "
            f"got {y.dtype} of shape {y.shape}"
        )
    return y.astype(np.int64)
