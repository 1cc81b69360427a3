"""Lesson 01, estimation: its problems, for which no formula is given."""

import numpy as np
import torch
from scipy import special

from course_utils.workshop.exercises import Exercise, Misconception


def _rates(counts, exposures, prior_shape, prior_rate):
    total, time = np.sum(counts), np.sum(exposures)
    return total / time, max(total + prior_shape - 1, 0.0) / (time + prior_rate)


def _rates_loop(counts, exposures, prior_shape, prior_rate):
    total, time = 0.0, 0.0
    for count, exposure in zip(counts, exposures, strict=True):
        total, time = total + count, time + exposure
    power = prior_shape - 1 + total
    return [total / time, power / (prior_rate + time) if power > 0 else 0.0]


def _rates_torch(counts, exposures, prior_shape, prior_rate):
    total, time = torch.as_tensor(counts).sum(), torch.as_tensor(exposures).sum()
    return total / time, torch.clamp(total + prior_shape - 1, min=0) / (time + prior_rate)


def _rates_law(rng):
    """One to six watches, short or long; a quarter of the time without any call, and often a prior that favours 0."""
    size = rng.integers(1, 7)
    hours = 10 ** rng.uniform(-3, 3) if rng.random() < 0.3 else 1.0
    busy = 300.0 if rng.random() < 0.2 else 1.0
    exposures = np.exp(rng.normal(1, 0.7, size))
    counts = rng.poisson(exposures * busy * (0.0 if rng.random() < 0.25 else rng.uniform(0.1, 2)))
    shape = rng.choice([rng.uniform(0.1, 1), 1.0, rng.uniform(1, 6)])
    return counts, hours * exposures, float(shape), float(hours * np.exp(rng.normal(0, 1)))


