"""Lesson 09, the β-VAE: its problems, for which no formula is given."""

import itertools

import numpy as np
import torch

from course_utils.workshop.exercises import Exercise, Misconception


def _shares(rates, distortions, highest):
    shares = []
    for rate, distortion in zip(rates, distortions, strict=True):
        lowest, uppermost = 0.0, highest
        for other_rate, other_distortion in zip(rates, distortions, strict=True):
            if other_rate > rate:
                lowest = max(lowest, (distortion - other_distortion) / (other_rate - rate))
            elif other_rate < rate:
                uppermost = min(uppermost, (other_distortion - distortion) / (rate - other_rate))
            elif other_distortion < distortion:
                uppermost = 0.0
        shares.append(max(uppermost - lowest, 0.0) / highest)
    return shares


def _shares_by_meeting_points(rates, distortions, highest):
    """Between two neighbouring prices at which any two bills are equal, one model is the cheapest."""
    prices = [0.0, highest]
    for first, second in itertools.combinations(range(len(rates)), 2):
        if rates[first] != rates[second]:
            meeting = (distortions[second] - distortions[first]) / (rates[first] - rates[second])
            prices.append(min(max(meeting, 0.0), highest))
    prices = np.sort(prices)
    middles = (prices[1:] + prices[:-1]) / 2
    cheapest = np.argmin(distortions[:, None] + np.outer(rates, middles), axis=0)
    return np.bincount(cheapest, np.diff(prices), len(rates)) / highest


def _shares_by_hull(rates, distortions, highest):
    """Walk along the lower convex hull, from the largest rate to the smallest."""
    hull = []
    for model in np.lexsort((distortions, rates)):
        if hull and rates[hull[-1]] == rates[model]:
            continue
        while len(hull) > 1 and _slope(rates, distortions, *hull[-2:]) <= _slope(rates, distortions, hull[-1], model):
            hull.pop()
        hull.append(model)
    borders = [_slope(rates, distortions, *pair) for pair in itertools.pairwise(hull)]
    shares = np.zeros(len(rates))
    shares[hull] = -np.diff(np.clip([np.inf, *borders, 0.0], 0.0, highest)) / highest
    return shares


def _slope(rates, distortions, left, right):
    """How much distortion a nat saves between two models."""
    return (distortions[left] - distortions[right]) / (rates[right] - rates[left])


def _neighbours_only(rates, distortions, highest):
    order = np.argsort(rates, kind="stable")
    with np.errstate(all="ignore"):
        slopes = -np.diff(distortions[order]) / np.diff(rates[order])
    upper, lower = np.minimum([highest, *slopes], highest), np.maximum([*slopes, 0.0], 0.0)
    shares = np.zeros(len(rates))
    shares[order] = np.clip(np.nan_to_num(upper - lower), 0.0, highest) / highest
    return shares


def _shares_ends(rates, distortions):
    """The prices at which models that are bought at some price pass on to each other."""
    meetings = []
    for first, second in itertools.combinations(range(len(rates)), 2):
        if rates[first] != rates[second]:
            meeting = (distortions[second] - distortions[first]) / (rates[first] - rates[second])
            bill = distortions[first] + meeting * rates[first]
            if meeting > 0 and bill <= np.min(distortions + meeting * rates) + 1e-9:
                meetings.append(meeting)
    return meetings


def _all_to(chosen, rates):
    return np.arange(len(rates)) == chosen


def _undominated(rates, distortions):
    """Models that no other beats in both numbers."""
    no_worse = (rates[:, None] >= rates) & (distortions[:, None] >= distortions)
    return no_worse.sum(axis=1) == 1


def _shares_law(rng):
    """One to seven models around a falling curve, some above it, some with equal rates; any highest price."""
    size = rng.integers(1, 8)
    rates = rng.uniform(0, 8, size)
    if rng.random() < 0.3:
        rates[0] = 0.0
    distortions = rng.choice([40.0, 5.0, -30.0]) + 25 * np.exp(-rates / 2) + rng.exponential(1.5, size)
    if size > 1 and rng.random() < 0.3:
        rates[-1] = rates[0]
    order = rng.permutation(size)
    return rates[order], distortions[order], float(np.exp(rng.normal(1.5, 1.0)))


