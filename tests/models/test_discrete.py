import math
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from torch.distributions import Bernoulli, Categorical, OneHotCategorical, RelaxedOneHotCategorical, kl_divergence

from course_utils.models import discrete
from course_utils.models.discrete import ESTIMATORS, CategoricalVAE
from course_utils.workshop.training import Trainer

LOGITS = torch.tensor([[0.5, -1.0, 1.2], [2.0, 0.0, -0.7]], dtype=torch.float64)
WEIGHTS = torch.tensor([[0.3, -1.0, 2.0], [1.5, 0.4, -0.6]], dtype=torch.float64)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def curved(z):
    """A function of configurations (S, 2, 3) that no linear one equals, and in which both latents act together."""
    return torch.sin((WEIGHTS * z).sum((-1, -2))) + (z[:, 0] * z[:, 1]).sum(-1) ** 2


def assert_within_errors(draws, value, errors=5):
    """Whether the mean of the draws (S, …) is `value` (…), to within so many standard errors."""
    error = draws.std(0) / math.sqrt(len(draws))
    assert torch.all((draws.mean(0) - value).abs() <= errors * error + 1e-12), (draws.mean(0), value, error)


def tiny(latents=2, classes=3, hidden=(6,), data_dim=5, seed=1):
    """A model in double precision whose configurations can be counted."""
    model = CategoricalVAE(data_dim, latents, classes, hidden, seed=seed).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)  # far from uniform
    return model


def points(rows=6, columns=5):
    return (draw(rows, columns, seed=7) > 0.2).double()


# --- Gumbel numbers


def test_noise_is_distributed_as_scipys_gumbel():
    noise = discrete.gumbel_noise((20_000,), generator())
    assert stats.kstest(noise.numpy(), stats.gumbel_r().cdf).pvalue > 0.01
    assert noise.dtype == torch.float64


