"""Lesson 09, the β-VAE: its exercises."""

import math

import numpy as np
import torch
from scipy import optimize, special

from course_utils.models.disentanglement import linear_schedule
from course_utils.workshop.exercises import Exercise, Misconception


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def _log_law(rng):
    """Rates, some of them 0, distortions of either sign, and a β that is not 1."""
    count = rng.integers(1, 7)
    rate = rng.gamma(1.5, 3.0, count)
    rate[rng.random(count) < 0.2] = 0.0
    distortion = rng.normal(30, 25, count)
    beta = rng.choice([0.0, 2.0, rng.uniform(0.05, 0.9), rng.uniform(1.1, 9)], p=[0.1, 0.1, 0.4, 0.4])
    elbo, loss = torch.tensor(-distortion - rate), torch.tensor(distortion + beta * rate)
    return elbo, loss, int(beta) if beta in (0, 2) else float(beta)


def _bills(elbo, loss, beta):
    rate = (loss + elbo) / (beta - 1)
    return rate, -elbo - rate


def _bills_by_algebra(elbo, loss, beta):
    """Two equations with two unknowns: D + R = −ELBO and D + βR = loss."""
    system = torch.tensor([[1.0, 1.0], [beta, 1.0]], dtype=elbo.dtype)
    return tuple(torch.linalg.solve(system, torch.stack([-elbo, loss])))


def _bills_loop(elbo, loss, beta):
    rates, distortions = [], []
    for bound, cost in zip(elbo.tolist(), loss.tolist(), strict=True):
        distortions.append((cost + beta * bound) / (1 - beta))
        rates.append(-bound - distortions[-1])
    return rates, distortions


two_bills = Exercise(
    name="two_bills",
    arguments=("elbo", "loss", "beta"),
    returns=("rate", "distortion"),
    reference=_bills,
    spellings={
        "linear system": _bills_by_algebra,
        "loop": _bills_loop,
        "numpy": lambda elbo, loss, beta: (
            (np.asarray(elbo) + np.asarray(loss)) / (beta - 1),
            (np.asarray(loss) + beta * np.asarray(elbo)) / (1 - beta),
        ),
    },
    probes=[
        (_tensor(-12.0, -16.0), _tensor(18.0, 25.0), 4.0),
        (_tensor(-20.5, 3.0, -7.0), _tensor(20.0, -6.0, 6.4), 0.5),
        (_tensor(-97.0, -85.1, -102.3, -82.0), _tensor(107.5, 85.25, 107.25, 100.0), 2.5),
        (_tensor(-12.0, -9.5), _tensor(9.0, 9.5), 0),
        (_tensor(-12.0, -9.5), _tensor(12.009, 9.516), 1.004),
    ],
    law=_log_law,
    misconceptions=[
        Misconception(
            "ELBO for a cost",
            lambda elbo, loss, beta: (
                (loss - elbo) / (beta - 1),
                elbo - (loss - elbo) / (beta - 1),
            ),
            "You took the ELBO for D + R. It is *minus* both bills, a bound that one wants to be high.",
        ),
        Misconception(
            "loss for an objective",
            lambda elbo, loss, beta: ((elbo - loss) / (beta - 1), -elbo - (elbo - loss) / (beta - 1)),
            "You took the loss for −D − βR. A loss is minimised: it is the sum of the two costs, D + βR.",
        ),
        Misconception(
            "difference not divided",
            lambda elbo, loss, beta: (loss + elbo, -2 * elbo - loss),
            "The sum of loss and ELBO is not the rate yet. D cancels, and what is left is βR − R.",
        ),
        Misconception(
            "divided by β",
            lambda elbo, loss, beta: (
                ((loss + elbo) / beta, -elbo - (loss + elbo) / beta) if beta else (loss + elbo, -2 * elbo - loss)
            ),
            "You divided by β. One R is in the ELBO already, so the loss holds β − 1 more than that.",
        ),
        Misconception(
            "β + 1",
            lambda elbo, loss, beta: ((loss + elbo) / (beta + 1), -elbo - (loss + elbo) / (beta + 1)),
            "You divided by β + 1. The ELBO counts the rate with a minus, so βR − R is left.",
        ),
        Misconception(
            "β forgotten in the distortion",
            lambda elbo, loss, beta: (_bills(elbo, loss, beta)[0], loss - _bills(elbo, loss, beta)[0]),
            "The rate is right. In the loss it stands with the price β: D = loss − βR.",
        ),
        Misconception(
            "reconstruction",
            lambda elbo, loss, beta: (_bills(elbo, loss, beta)[0], -_bills(elbo, loss, beta)[1]),
            "The rate is right. The second is the reconstruction term, E[log p(x|z)]. The distortion is minus that.",
        ),
    ],
    hints=(
        "Two equations, two unknowns: ELBO = −D − R, and loss = D + βR.",
        "Add them. The distortion cancels, and (β − 1) R is left.",
        "`rate = (loss + elbo) / (beta - 1)`, and the distortion is minus the ELBO, minus the rate.",
    ),
    praise="Minus the loss is a lower bound like the ELBO for β above 1, only looser; below 1 it may be no bound.",
)


