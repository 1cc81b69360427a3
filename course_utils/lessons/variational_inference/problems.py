"""Lesson 04, variational inference: its problems, for which no formula is given."""

import numpy as np
import torch
from scipy import special

from course_utils.workshop.exercises import Exercise, Misconception


def _table_bound(log_joint, rows, columns):
    return rows @ log_joint @ columns + special.entr(rows).sum() + special.entr(columns).sum()


def _mean_field(log_joint, columns, sweeps):
    for _ in range(sweeps):
        rows = special.softmax(log_joint @ columns)
        columns = special.softmax(rows @ log_joint)
    return rows, columns, _table_bound(log_joint, rows, columns)


def _mean_field_loop(log_joint, columns, sweeps):
    for _ in range(sweeps):
        rows = [sum(q * value for q, value in zip(columns, line, strict=True)) for line in log_joint]
        rows = np.exp(np.array(rows) - special.logsumexp(rows))
        columns = [sum(q * value for q, value in zip(rows, line, strict=True)) for line in log_joint.T]
        columns = np.exp(np.array(columns) - special.logsumexp(columns))
    q = np.outer(rows, columns)
    return rows, columns, np.sum(q * log_joint - special.xlogy(q, q))


def _mean_field_torch(log_joint, columns, sweeps):
    table, columns = torch.as_tensor(log_joint), torch.as_tensor(columns)
    for _ in range(sweeps):
        rows = torch.softmax(torch.mv(table, columns), 0)
        columns = torch.softmax(torch.mv(table.T, rows), 0)
    q = torch.outer(rows, columns)
    return rows, columns, (q * table).sum() + torch.special.entr(q).sum()


def _swept(update, bound=_table_bound):
    """Build a misconception with another sweep, (log_joint, rows, columns) -> (rows, columns)."""

    def answer(log_joint, columns, sweeps):
        rows = np.full(len(log_joint), 1 / len(log_joint))
        for _ in range(sweeps):
            rows, columns = update(log_joint, rows, columns)
        return rows, columns, bound(log_joint, rows, columns)

    return answer


def _right_sweep(log_joint, rows, columns):
    rows = special.softmax(log_joint @ columns)
    return rows, special.softmax(rows @ log_joint)


def _sweep_of_probabilities(log_joint, rows, columns):
    joint = np.exp(log_joint - log_joint.max())
    rows = joint @ columns / (joint @ columns).sum()
    return rows, rows @ joint / (rows @ joint).sum()


def _marginals(log_joint, columns, sweeps):
    rows, columns = (special.softmax(special.logsumexp(log_joint, axis=axis)) for axis in (1, 0))
    return rows, columns, _table_bound(log_joint, rows, columns)


def _underflowing_sweep(log_joint, rows, columns):
    rows = np.exp(log_joint @ columns) / np.exp(log_joint @ columns).sum()
    return rows, np.exp(rows @ log_joint) / np.exp(rows @ log_joint).sum()


def _table_law(rng):
    """Tables of all sizes; the start may be certain, or nearly."""
    shape = rng.integers(1, 13 if rng.random() < 0.15 else 5, 2)
    log_joint = rng.normal(0, rng.choice([0.5, 1.5]), shape) + rng.normal(-2, 3)
    columns = rng.dirichlet(np.full(shape[1], rng.choice([0.1, 1.0])))
    if rng.random() < 0.15:
        columns = np.eye(shape[1])[rng.integers(shape[1])]
    return log_joint, columns, int(rng.integers(1, 4))


def _settled(log_joint, columns):
    for _ in range(200):
        rows, last = special.softmax(log_joint @ columns), columns
        columns = special.softmax(rows @ log_joint)
        if np.abs(columns - last).max() < 1e-10:
            break
    return rows, columns, _table_bound(log_joint, rows, columns)


# p(wet, rain, sprinkler): rain 20 %, sprinkler 10 %; wet with 2, 90, 90 and 99 %
_WET = np.log(np.outer([0.8, 0.2], [0.9, 0.1]) * np.array([[0.02, 0.9], [0.9, 0.99]]))

