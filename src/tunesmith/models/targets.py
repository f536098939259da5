"""Targets: from the user's y to what a Keras loss takes, and from outputs back to labels."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

Layout = Literal["ids", "column", "indicator"]


class TargetEncoder(TransformerMixin, BaseEstimator):
    """What an estimator asks of the transformer that its ``target_encoder`` returns.

    ``fit`` learns from y before the network is built, ``bind`` from the compiled network
    afterwards. Any scikit-learn transformer will do in its place; ``bind`` is then left out.
    """

    def fit(self, y: ArrayLike) -> TargetEncoder:
        """Learn what the targets are."""
        return self

    def bind(self, loss: Any, width: int | None) -> None:
        """Settle the layout the network's loss and outputs need.

        Parameters
        ----------
        loss : str, function, keras.losses.Loss or None
            What the network is compiled with.
        width : int or None
            Units of its last layer; None where it has several outputs or cannot tell.
        """

    def transform(self, y: ArrayLike) -> Any:
        """Turn targets into what the network is trained on."""
        return y

    def inverse_transform(self, outputs: Any) -> Any:
        """Turn the network's outputs into predictions."""
        return outputs


class ClassEncoder(TargetEncoder):
    """Encode class labels (integer, string, bool), one-hot rows and label indicators.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels; column numbers for a two-dimensional y.
    target_type_ : {"binary", "multiclass", "multiclass-onehot", "multilabel-indicator"}
    layout_ : {"ids", "column", "indicator"}
        Class numbers, one 0/1 column, or one 0/1 column for each class.
    from_logits_ : bool
        Whether outputs are logits, by the loss' own setting.
    """

    def __init__(self, classes: ArrayLike | None = None):
        self.classes = classes

    def fit(self, y: ArrayLike) -> ClassEncoder:
        """Learn the labels.

        Raises
        ------
        ValueError
            y is continuous, or has several columns that are not 0/1.
        """
        labels = np.asarray(y)
        check_classification_targets(labels)
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = column_or_1d(labels, warn=True)
        if labels.ndim == 1:
            self.classes_ = np.unique(labels if self.classes is None else np.asarray(self.classes))
            self.target_type_ = "binary" if len(self.classes_) <= 2 else "multiclass"
        else:
            self._fit_columns(labels)
        self.n_outputs_ = 1 if labels.ndim == 1 else labels.shape[1]
        self.layout_: Layout = "ids" if labels.ndim == 1 else "indicator"
        self.from_logits_ = False
        self._width: int | None = None
        return self

    def _fit_columns(self, rows: np.ndarray) -> None:
        if not np.isin(rows, (0, 1)).all():
            raise ValueError(
                "y has several columns that are not 0/1 indicators. Fit one classifier a column "
                "(sklearn.multioutput.MultiOutputClassifier), or override target_encoder."
            )
        self.classes_ = np.arange(rows.shape[1])
        one_hot = bool((rows.sum(axis=1) == 1).all())
        self.target_type_ = "multiclass-onehot" if one_hot else "multilabel-indicator"

    def bind(self, loss: Any, width: int | None) -> None:
        """Settle the layout, and the classes a network with spare outputs has.

        Raises
        ------
        ValueError
            The network has fewer outputs than y has classes, or y has one class only.
        """
        self._width = width
        self.from_logits_ = bool(getattr(loss, "from_logits", False))
        self._count_spare_outputs(width)
        n_classes = len(self.classes_)
        if n_classes < 2:
            raise ValueError(
                f"y holds 1 class only ({self.classes_[0]!r}); a classifier needs at least two "
                "classes"
            )
        one_unit_will_do = n_classes == 2 and self.target_type_ != "multilabel-indicator"
        needed = 1 if one_unit_will_do else n_classes
        if width is not None and (width < needed or (self._by_column() and width > n_classes)):
            raise ValueError(
                f"the model ends in {width} output unit{'s' * (width != 1)} but y has {n_classes} "
                f"classes; end it with Dense({needed}) (meta['n_classes_'] holds the number)"
            )
        if width == 1 and _needs_softmax(loss):
            raise ValueError(
                "the model ends in 1 output unit, on which a categorical crossentropy learns "
                'nothing; use loss="binary_crossentropy", or end the model with '
                f"Dense({n_classes}, activation='softmax')"
            )
        self.layout_ = self._choose_layout(loss, width)

    def _count_spare_outputs(self, width: int | None) -> None:
        """Take integer labels for output numbers where y lacks some of a network's classes."""
        labels = self.classes_
        if width is None or width <= len(labels) or self._by_column():
            return
        # Without a 0, nobody can tell numbers from 0 with the first missing from numbers from 1.
        if np.issubdtype(labels.dtype, np.integer) and labels[0] == 0 and labels[-1] < width:
            self.classes_ = np.arange(width)
            self.target_type_ = "binary" if width <= 2 else "multiclass"

    def _by_column(self) -> bool:
        return self.target_type_ in ("multiclass-onehot", "multilabel-indicator")

    def _choose_layout(self, loss: Any, width: int | None) -> Layout:
        if width == 1:
            return "column"
        if self.target_type_ == "multilabel-indicator":
            return "indicator"
        kind = loss_kind(loss)
        if kind == "sparse":
            return "ids"
        if kind == "categorical" or (kind == "dense" and width is not None):
            return "indicator"
        return "indicator" if self.target_type_ == "multiclass-onehot" else "ids"

    def labels(self, y: ArrayLike) -> np.ndarray:
        """Give y in the form that ``inverse_transform`` gives predictions in."""
        rows = np.asarray(y)
        if self.target_type_ == "multiclass-onehot" and rows.ndim == 2 and rows.shape[1] > 1:
            return np.asarray(rows.argmax(axis=1))
        if self.target_type_ != "multilabel-indicator" and rows.ndim == 2:
            return np.asarray(column_or_1d(rows))
        return rows

    def transform(self, y: ArrayLike) -> np.ndarray:
        """Encode labels in the layout chosen.

        Raises
        ------
        ValueError
            A label or a column that ``fit`` did not see.
        """
        labels = self.labels(y)
        if self.target_type_ == "multilabel-indicator":
            if labels.ndim != 2 or labels.shape[1] != len(self.classes_):
                raise ValueError(
                    f"y has shape {labels.shape}; {len(self.classes_)} columns were fitted"
                )
            return labels.astype(np.float32)
        ids = self.ids(labels)
        if self.layout_ == "column":
            return ids[:, None].astype(np.float32)
        if self.layout_ == "indicator":
            columns = np.eye(self._width or len(self.classes_), dtype=np.float32)
            return np.asarray(columns[ids])
        return ids

    def ids(self, labels: np.ndarray) -> np.ndarray:
        """Give the numbers of labels in ``classes_``."""
        ids = np.searchsorted(self.classes_, labels)
        known = self.classes_[np.minimum(ids, len(self.classes_) - 1)] == labels
        if not np.all(known):
            unseen = np.unique(labels[~np.asarray(known)]).tolist()
            raise ValueError(
                f"y contains labels that are not in classes_: {unseen}; "
                f"classes_ is {self.classes_.tolist()}"
            )
        return np.asarray(ids, dtype=np.int64)

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """Turn outputs into probabilities.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            A single sigmoid column is widened to two; logits are squashed.

        Raises
        ------
        ValueError
            An output is NaN, of which the likeliest class would be the first.
        """
        if np.isnan(outputs).any():
            raise ValueError(
                "the network's outputs are NaN: its training has diverged; try a smaller "
                "learning rate, or scale X"
            )
        # Sixteen bits are too few for rows to add up to 1 as scikit-learn's scores want.
        coarse = outputs.dtype.itemsize < 4
        outputs = outputs.astype(np.float32) if coarse else outputs
        if self.target_type_ == "multilabel-indicator":
            return _sigmoid(outputs) if self.from_logits_ else outputs
        if outputs.shape[-1] == 1:
            positive = _sigmoid(outputs) if self.from_logits_ else outputs
            return np.hstack([1 - positive, positive])
        if self.from_logits_:
            shifted = np.exp(outputs - outputs.max(axis=1, keepdims=True))
            outputs = shifted / shifted.sum(axis=1, keepdims=True)
        if coarse or outputs.shape[1] > len(self.classes_):
            outputs = outputs[:, : len(self.classes_)]
            outputs = outputs / outputs.sum(axis=1, keepdims=True)
        return outputs

    def inverse_transform(self, outputs: np.ndarray) -> np.ndarray:
        """Name the likeliest class of each row, or every label likelier than not."""
        probabilities = self.probabilities(outputs)
        if self.target_type_ == "multilabel-indicator":
            return (probabilities > 0.5).astype(np.int64)
        if outputs.shape[-1] == 1:
            return np.asarray(self.classes_[(probabilities[:, 1] > 0.5).astype(np.intp)])
        return np.asarray(self.classes_[probabilities.argmax(axis=1)])


