"""The benchmark of bounds in small: its estimators, and a run that learns."""

import dataclasses
import functools

import pytest
import torch

from benchmarks import bounds, kept
from course_utils.models.vae import VAE


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr(kept, "FOLDER", tmp_path / "benchmarks")
    return tmp_path / "benchmarks"


def small(seed=0):
    model = VAE(12, 3, (8,), activation="tanh", seed=seed)
    x = torch.bernoulli(torch.full((6, 12), 0.4), generator=torch.Generator().manual_seed(seed))
    return model, x


def test_the_weights_are_those_of_the_course():
    model, x = small()
    ours = model._log_weights(x, 50, torch.Generator().manual_seed(1))
    noise = torch.randn(50, 6, 3, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(bounds.log_weights(model, x, model.encode(x), noise), ours, atol=1e-5, rtol=1e-5)


def test_the_weights_of_a_flow_are_those_of_its_encoder():
    model = bounds.FlowVAE(12, 3, (8,), layers=4, activation="tanh", seed=0)
    x = small()[1]
    noise = torch.randn(50, 6, 3, generator=torch.Generator().manual_seed(1))
    z, log_q = model.encoder.sample(x, noise=noise)
    log_prior = torch.distributions.Normal(0, 1).log_prob(z).sum(-1)
    expected = model.log_likelihood(x, z) + log_prior - log_q
    torch.testing.assert_close(
        bounds.log_weights(model, x, bounds.posterior(model, x), noise), expected, atol=1e-5, rtol=1e-5
    )


def test_draws_are_taken_as_often_as_their_weights_say():
    weights = torch.tensor([[0.7, 0.05], [0.2, 0.05], [0.1, 0.9]])
    torch.manual_seed(0)
    drawn = torch.stack([bounds.resample(weights, 4) for _ in range(4000)])
    shares = torch.stack([(drawn == k).float().mean((0, 1)) for k in range(3)])
    assert (shares - weights).abs().max() < 0.005
    counts = (drawn == 0).sum(1)[:, 0]
    assert set(counts.tolist()) == {2, 3}, "systematic: 4 · 0.7 = 2.8 rounds to 2 or 3"


def gradient(model, x, size):
    """Value and gradient of the loss for the same 20 draws each time, of which `size` are differentiated."""
    torch.manual_seed(5)
    model.zero_grad()
    loss = bounds.bound_loss(model, x, 20, size)
    loss.backward()
    return loss.item(), torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


def test_the_resampled_gradient_is_right_on_average(monkeypatch):
    """Over a grid of the one uniform number that decides which draws are taken."""
    model, x = small()
    model, x, points = model.double(), x.double(), 500
    expected, full = gradient(model, x, 20)
    parts = []
    for point in range(points):
        monkeypatch.setattr(torch, "rand", lambda *shape, u=(point + 0.5) / points: torch.full(shape, u).double())
        value, part = gradient(model, x, 4)
        assert value == pytest.approx(expected, abs=1e-9)
        parts.append(part)
    parts = torch.stack(parts)
    torch.testing.assert_close(parts.mean(0), full, atol=2e-3 * full.abs().max().item(), rtol=0)
    assert (parts.std(0).max() / full.abs().max()).item() > 0.05, "one of them alone is not the full gradient"


def test_the_estimate_is_the_courses_importance_sampling():
    model, x = small()
    ours = bounds.negative_log_likelihood(functools.partial(bounds.draw, model), x, 20_000)
    theirs = -model.importance_log_prob(x, 20_000, torch.Generator().manual_seed(3)).mean().item()
    assert ours == pytest.approx(theirs, abs=0.01)


def test_a_flow_begins_where_the_trunk_ended():
    trunk, x = VAE(12, bounds.LATENT, bounds.HIDDEN, activation="tanh", seed=1), small()[1]
    model = bounds.with_flow(trunk, 10)
    noise = torch.randn(5, 6, bounds.LATENT, generator=torch.Generator().manual_seed(1))
    mean, log_var, *layers = bounds.posterior(model, x)
    torch.testing.assert_close((mean, log_var), trunk.encode(x))
    plain = bounds.log_weights(trunk, x, trunk.encode(x), noise)
    assert (bounds.log_weights(model, x, (mean, log_var, *layers), noise) - plain).abs().max() < 1
    assert model.encoder.network[-1].weight.abs().min(1).values.max() > 0, "the layers depend on x"


@pytest.mark.parametrize("quicker", [True, False])
def test_quick_weights_are_off_by_little_and_exact_where_half_is_not_quicker(monkeypatch, quicker):
    monkeypatch.setattr(bounds, "half_is_quicker", lambda: quicker)
    model, x = VAE(784, 10, (50,), activation="tanh", seed=0), torch.bernoulli(torch.full((9, 784), 0.2))
    noise, q = torch.randn(300, 9, 10), model.encode(x)
    exact, quick = bounds.log_weights(model, x, q, noise), bounds.quick_log_weights(model, x, q, noise)
    assert quick.dtype == torch.float32 and not quick.requires_grad
    spread = (quick - exact).std()
    assert 0 < spread < 0.2 if quicker else spread < 1e-4


@pytest.mark.parametrize("row", bounds.ROWS, ids=lambda row: row.name)
def test_a_run_learns_is_kept_and_is_not_run_twice(row, folder):
    generator = torch.Generator().manual_seed(0)
    prototypes = torch.bernoulli(torch.full((4, 20), 0.5), generator=generator)
    x = prototypes[torch.randint(4, (400,), generator=generator)]
    row = dataclasses.replace(row, draws=min(row.draws, 10))
    trunk, before = bounds.train_trunk(x, x[:100], epochs=5)
    model, history = bounds.train(row, x, x[:100], trunk, epochs=40)
    assert before.loss[-1] < before.loss[0] and history.loss[-1] < history.loss[0] - 1
    assert len(list(folder.glob("*.pt"))) == len(list(folder.glob("*.load.json"))) == 2
    again, same = bounds.train(row, x, x[:100], trunk, epochs=40)
    assert same == history and torch.equal(again.decoder[0].weight, model.decoder[0].weight)
    assert torch.get_float32_matmul_precision() == "highest"
