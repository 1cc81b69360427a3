"""Factor-change score and MIG of β-VAEs on 50,000 sprites, over seeds, beside the figures of Higgins et al."""

from __future__ import annotations

import statistics
import time
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from benchmarks import Report
from course_utils.models.disentanglement import FACTORS, factor_change_score, kl_parts, mutual_information_gap, sprites
from course_utils.models.vae import VAE
from course_utils.workshop.training import Trainer

SIZE, SIDE = 50_000, 32
HIDDEN, LATENT = (200, 100), 10
BETAS, SEEDS = (1.0, 2.0, 4.0, 8.0), (0, 1, 2)
EPOCHS, BATCH, LEARNING_RATE = 20, 256, 2e-3
SCORED = 10_000
"""Images, the first of those drawn, that codes are scored on."""

RENDER_SECONDS, SLACK = 60.0, 0.01
"""Limit of the time to render all sprites, and how far the median score at β = 4 may lie below that at β = 1."""

PUBLISHED = (
    ("Higgins et al. (2017), β-VAE, β = 4", "99.23 ± 0.1 %"),
    ("Higgins et al. (2017), VAE", "61.58 ± 0.5 %"),
    ("Higgins et al. (2017), PCA", "84.9 %"),
    ("Higgins et al. (2017), ICA", "42.0 %"),
)


class Result(NamedTuple):
    """What one model got: the scores, its bound's two terms in nats, total correlation, latents in use, seconds."""

    score: float
    gap: float
    rate: float
    distortion: float
    correlation: float
    active: int
    seconds: float


def train(x: Tensor, beta: float, seed: int, epochs: int = EPOCHS) -> tuple[VAE, float]:
    """Train on x (N, side²) with weight `beta` of the KL term, and return model and seconds."""
    model = VAE(x.shape[1], LATENT, HIDDEN, seed=seed)
    start = time.perf_counter()
    model.start_at_mean(x)
    Trainer(
        model,
        lambda batch: model.loss(batch, beta=beta),
        x,
        epochs=epochs,
        batch_size=BATCH,
        learning_rate=LEARNING_RATE,
        schedule="one_cycle",
        seed=seed,
    ).run()
    return model, time.perf_counter() - start


@torch.no_grad()
def score(model: VAE, x: Tensor, factors: np.ndarray, seconds: float = 0.0) -> Result:
    """Return what a trained model gets on images x (N, side²) with factors (N, F).

    The factor-change score takes the means of q, as Higgins et al. did; MIG takes one draw from each q.
    """
    generator = torch.Generator().manual_seed(0)
    mean, log_var = model.encode(x)
    terms = model.elbo_terms(x, 1, generator)
    return Result(
        score=factor_change_score(mean, factors),
        gap=mutual_information_gap(model.reparameterise(mean, log_var, generator), factors),
        rate=terms["kl"].mean().item(),
        distortion=-terms["reconstruction"].mean().item(),
        correlation=kl_parts(mean[:2000], log_var[:2000], size=len(x)).total_correlation,
        active=int(model.active_units(x).sum()),
        seconds=seconds,
    )


def spread(values: list[float], digits: int = 3) -> str:
    """Return the median, and smallest and largest in brackets."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def run() -> Report:
    """Render the sprites, train one model for each weight and seed, and score them all."""
    start = time.perf_counter()
    images, factors = sprites(SIZE, seed=0, side=SIDE)
    rendering = time.perf_counter() - start
    x = torch.from_numpy(images)
    results = {}
    for beta in BETAS:
        results[beta] = []
        for seed in SEEDS:
            model, seconds = train(x, beta, seed)
            results[beta].append(score(model, x[:SCORED], factors[:SCORED], seconds))
    rows = [
        (
            f"ours, β = {beta:g}",
            spread([result.score for result in found]),
            spread([result.gap for result in found]),
            spread([result.rate for result in found], 1),
            spread([result.distortion for result in found], 1),
            spread([result.correlation for result in found], 2),
            spread([float(result.active) for result in found], 0),
            f"{sum(result.seconds for result in found) / 60:.1f}",
        )
        for beta, found in results.items()
    ]
    rows += [(name, value, *[""] * 6) for name, value in PUBLISHED]
    plain, weighted = (statistics.median(result.score for result in results[beta]) for beta in (1.0, 4.0))
    return Report(
        setting=(
            f"{SIZE:,} sprites of {SIDE}×{SIDE} pixels drawn from the full grid of {len(FACTORS)} factors; {LATENT} "
            f"latents, hidden layers {HIDDEN[0]} and {HIDDEN[1]}, Bernoulli. Adam with the one-cycle schedule up to "
            f"{LEARNING_RATE:g}, batches of {BATCH}, {EPOCHS} epochs. Scores on {SCORED:,} of the images; each entry "
            f"is the median of {len(SEEDS)} seeds with smallest and largest in brackets. Guessing scores "
            f"{1 / len(FACTORS):.2f}. {torch.get_num_threads()} threads. The published figures are from other images "
            "(64×64), another sampling of pairs, a larger network and a longer training: they show the direction, "
            "not a target. Locatello et al. (2019) found over more than 12,000 models that seeds and hyperparameters "
            "matter more than the method, and that good runs cannot be picked without the factors; so the ranges "
            "here are to be read before the medians."
        ),
        header=(
            "what",
            "factor-change score",
            "MIG",
            "rate, nats",
            "distortion, nats",
            "total correlation, nats",
            "active latents",
            "training, min",
        ),
        rows=rows,
        bar=(
            f"{SIZE:,} sprites in {rendering:.1f} s (bar {RENDER_SECONDS:.0f}); median factor-change score "
            f"{weighted:.3f} at β = 4, {plain:.3f} at β = 1 (bar: no more than {SLACK} below)"
        ),
        passed=rendering <= RENDER_SECONDS and weighted >= plain - SLACK,
    )
