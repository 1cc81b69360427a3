"""The optimiser of long runs: Muon for the weights' matrices, and AdamW for what must not decay."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import AdamW, Optimizer

COEFFICIENTS, ITERATIONS = (3.4445, -4.7750, 2.0315), 5
"""Of Newton's iteration, as in torch's own Muon."""


def muon(
    learning_rate: float, weight_decay: float, spared: Iterable[Parameter] = ()
) -> Callable[[list[Parameter]], Optimizer]:
    """Return what makes Muon for matrices of weights, and AdamW without decay for biases and what is `spared`.

    Of the biases the decoder's last one holds the mean image.

    Muon moves a matrix by the orthogonal factor of its averaged gradient, scaled here so that a step is as long as one
    of AdamW's. In a trial on these networks 40 epochs reached what 180 of AdamW did; an epoch takes twice as long.

    Source: Jordan and others, "Muon: an optimizer for hidden layers in neural networks" (2024).
    """
    alone = {id(parameter) for parameter in spared}

    def make(parameters: list[Parameter]) -> Optimizer:
        weights, others = _parted(parameters, alone)
        return Together(
            Muon(weights, learning_rate, weight_decay),
            AdamW(others, lr=learning_rate, weight_decay=0.0, betas=(0.9, 0.99), fused=True),
        )

    return make


class Muon(Optimizer):
    """`torch.optim.Muon` with `adjust_lr_fn="match_rms_adamw"`, computed in the weights' own type.

    Torch's computes in bfloat16, for which a processor without instructions of its own takes a hundred times as long as
    for single precision: an epoch of the VAE a minute.

    Parameters
    ----------
    parameters : matrices.
    learning_rate, weight_decay, momentum : as there.
    """

    def __init__(
        self, parameters: Iterable[Parameter], learning_rate: float, weight_decay: float, momentum: float = 0.95
    ):
        super().__init__(parameters, {"lr": learning_rate, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Move every matrix that has a gradient by the orthogonal factor of its averaged one (Nesterov's form)."""
        for group in self.param_groups:
            rate, momentum = group["lr"], group["momentum"]
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                average = self.state[weight].setdefault("average", torch.zeros_like(weight))
                average.lerp_(weight.grad, 1 - momentum)
                weight.mul_(1 - rate * group["weight_decay"])
                direction = orthogonal_factor(weight.grad.lerp(average, momentum))
                weight.add_(direction, alpha=-0.2 * math.sqrt(max(weight.shape)) * rate)


def orthogonal_factor(matrix: Tensor) -> Tensor:
    """Return about U Vᵀ where matrix (m, n) is U S Vᵀ.

    Singular values above 0.003 of the matrix's norm come to between 0.68 and 1.21; smaller ones grow less far.

    X ← (a + b G + c G²) X with G = X Xᵀ, five times. The polynomials commute with G, so that they are multiplied with
    each other, in the matrix's smaller size, and only once with the matrix.
    """
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    wide = matrix.T if tall else matrix
    wide = wide / wide.norm().clamp(min=1e-7)
    gram, product = wide @ wide.T, torch.eye(len(wide), dtype=wide.dtype)
    for _ in range(ITERATIONS):
        step = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        step.diagonal().add_(a)
        gram, product = step @ gram @ step, step @ product
    factor = product @ wide
    return factor.T if tall else factor


class Together(Optimizer):
    """Several optimisers, each for parameters of its own, that a schedule and a training loop see as one."""

    def __init__(self, *parts: Optimizer):
        self.parts = parts
        super().__init__(
            [parameter for part in parts for group in part.param_groups for parameter in group["params"]], {}
        )
        self._share_groups()

    def _share_groups(self) -> None:
        # the same dictionaries, so that a step size that a schedule sets here is set there
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def step(self, closure: None = None) -> None:
        """Let every part make its step."""
        for part in self.parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """Return the states of the parts."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self._share_groups()


def _parted(parameters: list[Parameter], alone: set[int]) -> tuple[list[Parameter], list[Parameter]]:
    """Return weights, and biases together with what is left alone."""
    weights = [one for one in parameters if one.ndim > 1 and id(one) not in alone]
    return weights, [one for one in parameters if one.ndim <= 1 or id(one) in alone]