def _water(variances, level):
    error = np.minimum(variances, level)
    return 0.5 * np.log(variances / error).sum(), error.sum()


def _with_error(variances, level):
    return level, np.minimum(variances, level).sum()


def _level(variances, budget):
    """If the k largest variances were described, the level were ½ Σ log(v/level) = budget; the highest is true."""
    logs = np.sort(np.log(variances))[::-1]
    return np.exp(np.max((np.cumsum(logs) - 2 * budget) / np.arange(1, len(logs) + 1)))


def _level_loop(variances, budget):
    described = sorted(variances)
    while True:
        level = math.exp((sum(math.log(v) for v in described) - 2 * budget) / len(described))
        if described[0] >= level:
            return level, sum(min(v, level) for v in variances)
        described.pop(0)


def _level_by_search(variances, budget):
    log_level = optimize.brentq(lambda x: _water(variances, np.exp(x))[0] - budget, -60.0, 60.0, xtol=1e-13)
    return _with_error(variances, np.exp(log_level))


def _level_by_halving(variances, budget):
    low, high = 0.0, float(max(variances))
    for _ in range(100):
        middle = (low + high) / 2
        too_dear = np.log(np.maximum(variances / middle, 1.0)).sum() / 2 > budget
        low, high = (middle, high) if too_dear else (low, middle)
    return _with_error(variances, high)


def _budget_law(rng):
    """Variances on both sides of a level, all above it, or one that is just the level; and what that costs."""
    level = float(np.exp(rng.normal(0, 1.2)))
    variances = level * np.exp(rng.normal(rng.choice([-1.5, 0.0, 0.5, 3.0]), 1.2, rng.integers(1, 7)))
    if rng.random() < 0.2:
        variances[-1] = level
    variances[0] = level * np.exp(rng.uniform(0.1, 3))
    return rng.permutation(variances), float(_water(variances, level)[0])


