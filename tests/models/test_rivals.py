import math

import numpy as np
import pytest
import torch
from mutations import assert_rejected
from scipy.special import rel_entr
from sklearn.neighbors import NearestNeighbors
from torch.distributions import MixtureSameFamily, MultivariateNormal

from course_utils.models import rivals
from course_utils.models.rivals import (
    GAN,
    AffineCoupling,
    RealNVP,
    jensen_shannon,
    minimax_value,
    modes_covered,
    number_of_parameters,
    optimal_discriminator,
    precision_recall,
    ring,
    ring_log_prob,
    train_gan,
)
from course_utils.workshop.training import TrainingError, train_quietly


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def stirred(model):
    """The model far from its start, in double precision."""
    model = model.double()
    with torch.no_grad():
        for number, parameter in enumerate(model.parameters()):
            parameter.add_(0.4 * draw(*parameter.shape, seed=number))
    return model


def coupling(module=rivals, size=5, seed=1):
    mask = torch.arange(size) % 3 == 0
    return stirred(module.AffineCoupling(size, (7,), mask=mask, activation="tanh", seed=seed))


def flow(module=rivals, size=2, layers=4):
    model = stirred(module.RealNVP(size, layers, (6,), seed=2))
    return model.fit_scale(3 * draw(50, size, seed=9) + 1)


# --- coupling layers and the flow


def determinant_is_autograds(module):
    for layer, size in ((coupling(module), 5), (flow(module, 3), 3)):
        for z in draw(4, size, seed=3):
            jacobian = torch.autograd.functional.jacobian(lambda point, layer=layer: layer(point)[0], z)
            torch.testing.assert_close(layer(z)[1], jacobian.det().abs().log(), rtol=1e-9, atol=1e-9)


