"""Lesson 11, the denoising VAE: its problems, for which no formula is given."""

import itertools
import math

import numpy as np
import torch
from scipy import optimize, special, stats

from course_utils.workshop.exercises import Exercise, Misconception

# --- a sensor that may be dead ----------------------------------------------------------------------------------------

_LOW, _HIGH = -1.0, 2.0  # between these a dead sensor shows anything


def _possible_for_dead(readings):
    return (readings >= _LOW) & (readings <= _HIGH)


def _log_dead(readings, dead):
    """Log of the probability that a sensor is dead, times the density of its readings."""
    if not np.all(_possible_for_dead(readings)):
        return -np.inf
    return np.log(dead) - len(readings) * np.log(_HIGH - _LOW)


def _ink_if_live(readings, ink, scale):
    """Probability (N,) of ink under each reading of a live sensor."""
    return special.expit(special.logit(ink) + (2 * readings - 1) / (2 * scale**2))


def _log_live(readings, ink, scale):
    """Log-densities (N,) of the readings of a live sensor."""
    return np.logaddexp(
        np.log(ink) + stats.norm.logpdf(readings, 1, scale), np.log1p(-ink) + stats.norm.logpdf(readings, 0, scale)
    )


def _sensor(readings, ink, scale, dead):
    log_odds = _log_dead(readings, dead) - np.log1p(-dead) - _log_live(readings, ink, scale).sum()
    p_dead = special.expit(log_odds)
    return p_dead, p_dead * ink + (1 - p_dead) * _ink_if_live(readings, ink, scale)


def _sensor_torch(readings, ink, scale, dead):
    readings = torch.as_tensor(readings)
    pages = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(torch.tensor([1 - ink, ink], dtype=torch.float64)),
        torch.distributions.Normal(torch.tensor([0.0, 1.0], dtype=torch.float64), scale),
    )
    live = math.log(1 - dead) + pages.log_prob(readings).sum()
    inside = ((readings >= _LOW) & (readings <= _HIGH)).all()
    broken = math.log(dead) - len(readings) * math.log(3) if inside else -math.inf
    share = torch.softmax(torch.stack([live, live.new_tensor(broken)]), dim=0)[1]
    ink_seen = torch.sigmoid(math.log(ink / (1 - ink)) + (readings - 0.5) / scale**2)
    return share, ink_seen + share * (ink - ink_seen)


def _sensor_by_enumeration(readings, ink, scale, dead):
    """Go through all pages that can have been, each with a live and with a dead sensor."""
    logs, states = [], []
    for page in itertools.product((0, 1), repeat=len(readings)):
        page = np.array(page)
        log_page = np.where(page == 1, np.log(ink), np.log(1 - ink)).sum()
        logs.append(log_page + np.log(1 - dead) + stats.norm.logpdf(readings, page, scale).sum())
        logs.append(log_page + _log_dead(readings, dead))
        states += [np.append(page, 0), np.append(page, 1)]
    expected = special.softmax(logs) @ np.array(states)
    return expected[-1], expected[:-1]


def _with_dead(p_dead_of):
    """Build a misconception about the probability of a dead sensor; the guesses follow from it."""

    def answer(readings, ink, scale, dead):
        p_dead = p_dead_of(readings, ink, scale, dead)
        return p_dead, p_dead * ink + (1 - p_dead) * _ink_if_live(readings, ink, scale)

    return answer


def _with_guesses(guesses_of):
    """Build a misconception about the guesses, from the right probability and the readings; that one is right."""

    def answer(readings, ink, scale, dead):
        p_dead = _sensor(readings, ink, scale, dead)[0]
        return p_dead, guesses_of(p_dead, _ink_if_live(readings, ink, scale), ink)

    return answer


def _one_by_one(readings, ink, scale, dead):
    """As if each reading came from another sensor: probabilities (N,)."""
    return np.array([_sensor(readings[n : n + 1], ink, scale, dead)[0] for n in range(len(readings))])


