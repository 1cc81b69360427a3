"""Lesson 02, mixtures of Gaussians: its exercises."""

import numpy as np
import torch
from scipy import special, stats

from course_utils.workshop.exercises import Exercise, Misconception


def _labels(uniforms, weights):
    return np.searchsorted(np.cumsum(weights)[:-1], uniforms, side="right")


def _ancestral(uniforms, noise, weights, means, scales):
    labels = _labels(uniforms, weights)
    return means[labels] + scales[labels] * noise


def _ancestral_loop(uniforms, noise, weights, means, scales):
    result = []
    for u, e in zip(uniforms, noise, strict=True):
        k, reached = 0, weights[0]
        while u >= reached and k < len(weights) - 1:
            k += 1
            reached += weights[k]
        result.append(means[k] + scales[k] * e)
    return result


def _ancestral_torch(uniforms, noise, weights, means, scales):
    edges = torch.cumsum(torch.as_tensor(weights), 0)[:-1]
    labels = torch.bucketize(torch.as_tensor(uniforms), edges, right=True)
    return torch.as_tensor(means)[labels] + torch.as_tensor(scales)[labels] * torch.as_tensor(noise)


def _with_labels(choose):
    """Build a misconception that draws correctly from wrongly chosen labels."""

    def sample(uniforms, noise, weights, means, scales):
        labels = choose(uniforms, weights)
        return means[labels] + scales[labels] * noise

    return sample


def _parameters(rng):
    """One mixture: weights, means, scales; one to twelve components, equal means, narrow and rare ones, any unit."""
    size = rng.integers(5, 13) if rng.random() < 0.1 else rng.integers(1, 5)
    means = rng.normal(0, 4, size)
    if rng.random() < 0.2:
        means[:] = means[0]
    weights = rng.dirichlet(np.full(size, 2.0))
    if rng.random() < 0.3:
        weights = special.softmax(rng.uniform(-20, 0, size))
    unit = 10 ** rng.uniform(-4, 4) if rng.random() < 0.3 else 1.0
    return weights, unit * means, unit * np.exp(rng.normal(-0.3, 0.8, size))


def _sampling_law(rng):
    """Draw uniform numbers anywhere, and some a millionth beside a cut."""
    count = rng.integers(1, 7)
    weights, means, scales = _parameters(rng)
    uniforms = rng.random(count)
    if len(weights) > 1 and weights.min() > 1e-4:
        uniforms[0] = rng.choice(np.cumsum(weights)[:-1]) + rng.choice([-1e-6, 1e-6])
    return uniforms, rng.standard_normal(count), weights, means, scales


_RNG = np.random.default_rng(21)
_SAMPLING_PROBES = [
    (
        np.array([0.1, 0.5, 0.95, 0.29]),
        np.array([0.0, 1.0, -2.0, 0.5]),
        np.array([0.3, 0.7]),
        np.array([-1.0, 5.0]),
        np.array([0.5, 2.0]),
    ),
    (
        _RNG.random(40),
        _RNG.standard_normal(40),
        np.array([0.2, 0.5, 0.3]),
        np.array([0.0, 10.0, -4.0]),
        np.array([1.5, 0.1, 3.0]),
    ),
    (np.array([0.999]), np.array([1.0]), np.array([0.25, 0.25, 0.25, 0.25]), np.arange(4.0), np.full(4, 0.2)),
]

