"""scikit-learn estimators around Keras models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.class_weight import compute_sample_weight

from tunesmith.models.estimator import KerasEstimator
from tunesmith.models.targets import ClassEncoder, NumberEncoder, TargetEncoder, default_loss

if TYPE_CHECKING:
    from sklearn.utils import Tags


class KerasClassifier(ClassifierMixin, KerasEstimator):
    """A scikit-learn classifier around a Keras model.

    Parameters
    ----------
    build_fn : callable or keras.Model, default=None
        Makes the model: a function, a bound method, an object with ``__call__``, or a compiled
        model that each fit clones with new weights. May be left out in a subclass that defines
        ``__call__``. ``model=`` is accepted in its place, in the constructor and in
        ``set_params``; `get_params` knows it as ``build_fn``, because ``.model`` is the fitted
        Keras model. A function with an argument ``meta`` gets a dict of what is known of the
        data (``n_features_in_``, ``X_shape_``, ``X_dtype_``, ``classes_``, ``n_classes_``,
        ``target_type_``, ``n_outputs_``, ``n_outputs_expected_``); one with ``compile_kwargs``
        gets the arguments for ``model.compile``. A model returned uncompiled is compiled.
    optimizer : str, class, function or keras.optimizers.Optimizer, default=None
        For uncompiled models; None is Keras' "rmsprop". ``optimizer__learning_rate`` and the
        like are handed to its constructor.
    loss : str, class, function or keras.losses.Loss, default=None
        For uncompiled models; None chooses binary, sparse categorical or categorical
        crossentropy by y and the last layer.
    metrics : list, default=None
        For uncompiled models.
    epochs : int, default=None
        Passes over the data; None is Keras' default of 1.
    batch_size : int, default=None
        Samples a step, in ``fit``, ``predict`` and ``evaluate``; None is Keras' default of 32.
    verbose : int or "auto", default=0
        Keras' progress bars; silent unless asked, since a search makes many fits.
    callbacks : callback, class, function or list of these, default=None
        Instances are deep-copied for each fit, classes and functions called, so that fits share
        no state; those used are in ``callbacks_``.
    validation_split : float, default=None
        As in Keras: the last rows, as they come, are validated on and not trained on.
    validation_fraction : float, default=None
        Share of the training data validated on after each epoch, shuffled and stratified by
        class under `random_state`; for ``EarlyStopping`` within a search.
    class_weight : dict or "balanced", default=None
        Weights by the user's own labels; multiplied with ``sample_weight``.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights and optimizer state of the last one.
    random_state : int, RandomState or None, default=None
        Makes a fit reproducible, to the bit. Keras draws from the global generators of
        Python, numpy and the backend: they are seeded for the fit and put back after it. None
        leaves them alone. Fits of one process wait for each other.
    **sk_params
        Any argument of the build function and of Keras' ``compile``, ``fit``, ``predict`` and
        ``evaluate``. Each function gets those in its own signature. A prefix (``model__``,
        ``compile__``, ``fit__``, ``predict__``, ``evaluate__``, ``optimizer__``, ``loss__``,
        ``metrics__``) addresses one, and beats the flat name. They need not be given here to
        be set, or searched over, later. Arguments of a call beat them.

    Attributes
    ----------
    model_ : keras.Model
        The fitted model; also as ``model``.
    classes_ : ndarray of shape (n_classes,)
        The labels; column numbers for one-hot y. A network with more outputs than y has integer
        labels (a class missing from a fold) has a class for each output.
    n_classes_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        For data frames.
    target_type_ : {"binary", "multiclass", "multiclass-onehot", "multilabel-indicator"}
    history_ : dict of str to list of float
        Loss and metrics of each epoch; ``partial_fit`` and warm starts add to it.
    n_epochs_ : int
        Epochs trained so far.
    callbacks_ : list
        The callbacks of the last fit; not kept when pickled.

    Notes
    -----
    Two-dimensional y whose rows hold a single 1 is one-hot: ``predict`` gives column numbers.
    scikit-learn's "neg_log_loss" accepts such y as it is; for accuracy use ``score`` (scoring
    None), since its "accuracy" refuses to compare one-hot rows with numbers.

    X may have any number of dimensions. Several inputs, as a dict or a list of arrays, work in
    ``fit`` and ``predict``; scikit-learn's splitters cannot split those, so in a search give one
    array or data frame and override `feature_encoder` to take it apart.

    Pickles and deep copies hold the model as bytes of Keras' own format, read back in safe mode.

    Examples
    --------
    >>> from tunesmith.models import KerasClassifier
    >>> def make_model(meta, hidden=8):
    ...     import keras
    ...     return keras.Sequential(
    ...         [
    ...             keras.layers.Input((meta["n_features_in_"],)),
    ...             keras.layers.Dense(hidden, activation="relu"),
    ...             keras.layers.Dense(meta["n_classes_"], activation="softmax"),
    ...         ]
    ...     )
    >>> KerasClassifier(make_model, batch_size=16).set_params(hidden=4, epochs=3).get_params()[
    ...     "hidden"
    ... ]
    4
    """

    def __init__(
        self,
        build_fn: Any = None,
        *,
        optimizer: Any = None,
        loss: Any = None,
        metrics: Any = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        verbose: int | str = 0,
        callbacks: Any = None,
        validation_split: float | None = None,
        validation_fraction: float | None = None,
        class_weight: Mapping[Any, float] | str | None = None,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        **sk_params: Any,
    ) -> None:
        super().__init__(
            build_fn,
            optimizer=optimizer,
            loss=loss,
            metrics=metrics,
            epochs=epochs,
            batch_size=batch_size,
            verbose=verbose,
            callbacks=callbacks,
            validation_split=validation_split,
            validation_fraction=validation_fraction,
            warm_start=warm_start,
            random_state=random_state,
            **sk_params,
        )
        self.class_weight = class_weight

    @property
    def target_encoder(self) -> Any:
        """A new encoder of y; override for targets of another kind."""
        return ClassEncoder(classes=getattr(self, "_given_classes", None))

    def partial_fit(
        self,
        X: Any,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        **kwargs: Any,
    ) -> Self:
        """Train one epoch more, or the first.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
        y : array-like of shape (n_samples,) or (n_samples, n_columns)
        classes : array-like of shape (n_classes,), default=None
            All labels that will come; needed in the first call if its y lacks some.
        sample_weight : array-like of shape (n_samples,), default=None
        **kwargs
            Arguments of Keras' ``fit``.

        Returns
        -------
        self
        """
        if not hasattr(self, "model_"):
            self._given_classes = classes
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(f"classes={classes!r} differs from the classes of the first call")
        return self._continue(X, y, sample_weight, kwargs)

    def fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, **kwargs: Any
    ) -> Self:
        """Build, compile and train the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...), or several of them in a dict or list
        y : array-like of shape (n_samples,) or (n_samples, n_columns)
            Labels of any kind, one-hot rows, or 0/1 columns of several labels.
        sample_weight : array-like of shape (n_samples,), default=None
        **kwargs
            Arguments of Keras' ``fit``, which beat the constructor's.

        Returns
        -------
        self
        """
        self._given_classes = None
        return super().fit(X, y, sample_weight, **kwargs)

    def predict_proba(self, X: Any, **kwargs: Any) -> np.ndarray:
        """Give the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
        **kwargs
            Arguments of Keras' ``predict``.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            One sigmoid output is widened to two columns; logits are squashed.
        """
        outputs = self._outputs(X, kwargs)
        encoder = self.target_encoder_
        return encoder.probabilities(outputs) if isinstance(encoder, ClassEncoder) else outputs

    def score(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, **kwargs: Any
    ) -> float:
        """Give the accuracy, for one-hot y too.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
        y : array-like of shape (n_samples,) or (n_samples, n_columns)
        sample_weight : array-like of shape (n_samples,), default=None
        **kwargs
            Arguments of Keras' ``predict``.

        Returns
        -------
        float
        """
        predicted = self.predict(X, **kwargs)
        encoder = self.target_encoder_
        labels = encoder.labels(y) if isinstance(encoder, ClassEncoder) else y
        return float(accuracy_score(labels, predicted, sample_weight=sample_weight))

    def _default_loss(self, encoder: TargetEncoder, width: int | None) -> str:
        return default_loss(getattr(encoder, "target_type_", "multiclass"), width)

    def _class_weights(self, y: ArrayLike, class_weight: Any) -> np.ndarray | None:
        weighting = self.class_weight if class_weight is None else class_weight
        if weighting is None:
            return None
        labels = self._labels(y)
        if labels.ndim > 1:
            raise ValueError("class_weight needs one label a sample, not several columns")
        if isinstance(weighting, Mapping):
            known, present = set(self.classes_.tolist()), set(labels.tolist())
            unknown = [label for label in weighting if label not in known]
            # A fold may lack a class; a slip of the pen leaves another without its weight.
            if unknown and not present <= weighting.keys():
                raise ValueError(
                    f"class_weight names {unknown}, which are not among the classes "
                    f"{self.classes_.tolist()}"
                )
            weighting = {label: weighting[label] for label in weighting if label in present}
        return np.asarray(compute_sample_weight(weighting, labels))

    def _labels(self, y: ArrayLike) -> np.ndarray:
        encoder = self.target_encoder_
        return encoder.labels(y) if isinstance(encoder, ClassEncoder) else np.asarray(y)

    def _strata(self, y: ArrayLike) -> np.ndarray | None:
        labels = self._labels(y)
        return labels if labels.ndim == 1 else None

    def __sklearn_tags__(self) -> Tags:
        """Describe the estimator to scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class KerasRegressor(RegressorMixin, KerasEstimator):
    """A scikit-learn regressor around a Keras model, with one output or several.

    Parameters
    ----------
    build_fn : callable or keras.Model, default=None
        Makes the model, as in `KerasClassifier`.
    optimizer : str, class, function or keras.optimizers.Optimizer, default=None
        For uncompiled models; None is Keras' "rmsprop".
    loss : str, class, function or keras.losses.Loss, default=None
        For uncompiled models; None is the mean squared error.
    metrics : list, default=None
        For uncompiled models.
    epochs : int, default=None
        Passes over the data; None is Keras' default of 1.
    batch_size : int, default=None
        Samples a step; None is Keras' default of 32.
    verbose : int or "auto", default=0
        Keras' progress bars; silent unless asked.
    callbacks : callback, class, function or list of these, default=None
        Instances are deep-copied for each fit, classes and functions called.
    validation_split : float, default=None
        As in Keras: the last rows are validated on.
    validation_fraction : float, default=None
        Share of the training data validated on, shuffled under `random_state`.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the last one.
    random_state : int, RandomState or None, default=None
        Makes a fit reproducible, to the bit.
    **sk_params
        Any argument of the build function and of Keras' methods, flat or prefixed, as in
        `KerasClassifier`.

    Attributes
    ----------
    model_ : keras.Model
        The fitted model; also as ``model``.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        For data frames.
    n_outputs_ : int
        Columns of y.
    history_ : dict of str to list of float
        Loss and metrics of each epoch.
    n_epochs_ : int
        Epochs trained so far.
    callbacks_ : list
        The callbacks of the last fit; not kept when pickled.

    Notes
    -----
    ``score`` is scikit-learn's R², not the negative loss of Keras' former wrapper; for that, give
    a search ``scoring="neg_mean_squared_error"`` or the like. Predictions have y's shape.

    Examples
    --------
    >>> from tunesmith.models import KerasRegressor
    >>> KerasRegressor(lambda units=4: ..., epochs=2).set_params(unit=8)
    Traceback (most recent call last):
        ...
    ValueError: unit is not a legal parameter for KerasRegressor(<lambda>); nearest: units; ...
    """

    @property
    def target_encoder(self) -> Any:
        """A new encoder of y; override for targets of another kind."""
        return NumberEncoder()

    def partial_fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, **kwargs: Any
    ) -> Self:
        """Train one epoch more, or the first.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
        **kwargs
            Arguments of Keras' ``fit``.

        Returns
        -------
        self
        """
        return self._continue(X, y, sample_weight, kwargs)


__all__ = ["KerasClassifier", "KerasRegressor"]
