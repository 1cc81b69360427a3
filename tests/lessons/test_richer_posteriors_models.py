"""Lesson 14's room: lesson 08's model once more, the four potentials, and the flows fitted to them."""

import importlib
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from course_utils.lessons import richer_posteriors as lesson
from course_utils.lessons import vae as earlier
from course_utils.models import flows
from course_utils.models.divergences import grid_target


def test_the_model_is_lesson_08s():
    ours, theirs = lesson.two_latent_vae(), earlier.gaussian_vae(latent_dim=2, epochs=100)
    for (name, mine), (other, weight) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert name == other
        torch.testing.assert_close(mine, weight.detach(), rtol=1e-4, atol=1e-5)
    for mine, split in zip(lesson.split_digits(), earlier.split_digits(), strict=True):
        assert torch.equal(mine, split)


def test_black_digits_are_ink_or_paper():
    train, test = lesson.black_digits()
    assert train.shape == (6000, 784) and test.shape == (1000, 784)
    assert set(train.unique().tolist()) == set(test.unique().tolist()) == {0.0, 1.0}


def by_the_paper(name, x, y):
    """The potentials, written down once more, number by number, with the wall."""
    w1 = math.sin(2 * math.pi * x / 4)
    wall = 0.5 * (x / 2) ** 2
    if name.startswith("U₁"):
        both = math.exp(-0.5 * ((x - 2) / 0.6) ** 2) + math.exp(-0.5 * ((x + 2) / 0.6) ** 2)
        return 0.5 * ((math.hypot(x, y) - 2) / 0.4) ** 2 - math.log(both)
    if name.startswith("U₂"):
        return 0.5 * ((y - w1) / 0.4) ** 2 + wall
    second = 3 * math.exp(-0.5 * ((x - 1) / 0.6) ** 2) if name.startswith("U₃") else 3 / (1 + math.exp(-(x - 1) / 0.3))
    first_scale = 0.35 if name.startswith("U₃") else 0.4
    bands = math.exp(-0.5 * ((y - w1) / first_scale) ** 2) + math.exp(-0.5 * ((y - w1 + second) / 0.35) ** 2)
    return -math.log(bands) + wall


@pytest.mark.parametrize("name", lesson.POTENTIALS)
def test_the_potentials_are_those_of_the_paper(name):
    points = np.random.default_rng(0).uniform(-2.5, 2.5, size=(40, 2))
    values = lesson.POTENTIALS[name](torch.tensor(points))
    np.testing.assert_allclose(values, [by_the_paper(name, *point) for point in points], rtol=1e-9)


@pytest.mark.parametrize("layers", lesson.LAYERS)
def test_the_shipped_flows_are_five_of_each_and_better_than_a_guess(layers):
    for name, potential in lesson.POTENTIALS.items():
        fits = lesson.planar_fits(name, layers)
        assert fits.u.shape == fits.w.shape == (5, layers, 2) and fits.b.shape == (5, layers)
        ticks = np.arange(-8, 8.01, 0.1)
        target = grid_target(lambda z, potential=potential: -potential(torch.tensor(z)).numpy(), ticks, ticks)
        kl = lesson.kl_by_quadrature(fits, potential, target.log_normaliser)
        assert kl.shape == (5,) and (kl > 0).all() and (kl < 1.1).all()


def test_a_fit_states_the_density_of_its_draws():
    fits = lesson.planar_fits("U₁, two moons", 8)
    noise = torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(0))
    z, log_q = fits(noise)
    start, log_start = fits(noise, 0)
    expected = torch.distributions.Normal(fits.mean, fits.log_scale.exp()).log_prob(start).sum(-1)
    torch.testing.assert_close(log_start, expected, rtol=1e-4, atol=1e-4)
    one, log_one = fits.rows(slice(2, 3))(noise[:, 2:3])
    torch.testing.assert_close(one[:, 0], z[:, 2])
    torch.testing.assert_close(log_one[:, 0], log_q[:, 2])


def test_training_improves_on_its_start_and_repeats():
    short, again = (lesson.fit_planar([lesson.wave, lesson.two_moons], 2, (0, 1), steps=60) for _ in range(2))
    assert torch.equal(short.u, again.u) and short.u.shape == (4, 2, 2)
    noise = torch.randn(4000, 4, 2, generator=torch.Generator().manual_seed(1))
    start = flows.PlanarFlow(2, 2, seed=0)
    z, log_q = short(noise)
    before, log_det = start(noise[:, 0])
    energy = (log_q[:, 0] + lesson.wave(z[:, 0])).mean()
    assert energy < (flows.standard_log_prob(noise[:, 0]) - log_det + lesson.wave(before)).mean() - 0.3


def test_the_command_writes_what_the_lesson_reads(tmp_path):
    command = importlib.import_module("tools.train_flow_lesson")
    written = load_file(command.keep_flows(tmp_path, steps=2))
    shipped = load_file(command.FOLDER / command.FLOWS)
    assert {name: value.shape for name, value in written.items()} == {name: v.shape for name, v in shipped.items()}


def test_exact_gradients_are_differences_of_simulated_bounds_up_to_chance():
    exact = lesson.exact_gradients(0.8, (4,))
    means = lesson.gradients_of("dreg", 4, 0.8, 100_000)
    errors = means.std(1) / math.sqrt(means.shape[1])
    assert ((means.mean(1) - torch.tensor(exact[:, 0])).abs() < 5 * errors).all()