ancestral_sample = Exercise(
    name="ancestral_sample",
    arguments=("uniforms", "noise", "weights", "means", "scales"),
    returns="samples",
    reference=_ancestral,
    spellings={"loop": _ancestral_loop, "torch": _ancestral_torch},
    probes=_SAMPLING_PROBES,
    law=_sampling_law,
    misconceptions=[
        Misconception(
            "one label for all",
            _with_labels(lambda uniforms, weights: np.full(len(uniforms), _labels(uniforms[:1], weights)[0])),
            "All points come from the same component. The label is drawn anew for every point: "
            "point n uses uniforms[n].",
        ),
        Misconception(
            "variance for scale",
            lambda uniforms, noise, weights, means, scales: (
                means[_labels(uniforms, weights)] + scales[_labels(uniforms, weights)] ** 2 * noise
            ),
            "The labels are right, but the noise is multiplied by the variance. `scales` are standard deviations.",
        ),
        Misconception(
            "average of the components",
            lambda uniforms, noise, weights, means, scales: weights @ means + (weights @ scales) * noise,
            "You mix the components' samples; a mixture chooses. An average of two bell curves' draws has one hump, "
            "and a mixture may have two.",
        ),
        Misconception(
            "weights ignored",
            _with_labels(lambda uniforms, weights: (uniforms * len(weights)).astype(int)),
            "Every component is chosen equally often. Component k should be chosen with probability weights[k]: "
            "compare the uniform number with the cumulative sum of the weights.",
        ),
        Misconception(
            "not accumulated",
            _with_labels(
                lambda uniforms, weights: np.minimum((uniforms[:, None] >= weights).sum(axis=1), len(weights) - 1)
            ),
            "You compare the uniform number with the weights themselves. The bounds of the intervals are their "
            "cumulative sums: w₁, w₁ + w₂, …",
        ),
        Misconception(
            "labels returned",
            lambda uniforms, noise, weights, means, scales: _labels(uniforms, weights),
            "These are the labels, the first of two draws. Each point is then drawn from its component: its mean plus "
            "its scale times the noise.",
        ),
        Misconception(
            "labels from one",
            _with_labels(lambda uniforms, weights: _labels(uniforms, weights) - 1),
            "Every label is one too low (and the first component becomes the last). What the text calls component 1 "
            "has the index 0 in Python; np.searchsorted counts from 0 already.",
        ),
        Misconception(
            "largest weight",
            _with_labels(lambda uniforms, weights: np.full(len(uniforms), np.argmax(weights))),
            "You always take the most probable component; the others must get their share.",
        ),
    ],
    hints=[
        "Two steps for each point: choose a label with uniforms[n], then draw from that component with noise[n].",
        "Lay the weights end to end on the interval from 0 to 1. In which piece does uniforms[n] fall?",
        "labels = np.searchsorted(np.cumsum(weights)[:-1], uniforms, side='right'); then index means and scales.",
    ],
    praise="First the cause, then the effect: this order is what 'ancestral' means.",
)


def _log_joint(data, weights, means, scales):
    return np.log(weights) + stats.norm.logpdf(data[:, None], means, scales)


def _mixture_log_prob(data, weights, means, scales):
    return special.logsumexp(_log_joint(data, weights, means, scales), axis=1)


def _mixture_log_prob_loop(data, weights, means, scales):
    result = []
    for x in data:
        terms = [
            np.log(w) - 0.5 * np.log(2 * np.pi * s**2) - (x - m) ** 2 / (2 * s**2)
            for w, m, s in zip(weights, means, scales, strict=True)
        ]
        top = max(terms)
        result.append(top + np.log(sum(np.exp(term - top) for term in terms)))
    return np.array(result)


def _log_joint_by_hand(data, weights, means, scales):
    distances = (data[:, None] - means) / scales
    return np.log(weights) - np.log(scales) - 0.5 * np.log(2 * np.pi) - 0.5 * distances**2


def _mixture_log_prob_by_hand(data, *parameters):
    table = _log_joint_by_hand(data, *parameters)
    tops = table.max(axis=1)
    return tops + np.log(np.exp(table - tops[:, None]).sum(axis=1))


def _responsibilities_by_hand(data, *parameters):
    table = _log_joint_by_hand(data, *parameters)
    odds = np.exp(table - table.max(axis=1)[:, None])
    return odds / odds.sum(axis=1)[:, None]