def _same_page(readings, ink, scale, dead):
    """As if all readings were of one page."""
    totals = [stats.norm.logpdf(readings, value, scale).sum() for value in (0, 1)]
    live = np.logaddexp(np.log1p(-ink) + totals[0], np.log(ink) + totals[1]) + np.log1p(-dead)
    p_dead = special.expit(_log_dead(readings, dead) - live)
    p_ink = special.expit(special.logit(ink) + totals[1] - totals[0])
    return p_dead, np.full(len(readings), p_dead * ink + (1 - p_dead) * p_ink)


def _odds(log_dead, log_live, dead):
    return special.expit(special.logit(dead) + log_dead - log_live)


def _sensor_law(rng):
    """One to five pages through a live or a dead sensor, with little or much noise; some readings out of range."""
    count = rng.integers(1, 6)
    ink, dead = rng.uniform(0.05, 0.95), float(rng.choice([rng.uniform(0.01, 0.2), rng.uniform(0.2, 0.9)]))
    scale = float(rng.choice([rng.uniform(0.2, 0.5), rng.uniform(0.5, 1.2)]))
    page = rng.random(count) < ink
    readings = rng.uniform(_LOW, _HIGH, count) if rng.random() < 0.4 else page + scale * rng.standard_normal(count)
    return readings, float(ink), scale, dead