water_level = Exercise(
    name="water_level",
    arguments=("variances", "budget"),
    returns=("level", "error"),
    reference=lambda variances, budget: _with_error(variances, _level(variances, budget)),
    spellings={"loop": _level_loop, "search": _level_by_search, "halving": _level_by_halving},
    probes=[
        (np.array([4.0, 1.0]), math.log(2) / 2),
        (np.array([4.0, 0.25, 1.0]), 1.2),
        (np.array([0.9, 0.2, 5.0, 1.7]), 0.5),
        (np.array([2.0, 7.5, 0.3]), 2),
        (np.array([0.6]), 1.5),
        (np.array([3.0, 3.0]), 0.8),
        (np.array([1e6, 1e-6, 3.0]), 6.0),
        (np.full(64, 1e-6), 1.0),  # their product is no number of the machine
        (np.array([4.0, 1.0]), 8.0),
        (np.array([1.0]), 7.5),  # a level that is not a millionth of the least variance
    ],
    law=_budget_law,
    misconceptions=[
        Misconception(
            "all described",
            lambda variances, budget: _with_error(
                variances, np.exp(np.log(variances).mean() - 2 * budget / len(variances))
            ),
            "You let every feature take part. One that varies less than your level would get a negative rate: it is "
            "not described at all, and the budget is shared among the others.",
        ),
        Misconception(
            "half missing",
            lambda variances, budget: _with_error(variances, _level(variances, budget / 2)),
            "Your code costs half of the budget: a feature takes ½ log(variance / level) nats, not the whole "
            "logarithm.",
        ),
        Misconception(
            "bits",
            lambda variances, budget: _with_error(variances, _level(variances, budget * math.log(2))),
            "You read the budget as bits. This course counts in nats: use the natural logarithm.",
        ),
        Misconception(
            "the level everywhere",
            lambda variances, budget: (_level(variances, budget), len(variances) * _level(variances, budget)),
            "The level is right. You counted it as the error of every feature. One that varies less can never be that "
            "wrong: its error is its variance.",
        ),
        Misconception(
            "idle features without error",
            lambda variances, budget: (
                _level(variances, budget),
                _level(variances, budget) * (variances > _level(variances, budget)).sum(),
            ),
            "The level is right. Features under water are missing in the error. All of their variance is lost.",
        ),
        Misconception(
            "what is explained",
            lambda variances, budget: (
                _level(variances, budget),
                np.maximum(variances - _level(variances, budget), 0).sum(),
            ),
            "The level is right. The second number is the variance that the code explains. The error is what remains.",
        ),
        Misconception(
            "the same nats for each",
            lambda variances, budget: (
                np.max(variances * np.exp(-2 * budget / len(variances))),
                np.sum(variances * np.exp(-2 * budget / len(variances))),
            ),
            "You gave every feature the same number of nats. The best code leaves the same *error* in all that it "
            "describes, and that takes more nats where there is more variance.",
        ),
        Misconception(
            "one logarithm for all",
            lambda variances, budget: _with_error(variances, variances.sum() * np.exp(-2 * budget) / len(variances)),
            "You compared the summed variance with the summed error. Each feature has a rate of its own; the sum "
            "stands outside the logarithm.",
        ),
        Misconception(
            "the largest alone",
            lambda variances, budget: _with_error(variances, variances.max() * np.exp(-2 * budget)),
            "You spend the whole budget on the feature that varies most. As soon as its error has fallen to the next "
            "variance, both share what is left.",
        ),
    ],
    hints=(
        "As the level falls, the rate Σ max(0, ½ log(v_i/level)) rises. So there is one level at which it is the "
        "budget. Find it by a formula or by a search.",
        "If the k largest variances are above water: Σ_k log v_i − k log(level) = 2 · budget. Solve for the level, and "
        "ask whether these k, and no others, are above it.",
        "Begin with all features, and take the smallest away as long as it lies below the level that you find. Or let "
        "`scipy.optimize.brentq` find the zero of rate − budget. The error is Σ min(v_i, level).",
    ),
    praise="Price or budget: the level is βc, so this budget is what a linear VAE spends at β = level/c.",
)


def _correlation(log_q, size):
    constant = math.log(len(log_q) * size)
    joint = log_q.sum(-1).logsumexp(1) - constant
    return (joint - (log_q.logsumexp(1) - constant).sum(-1)).mean()


def _correlation_loop(log_q, size):
    total, count = 0.0, len(log_q)
    for row in np.asarray(log_q):
        constant = math.log(count * size)
        total += np.logaddexp.reduce(row.sum(1)) - constant
        total -= sum(np.logaddexp.reduce(column) - constant for column in row.T)
    return total / count