mean_field_table = Exercise(
    name="mean_field_table",
    arguments=("log_joint", "columns", "sweeps"),
    returns=("rows", "columns", "ELBO"),
    reference=_mean_field,
    spellings={"loop": _mean_field_loop, "torch": _mean_field_torch},
    probes=[
        (_WET, np.array([0.5, 0.5]), 1),
        (_WET, np.array([0.1, 0.9]), 4),
        (np.log(np.array([[0.1, 0.2, 0.05], [0.3, 0.05, 0.3]])), np.array([0.2, 0.2, 0.6]), 2),
        (np.array([[-3.0]]), np.array([1.0]), 1),
        (np.array([[0.0, -2.1], [-2.1, 0.0]]), np.array([0.501, 0.499]), 60),  # the first sweeps gain hardly anything
    ],
    law=_table_law,
    draws=16,
    extremes=[
        (_WET - 2000, np.array([0.5, 0.5]), 2),
        (np.array([[900.0, 898.0, 0.0], [899.0, 901.0, 900.5]]), np.array([0.5, 0.25, 0.25]), 1),
        # far from the first row, from the mean and from the largest number; and two rows get exactly 0
        (np.array([[-2000.0, -2000.0], [-2000.0, -1999.0], [900.0, -2000.0]]), np.array([0.5, 0.5]), 1),
    ],
    stable="average the logarithms and normalise with softmax, which subtracts the largest of *these averages*; and "
    "0 · log 0 counts as 0 in an entropy, as in special.entr",
    misconceptions=[
        Misconception(
            "marginals",
            _marginals,
            "You return the table's own marginals. They are the best independent factors for KL(p‖q), the direction "
            "that averages over p. The ELBO goes with KL(q‖p), and its factors are sharper.",
        ),
        Misconception(
            "average of probabilities",
            _swept(_sweep_of_probabilities),
            "You average probabilities, and take the logarithm after. The update averages *logarithms* over the other "
            "factor, and exponentiates after: one impossible cell vetoes.",
        ),
        Misconception(
            "both from the old factors",
            _swept(
                lambda log_joint, rows, columns: (
                    special.softmax(log_joint @ columns),
                    special.softmax(rows @ log_joint),
                )
            ),
            "Both factors are updated from the old ones, the rows being even at the start. Coordinate ascent takes "
            "turns: the columns' update already sees the new rows. Only then can the bound not fall.",
        ),
        Misconception(
            "columns first",
            lambda log_joint, columns, sweeps: _swept(
                lambda table, rows, columns: (
                    special.softmax(table @ special.softmax(rows @ table)),
                    special.softmax(rows @ table),
                )
            )(log_joint, columns, sweeps),
            "Your sweep begins with the columns, from even rows, and never uses the `columns` that were handed over. "
            "The start is q of the columns: so the rows come first.",
        ),
        Misconception(
            "one sweep only",
            lambda log_joint, columns, sweeps: _mean_field(log_joint, columns, 1),
            "This is right for one sweep. The two updates take turns `sweeps` times.",
        ),
        Misconception(
            "one sweep less",
            lambda log_joint, columns, sweeps: (
                _mean_field(log_joint, columns, sweeps - 1)
                if sweeps > 1
                else (
                    special.softmax(log_joint @ columns),
                    columns,
                    _table_bound(log_joint, special.softmax(log_joint @ columns), columns),
                )
            ),
            "One sweep is missing. A sweep updates both factors, and `range(sweeps)` counts all of them.",
        ),
        Misconception(
            "till convergence",
            lambda log_joint, columns, sweeps: _settled(log_joint, columns),
            "You sweep until nothing changes any more. Asked for is where the factors stand after `sweeps` sweeps, "
            "settled or not.",
        ),
        Misconception(
            "divergence for the bound",
            _swept(
                _right_sweep,
                lambda table, rows, columns: special.logsumexp(table) - _table_bound(table, rows, columns),
            ),
            "Both factors are right. The third number is KL(q‖posterior), the distance from the bound up to the "
            "log-evidence. The ELBO itself was asked for: energy plus entropy.",
        ),
        Misconception(
            "entropy left out",
            _swept(_right_sweep, lambda log_joint, rows, columns: rows @ log_joint @ columns),
            "Both factors are right. Your bound is the energy alone, the average of the log-joint. The ELBO adds the "
            "entropy of q, which for independent factors is the sum of theirs.",
        ),
        Misconception(
            "entropy subtracted",
            _swept(
                _right_sweep,
                lambda table, rows, columns: 2 * rows @ table @ columns - _table_bound(table, rows, columns),
            ),
            "Both factors are right. You subtract the entropy. The bound is energy *plus* entropy, or E_q[log p − "
            "log q]: a q that keeps its options open is rewarded.",
        ),
        Misconception(
            "minus the divergence",
            _swept(
                _right_sweep,
                lambda table, rows, columns: _table_bound(table, rows, columns) - special.logsumexp(table),
            ),
            "Both factors are right. The third number is the bound minus the log-evidence, which is "
            "−KL(q‖posterior). The ELBO does not need the evidence.",
        ),
        Misconception(
            "evidence for the bound",
            _swept(_right_sweep, lambda log_joint, rows, columns: special.logsumexp(log_joint)),
            "Both factors are right. The third number is the log-evidence itself, which the bound stays below by "
            "KL(q‖p). Here it could be summed; the ELBO uses q only.",
        ),
        Misconception(
            "underflow",
            _swept(_underflowing_sweep),
            "Right on paper. But exp(−2000) is 0 for the machine and exp(900) infinite. A constant in the log-joint "
            "cancels when you normalise: let softmax subtract it first.",
        ),
    ],
    hints=[
        "Fix q of the columns. Which terms of E_q[log p] + H(q) depend on q of the rows? Compare them with a "
        "divergence.",
        "log q(row i) is the average of log_joint[i, ·] under q of the columns, plus a constant; then the other way "
        "round.",
        "In a loop: rows = special.softmax(log_joint @ columns); columns = special.softmax(rows @ log_joint). The "
        "ELBO is rows @ log_joint @ columns plus both entropies.",
    ],
    praise="Explaining away cannot be told by independent factors: q decides for one explanation.",
)


