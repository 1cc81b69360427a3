import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import subspace_angles
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA as Peer
from sklearn.neighbors import NearestNeighbors
from torch import distributions as td
from torch import nn

from course_utils.models import autoencoders as a
from course_utils.workshop.data import digits
from course_utils.workshop.training import Trainer

deterministic = settings(derandomize=True, deadline=None, max_examples=40)
seeds = st.integers(0, 10_000)


def correlated(rows, columns, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, columns)) @ rng.normal(size=(columns, columns)) + 5 * rng.normal(size=columns)


@pytest.fixture(scope="module")
def images():
    return digits()[0].reshape(-1, 64)


# --- PCA --------------------------------------------------------------------------------------------------------------


@deterministic
@given(seed=seeds, rows=st.integers(6, 40), columns=st.integers(2, 6))
def test_pca_is_that_of_scikit_learn(seed, rows, columns):
    data = correlated(rows, columns, seed)
    ours, peer = a.fit_pca(data, columns - 1), Peer(columns - 1, svd_solver="full").fit(data)
    signs = np.sign(np.sum(ours.components * peer.components_, axis=1))[:, None]
    np.testing.assert_allclose(ours.mean, peer.mean_, atol=1e-12)
    np.testing.assert_allclose(ours.components, signs * peer.components_, atol=1e-8)
    np.testing.assert_allclose(ours.variances, peer.explained_variance_ * (rows - 1) / rows, rtol=1e-9)
    np.testing.assert_allclose(ours.encode(data), peer.transform(data) * signs.T, atol=1e-7)
    np.testing.assert_allclose(ours.reconstruct(data), peer.inverse_transform(peer.transform(data)), atol=1e-7)


@deterministic
@given(seed=seeds, columns=st.integers(2, 6))
def test_the_error_of_pca_is_the_sum_of_the_discarded_eigenvalues(seed, columns):
    data, size = correlated(30, columns, seed), 1 + seed % (columns - 1)
    eigenvalues = np.linalg.eigvalsh(np.cov(data.T, bias=True))
    error = np.mean(np.sum((data - a.fit_pca(data, size).reconstruct(data)) ** 2, axis=1))
    assert error == pytest.approx(eigenvalues[: columns - size].sum(), rel=1e-9, abs=1e-12)


@deterministic
@given(seed=seeds)
def test_no_other_affine_pair_does_better_than_pca(seed):
    data = correlated(25, 5, seed)
    rng = np.random.default_rng(seed + 1)
    best = np.mean((data - a.fit_pca(data, 2).reconstruct(data)) ** 2)
    codes = (data - rng.normal(size=5)) @ rng.normal(size=(5, 2))
    design = np.column_stack([codes, np.ones(len(data))])
    fitted = design @ np.linalg.lstsq(design, data, rcond=None)[0]  # the best decoder for this encoder
    assert np.mean((data - fitted) ** 2) >= best * (1 - 1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_signs_do_not_depend_on_the_order_of_the_rows_and_are_those_promised(seed):
    data = correlated(30, 4, seed)
    one = a.fit_pca(data, 4).components
    other = a.fit_pca(np.random.default_rng(seed).permutation(data), 4).components
    np.testing.assert_allclose(one, other, atol=1e-9)
    assert np.all(one[np.arange(4), np.abs(one).argmax(axis=1)] > 0)


def test_pca_far_from_the_origin_loses_little():
    data = correlated(50, 4, 0)
    near, far = a.fit_pca(data, 2), a.fit_pca(data + 1e6, 2)
    np.testing.assert_allclose(near.components, far.components, atol=1e-8)


def test_pca_of_a_single_point_is_that_point():
    np.testing.assert_allclose(a.fit_pca([[3.0, 4.0]], 1).reconstruct([[3.0, 4.0]]), [[3.0, 4.0]])


# --- angles -----------------------------------------------------------------------------------------------------------


@deterministic
@given(seed=seeds, size=st.integers(3, 8), first=st.integers(1, 3), second=st.integers(1, 3))
def test_angles_are_those_of_scipy(seed, size, first, second):
    rng = np.random.default_rng(seed)
    one, other = rng.normal(size=(size, first)), rng.normal(size=(size, second))
    expected = np.sort(subspace_angles(one, other))
    np.testing.assert_allclose(a.principal_angles(one, other), expected, atol=1e-7)
    np.testing.assert_allclose(a.principal_angles(other, one), expected, atol=1e-7)


@deterministic
@given(seed=seeds)
def test_angles_do_not_depend_on_the_basis(seed):
    rng = np.random.default_rng(seed)
    one, other = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    mixed = one @ (rng.normal(size=(3, 3)) + 4 * np.eye(3))
    np.testing.assert_allclose(a.principal_angles(mixed, other), a.principal_angles(one, other), atol=1e-7)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-4, 0.5, np.pi / 4, 1.2, np.pi / 2 - 1e-9, np.pi / 2])
