"""Lesson 14, richer posteriors: its exercises about planar flows, and the list of all."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from scipy import optimize

from course_utils.lessons.richer_posteriors.exercises_masked import masked_log_prob
from course_utils.lessons.richer_posteriors.exercises_weights import (
    bound_curve,
    draws_needed,
    two_gradients,
    weighted_moments,
)
from course_utils.workshop.exercises import Exercise, Misconception


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


# --- a stack of planar layers -----------------------------------------------------------------------------------------


def _planar_stack(z, u, w, bias):
    log_det = torch.zeros(len(z), dtype=z.dtype)
    for direction, normal, shift in zip(u, w, bias, strict=True):
        h = torch.tanh(z @ normal + shift)
        log_det = log_det + torch.log(torch.abs(1 + (1 - h**2) * (direction @ normal)))
        z = z + h[:, None] * direction
    return z, log_det


def _planar_stack_loop(z, u, w, bias):
    points, log_dets = [], []
    for point in z.numpy():
        total = 0.0
        for direction, normal, shift in zip(u.numpy(), w.numpy(), bias.tolist(), strict=True):
            height = np.tanh(np.sum(normal * point) + shift)
            psi = (1 - height * height) * normal
            total += np.log(np.abs(1 + np.sum(direction * psi)))
            point = point + direction * height
        points.append(point)
        log_dets.append(total)
    return np.array(points), np.array(log_dets)


def _planar_stack_by_jacobians(z, u, w, bias):
    def moved(point):
        for direction, normal, shift in zip(u, w, bias, strict=True):
            point = point + direction * torch.tanh(normal @ point + shift)
        return point

    jacobians = torch.stack([torch.autograd.functional.jacobian(moved, point) for point in z])
    return torch.stack([moved(point) for point in z]), torch.linalg.slogdet(jacobians)[1]


def _with_log_det(log_det_of, layers=slice(None)):
    """Build a misconception from one layer's log-determinant, given (z before, z after, z at the start, u, w, b)."""

    def answer(z, u, w, bias):
        start, log_dets = z, []
        for direction, normal, shift in zip(u, w, bias, strict=True):
            after = z + torch.tanh(z @ normal + shift)[:, None] * direction
            log_dets.append(log_det_of(z, after, start, direction, normal, shift))
            z = after
        return z, torch.stack(log_dets)[layers].sum(0)

    return answer


def _slope(z, w, b):
    return 1 - torch.tanh(z @ w + b) ** 2


def _planar_side_by_side(z, u, w, bias):
    h = torch.tanh(z @ w.T + bias)
    return z + h @ u, (1 + (1 - h**2) * (u * w).sum(1)).abs().log().sum(1)


def _planar_law(rng):
    """One to five points in one to four dimensions, one to four layers, some of which turn space over."""
    points, size, layers = rng.integers(1, 6), rng.integers(1, 5), rng.integers(1, 5)
    z, u, w = (rng.normal(0, 1.3, shape) for shape in ((points, size), (layers, size), (layers, size)))
    z[rng.random(z.shape) < 0.1] = 0.0
    u, bias = u * rng.choice([0.5, 1.5, 3.0]), rng.normal(0, 1, layers)
    return (*map(torch.tensor, (z, u, w, bias)),)