market_shares = Exercise(
    name="market_shares",
    arguments=("rates", "distortions", "highest"),
    returns="shares",
    reference=_shares,
    spellings={"meeting points": _shares_by_meeting_points, "convex hull": _shares_by_hull},
    probes=[
        (np.array([0.0, 1.0, 2.0]), np.array([10.0, 6.0, 5.0]), 10.0),
        # the second model lies above the line between its neighbours
        (np.array([4.0, 2.0, 0.0, 7.0]), np.array([12.0, 22.0, 30.0, 10.5]), 8.0),
        (np.array([3.0, 3.0, 5.0, 1.0]), np.array([-7.0, -8.0, -6.5, -2.0]), 2.0),
        (np.array([2.5]), np.array([40.0]), 4.0),
        (np.array([0.0, 1.0, 2.0]), np.array([10.0, 6.0, 5.996]), 10.0),  # a model that few customers buy
    ],
    law=_shares_law,
    misconceptions=[
        Misconception(
            "neighbours only",
            _neighbours_only,
            "You compare each model with its two neighbours in rate. Where one of them is bought by nobody it is no "
            "neighbour: the next that *is* bought decides. So compare each with all others.",
        ),
        Misconception(
            "the average customer",
            lambda rates, distortions, highest: _all_to(np.argmin(distortions + highest / 2 * rates), rates),
            "You let the customer with the average price decide for all. Each decides for himself, and they decide "
            "differently.",
        ),
        Misconception(
            "the best ELBO",
            lambda rates, distortions, highest: _all_to(np.argmin(distortions + rates), rates),
            "This is the model with the best ELBO, the choice of those for whom a nat costs 1. Other customers pay "
            "other prices.",
        ),
        Misconception(
            "evenly among those bought",
            lambda rates, distortions, highest: (
                np.greater(_shares(rates, distortions, highest), 0)
                / np.count_nonzero(np.greater(_shares(rates, distortions, highest), 0))
            ),
            "You found who is bought at all, and gave each the same share. How many customers a model has is the "
            "length of its interval of prices.",
        ),
        Misconception(
            "evenly among those not beaten twice",
            lambda rates, distortions, highest: (
                _undominated(rates, distortions) / _undominated(rates, distortions).sum()
            ),
            "You ask which models are beaten in rate *and* distortion by another. A model may be the cheaper in one "
            "of them against everybody, and still never be the cheapest in the sum.",
        ),
        Misconception(
            "prices without an end",
            lambda rates, distortions, highest: _shares(
                rates, distortions, max(_shares_ends(rates, distortions), default=highest)
            ),
            "Your prices end where the last two models meet. They end at `highest`, wherever that lies.",
        ),
        Misconception(
            "the larger distortion",
            lambda rates, distortions, highest: _shares(rates, -distortions, highest),
            "You prefer the larger distortion. Both numbers are costs: the smallest D + βR is bought.",
        ),
    ],
    hints=[
        "Draw D + βR against β for each model: a straight line. Which line is the lowest, where?",
        "Model m beats j where D_m + βR_m < D_j + βR_j. That is β < (D_j − D_m)/(R_m − R_j) if R_m is the larger rate, "
        "and β > (D_m − D_j)/(R_j − R_m) if it is the smaller one.",
        "For each m: the smallest of all upper bounds and of `highest`, minus the largest of all lower bounds and of "
        "0; 0 where that is negative; divided by `highest`. Of two equal rates the one with more distortion gets 0.",
    ],
    praise="Only models on the convex hull are bought, each by those whose price lies between the slopes beside it.",
)


def _fitted(mean, log_var):
    centre = mean.mean(0)
    variance = log_var.exp().mean(0) + (mean - centre).square().mean(0)
    return centre, variance, (variance + centre.square() - 1 - variance.log()).sum() / 2


def _fitted_loop(mean, log_var):
    """By hand: what the codes cost before, minus what they cost after."""
    mean, log_var = np.asarray(mean), np.asarray(log_var)
    centres, variances, saved = [], [], 0.0
    for m, v in zip(mean.T, log_var.T, strict=True):
        centre = sum(m) / len(m)
        variance = sum(np.exp(v) + (m - centre) ** 2) / len(m)
        before = sum(np.exp(v) + m**2 - 1 - v) / 2
        after = sum(np.log(variance) - v) / 2
        saved += (before - after) / len(m)
        centres.append(centre)
        variances.append(variance)
    return centres, variances, saved