dead_sensor = Exercise(
    name="dead_sensor",
    arguments=("readings", "ink", "scale", "dead"),
    returns=("probability", "guesses"),
    reference=_sensor,
    spellings={"torch": _sensor_torch, "enumeration": _sensor_by_enumeration},
    probes=[
        (np.array([0.5]), 0.5, 0.5, 0.1),
        (np.array([0.1, 0.9, 1.2]), 0.3, 0.3, 0.2),
        (np.array([0.5, 1.7, -0.6, 0.4]), 0.2, 0.25, 0.05),
        (np.array([0.2, 2.3]), 0.4, 0.8, 0.5),
        (np.array([0.45, -0.9, 0.8]), 0.6, 0.7, 0.6),
        (np.array([-1.4, 0.5]), 0.3, 0.9, 0.7),
    ],
    law=_sensor_law,
    extremes=[
        (np.array([0.5, 0.5, 0.2]), 0.3, 0.01, 1e-6),
        (np.array([2.5, -1.4]), 0.3, 0.02, 0.1),
        (np.array([0.001, 1.002, 0.998, 0.0]), 0.5, 0.002, 0.1),
    ],
    stable="logarithms of densities, added up, and one sigmoid at the end",
    misconceptions=[
        Misconception(
            "each reading by itself",
            lambda readings, ink, scale, dead: (
                _sensor(readings, ink, scale, dead)[0],
                (lambda p: p * ink + (1 - p) * _ink_if_live(readings, ink, scale))(
                    _one_by_one(readings, ink, scale, dead)
                ),
            ),
            "The probability is right. But for a guess you ask again whether the sensor is dead, from that reading "
            "alone. It is dead on all pages or on none: what the other pages say of it belongs to every guess.",
        ),
        Misconception(
            "dead page by page",
            lambda readings, ink, scale, dead: (
                _one_by_one(readings, ink, scale, dead).mean(),
                (lambda p: p * ink + (1 - p) * _ink_if_live(readings, ink, scale))(
                    _one_by_one(readings, ink, scale, dead)
                ),
            ),
            "You let the sensor die and come back from page to page. It is one sensor, dead on all pages or on none: "
            "the densities of all readings multiply before live and dead are compared.",
        ),
        Misconception(
            "one page for all",
            _same_page,
            "You take all readings for readings of the same page. The pages are different, each ink or paper by "
            "itself; what they share is the sensor. So sum over ink and paper for each reading, then multiply.",
        ),
        Misconception(
            "no sensor is dead",
            _with_guesses(lambda p_dead, p_ink, ink: p_ink),
            "The probability is right, and not used: your guesses trust the sensor fully. Weigh both stories.",
        ),
        Misconception(
            "decided first",
            _with_guesses(lambda p_dead, p_ink, ink: np.where(p_dead > 0.5, ink, p_ink)),
            "The probability is right. You decide whether the sensor is dead, and guess as if that were sure. The "
            "smallest expected squared error is at the mean of the posterior, over both stories.",
        ),
        Misconception(
            "paper where the sensor is dead",
            _with_guesses(lambda p_dead, p_ink, ink: (1 - p_dead) * p_ink),
            "The probability is right. In the story of a dead sensor you guess 0. Nothing is known there but the "
            "share of ink.",
        ),
        Misconception(
            "one half where the sensor is dead",
            _with_guesses(lambda p_dead, p_ink, ink: p_dead / 2 + (1 - p_dead) * p_ink),
            "The probability is right. In the story of a dead sensor you guess ½. What is known there is the share of "
            "ink.",
        ),
        Misconception(
            "the more probable value",
            _with_guesses(lambda p_dead, p_ink, ink: (p_dead * ink + (1 - p_dead) * p_ink > 0.5).astype(float)),
            "The probability is right. Your guesses are 0 or 1, the more probable value, which errs least often. For "
            "the squared error the mean is best, and it lies between.",
        ),
        Misconception(
            "share of ink forgotten",
            lambda readings, ink, scale, dead: (
                _sensor(readings, ink, scale, dead)[0],
                (lambda p: p * ink + (1 - p) * _ink_if_live(readings, 0.5, scale))(
                    _sensor(readings, ink, scale, dead)[0]
                ),
            ),
            "The probability is right. In the story of a live sensor you compare two densities as if ink and paper "
            "were equally common. The prior odds belong there.",
        ),
        Misconception(
            "share of dead sensors forgotten",
            _with_dead(
                lambda readings, ink, scale, dead: _odds(
                    _log_dead(readings, 1.0), _log_live(readings, ink, scale).sum(), 0.5
                )
            ),
            "You compare the densities of the readings under live and dead, and forget how rare dead sensors are.",
        ),
        Misconception(
            "prior once for each page",
            _with_dead(
                lambda readings, ink, scale, dead: special.expit(
                    _log_dead(readings, 1.0)
                    - _log_live(readings, ink, scale).sum()
                    + len(readings) * special.logit(dead)
                )
            ),
            "You count the share of dead sensors once for each page. The sensor was dead or not before the first page: "
            "its prior enters once.",
        ),
        Misconception(
            "anything from a dead sensor",
            _with_dead(
                lambda readings, ink, scale, dead: _odds(
                    -len(readings) * np.log(_HIGH - _LOW), _log_live(readings, ink, scale).sum(), dead
                )
            ),
            "Nearly. A dead sensor shows nothing outside [−1, 2]: one such reading proves that the sensor lives.",
        ),
        Misconception(
            "dead density of 1",
            _with_dead(
                lambda readings, ink, scale, dead: _odds(
                    0.0 if np.all(_possible_for_dead(readings)) else -np.inf,
                    _log_live(readings, ink, scale).sum(),
                    dead,
                )
            ),
            "You give the readings of a dead sensor the density 1. Spread evenly over [−1, 2], it is ⅓, for every "
            "reading.",
        ),
    ],
    hints=[
        "Two questions in turn. Is the sensor dead, given all readings? And what is each pixel, in either story?",
        "For a live sensor a reading has the density π N(r; 1, s²) + (1 − π) N(r; 0, s²), for a dead one ⅓ inside "
        "[−1, 2] and 0 outside. Multiply over the pages, then Bayes. The guess is a mean: over both stories, weighed "
        "by their probabilities; where the sensor is dead, the readings say nothing about the page.",
        "With logarithms: live = log(1 − a) + Σ log-density, dead = log a − N log 3 or −∞; p = sigmoid(dead − live). "
        "In the live story ink has probability sigmoid(log(π/(1 − π)) + (2r − 1)/(2s²)). The guess is p π + (1 − p) "
        "times that.",
    ],
    praise="The best repair of one page needs the other pages: they tell what kind of damage it is.",
)

