"""Lesson 16, put to work: its exercises about scores of single pictures."""

import numpy as np
import torch
from scipy import stats

from course_utils.workshop.exercises import Exercise, Misconception

# --- 16.4 -------------------------------------------------------------------------------------------------------------


def _suspicion(log_prob, background, ordinary):
    apart = np.abs(log_prob - ordinary.mean()) / ordinary.std(ddof=1)
    return -log_prob, background - log_prob, apart


def _suspicion_loop(log_prob, background, ordinary):
    count = len(ordinary)
    middle = sum(ordinary) / count
    spread = (sum((value - middle) ** 2 for value in ordinary) / (count - 1)) ** 0.5
    scores = [(-new, back - new, abs(new - middle) / spread) for new, back in zip(log_prob, background, strict=True)]
    return tuple(np.transpose(scores))


def _suspicion_by_torch(log_prob, background, ordinary):
    new, back, known = (torch.from_numpy(value) for value in (log_prob, background, ordinary))
    variance, mean = torch.var_mean(known)
    return 0 - new, back.sub(new), (new - mean).square().div(variance).sqrt()


def _with_first(first):
    return lambda *arguments: (first(*arguments), *_suspicion(*arguments)[1:])


def _with_ratio(ratio):
    def answer(*arguments):
        surprise, _, apart = _suspicion(*arguments)
        return surprise, ratio(*arguments), apart

    return answer


def _with_distance(distance):
    return lambda *arguments: (*_suspicion(*arguments)[:2], distance(*arguments))


def _suspicion_law(rng):
    """One to six new pictures, two to nine ordinary ones; new ones less probable, as probable, or more."""
    count, known = rng.integers(1, 7), rng.integers(2, 10)
    centre, spread = rng.normal(-100, 60), rng.uniform(1, 30)
    log_prob = centre + spread * rng.normal(rng.normal(), 2, count)
    return log_prob, log_prob + rng.normal(0, 20, count), centre + spread * rng.standard_normal(known)