def _mixture_torch(weights, means, scales):
    components = torch.distributions.Normal(torch.as_tensor(means), torch.as_tensor(scales))
    return torch.distributions.MixtureSameFamily(torch.distributions.Categorical(torch.as_tensor(weights)), components)


def _mixture_law(rng):
    weights, means, scales = _parameters(rng)
    # within some widths of a component, where nothing underflows
    count = rng.integers(1, 6)
    near = rng.integers(len(means), size=count)
    data = means[near] + scales[near] * rng.normal(0, 2, count)
    if count > 1 and rng.random() < 0.3:
        data[1] = data[0]
    return data, weights, means, scales


_MIXTURE_PROBES = [
    (np.array([0.0, 1.0, 4.0]), np.array([0.3, 0.7]), np.array([0.0, 5.0]), np.array([1.0, 2.0])),
    (
        np.array([54.0, 79.0, 67.0, 100.0]),
        np.array([0.36, 0.64]),
        np.array([54.6, 80.1]),
        np.array([5.9, 5.9]),
    ),
    (np.array([0.7]), np.array([0.9, 0.1]), np.array([0.0, 0.7]), np.array([1.0, 1e-3])),
    (np.array([3e-5, -1.3e-4, 0.0]), np.array([1.0 - 2e-9, 2e-9]), np.array([0.0, -1.3e-4]), np.array([2e-5, 1e-5])),
]

# Every density underflows: beside ordinary points, at a tie, where the wider component wins, 10 000 widths away, and
# for a component that can be left out beside one that cannot.
_FAR_OUT = [
    (np.array([-150.0, 0.5, 141.0]), np.array([0.2, 0.5, 0.3]), np.array([0.0, 1.0, 2.0]), np.array([1.0, 0.5, 1.0])),
    (np.array([-300.0, 300.0]), np.array([0.25, 0.75]), np.array([-1.0, -1.0]), np.array([1.5, 1.5])),
    (np.array([60.0, -61.0]), np.array([0.6, 0.4]), np.array([0.5, -0.5]), np.array([1.0, 1.4])),
    (np.array([1e4, 0.0, -1e4]), np.array([0.7, 0.3]), np.array([1e-4, -1e-4]), np.array([1.0, 1.0])),
    (np.array([-80.0, 80.0, 0.0]), np.array([0.5, 0.5]), np.array([-80.0, 80.0]), np.array([1.0, 1.0])),
]