def test_small_and_large_angles_keep_their_digits(angle):
    line = np.array([[np.cos(angle)], [np.sin(angle)]])
    assert a.principal_angles([[1.0], [0.0]], line)[0] == pytest.approx(angle, rel=1e-6, abs=1e-15)


# --- networks and losses ----------------------------------------------------------------------------------------------


def test_the_network_is_what_it_says():
    model = a.Autoencoder(5, 2, hidden=(7, 4), activation="tanh", code_activation="relu", mean=np.arange(5.0))
    x = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    w = [p.detach() for p in model.parameters()]
    h = x - torch.arange(5.0)
    h = torch.tanh(torch.tanh(h @ w[0].T + w[1]) @ w[2].T + w[3])
    codes = torch.relu(h @ w[4].T + w[5])
    h = torch.tanh(torch.tanh(codes @ w[6].T + w[7]) @ w[8].T + w[9])
    torch.testing.assert_close(model.encode(x), codes)
    torch.testing.assert_close(model(x), h @ w[10].T + w[11] + torch.arange(5.0))
    assert [tuple(p.shape) for p in w[::2]] == [(7, 5), (4, 7), (2, 4), (4, 2), (7, 4), (5, 7)]


def test_without_hidden_layers_the_network_is_affine():
    model, x = a.Autoencoder(6, 8, mean=np.ones(6)).double(), torch.randn(4, 6, dtype=torch.float64)
    with torch.no_grad():
        middle = (model(x[:2]) + model(x[2:])) / 2
        torch.testing.assert_close(model((x[:2] + x[2:]) / 2), middle)


def test_weights_come_from_the_seed_and_leave_torchs_state_alone():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    one, same, other = (a.Autoencoder(4, 2, seed=seed).encoder[0].weight for seed in (1, 1, 2))
    torch.testing.assert_close(torch.rand(2), expected)
    torch.testing.assert_close(one, same)
    assert not torch.allclose(one, other)


def test_dropout_acts_on_codes_while_training_only():
    model = a.Autoencoder(4, 1000, dropout=0.25)
    x = torch.ones(1, 4)
    seen = []
    model.decoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    torch.manual_seed(0)
    model(x)
    model.eval()
    model(x)
    share = (seen[0] == 0).float().mean().item()
    assert share == pytest.approx(0.25, abs=4 * np.sqrt(0.25 * 0.75 / 1000))
    torch.testing.assert_close(seen[1], model.encode(x))


def test_the_reconstruction_loss_is_a_sum_over_features_and_a_mean_over_rows():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3, 2, 4)), rng.normal(size=(3, 2, 4))
    by_hand = [sum((x[n, i, j] - y[n, i, j]) ** 2 for i in range(2) for j in range(4)) for n in range(3)]
    x, y = torch.tensor(x), torch.tensor(y)
    np.testing.assert_allclose(a.reconstruction_errors(x, y), by_hand)
    assert a.reconstruction_loss(x, y).item() == pytest.approx(np.mean(by_hand))
    log_prob = td.Normal(x, np.sqrt(0.5)).log_prob(y).sum(dim=(1, 2)).mean()
    assert a.reconstruction_loss(x, y).item() == pytest.approx(-log_prob.item() - 8 * 0.5 * np.log(np.pi))


