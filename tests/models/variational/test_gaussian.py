import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mean_field import random_covariance
from mutations import assert_rejected
from scipy import optimize

from course_utils.models import variational
from course_utils.models.gaussians import multivariate_normal_kl
from course_utils.models.variational import gaussian

deterministic = settings(derandomize=True, deadline=None, max_examples=25)
seeds = st.integers(0, 10_000)
sizes = st.integers(1, 4)

# Every oracle is a function of the module under test, so that the mutants at the end of this file meet exactly the
# comparisons that the module itself passes.


def mean_field_is_the_least_reverse_kl(v):
    mean, covariance = np.array([0.5, -1.0, 2.0]), random_covariance(3, 3)
    q_mean, q_variance = v.mean_field_gaussian(mean, covariance)

    def kl(parameters):
        return multivariate_normal_kl(parameters[:3], np.diag(np.exp(parameters[3:])), mean, covariance)

    best = optimize.minimize(kl, np.zeros(6), method="BFGS", options={"gtol": 1e-8})
    np.testing.assert_allclose(q_mean, best.x[:3], atol=1e-5)
    np.testing.assert_allclose(q_variance, np.exp(best.x[3:]), rtol=1e-5)
    np.testing.assert_allclose(q_variance, 1 / np.diag(np.linalg.inv(covariance)), rtol=1e-12)


def cavi_on_a_gaussian_steps_to_each_coordinates_optimum(v):
    mean, covariance = np.array([0.5, -1.0, 2.0]), random_covariance(3, 3)
    variance = 1 / np.diag(np.linalg.inv(covariance))
    path = v.cavi_gaussian(mean, covariance, [3.0, 3.0, -3.0], sweeps=60)
    assert path.shape == (181, 3)
    np.testing.assert_allclose(path[-1], mean, atol=1e-8)
    for step in range(6):
        changed = step % 3
        np.testing.assert_array_equal(np.delete(path[step], changed), np.delete(path[step + 1], changed))

        def kl(value, step=step, changed=changed):
            moved = path[step].copy()
            moved[changed] = value
            return multivariate_normal_kl(moved, np.diag(variance), mean, covariance)

        best = optimize.minimize_scalar(kl, bracket=(-5, 5), tol=1e-10).x
        assert path[step + 1, changed] == pytest.approx(best, abs=1e-6)


ORACLES = [mean_field_is_the_least_reverse_kl, cavi_on_a_gaussian_steps_to_each_coordinates_optimum]


@deterministic
@given(sizes, seeds)
def test_mean_field_is_never_wider_than_the_marginals(size, seed):
    covariance = random_covariance(size, seed)
    _, variance = variational.mean_field_gaussian(np.zeros(size), covariance)
    assert np.all(variance <= np.diag(covariance) * (1 + 1e-12))
    _, independent = variational.mean_field_gaussian(np.zeros(size), np.diag(np.diag(covariance)))
    np.testing.assert_allclose(independent, np.diag(covariance), rtol=1e-12)


# --- mutants: plausible wrong versions, each rejected by an oracle above

MUTANTS = {
    "marginal instead of conditional variances": (
        "1 / np.diag(precision)",
        "np.diag(np.linalg.inv(precision))",
        mean_field_is_the_least_reverse_kl,
    ),
    "coordinate update with a wrong sign": (
        "mean[i] - pull / precision[i, i]",
        "mean[i] + pull / precision[i, i]",
        cavi_on_a_gaussian_steps_to_each_coordinates_optimum,
    ),
}


@pytest.mark.parametrize("oracle", ORACLES, ids=lambda oracle: oracle.__name__)
def test_oracle(oracle):
    oracle(variational)


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_rejected(name):
    assert_rejected(gaussian, *MUTANTS[name])


# --- bad input


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: variational.mean_field_gaussian([0, 0], [[1, 2], [2, 1]]), "covariance must be positive definite"),
        (lambda: variational.cavi_gaussian([0, 0], np.eye(2), [1]), "start must have shape (2,); got (1,)"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)


def test_arguments_are_left_as_they_were():
    begin = np.array([1.0, 2.0])
    variational.cavi_gaussian([0, 0], np.eye(2), begin)
    np.testing.assert_array_equal(begin, [1.0, 2.0])