anomaly_scores = Exercise(
    name="anomaly_scores",
    arguments=("log_prob", "background", "ordinary"),
    returns=("surprise", "ratio", "distance"),
    reference=_suspicion,
    spellings={"loop": _suspicion_loop, "torch": _suspicion_by_torch},
    probes=[
        (np.array([-100.0]), np.array([-90.0]), np.array([-110.0, -130.0])),
        (np.array([-80.0, -150.0, -101.0]), np.array([-95.0, -140.0, -99.0]), np.array([-100.0, -97.0, -112.0, -90.0])),
        (np.array([12.0, -3.0]), np.array([4.0, -7.0]), np.array([1.0, 5.0, -2.0, 8.0, 3.0])),
    ],
    law=_suspicion_law,
    extremes=[
        (np.array([-3000.0, -1500.0]), np.array([-2900.0, -1800.0]), np.array([-2000.0, -2010.0, -1980.0])),
        (np.array([1200.0, 800.0]), np.array([900.0, 850.0]), np.array([1000.0, 1020.0, 1001.0])),
    ],
    stable="stay with logarithms; no density is computed",
    misconceptions=[
        Misconception(
            "log-density as surprise",
            _with_first(lambda log_prob, background, ordinary: log_prob),
            "The first score is the log-density itself, which is *small* for a suspicious picture. A score of "
            "suspicion turns its sign.",
        ),
        Misconception(
            "one over the density",
            _with_first(lambda log_prob, background, ordinary: np.exp(-log_prob)),
            "The first score is 1/p. Surprise in nats is the logarithm of that; densities of pictures leave the range "
            "of the computer besides.",
        ),
        Misconception(
            "ratio upside down",
            _with_ratio(lambda log_prob, background, ordinary: log_prob - background),
            "The log-likelihood ratio is the other way round. A picture is suspicious if the model finds it hardly "
            "more probable than the background does, or less: background minus model.",
        ),
        Misconception(
            "ratio of logarithms",
            _with_ratio(lambda log_prob, background, ordinary: background / log_prob),
            "You divided log-densities by each other. The logarithm of a ratio is a *difference* of logarithms.",
        ),
        Misconception(
            "ratio of densities",
            _with_ratio(lambda log_prob, background, ordinary: np.exp(background - log_prob)),
            "The second score is the ratio itself. Its logarithm was asked for.",
        ),
        Misconception(
            "background alone",
            _with_ratio(lambda log_prob, background, ordinary: -background),
            "The second score does not look at the model: it says how surprising the picture is for the background.",
        ),
        Misconception(
            "only from below",
            _with_distance(lambda log_prob, background, ordinary: (ordinary.mean() - log_prob) / ordinary.std(ddof=1)),
            "Your distance is negative for a picture that is *more* probable than ordinary ones, and so calls it "
            "harmless. The point of this score is that it may be strange: take the absolute value.",
        ),
        Misconception(
            "only from above",
            _with_distance(lambda log_prob, background, ordinary: (log_prob - ordinary.mean()) / ordinary.std(ddof=1)),
            "Your distance has a sign, and an improbable picture gets a negative one, harmless. Strange is who is far "
            "on *either* side: take the absolute value.",
        ),
        Misconception(
            "cut off at zero",
            _with_distance(
                lambda log_prob, background, ordinary: np.maximum(ordinary.mean() - log_prob, 0) / ordinary.std(ddof=1)
            ),
            "You counted distances below the average only, and gave 0 to whatever is more probable. A picture that is "
            "*too* probable is untypical as well.",
        ),
        Misconception(
            "squared distance",
            _with_distance(lambda *arguments: _suspicion(*arguments)[2] ** 2),
            "The order of the pictures is right. You gave the square of the distance; in standard deviations it is the "
            "absolute value.",
        ),
        Misconception(
            "in nats",
            _with_distance(lambda log_prob, background, ordinary: np.abs(log_prob - ordinary.mean())),
            "The distance is in nats. Whether 20 nats are much depends on how much ordinary pictures scatter: divide "
            "by their standard deviation.",
        ),
        Misconception(
            "in standard errors",
            _with_distance(
                lambda log_prob, background, ordinary: np.abs(log_prob - ordinary.mean()) / stats.sem(ordinary)
            ),
            "You divided by the standard error of the mean. That says how well the average is known. How far *one* "
            "picture may lie from it, the standard deviation says.",
        ),
        Misconception(
            "divided by all",
            _with_distance(lambda log_prob, background, ordinary: np.abs(log_prob - ordinary.mean()) / ordinary.std()),
            "The standard deviation is taken around the mean of the same numbers: divide by N − 1 (`ddof=1`).",
        ),
        Misconception(
            "distance from the median",
            _with_distance(
                lambda log_prob, background, ordinary: np.abs(log_prob - np.median(ordinary)) / ordinary.std(ddof=1)
            ),
            "You measured from the median of the ordinary pictures. Their average was asked for.",
        ),
        Misconception(
            "scatter of the new pictures",
            _with_distance(
                lambda log_prob, background, ordinary: (
                    np.abs(log_prob - log_prob.mean()) / (log_prob.std(ddof=1) if len(log_prob) > 1 else 1)
                )
            ),
            "You compared the new pictures with *their own* average. If all of them are strange, none looks strange "
            "then: what is typical, ordinary pictures say.",
        ),
        Misconception(
            "distance from the most probable",
            _with_distance(
                lambda log_prob, background, ordinary: np.abs(log_prob - ordinary.max()) / ordinary.std(ddof=1)
            ),
            "You measured from the most probable ordinary picture. Ordinary is what lies near the *average*; nearly "
            "nobody is the most probable one.",
        ),
    ],
    hints=(
        "Ask of each score: does it grow if the picture becomes stranger? And in the third: stranger in which "
        "directions?",
        "log(a/b) = log a − log b. The average and the standard deviation are those of `ordinary`, and "
        "`np.std(…, ddof=1)` divides by N − 1.",
        "`-log_prob`, `background - log_prob`, `np.abs(log_prob - ordinary.mean()) / ordinary.std(ddof=1)`.",
    ),
    praise="No one of the three is best everywhere: the first cannot see what is too probable, the second needs a "
    "background that fits, the third misses what is strange in another way than by its density.",
)


# --- 16.5 -------------------------------------------------------------------------------------------------------------


def _wins(anomalous, ordinary, tie=0.5):
    """Which anomaly beats which ordinary picture (M, N): 1, 0, or `tie`."""
    above = (anomalous[:, None] > ordinary).astype(float)
    return above + tie * (anomalous[:, None] == ordinary)


def _squared_errors(wins):
    """The two parts of the AUC's variance: from the anomalies, from the ordinary pictures."""
    return wins.mean(axis=1).var(ddof=1) / wins.shape[0], wins.mean(axis=0).var(ddof=1) / wins.shape[1]