class NumberEncoder(TargetEncoder):
    """Check numeric targets and give predictions the shape of y."""

    def fit(self, y: ArrayLike) -> NumberEncoder:
        """Learn the number of outputs."""
        values = np.asarray(y)
        try:
            values.astype(np.float32)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"y must hold numbers for a regressor: {error}; for labels use KerasClassifier"
            ) from error
        self.n_outputs_ = 1 if values.ndim == 1 else values.shape[1]
        self.target_type_ = type_of_target(values)
        self._flat = values.ndim == 1
        return self

    def bind(self, loss: Any, width: int | None) -> None:
        """Compare the network's outputs with y's columns.

        Raises
        ------
        ValueError
            They differ: the loss would silently broadcast one against the other.
        """
        if width is not None and width != self.n_outputs_:
            raise ValueError(
                f"the model ends in {width} output unit{'s' * (width != 1)} but y has "
                f"{self.n_outputs_} column{'s' * (self.n_outputs_ != 1)}; "
                f"end it with Dense({self.n_outputs_}) (meta['n_outputs_'] holds the number)"
            )

    def transform(self, y: ArrayLike) -> np.ndarray:
        """Make y a float column or columns."""
        values = np.asarray(y, dtype=np.float32)
        if (1 if values.ndim == 1 else values.shape[1]) != self.n_outputs_:
            raise ValueError(f"y has shape {values.shape}; {self.n_outputs_} outputs were fitted")
        return values.reshape(len(values), -1)

    def inverse_transform(self, outputs: np.ndarray) -> np.ndarray:
        """Give predictions as float64, with as many dimensions as y had."""
        values = np.asarray(outputs, dtype=np.float64)
        return values.reshape(len(values)) if self._flat else values


