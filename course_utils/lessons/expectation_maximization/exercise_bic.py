"""Lesson 03, expectation–maximization: the exercise on the BIC."""

import numpy as np
import torch

from course_utils.workshop.exercises import Exercise, Misconception


def _parameters(components, dimensions):
    return components - 1 + components * dimensions + components * dimensions * (dimensions + 1) // 2


def _bic_with(count_parameters):
    """Build a misconception with another number of parameters."""

    def wrong(log_likelihood, components, dimensions, count):
        return -2 * log_likelihood + count_parameters(components, dimensions) * np.log(count)

    return wrong


def _bic_counted(log_likelihood, components, dimensions, count):
    """Count the free numbers one by one: entries on and below the diagonal, means, all weights but the last."""
    entries = sum(1 for row in range(dimensions) for column in range(dimensions) if column <= row)
    return -2 * log_likelihood + np.log(count) * (components * (entries + dimensions + 1) - 1)


def _bic_torch(log_likelihood, components, dimensions, count):
    mixture = (components - 1) + components * (dimensions + dimensions * (dimensions + 1) / 2)
    return mixture * torch.log(torch.tensor(float(count), dtype=torch.float64)) - 2 * log_likelihood


def _law(rng):
    components, dimensions, count = (int(size) for size in rng.integers([1, 1, 2], [7, 7, 2000]))
    return float(rng.normal(-50, 300)), components, dimensions, count


