"""What a Keras estimator shares with other fits, and how it goes on with its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from tunesmith.evaluation.stages import StageCache
from tunesmith.exceptions import UnkeyableError
from tunesmith.keys import digest
from tunesmith.models import routing
from tunesmith.models.graphs import Graphs, can_trace
from tunesmith.models.parameters import KerasParameters
from tunesmith.models.programs import Programs, can_compile
from tunesmith.models.recordable import can_record
from tunesmith.models.seeding import backend_name
from tunesmith.models.steps import Steps
from tunesmith.models.tapes import Tapes

if TYPE_CHECKING:
    import keras

# What fit may be told without an epoch coming out otherwise for there being more to come.
_STEADY = frozenset(
    {
        "batch_size",
        "epochs",
        "verbose",
        "shuffle",
        "class_weight",
        "validation_split",
        "validation_data",
        "validation_steps",
        "validation_batch_size",
        "validation_freq",
    }
)
_NOT_IN_PROGRAMS = frozenset({"epochs", "random_state", "verbose", "batch_size"})


class StagedEstimator(KerasParameters):
    """Sharing programs, and training to a number of epochs by and by."""

    budget_parameter: ClassVar[str] = "epochs"

    model_: keras.Model
    n_epochs_: int
    _shared: StageCache | None = None
    _programs: Steps | None = None
    _unseeded = False
    _left: Sequence[np.ndarray] = ()

    def share(self, cache: StageCache) -> None:
        """Share programs with other fits in this process; it changes no result.

        Parameters
        ----------
        cache : StageCache
            Where programs are kept. It belongs to this object alone, and goes with no copy of it.
        """
        self._shared = cache

    def _own_programs(self) -> Steps | None:
        """Find what takes the steps of the model; None where they are Keras' alone."""
        kind: type[Steps]
        if can_compile(self.model_):
            kind = Programs
        elif can_record(self.model_):
            kind = Tapes
        elif can_trace(self.model_):
            kind = Graphs
        else:
            return None
        kept = self._programs
        if not isinstance(kept, kind) or not kept.serve(self.model_, self._shared):
            self._programs = kind(self.model_, self._shared)
        return self._programs

    @property
    def can_advance(self) -> bool:
        """Whether `advance` goes on from the epochs done, and does not start again.

        It does where that is equal to the bit to a fit of all the epochs: with an integer as
        ``random_state`` and as ``epochs``, without callbacks, ``warm_start`` and weights averaged
        at the end, and with a build function that is not told ``epochs``.
        """
        return self._goes_on({})

    @property
    def nbytes(self) -> int:
        """Bytes that the fitted model holds, with the state of its optimizer."""
        held = (*self.model_.variables, *self.model_.optimizer.variables)
        return 4 * sum(int(np.prod(variable.shape)) for variable in held)

    def program_hint(self) -> str | None:
        """Return what tells architectures apart before anything is built; None if unknown.

        Numbers with a fraction are mostly rates, which programs take as inputs.
        """
        params = {n: v for n, v in self.get_params().items() if n not in _NOT_IN_PROGRAMS}
        try:
            whole = {n: v for n, v in params.items() if not isinstance(v, float)}
            return digest(whole)
        except UnkeyableError:
            return None

    def _goes_on(self, call: Mapping[str, Any]) -> bool:
        params = self._set_values()
        build = self.build_fn  # a method of the estimator's own could read its `epochs`
        if build is None or self.warm_start:
            return False
        names, _ = routing.build_arguments(build)
        if "epochs" in names or any(name.endswith("__epochs") for name in params):
            return False
        seeded = isinstance(self.random_state, Integral)
        if not seeded or not isinstance(self.epochs, Integral) or self._unseeded:
            return False
        arguments = {**routing.route(params, "fit"), **call}
        given = {name for name, value in arguments.items() if value is not None}
        if "callbacks" in given and not arguments["callbacks"]:
            given.remove("callbacks")
        return given <= _STEADY and self._takes_epochs_by_themselves()

    def _takes_epochs_by_themselves(self) -> bool:
        """Tell whether the model, once it is there, trains as if each call were its only one."""
        model = vars(self).get("model_")
        if model is None:
            return True
        # TensorFlow's own pipeline counts the draws of its shuffle anew in each call.
        shuffled_here = backend_name() != "tensorflow" or can_trace(model)
        return shuffled_here and not _ends_otherwise(model)

    def advance(
        self, X: Any, y: Any, *, to: int, sample_weight: Any = None, **fit_params: Any
    ) -> Self:
        """Train until a number of epochs is done, as ``fit(X, y, epochs=to)`` would.

        Parameters
        ----------
        X, y, sample_weight : as for ``fit``
            The same as for the epochs done.
        to : int
            Epochs in all.
        **fit_params
            Arguments of Keras' ``fit``, the same as for the epochs done.

        Returns
        -------
        self
            Equal to the bit to a fresh fit: where going on would not be, it is one. See
            `can_advance`.

        Raises
        ------
        ValueError
            More epochs than that are done already, or `to` is no positive integer.
        """
        if not isinstance(to, Integral) or to < 1:
            raise ValueError(f"to must be a positive number of epochs, got {to!r}")
        done = self.n_epochs_ if "model_" in vars(self) else 0
        if done > to:
            raise ValueError(f"{done} epochs are done, so going on to {to} is not possible")
        if done and self._goes_on(fit_params):
            # Predicting draws too, in some layers, and may move what a layer counts.
            put_back(self.model_, self._left)
            if done < to:
                call = {**fit_params, "epochs": int(to) - done}
                self._train(X, y, sample_weight, call, fresh=False)
            return self
        vars(self).pop("model_", None)
        call = {**fit_params, "epochs": int(to)}
        return self.fit(X, y, sample_weight=sample_weight, **call)

    if TYPE_CHECKING:  # what the class that trains brings

        def _train(
            self, X: Any, y: Any, sample_weight: Any, call: dict[str, Any], *, fresh: bool
        ) -> Self: ...

        def fit(self, X: Any, y: Any, sample_weight: Any = None, **kwargs: Any) -> Self:
            """Build, compile and train the model; see `KerasClassifier`."""


def _ends_otherwise(model: Any) -> bool:
    """Tell whether the end of a training changes the weights, or may."""
    import keras

    optimizers = [model.optimizer]
    while (inner := getattr(optimizers[-1], "inner_optimizer", None)) is not None:
        optimizers.append(inner)
    known = (keras.optimizers.Optimizer, keras.optimizers.LossScaleOptimizer)
    ends = [kind.finalize_variable_values for kind in known]
    return type(model).fit is not keras.Model.fit or any(
        optimizer.use_ema or type(optimizer).finalize_variable_values not in ends
        for optimizer in optimizers
    )


def states_of(model: keras.Model) -> list[np.ndarray]:
    """Copy what a model holds besides weights: running means, seeds, counts."""
    import keras

    return [np.array(keras.ops.convert_to_numpy(v.value)) for v in _states(model)]


def put_back(model: keras.Model, values: Sequence[np.ndarray]) -> None:
    """Give a model what `states_of` has copied of it."""
    for variable, now, value in zip(_states(model), states_of(model), values, strict=True):
        if not np.array_equal(now, value, equal_nan=True):
            variable.assign(value)


def _states(model: Any) -> list[Any]:
    weights = {id(v) for layer in model._flatten_layers() for v in layer._trainable_variables}
    return [v for v in model.non_trainable_variables if id(v) not in weights]