def _judgement(log_joint, log_q):
    differences = log_joint - log_q
    error = np.std(differences, ddof=1) / np.sqrt(len(differences))
    return np.mean(differences), error, special.logsumexp(differences) - np.log(len(differences))


def _judgement_loop(log_joint, log_q):
    log_weights = [joint - q for joint, q in zip(log_joint, log_q, strict=True)]
    count, top = len(log_weights), max(log_weights)
    mean = sum(log_weights) / count
    squares = sum((value - mean) ** 2 for value in log_weights)
    evidence = top + np.log(sum(np.exp(value - top) for value in log_weights) / count)
    return [mean, (squares / (count - 1) / count) ** 0.5, evidence]


def _judgement_torch(log_joint, log_q):
    log_weights = torch.as_tensor(log_joint) - torch.as_tensor(log_q)
    evidence = torch.logsumexp(log_weights, 0) - np.log(len(log_weights))
    return log_weights.mean(), log_weights.std() / len(log_weights) ** 0.5, evidence


def _with_judgement(position, part_of):
    """Build a misconception that gets one of the three numbers wrong, from the log-weights."""

    def answer(log_joint, log_q):
        parts = list(_judgement(log_joint, log_q))
        parts[position] = part_of(log_joint - log_q)
        return parts

    return answer


def _judgement_law(rng):
    size = rng.integers(20, 80) if rng.random() < 0.2 else rng.integers(2, 9)
    log_q = rng.normal(-2, 1.5, size)
    log_joint = log_q + rng.normal(0, 4) + rng.normal(0, rng.choice([0.0, 0.3, 2.0, 8.0]), size)
    return log_joint, log_q