def _auc(anomalous, ordinary):
    wins = _wins(anomalous, ordinary)
    return wins.mean(), np.sqrt(sum(_squared_errors(wins)))


def _auc_loop(anomalous, ordinary):
    def share(one, others):
        return sum((one > other) + (one == other) / 2 for other in others) / len(others)

    beats = [share(score, ordinary) for score in anomalous.tolist()]
    loses = [share(-score, -anomalous) for score in ordinary.tolist()]
    parts = []
    for shares in (beats, loses):
        middle = sum(shares) / len(shares)
        parts.append(sum((one - middle) ** 2 for one in shares) / (len(shares) - 1) / len(shares))
    return sum(beats) / len(beats), (parts[0] + parts[1]) ** 0.5


def _auc_by_ranks(anomalous, ordinary):
    """By midranks in all scores, less those among the own kind."""
    everyone = stats.rankdata(np.concatenate([anomalous, ordinary]))
    m = len(anomalous)
    beats = (everyone[:m] - stats.rankdata(anomalous)) / len(ordinary)
    beaten = 1 - (everyone[m:] - stats.rankdata(ordinary)) / m
    return beats.mean(), np.hypot(stats.sem(beats), stats.sem(beaten))


def _auc_by_search(anomalous, ordinary):
    def share(scores, others):
        others = np.sort(others)
        return (np.searchsorted(others, scores, "left") + np.searchsorted(others, scores, "right")) / len(others) / 2

    beats, beaten = share(anomalous, ordinary), share(-ordinary, -anomalous)
    return np.mean(beats), (np.var(beats, ddof=1) / beats.size + np.var(beaten, ddof=1) / beaten.size) ** 0.5


def _with_wins(wins):
    def answer(anomalous, ordinary):
        table = wins(anomalous, ordinary)
        return table.mean(), np.sqrt(sum(_squared_errors(table)))

    return answer


def _with_auc(auc):
    return lambda anomalous, ordinary: (auc(anomalous, ordinary), _auc(anomalous, ordinary)[1])


def _with_error(error):
    """Build a misconception from the error as a function of the table of wins."""

    def answer(anomalous, ordinary):
        wins = _wins(anomalous, ordinary)
        return wins.mean(), error(wins)

    return answer


def _best_accuracy(anomalous, ordinary):
    """The mean of both rates of right calls, at the best threshold."""
    thresholds = np.concatenate([anomalous, ordinary, [np.inf]])
    return max((np.mean(anomalous >= one) + np.mean(ordinary < one)) / 2 for one in thresholds)


def _hanley(wins):
    auc, (m, n) = wins.mean(), wins.shape
    first, second = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    return np.sqrt((auc * (1 - auc) + (m - 1) * (first - auc**2) + (n - 1) * (second - auc**2)) / (m * n))


def _scores_law(rng):
    """Two to nine of each kind; whole numbers with many ties or others; anomalies that stand out, or do not."""
    m, n = rng.integers(2, 10, 2)
    anomalous, ordinary = rng.normal(rng.choice([0.0, 1.0, -0.5]), 1.5, m), rng.standard_normal(n)
    if rng.random() < 0.5:
        anomalous, ordinary = np.round(anomalous), np.round(ordinary)
    return anomalous, ordinary