def test_the_transform_is_the_quantile_function():
    u = torch.linspace(0.001, 0.999, 500, dtype=torch.float64)
    np.testing.assert_allclose(discrete.gumbel_from_uniform(u), stats.gumbel_r.ppf(u), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_ends_of_the_interval_are_finite(dtype):
    numbers = torch.finfo(dtype)
    edges = torch.tensor([0.0, numbers.tiny, 1 - numbers.eps / 2, 1.0], dtype=dtype)
    noise = discrete.gumbel_from_uniform(edges)
    assert torch.isfinite(noise).all() and noise.dtype == dtype
    assert (noise.diff() >= 0).all() and noise[0] < -4 and noise[-1] > 15


def test_the_largest_of_shifted_gumbels_is_a_gumbel_at_the_log_sum_exp():
    largest = (LOGITS[0] + discrete.gumbel_noise((20_000, 3), generator(3))).max(-1).values
    location = math.log(LOGITS[0].exp().sum())
    assert stats.kstest(largest.numpy(), stats.gumbel_r(loc=location).cdf).pvalue > 0.01
    assert stats.kstest(largest.numpy(), stats.gumbel_r(loc=location + 0.05).cdf).pvalue < 0.01


def test_the_largest_and_its_place_are_independent():
    noise = LOGITS[0] + discrete.gumbel_noise((30_000, 3), generator(4))
    largest, place = noise.max(-1)
    first, second = (largest[place == k].numpy() for k in (0, 2))
    assert stats.ks_2samp(first, second).pvalue > 0.01


# --- draws


def test_gumbel_max_draws_each_class_as_often_as_softmax_says():
    z = discrete.gumbel_max(LOGITS, noise=discrete.gumbel_noise((30_000, 2, 3), generator(1)))
    assert torch.equal(z.sum(-1), torch.ones(30_000, 2, dtype=torch.float64)) and set(z.unique().tolist()) == {0, 1}
    for latent in range(2):
        expected = 30_000 * LOGITS[latent].softmax(-1)
        assert stats.chisquare(z[:, latent].sum(0), expected).pvalue > 0.01
        flat = torch.full((3,), 10_000.0)
        assert stats.chisquare(z[:, latent].sum(0), flat).pvalue < 1e-6


def test_a_constant_added_to_the_logits_changes_nothing():
    noise = discrete.gumbel_noise((50, 2, 3), generator())
    assert torch.equal(discrete.gumbel_max(LOGITS, noise=noise), discrete.gumbel_max(LOGITS + 7, noise=noise))
    soft = [discrete.gumbel_softmax(LOGITS + shift, 0.7, noise=noise) for shift in (0, 7)]
    torch.testing.assert_close(*soft, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_draws_are_torchs_under_shared_noise(hard, temperature):
    logits = draw(5, 4, seed=2).float()
    gradients = []
    for ours in (False, True):
        torch.manual_seed(0)
        leaf = logits.clone().requires_grad_()
        if ours:
            noise = -torch.empty_like(leaf).exponential_().log()
            z = discrete.gumbel_softmax(leaf, temperature, hard=hard, noise=noise)
        else:
            z = F.gumbel_softmax(leaf, temperature, hard=hard)
        (gradient,) = torch.autograd.grad((z * draw(5, 4, seed=3).float()).sum(), leaf)
        gradients.append((z.detach(), gradient))
    torch.testing.assert_close(gradients[0], gradients[1])


def test_relaxed_draws_have_torchs_density():
    # of two classes the first coordinate is one number, and its distribution function an integral of that density
    logits, temperature = LOGITS[0, :2], 0.6
    y = discrete.gumbel_softmax(logits, temperature, noise=discrete.gumbel_noise((5_000, 2), generator(2)))[:, 0]
    density = RelaxedOneHotCategorical(torch.tensor(temperature, dtype=torch.float64), logits=logits)
    grid = torch.linspace(1e-6, 1 - 1e-6, 200_001, dtype=torch.float64)
    mass = integrate.cumulative_trapezoid(density.log_prob(torch.stack([grid, 1 - grid], -1)).exp(), grid, initial=0)
    assert mass[-1] == pytest.approx(1, abs=1e-3)
    assert stats.kstest(y.numpy(), lambda value: np.interp(value, grid, mass)).pvalue > 0.01


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 6), st.floats(0.05, 20), st.integers(0, 1000))
def test_relaxed_draws_lie_on_the_simplex_and_order_the_classes_as_the_hard_ones(classes, temperature, seed):
    logits = draw(4, classes, seed=seed)
    noise = discrete.gumbel_noise(logits.shape, generator(seed + 1))
    soft = discrete.gumbel_softmax(logits, temperature, noise=noise)
    assert torch.all(soft >= 0) and torch.allclose(soft.sum(-1), torch.ones(4, dtype=torch.float64))
    hard = discrete.gumbel_max(logits, noise=noise)
    assert torch.equal(soft.argmax(-1), hard.argmax(-1))
    torch.testing.assert_close(discrete.gumbel_softmax(logits, temperature, hard=True, noise=noise), hard)


def test_limits_of_the_temperature():
    noise = discrete.gumbel_noise((200, 2, 3), generator(5))
    hard = discrete.gumbel_max(LOGITS, noise=noise)
    torch.testing.assert_close(discrete.gumbel_softmax(LOGITS, 1e-4, noise=noise), hard, rtol=0, atol=1e-3)
    uniform = torch.full_like(hard, 1 / 3)
    torch.testing.assert_close(discrete.gumbel_softmax(LOGITS, 1e6, noise=noise), uniform, rtol=0, atol=1e-4)


def test_draws_are_determined_by_the_generator_and_nothing_else():
    calls = {
        "max": lambda g: discrete.gumbel_max(LOGITS, generator=g),
        "softmax": lambda g: discrete.gumbel_softmax(LOGITS, 0.5, generator=g),
        "score": lambda g: discrete.score_gradient(curved, LOGITS, samples=9, generator=g),
        "relaxed": lambda g: discrete.relaxed_gradient(curved, LOGITS, 0.5, samples=9, generator=g),
        "elbo": lambda g: tiny().elbo(points(), 3, g),
        "relaxed value": lambda g: tiny().relaxed_value(points(), 0.5, 3, g),
        "sample_means": lambda g: tiny().sample_means(5, g),
    }
    for name, call in calls.items():
        torch.manual_seed(0)
        state = torch.get_rng_state()
        first = [call(generator(11)) for _ in range(2)]
        assert torch.equal(*first), name
        assert torch.equal(torch.get_rng_state(), state), name
        assert any(not torch.equal(first[0], call(generator(seed))) for seed in range(12, 18)), name