judge_q = Exercise(
    name="judge_q",
    arguments=("log_joint", "log_q"),
    returns=("ELBO", "standard error", "log-evidence"),
    reference=_judgement,
    spellings={"loop": _judgement_loop, "torch": _judgement_torch},
    probes=[
        (np.log([3.0, 1.0]), np.zeros(2)),
        (np.array([-4.0, -2.5, -3.1, -7.0]), np.array([-1.0, -0.5, -0.2, -1.9])),
        (np.array([-5.0, -6.0, -4.5]), np.array([-1.0, -2.0, -0.5])),
    ],
    law=_judgement_law,
    extremes=[
        (np.array([-1500.0, -1502.0, -1499.0]), np.array([-2.0, -1.0, -2.5])),
        (np.array([-1000.0, -3000.0]), np.array([0.5, -1.0])),
        (np.array([900.0, 903.0, 899.5, 901.0]), np.array([-3.0, -1.0, -2.0, 0.0])),
        (np.array([-600.0, 0.0, -1.0]), np.array([900.0, -900.0, 0.0])),
        (np.array([-1502.0, -1501.9999, -1502.00005]), np.array([-2.0, -2.0, -2.0])),
    ],
    stable="keep the log-weights, and average the weights by log-sum-exp, with the largest log-weight subtracted; for "
    "the error subtract the mean first, then square",
    misconceptions=[
        Misconception(
            "mean of the logs for the evidence",
            _with_judgement(2, np.mean),
            "The third number is the ELBO once more, an average of logarithms. The evidence is an average of the "
            "weights p(x, z)/q(z) *themselves*, and the logarithm comes after.",
        ),
        Misconception(
            "sum for the mean",
            _with_judgement(2, special.logsumexp),
            "The third number is the logarithm of the *sum* of the weights. It grows with every draw; an average has "
            "log M subtracted.",
        ),
        Misconception(
            "gap for the evidence",
            _with_judgement(2, lambda weights: special.logsumexp(weights) - np.log(len(weights)) - np.mean(weights)),
            "The third number is the gap, the estimate of KL(q‖posterior). A good thing to look at; but the "
            "log-evidence was asked for, the gap plus the ELBO.",
        ),
        Misconception(
            "largest weight for the evidence",
            _with_judgement(2, np.max),
            "The third number is the largest log-weight. It dominates the evidence's estimate, but that is an average: "
            "the logarithm of the mean of all M weights.",
        ),
        Misconception(
            "order",
            lambda log_joint, log_q: _judgement(log_joint, log_q)[::-1],
            "Right numbers, wrong order: first the ELBO, then its standard error, then the log-evidence.",
        ),
        Misconception(
            "error last",
            lambda log_joint, log_q: [_judgement(log_joint, log_q)[part] for part in (0, 2, 1)],
            "Right numbers, wrong order: the standard error comes second, the log-evidence last.",
        ),
        Misconception(
            "M − 1 twice",
            lambda log_joint, log_q: (
                np.mean(log_joint - log_q),
                np.std(log_joint - log_q, ddof=1) / np.sqrt(len(log_q) - 1),
                _judgement(log_joint, log_q)[2],
            ),
            "M − 1 is there twice in the error. It makes the variance of one draw unbiased; the mean is one of M "
            "draws, so that is divided by √M.",
        ),
        Misconception(
            "weighed by q again",
            lambda log_joint, log_q: (
                np.sum(np.exp(log_q) * (log_joint - log_q)),
                *_judgement(log_joint, log_q)[1:],
            ),
            "You weigh each draw by q(z). The draws come from q already, so likely ones are there more often: a plain "
            "average is the expectation.",
        ),
        Misconception(
            "spread of one draw",
            _with_judgement(1, lambda log_weights: np.std(log_weights, ddof=1)),
            "The second number says how much single log-weights scatter. The ELBO is an average of M of them, and its "
            "error is smaller by √M.",
        ),
        Misconception(
            "divided by M",
            _with_judgement(1, lambda log_weights: np.std(log_weights) / np.sqrt(len(log_weights))),
            "The scatter is divided by M, around a mean from the same draws: too small on average, and with two "
            "draws by a factor √2. Divide the squares by M − 1.",
        ),
        Misconception(
            "variance for the error",
            _with_judgement(1, lambda log_weights: np.var(log_weights, ddof=1) / len(log_weights)),
            "The second number is the variance of the estimate. Its root is the standard error, in nats.",
        ),
        Misconception(
            "weights upside down",
            lambda log_joint, log_q: _judgement(log_q, log_joint),
            "You average log q − log p, or weights q/p. An average over draws of q must divide by q: the weight is "
            "p(x, z)/q(z).",
        ),
        Misconception(
            "q left out",
            lambda log_joint, log_q: _judgement(log_joint, np.zeros(len(log_q))),
            "You average the joint alone. The draws come from q, so where q is large there are many of them: the "
            "weight divides by q(z), and in the ELBO −log q is the entropy's share.",
        ),
        Misconception(
            "underflow",
            _with_judgement(2, lambda log_weights: np.log(np.mean(np.exp(log_weights)))),
            "Right on paper. But weights of exp(−1500) are 0 for the machine. Subtract the largest log-weight, "
            "average, and add it again: log-sum-exp.",
        ),
    ],
    hints=[
        "Both the ELBO and the evidence are expectations under q. Of what? Call log p(x, z) − log q(z) a log-weight.",
        "The ELBO is the mean of the log-weights. What is the standard error of a mean of M independent numbers? The "
        "evidence is the mean of the weights.",
        "np.mean(w), np.std(w, ddof=1)/np.sqrt(M), special.logsumexp(w) − np.log(M), with w = log_joint − log_q.",
    ],
    praise="If q were the posterior, all log-weights would be equal. Their scatter betrays a bad q without the truth.",
)


