"""Importance-weighted bounds and planar flows against the plain VAE at equal updates, on fixed binarised MNIST."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks import Report
from benchmarks.kept import checkpoint, load_of, remembered
from benchmarks.load import Load
from benchmarks.optimizers import muon
from benchmarks.products import half_is_quicker
from benchmarks.vae_quality import BATCH_SIZE, HIDDEN, LATENT, LEARNING_RATE, VALIDATION, WEIGHT_DECAY
from course_utils.models.bounds import importance_bound, normalised_weights
from course_utils.models.flows import FlowEncoder, planar_chain
from course_utils.models.vae import VAE
from course_utils.workshop.data import mnist_binarised
from course_utils.workshop.training import History, Trainer

TRUNK, EPOCHS = 150, 80
"""Epochs of the VAE that all rows go on from, and epochs of each row."""

SAMPLES = 5000
"""Draws for each test image, as many as in the papers."""

KEPT = 8
"""Of many draws for one image, those through which gradients go."""

BLOCK = 2_000
"""Draws of z that are decoded at once: so many activations stay in a processor's cache."""

LEAD, BEST = 0.5, 88.0
"""The bars: how many nats IWAE with k = 50 must be ahead of the VAE, and what the best row must reach."""


@dataclass(frozen=True)
class Row:
    """A model, the bound that trains it, and what the paper reports.

    Parameters
    ----------
    name : in the table, and of the checkpoint.
    draws : k of the bound.
    published : negative log-likelihood in nats.
    flow : planar layers that follow q's diagonal Gaussian.
    """

    name: str
    draws: int
    published: str
    flow: int = 0


ROWS = (
    Row("VAE", 1, "88.71"),
    Row("IWAE, k = 5", 5, "87.63"),
    Row("IWAE, k = 50", 50, "87.10"),
    Row("planar flow of 10 layers", 1, "87.5", flow=10),
)


class FlowVAE(VAE):
    """A VAE whose encoder gives every image a planar flow of its own, with the layers of the plain encoder."""

    def __init__(self, *arguments: Any, layers: int, **options: Any):
        super().__init__(*arguments, **options)
        settings = {"activation": self.activation, "seed": options.get("seed", 0)}
        self.encoder = FlowEncoder(self.data_dim, self.latent_dim, self.hidden, layers=layers, **settings)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance (N, L) of the Gaussian that the flow starts from."""
        return self.encoder.parameters_of(x)[:2]


def log_weights(model: VAE, x: Tensor, q: tuple[Tensor, ...], noise: Tensor) -> Tensor:
    """Return log p(x, z) − log q(z | x) (K, N) in nats for the draws that noise (K, N, L) becomes under q.

    `q` is what `posterior` returns. The same as `VAE` computes, in a third of the time: the Bernoulli's log-likelihood
    as logit · x − softplus(logit).
    """
    mean, log_var, *layers = q
    z = mean + torch.exp(0.5 * log_var) * noise
    bent = 0.0
    if layers:
        z, bent = planar_chain(z, *layers)
    logits = model.decoder(z)
    log_likelihood = (logits * x).sum(-1) - F.softplus(logits).sum(-1, dtype=mean.dtype)
    # the two constants −½ log 2π cancel
    return log_likelihood - 0.5 * z.square().sum(-1) + 0.5 * (noise.square() + log_var).sum(-1) + bent


def posterior(model: VAE, x: Tensor) -> tuple[Tensor, ...]:
    """Return mean and log-variance (N, L) of q(z | x), and the flow's u (N, K, L), w (N, K, L), b (N, K) if any."""
    if isinstance(model, FlowVAE):
        mean, log_var, layers = model.encoder.parameters_of(x)
        return mean, log_var, *layers
    return model.encode(x)