poisson_rate = Exercise(
    name="poisson_rate",
    arguments=("counts", "exposures", "prior_shape", "prior_rate"),
    returns=("maximum-likelihood rate", "MAP rate"),
    reference=_rates,
    spellings={"loop": _rates_loop, "torch": _rates_torch},
    probes=[
        (np.array([3, 1, 0, 4]), np.array([8.0, 8.0, 4.0, 12.0]), 5.0, 8.0),
        (np.array([0, 0]), np.array([2.0, 3.5]), 3.0, 1.0),
        (np.array([0]), np.array([6.0]), 0.5, 2.0),
        (np.array([7, 0, 2]), np.array([0.5, 10.0, 3.0]), 0.25, 4.0),
    ],
    law=_rates_law,
    draws=16,
    misconceptions=[
        Misconception(
            "average of the rates",
            lambda counts, exposures, shape, rate: (
                np.mean(counts / exposures),
                _rates(counts, exposures, shape, rate)[1],
            ),
            "You average the rates of the watches, so a watch of one hour says as much as one of twelve. Write down "
            "the log-likelihood: the counts enter it through one sum, and the hours through another.",
        ),
        Misconception(
            "exposures left out",
            lambda counts, exposures, shape, rate: _rates(counts, np.ones(len(counts)), shape, rate),
            "You count calls per watch. The watches have different lengths, and the rate is asked for per hour: "
            "a watch of t hours has the mean λt.",
        ),
        Misconception(
            "posterior mean",
            lambda counts, exposures, shape, rate: (
                np.sum(counts) / np.sum(exposures),
                (np.sum(counts) + shape) / (np.sum(exposures) + rate),
            ),
            "The maximum-likelihood rate is right. The second number is the *mean* of the posterior; the MAP is its "
            "highest point. (It is also the highest point of the density of log λ, and section 1.10 says why: "
            "the density of λ itself was asked for.)",
        ),
        Misconception(
            "below zero",
            lambda counts, exposures, shape, rate: (
                np.sum(counts) / np.sum(exposures),
                (np.sum(counts) + shape - 1) / (np.sum(exposures) + rate),
            ),
            "Right wherever the slope has a zero inside. With no call and a prior of shape below 1 the posterior falls "
            "from 0 on, and your formula gives a negative rate. The highest point then lies at the edge.",
        ),
        Misconception(
            "prior clipped by itself",
            lambda counts, exposures, shape, rate: (
                np.sum(counts) / np.sum(exposures),
                (np.sum(counts) + max(shape - 1, 0.0)) / (np.sum(exposures) + rate),
            ),
            "You forbid a − 1 to be negative. A shape below 1 pulls towards 0, and the calls may outweigh it: only the "
            "*sum* of both must not fall below 0.",
        ),
        Misconception(
            "rate read as a scale",
            lambda counts, exposures, shape, rate: _rates(counts, exposures, shape, 1 / rate),
            "You read `prior_rate` as a scale, one over the rate, as scipy.stats does. Here the prior's density "
            "contains exp(−bλ), with b in hours.",
        ),
        Misconception(
            "prior left out",
            lambda counts, exposures, shape, rate: (np.sum(counts) / np.sum(exposures),) * 2,
            "You give the maximum-likelihood rate twice. The prior adds (a − 1) log λ − bλ to the log-likelihood, and "
            "that moves the highest point.",
        ),
        Misconception(
            "watches without a call left out",
            lambda counts, exposures, shape, rate: _rates(counts, exposures * (counts > 0), shape, rate),
            "You leave out the watches in which nobody called. Their hours count: a silent night is evidence for a "
            "low rate.",
        ),
        Misconception(
            "the prior's mean",
            lambda counts, exposures, shape, rate: (np.sum(counts) / np.sum(exposures), shape / rate),
            "The maximum-likelihood rate is right. The second number is the mean of the prior alone: the calls do not "
            "appear in it.",
        ),
        Misconception(
            "prior counted for every watch",
            lambda counts, exposures, shape, rate: (
                np.sum(counts) / np.sum(exposures),
                max(np.sum(counts + shape - 1), 0.0) / np.sum(exposures + rate),
            ),
            "The prior enters once for every watch. All watches share one rate λ, and its prior stands once in "
            "log p(λ | counts).",
        ),
    ],
    hints=[
        "Write log p(counts | λ) as a function of λ. What depends on λ? Collect it into two sums.",
        "The log-posterior is A log λ − B λ + const. What are A and B, with and without the prior?",
        "Its derivative is A/λ − B. With A = Σ counts + a − 1 and B = Σ exposures + b the MAP is A/B, "
        "as long as A is not below 0; else it is 0.",
    ],
    praise="The prior acts like a − 1 calls in b hours. With a above 1, a night without a call gives no rate of zero.",
)


def _guesses(values, log_posterior):
    probabilities = special.softmax(log_posterior)
    order = np.argsort(values)
    middle = np.searchsorted(np.cumsum(probabilities[order]), 0.5)
    return probabilities @ values, values[order][middle], values[np.argmax(log_posterior)]


def _guesses_by_losses(values, log_posterior):
    """The same by the expected losses themselves."""
    probabilities = np.exp(log_posterior - special.logsumexp(log_posterior))
    distances = np.abs(values[:, None] - values)  # guess, truth
    absolute = values[np.argmin(distances @ probabilities)]
    missed = values[np.argmin((distances > 0) @ probabilities)]
    return sum(probabilities * values), absolute, missed


def _guesses_torch(values, log_posterior):
    probabilities = torch.softmax(torch.as_tensor(log_posterior), 0)
    ordered, order = torch.as_tensor(values).sort()
    middle = int((probabilities[order].cumsum(0) < 0.5).sum())
    return (probabilities * torch.as_tensor(values)).sum(), ordered[middle], values[int(probabilities.argmax())]


def _with_probabilities(probabilities_of):
    """Build a misconception that guesses correctly with other probabilities."""

    def guesses(values, log_posterior):
        probabilities = probabilities_of(values, log_posterior)
        order = np.argsort(values)
        middle = min(np.searchsorted(np.cumsum(probabilities[order]), 0.5), len(values) - 1)
        return probabilities @ values, values[order][middle], values[np.argmax(probabilities)]

    return guesses


