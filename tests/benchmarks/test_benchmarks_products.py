"""Shares of the machine's own speed: what is counted is what the products do."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import products
from course_utils.models.vae import VAE


def test_speeds_are_those_of_products():
    for speed in (products.numpy_speed, products.torch_speed):
        assert 1e8 < speed(side=256, runs=3) < 1e14


def test_the_quickest_run_counts(monkeypatch):
    moments = iter([0.0, 5.0, 10.0, 12.0, 20.0, 28.0])
    monkeypatch.setattr(products.time, "perf_counter", lambda: next(moments))
    assert products._speed(lambda: None, side=100, runs=3) == 2e6 / 2


def test_operations_of_a_network_are_those_that_torch_counts():
    model, x = VAE(30, 4, (8,), seed=0), torch.bernoulli(torch.full((50, 30), 0.5))
    with FlopCounterMode(display=False) as counter:
        sum(model.loss(x).values()).backward()
    weights = sum(one.numel() for one in model.parameters() if one.ndim == 2)
    first = model.encoder[0].weight.numel()
    # the first layer's input needs no gradient
    assert counter.get_total_flops() == products.network_operations(weights, 50) - 2 * first * 50


def test_operations_of_em_are_those_of_its_two_products():
    rows, columns, components = 40, 3, 5
    with FlopCounterMode(display=False) as counter:
        ones = torch.ones(columns + 1, rows, dtype=torch.float64)
        seen = (torch.ones(components * columns, columns + 1, dtype=torch.float64) @ ones).reshape(components, -1, rows)
        squares = seen @ seen.transpose(1, 2)
    assert squares.shape == (components, columns, columns) and bool(squares.isfinite().all())
    assert counter.get_total_flops() == products.em_operations(rows, columns, components)


@pytest.mark.parametrize(("half", "single"), [(2.0, 1.0), (1.0, 2.0)])
def test_half_precision_is_taken_where_it_is_quicker(monkeypatch, half, single):
    speeds = iter([half, single])
    monkeypatch.setattr(products, "_speed", lambda *_: next(speeds))
    assert products.half_is_quicker.__wrapped__() is (half > single)