# --- when q̃ splits ----------------------------------------------------------------------------------------------------


def _humps(slope, jump, noise, width):
    half = abs(slope) * jump
    widest = np.sqrt(np.maximum(half**2 - (slope * noise) ** 2, 0.0))
    if width >= widest:
        return widest, 0.0
    variance = width**2 + (slope * noise) ** 2
    ratio = half**2 / variance
    # in units of variance/half the right hump is where u = ratio tanh u
    u = optimize.brentq(lambda u: ratio * np.tanh(u) - u, np.sqrt((ratio - 1) / ratio), ratio + 1, xtol=1e-14)
    return widest, 2 * u * variance / half


def _humps_by_search(slope, jump, noise, width):
    """Look for the highest point of the density to the right of the middle, on ever finer grids."""
    half, scale = abs(slope) * jump, math.hypot(width, slope * noise)
    widest = math.sqrt(max(half**2 - slope**2 * noise**2, 0.0))
    low, high = 0.0, half
    for _ in range(40):
        grid = np.linspace(low, high, 9)
        slopes = half - grid - (half + grid) * np.exp(-2 * half * grid / scale**2)
        inside = np.flatnonzero(slopes[1:] > 0)  # the density still rises there
        if len(inside) == 0:
            high = grid[1]
        else:
            low, high = grid[inside[-1] + 1], grid[min(inside[-1] + 2, 8)]
    return widest, 2 * high if width < widest else 0.0


def _humps_by_steps(slope, jump, noise, width):
    """Mean shift: each step goes to the average of the two centres, weighed by their responsibilities."""
    half, variance = abs(slope) * jump, width**2 + slope**2 * noise**2
    place = half
    for _ in range(800):
        place = half * math.tanh(half * place / variance)
    splits = half**2 > variance
    return abs(slope) * math.sqrt(max((jump - noise) * (jump + noise), 0)), 2 * place if splits else 0.0


def _with_humps(widest_of, distance_of):
    """Build a misconception from the half-distance m of the centres, the noise n in the code, and the width."""

    def answer(slope, jump, noise, width):
        half, passed = abs(slope) * jump, abs(slope) * noise
        widest = widest_of(half, passed)
        return widest, distance_of(half, passed, width) if width < widest else 0.0

    return answer


def _right_widest(half, passed):
    return np.sqrt(np.maximum(half**2 - passed**2, 0.0))


def _right_distance(half, passed, width):
    return _humps(1.0, half, passed, width)[1]


def _humps_law(rng):
    """Slopes of either sign, sometimes 0; q̃ with one hump, two that are near, two that are far."""
    slope = float(rng.choice([0.0, rng.normal(0, 2)], p=[0.05, 0.95]))
    jump = float(rng.uniform(0.1, 3))
    noise = float(rng.choice([0.0, rng.uniform(0.05, 0.9), rng.uniform(1.05, 1.5)], p=[0.2, 0.6, 0.2]) * jump)
    widest = abs(slope) * math.sqrt(max(jump**2 - noise**2, 0.0))
    factor = rng.choice([rng.uniform(0.1, 0.6), rng.uniform(0.6, 0.9), rng.uniform(1.05, 2.0)])
    return slope, jump, noise, float(factor * widest if widest > 0.05 else rng.uniform(0.3, 2))