mixture_log_prob = Exercise(
    name="mixture_log_prob",
    arguments=("data", "weights", "means", "scales"),
    returns="log-density",
    reference=_mixture_log_prob,
    spellings={
        "by hand": _mixture_log_prob_by_hand,
        "loop": _mixture_log_prob_loop,
        "torch": lambda data, *parameters: _mixture_torch(*parameters).log_prob(torch.as_tensor(data)),
        "logaddexp": lambda data, *parameters: np.logaddexp.reduce(_log_joint(data, *parameters), axis=1),
    },
    probes=_MIXTURE_PROBES,
    law=_mixture_law,
    extremes=_FAR_OUT,
    stable="log-densities (logpdf, or the formula), never densities, and log-sum-exp over the components of each point",
    misconceptions=[
        Misconception(
            "sum of the logs",
            lambda data, *parameters: _log_joint(data, *parameters).sum(axis=1),
            "You sum the logarithms. The density is a sum over the components, so the sum stands inside the logarithm: "
            "log Σ, not Σ log.",
        ),
        Misconception(
            "weighted sum of the logs",
            lambda data, weights, means, scales: stats.norm.logpdf(data[:, None], means, scales) @ weights,
            "This is the average of the log-densities, Σ π log N; the log of the average, log Σ π N, is asked for. "
            "The two differ, and the first is never larger: Jensen's inequality, lesson 03.",
        ),
        Misconception(
            "weights left out",
            lambda data, weights, means, scales: special.logsumexp(
                stats.norm.logpdf(data[:, None], means, scales), axis=1
            ),
            "The weights are missing. In log form each component gets log π added.",
        ),
        Misconception(
            "equal weights",
            lambda data, weights, means, scales: (
                special.logsumexp(stats.norm.logpdf(data[:, None], means, scales), axis=1) - np.log(len(weights))
            ),
            "You average over the components as if they were equally frequent; weights[k] says how frequent each is.",
        ),
        Misconception(
            "underflow",
            lambda data, weights, means, scales: np.log(stats.norm.pdf(data[:, None], means, scales) @ weights),
            "Right on paper. But far from all components the densities are too small for the machine and become 0, "
            "and log 0 = −∞, whatever is done afterwards. Begin with log-densities, add log weights, and let "
            "log-sum-exp put them together.",
        ),
        Misconception(
            "weights not logged",
            lambda data, weights, means, scales: special.logsumexp(
                weights + stats.norm.logpdf(data[:, None], means, scales), axis=1
            ),
            "You add the weights to log-densities. A factor π becomes a summand log π.",
        ),
        Misconception(
            "one Gaussian",
            lambda data, weights, means, scales: stats.norm.logpdf(
                data, weights @ means, np.sqrt(weights @ (scales**2 + (means - weights @ means) ** 2))
            ),
            "You put one Gaussian with the mixture's mean and variance in its place. A mixture may have two humps: its "
            "density is the weighted sum of the components'.",
        ),
        Misconception(
            "largest term only",
            lambda data, *parameters: _log_joint(data, *parameters).max(axis=1),
            "You keep only the most probable component. The density sums over all of them.",
        ),
        Misconception(
            "total",
            lambda data, *parameters: _mixture_log_prob(data, *parameters).sum(),
            "You summed over the data as well; one number per point is asked for, shape (N,).",
        ),
    ],
    hints=[
        "Make a table of shape (N, K): log weights[k] + log N(x_n | means[k], scales[k]).",
        "data[:, None] against arrays of shape (K,) gives that table. Then sum over k, but of the exponentials.",
        "special.logsumexp(table, axis=1), or take the maximum of each row out as in lesson 00.",
    ],
    praise="It holds even 10 000 nats below the peak.",
)


def _responsibilities(data, *parameters):
    log_joint = _log_joint(data, *parameters)
    return np.exp(log_joint - special.logsumexp(log_joint, axis=1, keepdims=True))


def _responsibilities_loop(data, weights, means, scales):
    rows = []
    for x in data:
        components = zip(weights, means, scales, strict=True)
        terms = np.array([np.log(w) + stats.norm.logpdf(x, m, s) for w, m, s in components])
        odds = np.exp(terms - terms.max())
        rows.append(odds / odds.sum())
    return np.array(rows)


def _responsibilities_torch(data, weights, means, scales):
    mixture = _mixture_torch(weights, means, scales)
    x = torch.as_tensor(data)[:, None]
    return torch.softmax(mixture.component_distribution.log_prob(x) + torch.as_tensor(weights).log(), dim=1)


def _one_hot(data, *parameters):
    log_joint = _log_joint(data, *parameters)
    return np.eye(log_joint.shape[1])[log_joint.argmax(axis=1)]


