"""Small fully connected networks, what the course's autoencoders and VAEs are made of, and checks of their input."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.workshop.validation import check_choice, check_scalar

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "none": nn.Identity,
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


def mlp(sizes: Sequence[int], activation: str = "relu") -> nn.Sequential:
    """Return a chain of linear layers of these sizes, with an activation between them and none at the end.

    ``mlp([784, 200, 100])`` maps (…, 784) to (…, 100) through 200 hidden units; two sizes give a linear map.

    Raises
    ------
    TypeError, ValueError : `sizes` are not two or more positive integers, or the activation is none of `ACTIVATIONS`.
    """
    sizes = [check_scalar("sizes", size, integer=True, minimum=1) for size in sizes]
    if len(sizes) < 2:
        raise ValueError(f"sizes must name at least an input and an output; got {sizes}")
    make = ACTIVATIONS[check_choice("activation", activation, tuple(ACTIVATIONS))]
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), make()]
    return nn.Sequential(*layers[:-1])


def check_features(x: Any, size: int) -> Tensor:
    """Return `x` if it is a tensor (…, `size`), or say what is wrong with it.

    Raises
    ------
    TypeError : `x` is not a torch tensor.
    ValueError : its last axis has another length.
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"x must be a torch tensor; got {type(x).__name__}. torch.as_tensor(x) makes one")
    if x.shape[-1:] != (size,):
        raise ValueError(f"x must have {size} features along its last axis; got shape {tuple(x.shape)}")
    return x


def check_torch_generator(value: Any) -> torch.Generator | None:
    """Return `value` if it is a torch generator or None (torch's own random state), or say what is wrong with it.

    A seed is refused: a function that draws in several parts would begin again with each.

    Raises
    ------
    TypeError : `value` is neither.
    """
    if value is not None and not isinstance(value, torch.Generator):
        raise TypeError(
            f"generator must be a torch.Generator, such as torch.Generator().manual_seed(0); got {type(value).__name__}"
        )
    return value
