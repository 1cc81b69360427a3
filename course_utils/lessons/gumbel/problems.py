"""Lesson 10, the Gumbel trick: its problems, for which no formula is given."""

import itertools
import math

import numpy as np
import torch
from scipy import special, stats

from course_utils.workshop.exercises import Exercise, Misconception


def _in_this_order(logits, page):
    left, total = np.array(logits, dtype=float), 0.0
    for story in page:
        total += left[story] - special.logsumexp(left)
        left[story] = -np.inf
    return total


def _pages(logits, page):
    orders = [_in_this_order(logits, order) for order in itertools.permutations(page)]
    return orders[0], special.logsumexp(orders)


def _pages_torch(logits, page):
    """From the last place to the first: the sum over what is left only grows."""
    logits = torch.as_tensor(logits)
    others = [story for story in range(len(logits)) if story not in page]

    def in_order(order):
        queue = torch.cat([logits[list(reversed(order))], logits[others].logsumexp(0, keepdim=True)])
        if others:
            queue = torch.cat([queue[-1:], queue[:-1]])
            return (queue[1:] - queue.logcumsumexp(0)[1:]).sum()
        return (queue[:-1] - queue[:-1].logcumsumexp(0)).sum()

    orders = torch.stack([in_order(order) for order in itertools.permutations(page.tolist())])
    return orders[0], orders.logsumexp(0)


def _pages_by_subsets(logits, page):
    """Add up the orders of a set from those of the sets with one story less."""
    reached = {frozenset(): 0.0}
    for size in range(1, len(page) + 1):
        for members in itertools.combinations(page.tolist(), size):
            ways = []
            for last in members:
                before = frozenset(members) - {last}
                left = [value for story, value in enumerate(logits) if story not in before]
                ways.append(reached[before] + logits[last] - special.logsumexp(left))
            reached[frozenset(members)] = special.logsumexp(ways)
    return _in_this_order(logits, page), reached[frozenset(page.tolist())]


def _both(one_order):
    """Build a misconception about one order, added up over all of them."""

    def answer(logits, page):
        orders = [one_order(np.asarray(logits), np.array(order)) for order in itertools.permutations(page)]
        return orders[0], special.logsumexp(orders)

    return answer


def _with_any_order(any_order):
    return lambda logits, page: (_in_this_order(logits, page), any_order(np.asarray(logits), page))


def _with_replacement(logits, page):
    return special.log_softmax(logits)[page].sum()


def _by_probabilities(logits, page):
    p = special.softmax(logits)
    return np.log(p[page] / (1 - np.cumsum(p[page]) + p[page])).sum()