planar_stack = Exercise(
    name="planar_stack",
    arguments=("z", "u", "w", "bias"),
    returns=("z", "log-determinant"),
    reference=_planar_stack,
    spellings={"numpy loop": _planar_stack_loop, "Jacobians": _planar_stack_by_jacobians},
    probes=[
        (_tensor([0.0]), _tensor([-3.0]), _tensor([1.0]), _tensor(0.0)),
        (
            _tensor([0.3, -0.2], [1.0, 0.5]),
            _tensor([0.4, 0.9], [-2.5, 0.6]),
            _tensor([1.0, -0.5], [1.2, 0.3]),
            _tensor(0.1, -0.4),
        ),
        (
            _tensor([0.5, 0.0, -0.8], [-0.3, 0.7, 0.2], [0.9, -1.1, 0.4]),
            _tensor([0.7, -0.4, 1.0], [-1.5, 0.8, -0.9], [0.2, 2.0, 0.1]),
            _tensor([0.5, 0.3, -0.6], [0.9, -0.8, 0.7], [-0.3, 0.4, 1.1]),
            _tensor(0.0, 0.6, -0.2),
        ),
    ],
    law=_planar_law,
    extremes=[
        (_tensor([900.0, 0.1], [0.2, -0.4]), _tensor([0.5, -1.5]), _tensor([1.0, 1.0]), _tensor(0.3)),
        (_tensor([0.2], [-0.6]), _tensor([0.8], [-4.0]), _tensor([1.5], [0.7]), _tensor(-1000.0, 0.1)),
    ],
    stable="torch.tanh, and 1 − tanh² for its slope",
    misconceptions=[
        Misconception(
            "no absolute value",
            _with_log_det(lambda z, after, start, u, w, b: (1 + _slope(z, w, b) * (u @ w)).log()),
            "Right where the determinant is positive. Where a layer turns space over it is negative, and its logarithm "
            "is no number: volume changes by its absolute value.",
        ),
        Misconception(
            "negative determinants clamped",
            _with_log_det(lambda z, after, start, u, w, b: (1 + _slope(z, w, b) * (u @ w)).clamp(min=1e-8).log()),
            "You cut negative determinants off at a small number, and so report that the layer crushes space there. It "
            "turns space over, and volume changes by the absolute value.",
        ),
        Misconception(
            "ψ at the output",
            _with_log_det(lambda z, after, start, u, w, b: (1 + _slope(after, w, b) * (u @ w)).abs().log()),
            "The points are right. The slope of tanh is taken where the layer has moved the point to. The derivative "
            "of f at z is taken at z, the layer's input: compute it before z is overwritten.",
        ),
        Misconception(
            "all determinants at the start",
            _with_log_det(lambda z, after, start, u, w, b: (1 + _slope(start, w, b) * (u @ w)).abs().log()),
            "The points are right. All determinants are taken at the z from the beginning. By the chain rule each "
            "layer's is taken at that layer's own input.",
        ),
        Misconception(
            "layers side by side",
            _planar_side_by_side,
            "All your layers look at the z from the beginning, and their pushes are added up. The layers stand one "
            "after another: the second one sees what the first has made.",
        ),
        Misconception(
            "h for its slope",
            _with_log_det(lambda z, after, start, u, w, b: (1 + torch.tanh(z @ w + b) * (u @ w)).abs().log()),
            "The points are right. In the determinant stands tanh itself where its derivative belongs, 1 − tanh².",
        ),
        Misconception(
            "slope 1",
            _with_log_det(lambda z, after, start, u, w, b: (1 + u @ w + 0 * z[:, 0]).abs().log()),
            "The points are right. Your determinant is the same at every z, as if tanh had the slope 1 everywhere.",
        ),
        Misconception(
            "w left out of ψ",
            _with_log_det(lambda z, after, start, u, w, b: (1 + _slope(z, w, b) * u.sum()).abs().log()),
            "The points are right. ψ is h′ times w, since the inner function is w·z + b: its derivative w is missing.",
        ),
        Misconception(
            "diagonal of the Jacobian",
            _with_log_det(lambda z, after, start, u, w, b: (1 + _slope(z, w, b)[:, None] * u * w).abs().log().sum(1)),
            "The points are right. You multiply the diagonal of the Jacobian. The matrix is not triangular, so its "
            "determinant is another number: 1 + u·ψ, with a scalar product.",
        ),
        Misconception(
            "last layer only",
            _with_log_det(
                lambda z, after, start, u, w, b: (1 + _slope(z, w, b) * (u @ w)).abs().log(), layers=slice(-1, None)
            ),
            "The points are right. The log-determinant is that of the last layer alone: those of all layers add up.",
        ),
        Misconception(
            "determinants added",
            lambda z, u, w, bias: (
                _planar_stack(z, u, w, bias)[0],
                _with_log_det(lambda z, after, start, u, w, b: (1 + _slope(z, w, b) * (u @ w)).abs())(z, u, w, bias)[
                    1
                ].log(),
            ),
            "The points are right. You add the determinants and take one logarithm. Volumes multiply, so it is the "
            "logarithms that add up.",
        ),
        Misconception(
            "of the inverse",
            lambda z, u, w, bias: (_planar_stack(z, u, w, bias)[0], -_planar_stack(z, u, w, bias)[1]),
            "The points are right, and the log-determinant is that of the way back. It is what log q changes by; asked "
            "for is how the volume changes on the way there.",
        ),
    ],
    hints=(
        "One layer at a time: from its input z come h = tanh(w·z + b), the slope 1 − h², and then the output.",
        "The determinant of I + uψᵀ is 1 + u·ψ with ψ = (1 − h²) w; it may be negative. Take it before you replace z.",
        "In the loop over `zip(u, w, bias)`: `h = torch.tanh(z @ w_k + b_k)`, add "
        "`(1 + (1 - h**2) * (u_k @ w_k)).abs().log()` to the sum, then `z = z + h[:, None] * u_k`.",
    ),
    praise="K numbers for each point, where a general determinant costs D³. This is what makes the family affordable.",
)


