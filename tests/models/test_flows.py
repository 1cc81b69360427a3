import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import MultivariateNormal, Normal

from course_utils.models import flows
from course_utils.models.flows import AutoregressiveFlow, Chain, FlowEncoder, HouseholderFlow, MaskedNetwork, PlanarFlow


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def some_flows(latent_dim=3):
    """One flow of each kind, far from the identity, in double precision."""
    made = {
        "planar": PlanarFlow(latent_dim, 4, seed=1, dtype=torch.float64),
        "householder": HouseholderFlow(latent_dim, 3, seed=2, dtype=torch.float64),
        "autoregressive": AutoregressiveFlow(latent_dim, (16,), seed=3).double(),
        "backwards": AutoregressiveFlow(latent_dim, (16, 8), backwards=True, seed=4).double(),
    }
    made["chain"] = Chain(made["planar"], made["autoregressive"], made["householder"], made["backwards"])
    with torch.no_grad():
        for name, flow in made.items():
            for parameter in flow.parameters() if name != "chain" else ():
                parameter.mul_(2)
    return made


KINDS = list(some_flows())


def log_dets_by_autograd(flow, z):
    jacobians = [torch.autograd.functional.jacobian(lambda point: flow(point)[0], point) for point in z]
    return torch.stack([torch.linalg.slogdet(jacobian).logabsdet for jacobian in jacobians])


def mass_on_a_grid(flow, reach=12.0, step=0.06):
    """∫ q over the plane, at points of the plane, so that a point which draws reach twice or never is missed."""
    side = torch.arange(-reach, reach, step, dtype=torch.float64)
    return flows.flow_log_prob(flow, torch.cartesian_prod(side, side)).exp().sum() * step**2


