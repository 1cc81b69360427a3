"""Lesson 09, the β-VAE: its sprites, the models it trains more than once, its explorers and its exercises."""

import functools
import itertools
import math
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

from course_utils.disentanglement import linear_schedule, sprites
from course_utils.exercises import Exercise, Misconception
from course_utils.explorer import Choice, Explorer, Slider
from course_utils.kept import kept
from course_utils.planes import mosaic, show_images
from course_utils.style import palette
from course_utils.training import Trainer
from course_utils.vae import VAE

# --- data and models --------------------------------------------------------------------------------------------------

SIDE, LATENTS, EPOCHS = 16, 6, 60
BETAS = (0.25, 1.0, 4.0, 8.0, 16.0)
"""Weights of the KL term for which the rate–distortion explorer has models."""

CAPACITY, PRESSURE = 5.0, 10.0
"""Where the capacity schedule ends, in nats, and the price γ of a nat beside the line."""

_STEPS = 10 * EPOCHS


@functools.cache
def ellipses() -> tuple[Tensor, np.ndarray, Tensor, np.ndarray]:
    """Return 1000 training images (N, 256) with their factors (N, 3), and 2000 test images with theirs.

    All show a lying ellipse at 16×16 pixels; its scale and position vary, and these are the three factors, as indices.
    """
    kept = {"shape": 1, "orientation": 0}
    parts = []
    for size, seed in ((1000, 9), (2000, 10)):
        images, factors = sprites(size, seed=seed, fixed=kept, side=SIDE)
        parts += [torch.from_numpy(images), factors[:, [1, 3, 4]]]
    return tuple(parts)


def train(model: VAE, loss, seed: int = 0) -> VAE:
    """Train a model in place with this lesson's settings (batches of 100, one cycle), and return it."""
    settings = {"epochs": EPOCHS, "batch_size": 100, "learning_rate": 1e-2, "schedule": "one_cycle"}
    Trainer(model, loss, ellipses()[0], **settings, seed=seed, progress=False).run()
    return model


def new_vae(seed: int = 0) -> VAE:
    """Return this lesson's VAE before training: six latents, Bernoulli pixels, its output at the mean image."""
    return VAE(SIDE**2, LATENTS, (128, 64), seed=seed).start_at_mean(ellipses()[0])


@functools.cache
@kept
def beta_vae(beta: float, seed: int = 0) -> VAE:
    """Return a VAE of the ellipses whose KL term had the weight `beta`, trained once."""
    model = new_vae(seed)
    return train(model, lambda x: model.loss(x, beta=beta), seed)


@functools.cache
@kept
def warmed_up(beta: float, steps: int, seed: int = 0) -> VAE:
    """Return a VAE of the ellipses whose KL weight rose from 0 to `beta` over the first `steps` of 600 steps."""
    model, step = new_vae(seed), itertools.count()
    return train(model, lambda x: model.loss(x, beta=linear_schedule(next(step), steps, end=beta)), seed)


@torch.no_grad()
def latent_kls(model: VAE, x: Tensor) -> Tensor:
    """Return the KL to the prior of each latent (L,), averaged over the rows of x, in nats."""
    mean, log_var = model.encode(x)
    return 0.5 * (log_var.exp() + mean.square() - 1 - log_var).mean(0)


@torch.no_grad()
def rate_and_distortion(model: VAE, draws: int = 5) -> tuple[float, float]:
    """Return the averages of the KL term and of −E_q[log p(x|z)] over the test images, in nats."""
    terms = model.elbo_terms(ellipses()[2], draws, torch.Generator().manual_seed(0))
    return terms["kl"].mean().item(), -terms["reconstruction"].mean().item()


@torch.no_grad()
def codes(model: VAE) -> tuple[Tensor, Tensor]:
    """Return the means of q for the test images, and one draw from each q, both (N, L)."""
    mean, log_var = model.encode(ellipses()[2])
    return mean, model.reparameterise(mean, log_var, torch.Generator().manual_seed(0))