two_humps = Exercise(
    name="two_humps",
    arguments=("slope", "jump", "noise", "width"),
    returns=("widest", "distance"),
    reference=_humps,
    spellings={"grids": _humps_by_search, "mean shift": _humps_by_steps},
    probes=[
        (1.0, 1.0, 0.0, 2.0),
        (2.0, 1.5, 0.5, 1.8),
        (-0.7, 2.0, 0.9, 0.4),
        (1.5, 0.8, 1.2, 0.3),
        (0.9, 3.0, 2.4, 0.6),
        (3.0, 0.5, 0.1, 1.3),
        (1.5, 2.0, 0.5, 2.8),
    ],
    law=_humps_law,
    extremes=[(5.0, 3.0, 0.0, 0.001), (0.05, 2.0, 1.0, 0.02), (0.0, 1.0, 0.3, 1.0), (300.0, 2.0, 0.5, 100.0)],
    stable="a tanh in the equation of the hump, and no quotient of two exponentials",
    rtol=1e-4,
    atol=1e-6,
    misconceptions=[
        Misconception(
            "humps at the centres",
            _with_humps(_right_widest, lambda half, passed, width: 2 * half),
            "The first number is right. But the humps are not at the centres of the two Gaussians: each lies on the "
            "other's slope, and is pulled inwards.",
        ),
        Misconception(
            "distance of the centres",
            lambda slope, jump, noise, width: (_humps(slope, jump, noise, width)[0], 2 * abs(slope) * jump),
            "The first number is right. The second is the distance of the two centres, whether there are two humps or "
            "one; and where there are two, they stand closer than that.",
        ),
        Misconception(
            "noise forgotten",
            _with_humps(lambda half, passed: half, lambda half, passed, width: _right_distance(half, 0.0, width)),
            "You left the Gaussian noise of the reading out. The encoder hands it on, and each hump is wider than "
            "`width`.",
        ),
        Misconception(
            "noise not passed on",
            lambda slope, jump, noise, width: (
                np.sqrt(np.maximum((slope * jump) ** 2 - noise**2, 0.0)),
                _humps(1.0, abs(slope) * jump, noise, width)[1],
            ),
            "You add the noise of the reading to the code as it is. The slope stretches it, as it stretches the jump.",
        ),
        Misconception(
            "scales added",
            _with_humps(
                lambda half, passed: max(half - passed, 0.0),
                lambda half, passed, width: _right_distance(half, 0.0, width + passed),
            ),
            "You add the two standard deviations. The sources are independent: their variances add.",
        ),
        Misconception(
            "four scales apart",
            _with_humps(
                lambda half, passed: np.sqrt(np.maximum(half**2 / 4 - passed**2, 0.0)),
                _right_distance,
            ),
            "You ask for centres four scales apart. Two humps appear earlier: look at the curvature of the density in "
            "the middle, which changes its sign where the centres are two scales apart.",
        ),
        Misconception(
            "one scale apart",
            _with_humps(
                lambda half, passed: np.sqrt(np.maximum(4 * half**2 - passed**2, 0.0)),
                lambda half, passed, width: _right_distance(half, passed, width),
            ),
            "You ask for centres one scale apart. They are 2 × slope × jump apart, and then still one hump: in the "
            "middle the density bends down until they are two scales apart.",
        ),
        Misconception(
            "with the sign of the slope",
            lambda slope, jump, noise, width: tuple(
                np.copysign(1.0, slope) * value for value in _humps(slope, jump, noise, width)
            ),
            "Right where the slope is positive. A negative one turns the code round, and with it the humps, as many "
            "and as far apart as before. A distance has no sign, nor has a standard deviation.",
        ),
        Misconception(
            "from the middle",
            _with_humps(_right_widest, lambda half, passed, width: _right_distance(half, passed, width) / 2),
            "The first number is right. The second is the way from the middle to one hump; from hump to hump it is "
            "twice as far.",
        ),
        Misconception(
            "one step inwards",
            _with_humps(
                _right_widest,
                lambda half, passed, width: 2 * half * np.tanh(half**2 / (width**2 + passed**2)),
            ),
            "The first number is right. For the second you went one step inwards from the centres. From where you "
            "arrive, the same reasoning leads further: repeat it until nothing moves.",
        ),
        Misconception(
            "two standard deviations of q̃",
            _with_humps(
                _right_widest,
                lambda half, passed, width: 2 * np.sqrt(half**2 - width**2 - passed**2),
            ),
            "The first number is right. The second is right near the split only: there is no formula with a root for "
            "the place of a hump. Set the derivative of the density to 0, and solve by machine.",
        ),
    ],
    hints=[
        "What is q̃? Two Gaussians of equal weight: where are their centres, and how wide is each, once the noise of "
        "the reading has gone through the encoder?",
        "Centres at ±m with m = |slope| · jump, variance v = width² + slope² noise². By symmetry it is the middle that "
        "decides: a hollow there means two humps. The second derivative of the density at 0 has the sign of m² − v.",
        "The first: the root of m² − slope² noise², or 0 where that is negative. The second: the derivative vanishes "
        "where z = m tanh(m z/v); take the positive solution, by scipy.optimize.brentq or by repeating z ← m tanh(m "
        "z/v) from z = m, and double it.",
    ],
    praise="Noise that jumps can split q̃; Gaussian noise only widens it. If it is as wide as the jump, no slope helps.",
)