# --- the log-determinant, and the density


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_the_log_determinant_is_that_of_autograds_jacobian(kind, latent_dim):
    flow, z = some_flows(latent_dim)[kind], 2 * draw(20, latent_dim)
    torch.testing.assert_close(flow(z)[1], log_dets_by_autograd(flow, z), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_with_and_without_leading_axes(kind):
    flow, z = some_flows()[kind], draw(4, 5, 3)
    moved, log_det = flow(z)
    assert moved.shape == (4, 5, 3) and log_det.shape == (4, 5)
    one, one_det = flow(z[1, 2])
    torch.testing.assert_close(one, moved[1, 2])
    torch.testing.assert_close(one_det, log_det[1, 2])


@pytest.mark.parametrize("kind", KINDS)
def test_the_inverse_leads_back(kind):
    flow, z = some_flows()[kind], draw(30, 3)
    moved, log_det = flow(z)
    back, back_det = flow.inverse(moved)
    torch.testing.assert_close(back, z, rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(back_det, -log_det, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_density_integrates_to_one(kind):
    with torch.no_grad():
        assert mass_on_a_grid(some_flows(2)[kind]) == pytest.approx(1, abs=2e-3)


@given(st.integers(0, 10_000), st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_a_constrained_planar_layer_is_increasing_along_w(seed, size):
    u, w, b = 4 * draw(size, seed=seed), 3 * draw(size, seed=seed + 1), draw(1, seed=seed + 2)[0]
    u = flows.invertible_u(u, w)
    assert (w * u).sum() > -1 - 1e-12
    z = draw(1, seed=seed + 3) + torch.linspace(-6, 6, 400, dtype=torch.float64)[:, None] * w / w.norm()
    heights = flows.planar(z.expand(400, size), u, w, b)[0] @ w
    assert (heights.diff() > -1e-12).all()


def test_without_the_constraint_a_draws_own_density_is_too_small():
    u, w, b = (torch.tensor(value, dtype=torch.float64) for value in ([-2.0], [2.0], 0.0))
    x = torch.linspace(-8, 8, 16_001, dtype=torch.float64)[:, None]
    moved, log_det = flows.planar(x, u, w, b)
    assert (moved.diff(dim=0) < 0).any()  # it folds
    bins = torch.linspace(-8, 8, 201, dtype=torch.float64)
    mass = flows.standard_log_prob(x).exp() * 1e-3
    place = torch.bucketize(moved[:, 0], bins)
    density = torch.zeros(202, dtype=torch.float64).index_add(0, place, mass) / 0.08
    inner = moved[:, 0].abs() < 0.5  # three points each end here
    stated = (flows.standard_log_prob(x) - log_det).exp()
    assert (stated[inner] < 0.9 * density[place[inner]]).double().mean() > 0.9
    repaired = flows.planar(x, flows.invertible_u(u, w), w, b)[0]
    assert (repaired.diff(dim=0) > 0).all()


def test_the_constraint_leaves_the_orthogonal_part_alone_and_survives_w_of_zero():
    u, w = draw(50, 3, seed=1), draw(50, 3, seed=2)
    change = flows.invertible_u(u, w) - u
    torch.testing.assert_close(torch.linalg.cross(change, w), torch.zeros_like(u), atol=1e-12, rtol=0)
    zero = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    held = flows.invertible_u(u[0], zero)
    torch.testing.assert_close(held, u[0])
    held.sum().backward()
    assert torch.isfinite(zero.grad).all()


# --- parameters for each row


def test_parameters_of_each_row_give_each_row_its_own_flow():
    z, u, w, b = draw(7, 4, 3, seed=1), draw(4, 5, 3, seed=2), draw(4, 5, 3, seed=3), draw(4, 5, seed=4)
    moved, log_det = flows.planar_chain(z, u, w, b)
    assert moved.shape == (7, 4, 3) and log_det.shape == (7, 4)
    for row in range(4):
        one, change = flows.planar_chain(z[:, row], u[row], w[row], b[row])
        torch.testing.assert_close(moved[:, row], one)
        torch.testing.assert_close(log_det[:, row], change)
    turned, zero = flows.householder_chain(z, w)
    torch.testing.assert_close(turned[:, 2], flows.householder_chain(z[:, 2], w[2])[0])
    assert torch.equal(zero, torch.zeros(7, 4, dtype=torch.float64))


def test_gradients_reach_every_parameter():
    for kind, flow in some_flows().items():
        moved, log_det = flow(draw(10, 3))
        (moved.square().sum() + log_det.sum()).backward()
        for name, parameter in flow.named_parameters():
            assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), (kind, name)


# --- reflections


@given(st.integers(0, 10_000), st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_a_reflection_is_orthogonal_symmetric_and_its_own_inverse(seed, size):
    v, eye = draw(size, seed=seed), torch.eye(size, dtype=torch.float64)
    matrix = flows.householder(eye, v)
    torch.testing.assert_close(matrix @ matrix.T, eye, rtol=0, atol=1e-12)
    torch.testing.assert_close(matrix, matrix.T, rtol=0, atol=1e-12)
    torch.testing.assert_close(flows.householder(v, v), -v)
    assert torch.linalg.det(matrix) == pytest.approx(-1)
    torch.testing.assert_close(flows.householder(eye, 17 * v), matrix, rtol=0, atol=1e-12)


def test_a_reflected_gaussian_is_a_gaussian_with_the_reflected_covariance():
    flow, scale = HouseholderFlow(3, 2, seed=5, dtype=torch.float64), torch.tensor([0.3, 1.0, 2.0]).double()
    matrix = flow(torch.eye(3, dtype=torch.float64))[0].T  # columns are the images of the axes
    z = scale * draw(20, 3)
    moved, log_det = flow(z)
    stated = Normal(0, scale).log_prob(z).sum(-1) - log_det
    covariance = matrix @ scale.square().diag() @ matrix.T
    torch.testing.assert_close(stated, MultivariateNormal(torch.zeros(3).double(), covariance).log_prob(moved))


# --- autoregression


@pytest.mark.parametrize(("latent_dim", "hidden"), [(1, (4,)), (2, ()), (4, (7,)), (5, (16, 9))])
def test_the_masked_network_sees_earlier_coordinates_only(latent_dim, hidden):
    network = MaskedNetwork(latent_dim, hidden, seed=1).double()
    point = draw(latent_dim)
    for output in range(2):
        jacobian = torch.autograd.functional.jacobian(lambda x, part=output: network(x)[part], point)
        assert torch.equal(jacobian.triu(), torch.zeros_like(jacobian))
        if latent_dim > 1:
            assert (jacobian.tril(-1)[1:].abs().sum(-1) > 0).all()


@pytest.mark.parametrize("backwards", [False, True])
def test_the_inverse_of_an_autoregressive_flow(backwards):
    flow, z = AutoregressiveFlow(4, (12,), backwards=backwards, seed=2).double(), draw(30, 4)
    moved, log_det = flow(z)
    assert flow.network.calls == 1
    back, back_det = flow.inverse(moved)
    assert flow.network.calls == 1 + 4
    torch.testing.assert_close(back, z, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(back_det, -log_det, rtol=1e-9, atol=1e-9)


# --- encoders


@pytest.mark.parametrize(("kind", "layers"), [("none", 0), ("planar", 3), ("householder", 2)])
def test_the_encoders_density_is_that_of_its_draws(kind, layers):
    encoder = FlowEncoder(6, 2, (8,), flow=kind, layers=layers, seed=1).double()
    x, noise = draw(3, 6), draw(5, 3, 2, seed=2)
    z, log_q = encoder.sample(x, noise=noise)
    assert z.shape == (5, 3, 2) and log_q.shape == (5, 3)
    for row in range(3):
        for s in range(5):
            point = noise[s, row]
            jacobian = torch.autograd.functional.jacobian(
                lambda e, row=row: encoder.sample(x[row : row + 1], noise=e[None, None])[0][0, 0], point
            )
            stated = flows.standard_log_prob(point) - torch.linalg.slogdet(jacobian).logabsdet
            torch.testing.assert_close(log_q[s, row], stated)


def test_drawing_repeats_under_a_generator_and_averages_where_the_gaussian_is():
    encoder = FlowEncoder(6, 2, (8,), flow="none", layers=0)
    x = draw(3, 6).float()
    one, two = (encoder.sample(x, 7, torch.Generator().manual_seed(1))[0] for _ in range(2))
    assert torch.equal(one, two) and one.shape == (7, 3, 2)
    mean, log_var, layers = encoder.parameters_of(x)
    assert layers == () and mean.shape == log_var.shape == (3, 2)


def test_the_encoder_starts_near_the_gaussian_and_leaves_the_random_state_alone():
    before = torch.get_rng_state()
    encoder = FlowEncoder(6, 2, (8,), flow="planar", layers=10, seed=3)
    assert torch.equal(before, torch.get_rng_state())
    x = draw(3, 6).float()
    _, _, (u, w, b) = encoder.parameters_of(x)
    assert u.shape == w.shape == (3, 10, 2) and b.shape == (3, 10)
    assert (u.abs() < 1).all() and w.std() > 0.4


# --- bad input


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: PlanarFlow(0, 2), "latent_dim must be at least 1"),
        (lambda: PlanarFlow(2, 0), "layers must be at least 1"),
        (lambda: PlanarFlow(2, 2)(torch.zeros(5, 3)), "2 features"),
        (lambda: HouseholderFlow(2, 2)(torch.zeros(3)), "2 features"),
        (lambda: flows.planar_chain(torch.zeros(5, 2), *(2 * [torch.zeros(3, 3)]), torch.zeros(3)), "(…, K, L)"),
        (lambda: flows.planar_chain(torch.zeros(5, 2), *(2 * [torch.zeros(3, 2)]), torch.zeros(3, 1)), "b must"),
        (lambda: flows.householder_chain(torch.zeros(5, 2), torch.zeros(2)), "(…, K, L)"),
        (lambda: AutoregressiveFlow(2, (0,)), "hidden must be at least 1"),
        (lambda: AutoregressiveFlow(2, activation="sinus"), "activation must be one of"),
        (lambda: FlowEncoder(4, 2, flow="radial"), "flow must be one of"),
        (lambda: FlowEncoder(4, 2, flow="none", layers=3), "at least one layer"),
        (lambda: FlowEncoder(4, 2, flow="planar", layers=0), "at least one layer"),
        (lambda: FlowEncoder(4, 2).sample(torch.zeros(1, 4), samples=0), "samples must be at least 1"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(").replace(")", r"\)")):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: flows.planar_chain([[0.0]], torch.zeros(1, 1), torch.zeros(1, 1), torch.zeros(1)),
        lambda: flows.householder_chain(torch.zeros(2), [[1.0, 0.0]]),
        lambda: FlowEncoder(4, 2).sample(torch.zeros(1, 4), generator=3),
    ],
)
def test_what_is_no_tensor_is_refused(call):
    with pytest.raises(TypeError, match="must be a torch"):
        call()


def test_the_standard_density_is_torchs():
    z = draw(5, 3)
    torch.testing.assert_close(flows.standard_log_prob(z), Normal(0.0, 1.0).log_prob(z).sum(-1))
    assert flows.standard_log_prob(torch.zeros(2)).item() == pytest.approx(-math.log(2 * math.pi))
