import numpy as np
import pytest
import torch
from torch import nn

from course_utils.models.networks import ACTIVATIONS, check_features, mlp


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_networks_have_the_layers_asked_for(activation):
    network = mlp([5, 4, 3, 2], activation)
    kinds = [type(layer) for layer in network]
    assert kinds == [nn.Linear, ACTIVATIONS[activation], nn.Linear, ACTIVATIONS[activation], nn.Linear]
    assert [(layer.in_features, layer.out_features) for layer in network[::2]] == [(5, 4), (4, 3), (3, 2)]


def test_two_sizes_are_a_linear_map():
    (layer,) = mlp([3, 2], "tanh")
    assert isinstance(layer, nn.Linear)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([3],), ValueError, r"sizes must name at least an input and an output; got \[3\]"),
        (([3, 0],), ValueError, "sizes must be at least 1; got 0"),
        (([3, 2.5],), TypeError, "sizes must be an integer; got 2.5"),
        (([3, 2], "gelu"), ValueError, "activation must be one of 'none', 'relu', .*; got 'gelu'"),
    ],
)
def test_arguments_are_checked(arguments, error, message):
    with pytest.raises(error, match=message):
        mlp(*arguments)


def test_features_are_checked_along_the_last_axis():
    x = torch.zeros(4, 5, 3)
    assert check_features(x, 3) is x
    with pytest.raises(ValueError, match=r"x must have 4 features along its last axis; got shape \(4, 5, 3\)"):
        check_features(x, 4)
    with pytest.raises(TypeError, match="x must be a torch tensor; got ndarray"):
        check_features(np.zeros((2, 3)), 3)