def _pairwise(seed, batch, latents):
    """Log q(z_il | x_j) (M, M, L) of some Gaussians and one draw from each."""
    rng = np.random.default_rng(seed)
    mean, scale = rng.normal(size=(batch, latents)), rng.uniform(0.3, 0.8, (batch, latents))
    z = mean + scale * rng.normal(size=mean.shape)
    terms = -0.5 * ((z[:, None] - mean) / scale) ** 2 - np.log(scale) - 0.5 * math.log(2 * math.pi)
    return torch.as_tensor(terms)


def _without_constant(log_q, inside):
    constant = math.log(inside) if inside else 0.0
    joint = log_q.sum(-1).logsumexp(1) - constant
    return (joint - (log_q.logsumexp(1) - constant).sum(-1)).mean()


def _correlation_law(rng):
    """One to five draws, one to four latents: codes and their images, or any table of log-densities."""
    batch, latents = rng.integers(1, 6), rng.integers(1, 5)
    if rng.random() < 0.5:
        log_q = _pairwise(rng.integers(1 << 32), batch, latents)
    else:
        log_q = torch.as_tensor(rng.normal(-2, 2, (batch, batch, latents)))
    return log_q, int(batch * rng.choice([1, 2, 7, 150]) + rng.integers(0, 3))


def _far_apart(levels):
    """Some codes whose log-densities are lower by `levels`, given for draws, images and latents."""
    return _pairwise(4, 3, 2) - torch.as_tensor(levels, dtype=torch.float64)


def _shifted_by(largest):
    """Build a misconception that takes a wrong maximum out of the log-sum-exp, once for all."""

    def correlation(log_q, size):
        constant, joint = math.log(len(log_q) * size), log_q.sum(-1)
        for_joint, for_single = largest(joint), largest(log_q)
        together = (joint - for_joint).exp().sum(1).log() + for_joint - constant
        alone = (log_q - for_single).exp().sum(1).log() + for_single - constant
        return (together - alone.sum(-1)).mean()

    return correlation


