"""The convolutional network that the demo tunes, and the optimisers it can be trained with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


class LearningRates(NamedTuple):
    """The learning rates at which an optimiser trains this network in a few epochs.

    Parameters
    ----------
    default : float
        The demo's choice: six epochs on 1,440 digits are enough to read most of those
        held out (0.83 to 0.95 of them over optimisers and seeds).
    least, most : float
        Beyond these, six epochs are too few even on 10,000 images, or training fails.
    """

    default: float
    least: float
    most: float


OPTIMIZERS = {
    "adadelta": LearningRates(10.0, 0.02, 50.0),
    "adam": LearningRates(0.005, 0.00001, 0.04),
    "rmsprop": LearningRates(0.005, 0.00001, 0.04),
    "sgd": LearningRates(0.3, 0.001, 0.7),
}


def make_model(
    dense_layer_sizes: Sequence[int],
    filters: int,
    kernel_size: int,
    pool_size: int,
    image_shape: tuple[int, ...],
    n_classes: int,
    optimizer: str,
    learning_rate: float,
) -> Any:
    """Return a compiled network: two convolutions, then dense layers.

    Parameters
    ----------
    dense_layer_sizes : sequence of int
        Units of each dense layer between the convolutions and the output.
    filters : int
        Filters of each convolution.
    kernel_size : int
        Width and height of a filter, in pixels.
    pool_size : int
        Width and height of what is pooled into one, in pixels.
    image_shape : tuple of int
        Height, width, channels.
    n_classes : int
        Number of classes.
    optimizer : str
        A key of `OPTIMIZERS`.
    learning_rate : float
        Its learning rate.

    Returns
    -------
    keras.Model
    """
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input(image_shape)])
    model.add(layers.Conv2D(filters, (kernel_size, kernel_size), padding="valid"))
    model.add(layers.Activation("relu"))
    model.add(layers.Conv2D(filters, (kernel_size, kernel_size)))
    model.add(layers.Activation("relu"))
    model.add(layers.MaxPooling2D(pool_size=(pool_size, pool_size)))
    model.add(layers.Dropout(0.25))

    model.add(layers.Flatten())
    for layer_size in dense_layer_sizes:
        model.add(layers.Dense(layer_size))
        model.add(layers.Activation("relu"))
    model.add(layers.Dropout(0.5))
    model.add(layers.Dense(n_classes))
    model.add(layers.Activation("softmax"))

    model.compile(
        loss="categorical_crossentropy",
        optimizer=keras.optimizers.get(
            {"class_name": optimizer, "config": {"learning_rate": learning_rate}}
        ),
        metrics=["accuracy"],
    )
    return model