def inverse_undoes(module):
    for layer, size in ((coupling(module), 5), (flow(module, 4), 4)):
        z = draw(6, 2, size, seed=4)
        x, log_det = layer(z)
        back, change = layer.inverse(x)
        assert x.shape == z.shape and log_det.shape == change.shape == (6, 2)
        torch.testing.assert_close(back, z, rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(change, -log_det, rtol=1e-8, atol=1e-8)


def density_integrates_to_one(module):
    model = flow(module)
    axis = torch.linspace(-40, 40, 801, dtype=torch.float64)
    points = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        total = model.log_prob(points).exp().sum() * (axis[1] - axis[0]) ** 2
    assert total.item() == pytest.approx(1, abs=2e-3)


def test_log_determinant_is_that_of_autograds_jacobian():
    determinant_is_autograds(rivals)


def test_inverse_undoes_layer_and_flow():
    inverse_undoes(rivals)


def test_density_integrates_to_one():
    density_integrates_to_one(rivals)


@pytest.mark.parametrize(
    ("right", "wrong", "oracle"),
    [
        (
            "return z.index_copy(-1, self.moves, moved), log_scale.sum(-1)",
            "return z.index_copy(-1, self.moves, moved), log_scale.mean(-1)",
            determinant_is_autograds,
        ),
        ("(x[..., self.moves] - shift) * torch", "x[..., self.moves] * torch", inverse_undoes),
        ("reversed(self.couplings)", "iter(self.couplings)", inverse_undoes),
        (
            "point, log_det = check_features(z, self.size), self.spread.log().sum()",
            "point, log_det = check_features(z, self.size), 0 * self.spread.log().sum()",
            determinant_is_autograds,
        ),
        (
            "return standard_log_prob(z) + log_det",
            "return standard_log_prob(z) - log_det",
            density_integrates_to_one,
        ),
    ],
)
def test_other_flows_are_rejected(right, wrong, oracle):
    assert_rejected(rivals, right, wrong, oracle)


def test_coordinates_that_stay_are_untouched_and_alone_decide():
    layer, z = coupling(), draw(3, 5, seed=6)
    x, _ = layer(z)
    assert torch.equal(x[:, layer.stays], z[:, layer.stays])
    other = z.clone()
    other[:, layer.moves] += 1
    for one, two in zip(layer.scale_and_shift(z), layer.scale_and_shift(other), strict=True):
        assert torch.equal(one, two)


def test_no_layer_scales_by_more_than_its_bound():
    layer = AffineCoupling(4, (5,), mask=torch.arange(4) < 2, bound=0.5)
    with torch.no_grad():
        layer.network[-1].bias.fill_(100)
    assert layer.scale_and_shift(torch.ones(2, 4))[0].abs().max() <= 0.5


def test_without_layers_the_flow_is_a_gaussian_and_with_them_it_starts_near_one():
    x = 2 * draw(400, 3, seed=7) + 5
    plain = RealNVP(3, 0).double().fit_scale(x)
    expected = torch.distributions.Normal(x.mean(0), x.std(0, correction=0)).log_prob(x).sum(-1)
    torch.testing.assert_close(plain.log_prob(x), expected)
    near = RealNVP(3, 6).double().fit_scale(x)
    assert (near.log_prob(x) - expected).abs().mean() < 1


def test_samples_have_the_density_that_the_flow_says():
    model, samples = flow(), flow().sample(4000, generator(1))
    with torch.no_grad():
        inside = (samples[:, 0] > 1).double().mean()
        axis = torch.linspace(-40, 40, 801, dtype=torch.float64)
        points = torch.cartesian_prod(axis, axis)
        mass = model.log_prob(points).exp()
    assert inside.item() == pytest.approx((mass[points[:, 0] > 1].sum() / mass.sum()).item(), abs=0.04)


def test_a_flow_learns_what_a_gaussian_cannot():
    points, centres = ring(2000, generator(0), scale=0.2)
    model = RealNVP(2, 6, (24, 24)).fit_scale(points)
    before = model.log_prob(points).mean().item()
    train_quietly(model, model.loss, points, epochs=25, batch_size=100, learning_rate=1e-2)
    truth = ring_log_prob(points, centres, 0.2).mean().item()
    assert before + 0.5 < model.log_prob(points).mean().item() < truth + 0.1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: AffineCoupling(3, mask=torch.ones(3, dtype=torch.bool)), "others, which move"),
        (lambda: AffineCoupling(3, mask=torch.zeros(3, dtype=torch.bool)), "which stay"),
        (lambda: AffineCoupling(3, mask=torch.ones(2, dtype=torch.bool)), "3 truth values"),
        (lambda: AffineCoupling(3, mask=[1, 0, 1]), "truth values"),
        (lambda: RealNVP(1), "size"),
        (lambda: RealNVP(2, -1), "layers"),
        (lambda: RealNVP(2).log_prob(torch.ones(3)), "2 features"),
        (lambda: RealNVP(2).sample(0), "count"),
        (lambda: GAN(2).generator_loss(torch.ones(3, 2), "hinge"), "non-saturating"),
        (lambda: GAN(2).logits(torch.ones(3, 4)), "2 features"),
        (lambda: train_gan(GAN(2), torch.ones(3, 4), updates=1), "2 features"),
        (lambda: train_gan(GAN(2), torch.ones(3, 2), updates=0), "updates"),
        (lambda: minimax_value([0.5, 0.5], [1.0], [0.5, 0.5]), "q must have shape"),
        (lambda: minimax_value([0.5, 0.4], [0.5, 0.5], [0.5, 0.5]), "sum to 1"),
        (lambda: minimax_value([0.5, 0.5], [0.5, 0.5], [0.5, 1.5]), "discriminator must lie"),
        (lambda: precision_recall(torch.ones(5, 2), torch.ones(5, 3)), "rows of 2 numbers"),
        (lambda: precision_recall(torch.ones(5, 2), torch.ones(3, 2)), "neighbours"),
        (lambda: precision_recall(torch.full((5, 2), math.nan), torch.ones(5, 2)), "finite"),
        (lambda: modes_covered(torch.ones(5, 2), torch.ones(3, 2), 0.0), "scale"),
    ],
)
def test_what_is_not_as_described_is_refused_in_words(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()


# --- the game


def random_tables(size=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(size)), rng.dirichlet(np.ones(size))


def optimum_is_jensen_shannon(module):
    for seed in range(5):
        p, q = random_tables(seed=seed)
        best = module.optimal_discriminator(torch.tensor(np.log(p)), torch.tensor(np.log(q))).numpy()
        value = module.minimax_value(p, q, best)
        middle = (p + q) / 2
        closed = (rel_entr(p, middle).sum() + rel_entr(q, middle).sum()) / 2
        assert module.jensen_shannon(p, q) == pytest.approx(closed, rel=1e-12)
        assert value == pytest.approx(2 * closed - math.log(4), abs=1e-12)
        for _ in range(20):  # no other discriminator does better
            other = np.clip(best + 0.1 * np.random.default_rng(seed).normal(size=len(best)), 1e-6, 1 - 1e-6)
            assert module.minimax_value(p, q, other) <= value


def test_value_at_the_best_discriminator_is_jensen_shannon():
    optimum_is_jensen_shannon(rivals)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("torch.sigmoid(log_p - log_q)", "torch.sigmoid(log_q - log_p)"),
        ("xlog1py(q, -discriminator)", "xlogy(q, discriminator)"),
        ("middle = 0.5 * (p + q)", "middle = np.sqrt(p * q)"),
        ("0.5 * np.sum(rel_entr(p, middle)", "np.sum(rel_entr(p, middle)"),
    ],
)
def test_other_games_are_rejected(right, wrong):
    assert_rejected(rivals, right, wrong, optimum_is_jensen_shannon)


