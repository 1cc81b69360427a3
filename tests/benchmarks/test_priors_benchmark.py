"""The benchmark of priors in small: its estimates, and a run with each prior that learns."""

import functools

import pytest
import torch

from benchmarks import bounds, kept, optimizers, priors
from course_utils.models.priors import PriorVAE, StandardPrior
from course_utils.models.vae import VAE
from course_utils.workshop.training import History


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    monkeypatch.setattr(kept, "FOLDER", tmp_path / "benchmarks")
    monkeypatch.setattr(priors, "COMPONENTS", 20)
    monkeypatch.setattr(priors, "FITTED", 5)


def pictures(rows=400):
    """Four pictures of 20 pixels (N, 20), of which a twentieth of the pixels is turned over."""
    generator = torch.Generator().manual_seed(0)
    prototypes = torch.bernoulli(torch.full((4, 20), 0.5), generator=generator)
    x = prototypes[torch.randint(4, (rows,), generator=generator)]
    return (x - torch.bernoulli(torch.full(x.shape, 0.05), generator=generator)).abs()


def nats(trained, x, samples, **seed):
    return bounds.negative_log_likelihood(functools.partial(priors.log_weights, trained), x, samples, **seed)


def test_the_weights_are_those_of_the_course():
    x = pictures()
    model = PriorVAE(20, 50, (8,), activation="tanh", seed=0)
    trained = priors.Trained(model, StandardPrior(50), History())
    ours = priors.log_weights(trained, x[:6], 40, torch.Generator().manual_seed(1))
    torch.testing.assert_close(ours, model._log_weights(x[:6], 40, torch.Generator().manual_seed(1)))
    estimate = nats(trained, x[:6], 100, seed=1)
    expected = -model.importance_log_prob(x[:6], 100, torch.Generator().manual_seed(1)).mean().item()
    assert estimate == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("kind", ["learned mixture", "VampPrior"])
def test_network_and_prior_learn_together_and_are_kept(kind):
    x, trunk = pictures(), VAE(20, 50, (200, 200), activation="tanh")
    first = priors.train_with(kind, x, x[:100], trunk, epochs=60)
    assert first.history.loss[-1] < first.history.loss[0] - 1
    start = priors.train_with(kind, x, x[:100], trunk, epochs=1, keep=False)
    moved = [not torch.equal(a, b) for a, b in zip(first.prior.parameters(), start.prior.parameters(), strict=True)]
    assert moved and all(moved)
    again = priors.train_with(kind, x, x[:100], trunk, epochs=60)
    assert again.history == first.history


def test_decay_leaves_the_priors_own_parameters_alone():
    x = pictures()
    model = PriorVAE(20, 50, (8,), seed=0)
    model.prior = priors.VampPrior(model.encode, x[:20])
    make = optimizers.muon(1e-3, 0.03, spared=model.prior.parameters())
    groups = make(list(model.parameters())).param_groups
    decayed = {id(one) for group in groups if group["weight_decay"] for one in group["params"]}
    assert id(model.prior.pseudo_inputs) not in decayed
    assert decayed == {id(one) for name, one in model.named_parameters() if name.endswith("weight")}


def test_a_fitted_mixture_takes_the_place_of_the_standard_prior():
    x = pictures()
    plain = priors.standard(x, x[:100], VAE(20, 50, (200, 200), activation="tanh"), epochs=40)
    better = priors.fitted(plain, x)
    assert better.model is plain.model and len(better.prior.logits) == 5
    standard, mixture = (nats(one, x[:100], 200) for one in (plain, better))
    assert mixture < standard, "on images of the kind that it was fitted to"