# --- the constraint ---------------------------------------------------------------------------------------------------


def _dot(u, w):
    return (u * w).sum(-1, keepdim=True)


def _allowed_u(u, w, steepest):
    a = (u * w).sum(-1, keepdim=True)
    return u + (F.softplus(a) - 1 / steepest - a) * w / (w**2).sum(-1, keepdim=True)


def _allowed_u_loop(u, w, steepest):
    rows = []
    for direction, normal in zip(u, w, strict=True):
        a = direction @ normal
        wanted = torch.logaddexp(a, torch.zeros_like(a)) - 1 / steepest
        rows.append(direction + normal * (wanted - a) / (normal @ normal))
    return torch.stack(rows)


def _allowed_u_by_parts(u, w, steepest):
    """What is perpendicular to w stays, and what lies along w is replaced."""
    unit = w / w.norm(dim=-1, keepdim=True)
    across = u - _dot(u, unit) * unit
    limit = -1 / steepest
    return across + (limit - F.logsigmoid(-_dot(u, w))) * unit / w.norm(dim=-1, keepdim=True)


def _with_scalar(change):
    """Build a misconception: w·û as a function of a = w·u and s."""
    return lambda u, w, steepest: u + (change(_dot(u, w), steepest) - _dot(u, w)) * w / _dot(w, w)


def _constraint_law(rng):
    """One to five layers in one to five dimensions; any length of w, u sometimes within the limit and sometimes not."""
    shape = tuple(rng.integers(1, 6, 2))
    u, w = rng.normal(0, rng.choice([0.5, 2.0, 5.0]), shape), rng.normal(0, 1, shape)
    w *= 10 ** rng.uniform(-1, 1, (shape[0], 1)) / np.linalg.norm(w, axis=1, keepdims=True)
    return torch.tensor(u), torch.tensor(w), float(rng.choice([0.25, 1.0, 10 ** rng.uniform(-1, 1)]))