responsibilities = Exercise(
    name="responsibilities",
    arguments=("data", "weights", "means", "scales"),
    returns="responsibilities",
    reference=_responsibilities,
    spellings={
        "by hand": _responsibilities_by_hand,
        "loop": _responsibilities_loop,
        "torch": _responsibilities_torch,
        "softmax": lambda data, *parameters: special.softmax(_log_joint(data, *parameters), axis=1),
    },
    probes=_MIXTURE_PROBES,
    law=_mixture_law,
    extremes=_FAR_OUT,
    stable="log-densities (logpdf, or the formula), never densities, and log-sum-exp over the components of each point",
    misconceptions=[
        Misconception(
            "not normalised",
            lambda data, *parameters: np.exp(_log_joint(data, *parameters)),
            "These are the joint densities π N(x | k); Bayes' rule divides them by their sum over k.",
        ),
        Misconception(
            "normalised over the data",
            lambda data, *parameters: special.softmax(_log_joint(data, *parameters), axis=0),
            "You normalise over the data: your columns sum to 1. Each point must be shared out among the components, "
            "so the rows sum to 1.",
        ),
        Misconception(
            "weights left out",
            lambda data, weights, means, scales: special.softmax(
                stats.norm.logpdf(data[:, None], means, scales), axis=1
            ),
            "The weights are missing. A frequent component claims more than a rare one at the same distance: "
            "π is the prior in Bayes' rule.",
        ),
        Misconception(
            "left in logs",
            lambda data, *parameters: (
                _log_joint(data, *parameters) - special.logsumexp(_log_joint(data, *parameters), axis=1, keepdims=True)
            ),
            "These are the logarithms of the responsibilities: exponentiate at the end.",
        ),
        Misconception(
            "hard",
            _one_hot,
            "This gives each point to one component altogether. The responsibilities are probabilities; between "
            "two components they are shared.",
        ),
        Misconception(
            "underflow",
            lambda data, weights, means, scales: (
                (weights * stats.norm.pdf(data[:, None], means, scales))
                / (weights * stats.norm.pdf(data[:, None], means, scales)).sum(axis=1, keepdims=True)
            ),
            "Right on paper, but far from all components every density becomes 0, and 0/0 is not a number. "
            "Begin with log-densities, subtract the log-density of the mixture, and exponentiate last.",
        ),
        Misconception(
            "transposed",
            lambda data, *parameters: _responsibilities(data, *parameters).T,
            "The numbers are right, but the table lies on its side: rows are points, columns are components, (N, K).",
        ),
    ],
    hints=[
        "Bayes' rule: prior π_k times likelihood N(x | k), divided by their sum over k.",
        "In logarithms: log-joint minus the log-density of the mixture; then exponentiate.",
        "special.softmax(log_joint, axis=1) does both.",
    ],
    praise="This is the posterior of the latent variable, in closed form. Enjoy it while it lasts.",
)


def _anomalies(training_log_prob, new_log_prob, share):
    return new_log_prob < np.quantile(training_log_prob, share)


# All definitions of a quantile that NumPy knows.
_QUANTILES = ("linear", "lower", "higher", "midpoint", "nearest", "hazen", "weibull", "inverted_cdf")
_QUANTILES += ("averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf")
_QUANTILES += ("median_unbiased", "normal_unbiased")


def _anomalies_law(rng):
    """Log-densities and a share; the new ones are such that all definitions of a quantile decide alike.

    Two new ones lie a little below and above all that may be called the quantile, and none lies between. Some training
    points are equal, some shares are small or large, and the log-densities lie at any level.
    """
    level = rng.choice([-3.0, rng.normal(0, 1000)])
    training = rng.normal(level, 2, rng.choice([rng.integers(1, 20), rng.integers(20, 300)]))
    if rng.random() < 0.4:
        training[rng.random(len(training)) < rng.uniform(0, 0.9)] = training.min()
    share = float(rng.choice([rng.uniform(0.02, 0.98), rng.uniform(0.001, 0.02), rng.uniform(0.98, 0.999)]))
    levels = [np.quantile(training, share, method=method) for method in _QUANTILES]
    levels.append(np.sort(training)[int(share * len(training))])
    low, high = min(levels), max(levels)
    near = rng.normal(levels[0], 0.5, rng.integers(1, 6))
    new = np.concatenate([near, rng.normal(level, 3, 2), [low - 1e-3, high + 1e-3]])
    new = new[(new < low) | (new > high)]
    return training, rng.permutation(new), share