def _page_law(rng):
    """Two to seven stories, some with equal logits, one to four of them on the page; sometimes all."""
    size = rng.integers(2, 8)
    logits = rng.normal(0, 1.3, size) + rng.normal(0, 3)
    if rng.random() < 0.2:
        logits[: size // 2] = logits[0]
    return logits, rng.permutation(size)[: rng.integers(1, min(size, 4) + 1)]


front_page = Exercise(
    name="front_page",
    arguments=("logits", "page"),
    returns=("this order", "any order"),
    reference=_pages,
    spellings={"torch": _pages_torch, "subset by subset": _pages_by_subsets},
    probes=[
        (np.zeros(3), np.array([2, 0])),
        (np.array([0.5, -1.0, 2.0, 0.1]), np.array([2, 1])),
        (np.array([1.0, 0.2, -0.7, 1.4, 0.0]), np.array([4, 0, 3])),
        (np.array([0.3, -0.4, 1.1]), np.array([1])),
    ],
    law=_page_law,
    extremes=[
        (np.array([1000.0, 0.0, -1.0, 1.0]), np.array([0, 2, 1])),
        (np.array([-1000.0, -999.0, -1001.0]), np.array([2, 0, 1])),
        (np.array([-900.0, 950.0, 0.5, 0.0]), np.array([2, 0])),
    ],
    stable="a log-sum-exp over the stories that are left; 1 − p loses what a sure winner leaves",
    misconceptions=[
        Misconception(
            "with replacement",
            _both(_with_replacement),
            "You multiply probabilities of single draws, as if a story could fill two places. What stands on the page "
            "is no longer among the candidates for the next place.",
        ),
        Misconception(
            "M! times as likely",
            _with_any_order(lambda logits, page: _in_this_order(logits, page) + special.gammaln(len(page) + 1)),
            "The first number is right. For the second you take all orders for equally probable. Orders in which a "
            "popular story comes late are rarer.",
        ),
        Misconception(
            "with replacement, in any order",
            _with_any_order(
                lambda logits, page: _with_replacement(logits, page) + special.gammaln(len(page) + 1),
            ),
            "The first number is right. The second is that of M independent draws. Add up the first over all orders.",
        ),
        Misconception(
            "only the page's stories",
            _both(
                lambda logits, page: sum(
                    logits[story] - special.logsumexp(logits[page[place:]]) for place, story in enumerate(page)
                )
            ),
            "You let the stories of the page compete among themselves. Each place is won against all that are left, "
            "and those that stay outside are among them.",
        ),
        Misconception(
            "neighbours compared",
            _both(
                lambda logits, page: (
                    special.log_expit(logits[page][:-1] - logits[page][1:]).sum() + special.log_softmax(logits)[page[0]]
                )
            ),
            "You compare each story with the next one only. The second place is won against *all* that are left.",
        ),
        Misconception(
            "the average order",
            _with_any_order(
                lambda logits, page: _pages(logits, page)[1] - special.gammaln(len(page) + 1),
            ),
            "The first number is right. For the second you average over the orders. They exclude each other, so their "
            "probabilities add.",
        ),
        Misconception(
            "one minus the rest",
            _both(_by_probabilities),
            "Right on paper. But beside a sure winner 1 − p is 0 for the machine, and the second place divides by it. "
            "Add up what is left, by log-sum-exp.",
        ),
    ],
    hints=[
        "Who is first is Gumbel-max. Given the first and how high it came, are the sums of the others still "
        "independent, and who wins among them?",
        "Which class wins is independent of the height of the maximum. So among those below the first, the second "
        "is a Gumbel-max draw from the stories that are left, and so on.",
        "Go through the page: add logits[story] − np.logaddexp.reduce(logits of all stories not yet placed). For any "
        "order, do it for each of itertools.permutations(page), and take np.logaddexp.reduce of the results.",
    ],
    praise="The largest M sums are M draws without replacement, by one throw of noise. The model is Plackett's and "
    "Luce's.",
)


def _sums(logits, chosen, uniforms):
    top = special.logsumexp(logits) - np.log(-np.log(uniforms[chosen]))
    sums = -np.logaddexp(-top, np.log(-np.log(uniforms)) - logits)
    sums[chosen] = top
    return sums


def _sums_torch(logits, chosen, uniforms):
    logits, noise = torch.as_tensor(logits), -(-torch.as_tensor(uniforms).log()).log()
    top = torch.logsumexp(logits, 0) + noise[chosen]
    lower = -torch.logaddexp(-top.expand(len(logits)), -(logits + noise))
    return torch.where(torch.arange(len(logits)) == chosen, top, lower)


def _sums_by_quantiles(logits, chosen, uniforms):
    """Each uniform number is pressed into the part of its scale that lies below the winner."""
    top = stats.gumbel_r.ppf(uniforms[chosen], loc=special.logsumexp(logits))
    sums = []
    for k, (logit, uniform) in enumerate(zip(logits, uniforms, strict=True)):
        below = stats.gumbel_r.cdf(top, loc=logit)
        sums.append(top if k == chosen else stats.gumbel_r.ppf(uniform * below, loc=logit))
    return sums


def _with_sums(top_of, others_of):
    """Build a misconception from the winner's sum and those of the others, given the free sums."""

    def answer(logits, chosen, uniforms):
        free = logits - np.log(-np.log(uniforms))
        top = top_of(logits, chosen, free)
        sums = others_of(logits, free, top)
        sums[chosen] = top
        return sums

    return answer


def _highest(logits, chosen, free):
    return special.logsumexp(logits) + free[chosen] - logits[chosen]


def _below(logits, free, top):
    return -np.logaddexp(-top, -free)


def _chosen_law(rng):
    """One to six classes, any of them the winner, also an improbable one."""
    size = rng.integers(1, 7)
    logits = rng.normal(0, 1.5, size) + rng.normal(0, 2)
    uniforms = rng.uniform(0.01, 0.99, size)
    ends = rng.random(size) < 0.15
    uniforms[ends] = rng.choice([1e-12, 1e-4, 1 - 1e-6], np.sum(ends))
    return logits, int(rng.integers(size)), uniforms


sums_behind = Exercise(
    name="sums_behind",
    arguments=("logits", "chosen", "uniforms"),
    returns="sums",
    reference=_sums,
    spellings={"torch": _sums_torch, "quantiles": _sums_by_quantiles},
    probes=[
        (np.array([0.0, 0.0]), 0, np.exp([-2.0, -1.0])),
        (np.array([1.0, -0.5, 0.3]), 1, np.array([0.7, 0.4, 0.9])),
        (np.array([0.8]), 0, np.array([0.25])),
        (np.array([-1.2, 2.0, 0.1, 0.6]), 3, np.array([0.05, 0.95, 0.5, 0.15])),
        (np.array([0.4, -0.3, 1.0]), 0, np.array([1 - 1e-6, 1e-12, 0.6])),
        (np.array([0.4, -0.3]), 1, np.array([0.7, 1e-12])),
    ],
    law=_chosen_law,
    extremes=[
        (np.array([1000.0, 0.0, 999.0]), 1, np.array([0.3, 0.8, 0.6])),
        (np.array([-1000.0, -998.0]), 0, np.array([0.2, 0.9])),
        (np.array([-700.0, 800.0, 0.0]), 2, np.array([0.5, 0.1, 0.97])),
    ],
    stable="np.logaddexp of logarithms; no e^sum and no e^logit is computed",
    misconceptions=[
        Misconception(
            "the winner's own Gumbel",
            _with_sums(lambda logits, chosen, free: free[chosen], _below),
            "For the winner's sum you take a Gumbel number around its own logit, as if nobody knew that it won. It is "
            "the maximum of all K sums, and that is distributed around another place.",
        ),
        Misconception(
            "nobody knows who won",
            lambda logits, chosen, uniforms: logits - np.log(-np.log(uniforms)),
            "These are fresh sums, and another class may win. They are to agree with what was observed: `chosen` won.",
        ),
        Misconception(
            "the others as they please",
            _with_sums(_highest, lambda logits, free, top: free.copy()),
            "The winner's sum is right. The others are drawn without regard to it, and may be larger. Each must be "
            "drawn given that it lies below.",
        ),
        Misconception(
            "the others cut off",
            _with_sums(_highest, lambda logits, free, top: np.minimum(free, top)),
            "The winner's sum is right. The others are cut off at it, so that some stand level with it. Given that it "
            "lies below, a sum has a smooth distribution there.",
        ),
        Misconception(
            "noise alone",
            lambda logits, chosen, uniforms: _sums(logits, chosen, uniforms) - logits,
            "This is the noise. The sums were asked for, logit and noise together.",
        ),
        Misconception(
            "maximum of the others",
            _with_sums(
                lambda logits, chosen, free: (
                    special.logsumexp(np.delete(logits, chosen)) + free[chosen] - logits[chosen]
                    if len(logits) > 1
                    else free[chosen]
                ),
                _below,
            ),
            "The winner's sum lies around the log-sum-exp of the *other* logits in your answer. The maximum is taken "
            "over all K.",
        ),
        Misconception(
            "the largest of fresh sums",
            _with_sums(lambda logits, chosen, free: free.max(), lambda logits, free, top: np.minimum(free, top)),
            "You throw once and give the largest sum to the winner. Then the heights still tell who would have won "
            "without you. The winner's sum needs its own number only, and the others are drawn anew below it.",
        ),
    ],
    hints=[
        "Which class wins is independent of how high it wins. So how is the winner's sum distributed, whoever it is?",
        "The winner's sum M is a Gumbel variable at the log-sum-exp of all logits. Given M, another sum has the "
        "distribution function F(g)/F(M) for g below M, with F(g) = exp(−e^{a − g}).",
        "Solve u = exp(e^{a − M} − e^{a − g}) for g: e^{−g} = e^{−M} + e^{−(a + noise)} with noise = −log(−log u). "
        "So g = −np.logaddexp(−M, −(a + noise)).",
    ],
    praise="Nobody had to wait for an improbable winner. Estimators with less noise, such as REBAR, draw like this.",
)


def _log_z(heights, level):
    total = special.logsumexp(-heights)
    ends = stats.gamma.ppf([(1 - level) / 2, (1 + level) / 2], len(heights))
    return np.log(len(heights)) - total, np.log(ends[0]) - total, np.log(ends[1]) - total


def _log_z_by_chi_squared(heights, level):
    lowest = np.min(heights)
    mean = np.mean(np.exp(lowest - heights))
    tail, count = (1 - level) / 2, len(heights)
    ends = stats.chi2.isf([1 - tail, tail], 2 * count) / (2 * count)
    return [lowest - np.log(mean) + np.log(factor) for factor in (1.0, *ends)]


def _log_z_torch(heights, level):
    estimate = math.log(len(heights)) - torch.logsumexp(-torch.as_tensor(heights), 0)
    low, high = special.gammaincinv(len(heights), np.array([0.5 - level / 2, 0.5 + level / 2])) / len(heights)
    return estimate, estimate + math.log(low), estimate + math.log(high)


def _around(estimate_of, error_of):
    """Build a misconception: a normal interval around some estimate."""

    def answer(heights, level):
        estimate, width = estimate_of(heights), stats.norm.isf((1 - level) / 2) * error_of(heights)
        return estimate, estimate - width, estimate + width

    return answer


def _best(heights):
    return np.log(len(heights)) - special.logsumexp(-heights)


def _shifted(estimate_of):
    """Build a misconception about the estimate, the interval placed around it as around the right one."""

    def answer(heights, level):
        right = np.array(_log_z(heights, level))
        return tuple(right - right[0] + estimate_of(heights))

    return answer


def _with_ends(ends_of):
    return lambda heights, level: (_best(heights), *ends_of(heights, level, -special.logsumexp(-heights)))


def _heights_law(rng):
    """One to eight maxima around any place, or dozens; sometimes two are equal."""
    heights = rng.gumbel(rng.normal(0, 4), 1.0, rng.integers(1, 9) if rng.random() < 0.8 else rng.integers(9, 60))
    if len(heights) > 2 and rng.random() < 0.15:
        heights[0] = heights[1]
    return heights, float(rng.choice([0.5, 0.9, 0.95, rng.uniform(0.2, 0.99)]))


log_z_from_heights = Exercise(
    name="log_z_from_heights",
    arguments=("heights", "level"),
    returns=("log Z", "lower end", "upper end"),
    reference=_log_z,
    spellings={"chi-squared": _log_z_by_chi_squared, "torch": _log_z_torch},
    probes=[
        (np.array([0.0]), 0.9),
        (np.array([2.0, 3.5]), 0.95),
        (np.array([-1.2, 0.4, -0.3, 1.9, 0.8]), 0.5),
        (np.linspace(-1.0, 2.5, 30), 0.9),
    ],
    law=_heights_law,
    extremes=[
        (np.array([1000.0, 1002.5, 999.0]), 0.95),
        (np.array([-1000.0, -998.0]), 0.8),
    ],
    stable="a log-sum-exp of the negative heights, such as np.logaddexp.reduce(-heights)",
    misconceptions=[
        Misconception(
            "the mean as it is",
            _shifted(np.mean),
            "You take the mean of the heights. A Gumbel variable lies on average above its place, by Euler's constant.",
        ),
        Misconception(
            "the mean without Euler's constant",
            _shifted(lambda heights: np.mean(heights) - np.euler_gamma),
            "Unbiased, and used in practice; but the question was for which log Z the heights are most probable. Write "
            "down their log-density and differentiate.",
        ),
        Misconception(
            "log of the mean exponential",
            _shifted(lambda heights: special.logsumexp(heights) - np.log(len(heights))),
            "You average e^height, and its expectation is infinite: e^−height has an exponential distribution. What "
            "stands in the log-density of a Gumbel variable?",
        ),
        Misconception(
            "count left out",
            _shifted(lambda heights: -special.logsumexp(-heights)),
            "The number of heights is missing: with twice as many heights of the same kind your estimate falls by "
            "log 2. In the derivative of the log-density each height contributes a 1.",
        ),
        Misconception(
            "a normal interval",
            _around(_best, lambda heights: 1 / np.sqrt(len(heights))),
            "The estimate is right, and 1/√S is its error for large S. But the interval is to be exact for few heights "
            "too: how is Z Σ e^−height distributed?",
        ),
        Misconception(
            "a normal interval from the scatter",
            _around(_best, lambda heights: np.std(heights) / np.sqrt(len(heights))),
            "The estimate is right. The interval takes its width from the scatter of the heights. That scatter is "
            "known beforehand, since their distribution is; and the interval is not symmetric.",
        ),
        Misconception(
            "the whole rest on each side",
            _with_ends(lambda heights, level, place: place + np.log(stats.gamma.ppf([1 - level, level], len(heights)))),
            "The estimate is right. Your interval leaves 1 − `level` at either side, twice what is allowed.",
        ),
        Misconception(
            "open below",
            _with_ends(
                lambda heights, level, place: place + np.log(stats.gamma.ppf([0, level], len(heights))),
            ),
            "The estimate is right. You put all that may be missed at the upper side; half of it belongs below.",
        ),
        Misconception(
            "one height",
            _with_ends(
                lambda heights, level, place: (
                    _best(heights) + np.log(stats.expon.ppf([(1 - level) / 2, (1 + level) / 2]))
                )
            ),
            "The estimate is right. The interval is that of a single height: a sum of S exponential variables "
            "scatters less.",
        ),
        Misconception(
            "turned round",
            _with_ends(
                lambda heights, level, place: (
                    2 * _best(heights)
                    - place
                    - np.log(stats.gamma.ppf([(1 + level) / 2, (1 - level) / 2], len(heights)))
                )
            ),
            "The estimate is right. The interval is that of the estimate around the truth, laid around the estimate. "
            "It is not symmetric, so it has to be turned round: solve for log Z.",
        ),
    ],
    hints=[
        "Each height is a Gumbel variable at log Z, with density e^{a − m} exp(−e^{a − m}) at m, if a = log Z. For "
        "which a is the product of these largest?",
        "The derivative of the log-density is S − e^a Σ e^{−m}. And e^a e^{−m} has the exponential distribution of "
        "rate 1, so the sum of S of them has a gamma distribution, whatever a is.",
        "With total = np.logaddexp.reduce(−heights): the estimate is log S − total, and the ends are log(quantile) − "
        "total for the quantiles (1 − level)/2 and (1 + level)/2 of stats.gamma with shape S.",
    ],
    praise="A hundred maxima tell log Z to a tenth of a nat, however many classes there are: the error is 1/√S.",
)

PROBLEMS = (front_page, sums_behind, log_z_from_heights)