def _fitted_torch(mean, log_var):
    variance = log_var.exp().mean(0) + mean.var(0, correction=0)
    fitted = torch.distributions.Normal(mean.mean(0), variance.sqrt())
    standard = torch.distributions.Normal(torch.zeros_like(variance), 1.0)
    return fitted.mean, variance, torch.distributions.kl_divergence(fitted, standard).sum()


def _with_prior(prior_of):
    """Build a misconception about the prior: what it saves is computed rightly."""

    def answer(mean, log_var):
        centre, variance = prior_of(mean, log_var)
        before = log_var.exp() + mean.square() - 1 - log_var
        after = (log_var.exp() + (mean - centre).square()) / variance - 1 - log_var + variance.log()
        return centre, variance, (before - after).mean(0).sum() / 2

    return answer


def _with_saving(saved_of):
    """Build a misconception about what is saved, from (mean, log_var, centre, variance)."""

    def answer(mean, log_var):
        centre, variance, _ = _fitted(mean, log_var)
        return centre, variance, saved_of(mean, log_var, centre, variance)

    return answer


def _within(log_var):
    return log_var.exp().mean(0)


def _precise(mean, log_var):
    weights = (-log_var).softmax(0)
    return (weights * mean).sum(0), 1 / (-log_var).exp().mean(0)


def _codes_law(rng):
    """One to six codes of one to four latents: off the centre, wide or narrow, some collapsed."""
    count, latents = rng.integers(1, 7), rng.integers(1, 5)
    mean = rng.normal(0, 2, latents) + rng.normal(0, 1.2, (count, latents))
    log_var = rng.uniform(-3, 1, (count, latents))
    collapsed = rng.random(latents) < 0.15
    mean[:, collapsed] = log_var[:, collapsed] = 0.0
    return torch.tensor(mean), torch.tensor(log_var)


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


fitted_prior = Exercise(
    name="fitted_prior",
    arguments=("mean", "log_var"),
    returns=("prior mean", "prior variance", "saved"),
    reference=_fitted,
    spellings={"before minus after": _fitted_loop, "torch.distributions": _fitted_torch},
    probes=[
        (_tensor([1.0], [3.0]), _tensor([0.0], [0.0])),
        (_tensor([3.1, 0.0], [2.0, 0.1], [2.6, -0.2]), _tensor([-2.0, 0.0], [-1.5, 0.1], [-2.5, -0.1])),
        (_tensor([0.5, -1.0, 0.0]), _tensor([-1.0, 0.5, 0.0])),
        (_tensor([-1.0, 4.0], [2.0, 4.0]), _tensor([0.3, -3.0], [-1.0, -3.0])),
        # a narrow prior: means that agree, or a single image
        (_tensor([0.5, 1.0], [0.5, 3.0]), _tensor([-22.0, 0.0], [-23.0, 0.5])),
        (_tensor([1.5, 0.0]), _tensor([-690.0, -60.0])),
    ],
    law=_codes_law,
    extremes=[
        (_tensor([1e8 + 0.3, 0.0], [1e8 + 2.1, 1.0]), _tensor([0.0, -1.0], [0.0, 0.5])),
        (_tensor([0.4], [-0.6]), _tensor([-700.0], [-690.0])),
        (_tensor([0.0, 1.0], [1.0, 0.0]), _tensor([50.0, -700.0], [-700.0, 49.0])),
    ],
    stable="subtract the mean before you square",
    misconceptions=[
        Misconception(
            "width of the codes alone",
            _with_prior(lambda mean, log_var: (mean.mean(0), _within(log_var))),
            "Your prior is as wide as a code is on average. But the codes of different images lie in different places, "
            "and one prior has to serve them all.",
        ),
        Misconception(
            "spread of the means alone",
            _with_prior(lambda mean, log_var: (mean.mean(0), mean.var(0, correction=0))),
            "Your prior is as wide as the means are spread. A code is a density and not a point: the prior has to be "
            "wide enough for the codes around their means, too.",
        ),
        Misconception(
            "not centred",
            _with_prior(lambda mean, log_var: (mean.mean(0), _within(log_var) + mean.square().mean(0))),
            "This variance is taken around 0, the centre of the old prior. The new one has moved: measure the "
            "distances from its own mean.",
        ),
        Misconception(
            "average of log-variances",
            _with_prior(
                lambda mean, log_var: (mean.mean(0), log_var.mean(0).exp() + mean.var(0, correction=0)),
            ),
            "You averaged the log-variances. In the rate the variances stand themselves: average those.",
        ),
        Misconception(
            "precision weighted",
            _with_prior(_precise),
            "You combine the codes as if they were measurements of one thing, the sharpest counting most. The average "
            "of KL(q‖p) counts every image alike, and asks the prior to cover them all.",
        ),
        Misconception(
            "moved only",
            _with_prior(lambda mean, log_var: (mean.mean(0), torch.ones_like(mean[0]))),
            "The mean is right. The variance may be exchanged as well: which one makes the average rate smallest?",
        ),
        Misconception(
            "divided by N − 1",
            _with_prior(
                lambda mean, log_var: (
                    mean.mean(0),
                    log_var.exp().mean(0) + mean.var(0, correction=0) * len(mean) / max(len(mean) - 1, 1),
                )
            ),
            "You divide by N − 1, as one does to guess what was not seen. Nothing is guessed here: the average rate is "
            "that of these N images, so divide by N.",
        ),
        Misconception(
            "what remains",
            _with_saving(lambda mean, log_var, centre, variance: (variance.log() - log_var).mean(0).sum() / 2),
            "The prior is right. The third number is the rate that remains; asked for is how much smaller it is than "
            "before.",
        ),
        Misconception(
            "saved by moving only",
            _with_saving(lambda mean, log_var, centre, variance: centre.square().sum() / 2),
            "The prior is right. What you count is saved by moving it; its new width saves nats too.",
        ),
        Misconception(
            "the other direction",
            _with_saving(
                lambda mean, log_var, centre, variance: (
                    ((1 + centre.square()) / variance - 1 + variance.log()).sum() / 2
                )
            ),
            "The prior is right. Your third number is a KL from the old prior to the new one; what is saved is "
            "averaged over codes, and these lie where the new prior is.",
        ),
    ],
    hints=[
        "Write the rate of one latent for a prior N(m, s²): the log s and the squared distance to m appear. Average "
        "it over the images before you differentiate.",
        "The average is ½[log s² + (1/N) Σ (σ_n² + (μ_n − m)²)/s² − 1 − (1/N) Σ log σ_n²]. Set the derivatives with "
        "respect to m and s² to zero.",
        "m is the average of the means, s² the average of σ_n² + (μ_n − m)². What is saved is the average rate with "
        "m = 0, s² = 1 minus that with these: Σ ½(s² + m² − 1 − log s²) over the latents.",
    ],
    praise="What was saved is KL(new prior ‖ old prior). With q(z) itself as the prior only I(x; z) would be left of "
    "the rate.",
)