allowed_u = Exercise(
    name="allowed_u",
    arguments=("u", "w", "steepest"),
    returns="u",
    reference=_allowed_u,
    spellings={"loop": _allowed_u_loop, "along and across": _allowed_u_by_parts},
    probes=[
        (_tensor([0.0]), _tensor([1.0]), 1.0),
        (_tensor([1.0, -2.0], [0.3, 0.4]), _tensor([1.5, 0.5], [-2.0, 1.0]), 0.25),
        (_tensor([-3.0, 0.5, 1.0]), _tensor([0.4, -0.3, 0.2]), 3.0),
        (_tensor([2.0, 0.0], [-1.0, 4.0], [0.5, 0.5]), _tensor([0.2, 0.9], [1.0, -1.0], [0.1, 0.1]), 1.0),
    ],
    law=_constraint_law,
    extremes=[
        (_tensor([1000.0, 0.0], [-1000.0, 0.5]), _tensor([1.0, 0.3], [1.0, 0.3]), 1.0),
        (_tensor([-500.0], [800.0]), _tensor([2.0], [1.5]), 0.25),
    ],
    stable="torch.nn.functional.softplus, or torch.logaddexp(a, 0); exp(1000) is infinite",
    gradients=("u", "w"),
    misconceptions=[
        Misconception(
            "tanh's limit for every h",
            _with_scalar(lambda a, s: F.softplus(a) - 1),
            "Right for tanh, whose slope reaches 1. Where does 1 + h′ w·u change its sign if the slope of h reaches "
            "`steepest`?",
        ),
        Misconception(
            "limit upside down",
            _with_scalar(lambda a, s: F.softplus(a) - s),
            "The limit is upside down: a steeper h allows less. 1 + h′ w·u must stay positive up to h′ = `steepest`.",
        ),
        Misconception(
            "limit forgotten",
            _with_scalar(lambda a, s: F.softplus(a)),
            "Invertible, but w·û is always positive: such layers stretch space and never squeeze it. Shift the "
            "softplus down to the limit.",
        ),
        Misconception(
            "clipped",
            _with_scalar(lambda a, s: a.clamp(min=-1 / s)),
            "You clip w·u at the limit. There the determinant can reach 0, and no gradient along w leads away. A "
            "softplus stays above the limit and has a slope everywhere.",
        ),
        Misconception(
            "ReLU",
            _with_scalar(lambda a, s: F.relu(a) - 1 / s),
            "A ReLU lies at the limit for all negative w·u, and is flat there: the determinant can reach 0, and "
            "nothing leads away. Its smooth relative, the softplus, stays above.",
        ),
        Misconception(
            "exponential",
            _with_scalar(lambda a, s: a.exp() - 1 / s),
            "Above the limit, and so invertible. But exp(1000) is infinite, and asked for is the softplus, which "
            "grows no faster than w·u.",
        ),
        Misconception(
            "scaled there and back",
            _with_scalar(lambda a, s: (F.softplus(s * a) - 1) / s),
            "Invertible as well: you scale h to the slope 1 and back. Asked for is the softplus of w·u itself, shifted "
            "down to the limit.",
        ),
        Misconception(
            "corrected only beyond the limit",
            lambda u, w, steepest: torch.where(_dot(u, w) < -1 / steepest, _allowed_u(u, w, steepest), u),
            "You correct only what lies beyond the limit. At the limit û jumps: a small step of the optimiser becomes "
            "a large one. The softplus is for all u.",
        ),
        Misconception(
            "w in the place of u",
            lambda u, w, steepest: w + (F.softplus(_dot(u, w)) - 1 / steepest - _dot(u, w)) * u / _dot(u, u),
            "You changed w along u. Asked for is û: u changed along w, w as it is.",
        ),
        Misconception(
            "along u",
            lambda u, w, steepest: u * (F.softplus(_dot(u, w)) - 1 / steepest) / _dot(u, w),
            "w·û is right. You stretch u, which explodes where u is nearly perpendicular to w. Change u along w only, "
            "and leave what is perpendicular to w as it was.",
        ),
        Misconception(
            "not divided by the length",
            lambda u, w, steepest: u + (F.softplus(_dot(u, w)) - 1 / steepest - _dot(u, w)) * w,
            "Right where w has length 1. Compute w·û of your answer: the step along w is ‖w‖² times too long.",
        ),
        Misconception(
            "divided by the length once",
            lambda u, w, steepest: (
                u + (F.softplus(_dot(u, w)) - 1 / steepest - _dot(u, w)) * w / w.norm(dim=-1, keepdim=True)
            ),
            "Right where w has length 1; several published programs had this. Compute w·û of your answer: one more ‖w‖ "
            "is left. Divide by the *square* of the length.",
        ),
        Misconception(
            "added to what was there",
            lambda u, w, steepest: u + (F.softplus(_dot(u, w)) - 1 / steepest) * w / _dot(w, w),
            "You add the new w·û to the old w·u. Replace it: take what lies along w out first.",
        ),
        Misconception(
            "softplus of each entry",
            lambda u, w, steepest: F.softplus(u) - 1 / steepest,
            "You bounded each entry of u. The limit is one on the scalar product w·u alone: the entries may be as "
            "negative as they like.",
        ),
        Misconception(
            "one layer for all",
            lambda u, w, steepest: u + (F.softplus((u * w).sum()) - 1 / steepest - (u * w).sum()) * w / (w * w).sum(),
            "You summed over all layers. Each row is a layer with a scalar product of its own: sum over the last axis.",
        ),
    ],
    hints=(
        "Which values of a = w·u leave 1 + h′ a positive for every slope h′ between 0 and `steepest`?",
        "So w·û = softplus(a) − 1/steepest. And û = u + c w: which c gives this scalar product?",
        "`u + (F.softplus(a) - 1 / steepest - a) * w / (w**2).sum(-1, keepdim=True)`, with a as a column.",
    ),
    praise="Every u gives an invertible layer now, and every w·û above the limit is reached: the optimiser sees no "
    "constraint.",
)