def test_the_same_on_a_line_by_quadrature():
    grid = np.linspace(-20, 20, 8001)
    width = grid[1] - grid[0]
    p = np.exp(-0.5 * (grid - 1) ** 2) / math.sqrt(2 * math.pi)
    q = np.exp(-0.5 * ((grid + 1) / 2) ** 2) / (2 * math.sqrt(2 * math.pi))
    best = optimal_discriminator(torch.tensor(np.log(p)), torch.tensor(np.log(q))).numpy()
    value = minimax_value(p * width, q * width, best)
    middle = (p + q) / 2
    integral = np.trapezoid(p * np.log(p / middle) + q * np.log(q / middle), grid)
    assert value == pytest.approx(integral - math.log(4), abs=1e-9)


def test_the_game_at_its_ends():
    p = [0.5, 0.5, 0.0]
    assert jensen_shannon(p, p) == 0
    assert minimax_value(p, p, [0.5] * 3) == pytest.approx(-math.log(4))
    apart = [0.0, 0.0, 1.0]
    assert jensen_shannon(p, apart) == pytest.approx(math.log(2))
    assert minimax_value(p, apart, [1.0, 1.0, 0.0]) == 0


def test_losses_are_those_of_probabilities():
    gan = GAN(2, seed=3).double()
    x, fake = draw(7, 2), draw(9, 2, seed=1)
    true, invented = torch.sigmoid(gan.logits(x)), torch.sigmoid(gan.logits(fake))
    value = true.log().mean() + (1 - invented).log().mean()
    torch.testing.assert_close(gan.value(x, fake), value)
    torch.testing.assert_close(gan.generator_loss(fake, "minimax"), (1 - invented).log().mean())
    torch.testing.assert_close(gan.generator_loss(fake), -invented.log().mean())


def test_gradients_of_the_two_losses_where_the_discriminator_is_sure():
    """At D = sigmoid(−20) the minimax loss has lost its slope, the other has kept it; both slopes in closed form."""
    logit = torch.tensor(-20.0, dtype=torch.float64, requires_grad=True)
    gan = GAN(1).double()
    gan.logits = lambda x: logit
    slopes = {}
    for kind in ("minimax", "non-saturating"):
        (slopes[kind],) = torch.autograd.grad(gan.generator_loss(torch.zeros(1, 1), kind), logit)
    share = torch.sigmoid(logit.detach())
    torch.testing.assert_close(slopes["minimax"], -share)
    torch.testing.assert_close(slopes["non-saturating"], -(1 - share))


def test_training_moves_the_generator_to_the_data_and_repeats_itself():
    x = 3 + 0.5 * torch.randn(500, 1, generator=generator())
    first, second = GAN(1, 1, (16,), seed=1), GAN(1, 1, (16,), seed=1)
    before = first.sample(500, generator()).mean().item()
    values = train_gan(first, x, updates=300, learning_rate=3e-3)
    assert values == train_gan(second, x, updates=300, learning_rate=3e-3) and len(values) == 300
    assert abs(first.sample(500, generator()).mean().item() - 3) < min(1.0, abs(before - 3))