def _rows_of_counts(counts, observed, column_shape, column_rate, prior_shape, prior_rate):
    shape = prior_shape + np.sum(counts * observed, axis=1)
    return shape, prior_rate + observed @ (column_shape / column_rate)


def _rows_of_counts_loop(counts, observed, column_shape, column_rate, prior_shape, prior_rate):
    shapes, rates = [], []
    for row, seen in zip(counts, observed, strict=True):
        shapes.append(prior_shape + sum(row[seen]))
        rates.append(prior_rate + sum(column_shape[seen] / column_rate[seen]))
    return np.array(shapes), np.array(rates)


def _rows_of_counts_torch(counts, observed, column_shape, column_rate, prior_shape, prior_rate):
    counts, observed = torch.as_tensor(counts).double(), torch.as_tensor(observed)
    means = torch.distributions.Gamma(torch.as_tensor(column_shape), torch.as_tensor(column_rate)).mean
    rate = torch.where(observed, means, 0.0).sum(1) + prior_rate
    return torch.where(observed, counts, 0.0).sum(1) + prior_shape, rate


def _with_busyness(busyness_of):
    """Build a misconception about what the columns contribute, from their shapes and rates."""

    def answer(counts, observed, column_shape, column_rate, prior_shape, prior_rate):
        shape = prior_shape + np.sum(counts * observed, axis=1)
        return shape, prior_rate + observed @ busyness_of(column_shape, column_rate)

    return answer


def _rows_law(rng):
    """Tables that are rarely square, with holes in which any number stands; a row may have no number at all."""
    size, width = rng.integers(1, 13 if rng.random() < 0.15 else 6, 2)
    shape, rate = rng.uniform(0.2, 6, width), np.exp(rng.normal(0, 0.7, width))
    prior_shape, prior_rate = rng.uniform(0.3, 4), np.exp(rng.normal(0, 0.8))
    if rng.random() < 0.3:
        rate, prior_shape, prior_rate = 10 ** rng.uniform(-3, 3, width), *10 ** rng.uniform(-3, 3, 2)
    counts = rng.poisson(rng.uniform(0, rng.choice([8, 8, 900]), (size, width)))
    observed = rng.random((size, width)) < rng.choice([0.6, 1.0])
    counts[~observed] = rng.integers(0, 100, int((~observed).sum()))
    return counts, observed, shape, rate, float(prior_shape), float(prior_rate)