minibatch_correlation = Exercise(
    name="minibatch_correlation",
    arguments=("log_q", "size"),
    returns="total_correlation",
    reference=_correlation,
    spellings={
        "loop": _correlation_loop,
        "constants together": lambda log_q, size: (
            (log_q.sum(2).logsumexp(1) - log_q.logsumexp(1).sum(1)).mean()
            + (log_q.shape[2] - 1) * math.log(log_q.shape[0] * size)
        ),
        "scipy": lambda log_q, size: np.mean(
            special.logsumexp(log_q.numpy().sum(2), axis=1)
            - special.logsumexp(log_q.numpy() - math.log(len(log_q) * size), axis=1).sum(1)
            - math.log(len(log_q) * size)
        ),
    },
    probes=[
        (_pairwise(0, 2, 2), 10),
        (_pairwise(1, 4, 3), 60),
        (_pairwise(3, 3, 3), 90),
        # each latent is at home with another image: the estimate, which is too low, is negative
        (_tensor([[-9.0, 0.0], [0.5, -8.0]], [[0.2, -7.0], [-9.5, 0.1]]), 3),
    ],
    law=_correlation_law,
    # all densities are small; those of one draw; of one latent; of all images but the draw's own
    extremes=[
        (_far_apart(500.0), 1000),
        (_far_apart([[[1000.0]], [[0.0]], [[0.0]]]), 30),
        (_far_apart([1000.0, 0.0]), 50),
        (_far_apart(1000 * (1 - np.eye(3))[:, :, None]), 40),
    ],
    stable="logsumexp over the images, for every draw and every latent by itself; no density is computed",
    misconceptions=[
        Misconception(
            "no constant",
            lambda log_q, size: _without_constant(log_q, 0),
            "The factor 1/(NM) is missing. It stands once in the joint density and once in each of the L others, so it "
            "does not cancel.",
        ),
        Misconception(
            "only the batch",
            lambda log_q, size: _without_constant(log_q, len(log_q)),
            "You divided by M, the batch. With minibatch weighting each term has the weight 1/(NM).",
        ),
        Misconception(
            "only the data",
            lambda log_q, size: _without_constant(log_q, size),
            "You divided by N, the data. With minibatch weighting each term has the weight 1/(NM).",
        ),
        Misconception(
            "over the draws",
            lambda log_q, size: _correlation(log_q.transpose(0, 1), size),
            "The mixture runs over the wrong index. For a fixed draw z_i, the densities under all q(·|x_j) are added "
            "up: over the second axis.",
        ),
        Misconception(
            "opposite sign",
            lambda log_q, size: -_correlation(log_q, size),
            "Right but for its sign: the joint density comes first, the product of the single ones is subtracted.",
        ),
        Misconception(
            "sum over the draws",
            lambda log_q, size: _correlation(log_q, size) * len(log_q),
            "You added up over the draws. A divergence is an expectation: average over them.",
        ),
        Misconception(
            "mean of the logarithms",
            lambda log_q, size: (log_q.sum(-1).mean(1) - log_q.mean(1).sum(-1)).mean(),
            "Your two parts are always equal, so that nothing is left. It happens where log-densities are averaged in "
            "place of densities, and where the joint is put together from the latents' own log-sum-exps. For the joint "
            "add up the latents first, for each pair (i, j), and take the logsumexp over the images of that.",
        ),
        Misconception(
            "the joint alone",
            lambda log_q, size: (log_q.sum(-1).logsumexp(1) - math.log(len(log_q) * size)).mean(),
            "This is the first part, log q(z), the negative entropy of the joint. Subtract the logarithms of the "
            "marginal densities.",
        ),
        Misconception(
            "one maximum for all",
            _shifted_by(lambda terms: terms.max()),
            "Right, until one draw or one latent has far smaller densities than the rest: beside the largest of all "
            "log-densities theirs vanish. Each log-sum-exp takes out its own maximum, as torch.logsumexp does.",
        ),
        Misconception(
            "mixture over the latents",
            lambda log_q, size: (
                log_q.sum(-1).logsumexp(1)
                - math.log(len(log_q) * size)
                - (log_q.logsumexp(2) - math.log(len(log_q) * size)).sum(1)
            ).mean(),
            "For the latents alone you took the logsumexp over the latents. For each latent it runs over the images j, "
            "axis 1; afterwards the latents are summed.",
        ),
        Misconception(
            "mean over the latents",
            lambda log_q, size: (
                log_q.sum(-1).logsumexp(1)
                - math.log(len(log_q) * size)
                - (log_q.logsumexp(1) - math.log(len(log_q) * size)).mean(-1)
            ).mean(),
            "You averaged over the latents. The logarithm of a product of densities is the sum of their logarithms.",
        ),
        Misconception(
            "own image left out",
            lambda log_q, size: _correlation(
                log_q.masked_fill(torch.eye(len(log_q), dtype=torch.bool)[..., None], -math.inf), size
            ),
            "The image that a draw came from is left out of the mixture. q(z) averages over all images, so the sum "
            "over j includes j = i.",
        ),
    ],
    hints=(
        "log q(z_i) ≈ logsumexp over j of Σ_l log q(z_il | x_j), minus log(NM).",
        "For each latent alone: logsumexp over j of log q(z_il | x_j), minus log(NM). Then sum over the latents.",
        "Subtract the second from the first, and average over i.",
    ),
    praise="This term, with a weight of its own, is the penalty of the β-TCVAE.",
)


def _sorted_gap(information, entropies, place=1):
    ordered = np.sort(information, axis=0)[::-1]
    return float(np.mean((ordered[0] - ordered[place]) / entropies))


def _is_first_best(information):
    return np.arange(len(information))[:, None] == information.argmax(0)