def test_training_leaves_the_random_state_and_says_when_it_fails():
    gan, before = GAN(1, 1, (4,)), torch.get_rng_state()
    train_gan(gan, torch.ones(5, 1), updates=2)
    assert torch.equal(before, torch.get_rng_state())
    with pytest.raises(TrainingError, match="smaller learning_rate"):
        train_gan(gan, torch.full((5, 1), math.inf), updates=2)


def test_bounded_pictures_lie_between_0_and_1():
    samples = GAN(4, bounded=True).sample(50, generator())
    assert samples.min() > 0 and samples.max() < 1


def test_numbers_of_parameters_count_what_is_learned():
    assert number_of_parameters(GAN(2, 3, (4,))) == (3 * 4 + 4 + 4 * 2 + 2) + (2 * 4 + 4 + 4 + 1)
    model = torch.nn.Linear(2, 3)
    model.bias.requires_grad_(False)
    assert number_of_parameters(model) == 6


# --- measures


def test_the_density_of_the_ring_is_torchs_and_its_points_have_it():
    x, centres = ring(4000, generator(), scale=0.3)
    components = MultivariateNormal(centres, 0.09 * torch.eye(2))
    mixture = MixtureSameFamily(torch.distributions.Categorical(torch.ones(8)), components)
    torch.testing.assert_close(ring_log_prob(x, centres, 0.3), mixture.log_prob(x), rtol=1e-4, atol=1e-4)
    modes = modes_covered(x, centres, 0.3)
    assert modes.covered == 8 and modes.near == pytest.approx(1 - math.exp(-4.5), abs=0.006)
    assert torch.allclose(modes.shares, torch.full((8,), 1 / 8), atol=0.02)


def test_modes_are_counted_by_hand():
    centres = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    samples = torch.tensor([[0.0, 0.2], [0.2, 0.0], [10.0, 0.29], [5.0, 5.0], [0.0, 10.4]])
    modes = modes_covered(samples, centres, 0.1, least=0.2)
    assert modes.covered == 2 and modes.near == pytest.approx(3 / 5)
    torch.testing.assert_close(modes.shares, torch.tensor([0.4, 0.2, 0.0]))
    assert modes_covered(samples, centres, 0.1, least=0.3).covered == 1
    assert modes_covered(samples, centres, 0.1, within=5, least=0.2).covered == 3


def scores_are_brute_force(module):
    samples, data = draw(40, 3, seed=1), 0.8 * draw(30, 3, seed=2) + 0.5

    def share(points, support, k):
        radii = NearestNeighbors(n_neighbors=k + 1).fit(support).kneighbors(support)[0][:, -1]  # itself among them
        inside = [
            any(np.linalg.norm(point - centre) <= radius for centre, radius in zip(support, radii, strict=True))
            for point in points
        ]
        return np.mean(inside)

    for k in (1, 3, 7):
        ours = module.precision_recall(samples, data, k)
        assert ours.precision == pytest.approx(share(samples.numpy(), data.numpy(), k))
        assert ours.recall == pytest.approx(share(data.numpy(), samples.numpy(), k))


def test_precision_and_recall_are_those_of_brute_force():
    scores_are_brute_force(rivals)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("(between <= of_data).any(1)", "(between <= of_data).all(1)"),
        ("(between <= of_samples[:, None]).any(0)", "(between <= of_samples[:, None]).any(1)"),
        ("kthvalue(neighbours + 1, dim=1)", "kthvalue(neighbours, dim=1)"),
        ("return PrecisionRecall(precision, recall)", "return PrecisionRecall(recall, precision)"),
    ],
)
def test_other_scores_are_rejected(right, wrong):
    assert_rejected(rivals, right, wrong, scores_are_brute_force)


def test_precision_sees_what_is_wrong_and_recall_what_is_missing():
    data = torch.cat([draw(200, 2), draw(200, 2, seed=1) + 20])
    one_mode, stray = draw(200, 2, seed=2), draw(400, 2, seed=3) * 200
    dropped, scattered = precision_recall(one_mode, data), precision_recall(stray, data)
    assert dropped.precision > 0.8 and dropped.recall < 0.55
    assert scattered.precision < 0.2 and scattered.recall > 0.9
    assert precision_recall(data, data) == (1, 1)