def _ceiling(entropies, rate, wanted):
    cheapest_first = np.sort(entropies)
    spent = np.concatenate([[0.0], np.cumsum(cheapest_first)])
    score = np.linspace(0, 1, len(entropies) + 1)
    return np.interp(rate, spent, score), np.interp(wanted, score, spent)


def _ceiling_loop(entropies, rate, wanted):
    left, score = rate, 0.0
    missing, needed = wanted * len(entropies), 0.0
    for entropy in sorted(entropies):
        bought = min(left, entropy)
        score += bought / entropy / len(entropies)
        left -= bought
        part = min(missing, 1.0)
        needed += part * entropy
        missing -= part
    return score, needed


def _ceiling_clipped(entropies, rate, wanted):
    entropies = np.sort(entropies)
    before = np.cumsum(entropies) - entropies
    parts = np.clip(wanted * len(entropies) - np.arange(len(entropies)), 0, 1)
    return np.mean(np.clip((rate - before) / entropies, 0, 1)), parts @ entropies


def _in_order(entropies, rate, wanted):
    spent = np.concatenate([[0.0], np.cumsum(entropies)])
    score = np.linspace(0, 1, len(entropies) + 1)
    return np.interp(rate, spent, score), np.interp(wanted, score, spent)


def _with_score(score_of):
    """Build a misconception about the score alone."""
    return lambda entropies, rate, wanted: (score_of(entropies, rate), _ceiling(entropies, rate, wanted)[1])


def _with_nats(nats_of):
    """Build a misconception about the nats alone."""
    return lambda entropies, rate, wanted: (_ceiling(entropies, rate, wanted)[0], nats_of(np.sort(entropies), wanted))


def _ceiling_law(rng):
    """One to five entropies, some equal; rates from 0 to more than all of them; any wanted score."""
    entropies = rng.uniform(0.2, 4, rng.integers(1, 6))
    if rng.random() < 0.2:
        entropies[:] = entropies[0]
    rate = rng.choice([0.0, rng.uniform(0, 0.6), rng.uniform(0, 1.3)], p=[0.05, 0.5, 0.45]) * entropies.sum()
    wanted = rng.choice([0.0, 1.0, rng.uniform(0, 1)], p=[0.05, 0.1, 0.85])
    return entropies, float(rate), float(wanted)


