"""VAEs with richer priors against the standard one, on fixed binarised MNIST, at equal updates."""

from __future__ import annotations

import functools
import os
import sys
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks import LONG, Report, bounds
from benchmarks.bounds import BATCH_SIZE, EPOCHS, LEARNING_RATE, SAMPLES, WEIGHT_DECAY, quick_products
from benchmarks.kept import checkpoint, load_of, remembered
from benchmarks.load import Load
from benchmarks.optimizers import muon
from benchmarks.vae_quality import HIDDEN, LATENT, VALIDATION
from course_utils.models.priors import MixturePrior, Prior, PriorVAE, StandardPrior, VampPrior
from course_utils.models.vae import VAE, gaussian_log_prob
from course_utils.workshop.data import mnist_binarised
from course_utils.workshop.training import History, Trainer

COMPONENTS = 500
"""Pseudo-inputs of the VampPrior, as in the paper, and components of the mixture that is learned along."""

FITTED = 100
"""Components of the mixture that is fitted afterwards, by EM to one draw for each training image."""

LEAD = 1.0
"""The bar: how many nats the VampPrior must be ahead of the standard prior."""

PUBLISHED = {"VampPrior": "85.57", "standard": "88.56"}
"""Negative log-likelihoods of Tomczak and Welling (2018), one layer, static MNIST; their network is another one."""


@dataclass(frozen=True)
class Trained:
    """A VAE, the prior that it is judged with, how its training went, and what others did meanwhile."""

    model: VAE
    prior: Prior
    history: History
    load: Load = field(default_factory=Load)


def log_weights(trained: Trained, x: Tensor, samples: int, generator: torch.Generator | None = None) -> Tensor:
    """Return log p(x, z) − log q(z | x) (S, N) in nats for draws of z from q, with the prior that is given.

    Gradients pass along the draws; without a generator they come from torch's own random state.
    """
    mean, log_var = trained.model.encode(x)
    noise = torch.randn(samples, *mean.shape, generator=generator)
    z = mean + torch.exp(0.5 * log_var) * noise
    logits = trained.model.decoder(z)
    log_likelihood = (logits * x).sum(-1) - F.softplus(logits).sum(-1)
    return log_likelihood + trained.prior.log_prob(z) - gaussian_log_prob(z, mean, log_var)


def train_with(kind: str, x: Tensor, valid: Tensor, trunk: VAE, epochs: int = EPOCHS, *, keep: bool = True) -> Trained:
    """Train the trunk's network and a prior together; `kind` is "VampPrior" or "learned mixture"."""
    model = PriorVAE(x.shape[1], LATENT, HIDDEN, activation="tanh", seed=0)
    model.encoder.load_state_dict(trunk.encoder.state_dict())
    model.decoder.load_state_dict(trunk.decoder.state_dict())
    if kind == "VampPrior":
        rows = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[:COMPONENTS]
        model.prior = VampPrior(model.encode, x[rows])
    else:
        model.prior = MixturePrior(LATENT, COMPONENTS)
    trained = Trained(model, model.prior, History())
    run = Trainer(
        model,
        lambda batch: -log_weights(trained, batch, 1).mean(),
        x,
        epochs=epochs,
        batch_size=BATCH_SIZE,
        learning_rate=LEARNING_RATE,
        schedule="linear",
        optimizer=muon(LEARNING_RATE, WEIGHT_DECAY, spared=model.prior.parameters()),
        validation=valid,
        checkpoint=checkpoint("priors", kind) if keep else None,
    )
    with quick_products(), Load(load_of("priors", kind) if keep else None) as load:
        return Trained(model, model.prior, run.run(), load)


def standard(x: Tensor, valid: Tensor, trunk: VAE, epochs: int = EPOCHS, *, keep: bool = True) -> Trained:
    """Train with the prior N(0, I): the first row of the benchmark `bounds`, whose checkpoint serves both."""
    model, history = bounds.train(bounds.ROWS[0], x, valid, trunk, epochs, keep=keep)
    load = Load(load_of("bounds", bounds.ROWS[0].name) if keep else None)
    return Trained(model, StandardPrior(LATENT), history, load)