def _guesses_law(rng):
    """Up to nine different values in any order, whose probabilities know no tie; a constant added to their logs."""
    size = rng.integers(1, 10)
    values = rng.permutation(np.cumsum(rng.uniform(0.2, 4, size))) - rng.uniform(0, 20)
    return values, rng.normal(0, 1.2, size) + rng.normal(0, 5)


best_guesses = Exercise(
    name="best_guesses",
    arguments=("values", "log_posterior"),
    returns=("guess for the squared loss", "guess for the absolute loss", "guess for the all-or-nothing loss"),
    reference=_guesses,
    spellings={"by the losses": _guesses_by_losses, "torch": _guesses_torch},
    probes=[
        (np.array([10.0, 0.0, 1.0]), np.log([0.25, 0.45, 0.3])),
        (np.arange(37.0, 400.0), -3 * np.log(np.arange(37.0, 400.0))),
        (np.array([-2.0]), np.array([4.0])),
        (np.array([3.0, -1.0, 7.0, 5.0]), np.array([0.0, 1.0, 0.4, 0.9])),
    ],
    law=_guesses_law,
    extremes=[
        (np.array([4.0, 1.0, 2.5]), np.array([-3000.0, -3001.0, -3000.7])),
        (np.array([0.0, 8.0, 3.0, 5.0]), np.array([2000.0, 2000.5, 1999.0, -2000.0])),
        (np.array([0.0, 8.0, 3.0]), np.array([-2000.0, 2000.0, 1999.0])),
        (np.array([2.0, 9.0, -1.0, 6.0]), np.array([1999.0, 1200.0, 2000.0, -3000.0])),
    ],
    stable="subtract the largest log-posterior before you exponentiate",
    misconceptions=[
        Misconception(
            "not normalised",
            _with_probabilities(lambda values, log_posterior: np.exp(log_posterior)),
            "Your probabilities do not sum to 1. `log_posterior` is known up to a constant only: divide by the sum.",
        ),
        Misconception(
            "one guess for all",
            lambda values, log_posterior: (values[np.argmax(log_posterior)],) * 3,
            "You give the most probable value three times. It loses least if only a hit counts; whoever pays by the "
            "distance would rather stand where the misses are small.",
        ),
        Misconception(
            "the mean for all",
            lambda values, log_posterior: (special.softmax(log_posterior) @ values,) * 3,
            "You give the mean three times. It is best for the squared loss. Take [10, 0, 1] and compute the other "
            "two expected losses of the mean: another guess has smaller ones.",
        ),
        Misconception(
            "not sorted",
            lambda values, log_posterior: (
                special.softmax(log_posterior) @ values,
                values[min(np.searchsorted(np.cumsum(special.softmax(log_posterior)), 0.5), len(values) - 1)],
                values[np.argmax(log_posterior)],
            ),
            "For the absolute loss you add up probabilities in the order in which the values came. Half of the "
            "probability must lie on either side *along the line*: put the values into order first.",
        ),
        Misconception(
            "middle of the list",
            lambda values, log_posterior: (
                special.softmax(log_posterior) @ values,
                np.sort(values)[len(values) // 2],
                values[np.argmax(log_posterior)],
            ),
            "For the absolute loss you take the middle one of the values. Half of the *probability* belongs on either "
            "side of the guess, not half of the list.",
        ),
        Misconception(
            "plain median",
            lambda values, log_posterior: (
                special.softmax(log_posterior) @ values,
                np.median(values),
                values[np.argmax(log_posterior)],
            ),
            "For the absolute loss you take the plain median, which knows nothing of the probabilities. Half of the "
            "*probability* belongs on either side of the guess.",
        ),
        Misconception(
            "mean not normalised",
            lambda values, log_posterior: (
                np.exp(log_posterior - log_posterior.max()) @ values,
                *_guesses(values, log_posterior)[1:],
            ),
            "The first guess is a weighted sum with weights that do not sum to 1. `log_posterior` is known up to a "
            "constant only: divide by the sum of the weights.",
        ),
        Misconception(
            "place in the sorted list",
            lambda values, log_posterior: (
                special.softmax(log_posterior) @ values,
                values[np.searchsorted(np.cumsum(special.softmax(log_posterior)[np.argsort(values)]), 0.5)],
                values[np.argmax(log_posterior)],
            ),
            "You find the right place in the sorted list, and then look it up in the list as it came. Sort the values "
            "along with their probabilities.",
        ),
        Misconception(
            "mean moved to a value",
            lambda values, log_posterior: (
                values[np.argmin(np.abs(values - special.softmax(log_posterior) @ values))],
                *_guesses(values, log_posterior)[1:],
            ),
            "You move the first guess to the nearest of the values. It may be any number, and the mean itself loses "
            "less, even where the truth can never be there.",
        ),
        Misconception(
            "place, not value",
            lambda values, log_posterior: (*_guesses(values, log_posterior)[:2], np.argmax(log_posterior)),
            "The third number is the place of the most probable value in the list. The value itself is the guess.",
        ),
        Misconception(
            "underflow",
            _with_probabilities(lambda values, log_posterior: np.exp(log_posterior) / np.exp(log_posterior).sum()),
            "Right on paper. But a log-posterior of −3000 becomes 0 and one of 2000 infinite, and 0/0 is not a number. "
            "Subtract the largest one before you exponentiate: the constant cancels.",
        ),
    ],
    hints=[
        "For each loss write the expected loss of a guess g, a sum over the values. What happens to it when g moves "
        "a little to the right?",
        "Squared: the derivative is 2(g − mean). Absolute: it is the probability to the left minus that to the right. "
        "All or nothing: 1 minus the probability of g.",
        "p = special.softmax(log_posterior): p @ values; then, with order = np.argsort(values), the first value at "
        "which np.cumsum(p[order]) reaches ½; then the value at np.argmax(p).",
    ],
    praise="A posterior is no number. Which number stands for it depends on what an error costs.",
)


def _bayes_factor(heads, tosses, alpha, beta):
    tails = tosses - heads
    return special.betaln(alpha + heads, beta + tails) - special.betaln(alpha, beta) + tosses * np.log(2)


def _bayes_factor_by_gammas(heads, tosses, alpha, beta):
    before = special.gammaln(alpha + beta) - special.gammaln(alpha) - special.gammaln(beta)
    after = special.gammaln([alpha + heads, beta + tosses - heads]).sum() - special.gammaln(alpha + beta + tosses)
    return before + after - tosses * np.log(0.5)


def _bayes_factor_one_by_one(heads, tosses, alpha, beta):
    """Each toss predicted from those before it; the order does not matter."""
    k = np.arange(max(heads, tosses - heads))
    ones, others = np.log(alpha + k[:heads]).sum(), np.log(beta + k[: tosses - heads]).sum()
    return ones + others - np.log((alpha + beta + np.arange(tosses)) / 2).sum()


def _bayes_factor_law(rng):
    tosses = int(rng.choice([0, 1, rng.integers(2, 12), rng.integers(12, 300)]))
    alpha, beta = 10 ** rng.uniform(-4, 4, 2) if rng.random() < 0.3 else np.exp(rng.normal(0.5, 0.8, 2))
    return int(rng.binomial(tosses, rng.beta(1, 1))), tosses, float(alpha), float(beta)


log_bayes_factor = Exercise(
    name="log_bayes_factor",
    arguments=("heads", "tosses", "alpha", "beta"),
    returns="log-ratio of the evidences",
    reference=_bayes_factor,
    spellings={"gammaln": _bayes_factor_by_gammas, "one by one": _bayes_factor_one_by_one},
    probes=[
        (2, 2, 1.0, 1.0),
        (3, 10, 2.0, 5.0),
        (0, 0, 0.5, 3.0),
        (70, 100, 4.0, 1.5),
        (3, 10, 5000.0, 1500.0),
        (1, 3, 4e-4, 2.0),
    ],
    law=_bayes_factor_law,
    draws=16,
    extremes=[(12012, 24000, 1.0, 1.0), (0, 3000, 2.0, 0.5), (2500, 4000, 3.0, 1.0)],
    stable="logarithms of the Beta function from the start, `special.betaln`",
    misconceptions=[
        Misconception(
            "best θ plugged in",
            lambda heads, tosses, alpha, beta: (
                special.xlogy(heads, heads / max(tosses, 1))
                + special.xlogy(tosses - heads, (tosses - heads) / max(tosses, 1))
                + tosses * np.log(2)
            ),
            "You put the best θ into the likelihood. With it the freer model can never lose. Its evidence is an "
            "*average* of the likelihood over the prior, and the prior also bets on values of θ that turn out wrong.",
        ),
        Misconception(
            "prior's normaliser left out",
            lambda heads, tosses, alpha, beta: (
                special.betaln(alpha + heads, beta + tosses - heads) + tosses * np.log(2)
            ),
            "Your prior does not integrate to 1. Without a toss both models predict the same, nothing, so the answer "
            "must be 0 there: divide by the integral of the prior's powers.",
        ),
        Misconception(
            "prior mean plugged in",
            lambda heads, tosses, alpha, beta: (
                heads * np.log(alpha / (alpha + beta))
                + (tosses - heads) * np.log(beta / (alpha + beta))
                + tosses * np.log(2)
            ),
            "You put the prior's mean into the likelihood. Averaging the likelihood over θ is something else than the "
            "likelihood at the average θ; with every toss the prior is updated.",
        ),
        Misconception(
            "count on one side only",
            lambda heads, tosses, alpha, beta: (
                _bayes_factor(heads, tosses, alpha, beta)
                + special.gammaln(tosses + 1)
                - special.gammaln(heads + 1)
                - special.gammaln(tosses - heads + 1)
            ),
            "The binomial coefficient stands in one of the evidences only. Count sequences in both or in neither: "
            "in the ratio it cancels.",
        ),
        Misconception(
            "count in the wrong evidence",
            lambda heads, tosses, alpha, beta: (
                _bayes_factor(heads, tosses, alpha, beta)
                - special.gammaln(tosses + 1)
                + special.gammaln(heads + 1)
                + special.gammaln(tosses - heads + 1)
            ),
            "The number of sequences with so many heads stands in the fair coin's evidence only. Count sequences in "
            "both or in neither: in the ratio it cancels.",
        ),
        Misconception(
            "posterior mean plugged in",
            lambda heads, tosses, alpha, beta: (
                heads * np.log((alpha + heads) / (alpha + beta + tosses))
                + (tosses - heads) * np.log((beta + tosses - heads) / (alpha + beta + tosses))
                + tosses * np.log(2)
            ),
            "You put the posterior's mean into the likelihood, and so use the data twice. The evidence averages the "
            "likelihood over the *prior*: what was predicted before the tosses.",
        ),
        Misconception(
            "underflow",
            lambda heads, tosses, alpha, beta: np.log(
                special.beta(alpha + heads, beta + tosses - heads) / special.beta(alpha, beta) / 0.5 ** float(tosses)
            ),
            "Right on paper. But with some thousand tosses both evidences become 0, and 0/0 is not a number. Stay with "
            "logarithms from the start; scipy has that of the Beta function.",
        ),
        Misconception(
            "log of the posterior's density at one half",
            lambda heads, tosses, alpha, beta: (
                (alpha + heads - 1) * np.log(0.5)
                + (beta + tosses - heads - 1) * np.log(0.5)
                - special.betaln(alpha + heads, beta + tosses - heads)
            ),
            "This is the posterior's log-density at θ = ½. It is near: the ratio wanted is the *prior's* density there "
            "divided by the posterior's. Your number still lacks the prior, and has the other sign.",
        ),
    ],
    hints=[
        "The evidence of the fair coin has no unknown: what is the probability of the sequence?",
        "The other evidence is the integral of θ^heads (1 − θ)^tails times the prior. Powers add, and the integral of "
        "such powers is a Beta function.",
        "special.betaln(alpha + heads, beta + tails) − special.betaln(alpha, beta) + tosses · log 2.",
    ],
    praise="A free parameter is paid for, without any penalty put in by hand. Lesson 03 meets the bill again as BIC.",
)

PROBLEMS = (poisson_rate, best_guesses, log_bayes_factor)