gap_ceiling = Exercise(
    name="gap_ceiling",
    arguments=("entropies", "rate", "wanted"),
    returns=("highest MIG", "fewest nats"),
    reference=_ceiling,
    spellings={"loop": _ceiling_loop, "clipped": _ceiling_clipped},
    probes=[
        (np.array([1.0, 3.0]), 2.0, 0.5),
        (np.log([32.0, 6.0, 32.0]), 3.0, 0.8),
        (np.array([3.5, 0.5, 2.0, 1.0]), 2.2, 0.3),
        (np.array([2.0]), 5.0, 1.0),
    ],
    law=_ceiling_law,
    misconceptions=[
        Misconception(
            "in the given order",
            _in_order,
            "You buy the factors in the order in which they are given. A nat about a factor of small entropy raises "
            "the score more: which should come first?",
        ),
        Misconception(
            "largest first",
            lambda entropies, rate, wanted: _in_order(np.sort(entropies)[::-1], rate, wanted),
            "You buy the factor with the largest entropy first. One nat raises its share by 1/H, and that is least "
            "where H is large.",
        ),
        Misconception(
            "the same share of each",
            lambda entropies, rate, wanted: (min(1.0, rate / np.sum(entropies)), wanted * np.sum(entropies)),
            "You buy the same share of every factor. Nobody demands that: nats are better spent where one of them "
            "raises the score most.",
        ),
        Misconception(
            "the same nats for each",
            _with_score(lambda entropies, rate: np.mean(np.minimum(rate / len(entropies), entropies) / entropies)),
            "The second number is right. For the first you give each factor the same number of nats, needed or not; "
            "they may be spent unequally.",
        ),
        Misconception(
            "above 1",
            _with_score(
                lambda entropies, rate: (
                    _ceiling(entropies, rate, 0)[0] + max(rate - np.sum(entropies), 0) / np.max(entropies)
                )
            ),
            "The second number is right. The first exceeds 1: once every factor is known completely, further nats "
            "buy nothing.",
        ),
        Misconception(
            "all in one factor",
            _with_score(lambda entropies, rate: np.minimum(rate / entropies, 1).max() / len(entropies)),
            "The second number is right. For the first you spend on one factor only. What it leaves can be spent on "
            "the next.",
        ),
        Misconception(
            "each with the whole rate",
            _with_score(lambda entropies, rate: np.minimum(rate / entropies, 1).mean()),
            "The second number is right. For the first every factor gets the whole rate, as if nats could be spent "
            "twice. What the code knows about independent factors adds up.",
        ),
        Misconception(
            "whole factors in the score",
            _with_score(lambda entropies, rate: np.mean(np.cumsum(np.sort(entropies)) <= rate + 1e-12)),
            "The second number is right. For the first you count factors that are known completely. A factor known "
            "half counts half.",
        ),
        Misconception(
            "whole factors in the nats",
            _with_nats(
                lambda cheapest, wanted: np.sum(cheapest[: int(np.ceil(wanted * len(cheapest) - 1e-12))]),
            ),
            "The first number is right. For the second you pay for whole factors. The last of them may be known in "
            "part, and be paid in part.",
        ),
        Misconception(
            "without the mean",
            _with_nats(lambda cheapest, wanted: _in_order(cheapest, 0.0, wanted / len(cheapest))[1]),
            "The first number is right. For the second you forget that the MIG is an average over F factors: to reach "
            "`wanted`, the shares must add up to F · `wanted`.",
        ),
    ],
    hints=[
        "At best the second best latent knows nothing of a factor. Which nats can the best one know, in total and of "
        "one factor?",
        "The shares I_k/H_k are to add up to as much as possible, with 0 ≤ I_k ≤ H_k and Σ I_k ≤ rate. What does one "
        "nat bring, spent on factor k?",
        "Sort the entropies. Buy the smallest first, completely, then the next; the last one in part. The score is a "
        "broken line over the nats spent, and the second question reads it the other way.",
    ],
    praise="The score has favourites: it pays best to learn what is small. A ceiling belongs beside every score.",
)

PROBLEMS = (market_shares, fitted_prior, gap_ceiling)