@torch.no_grad()
def fitted(trained: Trained, x: Tensor) -> Trained:
    """Put a mixture, fitted to one draw of q(z | x) for each training image, in the place of a model's prior."""
    mean, log_var = trained.model.encode(x)
    z = trained.model.reparameterise(mean, log_var, torch.Generator().manual_seed(0))
    return replace(trained, prior=MixturePrior(LATENT, FITTED).fit(z))


def judged(name: str, trained: Trained, test: Tensor) -> float:
    """Return a row's negative log-likelihood of all test images in nats; it is kept, as the training is."""
    if isinstance(trained.prior, StandardPrior):
        return bounds.judged(bounds.ROWS[0], trained.model, test)
    models = trained.model, trained.prior
    draw = functools.partial(log_weights, trained)
    return remembered("priors", name, models, lambda: bounds.negative_log_likelihood(draw, test))


def run() -> Report:
    """Train with each prior for the same number of updates, and estimate the likelihood of all test images."""
    x, valid, test = (torch.from_numpy(mnist_binarised(split).reshape(-1, 784)) for split in ("train", "valid", "test"))
    valid = valid[torch.randperm(len(valid), generator=torch.Generator().manual_seed(0))[:VALIDATION]]
    trunk, _ = bounds.train_trunk(x, valid)
    plain = standard(x, valid, trunk)
    models = {
        "standard": plain,
        f"mixture of {FITTED}, fitted afterwards": fitted(plain, x),
        f"VampPrior of {COMPONENTS}": train_with("VampPrior", x, valid, trunk),
    }
    if os.environ.get(LONG):
        models[f"mixture of {COMPONENTS}, learned along"] = train_with("learned mixture", x, valid, trunk)
    rows, nats = [], {}
    for name, trained in models.items():
        nats[name] = judged(name, trained, test)
        history = trained.history
        rows.append(
            (
                name,
                f"{history.best_epoch} of {EPOCHS}",
                f"{history.seconds / 60:.0f}",
                f"{trained.load.cores:.1f}",
                f"{nats[name]:.2f}",
                f"{nats['standard'] - nats[name]:.2f}",
                f"{trained.model.active_units(test).sum()} of {LATENT}",
                PUBLISHED.get(name.split(" of ")[0], ""),
            )
        )
        # a run is long: what is known already is not to be lost with it
        print(f"{name}: {nats[name]:.2f} nats", file=sys.stderr, flush=True)
    lead = nats["standard"] - nats[f"VampPrior of {COMPONENTS}"]
    return Report(
        setting=(
            "MNIST in black and white, fixed binarisation, 50,000 training images; network and settings of the "
            f"benchmark `bounds`, whose first row is the standard prior here. All rows go on from its VAE, of "
            f"{bounds.TRUNK} epochs with the standard prior, for {EPOCHS} epochs. Pseudo-inputs start at random "
            "training images; no decay for the prior's parameters. NLL in nats by importance sampling with "
            f"{SAMPLES:,} draws, all 10,000 test images. {torch.get_num_threads()} threads; minutes of training, "
            "and how many cores other work took meanwhile. Published: Tomczak and Welling (2018), one stochastic "
            "layer, gated layers of 300, 40 latents, warm-up; there each prior trains alone and for longer. "
            f"{LONG}=1 adds a mixture of {COMPONENTS} that is learned along."
        ),
        header=(
            *("prior", "best epoch", "training, min", "others' cores", "test NLL", "ahead of the standard", "active"),
            "published NLL",
        ),
        rows=rows,
        bar=f"VampPrior ahead of the standard prior by {lead:.2f} nats (bar {LEAD:g}; published 2.99)",
        passed=lead >= LEAD,
    )