# --- the way back -----------------------------------------------------------------------------------------------------


def _undone(y, u, w, bias):
    slope, target = w @ u, y @ w
    low, high = target - np.abs(slope), target + np.abs(slope)
    for _ in range(80):
        middle = (low + high) / 2
        below = middle + slope * np.tanh(middle + bias) < target
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return y - np.outer(np.tanh(middle + bias), u)


def _undone_by_brent(y, u, w, bias):
    slope, rows = float(np.dot(u, w)), []
    for row in y:
        target, room = float(np.dot(w, row)), abs(slope) + 1e-9
        inner = optimize.brentq(
            lambda a, target=target: a + slope * np.tanh(a + bias) - target, target - room, target + room, xtol=1e-13
        )
        rows.append(row - u * np.tanh(inner + bias))
    return np.array(rows)


def _undone_by_shrinking_steps(y, u, w, bias):
    y, u, w = map(torch.tensor, (y, u, w))
    inner = target = y @ w
    step = torch.abs(u @ w)
    for _ in range(90):
        step = step / 2
        inner = inner - step * torch.sign(inner + (u @ w) * torch.tanh(inner + bias) - target)
    return y - torch.tanh(inner + bias)[:, None] * u


def _iterated(step, times):
    """Build a misconception: w·z by a rule that is applied again and again, from w·y on."""

    def answer(y, u, w, bias):
        slope, target = w @ u, y @ w
        inner = target
        for _ in range(times):
            inner = step(inner, slope, target, bias)
        return y - np.outer(np.tanh(inner + bias), u)

    return answer


def _fixed_point(inner, slope, target, bias):
    return target - slope * np.tanh(inner + bias)


def _newton(inner, slope, target, bias):
    h = np.tanh(inner + bias)
    return inner - (inner + slope * h - target) / (1 + slope * (1 - h**2))


def _undone_one_sided(y, u, w, bias):
    slope, target = w @ u, y @ w
    low, high = target - slope, target + slope
    for _ in range(80):
        middle = (low + high) / 2
        below = middle + slope * np.tanh(middle + bias) < target
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return y - np.outer(np.tanh(middle + bias), u)


def _with_product(u, w, product):
    """Move u along w until w·u is `product`."""
    return u + (product - w @ u) * w / (w @ w)


