import copy
import itertools
import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import assert_rejected
from sklearn.mixture import GaussianMixture
from torch import nn
from torch.distributions import (
    Categorical,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    kl_divergence,
)

from course_utils.models import priors
from course_utils.models.priors import (
    AggregatePrior,
    FullMixturePrior,
    MixturePrior,
    PriorVAE,
    StandardPrior,
    VampPrior,
)
from course_utils.models.vae import VAE
from course_utils.workshop.training import Trainer

GRID = torch.linspace(-12, 12, 6001, dtype=torch.float64)
"""Values of a one-dimensional latent variable, for quadrature."""


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def parts(components=4, latent_dim=3, seed=1):
    """Log-weights, means and log-variances of a mixture that is like no other."""
    log_weights = draw(components, seed=seed).log_softmax(0)
    return log_weights, 2 * draw(components, latent_dim, seed=seed + 1), draw(components, latent_dim, seed=seed + 2)


def by_torch(log_weights, mean, log_var):
    """The same mixture, said with torch.distributions."""
    components = Independent(Normal(mean, torch.exp(0.5 * log_var)), 1)
    return MixtureSameFamily(Categorical(logits=log_weights), components)


def points(rows=6, columns=3):
    return (draw(rows, columns, seed=5) > 0).double()


def tiny(module=priors, latent_dim=1, components=3, prior="mixture"):
    """A model in double precision with three binary features, far from its start, and a prior to choose."""
    model = module.PriorVAE(3, latent_dim, (5,), activation="tanh", seed=1).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.7)
    if prior == "mixture":
        model.prior = module.MixturePrior(latent_dim, components, spread=1.5, seed=2).double()
        with torch.no_grad():
            model.prior.logits.copy_(draw(components, seed=3))
            model.prior.log_var.copy_(draw(components, latent_dim, seed=4))
    if prior == "vamp":
        model.prior = module.VampPrior(model.encode, points()[:components])
    return model


# --- densities


def density_is_torchs(module):
    z = 3 * draw(5, 2, 3, seed=9)
    ours = module.mixture_log_prob(z, *parts())
    torch.testing.assert_close(ours, by_torch(*parts()).log_prob(z), rtol=1e-11, atol=1e-11)


def test_the_density_of_a_mixture_is_torchs():
    density_is_torchs(priors)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("torch.logsumexp(log_weights + component_log_probs(", "torch.logsumexp(component_log_probs("),
        ("precision = torch.exp(-log_var)", "precision = torch.exp(-0.5 * log_var)"),
        ("(mean * weighted + log_var)", "(mean * weighted + 2 * log_var)"),
        ("mean.shape[1] * math.log(2 * math.pi)", "math.log(2 * math.pi)"),
        ("z, mean = z - centre, mean - centre", "z, mean = z, mean - centre"),
    ],
)
def test_other_densities_are_rejected(right, wrong):
    assert_rejected(priors, right, wrong, density_is_torchs)


def test_the_density_integrates_to_one():
    density = priors.mixture_log_prob(GRID[:, None], *parts(latent_dim=1)).exp()
    assert torch.trapezoid(density, GRID) == pytest.approx(1, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 5), st.integers(1, 4), st.floats(-200, 200), st.floats(-7, 5), st.sampled_from([0, 1]), st.integers()
)
def test_tables_are_torchs_wherever_the_components_lie(components, latent_dim, shift, log_var, axes, seed):
    mean = draw(components, latent_dim, seed=seed % 1000) + shift
    spread = torch.full_like(mean, log_var)
    z = draw(*[2] * axes, 3, latent_dim, seed=7) + shift
    expected = Normal(mean, torch.exp(0.5 * spread)).log_prob(z[..., None, :]).sum(-1)
    torch.testing.assert_close(priors.component_log_probs(z, mean, spread), expected, rtol=1e-9, atol=1e-7)


