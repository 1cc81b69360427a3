"""Variational autoencoders: encoder, decoder and likelihood, the ELBO with its terms, and how good a model is.

The model is ``z ~ N(0, I)``, ``x | z ~ likelihood(decoder(z))``; the approximate posterior is
``q(z | x) = N(mean(x), diag(exp(log_var(x))))``, with both functions given by one encoder network. Every quantity is
in nats and per data point: sums run over features and latent dimensions, never over the batch.

Source: Kingma and Welling, "Auto-Encoding Variational Bayes" (2014), arXiv 1312.6114; Rezende, Mohamed and Wierstra,
"Stochastic Backpropagation" (2014), arXiv 1401.4082.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.networks import check_features, check_torch_generator, mlp
from course_utils.workshop.validation import check_choice, check_scalar

LIKELIHOODS = ("bernoulli", "gaussian", "laplace")

_BLOCK = 4_000_000
"""Numbers in one block of the importance-sampled estimate: bounds its memory to some tens of megabytes."""


def gaussian_kl(mean: Tensor, log_var: Tensor) -> Tensor:
    """Return KL(N(mean, diag exp(log_var)) ‖ N(0, I)) in nats, summed over the last axis.

    Shapes: mean and log_var (…, L), result (…).

    Source: Kingma and Welling (2014), appendix B.
    """
    return 0.5 * (log_var.exp() + mean.square() - 1 - log_var).sum(-1)


def gaussian_log_prob(x: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """Return log N(x; mean, diag exp(log_var)) in nats, summed over the last axis; arguments broadcast."""
    terms = (x - mean).square() * torch.exp(-log_var) + log_var + math.log(2 * math.pi)
    return -0.5 * terms.sum(-1)


class VAE(nn.Module):
    """A variational autoencoder with fully connected networks.

    Parameters
    ----------
    data_dim : D, features of a data point.
    latent_dim : L, latent dimensions.
    hidden : sizes of the encoder's hidden layers; the decoder has them in reverse. Empty: both are linear.
    likelihood : "bernoulli" for data in [0, 1], "gaussian" or "laplace" for real numbers.
    scale : standard deviation of the Gaussian, or scale of the Laplace, likelihood, the same for all features:
        fixed, or where learning starts.
    learn_scale : fit the scale with the other parameters, as its logarithm.
    activation : after each hidden layer, one of `networks.ACTIVATIONS`.
    seed : for the initial weights. Torch's own random state is left as it was.

    Attributes
    ----------
    encoder : network (…, D) → (…, 2L), means then log-variances.
    decoder : network (…, L) → (…, D), logits of the Bernoulli, means of the other likelihoods.
    log_scale : logarithm of the likelihood's scale; absent from the Bernoulli, which has none.

    Raises
    ------
    TypeError, ValueError : an argument is not as described; of the methods likewise, above all x that is no tensor or
        has not D features, and a generator that is none.
    """

    def __init__(
        self,
        data_dim: int,
        latent_dim: int,
        hidden: Sequence[int] = (200, 200),
        *,
        likelihood: str = "bernoulli",
        scale: float = 1.0,
        learn_scale: bool = False,
        activation: str = "relu",
        seed: int = 0,
    ):
        super().__init__()
        self.data_dim = check_scalar("data_dim", data_dim, integer=True, minimum=1)
        self.latent_dim = check_scalar("latent_dim", latent_dim, integer=True, minimum=1)
        self.likelihood = check_choice("likelihood", likelihood, LIKELIHOODS)
        scale = check_scalar("scale", scale, positive=True)
        self.hidden, self.activation = tuple(hidden), activation
        seed = check_scalar("seed", seed, integer=True, non_negative=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.encoder = mlp([data_dim, *hidden, 2 * latent_dim], activation)
            self.decoder = mlp([latent_dim, *reversed(hidden), data_dim], activation)
        if likelihood != "bernoulli":
            self.log_scale = nn.Parameter(torch.tensor(math.log(scale)), requires_grad=learn_scale)
        elif learn_scale or scale != 1:
            raise ValueError("a Bernoulli likelihood has no scale: leave scale and learn_scale out")

    @torch.no_grad()
    def start_at_mean(self, x: Tensor) -> VAE:
        """Set the last bias of the decoder so that its output, before any training, is about the mean of x (N, D).

        The decoder then need not learn first which pixels hardly ever have ink, which saves the first epochs.
        """
        mean = check_features(x, self.data_dim).reshape(-1, self.data_dim).mean(0)
        if self.likelihood == "bernoulli":
            mean = torch.logit(mean.clamp(1e-3, 1 - 1e-3))  # a pixel that is never ink must not get −∞
        self.decoder[-1].bias.copy_(mean)
        return self

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z | x), each (…, L), for x (…, D)."""
        mean, log_var = self.encoder(check_features(x, self.data_dim)).chunk(2, dim=-1)
        return mean, log_var

    def reparameterise(self, mean: Tensor, log_var: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return one draw of z per row as mean + exp(log_var / 2) · ε, through which gradients pass."""
        generator = check_torch_generator(generator)
        noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)
        return mean + torch.exp(0.5 * log_var) * noise

    def decode(self, z: Tensor) -> Tensor:
        """Return E[x | z] (…, D) for z (…, L): ink probabilities of the Bernoulli, means of the others.

        The Laplace distribution's mean is its median too, which is what its likelihood fits.
        """
        output = self.decoder(z)
        return torch.sigmoid(output) if self.likelihood == "bernoulli" else output

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Return log p(x | z) (…) in nats for x (…, D) and z (…, L), which broadcast.

        The Bernoulli's is x·log p + (1 − x)·log(1 − p) also for grey levels between 0 and 1, as is usual; it is a
        log-probability for x in {0, 1} only.
        """
        output, x = self.decoder(z), check_features(x, self.data_dim)
        if self.likelihood == "bernoulli":
            output, x = torch.broadcast_tensors(output, x)
            return -F.binary_cross_entropy_with_logits(output, x, reduction="none").sum(-1)
        residual = (x - output) / self.log_scale.exp()
        if self.likelihood == "gaussian":
            terms = 0.5 * residual.square() + 0.5 * math.log(2 * math.pi)
        else:
            terms = residual.abs() + math.log(2)
        return -(terms + self.log_scale).sum(-1)

    def elbo_terms(self, x: Tensor, samples: int = 1, generator: torch.Generator | None = None) -> dict[str, Tensor]:
        """Return the ELBO's two terms for each row of x (N, D), in nats.

        "reconstruction" (N,) is E_q[log p(x | z)], estimated by `samples` draws of z; "kl" (N,) is
        KL(q(z | x) ‖ p(z)), exactly. The ELBO is the first minus the second.
        """
        mean, log_var = self.encode(x)
        shape = (check_scalar("samples", samples, integer=True, minimum=1), *mean.shape)
        z = self.reparameterise(mean.expand(shape), log_var.expand(shape), generator)
        return {"reconstruction": self.log_likelihood(x, z).mean(0), "kl": gaussian_kl(mean, log_var)}

    def elbo(self, x: Tensor, samples: int = 1, generator: torch.Generator | None = None) -> Tensor:
        """Return the ELBO (N,) of each row of x (N, D), in nats, estimated by `samples` draws of z."""
        terms = self.elbo_terms(x, samples, generator)
        return terms["reconstruction"] - terms["kl"]

    def loss(self, x: Tensor, beta: float = 1.0) -> dict[str, Tensor]:
        """Return the terms of −ELBO, averaged over the rows of x (N, D): what the training loop minimises.

        With `beta` other than 1 the KL term is multiplied by it, and the sum is no bound of this model any more.
        """
        terms = self.elbo_terms(x)
        return {"reconstruction": -terms["reconstruction"].mean(), "kl": beta * terms["kl"].mean()}

    @torch.no_grad()
    def importance_log_prob(self, x: Tensor, samples: int = 500, generator: torch.Generator | None = None) -> Tensor:
        """Return an estimate of log p(x) (N,) in nats for each row of x (N, D), by importance sampling from q.

        log (1/K) Σ_k p(x, z_k) / q(z_k | x) with K = `samples` draws: on average a lower bound that rises with K
        towards log p(x), and the ELBO's one-draw estimate at K = 1.

        Source: Burda, Grosse and Salakhutdinov, "Importance Weighted Autoencoders" (2016), arXiv 1509.00519.
        """
        check_scalar("samples", samples, integer=True, minimum=1)
        rows = max(1, _BLOCK // (samples * self.data_dim))
        flat = check_features(x, self.data_dim).reshape(-1, self.data_dim)
        # made beforehand: results kept one by one would lie between the blocks, whose memory then grows with every part
        log_sums = flat.new_empty(len(flat))
        for part, sums in zip(flat.split(rows), log_sums.split(rows), strict=True):
            sums.copy_(self._log_weights(part, samples, generator).logsumexp(0))
        return (log_sums - math.log(samples)).reshape(x.shape[:-1])

    def _log_weights(self, x: Tensor, samples: int, generator: torch.Generator | None) -> Tensor:
        """Return log p(x, z) − log q(z | x) (K, N) for K draws of z ~ q."""
        mean, log_var = self.encode(x)
        shape = (samples, *mean.shape)
        z = self.reparameterise(mean.expand(shape), log_var.expand(shape), generator)
        log_prior = gaussian_log_prob(z, torch.zeros_like(mean), torch.zeros_like(mean))
        return self.log_likelihood(x, z) + log_prior - gaussian_log_prob(z, mean, log_var)

    @torch.no_grad()
    def active_units(self, x: Tensor, threshold: float = 0.01) -> Tensor:
        """Return which latent dimensions (L,) are used: those whose posterior mean varies over the rows of x.

        A dimension is active where the variance of E_q[z_l | x] over the data exceeds `threshold`.

        Source: Burda, Grosse and Salakhutdinov (2016), section 5.2, and its threshold.
        """
        threshold = check_scalar("threshold", threshold, positive=True)
        if len(x) < 2:
            raise ValueError(f"x must have at least two rows, over which means can vary; got shape {tuple(x.shape)}")
        mean, _ = self.encode(x)
        return mean.var(0, correction=0) > threshold

    @torch.no_grad()
    def sample_means(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Return E[x | z] (count, D) for draws of z from the prior: pictures without the likelihood's own noise.

        A sample of x itself, as a mixture's `sample` returns, would have that noise on every pixel.
        """
        count = check_scalar("count", count, integer=True, minimum=1)
        parameter = next(self.decoder.parameters())
        generator = check_torch_generator(generator)
        z = torch.randn(count, self.latent_dim, generator=generator, dtype=parameter.dtype, device=parameter.device)
        return self.decode(z)


def save_checkpoint(model: VAE, path: str | os.PathLike[str], provenance: Mapping[str, str]) -> None:
    """Write a VAE's weights, its shape and where they come from to one safetensors file, whole or not at all.

    Raises
    ------
    TypeError : something in the provenance is not a string.
    ValueError : the provenance uses one of the names under which the shape is written.
    OSError : the file cannot be written; what stood there before is as it was.
    """
    from safetensors.torch import save

    shape = {
        "data_dim": str(model.data_dim),
        "latent_dim": str(model.latent_dim),
        "hidden": " ".join(map(str, model.hidden)),
        "likelihood": model.likelihood,
        "activation": model.activation,
    }
    if taken := sorted(shape.keys() & provenance.keys()):
        raise ValueError(f"provenance must leave the name {taken[0]!r} to the model's shape")
    content = save({key: value.contiguous() for key, value in model.state_dict().items()}, shape | dict(provenance))
    path = Path(path)
    new = path.with_name(path.name + ".part")
    try:
        new.write_bytes(content)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def load_checkpoint(path: str | os.PathLike[str]) -> tuple[VAE, dict[str, str]]:
    """Return the VAE, in evaluation mode, and the provenance that `save_checkpoint` wrote to a file.

    Raises
    ------
    FileNotFoundError : there is no such file.
    ValueError : it is damaged, or holds something else.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint at {path}; the course's own are in its folder data")
    try:
        with safe_open(path, framework="pt") as file:
            words = dict(file.metadata() or {})
            weights = {name: file.get_tensor(name) for name in file.keys()}
        model = VAE(
            int(words.pop("data_dim")),
            int(words.pop("latent_dim")),
            [int(size) for size in words.pop("hidden").split()],
            likelihood=words.pop("likelihood"),
            activation=words.pop("activation"),
        ).to(weights["encoder.0.weight"].dtype)
        model.load_state_dict(weights)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} is damaged, or no checkpoint of this course: {error}") from error
    return model.eval(), words