def test_sparsity_is_the_mean_l1_norm():
    codes = torch.tensor([[1.0, -2.0, 0.0], [0.5, 0.0, 0.0]])
    assert a.sparsity_penalty(codes).item() == pytest.approx((3 + 0.5) / 2)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "elu"])
def test_the_contractive_penalty_is_the_squared_norm_of_autograds_jacobian(activation):
    model = a.Autoencoder(5, 3, hidden=(6,), activation=activation, code_activation="tanh", seed=1).double()
    x = torch.randn(4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    jacobians = [torch.autograd.functional.jacobian(model.encode, row[None]) for row in x]
    expected = np.mean([(jacobian**2).sum().item() for jacobian in jacobians])
    assert a.contractive_penalty(model.encode, x).item() == pytest.approx(expected, rel=1e-12)


def test_the_contractive_penalty_of_a_linear_encoder_is_its_weights_norm_with_its_gradient():
    model = a.Autoencoder(5, 3, seed=1).double()
    weight = model.encoder[0].weight
    penalty = a.contractive_penalty(model.encode, torch.randn(7, 5, dtype=torch.float64))
    penalty.backward()
    assert penalty.item() == pytest.approx((weight**2).sum().item(), rel=1e-12)
    torch.testing.assert_close(weight.grad, 2 * weight.detach())


def test_the_estimated_contractive_penalty_is_unbiased():
    model = a.Autoencoder(6, 4, hidden=(5,), activation="tanh", seed=2).double()
    x = torch.randn(1, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(0)
    draws = np.array([a.contractive_penalty(model.encode, x, probes=1).item() for _ in range(2000)])
    exact = a.contractive_penalty(model.encode, x).item()
    assert draws.std() > 0
    assert draws.mean() == pytest.approx(exact, abs=4 * draws.std() / np.sqrt(len(draws)))
    torch.manual_seed(0)
    averaged = np.array([a.contractive_penalty(model.encode, x, probes=16).item() for _ in range(200)])
    assert averaged.std() < draws.std() / 2
    assert averaged.mean() == pytest.approx(exact, abs=4 * averaged.std() / np.sqrt(len(averaged)))


def test_gaussian_corruption_has_the_scale_asked_for():
    x = torch.full((200, 50), 3.0)
    noise = a.corrupt(x, "gaussian", 0.4, generator=torch.Generator().manual_seed(0)) - x
    assert noise.mean().item() == pytest.approx(0, abs=4 * 0.4 / 100)
    assert noise.std().item() == pytest.approx(0.4, abs=4 * 0.4 / np.sqrt(20_000))


def test_masking_sets_the_share_asked_for_to_zero_and_leaves_the_rest():
    x = torch.full((200, 50), 3.0)
    damaged = a.corrupt(x, "masking", 0.3, generator=torch.Generator().manual_seed(0))
    assert set(damaged.unique().tolist()) == {0.0, 3.0}
    assert (damaged == 0).float().mean().item() == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / 10_000))
    assert torch.all(x == 3)
    torch.testing.assert_close(a.corrupt(x, "masking", 0.0), x)
    assert not a.corrupt(x, "masking", 1.0).any()


def test_the_loss_has_the_terms_asked_for_each_with_its_weight():
    model, x = a.Autoencoder(5, 3, hidden=(4,), activation="tanh", seed=1), torch.randn(6, 5)
    assert set(a.autoencoder_loss(model)(x)) == {"reconstruction"}
    terms = a.autoencoder_loss(model, sparsity=0.5, contraction=0.25)(x)
    torch.testing.assert_close(terms["reconstruction"], a.reconstruction_loss(model(x), x))
    torch.testing.assert_close(terms["sparsity"], 0.5 * a.sparsity_penalty(model.encode(x)))
    torch.testing.assert_close(terms["contraction"], 0.25 * a.contractive_penalty(model.encode, x))