def _gap_loop(information, entropies):
    gaps = []
    for column, entropy in zip(information.T, entropies, strict=True):
        best = int(column.argmax())
        second = max(float(value) for place, value in enumerate(column) if place != best)
        gaps.append((float(column[best]) - second) / entropy)
    return sum(gaps) / len(gaps)


def _gap_law(rng):
    """Two to five latents, one to four factors; latents that know nothing, and two that know the same."""
    latents, factors = rng.integers(2, 6), rng.integers(1, 5)
    entropies = rng.uniform(0.3, 4, factors)
    information = rng.uniform(0, 0.95, (latents, factors)) * entropies
    information[rng.random(information.shape) < 0.15] = 0.0
    if latents > 2 and rng.random() < 0.5:
        first, second = rng.permutation(latents)[:2]
        information[first, 0] = information[second, 0] = information[:, 0].max()
    return information, entropies


information_gap = Exercise(
    name="information_gap",
    arguments=("information", "entropies"),
    returns="gap",
    reference=_sorted_gap,
    spellings={
        "loop": _gap_loop,
        "torch": lambda information, entropies: (
            -torch.as_tensor(information).topk(2, dim=0).values.diff(dim=0)[0] / torch.as_tensor(entropies)
        ).mean(),
        "the best one erased": lambda information, entropies: np.average(
            (information.max(0) - np.where(_is_first_best(information), -np.inf, information).max(0)) / entropies
        ),
    },
    probes=[
        (np.array([[1.2, 0.1], [0.3, 0.4], [0.1, 0.2]]), np.array([1.5, 0.7])),
        (np.array([[0.9, 0.1, 0.2], [0.8, 0.3, 0.15], [0.0, 0.2, 1.6]]), np.array([1.0, 1.4, 2.0])),
        (np.array([[0.05, 2.9], [0.6, 0.3], [0.55, 1.0], [0.2, 0.1]]), np.array([0.69, 3.4])),
        (np.array([[0.4], [0.9], [0.9]]), np.array([1.1])),
    ],
    law=_gap_law,
    misconceptions=[
        Misconception(
            "not normalised",
            lambda information, entropies: _sorted_gap(information, np.ones_like(entropies)),
            "The gaps are in nats. Divide each by the entropy of its factor, the most that can be known, or factors "
            "with many values count more.",
        ),
        Misconception(
            "normalised by the sum",
            lambda information, entropies: _sorted_gap(information, np.full_like(entropies, entropies.mean())),
            "You divided by the average entropy. Each factor's gap is divided by its own entropy before averaging.",
        ),
        Misconception(
            "best alone",
            lambda information, entropies: float(np.mean(information.max(0) / entropies)),
            "This is how much the best latent knows. Subtract what the second best knows: the score asks whether it is "
            "alone.",
        ),
        Misconception(
            "best minus worst",
            lambda information, entropies: _sorted_gap(information, entropies, place=-1),
            "You subtracted the smallest information. The rival is the second largest.",
        ),
        Misconception(
            "best minus the mean of the others",
            lambda information, entropies: float(
                np.mean(
                    (information.max(0) - (information.sum(0) - information.max(0)) / (len(information) - 1))
                    / entropies
                )
            ),
            "You compared the best latent with the average of the others. One rival is enough to spoil a code: take "
            "the second best.",
        ),
        Misconception(
            "relative to the best",
            lambda information, entropies: float(
                np.mean(1 - np.sort(information, axis=0)[-2] / np.sort(information, axis=0)[-1])
            ),
            "You divided by the best latent's information. Then a factor that is hardly known at all can score 1. "
            "Divide by the factor's entropy.",
        ),
        Misconception(
            "over the factors",
            lambda information, entropies: float(
                np.mean(-np.diff(np.sort(information, axis=1)[:, ::-1][:, :2], axis=1)) / entropies.mean()
            ),
            "You looked for the best and second best factor of each latent. The gap is taken for each factor, between "
            "latents: along the first axis.",
        ),
        Misconception(
            "the next different value",
            lambda information, entropies: float(
                np.mean(
                    (information.max(0) - np.where(information == information.max(0), 0, information).max(0))
                    / entropies
                )
            ),
            "Right, unless two latents know exactly the same and the most: you took the next *smaller* value. The "
            "second best of them is as good as the best, and the gap is 0.",
        ),
    ],
    hints=(
        "For each column, the factor: the largest entry minus the second largest.",
        "Divide by the entropy of that factor, then average over the factors.",
        "`np.sort(information, axis=0)` has the largest entries in its last row.",
    ),
    praise="1 would mean: each factor is known completely, from one latent and no other.",
)