@torch.no_grad()
def quick_log_weights(model: VAE, x: Tensor, q: tuple[Tensor, ...], noise: Tensor) -> Tensor:
    """Return `log_weights` (K, N) of very many draws, with layers in half precision and sums in single.

    They are off by some hundredths of a nat, and cost less than half as much: enough to say which draws matter. Where
    the machine is no faster in half precision, all is in single.
    """
    # decoded in blocks: pictures of all draws at once would not fit into the cache
    with torch.autocast("cpu", torch.bfloat16, enabled=half_is_quicker()):
        blocks = noise.split(max(1, BLOCK // len(x)))
        return torch.cat([log_weights(model, x, q, block).to(q[0].dtype) for block in blocks])


def bound_loss(model: VAE, x: Tensor, draws: int, kept: int = KEPT) -> Tensor:
    """Return −𝓛_k, averaged over the rows of x (N, D): value to hundredths of a nat, gradient in expectation.

    The gradient of 𝓛_k is Σ w̃ ∇ log w over its k draws, with normalised weights w̃. Where k is larger than `kept`, it
    is estimated from as many draws, taken from the k with probabilities w̃ (systematic resampling), so that nothing
    is differentiated whose weight is nearly zero.

    Source: Burda, Grosse and Salakhutdinov (2016), equations 13 and 14, and the remark on one draw by its weight.
    """
    q = posterior(model, x)
    noise = torch.randn(draws, *q[0].shape)
    if draws <= kept:
        return -importance_bound(log_weights(model, x, q, noise)).mean()
    with torch.no_grad():
        log_w = quick_log_weights(model, x, q, noise)
        chosen = resample(normalised_weights(log_w), kept)[..., None].expand(-1, -1, noise.shape[-1])
        value = importance_bound(log_w)
    slope = log_weights(model, x, q, noise.gather(0, chosen)).mean(0)
    return -(slope - slope.detach() + value).mean()


def resample(weights: Tensor, size: int) -> Tensor:
    """Return places (size, N) in the columns of weights (K, N), which sum to one, each as often as its weight says.

    Systematic: one uniform number a column, then equal steps.
    """
    steps = (torch.arange(size)[:, None] + torch.rand(1, weights.shape[1])) / size
    sums = weights.cumsum(0)
    return torch.searchsorted(sums.T.contiguous(), steps.T.contiguous()).T.clamp(max=len(weights) - 1)


@contextmanager
def quick_products() -> Iterator[None]:
    """Let torch multiply matrices in half precision, added up in single: for training, whose noise is larger."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def train_trunk(x: Tensor, valid: Tensor, epochs: int = TRUNK, *, keep: bool = True) -> tuple[VAE, History]:
    """Train the VAE that all rows go on from, at a constant step size; with `keep`, go on after an interrupt."""
    model = VAE(x.shape[1], LATENT, HIDDEN, activation="tanh", seed=0).start_at_mean(x)
    return model, _run(
        model, functools.partial(bound_loss, model, draws=1), x, valid, epochs, "constant", "trunk", keep
    )


def train(
    row: Row, x: Tensor, valid: Tensor, trunk: VAE, epochs: int = EPOCHS, *, keep: bool = True
) -> tuple[VAE, History]:
    """Train a row's model, which begins with the weights of the trunk; `keep` as there."""
    model = VAE(x.shape[1], LATENT, HIDDEN, activation="tanh")
    model.load_state_dict(trunk.state_dict())
    if row.flow:
        model = with_flow(model, row.flow)
    loss = functools.partial(bound_loss, model, draws=row.draws)
    return model, _run(model, loss, x, valid, epochs, "linear", row.name, keep)


def with_flow(trunk: VAE, layers: int) -> FlowVAE:
    """Return a trunk's network with planar layers after its encoder's Gaussian, at first nearly the identity."""
    model = FlowVAE(trunk.data_dim, LATENT, HIDDEN, activation="tanh", layers=layers, seed=0)
    model.decoder.load_state_dict(trunk.decoder.state_dict())
    gaussian = len(trunk.encoder[-1].bias)
    with torch.no_grad():
        for mine, own in zip(model.encoder.network.parameters(), trunk.encoder.parameters(), strict=True):
            mine[: len(own)] = own
        model.encoder.network[-1].weight[gaussian:] *= 0.1
        # the layers' u, which say how far each moves z: a trained decoder expects z where it was
        model.encoder.network[-1].bias[gaussian:].view(layers, -1)[:, :LATENT] *= 0.1
    return model


def _run(
    model: VAE,
    loss: Callable[[Tensor], Tensor],
    x: Tensor,
    valid: Tensor,
    epochs: int,
    schedule: str,
    name: str,
    keep: bool,
) -> History:
    run = Trainer(
        model,
        loss,
        x,
        epochs=epochs,
        batch_size=BATCH_SIZE,
        learning_rate=LEARNING_RATE,
        schedule=schedule,
        optimizer=muon(LEARNING_RATE, WEIGHT_DECAY),
        validation=valid,
        checkpoint=checkpoint("bounds", name) if keep else None,
    )
    with quick_products(), Load(load_of("bounds", name) if keep else None):
        return run.run()


def draw(model: VAE, x: Tensor, samples: int, generator: torch.Generator) -> Tensor:
    """Return log p(x, z) − log q(z | x) (S, N) in nats for so many draws of z from a row's own q."""
    q = posterior(model, x)
    return log_weights(model, x, q, torch.randn(samples, *q[0].shape, generator=generator))


@torch.no_grad()
def negative_log_likelihood(
    draw: Callable[[Tensor, int, torch.Generator], Tensor], test: Tensor, samples: int = SAMPLES, seed: int = 0
) -> float:
    """Return −log p(x) in nats, averaged over the rows of test, by importance sampling with so many draws each.

    `draw` returns the log-weights (S, N) of S draws for N rows.
    """
    generator = torch.Generator().manual_seed(seed)
    parts = test.split(max(1, BLOCK // samples))
    return -sum(importance_bound(draw(part, samples, generator)).sum().item() for part in parts) / len(test)


def judged(row: Row, model: VAE, test: Tensor) -> float:
    """Return a row's negative log-likelihood of all test images in nats; it is kept, as the training is."""
    return remembered(
        "bounds", row.name, (model,), lambda: negative_log_likelihood(functools.partial(draw, model), test)
    )


def run() -> Report:
    """Train each row for the same number of updates, and estimate the likelihood of all test images."""
    x, valid, test = (torch.from_numpy(mnist_binarised(split).reshape(-1, 784)) for split in ("train", "valid", "test"))
    valid = valid[torch.randperm(len(valid), generator=torch.Generator().manual_seed(0))[:VALIDATION]]
    trunk, before = train_trunk(x, valid)
    print(f"trunk: {before.seconds / 60:.1f} minutes, validation {-min(before.validation):.2f}", file=sys.stderr)
    rows, nats = [], {}
    for row in ROWS:
        model, history = train(row, x, valid, trunk)
        nats[row.name] = judged(row, model, test)
        rows.append(
            (
                row.name,
                f"{history.best_epoch} of {EPOCHS}",
                f"{history.seconds / 60:.0f}",
                f"{Load(load_of('bounds', row.name)).cores:.1f}",
                f"{nats[row.name]:.2f}",
                f"{nats['VAE'] - nats[row.name]:.2f}",
                f"{-min(history.validation):.2f}",
                f"{model.active_units(test).sum()} of {LATENT}",
                row.published,
            )
        )
        # a run is long: what is known already is not to be lost with it
        print(f"{row.name}: {nats[row.name]:.2f} nats", file=sys.stderr, flush=True)
    lead, best = nats["VAE"] - nats["IWAE, k = 50"], min(nats.values())
    return Report(
        setting=(
            "MNIST in black and white, fixed binarisation, 50,000 training images; one stochastic layer of "
            f"{LATENT}, two hidden layers of {HIDDEN[0]} tanh units on either side, Bernoulli. All rows go on from one "
            f"VAE, trained for {TRUNK} epochs in batches of {BATCH_SIZE} ({before.seconds / 60:.0f} minutes), and get "
            f"{EPOCHS} epochs each of the objective in their name, as many updates for all. (In the paper each "
            "objective trains alone, from the start and for longer.) Muon for the weights (decay "
            f"{WEIGHT_DECAY:g}), AdamW (β₂ = 0.99) for the biases, step size {LEARNING_RATE:g}, for "
            "the rows the peak of a linear schedule; matrix products in half precision while training, where the "
            "machine does them faster; the epoch with the best bound of its own on "
            f"{VALIDATION:,} validation images is kept. With more than {KEPT} draws, gradients go through {KEPT} that "
            f"are resampled by weight. NLL in nats by importance sampling with {SAMPLES:,} draws, single precision, "
            f"all 10,000 test images. {torch.get_num_threads()} threads; minutes of training, and how many cores "
            "other work took meanwhile."
        ),
        header=(
            *(
                "what",
                "best epoch",
                "training, min",
                "others' cores",
                "test NLL",
                "ahead of the VAE",
                "validation bound",
            ),
            *("active units", "published NLL"),
        ),
        rows=rows,
        bar=f"IWAE k = 50 ahead by {lead:.2f} nats (bar {LEAD:g}); best row {best:.2f} (bar {BEST:g})",
        passed=lead >= LEAD and best <= BEST,
    )