update_row_rates = Exercise(
    name="update_row_rates",
    arguments=("counts", "observed", "column_shape", "column_rate", "prior_shape", "prior_rate"),
    returns=("shape", "rate"),
    reference=_rows_of_counts,
    spellings={"loop": _rows_of_counts_loop, "torch": _rows_of_counts_torch},
    probes=[
        (np.array([[3, 5]]), np.array([[True, True]]), np.array([2.0, 3.0]), np.array([1.0, 2.0]), 1.0, 1.5),
        (
            np.array([[3, 0, 7], [99, 2, 1]]),
            np.array([[True, True, True], [False, True, True]]),
            np.array([2.0, 1.5, 4.0]),
            np.array([1.0, 0.5, 2.0]),
            0.5,
            2.0,
        ),
        (
            np.array([[8], [4], [0]]),
            np.array([[False], [True], [True]]),
            np.array([5.0]),
            np.array([700.0]),
            2.0,
            0.003,
        ),
    ],
    law=_rows_law,
    misconceptions=[
        Misconception(
            "holes read as counts",
            lambda counts, observed, *others: (
                others[2] + counts.sum(axis=1),
                _rows_of_counts(counts, observed, *others)[1],
            ),
            "The rate is right. But the shape also adds the numbers that stand in the holes. They mean nothing: only "
            "what was observed is in the log-joint.",
        ),
        Misconception(
            "holes read as zeros",
            lambda counts, observed, *others: (
                _rows_of_counts(counts, observed, *others)[0],
                _rows_of_counts(counts, np.ones_like(observed), *others)[1],
            ),
            "The shape is right. But in the rate every hour counts, also where the counter was broken: as if nobody "
            "had come by. An hour that was not observed leaves no factor behind, neither in shape nor in rate.",
        ),
        Misconception(
            "holes ignored",
            lambda counts, observed, *others: _rows_of_counts(counts, np.ones_like(observed), *others),
            "You take the whole table as observed. Where `observed` is False there is no factor in the joint.",
        ),
        Misconception(
            "means for sums",
            lambda counts, observed, shape, rate, prior_shape, prior_rate: (
                prior_shape + np.sum(counts * observed, axis=1) / np.maximum(observed.sum(axis=1), 1),
                prior_rate + observed @ (shape / rate) / np.maximum(observed.sum(axis=1), 1),
            ),
            "You average over the observed hours. The log-joint adds them up, one Poisson factor for each: with means "
            "a hundred hours would teach no more than one.",
        ),
        Misconception(
            "prior with every hour",
            lambda counts, observed, shape, rate, prior_shape, prior_rate: (
                prior_shape * observed.sum(axis=1) + np.sum(counts * observed, axis=1),
                prior_rate * observed.sum(axis=1) + observed @ (shape / rate),
            ),
            "The prior is added once with every observed hour. θ_i is one number for all of its hours, so log p(θ_i) "
            "stands once in the log-joint.",
        ),
        Misconception(
            "counts divided by the busyness",
            lambda counts, observed, shape, rate, prior_shape, prior_rate: (
                prior_shape + (counts * observed) @ (rate / shape),
                prior_rate + observed @ (shape / rate),
            ),
            "The rate is right. In the shape you divide the counts by the expected φ. But n log(θφ) = n log θ + "
            "n log φ: as a function of θ only n itself is left.",
        ),
        Misconception(
            "mode of the columns",
            _with_busyness(lambda shape, rate: np.maximum(shape - 1, 0) / rate),
            "You put the mode of q(φ) in the place of φ. The update averages the log-joint over q, and φ enters it "
            "linearly: its *mean*, shape/rate, is what is left.",
        ),
        Misconception(
            "geometric mean of the columns",
            _with_busyness(lambda shape, rate: np.exp(special.digamma(shape)) / rate),
            "You use exp E[log φ]. Two terms of the log-joint contain φ: log φ goes with the constant, since it does "
            "not touch θ, and −θφ leaves the plain mean of φ.",
        ),
        Misconception(
            "ratio of the sums",
            lambda counts, observed, shape, rate, prior_shape, prior_rate: (
                prior_shape + np.sum(counts * observed, axis=1),
                prior_rate + np.where(observed.any(axis=1), observed @ shape / np.maximum(observed @ rate, 1e-300), 0),
            ),
            "You divide the sum of the shapes by the sum of the rates. Each hour has a mean of its own: divide first, "
            "then add.",
        ),
        Misconception(
            "rates upside down",
            _with_busyness(lambda shape, rate: rate / shape),
            "You add rate/shape. The mean of a Gamma is shape divided by rate.",
        ),
        Misconception(
            "columns left out",
            _with_busyness(lambda shape, rate: np.ones(len(shape))),
            "Every column adds 1 to the rate, as if φ = 1. A busy hour says more about a place than a quiet one: it "
            "contributes its expected φ.",
        ),
        Misconception(
            "prior left out",
            lambda counts, observed, shape, rate, prior_shape, prior_rate: (
                np.sum(counts * observed, axis=1),
                observed @ (shape / rate),
            ),
            "Your update has the likelihood alone. log p(θ) is a part of the log-joint: prior_shape and prior_rate are "
            "added, and a place without any count keeps its prior.",
        ),
    ],
    hints=[
        "Write log p of everything as a function of one θ_i, and average it over q(φ). Which density has a logarithm "
        "of the form A log θ − B θ?",
        "A Poisson count adds n log(θφ) − θφ. What is left of it, once averaged over q(φ), as a function of θ?",
        "shape = prior_shape + the row's observed counts; rate = prior_rate + the sum of column_shape/column_rate over "
        "the row's observed columns: observed @ (column_shape / column_rate).",
    ],
    praise="Another model, the same recipe: average the log-joint, and read off the density.",
)

PROBLEMS = (mean_field_table, judge_q, update_row_rates)
