"""What the Keras classifier and regressor have in common: fitting, predicting, saving."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import is_classifier
from sklearn.utils import check_random_state
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from tunesmith.models import building, inputs, predicting, routing, training
from tunesmith.models.callbacks import own_callbacks
from tunesmith.models.compilation import kept_on_disk
from tunesmith.models.drawing import few_programs
from tunesmith.models.programs import Programs
from tunesmith.models.recordable import are_keras_own
from tunesmith.models.seeding import RandomStreams, drew_unseeded, global_generators
from tunesmith.models.serialisation import SavedModel
from tunesmith.models.staged import StagedEstimator, states_of
from tunesmith.models.steps import Steps
from tunesmith.models.surroundings import keras_surroundings
from tunesmith.models.tapes import Tapes
from tunesmith.models.targets import check_output

if TYPE_CHECKING:
    import keras
    from sklearn.utils import Tags

_SEED_BOUND = 2**31 - 1
_META = (
    "n_features_in_",
    "feature_names_in_",
    "X_shape_",
    "X_dtype_",
    "classes_",
    "n_classes_",
    "target_type_",
    "n_outputs_",
    "n_outputs_expected_",
)


class KerasEstimator(StagedEstimator):
    """Fitting and predicting of the Keras estimators; see `KerasClassifier`."""

    model_: keras.Model
    target_encoder_: Any

    @property
    def model(self) -> keras.Model:
        """The fitted Keras model."""
        if "model_" not in vars(self):
            raise AttributeError(
                f"this {type(self).__name__} is not fitted yet, and `model` is the fitted Keras "
                "model; what builds it is `build_fn`"
            )
        return self.model_

    @property
    def needed_modules(self) -> tuple[str, ...]:
        """What a worker may import for fits before it is one; TensorFlow must not be."""
        return ("keras",) if os.environ.get("KERAS_BACKEND") in ("jax", "torch") else ()

    def fit_surroundings(self) -> dict[str, str]:
        """Return what a fit depends on besides the parameters, for studies to know.

        Returns
        -------
        dict of str to str
            Keras' version, its backend with its version, and the numbers it computes with.
        """
        import keras

        return keras_surroundings(keras)

    @property
    def feature_encoder(self) -> Any:
        """A new transformer of X into the model's input or inputs, or None; to be overridden."""
        return None

    @property
    def target_encoder(self) -> Any:
        """A new transformer of y, with ``inverse_transform`` from outputs to predictions."""
        raise AttributeError(f"{type(self).__name__} must define target_encoder")

    def fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, **kwargs: Any
    ) -> Self:
        """Build, compile and train the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...), or several of them in a dict or list
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
        **kwargs
            Arguments of Keras' ``fit``, which beat the constructor's.

        Returns
        -------
        self
        """
        fresh = not (self.warm_start and hasattr(self, "model_"))
        return self._train(X, y, sample_weight, kwargs, fresh=fresh)

    def _continue(self, X: Any, y: Any, sample_weight: Any, kwargs: dict[str, Any]) -> Self:
        kwargs.setdefault("epochs", 1)
        return self._train(X, y, sample_weight, kwargs, fresh=not hasattr(self, "model_"))

    def _train(
        self, X: Any, y: Any, sample_weight: Any, call: dict[str, Any], *, fresh: bool
    ) -> Self:
        routing.check_call("fit", call, type(self).__name__)
        build = self._checked_builder()
        X, y = self._check_data(X, y, reset=fresh)
        weights = _check_weights(sample_weight, y)
        if fresh:
            self._start = self._draw_seed()
            self._split_seed = self._start
        with global_generators(self._start), kept_on_disk():
            if fresh:
                self._prepare(X, y, build)
            arguments = self._fit_arguments(call)
            data = self._training_data(X, y, weights, arguments)
            self._fit_model(data, arguments)
            if self._start is not None:
                self._start = RandomStreams.capture()
                pure = self._programs is None or self._programs.pure
                self._unseeded = drew_unseeded() or not pure
                self._left = states_of(self.model_)
        return self

    def _draw_seed(self) -> int | RandomStreams | None:
        if self.random_state is None:
            return None
        return int(check_random_state(self.random_state).randint(_SEED_BOUND))

    def _checked_builder(self) -> Callable[..., Any]:
        build = self._builder(self.build_fn)
        if not callable(build):
            raise ValueError(
                f"{type(self).__name__} needs a function that makes a Keras model, or a Keras "
                f"model, as build_fn; got {self.build_fn!r}"
            )
        self._check_legal(self.build_fn, self._sk_params)
        if self.validation_split and self.validation_fraction is not None:
            raise ValueError("give validation_split or validation_fraction, not both")
        return build  # type: ignore[no-any-return]

    def _check_data(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, np.ndarray]:
        if y is not None:
            y = check_array(y, dtype=None, ensure_2d=False, input_name="y", estimator=self)
        if y is not None and inputs.is_multi_input(X, len(y)):
            X = inputs.check_inputs(X)
            self._several_inputs = True
            check_consistent_length(*(X.values() if isinstance(X, dict) else X), y)
            return X, y
        self._several_inputs = False
        X, y = validate_data(self, X, y, reset=reset, allow_nd=True, multi_output=True)
        return X, y

    def _check_inputs(self, X: Any) -> Any:
        if self._several_inputs:
            return inputs.check_inputs(X, like=self.X_shape_)
        return validate_data(self, X, reset=False, allow_nd=True)

    def _prepare(self, X: Any, y: np.ndarray, build: Callable[..., Any]) -> None:
        """Fit the encoders, describe the data, build and compile the model."""
        if hasattr(self, "model_"):
            del self.model_
        self._programs = None
        building.release_dead_models()
        self.X_shape_ = inputs.map_inputs(np.shape, X)
        self.X_dtype_ = inputs.map_inputs(lambda part: np.asarray(part).dtype, X)
        self.n_outputs_expected_ = 1
        features = self.feature_encoder
        self.feature_encoder_ = None if features is None else features.fit(X)
        self.target_encoder_ = self.target_encoder.fit(y)
        self._read_target(y)
        with building.own_metric_names(), few_programs():
            model = self._build_model(build)
            shape = building.output_shape(model, self._encode_inputs(X))
            check_output(self.target_encoder_, shape)
            self._compile_model(model, build, building.output_width(shape))
        self._read_target(y)
        self.model_ = model
        self.history_: dict[str, list[float]] = {}
        self.n_epochs_ = 0

    def _read_target(self, y: np.ndarray) -> None:
        """Copy what the encoder of y learned."""
        encoder = self.target_encoder_
        self.target_type_ = getattr(encoder, "target_type_", None)
        self.n_outputs_ = getattr(encoder, "n_outputs_", 1 if y.ndim == 1 else y.shape[1])
        if is_classifier(self) or hasattr(encoder, "classes_"):
            self.classes_ = getattr(encoder, "classes_", np.unique(y))
            self.n_classes_ = len(self.classes_)

    def _metadata(self) -> dict[str, Any]:
        meta = {name: getattr(self, name) for name in _META if hasattr(self, name)}
        for encoder in (self.feature_encoder_, self.target_encoder_):
            get_metadata = getattr(encoder, "get_metadata", None)
            meta |= get_metadata() if get_metadata is not None else {}
        return meta

    def _build_model(self, build: Callable[..., Any]) -> keras.Model:
        params = self._set_values()
        arguments = routing.route_build(params, build, self._get_param_names())
        names, _ = routing.build_arguments(build)
        if "meta" in names:
            arguments["meta"] = self._metadata()
        if "compile_kwargs" in names:
            arguments["compile_kwargs"] = self._compile_arguments(None)
        for name in routing.OBJECTS:
            # The build function's own argument receives the object its prefix configures.
            if name in names and routing.prefixed(params, name):
                arguments[name] = building.compile_arguments(params)[name]
        return building.make_model(build, arguments)

    def _compile_arguments(self, width: int | None) -> dict[str, Any]:
        arguments = building.compile_arguments(self._set_values())
        if arguments.get("loss") is None:
            arguments["loss"] = self._default_loss(self.target_encoder_, width)
        return arguments

    def _compile_model(
        self, model: keras.Model, build: Callable[..., Any], width: int | None
    ) -> None:
        if model.compiled:
            building.check_compile_parameters_used(self._set_values(), build)
        else:
            model.compile(**self._compile_arguments(width))
        if hasattr(self.target_encoder_, "bind"):
            self.target_encoder_.bind(getattr(model, "loss", None), width)

    def _default_loss(self, encoder: Any, width: int | None) -> str:
        return "mean_squared_error"

    def _fit_arguments(self, call: dict[str, Any]) -> dict[str, Any]:
        arguments = routing.route(self._set_values(), "fit") | call
        split = arguments.get("validation_split")
        if split is not None and not 0 <= split < 1:
            raise ValueError(f"validation_split must be between 0 and 1, got {split!r}")
        arguments["callbacks"] = own_callbacks(arguments.get("callbacks"))
        return arguments

    def _training_data(
        self, X: Any, y: np.ndarray, weights: np.ndarray | None, arguments: dict[str, Any]
    ) -> tuple[Any, Any, np.ndarray | None]:
        """Encode and weigh the data, and set a validation part aside in the arguments of fit."""
        by_class = self._class_weights(y, arguments.pop("class_weight", None))
        if by_class is not None:
            weights = by_class if weights is None else weights * by_class
        features, targets = self._encode_inputs(X), self.target_encoder_.transform(y)
        given = arguments.get("validation_data")
        if given is not None:
            arguments["validation_data"] = self._encode_validation(given)
        elif self.validation_fraction is not None:
            train, held = self._carve(y)
            take = inputs.select
            held_data = (take(features, held), take(targets, held), take(weights, held))
            arguments["validation_data"] = held_data if weights is not None else held_data[:2]
            features, targets = take(features, train), take(targets, train)
            weights = take(weights, train)
        return features, targets, weights

    def _carve(self, y: np.ndarray) -> list[np.ndarray]:
        if not isinstance(self._split_seed, int):
            self._split_seed = int(np.random.default_rng().integers(_SEED_BOUND))
        assert self.validation_fraction is not None
        return inputs.carve_validation(
            len(y),
            fraction=self.validation_fraction,
            strata=self._strata(y),
            seed=self._split_seed,
        )

    def _encode_validation(self, given: Any) -> tuple[Any, ...]:
        if not isinstance(given, tuple | list) or len(given) not in (2, 3):
            raise ValueError(
                "validation_data must be a tuple (X, y) or (X, y, sample_weight), "
                f"got {type(given).__name__}"
            )
        X, y, *rest = given
        encoded = self._encode_inputs(self._check_inputs(X))
        return (encoded, self.target_encoder_.transform(np.asarray(y)), *rest)

    def _encode_inputs(self, X: Any) -> Any:
        return X if self.feature_encoder_ is None else self.feature_encoder_.transform(X)

    def _class_weights(self, y: ArrayLike, class_weight: Any) -> np.ndarray | None:
        if class_weight is not None:
            raise TypeError(f"{type(self).__name__} takes no class_weight")
        return None

    def _strata(self, y: ArrayLike) -> np.ndarray | None:
        return None

    def _fit_model(
        self, data: tuple[Any, Any, np.ndarray | None], arguments: dict[str, Any]
    ) -> None:
        """Train the model and keep its history."""
        X, y, weights = data
        if self.n_epochs_:
            building.build_state(self.model_, data)
            # Epochs are numbered on, so that schedules of callbacks go on too.
            arguments["initial_epoch"] = self.n_epochs_
            arguments["epochs"] = self.n_epochs_ + arguments.get("epochs", 1)
        programs = self._own_programs()
        if isinstance(programs, Programs):
            history = training.fit(self.model_, programs, data, arguments)
        else:
            with _playing(programs, arguments):
                history = self.model_.fit(X, y, sample_weight=weights, **arguments)
        for name, values in history.history.items():
            # A metric may give a number for each class.
            plain = [np.asarray(value, dtype=float).tolist() for value in values]
            self.history_.setdefault(name, []).extend(plain)
        self.n_epochs_ += len(history.epoch)
        self.callbacks_ = arguments["callbacks"]

    # Predicting

    def _outputs(self, X: Any, call: dict[str, Any]) -> Any:
        check_is_fitted(self, "model_")
        routing.check_call("predict", call, type(self).__name__)
        X = self._encode_inputs(self._check_inputs(X))
        arguments = routing.route(self._set_values(), "predict") | call
        with global_generators(None):  # Keras on JAX cannot predict in two threads at once
            programs = self._own_programs()
            if isinstance(programs, Programs):
                return predicting.predict(self.model_, programs, X, arguments)
            with _playing(programs, arguments):
                return self.model_.predict(X, **arguments)

    def predict(self, X: Any, **kwargs: Any) -> np.ndarray:
        """Predict labels or values.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
        **kwargs
            Arguments of Keras' ``predict``.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        outputs = self._outputs(X, kwargs)
        return np.asarray(self.target_encoder_.inverse_transform(outputs))

    def evaluate(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, **kwargs: Any
    ) -> dict[str, float]:
        """Compute the loss and the metrics the model is compiled with, by name.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
        **kwargs
            Arguments of Keras' ``evaluate``.

        Returns
        -------
        dict of str to float
        """
        check_is_fitted(self, "model_")
        routing.check_call("evaluate", kwargs, type(self).__name__)
        X, y = self._check_inputs(X), np.asarray(y)
        arguments = routing.route(self._set_values(), "evaluate") | kwargs
        with global_generators(None), _playing(self._own_programs(), arguments):
            results = self.model_.evaluate(
                self._encode_inputs(X),
                self.target_encoder_.transform(y),
                sample_weight=_check_weights(sample_weight, y),
                return_dict=True,
                **arguments,
            )
        return {n: np.asarray(value, dtype=float).tolist() for n, value in results.items()}

    # Saving

    def __getstate__(self) -> dict[str, Any]:
        """Give the state with Keras models as bytes of Keras' own format."""
        state = dict(super().__getstate__())
        for name in ("callbacks_", "_shared", "_programs"):
            state.pop(name, None)
        for name in ("model_", "build_fn"):
            if routing.is_keras_model(state.get(name)):
                state[name] = SavedModel.of(state[name])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take a state, making its Keras models again."""
        models = {n: v.load() for n, v in state.items() if isinstance(v, SavedModel)}
        super().__setstate__(state | models)

    def __sklearn_tags__(self) -> Tags:
        """Describe the estimator to scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.input_tags.three_d_array = True
        tags.non_deterministic = self.random_state is None
        return tags


def _playing(programs: Steps | None, arguments: Mapping[str, Any]) -> AbstractContextManager[None]:
    """Return a context in which Keras' loops take tapes or graphs."""
    recorded = isinstance(programs, Tapes)
    if programs is None or (recorded and not are_keras_own(arguments.get("callbacks"))):
        return nullcontext()
    return programs.in_keras()


def _check_weights(sample_weight: Any, y: np.ndarray) -> np.ndarray | None:
    if sample_weight is None:
        return None
    return np.asarray(_check_sample_weight(sample_weight, y, dtype=np.float32))