def test_single_precision_is_enough_for_narrow_components():
    mean, log_var = draw(50, 10, seed=1), torch.full((50, 10), math.log(0.05**2), dtype=torch.float64)
    z = mean + 0.05 * draw(50, 10, seed=2)
    exact = priors.component_log_probs(z, mean, log_var).diagonal()
    single = priors.component_log_probs(z.float(), mean.float(), log_var.float()).diagonal()
    assert (single - exact).abs().max() < 0.02


def test_gradients_of_the_density_are_those_of_finite_differences():
    arguments = [argument.clone().requires_grad_() for argument in (draw(4, 3, seed=8), *parts())]
    assert torch.autograd.gradcheck(priors.mixture_log_prob, arguments)


def test_far_from_all_components_the_density_is_a_finite_logarithm():
    value = priors.mixture_log_prob(torch.full((1, 3), 1e4, dtype=torch.float64), *parts())
    assert torch.isfinite(value).all() and value < -1e6


# --- the aggregate posterior


def test_the_aggregate_posterior_is_the_average_of_the_posteriors():
    _, mean, log_var = parts(components=7)
    z = 2 * draw(4, 5, 3, seed=3)
    by_hand = Normal(mean, torch.exp(0.5 * log_var)).log_prob(z[..., None, :]).sum(-1).exp().mean(-1).log()
    torch.testing.assert_close(priors.aggregate_log_prob(z, mean, log_var), by_hand, rtol=1e-11, atol=1e-11)


def test_blocks_do_not_change_the_aggregate_posterior(monkeypatch):
    _, mean, log_var = parts(components=7)
    z = draw(11, 3, seed=3)
    whole = priors.aggregate_log_prob(z, mean, log_var)
    monkeypatch.setattr(priors, "_BLOCK", 20)
    torch.testing.assert_close(priors.aggregate_log_prob(z, mean, log_var), whole, rtol=1e-13, atol=1e-13)


def test_no_prior_has_a_smaller_average_kl_than_the_aggregate_posterior():
    """Averaged over the data, KL(q ‖ p) − KL(q ‖ q̄) = KL(q̄ ‖ p), by quadrature in one dimension."""
    _, mean, log_var = parts(components=5, latent_dim=1)
    log_q = Normal(mean, torch.exp(0.5 * log_var)).log_prob(GRID)
    log_bar = priors.aggregate_log_prob(GRID[:, None], mean, log_var)

    def average_kl(log_p):
        return torch.trapezoid(log_q.exp() * (log_q - log_p), GRID).mean()

    for seed in (10, 20, 30):
        log_p = priors.mixture_log_prob(GRID[:, None], *parts(3, 1, seed=seed))
        to_be_had = torch.trapezoid(log_bar.exp() * (log_bar - log_p), GRID)
        assert average_kl(log_p) - average_kl(log_bar) == pytest.approx(to_be_had.item(), abs=1e-7)
        assert to_be_had > 0.01


def test_with_all_data_as_pseudo_inputs_the_vampprior_is_the_aggregate_posterior():
    model, x = tiny(latent_dim=2), points()
    vamp, z = VampPrior(model.encode, x), draw(9, 2)
    torch.testing.assert_close(vamp.log_prob(z), model.aggregate(x).log_prob(z), rtol=1e-12, atol=1e-12)


# --- priors


def all_priors():
    model = tiny(latent_dim=2)
    fixed = AggregatePrior(*parts(latent_dim=2)[1:])
    return [StandardPrior(2).double(), model.prior, fixed, VampPrior(model.encode, points())]


@pytest.mark.parametrize("number", range(4))
def test_samples_have_the_moments_of_the_components(number):
    prior = all_priors()[number]
    log_weights, mean, log_var = (part.detach() for part in prior.components())
    z = prior.sample(40_000, generator(1))
    weights = log_weights.exp()[:, None]
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    first = (weights * mean).sum(0)
    second = (weights * (mean.square() + log_var.exp())).sum(0) - first.square()
    torch.testing.assert_close(z.mean(0), first, rtol=0, atol=5 * (second.max().item() / 40_000) ** 0.5)
    torch.testing.assert_close(z.var(0), second, rtol=0.06, atol=0)
    assert torch.equal(z, prior.sample(40_000, generator(1))) and not z.requires_grad