_LOG_PROBS = stats.norm.logpdf(np.random.default_rng(5).standard_normal(400))

anomalies = Exercise(
    name="anomalies",
    arguments=("training_log_prob", "new_log_prob", "share"),
    returns="flags",
    reference=_anomalies,
    spellings={
        "loop": lambda training, new, share: [float(value) < np.quantile(training, share) for value in new],
        "torch": lambda training, new, share: torch.as_tensor(new) < torch.quantile(torch.as_tensor(training), share),
        "percentile": lambda training, new, share: np.less(new, np.percentile(training, 100 * share)),
        "counted": lambda training, new, share: [np.mean(training < value) < share for value in new],
    },
    probes=[
        (np.arange(101.0), np.array([3.0, 50.0, 99.0, 7.5, 2.5]), 0.05),
        (_LOG_PROBS, np.array([-0.95, -6.0, -1.5, -3.2, -20.0]), 0.02),
        (_LOG_PROBS - 1000, np.array([-1000.95, -1006.0, -1001.5, -950.0]), 0.1),
        (_LOG_PROBS + 800, np.array([799.05, 794.0, 798.5, 850.0]), 0.1),
        (_LOG_PROBS, np.array([-3.7, -6.0, -4.1, -1.0]), 0.004),
        (np.linspace(-3000.0, 0.0, 61), np.array([-100.0, -1600.0, -2000.0, -1000.0]), 0.5),
        (np.array([-3.0]), np.array([-4.0]), 0.5),
    ],
    law=_anomalies_law,
    misconceptions=[
        Misconception(
            "wrong tail",
            lambda training, new, share: new > np.quantile(training, 1 - share),
            "You flag the points of *highest* density, the most ordinary ones. An anomaly has a low density.",
        ),
        Misconception(
            "wrong quantile",
            lambda training, new, share: new < np.quantile(training, 1 - share),
            "Your threshold is the upper quantile, so nearly everything lies below it and is flagged. "
            "Use the lower one.",
        ),
        Misconception(
            "the normal ones",
            lambda training, new, share: new >= np.quantile(training, share),
            "The threshold is right, the inequality is turned round: you flag the points that are fine.",
        ),
        Misconception(
            "threshold from the new data",
            lambda training, new, share: new < np.quantile(new, share),
            "You take the threshold from the new data. Then the same share of them is flagged, however strange or "
            "ordinary they all are. What is usual was learned from the training data.",
        ),
        Misconception(
            "threshold from all data",
            lambda training, new, share: new < np.quantile(np.append(training, new), share),
            "You take the threshold from all log-densities, the new ones among them. Then strange new points lower "
            "it, and hide themselves. What is usual was learned from the training data alone.",
        ),
        Misconception(
            "both tails",
            lambda training, new, share: (
                (new < np.quantile(training, share / 2)) | (new > np.quantile(training, 1 - share / 2))
            ),
            "You flag both ends, half of the share at each. A high log-density is no anomaly: such a point is as "
            "ordinary as can be. The whole share belongs to the lower end.",
        ),
        Misconception(
            "the same share for all",
            lambda training, new, share: new < np.quantile(training, 0.02),
            "Your threshold is always that of 2 %, as in the lesson's figure. The function is handed a `share`.",
        ),
        Misconception(
            "the share itself",
            lambda training, new, share: new < np.log(share),
            "You compare a log-density with the log of a probability. A density is no probability: it may exceed 1 "
            "and it depends on the units. The threshold is a quantile of the training log-densities.",
        ),
    ],
    hints=[
        "Which share of the *training* points should fall below the threshold?",
        "np.quantile(training_log_prob, share) is the log-density that a share of the training points stays below.",
        "Compare new_log_prob with it; an anomaly lies below.",
    ],
    praise="The threshold is a choice of how many ordinary points you are willing to bother.",
)

EXERCISES = (ancestral_sample, mixture_log_prob, responsibilities, anomalies)