def _undo_law(rng):
    """One to five points in one to four dimensions; w·u anywhere above −0.99, also far above."""
    points, size = rng.integers(1, 6), rng.integers(1, 5)
    u, w = rng.normal(0, 1.5, size), rng.normal(0, 1, size)
    w *= rng.uniform(0.3, 2) / np.linalg.norm(w)
    product = rng.choice([rng.uniform(-0.99, -0.3), rng.uniform(-0.3, 2), 10 ** rng.uniform(0.3, 1.5)])
    return rng.normal(0, 2.5, (points, size)), _with_product(u, w, product), w, float(rng.normal(0, 1))


undo_planar = Exercise(
    name="undo_planar",
    arguments=("y", "u", "w", "bias"),
    returns="z",
    reference=_undone,
    spellings={"Brent": _undone_by_brent, "shrinking steps": _undone_by_shrinking_steps},
    probes=[
        (np.array([[1.0 + math.tanh(1.0)]]), np.array([1.0]), np.array([1.0]), 0.0),
        (np.array([[0.5, -1.0], [2.0, 0.3]]), np.array([1.0, 0.5]), np.array([-0.6, 0.4]), 0.2),
        (np.array([[3.0, 1.0, -2.0]]), np.array([4.0, -1.0, 2.0]), np.array([1.0, 0.5, 1.5]), -0.7),
    ],
    law=_undo_law,
    extremes=[
        (np.array([[15.0], [-300.0], [0.0]]), np.array([1000.0]), np.array([1.0]), 0.3),
        (np.array([[0.002, 0.5], [-0.01, -900.0], [2.0, 3.0]]), np.array([-1.98, 7.0]), np.array([0.5, 0.0]), 0.0),
    ],
    stable="a root finder that keeps the root between two ends, such as bisection or scipy.optimize.brentq",
    misconceptions=[
        Misconception(
            "sign turned",
            _iterated(lambda inner, slope, target, bias: inner, 1),
            "You subtract the layer's push at y. It was made at z, and that is what you look for: tanh(w·z + b), not "
            "tanh(w·y + b).",
        ),
        Misconception(
            "fixed-point iteration",
            _iterated(_fixed_point, 99),
            "You put z ← y − u tanh(w·z + b) again and again. That converges where |w·u| < 1, and jumps to and fro "
            "beyond. The equation for w·z is monotone: enclose its root and halve.",
        ),
        Misconception(
            "one Newton step",
            _iterated(_newton, 1),
            "You linearise the layer at y and solve that. It is one step of Newton's method: go on, and see to it that "
            "no step leaves the bracket.",
        ),
        Misconception(
            "Newton without a bracket",
            _iterated(_newton, 100),
            "Newton's method, and mostly right. Where tanh is flat it takes w·u for 0, jumps across the root and back "
            "again, for ever. Keep the root between two ends, and halve when a step leaves them.",
        ),
        Misconception(
            "bracket for positive w·u",
            _undone_one_sided,
            "Right where w·u is positive. tanh lies between −1 and 1, so w·z lies within |w·u| of w·y: with a negative "
            "w·u your two ends have changed places.",
        ),
    ],
    hints=(
        "y is known, and so is w·y. Multiply z + u tanh(w·z + b) = y by w: in how many unknowns is that an equation?",
        "With a = w·z it reads a + (w·u) tanh(a + b) = w·y. The left side rises in a because w·u > −1, and a lies "
        "within |w·u| of w·y: halve this interval 60 times.",
        "For one row: `a = scipy.optimize.brentq(lambda a: a + slope * np.tanh(a + bias) - row @ w, low, high)`, with "
        "slope = w @ u. Then z = row − u tanh(a + bias).",
    ),
    praise="An inverse exists and is cheap, though no formula gives it. So a planar flow has a density at any point.",
)

EXERCISES = (
    planar_stack,
    allowed_u,
    undo_planar,
    masked_log_prob,
    bound_curve,
    weighted_moments,
    draws_needed,
    two_gradients,
)