@torch.no_grad()
def traversal(model: VAE, values, row: int = 3) -> tuple[Tensor, list[int]]:
    """Return images (L, V, side²) with one latent at a time moved to each of the values, and the latents' order.

    The other latents stay at the code of one test image; latents are sorted by their KL, the largest first.
    """
    images = ellipses()[2]
    order = latent_kls(model, images).argsort(descending=True).tolist()
    start = model.encode(images[row : row + 1])[0]
    moved = start.repeat(LATENTS, len(values), 1)
    for place, latent in enumerate(order):
        moved[place, :, latent] = torch.as_tensor(np.asarray(values), dtype=moved.dtype)
    return model.decode(moved), order


@functools.cache
@kept
def capacity_vae() -> tuple[VAE, list[SimpleNamespace]]:
    """Return a VAE trained towards a capacity that grows to 5 nats, and what it could do after every sixth epoch.

    Each snapshot has `epoch`, `capacity`, `kls` (L,) and `images` (8, side²): the first test images, rebuilt.
    """
    model, snapshots = new_vae(), []
    seen = ellipses()[2][:8]

    @torch.no_grad()
    def look(step):
        images, kls = model.decode(model.encode(seen)[0]), latent_kls(model, ellipses()[2])
        snapshots.append(SimpleNamespace(epoch=step // 10, capacity=_capacity(step), kls=kls.numpy(), images=images))

    steps = itertools.count()

    def loss(x):
        step = next(steps)
        if step % 60 == 0:
            look(step)
        terms = model.loss(x)
        beside = (terms["kl"] - _capacity(step)).abs()
        return {"reconstruction": terms["reconstruction"], "beside the capacity": PRESSURE * beside}

    train(model, loss)
    look(_STEPS)
    return model, snapshots


def _capacity(step):
    return linear_schedule(step, 3 * _STEPS // 4, end=CAPACITY)


# --- explorers --------------------------------------------------------------------------------------------------------


@torch.no_grad()
def _build_rate_distortion(figure):
    images = ellipses()[2][:8]
    noise = torch.randn(8, LATENTS, generator=torch.Generator().manual_seed(1))
    states = {}
    for beta in BETAS:
        model = beta_vae(beta)
        rows = torch.cat([images, model.decode(model.encode(images)[0]), model.decode(noise)])
        used = int((latent_kls(model, ellipses()[2]) > 0.1).sum())
        states[f"{beta:g}"] = (*rate_and_distortion(model), mosaic(rows, 3, 8), used)
    curve, pictures = figure.subplots(1, 2, width_ratios=(1, 1.35))
    points = np.array([state[:2] for state in states.values()])
    curve.plot(*points.T, "o-", color=palette.model, label="five trained models")
    (line,) = curve.plot([], [], color=palette.data, linestyle="--", linewidth=1.6, label="D + βR constant")
    (now,) = curve.plot([], [], "o", color=palette.approximation, markersize=13)
    curve.set(title="The exchange rate is the slope", xlabel="rate R, nats", ylabel="distortion D, nats")
    curve.set(xlim=(-0.5, 12), ylim=(0, 62))
    curve.legend(loc="upper right")
    picture = show_images(pictures, states["4"][2], "Ellipses · rebuilt · invented")
    return SimpleNamespace(line=line, now=now, picture=picture, states=states)


def _draw_rate_distortion(parts, beta):
    rate, distortion, picture, used = parts.states[beta]
    ends = np.array([-1.0, 13.0])
    parts.line.set_data(ends, distortion - float(beta) * (ends - rate))
    parts.now.set_data([rate], [distortion])
    parts.picture.set_data(picture)
    return (
        f"β = {beta}: the code costs {rate:.1f} nats per image and leaves a distortion of {distortion:.1f} nats; "
        f"{used} of {LATENTS} latents carry more than a tenth of a nat. The objective D + βR is "
        f"{distortion + float(beta) * rate:.1f} nats, the ELBO {-distortion - rate:.1f} nats."
    )


def rate_distortion():
    """Return the explorer of the rate–distortion curve of the ellipses, with pictures from the chosen model."""
    return Explorer(
        _build_rate_distortion,
        _draw_rate_distortion,
        [Choice("beta", label="weight β", options=tuple(f"{beta:g}" for beta in BETAS), value="4")],
        name="rate_distortion",
        title="What a nat buys",
        alt="Left, distortion against rate for five models, falling and convex, with a dashed line of slope −β through "
        "the chosen one. Right, eight ellipses, what the model rebuilds of them, and eight inventions.",
        width=10.0,
        height=3.9,
    )


_VALUES = np.linspace(-2, 2, 9)
MODELS = {"β = 1": 1.0, "β = 4": 4.0}


@torch.no_grad()
def _build_traversals(figure):
    states = {}
    for name, beta in MODELS.items():
        model = beta_vae(beta)
        images, order = traversal(model, _VALUES)
        kls = latent_kls(model, ellipses()[2])[order].tolist()
        states[name] = (model, order, kls, mosaic(images.reshape(-1, SIDE**2), LATENTS, len(_VALUES)))
    table, large = figure.subplots(1, 2, width_ratios=(1.6, 1))
    step = SIDE + 1
    picture = table.imshow(states["β = 4"][3], cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
    table.set(title="One latent at a time, from −2 to 2", xlabel="value of the latent", ylabel="latent, by its KL")
    table.set_xticks(step * np.arange(0, 9, 2) + SIDE / 2 - 0.5, ["−2", "−1", "0", "1", "2"])
    table.set_yticks(step * np.arange(LATENTS) + SIDE / 2 - 0.5, [str(k) for k in range(1, LATENTS + 1)])
    table.tick_params(length=0)
    table.spines[:].set_visible(False)
    table.set(xlim=(-2.5, 9 * step + 0.5), ylim=(LATENTS * step + 0.5, -2.5))
    (mark,) = table.plot([], [], color=palette.approximation, linewidth=3)
    start = ellipses()[2][3:4]
    made = show_images(large, np.zeros((SIDE, SIDE)), "Decoded")
    return SimpleNamespace(picture=picture, mark=mark, made=made, states=states, start=start, step=step)


@torch.no_grad()
def _draw_traversals(parts, model, latent, value):
    trained, order, kls, table = parts.states[model]
    parts.picture.set_data(table)
    top, left = parts.step * (latent - 1) - 1, parts.step * (value + 2) * 2 - 1
    bottom, right = top + parts.step, left + parts.step
    parts.mark.set_data([left, right, right, left, left], [top, top, bottom, bottom, top])
    code = trained.encode(parts.start)[0]
    code[0, order[latent - 1]] = value
    image = trained.decode(code).numpy().reshape(SIDE, SIDE)
    parts.made.set_data(image)
    share, grid = image / image.sum(), np.arange(SIDE) + 0.5
    across, down = share.sum(0) @ grid, share.sum(1) @ grid
    return (
        f"{model}, latent {latent} with a KL of {kls[latent - 1]:.2f} nats, at {value:.2f}: the ink of "
        f"{image.sum():.0f} pixels, centred {across:.1f} pixels from the left and {down:.1f} from the top."
    )


def traversals():
    """Return the explorer of what each latent of two models does to a picture."""
    return Explorer(
        _build_traversals,
        _draw_traversals,
        [
            Choice("model", label="model", options=tuple(MODELS), value="β = 4"),
            Slider("latent", label="latent", minimum=1, maximum=LATENTS, step=1, value=1),
            Slider("value", label="value", symbol="z", minimum=-2.0, maximum=2.0, step=0.25, value=1.0),
        ],
        name="traversals",
        title="Traversals",
        alt="Left, a table of ellipses, one row for each latent and one column for each of its values; a frame marks "
        "the chosen place. Right, the picture decoded there, large.",
        width=9.6,
        height=4.4,
    )


def _build_valve(figure):
    _, snapshots = capacity_vae()
    epochs = np.array([snapshot.epoch for snapshot in snapshots])
    order = np.argsort(-snapshots[-1].kls)
    curve, bars, pictures = figure.subplots(1, 3, width_ratios=(1.25, 0.85, 1.4))
    planned = [_capacity(10 * epoch) for epoch in range(EPOCHS + 1)]
    curve.plot(range(EPOCHS + 1), planned, color=palette.truth, linestyle="--", label="capacity C")
    (measured,) = curve.plot([], [], "o-", color=palette.approximation, label="KL on test images")
    curve.set(title="The KL follows", xlabel="epoch", ylabel="nats", xlim=(0, EPOCHS + 2), ylim=(0, 7.5))
    curve.legend(loc="upper left")
    heights = bars.bar(np.arange(1, LATENTS + 1), np.zeros(LATENTS), color=palette.approximation)
    bars.set(title="Who carries it", xlabel="latent", ylabel="KL, nats", ylim=(0, 4), xlim=(0.4, LATENTS + 0.6))
    bars.axhline(0.1, color=palette.data, linestyle=":", linewidth=1.6)
    seen = ellipses()[2][:8]
    image = show_images(pictures, np.zeros((4 * SIDE + 3, 4 * SIDE + 3)), "Ellipses, and rebuilt (below)")
    return SimpleNamespace(
        measured=measured, bars=list(heights), image=image, snapshots=snapshots, epochs=epochs, order=order, seen=seen
    )


def _draw_valve(parts, epoch):
    index = round(epoch / 6)
    now = parts.snapshots[index]
    parts.measured.set_data(parts.epochs[: index + 1], [past.kls.sum() for past in parts.snapshots[: index + 1]])
    for bar, height in zip(parts.bars, now.kls[parts.order], strict=True):
        bar.set_height(height)
    rows = [parts.seen[:4], now.images[:4], parts.seen[4:], now.images[4:]]
    parts.image.set_data(mosaic(torch.cat(rows), 4, 4))
    used = int((now.kls > 0.1).sum())
    return (
        f"After epoch {now.epoch} the capacity is {now.capacity:.2f} nats and the KL on the test images "
        f"{now.kls.sum():.2f} nats; {used} of {LATENTS} latents carry more than a tenth of a nat."
    )


def valve():
    """Return the explorer of a training run in which the KL term follows a growing capacity."""
    return Explorer(
        _build_valve,
        _draw_valve,
        [Slider("epoch", label="epoch", minimum=0, maximum=EPOCHS, step=6, value=24)],
        name="valve",
        title="Opening the valve",
        alt="Left, the capacity rising linearly to five nats and the KL following it. Middle, the KL of each latent. "
        "Right, eight ellipses in two rows, each row with its reconstructions below.",
        width=10.0,
        height=3.7,
    )


EXPLORERS = {"rate_distortion": rate_distortion, "traversals": traversals, "valve": valve}

# --- exercises --------------------------------------------------------------------------------------------------------


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


beta_elbo = Exercise(
    name="beta_elbo",
    arguments=("reconstruction", "kl", "beta"),
    returns="objective",
    reference=lambda reconstruction, kl, beta: (reconstruction - beta * kl).mean(),
    spellings={
        "two means": lambda reconstruction, kl, beta: reconstruction.mean() - kl.mean() * beta,
        "numpy": lambda reconstruction, kl, beta: np.mean(np.asarray(reconstruction) - beta * np.asarray(kl)),
        "loop": lambda reconstruction, kl, beta: (
            sum(float(r) - beta * float(k) for r, k in zip(reconstruction, kl, strict=True)) / len(kl)
        ),
    },
    probes=[
        (_tensor(-10.0, -13.0), _tensor(2.0, 3.0), 4.0),
        (_tensor(-20.5, 3.0, -7.0), _tensor(0.5, 6.0, 1.2), 0.5),
        (_tensor(-90.0, -85.0, -99.0, -70.0), _tensor(7.0, 0.1, 3.3, 12.0), 2.5),
    ],
    misconceptions=[
        Misconception(
            "β on the wrong term",
            lambda reconstruction, kl, beta: (beta * reconstruction - kl).mean(),
            "β stands at the reconstruction. It is the KL that is made dearer: multiplying the other term does the "
            "opposite, as 1/β would.",
        ),
        Misconception(
            "β on both terms",
            lambda reconstruction, kl, beta: beta * (reconstruction - kl).mean(),
            "You multiplied the whole ELBO by β. Its maximum stays where it was: only the ratio of the terms matters.",
        ),
        Misconception(
            "KL added",
            lambda reconstruction, kl, beta: (reconstruction + beta * kl).mean(),
            "The KL is added, so a code would be paid for every nat it costs. In the objective it is subtracted.",
        ),
        Misconception(
            "the loss",
            lambda reconstruction, kl, beta: -(reconstruction - beta * kl).mean(),
            "This is the loss, −1 times what was asked for: the objective is to be maximised.",
        ),
        Misconception(
            "sum over the batch",
            lambda reconstruction, kl, beta: (reconstruction - beta * kl).sum(),
            "You added up over the batch. Average over the images, so that the value does not depend on their number.",
        ),
        Misconception(
            "β left out",
            lambda reconstruction, kl, beta: (reconstruction - kl).mean(),
            "This is the plain ELBO: β is not used.",
        ),
        Misconception(
            "divided by β",
            lambda reconstruction, kl, beta: (reconstruction - kl / beta).mean(),
            "You divided the KL by β. A larger β must make a nat of code more expensive.",
        ),
    ],
    hints=(
        "The ELBO of an image is its reconstruction term minus its KL.",
        "One of the two terms is multiplied by β: the one that says what the code costs.",
        "Then average over the rows.",
    ),
    praise="At β = 1 it is the ELBO; above 1 a lower bound still, but a looser one; below 1 it may be no bound.",
)


def _water(variances, level):
    error = np.minimum(variances, level)
    return 0.5 * np.log(variances / error).sum(), error.sum()


def _water_loop(variances, level):
    rate = distortion = 0.0
    for variance in variances:
        if variance > level:
            rate += 0.5 * math.log(variance / level)
            distortion += level
        else:
            distortion += variance
    return rate, distortion


water_filling = Exercise(
    name="water_filling",
    arguments=("variances", "level"),
    returns=("rate", "distortion"),
    reference=_water,
    spellings={
        "loop": _water_loop,
        "clip": lambda variances, level: (
            np.clip(np.log(variances / level) / 2, 0, None).sum(),
            np.where(variances > level, level, variances).sum(),
        ),
    },
    probes=[
        (np.array([4.0, 1.0, 0.25]), 0.5),
        (np.array([3.0, 2.0]), 0.3),
        (np.array([0.9, 0.2, 5.0, 1.7]), 1.2),
    ],
    misconceptions=[
        Misconception(
            "half missing",
            lambda variances, level: (2 * _water(variances, level)[0], _water(variances, level)[1]),
            "The rate is twice too large: a feature costs ½ log(variance / error) nats.",
        ),
        Misconception(
            "negative rates",
            lambda variances, level: (0.5 * np.log(variances / level).sum(), _water(variances, level)[1]),
            "Features below the water level got a negative rate. They are not described at all: their rate is 0.",
        ),
        Misconception(
            "bits",
            lambda variances, level: (_water(variances, level)[0] / math.log(2), _water(variances, level)[1]),
            "The rate is in bits. This course counts in nats: use the natural logarithm.",
        ),
        Misconception(
            "the level everywhere",
            lambda variances, level: (_water(variances, level)[0], level * len(variances)),
            "You counted the level as the error of every feature. One that varies less than the level can never be "
            "that wrong: its error is its variance.",
        ),
        Misconception(
            "idle features without error",
            lambda variances, level: (_water(variances, level)[0], level * (variances > level).sum()),
            "Features that are not described are missing in the distortion. All of their variance is lost.",
        ),
        Misconception(
            "water on top",
            lambda variances, level: (_water(variances, level)[0], np.maximum(variances, level).sum()),
            "You took the larger of variance and level. The error is the smaller of the two.",
        ),
        Misconception(
            "what is explained",
            lambda variances, level: (_water(variances, level)[0], (variances - np.minimum(variances, level)).sum()),
            "This is the variance that the code explains. The distortion is what remains.",
        ),
    ],
    hints=(
        "The error of a feature is the smaller of its variance and the level.",
        "Its rate is ½ log(variance / error), which is 0 where they are equal.",
        "`np.minimum(variances, level)` gives all errors at once. Sum both over the features.",
    ),
    praise="That is the whole rate–distortion function of a Gaussian, and what a linear VAE reaches.",
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


def _pairwise(seed, batch, latents, shift=0.0):
    """Log q(z_il | x_j) (M, M, L) of some Gaussians and one draw from each."""
    rng = np.random.default_rng(seed)
    mean, scale = rng.normal(size=(batch, latents)), rng.uniform(0.3, 0.8, (batch, latents))
    z = mean + scale * rng.normal(size=mean.shape)
    terms = -0.5 * ((z[:, None] - mean) / scale) ** 2 - np.log(scale) - 0.5 * math.log(2 * math.pi) - shift
    return torch.as_tensor(terms)


def _without_constant(log_q, inside):
    constant = math.log(inside) if inside else 0.0
    joint = log_q.sum(-1).logsumexp(1) - constant
    return (joint - (log_q.logsumexp(1) - constant).sum(-1)).mean()


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
    },
    probes=[
        (_pairwise(0, 2, 2), 10),
        (_pairwise(1, 4, 3), 60),
        (_pairwise(2, 3, 2, shift=500.0), 1000),
        (_pairwise(3, 3, 3), 90),
    ],
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
            "You averaged log-densities over the data points, and then the two parts are always equal. A mixture "
            "averages densities: use logsumexp.",
        ),
        Misconception(
            "the joint alone",
            lambda log_q, size: (log_q.sum(-1).logsumexp(1) - math.log(len(log_q) * size)).mean(),
            "This is the first part, log q(z), the negative entropy of the joint. Subtract the logarithms of the "
            "marginal densities.",
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


def _gap_loop(information, entropies):
    gaps = []
    for column, entropy in zip(information.T, entropies, strict=True):
        best = int(column.argmax())
        second = max(float(value) for place, value in enumerate(column) if place != best)
        gaps.append((float(column[best]) - second) / entropy)
    return sum(gaps) / len(gaps)


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
    },
    probes=[
        (np.array([[1.2, 0.1], [0.3, 0.4], [0.1, 0.2]]), np.array([1.5, 0.7])),
        (np.array([[0.9, 0.1, 0.2], [0.8, 0.3, 0.15], [0.0, 0.2, 1.6]]), np.array([1.0, 1.4, 2.0])),
        (np.array([[0.05, 2.9], [0.6, 0.3], [0.55, 1.0], [0.2, 0.1]]), np.array([0.69, 3.4])),
    ],
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
    ],
    hints=(
        "For each column, the factor: the largest entry minus the second largest.",
        "Divide by the entropy of that factor, then average over the factors.",
        "`np.sort(information, axis=0)` has the largest entries in its last row.",
    ),
    praise="1 would mean: each factor is known completely, from one latent and no other.",
)

warm_up = Exercise(
    name="warm_up",
    arguments=("step", "steps"),
    returns="weight",
    reference=lambda step, steps: min(1.0, step / steps),
    spellings={
        "numpy": lambda step, steps: np.clip(step / steps, 0, 1),
        "condition": lambda step, steps: step / steps if step < steps else 1,
        "library": lambda step, steps: linear_schedule(step, steps),
    },
    probes=[(1, 4), (0, 10), (9, 10), (10, 10), (37, 10), (3, 7)],
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
            lambda step, steps: min(1.0, step / (steps - 1)),
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
            "The weight is 0 throughout the warm-up and then jumps: `//` drops the fraction. Use `/`.",
        ),
        Misconception(
            "starts again",
            lambda step, steps: (step % steps) / steps,
            "After the warm-up the weight starts again from 0. (That is a schedule too, a cyclical one, but not this.)",
        ),
    ],
    hints=(
        "A straight line from 0 at step 0 to 1 at step `steps`.",
        "After that it stays at 1: which function takes the smaller of two numbers?",
    ),
    praise="From step `steps` on, what is trained is the ELBO itself.",
)

EXERCISES = (beta_elbo, water_filling, minibatch_correlation, information_gap, warm_up)