# --- judged without a clean picture -----------------------------------------------------------------------------------


def _judged(first, second, guess):
    variance = np.mean((first - second) ** 2) / 2
    return variance, np.mean((guess - second) ** 2) - variance


def _judged_torch(first, second, guess):
    first, second, guess = map(torch.as_tensor, (first, second, guess))
    middle = (first + second) / 2
    variance = ((first - middle).square() + (second - middle).square()).mean()
    return variance, torch.nn.functional.mse_loss(guess, second) - variance


def _judged_loop(first, second, guess):
    differences, misses = [], []
    for one, other, said in zip(first.ravel(), second.ravel(), guess.ravel(), strict=True):
        differences.append((one - other) ** 2)
        misses.append((said - other) ** 2 - (one - other) ** 2 / 2)
    return sum(differences) / len(differences) / 2, sum(misses) / len(misses)


def _with_judgement(variance_of, error_of):
    """Build a misconception from the two copies and the guess; the error may use the variance."""

    def answer(first, second, guess):
        variance = variance_of(first, second)
        return variance, error_of(first, second, guess, variance)

    return answer


def _right_variance(first, second):
    return np.mean((first - second) ** 2) / 2


def _right_error(first, second, guess, variance):
    return np.mean((guess - second) ** 2) - variance


def _judged_law(rng):
    """One to five pictures of one to five pixels; guesses that copy, that shrink, or that say always the same."""
    shape = tuple(rng.integers(1, 6, 2))
    clean = rng.normal(0, 1, shape) + rng.normal(0, 1)
    scale = rng.uniform(0.2, 1.5)
    first, second = (clean + scale * rng.standard_normal(shape) for _ in range(2))
    guess = [first.copy(), rng.uniform(0.2, 0.9) * first + 0.1, np.full(shape, rng.normal())][rng.integers(3)]
    return first, second, guess