def _steps_law(rng):
    steps = int(rng.choice([1, 2, 5, rng.integers(3, 30), rng.integers(30, 5000)]))
    beyond = steps + int(rng.integers(1, 3 * steps + 2))
    places = [0, 1, steps - 1, steps, steps + 1, beyond, int(rng.integers(0, steps + 1)), int(rng.integers(0, steps))]
    return places[rng.integers(len(places))], steps


warm_up = Exercise(
    name="warm_up",
    arguments=("step", "steps"),
    returns="weight",
    reference=lambda step, steps: min(1.0, step / steps),
    spellings={
        "numpy": lambda step, steps: np.clip(step / steps, 0, 1),
        "condition": lambda step, steps: step / steps if step < steps else 1,
        "library": lambda step, steps: linear_schedule(step, steps),
        "table": lambda step, steps: np.linspace(0, 1, steps + 1)[min(step, steps)],
        "interp": lambda step, steps: np.interp(step, [0, steps], [0, 1]),
    },
    probes=[(1, 4), (0, 10), (9, 10), (10, 10), (37, 10), (3, 7), (2, 10), (20, 10), (0, 1), (105, 10)],
    law=_steps_law,
    misconceptions=[
        Misconception(
            "exceeds 1",
            lambda step, steps: step / steps,
            "After the warm-up the weight goes on growing. It must stay at 1.",
        ),
        Misconception(
            "off by one",
            lambda step, steps: min(1.0, (step + 1) / steps),
            "One step ahead: at step 0 the weight is 0, and 1 is reached at step `steps`.",
        ),
        Misconception(
            "one step early",
            lambda step, steps: min(1.0, step / (steps - 1)) if steps > 1 else 1.0,
            "You divided by steps − 1, so 1 is reached a step too early.",
        ),
        Misconception(
            "cooling down",
            lambda step, steps: max(0.0, 1 - step / steps),
            "This goes from 1 to 0. The weight starts at 0, so that the codes become useful before they cost anything.",
        ),
        Misconception(
            "a jump",
            lambda step, steps: step // steps if step < steps else 1,
            "The weight is 0 throughout the warm-up and then jumps to 1. It is to rise a little with every step: it is "
            "the fraction of the warm-up that is over. (Of two integers, `/` keeps the fraction, and `//` drops it.)",
        ),
        Misconception(
            "starts again",
            lambda step, steps: (step % steps) / steps,
            "After the warm-up the weight starts again from 0. (That is a schedule too, a cyclical one, but not this.)",
        ),
        Misconception(
            "the larger of the two",
            lambda step, steps: max(1.0, step / steps),
            "The weight is never below 1: during the warm-up you take the larger of the two numbers, and the smaller "
            "is wanted.",
        ),
        Misconception(
            "zero afterwards",
            lambda step, steps: step / steps if step <= steps else 0,
            "Right up to the end of the warm-up; afterwards the weight is 0 again. It must stay at 1.",
        ),
    ],
    hints=(
        "A straight line from 0 at step 0 to 1 at step `steps`.",
        "After that it stays at 1: which function takes the smaller of two numbers?",
    ),
    praise="From step `steps` on, what is trained is the ELBO itself.",
)

EXERCISES = (two_bills, water_level, minibatch_correlation, information_gap, warm_up)