def test_without_a_generator_torchs_own_state_is_used():
    torch.manual_seed(3)
    first = discrete.gumbel_softmax(LOGITS, 1.0)
    torch.manual_seed(3)
    assert torch.equal(discrete.gumbel_softmax(LOGITS, 1.0), first)


# --- expectations and their gradients


def test_kl_is_torchs():
    logits = draw(20, 5, seed=1) * 3
    oracle = kl_divergence(Categorical(logits=logits), Categorical(logits=torch.zeros(20, 5)))
    torch.testing.assert_close(discrete.categorical_kl_to_uniform(logits), oracle.double(), rtol=1e-6, atol=1e-9)
    assert discrete.categorical_kl_to_uniform(torch.zeros(2, 4)).abs().max() < 1e-6
    certain = torch.tensor([1000.0, 0.0, 0.0])
    assert discrete.categorical_kl_to_uniform(certain).item() == pytest.approx(math.log(3))


def test_all_configurations_are_listed_once_in_order():
    z = discrete.enumerate_one_hot(3, 2)
    assert z.shape == (8, 3, 2)
    assert (z.argmax(-1) * torch.tensor([4, 2, 1])).sum(-1).tolist() == list(range(8))
    assert discrete.enumerate_one_hot(1, 4).shape == (4, 1, 4)


def test_the_exact_expectation_is_an_average_over_draws():
    z = OneHotCategorical(logits=LOGITS)
    torch.manual_seed(0)
    values = curved(z.sample((100_000,)))
    assert_within_errors(values, discrete.exact_expectation(curved, LOGITS))


def test_the_gradient_by_enumeration_is_autograds_and_that_of_finite_differences():
    leaf = LOGITS.clone().requires_grad_()
    (oracle,) = torch.autograd.grad(discrete.exact_expectation(curved, leaf), leaf)
    exact = discrete.exact_gradient(curved, LOGITS)
    torch.testing.assert_close(exact, oracle, rtol=1e-10, atol=1e-12)
    nudge = torch.zeros_like(LOGITS)
    nudge[1, 2] = 1e-5
    ends = [discrete.exact_expectation(curved, LOGITS + sign * nudge).item() for sign in (1, -1)]
    assert exact[1, 2].item() == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-8)


@pytest.mark.parametrize("baseline", [0.0, 1.3, "leave-one-out"])
def test_the_score_function_is_unbiased(baseline):
    exact = discrete.exact_gradient(curved, LOGITS)
    arguments = {"generator": generator(2), "baseline": baseline}
    if baseline == "leave-one-out":  # estimates of one set share their draws: sets are independent
        sets = [discrete.score_gradient(curved, LOGITS, samples=4, **arguments).mean(0) for _ in range(1_500)]
        draws = torch.stack(sets)
    else:
        draws = discrete.score_gradient(curved, LOGITS, samples=60_000, **arguments)
    assert_within_errors(draws, exact)


def test_the_variance_of_the_score_function_is_the_enumerated_one():
    z = discrete.enumerate_one_hot(2, 3)
    q = OneHotCategorical(logits=LOGITS).log_prob(z).sum(-1).exp()
    for baseline in (0.0, 0.8):
        one = (curved(z) - baseline)[:, None, None] * (z - LOGITS.softmax(-1))
        mean = (q[:, None, None] * one).sum(0)
        exact = (q[:, None, None] * (one - mean) ** 2).sum(0)
        draws = discrete.score_gradient(curved, LOGITS, samples=60_000, generator=generator(), baseline=baseline)
        assert_within_errors((draws - mean) ** 2, exact)