def test_a_denoiser_sees_the_damaged_input_and_is_judged_by_the_clean_one():
    model, x = a.Autoencoder(5, 3, seed=1), torch.randn(6, 5)
    loss = a.autoencoder_loss(model, corruption=("gaussian", 0.5), sparsity=1.0)
    torch.manual_seed(4)
    terms = loss(x)
    torch.manual_seed(4)
    damaged = a.corrupt(x, "gaussian", 0.5)
    torch.testing.assert_close(terms["reconstruction"], a.reconstruction_loss(model(damaged), x))
    torch.testing.assert_close(terms["sparsity"], a.sparsity_penalty(model.encode(damaged)))
    assert loss(x)["reconstruction"].item() != terms["reconstruction"].item()  # damaged afresh each time


# --- what training finds ----------------------------------------------------------------------------------------------


def momentum(parameters):
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9)


def fit(model, data, loss, **settings):
    Trainer(model, loss, data, progress=False, **settings).run()
    return model


def test_a_linear_autoencoder_finds_the_plane_of_pca_but_another_basis(images):
    pca = a.fit_pca(images, 4)
    model = a.Autoencoder(64, 4, mean=images.mean(axis=0))
    data = torch.tensor(images, dtype=torch.float32)
    fit(model, data, a.autoencoder_loss(model), epochs=200, batch_size=len(data), optimizer=momentum)
    best = np.mean(np.sum((images - pca.reconstruct(images)) ** 2, axis=1))
    with torch.no_grad():
        error = a.reconstruction_loss(model(data), data).item()
    decoder = model.decoder[0].weight.detach().numpy()
    assert best * (1 - 1e-5) <= error <= best * 1.001
    assert np.degrees(a.principal_angles(decoder, pca.components.T)).max() < 1
    cosines = np.abs(pca.components @ decoder) / np.linalg.norm(decoder, axis=0)
    assert np.degrees(np.arccos(cosines.max(axis=0))).max() > 10  # a column is far from every component


def test_a_linear_denoiser_is_wieners_filter():
    rng = np.random.default_rng(0)
    data = rng.normal(size=(400, 4)) * np.sqrt([2.0, 1.0, 0.5, 0.1]) @ np.linalg.qr(rng.normal(size=(4, 4)))[0]
    data = torch.tensor(data - data.mean(axis=0))
    model = a.Autoencoder(4, 6).double()
    loss = a.autoencoder_loss(model, corruption=("gaussian", 0.7))
    fit(model, data.repeat(20, 1), loss, epochs=20, batch_size=400, learning_rate=1e-2, schedule="one_cycle")
    covariance = np.cov(data.numpy().T, bias=True)
    filter_ = covariance @ np.linalg.inv(covariance + 0.49 * np.eye(4))
    learned = (model.decoder[0].weight @ model.encoder[0].weight).detach().numpy()
    np.testing.assert_allclose(learned, filter_, atol=0.03)


MIXTURE = (torch.tensor([0.3, 0.7]), torch.tensor([[-1.0, 0.5], [1.0, 0.0]]), torch.tensor([[0.4, 0.7], [0.5, 0.4]]))


def mixture(noise):
    weights, means, scales = (part.double() for part in MIXTURE)
    normal = td.Independent(td.Normal(means, (scales**2 + noise**2).sqrt()), 1)
    return td.MixtureSameFamily(td.Categorical(weights), normal)


def score(x, noise):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(mixture(noise).log_prob(x).sum(), x)[0]


def best_denoiser(x, noise):
    """E[clean | damaged]: each component's own, weighted by its responsibility."""
    weights, means, scales = (part.double() for part in MIXTURE)
    log_joint = weights.log() + td.Independent(td.Normal(means, (scales**2 + noise**2).sqrt()), 1).log_prob(x[:, None])
    each = means + scales**2 / (scales**2 + noise**2) * (x[:, None] - means)
    return (log_joint.softmax(dim=1)[:, :, None] * each).sum(dim=1)