auc_with_error = Exercise(
    name="auc_with_error",
    arguments=("anomalous", "ordinary"),
    returns=("auc", "error"),
    reference=_auc,
    spellings={"loop": _auc_loop, "ranks": _auc_by_ranks, "searchsorted": _auc_by_search},
    probes=[
        (np.array([1.0, 3.0]), np.array([0.0, 2.0])),
        (np.array([2.0, 2.0, 5.0, 1.0]), np.array([1.0, 2.0, 0.0])),
        (np.array([0.3, -1.0, 2.2]), np.array([0.1, 0.9, -0.4, 1.5, -2.0])),
        (np.array([3.0, 1.0, 1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0, 0.0])),
    ],
    law=_scores_law,
    misconceptions=[
        Misconception(
            "ties lost",
            _with_wins(lambda anomalous, ordinary: _wins(anomalous, ordinary, 0.0)),
            "Equal scores count nothing in your answer. A coin decides: each such pair is half a win.",
        ),
        Misconception(
            "ties won",
            _with_wins(lambda anomalous, ordinary: _wins(anomalous, ordinary, 1.0)),
            "Equal scores count as full wins in your answer: a model that gives everybody the same score would be "
            "perfect. A coin decides: each such pair is half a win.",
        ),
        Misconception(
            "ties left out",
            _with_auc(
                lambda anomalous, ordinary: (
                    np.mean(anomalous[:, None] > ordinary) / max(np.mean(anomalous[:, None] != ordinary), 1e-12)
                )
            ),
            "You left out the pairs with equal scores and divided by the others. They are pairs too, in which a coin "
            "decides.",
        ),
        Misconception(
            "right calls at the best threshold",
            _with_auc(_best_accuracy),
            "The first number is how well one threshold does, the best one. The AUC needs no threshold: it compares "
            "pairs.",
        ),
        Misconception(
            "low scores are anomalies",
            _with_wins(lambda anomalous, ordinary: 1 - _wins(anomalous, ordinary)),
            "You counted how often the *ordinary* picture has the higher score.",
        ),
        Misconception(
            "pairs as observations",
            _with_error(lambda wins: np.sqrt(wins.mean() * (1 - wins.mean()) / wins.size)),
            "The AUC is right. Your error treats the M·N pairs as independent. Pairs that share a picture rise and "
            "fall together: there are only M + N pictures.",
        ),
        Misconception(
            "scatter of the pairs",
            _with_error(lambda wins: wins.std(ddof=1) / np.sqrt(wins.size)),
            "The AUC is right. Your error is that of a mean of M·N independent numbers. Pairs that share a picture are "
            "not independent: there are only M + N pictures.",
        ),
        Misconception(
            "a share of all pictures",
            _with_error(lambda wins: np.sqrt(wins.mean() * (1 - wins.mean()) / sum(wins.shape))),
            "The AUC is right. Your error is that of a share of M + N yes-or-no answers. Each picture gives a share "
            "between 0 and 1; take the scatter of these.",
        ),
        Misconception(
            "anomalies only",
            _with_error(lambda wins: np.sqrt(_squared_errors(wins)[0])),
            "The AUC is right. Your error lets only the anomalies vary; another sample of ordinary pictures would have "
            "moved the AUC as well.",
        ),
        Misconception(
            "ordinary pictures only",
            _with_error(lambda wins: np.sqrt(_squared_errors(wins)[1])),
            "The AUC is right. Your error lets only the ordinary pictures vary; another sample of anomalies would have "
            "moved the AUC as well.",
        ),
        Misconception(
            "errors added",
            _with_error(lambda wins: np.sqrt(_squared_errors(wins)).sum()),
            "The AUC is right. You added two standard errors. Of independent causes the *variances* add up.",
        ),
        Misconception(
            "counts exchanged",
            _with_error(
                lambda wins: np.sqrt(
                    wins.mean(axis=1).var(ddof=1) / wins.shape[1] + wins.mean(axis=0).var(ddof=1) / wins.shape[0]
                )
            ),
            "The AUC is right. You divided the variance of the anomalies' shares by the number of ordinary pictures, "
            "and the other way round. A mean of M numbers has the M-th part of their variance.",
        ),
        Misconception(
            "scatter of the shares",
            _with_error(lambda wins: np.hypot(wins.mean(axis=1).std(ddof=1), wins.mean(axis=0).std(ddof=1))),
            "The AUC is right. You gave the scatter of single pictures' shares. A mean of M of them varies less: "
            "divide each variance by its count.",
        ),
        Misconception(
            "divided by all",
            _with_error(
                lambda wins: np.sqrt(wins.mean(axis=1).var() / wins.shape[0] + wins.mean(axis=0).var() / wins.shape[1])
            ),
            "The AUC is right. The variances are taken around means of the same numbers: divide by one less than their "
            "count (`ddof=1`).",
        ),
        Misconception(
            "Hanley and McNeil",
            _with_error(_hanley),
            "The AUC is right. Your error is the formula of Hanley and McNeil, which needs the AUC alone because it "
            "assumes how the scores are distributed. Here their shares are known: use these.",
        ),
    ],
    hints=(
        "Make a table (M, N) of who beats whom, with ½ for equal scores. What are its mean, the means of its rows and "
        "the means of its columns?",
        "`(anomalous[:, None] > ordinary) + 0.5 * (anomalous[:, None] == ordinary)`. The rows' means are M numbers "
        "with a variance; divide that by M.",
        "`np.sqrt(rows.var(ddof=1) / M + columns.var(ddof=1) / N)`, where `rows` and `columns` are the means of the "
        "table's rows and columns.",
    ),
    praise="This error is that of DeLong and others (1988). It covers the choice of pictures, and not that another "
    "training run would have given another model.",
)