bic = Exercise(
    name="bic",
    arguments=("log_likelihood", "components", "dimensions", "count"),
    returns="BIC",
    reference=_bic_with(_parameters),
    spellings={"counted": _bic_counted, "torch": _bic_torch},
    probes=[(-1289.8, 1, 2, 272), (-1130.26, 2, 2, 272), (-250.5, 4, 3, 90), (120.0, 3, 5, 1000), (-9.5, 1, 1, 7)],
    law=_law,
    misconceptions=[
        Misconception(
            "sign",
            lambda log_likelihood, *sizes: -_bic_with(_parameters)(log_likelihood, *sizes),
            "The sign is reversed: some books define it so that larger is better. Here, as in scikit-learn, "
            "it is −2 log p + P log N, and smaller is better.",
        ),
        Misconception(
            "reward for parameters",
            lambda log_likelihood, components, dimensions, count: (
                -2 * log_likelihood - _parameters(components, dimensions) * np.log(count)
            ),
            "Parameters make your score better. The penalty must work against the likelihood: −2 log p + P log N.",
        ),
        Misconception(
            "factor 2 of the log-likelihood",
            lambda log_likelihood, components, dimensions, count: (
                -log_likelihood + _parameters(components, dimensions) * np.log(count)
            ),
            "The log-likelihood needs the factor −2: a parameter costs ½ log N nats, and all has been multiplied by 2.",
        ),
        Misconception(
            "halved",
            lambda log_likelihood, *sizes: _bic_with(_parameters)(log_likelihood, *sizes) / 2,
            "This is half of the BIC. It ranks models alike, but the usual scale is −2 log p + P log N.",
        ),
        Misconception(
            "K weights",
            _bic_with(lambda components, dimensions: _parameters(components, dimensions) + 1),
            "You counted K weights. They add up to 1, so only K − 1 of them can be chosen freely.",
        ),
        Misconception(
            "no weights",
            _bic_with(lambda components, dimensions: _parameters(components, dimensions) - components + 1),
            "The weights are parameters too: K − 1 of them are free.",
        ),
        Misconception(
            "all entries of the covariance",
            _bic_with(lambda components, dimensions: components - 1 + components * (dimensions + dimensions**2)),
            "You counted all D² entries of each covariance. It is symmetric: D(D + 1)/2 of them are free.",
        ),
        Misconception(
            "without the diagonal",
            _bic_with(lambda components, dimensions: _parameters(components, dimensions) - components * dimensions),
            "K · D parameters are missing. Did you count D(D − 1)/2 numbers for a covariance? The D variances on its "
            "diagonal are free as well: D(D + 1)/2. Or were the means, D numbers each, forgotten?",
        ),
        Misconception(
            "one number per mean",
            _bic_with(
                lambda components, dimensions: (
                    _parameters(components, dimensions) - components * dimensions + components
                )
            ),
            "You counted one number for each mean. A mean is a vector of D numbers.",
        ),
        Misconception(
            "diagonal covariance",
            _bic_with(lambda components, dimensions: components - 1 + 2 * components * dimensions),
            "You counted D numbers for each covariance, as if it were diagonal. A full one has D(D + 1)/2.",
        ),
        Misconception(
            "one covariance for all",
            _bic_with(
                lambda components, dimensions: (
                    components - 1 + components * dimensions + dimensions * (dimensions + 1) // 2
                )
            ),
            "You counted one covariance matrix. Each of the K components has its own.",
        ),
        Misconception(
            "logarithm to base 10",
            lambda log_likelihood, components, dimensions, count: (
                -2 * log_likelihood + _parameters(components, dimensions) * np.log10(count)
            ),
            "You took the logarithm to base 10. The log-likelihood is in nats, so log N must be natural too: np.log.",
        ),
        Misconception(
            "logarithm to base 2",
            lambda log_likelihood, components, dimensions, count: (
                -2 * log_likelihood + _parameters(components, dimensions) * np.log2(count)
            ),
            "You took the logarithm to base 2. The log-likelihood is in nats, so log N must be natural too: np.log.",
        ),
        Misconception(
            "Akaike's penalty",
            lambda log_likelihood, components, dimensions, count: (
                -2 * log_likelihood + 2 * _parameters(components, dimensions)
            ),
            "This is Akaike's criterion, with 2 for each parameter. The Bayesian one charges log N.",
        ),
        Misconception(
            "N for log N",
            lambda log_likelihood, components, dimensions, count: (
                -2 * log_likelihood + _parameters(components, dimensions) * count
            ),
            "Each parameter is charged N. The price is log N: it grows, but slowly.",
        ),
        Misconception(
            "penalty halved",
            lambda log_likelihood, components, dimensions, count: (
                -2 * log_likelihood + _parameters(components, dimensions) * np.log(count) / 2
            ),
            "The penalty is half as large as it should be. ½ log N goes with the log-likelihood, log N with twice it.",
        ),
        Misconception(
            "penalty doubled",
            lambda log_likelihood, components, dimensions, count: (
                -2 * log_likelihood + 2 * _parameters(components, dimensions) * np.log(count)
            ),
            "The penalty is twice as large as it should be. ½ log N goes with the log-likelihood, log N with twice it.",
        ),
        Misconception(
            "spherical covariance",
            _bic_with(lambda components, dimensions: 2 * components - 1 + components * dimensions),
            "You counted one number for each covariance, as if it were a multiple of the identity. A full one has "
            "D(D + 1)/2.",
        ),
        Misconception(
            "labels counted",
            lambda log_likelihood, components, dimensions, count: (
                -2 * log_likelihood + (_parameters(components, dimensions) + count * (components - 1)) * np.log(count)
            ),
            "You counted the responsibilities as well. They follow from the parameters by Bayes' rule, and nobody "
            "chooses them: the hidden variables are summed out of the likelihood.",
        ),
        Misconception(
            "no penalty",
            lambda log_likelihood, components, dimensions, count: -2 * log_likelihood,
            "This is the fit alone, −2 log p. Every parameter costs log N besides.",
        ),
    ],
    hints=[
        "Count the numbers one may choose freely: weights, means, covariances.",
        "Weights add up to 1; a symmetric D × D matrix has D(D + 1)/2 different entries, and there are K of them.",
        "P = (K − 1) + K·D + K·D(D + 1)/2, and the criterion is −2·log_likelihood + P·np.log(count).",
    ],
    praise="One more component in two dimensions costs six parameters; the data must be worth it.",
)