def check_output(encoder: Any, shape: Any) -> None:
    """Raise where a network's output is more than the one vector a sample that our encoders take.

    Raises
    ------
    ValueError
        Several outputs, or one with more dimensions: y would silently be broadcast against it.
    """
    if shape is None or type(encoder) not in (ClassEncoder, NumberEncoder):
        return
    if not isinstance(shape, tuple) or len(shape) > 2:
        raise ValueError(
            f"the model's output has shape {shape}, but one vector a sample is needed; end the "
            "model with Flatten and Dense layers (return_sequences=False in the last recurrent "
            "one), or override target_encoder"
        )


def loss_kind(loss: Any) -> Literal["sparse", "categorical", "dense", "unknown"]:
    """Tell what a loss takes.

    Returns
    -------
    {"sparse", "categorical", "dense", "unknown"}
        Class numbers; one column for each class; as many columns as outputs; or it is the
        user's own, and gets class numbers.
    """
    import keras

    if isinstance(loss, str):
        loss = keras.losses.get(loss)
    if loss is None or isinstance(loss, dict | list | tuple):
        return "unknown"
    owner = loss if hasattr(loss, "__name__") else type(loss)
    kinds = [owner, *getattr(owner, "__mro__", ())]
    names = " ".join(kind.__name__.lower() for kind in kinds)
    if "sparse" in names:
        return "sparse"
    if not any(kind is not keras.losses.Loss and _is_keras_loss(kind) for kind in kinds):
        return "unknown"
    return "categorical" if "categorical" in names else "dense"


def _needs_softmax(loss: Any) -> bool:
    """Tell whether a loss compares probabilities across the units of the last layer."""
    import keras

    loss = keras.losses.get(loss) if isinstance(loss, str) else loss
    name = getattr(loss, "__name__", type(loss).__name__).lower().replace("_", "")
    return "categorical" in name and name.endswith("crossentropy")


def _is_keras_loss(candidate: Any) -> bool:
    module = getattr(candidate, "__module__", "")
    return module.startswith("keras.") and candidate.__name__ != "LossFunctionWrapper"


def default_loss(target_type: str, width: int | None) -> str:
    """Name the loss an uncompiled network is trained with.

    Parameters
    ----------
    target_type : str
        As ``target_type_`` of the encoder.
    width : int or None
        Units of the network's last layer.

    Returns
    -------
    str
        A Keras loss by name.
    """
    if target_type == "multilabel-indicator" or (target_type == "binary" and width in (1, None)):
        return "binary_crossentropy"
    if target_type == "multiclass-onehot":
        return "categorical_crossentropy"
    return "sparse_categorical_crossentropy"


def _sigmoid(values: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    return np.asarray(expit(values))