def test_the_best_denoisers_residual_is_the_score_and_training_comes_near_it():
    noise = 0.2
    torch.manual_seed(0)
    clean = mixture(0.0).sample((8000,))
    damaged = mixture(0.0).sample((500,)) + noise * torch.randn(500, 2)
    torch.testing.assert_close(best_denoiser(damaged, noise) - damaged, noise**2 * score(damaged, noise))
    model = a.Autoencoder(2, 64, hidden=(64,), activation="tanh", code_activation="tanh").double()
    loss = a.autoencoder_loss(model, corruption=("gaussian", noise))
    fit(model, clean, loss, epochs=60, batch_size=500, learning_rate=1e-2, schedule="one_cycle")
    with torch.no_grad():
        residual = model(damaged) - damaged
    for target in (score(damaged, noise), score(damaged, 0.0)):
        cosine = (residual * target).sum() / residual.norm() / target.norm()
        assert cosine > 0.95
    size = residual.norm() / (noise**2 * score(damaged, noise)).norm()
    assert size.item() == pytest.approx(1, abs=0.1)


def test_a_noisy_target_teaches_the_identity_and_a_clean_one_does_not():
    data = torch.randn(2000, 3, generator=torch.Generator().manual_seed(0)) * 0.1
    maps = []
    for clean in (True, False):
        model = a.Autoencoder(3, 5)

        def loss(x, model=model, clean=clean):
            damaged = a.corrupt(x, "gaussian", 1.0)
            return a.reconstruction_loss(model(damaged), x if clean else damaged)

        fit(model, data, loss, epochs=60, batch_size=200, learning_rate=1e-2, schedule="one_cycle")
        maps.append((model.decoder[0].weight @ model.encoder[0].weight).detach().numpy())
    np.testing.assert_allclose(maps[0], np.eye(3) * 0.01 / 1.01, atol=0.06)
    np.testing.assert_allclose(maps[1], np.eye(3), atol=0.02)


# --- completeness -----------------------------------------------------------------------------------------------------


@deterministic
@given(seed=seeds, rows=st.integers(2, 30), count=st.integers(1, 700))
def test_distances_are_those_of_brute_force_and_of_scikit_learn(seed, rows, count):
    rng = np.random.default_rng(seed)
    data, decoded = rng.normal(size=(rows, 3)), rng.normal(size=(count, 3))
    result = a.completeness(lambda z: z, decoded, data)
    all_distances = np.sqrt(np.sum((decoded[:, None] - data) ** 2, axis=2))
    np.testing.assert_allclose(result.distances, all_distances.min(axis=1), rtol=1e-9)
    np.testing.assert_array_equal(result.nearest, all_distances.argmin(axis=1))
    real = NearestNeighbors(n_neighbors=2).fit(data).kneighbors(data)[0][:, 1]
    np.testing.assert_allclose(result.real, real, rtol=1e-6)
    assert result.limit == pytest.approx(np.quantile(real, 0.95), rel=1e-6)
    assert result.share == np.mean(all_distances.min(axis=1) <= result.limit)


def test_completeness_of_the_data_themselves_is_one_and_of_a_hole_is_zero():
    data = np.random.default_rng(0).normal(size=(600, 2))
    assert a.completeness(lambda z: z, data, data).share == 1
    assert a.completeness(lambda z: z, data + 50, data).share == 0
    ring = data / np.linalg.norm(data, axis=1, keepdims=True)
    assert a.completeness(lambda z: z, np.zeros((4, 2)), ring).share == 0


def test_a_decoder_that_says_one_thing_passes_and_is_given_away_by_its_neighbours():
    data = np.random.default_rng(0).normal(size=(50, 2))
    result = a.completeness(lambda z: np.repeat(data[:1], len(z), axis=0), np.zeros((20, 1)), data)
    assert result.share == 1
    assert len(set(result.nearest)) == 1


def test_completeness_takes_a_network_with_tensors():
    model = a.Autoencoder(3, 2)
    codes, data = torch.randn(5, 2), torch.randn(9, 3)
    result = a.completeness(model.decode, codes, data)
    expected = cdist(model.decode(codes).detach().double().numpy(), data.double().numpy()).min(axis=1)
    np.testing.assert_allclose(result.distances, expected)


# --- errors -----------------------------------------------------------------------------------------------------------