without_truth = Exercise(
    name="without_truth",
    arguments=("first", "second", "guess"),
    returns=("variance", "error"),
    reference=_judged,
    spellings={"torch": _judged_torch, "loop": _judged_loop},
    probes=[
        (np.array([[1.0]]), np.array([[3.0]]), np.array([[2.0]])),
        (
            np.array([[0.2, 1.1, -0.3], [0.8, 0.4, 1.9]]),
            np.array([[0.5, 0.7, 0.1], [1.2, -0.4, 1.6]]),
            np.array([[0.3, 0.9, 0.0], [0.7, 0.4, 1.4]]),
        ),
        (
            np.array([[2.0, -1.0], [0.5, 0.4], [1.3, 0.6]]),
            np.array([[1.6, -0.2], [0.9, 0.1], [1.0, 1.5]]),
            np.array([[2.0, -1.0], [0.5, 0.4], [1.3, 0.6]]),
        ),
    ],
    law=_judged_law,
    misconceptions=[
        Misconception(
            "difference taken for noise",
            _with_judgement(lambda first, second: np.mean((first - second) ** 2), _right_error),
            "You take the variance of the difference for that of the noise. Both copies are noisy, so their difference "
            "has twice the variance.",
        ),
        Misconception(
            "maximum likelihood",
            _with_judgement(lambda first, second: np.mean((first - second) ** 2) / 4, _right_error),
            "You measured the scatter around the mean of each pair, and divided by the number of readings: the "
            "likelihood's maximum. It is half of what it should be, and stays so with ever more pairs, since each "
            "brings a clean value that has to be estimated too (Neyman and Scott, 1948).",
        ),
        Misconception(
            "mean of the differences removed",
            _with_judgement(lambda first, second: np.var(first - second) / 2, _right_error),
            "You took the mean of the differences off. It is known to be 0, and taking off an estimate of it makes the "
            "variance too small: average the squares as they are.",
        ),
        Misconception(
            "mean of the differences removed, N − 1",
            _with_judgement(
                lambda first, second: (
                    np.var(first - second, ddof=1) / 2 if first.size > 1 else _right_variance(first, second)
                ),
                _right_error,
            ),
            "Unbiased; but the mean of the differences is known to be 0, and you estimate it: that wastes one of them, "
            "and a single reading each would give nothing. Average the squares as they are.",
        ),
        Misconception(
            "standard deviation",
            _with_judgement(
                lambda first, second: np.sqrt(_right_variance(first, second)),
                lambda first, second, guess, variance: _right_error(first, second, guess, variance**2),
            ),
            "The first number is the standard deviation of the noise. The variance was asked for.",
        ),
        Misconception(
            "judged by the second copy as it is",
            _with_judgement(_right_variance, lambda first, second, guess, variance: np.mean((guess - second) ** 2)),
            "The variance is right. Your error is the distance to the second copy. That copy is noisy too: the clean "
            "value would be missed by less, and you know by how much.",
        ),
        Misconception(
            "judged by what it saw",
            _with_judgement(
                _right_variance, lambda first, second, guess, variance: np.mean((guess - first) ** 2) - variance
            ),
            "The variance is right. You compare the guess with the copy from which it was made, whose noise it has "
            "seen: a network that copies would have an error of −variance. The second copy is independent.",
        ),
        Misconception(
            "judged by the mean of both",
            _with_judgement(
                _right_variance,
                lambda first, second, guess, variance: np.mean((guess - (first + second) / 2) ** 2) - variance / 2,
            ),
            "The variance is right. You compare with the mean of both copies. It is closer to the truth, but it holds "
            "the noise that the guess has seen: the cross term does not vanish.",
        ),
        Misconception(
            "noise of both copies taken off",
            _with_judgement(
                _right_variance, lambda first, second, guess, variance: np.mean((guess - second) ** 2) - 2 * variance
            ),
            "The variance is right. You take the noise of both copies off. That of the first is what the guess got "
            "wrong or right: it belongs to the error.",
        ),
        Misconception(
            "no negative error",
            _with_judgement(
                _right_variance,
                lambda first, second, guess, variance: max(_right_error(first, second, guess, variance), 0.0),
            ),
            "You cut a negative estimate off at 0. Then it is no longer right on average, which was asked for.",
        ),
        Misconception(
            "against the first copy's noise",
            _with_judgement(
                _right_variance,
                lambda first, second, guess, variance: variance - np.mean((guess - first) ** 2),
            ),
            "The variance is right. You take how much the guess changed for how much it mended: a guess that changes "
            "much need not come nearer. Compare with a copy that it has not seen.",
        ),
    ],
    hints=[
        "Call the clean value x and write first = x + a, second = x + b. Which expectations do you know, and in which "
        "combination does x drop out?",
        "E(first − second)² = 2 s². And E(guess − second)² = E(guess − x)² − 2 E[(guess − x) b] + s². What is the "
        "middle term, if the guess was made from the first copy alone?",
        "The variance is mean((first − second)²)/2. The middle term is 0, since b is independent of the guess: the "
        "error is mean((guess − second)²) minus the variance.",
    ],
    praise="So a denoiser can be judged, and even trained, with no clean picture at all: the second copy as the target "
    "has the same best answer.",
)

PROBLEMS = (dead_sensor, two_humps, without_truth)