def test_leave_one_out_uses_the_other_draws():
    z = discrete.gumbel_max(LOGITS, noise=discrete.gumbel_noise((5, 2, 3), generator(9)))
    values = curved(z)
    others = torch.stack([torch.cat([values[:i], values[i + 1 :]]).mean() for i in range(5)])
    oracle = (values - others)[:, None, None] * (z - LOGITS.softmax(-1))
    ours = discrete.score_gradient(curved, LOGITS, samples=5, generator=generator(9), baseline="leave-one-out")
    torch.testing.assert_close(ours, oracle, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("hard", [False, True])
def test_relaxed_gradients_are_torchs_one_by_one(hard):
    noise = discrete.gumbel_noise((7, 2, 3), generator(6))
    ours = discrete.relaxed_gradient(curved, LOGITS, 0.8, samples=7, generator=generator(6), hard=hard)
    for row in range(7):
        leaf = LOGITS.clone().requires_grad_()
        soft = torch.softmax((leaf + noise[row]) / 0.8, -1)
        at = F.one_hot(soft.argmax(-1), 3).double().requires_grad_() if hard else soft
        value = curved(at[None])
        if hard:  # the slope at the one-hot point, carried back through the softmax
            (slope,) = torch.autograd.grad(value, at)
            (oracle,) = torch.autograd.grad(soft, leaf, slope)
        else:
            (oracle,) = torch.autograd.grad(value, leaf)
        torch.testing.assert_close(ours[row], oracle, rtol=1e-10, atol=1e-12)


def test_the_relaxed_gradient_is_that_of_the_relaxed_expectation():
    # of two classes E[f(y)] is an integral over a logistic number, which quadrature does
    logits, temperature = torch.tensor([[0.4, -0.3]], dtype=torch.float64), 0.7

    def value(first):
        def integrand(noise):
            y = 1 / (1 + math.exp(-(first - logits[0, 1].item() + noise) / temperature))
            return math.exp(2 * y) * stats.logistic.pdf(noise)

        return integrate.quad(integrand, -40, 40, epsabs=1e-11)[0]

    slope = (value(0.4 + 1e-4) - value(0.4 - 1e-4)) / 2e-4
    draws = discrete.relaxed_gradient(
        lambda z: torch.exp(2 * z[:, 0, 0]), logits, temperature, samples=40_000, generator=generator()
    )
    assert_within_errors(draws[:, 0, 0], torch.tensor(slope))
    exact = discrete.exact_gradient(lambda z: torch.exp(2 * z[:, 0, 0]), logits)[0, 0]
    assert abs(slope - exact) > 0.02  # so this is biased, and the check above could tell


def test_bias_shrinks_and_noise_grows_as_the_temperature_falls():
    exact = discrete.exact_gradient(curved, LOGITS)
    biases, deviations = [], []
    for temperature in (0.1, 0.5, 2.0):
        draws = discrete.relaxed_gradient(curved, LOGITS, temperature, samples=100_000, generator=generator(1))
        biases.append((draws.mean(0) - exact).norm().item())
        deviations.append(draws.var(0).sum().sqrt().item())
    assert biases == sorted(biases) and biases[2] > 4 * biases[0]
    assert deviations == sorted(deviations, reverse=True) and deviations[0] > 3 * deviations[2]


# --- the categorical VAE


def enumerated(model, x):
    """Both sides of the bound, written out with torch.distributions over explicit configurations."""
    size, log_joint, log_q = model.classes, [], []
    q = Categorical(logits=model.encode(x))
    for number in range(size**model.latents):
        chosen = torch.tensor([number // size**place % size for place in reversed(range(model.latents))])
        z = F.one_hot(chosen, size).double()
        pixels = Bernoulli(logits=model.decoder(z.flatten()))
        log_joint.append(pixels.log_prob(x).sum(-1) - model.latents * math.log(size))
        log_q.append(q.log_prob(chosen).sum(-1))
    return torch.stack(log_joint, -1), torch.stack(log_q, -1)


@pytest.mark.parametrize(("latents", "classes"), [(1, 4), (2, 3), (4, 2)])
def test_elbo_and_evidence_are_the_enumerated_ones(latents, classes):
    model, x = tiny(latents, classes), points()
    log_joint, log_q = enumerated(model, x)
    torch.testing.assert_close(model.log_joint(x), log_joint, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(model.exact_log_prob(x), log_joint.logsumexp(-1), rtol=1e-10, atol=1e-10)
    elbo = (log_q.exp() * (log_joint - log_q)).sum(-1)
    torch.testing.assert_close(model.exact_elbo(x), elbo, rtol=1e-10, atol=1e-10)
    gap = model.exact_log_prob(x) - model.exact_elbo(x)
    log_posterior = log_joint - log_joint.logsumexp(-1, keepdim=True)
    torch.testing.assert_close(gap, (log_q.exp() * (log_q - log_posterior)).sum(-1), rtol=1e-8, atol=1e-8)
    assert gap.min() > 1e-3


def test_probabilities_of_all_images_add_up_to_one():
    model = tiny(data_dim=4)
    images = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 4)
    assert model.exact_log_prob(images).exp().sum().item() == pytest.approx(1, abs=1e-10)


def test_the_hard_elbo_is_unbiased():
    model, x = tiny(), points(3)
    with torch.no_grad():
        terms = model.elbo_terms(x.repeat(20_000, 1), 1, generator())
        draws = (terms["reconstruction"] - terms["kl"]).reshape(20_000, 3)
        assert_within_errors(draws, model.exact_elbo(x))
        assert draws.mean(0).le(model.exact_log_prob(x)).all()


def test_the_relaxed_value_follows_its_definition_and_can_exceed_the_evidence():
    model, x = tiny(), points(3)
    noise = discrete.gumbel_noise((1, 3, 2, 3), generator(4))[0]
    soft = RelaxedOneHotCategorical(torch.tensor(0.5), logits=model.encode(x))
    y = torch.softmax((soft.logits + noise) / 0.5, -1)
    oracle = Bernoulli(logits=model.decoder(y.flatten(1))).log_prob(x).sum(-1)
    oracle = oracle - discrete.categorical_kl_to_uniform(model.encode(x)).sum(-1)
    torch.testing.assert_close(model.relaxed_value(x, 0.5, 1, generator(4)), oracle, rtol=1e-8, atol=1e-8)
    # a decoder that likes the middle of the simplex best, where the model has no point
    model = CategoricalVAE(1, 1, 2, (2,)).double()
    with torch.no_grad():
        model.encoder[-1].weight.zero_(), model.encoder[-1].bias.zero_()
        first, last = model.decoder[0], model.decoder[-1]
        first.weight.copy_(torch.tensor([[1.0, -1.0], [-1.0, 1.0]])), first.bias.zero_()  # |z1 − z2| in two halves
        last.weight.fill_(-6.0), last.bias.fill_(3.0)
        ink = torch.ones(1, 1, dtype=torch.float64)
        relaxed = model.relaxed_value(ink, 5.0, 1000, generator())
        assert relaxed.item() > model.exact_log_prob(ink).item() + 1


def encoder_gradient(model, x, estimator, temperature=1.0):
    model.zero_grad()
    sum(model.loss(x, estimator, temperature).values()).backward()
    return torch.cat([parameter.grad.flatten() for parameter in model.encoder.parameters()]).clone()


def test_losses_are_minus_the_bound():
    model, x = tiny(), points()
    exact = -model.exact_elbo(x).mean()
    torch.testing.assert_close(sum(model.loss(x, "enumeration").values()), exact)
    for estimator in ("score", "st-gumbel"):
        torch.manual_seed(0)
        with torch.no_grad():
            draws = torch.stack([sum(model.loss(x.repeat(50, 1), estimator).values()) for _ in range(200)])
        assert_within_errors(draws, exact)


def test_the_gradient_by_the_score_function_is_unbiased():
    model, x = tiny(hidden=()), points(4)
    exact = encoder_gradient(model, x, "enumeration")
    torch.manual_seed(0)
    draws = torch.stack([encoder_gradient(model, x, "score") for _ in range(800)])
    assert_within_errors(draws, exact)
    one = torch.stack([encoder_gradient(model, x[:1], "score") for _ in range(800)])
    assert_within_errors(one, encoder_gradient(model, x[:1], "enumeration"))


def test_the_decoders_gradient_is_unbiased_with_hard_draws():
    model, x = tiny(hidden=()), points(4)
    weight = model.decoder[-1].weight
    (exact,) = torch.autograd.grad(model.loss(x, "enumeration")["reconstruction"], weight)
    torch.manual_seed(1)
    for estimator in ("score", "st-gumbel"):
        losses = (model.loss(x, estimator)["reconstruction"] for _ in range(1_000))
        draws = torch.stack([torch.autograd.grad(loss, weight)[0] for loss in losses])
        assert_within_errors(draws, exact)


def test_gradients_through_relaxed_draws_are_those_of_the_loss_as_computed():
    model, x = tiny(), points()
    weight = model.encoder[0].weight

    def loss(nudge=0.0):
        torch.manual_seed(3)
        with torch.no_grad():
            weight[2, 1] += nudge
        value = sum(model.loss(x, "gumbel-softmax", 0.7).values())
        with torch.no_grad():
            weight[2, 1] -= nudge
        return value

    (gradient,) = torch.autograd.grad(loss(), weight)
    difference = (loss(1e-5) - loss(-1e-5)).item() / 2e-5
    assert gradient[2, 1].item() == pytest.approx(difference, rel=1e-5, abs=1e-8)


def test_one_latent_and_a_table_are_a_mixture_of_bernoullis_that_em_fits_too():
    # the encoder is free enough to be exact: five binary features, and q(z|x) ∝ exp of a linear function of x
    rng = np.random.default_rng(0)
    tables = rng.uniform(0.1, 0.9, size=(2, 5))
    x = (rng.random((400, 5)) < tables[rng.integers(2, size=400)]).astype(float)
    model = CategoricalVAE(5, 1, 2, (), seed=2).double()
    data = torch.tensor(x)
    settings = {"epochs": 300, "batch_size": 400, "learning_rate": 0.1, "schedule": "one_cycle", "progress": False}
    Trainer(model, model.training_loss("enumeration"), data, **settings).run()
    with torch.no_grad():
        means = model.decode(discrete.enumerate_one_hot(1, 2)).numpy()
        elbo, log_prob = model.exact_elbo(data), model.exact_log_prob(data)
    for _ in range(2_000):  # EM for equal weights, from where the VAE ended
        log_joint = x @ np.log(means).T + (1 - x) @ np.log(1 - means).T
        responsibilities = np.exp(log_joint - np.logaddexp.reduce(log_joint, axis=1, keepdims=True))
        means = responsibilities.T @ x / responsibilities.sum(0)[:, None]
    best = (np.logaddexp.reduce(log_joint, axis=1) - math.log(2)).mean()
    assert log_prob.mean().item() == pytest.approx(best, abs=1e-3)
    assert elbo.mean().item() == pytest.approx(best, abs=2e-3)
    assert best > stats.bernoulli(x.mean(0)).logpmf(x).sum(1).mean() + 0.02  # more than one table can do


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_estimator_trains(estimator):
    rng = np.random.default_rng(1)
    prototypes = rng.random((4, 16)) < 0.5
    x = torch.tensor(prototypes[rng.integers(4, size=600)] ^ (rng.random((600, 16)) < 0.05), dtype=torch.float32)
    model = CategoricalVAE(16, 2, 2, (20,), seed=3).start_at_mean(x)
    before = model.exact_elbo(x).mean().item()
    settings = {"epochs": 40, "batch_size": 50, "learning_rate": 1e-2, "progress": False}
    Trainer(model, model.training_loss(estimator), x, **settings).run()
    after = model.exact_elbo(x).mean().item()
    assert after > before + 3
    assert after <= model.exact_log_prob(x).mean().item() + 1e-4


def test_the_temperature_falls_with_the_steps_and_survives_an_interrupt():
    x, seen = points(8).float(), []

    class Recording(CategoricalVAE):
        def loss(self, x, estimator, temperature):
            seen.append(temperature)
            if len(seen) == 6:
                raise KeyboardInterrupt
            return super().loss(x, estimator, temperature)

    model = Recording(5, 2, 3, (4,))
    loss = model.training_loss(start=1.0, end=0.6, rate=0.1)
    trainer = Trainer(model, loss, x, epochs=4, batch_size=4, validation=x, progress=False)
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    trainer.run()
    expected = [max(0.6, math.exp(-0.1 * step)) for step in range(9)]
    # two steps and a validation in each epoch; the sixth call was the validation of the second epoch, which is rerun
    steps = [0, 1, 2, 2, 3, 4, 2, 3, 4, 4, 5, 6, 6, 7, 8]
    assert seen == pytest.approx([expected[step] for step in steps])
    assert int(model.steps) == 8 or trainer.history.best_epoch < 4


def test_annealing_has_its_ends():
    assert discrete.annealed_temperature(0, 2.0, 0.5, 0.01) == 2.0
    assert discrete.annealed_temperature(100, 2.0, 0.5, 0.01) == pytest.approx(2 * math.exp(-1))
    assert discrete.annealed_temperature(10**6, 2.0, 0.5, 0.01) == 0.5


def test_the_first_weights_are_determined_by_the_seed_and_nothing_else():
    torch.manual_seed(0)
    state = torch.get_rng_state()
    models = [CategoricalVAE(6, 2, 3, (4,), seed=seed) for seed in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), state)
    first = [model.encoder[0].weight for model in models]
    assert torch.equal(first[0], first[1]) and not torch.equal(first[0], first[2])


def test_learning_starts_at_the_mean():
    x = points(50)
    x[:, 0] = 0
    model = CategoricalVAE(5, 2, 3, (4,)).double()
    assert model.start_at_mean(x) is model
    with torch.no_grad():
        model.decoder[-1].weight.zero_()
    torch.testing.assert_close(model.sample_means(1)[0], x.mean(0).clamp(1e-3, 1 - 1e-3))


def test_shapes():
    model, x = CategoricalVAE(5, 2, 3, (4,)), torch.zeros(7, 5)
    assert model.encode(x).shape == (7, 2, 3) and model.encode(x[0]).shape == (2, 3)
    z = discrete.gumbel_max(model.encode(x).detach(), noise=discrete.gumbel_noise((4, 7, 2, 3), dtype=torch.float32))
    assert z.shape == (4, 7, 2, 3) and z.dtype == torch.float32
    assert model.decode(z).shape == (4, 7, 5) and model.log_likelihood(x, z).shape == (4, 7)
    assert model.elbo(x, 6).shape == model.exact_elbo(x).shape == model.exact_log_prob(x).shape == (7,)
    assert model.log_joint(x).shape == (7, 9)
    sample = model.sample_means(4)
    assert sample.shape == (4, 5) and not sample.requires_grad and 0 < sample.min() and sample.max() < 1
    assert [len(layer) for layer in (CategoricalVAE(5, 1, 3, ()).encoder, model.decoder)] == [1, 3]


# --- bad input


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: discrete.gumbel_from_uniform([0.5]), TypeError, "uniform must be a tensor of floating-point numbers"),
        (lambda: discrete.gumbel_from_uniform(torch.tensor([1])), TypeError, r"got torch\.int64"),
        (lambda: discrete.gumbel_from_uniform(torch.tensor([1.5])), ValueError, "between 0 and 1"),
        (lambda: discrete.gumbel_from_uniform(torch.tensor([math.nan])), ValueError, "between 0 and 1"),
        (lambda: discrete.gumbel_max(np.zeros(3)), TypeError, "logits must be a tensor .* got ndarray"),
        (lambda: discrete.gumbel_max(torch.zeros(3, 1)), ValueError, r"two or more classes .* got \(3, 1\)"),
        (lambda: discrete.gumbel_max(torch.tensor(0.0)), ValueError, r"two or more classes .* got \(\)"),
        (lambda: discrete.gumbel_max(torch.tensor([0.0, -math.inf])), ValueError, "logits must be finite"),
        (lambda: discrete.gumbel_max(LOGITS, noise=torch.zeros(2, 4)), ValueError, "noise must have a number for each"),
        (lambda: discrete.gumbel_max(LOGITS, noise=torch.zeros(2, 1)), ValueError, r"got shape \(2, 1\) for logits"),
        (lambda: discrete.gumbel_max(LOGITS, noise=torch.tensor(1.0)), ValueError, r"got shape \(\) for logits"),
        (lambda: discrete.gumbel_max(LOGITS, noise=3.0), TypeError, "noise must be a tensor .* got float"),
        (lambda: discrete.gumbel_softmax(LOGITS, 0.0), ValueError, "temperature must be positive; got 0"),
        (lambda: discrete.gumbel_softmax(LOGITS, "low"), TypeError, "temperature must be a number"),
        (lambda: discrete.categorical_kl_to_uniform(torch.zeros(2, 1)), ValueError, "two or more classes"),
        (lambda: discrete.enumerate_one_hot(0, 3), ValueError, "latents must be at least 1"),
        (lambda: discrete.enumerate_one_hot(2, 1), ValueError, "classes must be at least 2"),
        (lambda: discrete.enumerate_one_hot(20, 10), ValueError, r"10\^20 configurations are too many .* 100000"),
        (lambda: discrete.exact_gradient(curved, LOGITS[0]), ValueError, r"shape \(latents, classes\); got \(3,\)"),
        (lambda: discrete.exact_gradient(curved, None), TypeError, "logits must be a tensor .* got NoneType"),
        (lambda: discrete.exact_expectation(lambda z: z, LOGITS), ValueError, r"one number .* got shape \(9, 2, 3\)"),
        (lambda: discrete.exact_expectation(lambda z: 1.0, LOGITS), ValueError, "one number .* got float"),
        (
            lambda: discrete.score_gradient(curved, LOGITS, samples=1, generator=None, baseline="leave-one-out"),
            ValueError,
            "leave-one-out needs at least 2 samples",
        ),
        (
            lambda: discrete.score_gradient(curved, LOGITS, samples=2, generator=None, baseline="best"),
            ValueError,
            "baseline must be one of 'leave-one-out'",
        ),
        (lambda: discrete.score_gradient(curved, LOGITS, samples=0, generator=None), ValueError, "samples must be at"),
        (
            lambda: discrete.relaxed_gradient(curved, LOGITS, -1, samples=2, generator=None),
            ValueError,
            "temperature must be positive",
        ),
        (
            lambda: discrete.relaxed_gradient(lambda z: curved(z).detach(), LOGITS, 1, samples=2, generator=None),
            ValueError,
            "its result carries no gradient.*use score_gradient",
        ),
        (
            lambda: discrete.score_gradient(lambda z: curved(z) * torch.nan, LOGITS, samples=2, generator=None),
            ValueError,
            "function must return finite numbers; got nan for row 0",
        ),
        (lambda: discrete.gumbel_noise((2,), 3), TypeError, r"generator must be a torch\.Generator, .*; got int"),
        (lambda: discrete.annealed_temperature(-1, 1, 0.5, 0), ValueError, "step must not be negative"),
        (lambda: discrete.annealed_temperature(0, 0.4, 0.5, 0), ValueError, "end must be at most 0.4; got 0.5"),
        (lambda: discrete.annealed_temperature(0, 1, 0.5, -1), ValueError, "rate must not be negative"),
    ],
)
def test_functions_check_their_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: CategoricalVAE(0, 2, 3), ValueError, "data_dim must be at least 1; got 0"),
        (lambda m: CategoricalVAE(4, 2.0, 3), TypeError, "latents must be an integer"),
        (lambda m: CategoricalVAE(4, 2, 1), ValueError, "classes must be at least 2; got 1"),
        (lambda m: CategoricalVAE(4, 2, 3, (0,)), ValueError, "hidden must be at least 1; got 0"),
        (lambda m: CategoricalVAE(4, 2, 3, seed=-1), ValueError, "seed must not be negative"),
        (lambda m: m.encode(np.zeros((2, 4))), TypeError, "x must be a torch tensor; got ndarray"),
        (lambda m: m.elbo(torch.zeros(2, 3)), ValueError, r"x must have 4 features .* got shape \(2, 3\)"),
        (lambda m: m.decode(torch.zeros(2, 6)), ValueError, r"2 latents × 3 classes; got \(2, 6\)"),
        (lambda m: m.decode(np.zeros((2, 3))), TypeError, "z must be a tensor"),
        (lambda m: m.elbo(torch.zeros(2, 4), 0), ValueError, "samples must be at least 1"),
        (lambda m: m.relaxed_value(torch.zeros(2, 4), 0), ValueError, "temperature must be positive"),
        (lambda m: m.loss(torch.zeros(2, 4), "muprop"), ValueError, "estimator must be one of 'gumbel-softmax'"),
        (lambda m: m.loss(torch.zeros(2, 4), "st-gumbel", -1), ValueError, "temperature must be positive"),
        (lambda m: m.training_loss("sf"), ValueError, "estimator must be one of"),
        (lambda m: m.training_loss(start=0.1), ValueError, "end must be at most 0.1"),
        (lambda m: m.sample_means(0), ValueError, "count must be at least 1"),
        (lambda m: m.sample_means(2, 3), TypeError, r"generator must be a torch\.Generator, .*; got int"),
        (lambda m: CategoricalVAE(4, 20, 10).exact_log_prob(torch.zeros(1, 4)), ValueError, "too many to enumerate"),
    ],
)
def test_the_model_checks_its_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call(CategoricalVAE(4, 2, 3, (3,)))


def test_nothing_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model, x = tiny(), points()
        for estimator in ESTIMATORS:
            encoder_gradient(model, x, estimator)