@pytest.mark.parametrize("number", range(4))
def test_responsibilities_are_bayes_rule(number):
    prior, z = all_priors()[number], draw(6, 2, seed=3)
    log_weights, mean, log_var = prior.components()
    joint = log_weights.exp() * Normal(mean, torch.exp(0.5 * log_var)).log_prob(z[:, None]).sum(-1).exp()
    torch.testing.assert_close(prior.class_log_probs(z).exp(), joint / joint.sum(-1, keepdim=True))


def test_the_standard_prior_is_a_standard_normal_and_has_nothing_to_learn():
    prior, z = StandardPrior(3), torch.randn(4, 5, 3, generator=generator())
    torch.testing.assert_close(prior.log_prob(z), Normal(0.0, 1.0).log_prob(z).sum(-1))
    assert not list(prior.parameters())


def test_a_mixture_starts_from_its_seed_and_leaves_torchs_state_alone():
    state = torch.random.get_rng_state()
    first, same, other = (MixturePrior(3, 5, spread=2, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(first.mean, same.mean) and not torch.equal(first.mean, other.mean)
    assert len(list(first.parameters())) == 3


def test_em_finds_the_mixture_that_made_the_points():
    truth = MixturePrior(2, 3, spread=6, seed=4).double()
    with torch.no_grad():
        truth.logits.copy_(torch.tensor([0.0, 1.0, -0.5]))
        truth.log_var.copy_(draw(3, 2, seed=5))
    z = truth.sample(4000, generator(6))
    fitted = MixturePrior(2, 3).double().fit(z)
    gain = (fitted.log_prob(z) - truth.log_prob(z)).mean().item()
    assert 0 <= gain < 0.01
    assert torch.equal(MixturePrior(2, 3, seed=9).double().fit(z).mean, fitted.mean)  # k-means starts it, not the seed


def test_a_full_mixture_is_scikit_learns_and_torchs():
    z = draw(300, 3, seed=1) @ draw(3, 3, seed=2) + 4 * (draw(300, 1, seed=3) > 0)
    prior = FullMixturePrior(3, 2).double().fit(z, seed=4, restarts=2)
    theirs = GaussianMixture(2, n_init=2, random_state=4).fit(z.numpy())
    np.testing.assert_allclose(prior.log_prob(z).detach(), theirs.score_samples(z.numpy()), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(prior.class_log_probs(z).detach().exp(), theirs.predict_proba(z.numpy()), atol=1e-10)
    factors = prior.precision_factors()
    components = MultivariateNormal(prior.mean, precision_matrix=factors.mT @ factors)
    by_torch = MixtureSameFamily(Categorical(logits=prior.logits), components).log_prob(z.reshape(30, 10, 3))
    torch.testing.assert_close(prior.log_prob(z.reshape(30, 10, 3)), by_torch, rtol=1e-10, atol=1e-10)


def test_a_full_mixture_starts_as_the_diagonal_one_and_learns():
    full, diagonal, z = FullMixturePrior(3, 4, seed=2), MixturePrior(3, 4, seed=2), draw(5, 3).float()
    torch.testing.assert_close(full.log_prob(z), diagonal.log_prob(z))
    assert sorted(name for name, _ in full.named_parameters()) == ["factor", "logits", "mean"]
    full.log_prob(z).sum().backward()
    gradient = full.factor.grad
    assert (gradient.tril(-1) != 0).any() and (gradient.diagonal(dim1=-2, dim2=-1) != 0).all()
    assert torch.equal(gradient.triu(1), torch.zeros_like(gradient))


def test_samples_of_a_full_mixture_have_its_covariance():
    prior = FullMixturePrior(2, 1).double()
    with torch.no_grad():
        prior.factor.copy_(torch.tensor([[[0.5, 9.0], [-1.2, -0.3]]]))
    factor = prior.precision_factors()[0].detach()
    covariance = torch.linalg.inv(factor.T @ factor)
    torch.testing.assert_close(torch.cov(prior.sample(80_000, generator(3)).T), covariance, rtol=0.04, atol=0.02)


def test_pseudo_inputs_are_cut_to_their_bounds():
    model = tiny(latent_dim=2)
    wild = 3 * draw(4, 3)
    cut, free = VampPrior(model.encode, wild), VampPrior(model.encode, wild, bounds=None)
    torch.testing.assert_close(cut.components().mean, model.encode(wild.clamp(0, 1))[0])
    torch.testing.assert_close(free.components().mean, model.encode(wild)[0])


def test_the_encoder_is_no_parameter_of_a_vampprior_but_learns_through_it():
    model = tiny(prior="vamp")
    assert [name for name, _ in model.prior.named_parameters()] == ["pseudo_inputs"]
    names = [name for name, _ in model.named_parameters()]
    assert len(names) == len(set(names)) and not any(name.startswith("prior.encode") for name in names)
    model.prior.log_prob(draw(5, 1)).sum().backward()
    assert model.encoder[0].weight.grad.abs().sum() > 0 and model.prior.pseudo_inputs.grad.abs().sum() > 0


@pytest.mark.parametrize("how", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_the_copy_of_a_model_has_a_prior_of_its_own(how):
    model, z = tiny(prior="vamp"), draw(5, 1)
    other = how(model)
    before = model.prior.log_prob(z).detach()
    with torch.no_grad():
        other.encoder[0].weight.mul_(2)
    assert torch.equal(model.prior.log_prob(z), before) and not torch.allclose(other.prior.log_prob(z), before)


# --- the VAE


def test_with_the_standard_prior_it_is_the_vae_number_for_number():
    x, plain, ours = points(), VAE(3, 2, (5,), seed=3).double(), PriorVAE(3, 2, (5,), seed=3).double()
    for method in ("elbo", "importance_log_prob"):
        values = [getattr(model, method)(x, 7, generator(2)) for model in (plain, ours)]
        torch.testing.assert_close(*values, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(*[torch.stack(list(m.elbo_terms(x, 3, generator()).values())) for m in (plain, ours)])


def terms_are_those_of_quadrature(module, prior="mixture"):
    """Both terms of the bound, and the evidence, of a model with one latent, against a grid."""
    model, x = tiny(module, prior=prior), points()
    with torch.no_grad():
        mean, log_var = model.encode(x)
        log_q = Normal(mean, torch.exp(0.5 * log_var)).log_prob(GRID)
        log_p = by_torch(*model.prior.components()).log_prob(GRID[:, None])
        conditional = model.log_likelihood(x[:, None], GRID[:, None])
        kl = torch.trapezoid(log_q.exp() * (log_q - log_p), GRID)
        reconstruction = torch.trapezoid(log_q.exp() * conditional, GRID)
        evidence = torch.trapezoid((conditional + log_p).exp(), GRID).log()
        terms = model.elbo_terms(x, 20_000, generator(1))
        estimate = model.importance_log_prob(x, 20_000, generator(1))
    torch.testing.assert_close(terms["kl"], kl, rtol=0.02, atol=0.02)
    torch.testing.assert_close(terms["reconstruction"], reconstruction, rtol=0.02, atol=0.02)
    torch.testing.assert_close(estimate, evidence, rtol=0.02, atol=0.03)
    assert ((reconstruction - kl) <= evidence).all()


@pytest.mark.parametrize("prior", ["mixture", "vamp"])
def test_bound_and_evidence_are_those_of_quadrature(prior):
    terms_are_those_of_quadrature(priors, prior)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("kl = gaussian_log_prob(z, mean, log_var) - self.prior.log_prob(z)", "kl = -self.prior.log_prob(z)"),
        ("self.log_likelihood(x, z) + self.prior.log_prob(z) -", "self.log_likelihood(x, z) -"),
        ("return Components(self.logits.log_softmax(0), self", "return Components(self.logits, self"),
    ],
)
def test_other_bounds_are_rejected(right, wrong):
    assert_rejected(priors, right, wrong, terms_are_those_of_quadrature)


def test_summing_out_the_class_is_enumeration():
    """E_q Σ_c p(c | z) [log p(c) p(z | c) − log p(c | z)] = E_q log p(z), draw by draw; any other q(c) gives less."""
    model, x = tiny(latent_dim=2), points()
    mean, log_var = model.encode(x)
    z = model.reparameterise(mean, log_var, generator(4))
    log_weights, means, log_vars = model.prior.components()
    joint = log_weights + Normal(means, torch.exp(0.5 * log_vars)).log_prob(z[:, None]).sum(-1)
    r = model.prior.class_log_probs(z)
    torch.testing.assert_close((r.exp() * (joint - r)).sum(-1), model.prior.log_prob(z), rtol=1e-12, atol=1e-12)
    other = draw(len(x), 3, seed=9).log_softmax(-1)
    assert ((other.exp() * (joint - other)).sum(-1) < model.prior.log_prob(z)).all()


def test_class_probabilities_are_an_average_over_the_posterior():
    model, x = tiny(), points()
    with torch.no_grad():
        mean, log_var = model.encode(x)
        q = Normal(mean, torch.exp(0.5 * log_var)).log_prob(GRID).exp()
        given_z = model.prior.class_log_probs(GRID[:, None]).exp()
        expected = torch.trapezoid(q[:, :, None] * given_z, GRID, dim=1)
    found = model.class_probs(x, 20_000, generator(2))
    torch.testing.assert_close(found, expected, rtol=0, atol=0.02)
    torch.testing.assert_close(found.sum(-1), torch.ones(len(x), dtype=torch.float64))


def test_samples_are_decoded_draws_of_the_prior():
    model = tiny(latent_dim=2)
    torch.testing.assert_close(model.sample_means(9, generator(5)), model.decode(model.prior.sample(9, generator(5))))
    assert (model.sample_means(9, generator(5)) - VAE.sample_means(model, 9, generator(5))).abs().max() > 0.01


@pytest.mark.parametrize("kind", ["standard", "mixture", "vamp"])
def test_every_prior_learns(kind):
    x = (torch.rand(200, 6, generator=generator(1)) < torch.rand(2, 6, generator=generator(2))[[0, 1] * 100]).float()
    model = PriorVAE(6, 2, (16,), seed=0).start_at_mean(x)
    if kind == "mixture":
        model.prior = MixturePrior(2, 2)
    if kind == "vamp":
        model.prior = VampPrior(model.encode, x[:4])
    start = [parameter.detach().clone() for parameter in model.prior.parameters()]
    history = Trainer(model, model.loss, x, epochs=40, batch_size=50, learning_rate=1e-2, progress=False).run()
    assert history.loss[-1] < history.loss[0]
    for before, after in zip(start, model.prior.parameters(), strict=True):
        assert not torch.equal(before, after)


def test_the_state_of_a_prior_is_part_of_the_models():
    model = tiny(prior="vamp")
    assert "prior.pseudo_inputs" in model.state_dict()
    other = tiny(prior="vamp")
    nn.init.zeros_(other.prior.pseudo_inputs)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.prior.pseudo_inputs, model.prior.pseudo_inputs)


# --- clusters


def best_by_trying(clusters, labels, size):
    """The best share over all one-to-one matchings, tried one by one."""
    return max(np.mean(np.array(order)[clusters] == labels) for order in itertools.permutations(range(size)))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(1, 30), st.integers(0, 1000))
def test_accuracy_is_that_of_the_best_matching(size, count, seed):
    rng = np.random.default_rng(seed)
    clusters, labels = rng.integers(0, size, (2, count))
    assert priors.matched_accuracy(clusters, labels) == pytest.approx(best_by_trying(clusters, labels, size))


def test_accuracy_does_not_look_at_names_and_is_not_greedy():
    labels = np.array([0] * 5 + [1] * 4 + [0] * 4)
    clusters = np.array([0] * 5 + [0] * 4 + [1] * 4)
    assert priors.matched_accuracy(clusters, labels) == pytest.approx(8 / 13)  # greedy: 0 with 0, leaves 5/13
    assert priors.matched_accuracy((labels + 1) % 2, labels) == 1


def test_clusters_without_a_partner_count_as_wrong():
    assert priors.matched_accuracy([0, 1, 2, 3], [0, 0, 1, 1]) == 0.5
    assert priors.matched_accuracy([0, 0, 0, 0], [0, 1, 2, 3]) == 0.25


# --- what is refused


MEAN = torch.zeros(3, 2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: priors.component_log_probs([[0.0]], MEAN, MEAN), TypeError, "z must be a tensor of floating-point"),
        (lambda: priors.component_log_probs(torch.zeros(4, 3), MEAN, MEAN), ValueError, "z must have 2 latents along"),
        (lambda: priors.component_log_probs(MEAN, MEAN[0], MEAN), ValueError, "mean must have two axes"),
        (lambda: priors.component_log_probs(MEAN, MEAN, MEAN[:1]), ValueError, r"log_var must have the shape of mean"),
        (lambda: priors.mixture_log_prob(MEAN, torch.zeros(2), MEAN, MEAN), ValueError, "one for each of the 3 compon"),
        (lambda: AggregatePrior(MEAN.long(), MEAN), TypeError, "mean must be a tensor of floating-point numbers; got"),
        (lambda: AggregatePrior(MEAN[:0], MEAN[:0]), ValueError, "mean must have two axes, and rows"),
        (lambda: StandardPrior(0), ValueError, "latent_dim must be at least 1"),
        (lambda: MixturePrior(2, 2.5), TypeError, "components must be an integer"),
        (lambda: MixturePrior(2, 3, spread=0), ValueError, "spread must be positive"),
        (lambda: MixturePrior(2, 3).fit(torch.zeros(2, 2)), ValueError, "z must have at least 3 entries"),
        (lambda: MixturePrior(2, 3).fit(torch.zeros(9, 3)), ValueError, r"z must have shape \(any, 2\)"),
        (lambda: MixturePrior(2, 3).sample(0), ValueError, "count must be at least 1"),
        (lambda: MixturePrior(2, 3).sample(3, 5), TypeError, "generator must be a torch.Generator"),
        (lambda: VampPrior(None, MEAN), TypeError, "encode must be a function"),
        (lambda: VampPrior(lambda x: (x, x), MEAN[0]), ValueError, "pseudo_inputs must have two axes"),
        (lambda: VampPrior(lambda x: (x, x), MEAN, bounds=(1, 0)), ValueError, "bounds must be a pair"),
        (lambda: tiny().class_probs(points(), 0), ValueError, "samples must be at least 1"),
        (lambda: tiny().elbo(points(columns=4)), ValueError, "x must have 3 features"),
        (lambda: priors.matched_accuracy([0, 1], [0]), ValueError, "labels must have shape"),
        (lambda: priors.matched_accuracy([0, -1], [0, 0]), ValueError, "clusters must be whole numbers from 0; got -1"),
        (lambda: priors.matched_accuracy([0.5], [0]), ValueError, "clusters must hold whole numbers"),
    ],
)
def test_wrong_arguments_are_refused_in_words(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_mixture_of_one_standard_component_has_the_closed_form_in_expectation():
    model, x = PriorVAE(3, 2, (5,), seed=1).double(), points()
    exact = model.elbo_terms(x)["kl"]
    model.prior = AggregatePrior(torch.zeros(1, 2, dtype=torch.float64), torch.zeros(1, 2, dtype=torch.float64))
    mean, log_var = model.encode(x)
    closed = kl_divergence(Normal(mean, torch.exp(0.5 * log_var)), Normal(0.0, 1.0)).sum(-1)
    torch.testing.assert_close(exact, closed, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(model.elbo_terms(x, 20_000, generator())["kl"], exact, rtol=0, atol=0.02)