FITTED = a.fit_pca(np.eye(3), 2)
SMALL = a.Autoencoder(3, 2)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: a.fit_pca([1.0, 2.0], 1), ValueError, "data must have shape"),
        (lambda: a.fit_pca([[1.0, np.nan]], 1), ValueError, "data must be finite"),
        (lambda: a.fit_pca(np.eye(3), 4), ValueError, "size must be at most 3"),
        (lambda: a.fit_pca(np.eye(3), 0), ValueError, "size must be at least 1"),
        (lambda: a.fit_pca(np.eye(3), 1.5), TypeError, "size must be an integer"),
        (lambda: FITTED.encode(np.eye(4)), ValueError, "data must have shape"),
        (lambda: FITTED.decode(np.eye(3)), ValueError, "codes must have shape"),
        (lambda: a.principal_angles(np.eye(3), np.eye(4)), ValueError, "second must have shape"),
        (lambda: a.principal_angles(np.ones((3, 2)), np.eye(3)), ValueError, "first must have linearly independent"),
        (lambda: a.principal_angles(np.eye(3), np.zeros((3, 1))), ValueError, "second must have linearly independent"),
        (lambda: a.Autoencoder(0, 2), ValueError, "data_dim must be at least 1"),
        (lambda: a.Autoencoder(3, 2, hidden=(0,)), ValueError, "hidden must be at least 1"),
        (lambda: a.Autoencoder(3, 2, activation="step"), ValueError, "activation must be one of"),
        (lambda: a.Autoencoder(3, 2, code_activation="step"), ValueError, "code_activation must be one of"),
        (lambda: a.Autoencoder(3, 2, dropout=1.0), ValueError, "dropout must be below 1"),
        (lambda: a.Autoencoder(3, 2, dropout=-0.1), ValueError, "dropout must not be negative"),
        (lambda: a.Autoencoder(3, 2, mean=[0.0]), ValueError, "mean must have shape"),
        (lambda: SMALL(torch.zeros(2, 4)), ValueError, r"x must have shape \(any, 3\); got \(2, 4\)"),
        (lambda: SMALL.decode(torch.zeros(2)), ValueError, r"codes must have shape \(any, 2\)"),
        (lambda: a.reconstruction_loss(torch.zeros(3, 1), torch.zeros(3)), ValueError, "the same shape"),
        (lambda: a.reconstruction_loss(torch.zeros(0, 1), torch.zeros(0, 1)), ValueError, "at least one row"),
        (lambda: a.contractive_penalty(SMALL.encode, torch.zeros(2, 3), probes=0), ValueError, "probes must be at"),
        (lambda: a.contractive_penalty(lambda x: x.sum(), torch.zeros(2, 3)), ValueError, "encode must return shape"),
        (lambda: a.corrupt(torch.zeros(2), "salt", 0.1), ValueError, "kind must be one of"),
        (lambda: a.corrupt(torch.zeros(2), "gaussian", -1), ValueError, "amount must not be negative"),
        (lambda: a.corrupt(torch.zeros(2), "masking", 1.1), ValueError, "amount must be at most 1"),
        (lambda: a.autoencoder_loss(SMALL, sparsity=-1), ValueError, "sparsity must not be negative"),
        (lambda: a.autoencoder_loss(SMALL, contraction=-1), ValueError, "contraction must not be negative"),
        (lambda: a.autoencoder_loss(SMALL, corruption=("salt", 0.1)), ValueError, "kind must be one of"),
        (lambda: a.completeness(lambda z: z, np.eye(3), np.eye(4)), ValueError, r"decode\(latents\) must have shape"),
        (lambda: a.completeness(lambda z: z, np.eye(3), np.ones((1, 3))), ValueError, "data must have at least 2"),
        (lambda: a.completeness(lambda z: z * np.nan, np.eye(3), np.eye(3)), ValueError, "must be finite"),
        (lambda: a.completeness(lambda z: None, np.eye(3), np.eye(3)), TypeError, r"decode\(latents\)"),
    ],
)
def test_wrong_arguments_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_every_activation_can_be_asked_for():
    x = torch.randn(2, 3)
    outputs = [a.Autoencoder(3, 2, hidden=(4,), activation=name)(x) for name in a.ACTIVATIONS]
    assert all(torch.isfinite(output).all() for output in outputs)
    assert isinstance(a.ACTIVATIONS["relu"](), nn.ReLU)
