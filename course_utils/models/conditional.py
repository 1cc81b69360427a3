"""A VAE that is told the label: p(x | y) = ∫ p(x | z, y) p(z | y) dz, so that one may ask for a picture of a kind.

Encoder and decoder see the label y beside their input, which leaves z what is not in the label. The prior is N(0, I),
the same for all labels, or a Gaussian for each that is learned. Bounds are in nats and per data point.

Sources: Kingma, Rezende, Mohamed and Welling, "Semi-supervised Learning with Deep Generative Models" (2014), arXiv
1406.5298; Sohn, Lee and Yan, "Learning Structured Output Representation using Deep Conditional Generative Models"
(2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.networks import check_features, check_torch_generator, mlp
from course_utils.workshop.validation import check_scalar


def conditional_kl(mean: Tensor, log_var: Tensor, prior_mean: Tensor, prior_log_var: Tensor) -> Tensor:
    """Return KL(N(mean, diag exp(log_var)) ‖ N(prior_mean, diag exp(prior_log_var))) (…) in nats.

    Shapes: all (…, L), which broadcast; the sum runs over the last axis. With a prior of mean and log-variance 0 it is
    `vae.gaussian_kl`.
    """
    change = log_var - prior_log_var
    distance = (mean - prior_mean).square() * torch.exp(-prior_log_var)
    return 0.5 * (change.exp() - 1 - change + distance).sum(-1)


class ConditionalVAE(nn.Module):
    """A VAE of pictures in [0, 1] with labels, all of whose networks see the label as a row of zeros with one 1.

    Parameters
    ----------
    data_dim : D, features of a data point.
    latent_dim : L.
    classes : C, labels are the whole numbers from 0 to C − 1.
    hidden : sizes of the encoder's hidden layers; the decoder has them in reverse.
    learn_prior : give each label a prior N(m_y, diag v_y), learned with the rest; otherwise it is N(0, I) for all.
    seed : for the weights. Torch's own random state is left as it was.

    Attributes
    ----------
    encoder : network (…, D + C) → (…, 2L). decoder : network (…, L + C) → (…, D), logits of a Bernoulli likelihood.
    prior_mean, prior_log_var : (C, L), 0 unless they are learned.

    Raises
    ------
    TypeError, ValueError : an argument is not as described; of the methods likewise, above all labels that are no whole
        numbers from 0 to C − 1, one for each row.
    """

    def __init__(
        self,
        data_dim: int,
        latent_dim: int,
        classes: int,
        hidden: Sequence[int] = (200,),
        *,
        learn_prior: bool = False,
        seed: int = 0,
    ):
        super().__init__()
        self.data_dim = check_scalar("data_dim", data_dim, integer=True, minimum=1)
        self.latent_dim = check_scalar("latent_dim", latent_dim, integer=True, minimum=1)
        self.classes = check_scalar("classes", classes, integer=True, minimum=1)
        seed = check_scalar("seed", seed, integer=True, non_negative=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.encoder = mlp([data_dim + classes, *hidden, 2 * latent_dim])
            self.decoder = mlp([latent_dim + classes, *reversed(hidden), data_dim])
        start = torch.zeros(classes, latent_dim)
        self.prior_mean = nn.Parameter(start.clone(), requires_grad=bool(learn_prior))
        self.prior_log_var = nn.Parameter(start.clone(), requires_grad=bool(learn_prior))

    def encode(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z | x, y), each (N, L), for x (N, D) and labels (N,)."""
        x = check_features(x, self.data_dim)
        mean, log_var = self.encoder(torch.cat([x, self._marks(labels, x)], dim=-1)).chunk(2, dim=-1)
        return mean, log_var

    def logits(self, z: Tensor, labels: Tensor) -> Tensor:
        """Return the logits of ink (…, N, D) for z (…, N, L) and labels (N,)."""
        marks = self._marks(labels, z).expand(*z.shape[:-1], self.classes)
        return self.decoder(torch.cat([z, marks], dim=-1))

    def decode(self, z: Tensor, labels: Tensor) -> Tensor:
        """Return the probabilities of ink (…, N, D), E[x | z, y]."""
        return torch.sigmoid(self.logits(z, labels))

    def log_likelihood(self, x: Tensor, z: Tensor, labels: Tensor) -> Tensor:
        """Return log p(x | z, y) (…, N) in nats for x (N, D), z (…, N, L) and labels (N,)."""
        logits, x = torch.broadcast_tensors(self.logits(z, labels), check_features(x, self.data_dim))
        surprise = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
        return -surprise.sum(-1)

    def elbo_terms(
        self, x: Tensor, labels: Tensor, samples: int = 1, generator: torch.Generator | None = None
    ) -> dict[str, Tensor]:
        """Return the two terms (N,) of the bound on log p(x | y) in nats: the first minus the second is the bound.

        "reconstruction" is E_q[log p(x | z, y)] by `samples` draws, "kl" is KL(q(z | x, y) ‖ p(z | y)) exactly.
        """
        samples = check_scalar("samples", samples, integer=True, minimum=1)
        mean, log_var = self.encode(x, labels)
        z = mean + torch.exp(0.5 * log_var) * self._noise((samples, *mean.shape), mean, generator)
        kl = conditional_kl(mean, log_var, self.prior_mean[labels], self.prior_log_var[labels])
        return {"reconstruction": self.log_likelihood(x, z, labels).mean(0), "kl": kl}

    def elbo(self, x: Tensor, labels: Tensor, samples: int = 1, generator: torch.Generator | None = None) -> Tensor:
        """Return the bound on log p(x | y) (N,) in nats for x (N, D) and labels (N,), by `samples` draws of z."""
        terms = self.elbo_terms(x, labels, samples, generator)
        return terms["reconstruction"] - terms["kl"]

    def loss(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the terms of −ELBO, averaged over the rows: what the training loop minimises."""
        terms = self.elbo_terms(x, labels)
        return {"reconstruction": -terms["reconstruction"].mean(), "kl": terms["kl"].mean()}

    @torch.no_grad()
    def start_at_mean(self, x: Tensor) -> ConditionalVAE:
        """Set the last bias of the decoder so that before any training its output is about the mean of x (N, D)."""
        mean = check_features(x, self.data_dim).mean(0).clamp(1e-3, 1 - 1e-3)
        self.decoder[-1].bias.copy_(torch.logit(mean))
        return self

    @torch.no_grad()
    def sample_means(self, labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return E[x | z, y] (N, D) for one draw of z ~ p(z | y) for each of the labels (N,)."""
        mean, log_var = self.prior_mean[labels], self.prior_log_var[labels]
        z = mean + torch.exp(0.5 * log_var) * self._noise(mean.shape, mean, generator)
        return self.decode(z, labels)

    @torch.no_grad()
    def classify(self, x: Tensor, samples: int = 10, generator: torch.Generator | None = None) -> Tensor:
        """Return for each row of x (N, D) the label (N,) with the highest bound: Bayes' rule with equal frequencies."""
        bounds = [self.elbo(x, torch.full((len(x),), y), samples, generator) for y in range(self.classes)]
        return torch.stack(bounds).argmax(0)

    def _marks(self, labels: Any, like: Tensor) -> Tensor:
        if not isinstance(labels, Tensor) or labels.dtype != torch.int64:
            came = f"{labels.dtype}" if isinstance(labels, Tensor) else type(labels).__name__
            raise TypeError(f"labels must be a tensor of whole numbers, int64; got {came}")
        if labels.shape != like.shape[-2:-1]:
            raise ValueError(f"labels must be one a row, {tuple(like.shape[-2:-1])}; got shape {tuple(labels.shape)}")
        if len(labels) and not (labels.min() >= 0 and labels.max() < self.classes):
            raise ValueError(
                f"labels must lie from 0 to {self.classes - 1}; got {labels.min().item()} to {labels.max().item()}"
            )
        return F.one_hot(labels, self.classes).to(like.dtype)

    @staticmethod
    def _noise(shape: Sequence[int], like: Tensor, generator: torch.Generator | None) -> Tensor:
        generator = check_torch_generator(generator)
        return torch.randn(shape, generator=generator, dtype=like.dtype, device=like.device)
