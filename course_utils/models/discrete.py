"""Discrete latent variables: the Gumbel trick, gradients of expectations over categories, and the categorical VAE.

A categorical variable with K classes is a one-hot vector z (K,), drawn with probabilities softmax(logits). Several
independent ones are (L, K). The expectation E_q[f(z)] is a finite sum, so that its gradient with respect to the logits
is known exactly wherever K^L terms can be added up: `exact_gradient` is the oracle for every estimator here.

Random numbers come from a `torch.Generator`, from torch's own state where none is given, or from Gumbel noise that the
caller has drawn. Everything is in nats.

Sources: Gumbel (1954) and Maddison, Tarlow and Minka (2014) for the Gumbel-max trick; Jang, Gu and Poole (2017), arXiv
1611.01144, and Maddison, Mnih and Teh (2017), arXiv 1611.00712, for the relaxation; Bengio, Léonard and Courville
(2013), arXiv 1308.3432, for the straight-through estimator; Williams (1992) for the score function.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.networks import check_features, check_torch_generator, mlp
from course_utils.workshop.validation import check_choice, check_scalar

Function = Callable[[Tensor], Tensor]

ESTIMATORS = ("gumbel-softmax", "st-gumbel", "score", "enumeration")
"""How the gradient of the reconstruction term reaches the encoder."""

_MOST_CONFIGURATIONS = 100_000
"""Beyond this many terms a sum over all configurations is refused."""


# --- samples ----------------------------------------------------------------------------------------------------------


def gumbel_from_uniform(uniform: Tensor) -> Tensor:
    """Return −log(−log u), a standard Gumbel variable where u is uniform, finite also for u = 0 and u = 1.

    Shapes: any, and the same for the result. u is first moved into the open interval by less than a rounding error.

    Raises
    ------
    TypeError, ValueError : `uniform` is no tensor of floating-point numbers in [0, 1].
    """
    _check_tensor("uniform", uniform)
    if not bool(((uniform >= 0) & (uniform <= 1)).all()):
        raise ValueError("uniform must lie between 0 and 1; it holds a number outside, or NaN")
    numbers = torch.finfo(uniform.dtype)
    return -torch.log(-torch.log(uniform.clamp(numbers.tiny, 1 - numbers.eps / 2)))


def gumbel_noise(
    shape: Sequence[int], generator: torch.Generator | None = None, dtype: torch.dtype = torch.float64
) -> Tensor:
    """Return independent standard Gumbel numbers of this shape, drawn in double precision and then rounded."""
    generator = check_torch_generator(generator)
    return gumbel_from_uniform(torch.rand(tuple(shape), generator=generator, dtype=torch.float64)).to(dtype)


def gumbel_max(logits: Tensor, *, noise: Tensor | None = None, generator: torch.Generator | None = None) -> Tensor:
    """Draw one-hot vectors with probabilities softmax(logits): the class with the largest logit + Gumbel noise.

    Parameters
    ----------
    logits : (…, K), unnormalised log-probabilities.
    noise : Gumbel numbers that broadcast with the logits; leading axes make several draws. Drawn where not given.
    generator : for the noise.

    Returns
    -------
    One-hot vectors of the broadcast shape (…, K), without gradient.

    Raises
    ------
    TypeError, ValueError : the logits are not finite numbers for two or more classes, or the noise does not fit them.
    """
    _check_logits(logits)
    return _hard(logits + _noise_for(logits, noise, generator))


def gumbel_softmax(
    logits: Tensor,
    temperature: float,
    *,
    hard: bool = False,
    noise: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw relaxed one-hot vectors, softmax((logits + Gumbel noise) / temperature), through which gradients pass.

    Parameters
    ----------
    logits, noise, generator : as for `gumbel_max`.
    temperature : τ, positive. Towards 0 the draws become one-hot, towards infinity uniform.
    hard : return the one-hot vector of the largest entry, with the gradient of the relaxed one (straight-through).

    Returns
    -------
    Points of the simplex (…, K).

    Raises
    ------
    TypeError, ValueError : as for `gumbel_max`, or the temperature is not positive.
    """
    _check_logits(logits)
    temperature = check_scalar("temperature", temperature, positive=True)
    return _relaxed(logits + _noise_for(logits, noise, generator), temperature, hard)


# --- expectations over categories -------------------------------------------------------------------------------------


def categorical_kl_to_uniform(logits: Tensor) -> Tensor:
    """Return KL(softmax(logits) ‖ uniform) = log K − entropy, in nats, for each row: (…, K) → (…).

    Raises
    ------
    TypeError, ValueError : the logits are not finite numbers for two or more classes.
    """
    _check_logits(logits)
    return _kl_to_uniform(logits)


def enumerate_one_hot(latents: int, classes: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Return all K^L configurations of L one-hot vectors with K classes: (K^L, L, K), the last one moving fastest.

    Raises
    ------
    TypeError, ValueError : a number is not a positive integer, there are fewer than two classes, or more than 100 000
        configurations.
    """
    latents = check_scalar("latents", latents, integer=True, minimum=1)
    classes = check_scalar("classes", classes, integer=True, minimum=2)
    if classes**latents > _MOST_CONFIGURATIONS:
        raise ValueError(
            f"{classes}^{latents} configurations are too many to enumerate; the limit is {_MOST_CONFIGURATIONS}"
        )
    chosen = torch.cartesian_prod(*[torch.arange(classes)] * latents).reshape(-1, latents)
    return F.one_hot(chosen, classes).to(dtype)


def exact_expectation(function: Function, logits: Tensor) -> Tensor:
    """Return E_q[f(z)] as a sum over all configurations, which autograd can differentiate.

    Parameters
    ----------
    function : f, from configurations (S, L, K) to values (S,).
    logits : (L, K) of the independent categorical variables.

    Raises
    ------
    TypeError, ValueError : the logits are not as described, there are too many configurations, or the function does
        not return one number for each.
    """
    z = _configurations(logits)
    return (_log_q(logits, z).exp() * _values(function, z)).sum()


def exact_gradient(function: Function, logits: Tensor) -> Tensor:
    """Return ∇ E_q[f(z)] with respect to the logits (L, K), as the sum Σ_z q(z) f(z) (z − softmax(logits)).

    Arguments and errors are those of `exact_expectation`; f must not depend on the logits.
    """
    logits = logits.detach() if isinstance(logits, Tensor) else logits
    z = _configurations(logits)
    weights = _log_q(logits, z).exp() * _values(function, z).detach()
    return (weights[:, None, None] * (z - logits.softmax(-1))).sum(0)


def score_gradient(
    function: Function,
    logits: Tensor,
    *,
    samples: int,
    generator: torch.Generator,
    baseline: float | str = 0.0,
) -> Tensor:
    """Return score-function estimates (f(z) − b)(z − softmax(logits)), one from each draw: (S, L, K).

    Parameters
    ----------
    function, logits : as for `exact_expectation`; f may be any function of one-hot vectors.
    samples : S.
    generator : for the draws.
    baseline : b. A number, or "leave-one-out": for each draw the average of f over the other draws. The average of
        the estimates is unbiased with either.

    Raises
    ------
    TypeError, ValueError : as for `exact_expectation`, or "leave-one-out" is asked of a single draw.
    """
    logits = _check_matrix(logits).detach()
    samples = check_scalar("samples", samples, integer=True, minimum=1)
    z = gumbel_max(logits, noise=gumbel_noise((samples, *logits.shape), generator, logits.dtype))
    values = _values(function, z).detach()
    if isinstance(baseline, str):
        check_choice("baseline", baseline, ("leave-one-out",))
        if samples < 2:
            raise ValueError("leave-one-out needs at least 2 samples, or no other is left to average; got 1")
        centred = values - _mean_of_others(values)
    else:
        centred = values - check_scalar("baseline", baseline)
    return centred[:, None, None] * (z - logits.softmax(-1))


def relaxed_gradient(
    function: Function,
    logits: Tensor,
    temperature: float,
    *,
    samples: int,
    generator: torch.Generator,
    hard: bool = False,
) -> Tensor:
    """Return gradients of f through relaxed draws, one from each draw: (S, L, K). Biased.

    Parameters
    ----------
    function : f, from points (S, L, K) of the simplex to (S,), differentiable, row by row.
    logits, samples, generator : as for `score_gradient`.
    temperature : τ, positive.
    hard : evaluate f and its slope at the one-hot vectors (straight-through).

    Raises
    ------
    TypeError, ValueError : as for `exact_expectation`, or the temperature is not positive.
    """
    logits = _check_matrix(logits)
    samples = check_scalar("samples", samples, integer=True, minimum=1)
    copies = logits.detach().expand(samples, *logits.shape).clone().requires_grad_()
    noise = gumbel_noise(copies.shape, generator, copies.dtype)
    values = _values(function, gumbel_softmax(copies, temperature, hard=hard, noise=noise))
    if not values.requires_grad:
        raise ValueError(
            "function must be made of torch operations on z; its result carries no gradient. For a function that "
            "cannot be differentiated use score_gradient"
        )
    (gradients,) = torch.autograd.grad(values.sum(), copies)
    return gradients


# --- the categorical VAE ----------------------------------------------------------------------------------------------


class CategoricalVAE(nn.Module):
    """A VAE whose latents are L independent categorical variables with K classes, and whose pixels are Bernoulli.

    The prior is uniform. Bernoulli latents are the case K = 2.

    Parameters
    ----------
    data_dim : D, features of a data point.
    latents : L.
    classes : K.
    hidden : sizes of the encoder's hidden layers; the decoder has them in reverse. Empty: both are linear, and with
        one latent the decoder is a table with one row of pixel logits for each class: a mixture of Bernoullis.
    seed : for the initial weights. Torch's own random state is left as it was.

    Attributes
    ----------
    encoder : network (…, D) → (…, L·K), logits of q.
    decoder : network (…, L·K) → (…, D), logits of the pixels.
    steps : training steps so far, of a `training_loss`; part of the state, so that an interrupted run goes on with the
        right temperature.

    Raises
    ------
    TypeError, ValueError : an argument is not as described.
    """

    def __init__(self, data_dim: int, latents: int, classes: int, hidden: Sequence[int] = (200,), *, seed: int = 0):
        super().__init__()
        self.data_dim = check_scalar("data_dim", data_dim, integer=True, minimum=1)
        self.latents = check_scalar("latents", latents, integer=True, minimum=1)
        self.classes = check_scalar("classes", classes, integer=True, minimum=2)
        hidden = [check_scalar("hidden", size, integer=True, minimum=1) for size in hidden]
        seed = check_scalar("seed", seed, integer=True, non_negative=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.encoder = mlp([data_dim, *hidden, latents * classes])
            self.decoder = mlp([latents * classes, *reversed(hidden), data_dim])
        self.register_buffer("steps", torch.tensor(0))

    @torch.no_grad()
    def start_at_mean(self, x: Tensor) -> CategoricalVAE:
        """Set the decoder's last bias so that before any training it returns about the mean of x (N, D)."""
        mean = check_features(x, self.data_dim).reshape(-1, self.data_dim).mean(0)
        self.decoder[-1].bias.copy_(torch.logit(mean.clamp(1e-3, 1 - 1e-3)))  # never inked must not become −∞
        return self

    def encode(self, x: Tensor) -> Tensor:
        """Return the logits (…, L, K) of q(z | x) for x (…, D)."""
        return self.encoder(check_features(x, self.data_dim)).unflatten(-1, (self.latents, self.classes))

    def decode(self, z: Tensor) -> Tensor:
        """Return ink probabilities (…, D) for z (…, L, K)."""
        return torch.sigmoid(self._pixel_logits(z))

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Return log p(x | z) (…) in nats for x (…, D) and z (…, L, K), whose leading axes broadcast.

        For z that is not one-hot it is the same formula, and no probability of the model.
        """
        output, x = torch.broadcast_tensors(self._pixel_logits(z), check_features(x, self.data_dim))
        return -F.binary_cross_entropy_with_logits(output, x, reduction="none").sum(-1)

    def elbo_terms(self, x: Tensor, samples: int = 1, generator: torch.Generator | None = None) -> dict[str, Tensor]:
        """Return the ELBO's two terms for each row of x (N, D), in nats, with one-hot draws.

        "reconstruction" (N,) is E_q[log p(x | z)], estimated by `samples` draws; "kl" (N,) is KL(q(z | x) ‖ p(z)),
        exactly. The first minus the second is a lower bound of log p(x).
        """
        return self._terms(x, samples, generator, lambda scores: _hard(scores))

    def elbo(self, x: Tensor, samples: int = 1, generator: torch.Generator | None = None) -> Tensor:
        """Return the ELBO (N,) of each row of x (N, D), in nats, estimated by `samples` one-hot draws."""
        terms = self.elbo_terms(x, samples, generator)
        return terms["reconstruction"] - terms["kl"]

    def relaxed_value(
        self, x: Tensor, temperature: float, samples: int = 1, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return what the ELBO's formula gives (N,) with relaxed draws: not a bound of log p(x).

        The decoder sees points between the one-hot vectors, which have no probability under the model, and the KL is
        that of the discrete q from which they were not drawn.
        """
        temperature = check_scalar("temperature", temperature, positive=True)
        terms = self._terms(x, samples, generator, lambda scores: _relaxed(scores, temperature, False))
        return terms["reconstruction"] - terms["kl"]

    def exact_elbo(self, x: Tensor) -> Tensor:
        """Return the ELBO (N,) of each row of x (N, D), in nats, by a sum over all K^L configurations."""
        terms = self._exact_terms(x)
        return terms["reconstruction"] - terms["kl"]

    def exact_log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) (N,) in nats for each row of x (N, D), by a sum over all K^L configurations.

        Raises
        ------
        ValueError : there are more than 100 000 configurations.
        """
        return self.log_joint(x).logsumexp(-1)

    def log_joint(self, x: Tensor) -> Tensor:
        """Return log p(x, z) (N, K^L) in nats for x (N, D) and all configurations, in `enumerate_one_hot`'s order."""
        return self._likelihood_table(x)[0] - self.latents * math.log(self.classes)

    def loss(self, x: Tensor, estimator: str = "gumbel-softmax", temperature: float = 1.0) -> dict[str, Tensor]:
        """Return the terms of the training loss, averaged over the rows of x (N, D).

        Parameters
        ----------
        x : (N, D).
        estimator : "gumbel-softmax", relaxed draws; "st-gumbel", one-hot draws with the relaxed ones' gradient;
            "score", one-hot draws and the score function, whose baseline is the likelihood at the probabilities
            themselves plus the average of what remains in the other rows; "enumeration", no draws, all configurations.
        temperature : τ of the first two.

        Notes
        -----
        With relaxed draws the sum is not −ELBO. With the others its value is an estimate of it, or −ELBO itself.

        Raises
        ------
        TypeError, ValueError : an argument is not as described, or there are too many configurations to enumerate.
        """
        check_choice("estimator", estimator, ESTIMATORS)
        if estimator == "enumeration":
            terms = self._exact_terms(x)
        elif estimator == "score":
            terms = self._score_terms(x)
        else:
            temperature = check_scalar("temperature", temperature, positive=True)
            hard = estimator == "st-gumbel"
            terms = self._terms(x, 1, None, lambda scores: _relaxed(scores, temperature, hard))
        return {"reconstruction": -terms["reconstruction"].mean(), "kl": terms["kl"].mean()}

    def training_loss(
        self, estimator: str = "gumbel-softmax", *, start: float = 1.0, end: float = 0.5, rate: float = 0.0
    ) -> Callable[[Tensor], dict[str, Tensor]]:
        """Return the loss of a batch for `workshop.training.Trainer`, with a temperature that falls step by step.

        In training step t (from 0) the temperature is `annealed_temperature(t, start, end, rate)`. Evaluation counts
        no step.

        Raises
        ------
        TypeError, ValueError : the estimator is unknown, or the schedule is none.
        """
        check_choice("estimator", estimator, ESTIMATORS)
        annealed_temperature(0, start, end, rate)  # wrong arguments are reported now, not at the first batch

        def loss(x: Tensor) -> dict[str, Tensor]:
            temperature = annealed_temperature(int(self.steps), start, end, rate)
            if self.training:
                self.steps += 1
            return self.loss(x, estimator, temperature)

        return loss

    @torch.no_grad()
    def sample_means(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Return E[x | z] (count, D), ink probabilities, for z drawn from the uniform prior."""
        count = check_scalar("count", count, integer=True, minimum=1)
        chosen = torch.randint(self.classes, (count, self.latents), generator=check_torch_generator(generator))
        return self.decode(F.one_hot(chosen, self.classes).to(self._dtype))

    @property
    def _dtype(self) -> torch.dtype:
        return self.decoder[-1].weight.dtype

    def _pixel_logits(self, z: Tensor) -> Tensor:
        _check_tensor("z", z)
        if z.shape[-2:] != (self.latents, self.classes):
            raise ValueError(f"z must end in {self.latents} latents × {self.classes} classes; got {tuple(z.shape)}")
        return self.decoder(z.flatten(-2))

    def _terms(
        self, x: Tensor, samples: int, generator: torch.Generator | None, draw: Callable[[Tensor], Tensor]
    ) -> dict[str, Tensor]:
        """Return both terms (N,), with draws that `draw` makes of logits + Gumbel noise (samples, N, L, K)."""
        samples = check_scalar("samples", samples, integer=True, minimum=1)
        logits = self.encode(x)
        z = draw(logits + gumbel_noise((samples, *logits.shape), generator, logits.dtype))
        return {"reconstruction": self.log_likelihood(x, z).mean(0), "kl": _kl_to_uniform(logits).sum(-1)}

    def _score_terms(self, x: Tensor) -> dict[str, Tensor]:
        logits = self.encode(x)
        z = _hard(logits.detach() + gumbel_noise(logits.shape, dtype=logits.dtype))
        value = self.log_likelihood(x, z)
        with torch.no_grad():  # no baseline may know the draw of its own row
            signal = value - self.log_likelihood(x, logits.softmax(-1))
            if len(signal) > 1:
                signal = signal - _mean_of_others(signal)
        log_q = (z * logits.log_softmax(-1)).sum((-1, -2))
        # log q − log q is zero: it changes the gradient, and leaves the reported value alone
        return {"reconstruction": value + signal * (log_q - log_q.detach()), "kl": _kl_to_uniform(logits).sum(-1)}

    def _exact_terms(self, x: Tensor) -> dict[str, Tensor]:
        table, z = self._likelihood_table(x)
        logits = self.encode(x)
        q = (logits.log_softmax(-1).flatten(-2) @ z.flatten(-2).T).exp()
        return {"reconstruction": (q * table).sum(-1), "kl": _kl_to_uniform(logits).sum(-1)}

    def _likelihood_table(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return log p(x | z) (N, K^L) for all configurations, and those (K^L, L, K)."""
        z = enumerate_one_hot(self.latents, self.classes, self._dtype)
        output = self._pixel_logits(z)
        return check_features(x, self.data_dim) @ output.T - F.softplus(output).sum(-1), z


def annealed_temperature(step: int, start: float, end: float, rate: float) -> float:
    """Return max(end, start · exp(−rate · step)), the temperature of a training step.

    Raises
    ------
    TypeError, ValueError : a temperature is not positive, `end` is above `start`, or step or rate is negative.

    Source: Jang, Gu and Poole (2017), section 4.
    """
    step = check_scalar("step", step, integer=True, non_negative=True)
    start = check_scalar("start", start, positive=True)
    end = check_scalar("end", end, positive=True, maximum=start)
    rate = check_scalar("rate", rate, non_negative=True)
    return max(end, start * math.exp(-rate * step))


# --- shared -----------------------------------------------------------------------------------------------------------


def _hard(scores: Tensor) -> Tensor:
    return F.one_hot(scores.argmax(-1), scores.shape[-1]).to(scores.dtype)


def _relaxed(scores: Tensor, temperature: float, hard: bool) -> Tensor:
    soft = torch.softmax(scores / temperature, dim=-1)
    return _hard(scores) + (soft - soft.detach()) if hard else soft


def _kl_to_uniform(logits: Tensor) -> Tensor:
    log_q = logits.log_softmax(-1)
    return math.log(logits.shape[-1]) + (log_q.exp() * log_q).sum(-1)


def _log_q(logits: Tensor, z: Tensor) -> Tensor:
    return (z * logits.log_softmax(-1)).sum((-1, -2))


def _mean_of_others(values: Tensor) -> Tensor:
    return (values.sum() - values) / (len(values) - 1)


def _configurations(logits: Tensor) -> Tensor:
    return enumerate_one_hot(*_check_matrix(logits).shape, dtype=logits.dtype)


def _values(function: Function, z: Tensor) -> Tensor:
    values = function(z)
    if not isinstance(values, Tensor) or values.shape != z.shape[:1]:
        came = f"shape {tuple(values.shape)}" if isinstance(values, Tensor) else type(values).__name__
        raise ValueError(f"function must return one number for each of the {len(z)} rows of z; got {came}")
    if not torch.isfinite(values).all():
        first = int(torch.nonzero(~torch.isfinite(values))[0])
        raise ValueError(f"function must return finite numbers; got {values[first].item()} for row {first}")
    return values


def _check_tensor(name: str, value: Any) -> None:
    if not isinstance(value, Tensor) or not value.is_floating_point():
        came = f"{value.dtype}" if isinstance(value, Tensor) else type(value).__name__
        raise TypeError(f"{name} must be a tensor of floating-point numbers; got {came}")


def _check_logits(logits: Any) -> None:
    _check_tensor("logits", logits)
    if logits.ndim == 0 or logits.shape[-1] < 2:
        raise ValueError(f"logits must have two or more classes along their last axis; got {tuple(logits.shape)}")
    if not bool(torch.isfinite(logits).all()):
        raise ValueError("logits must be finite; they hold NaN or infinite values")


def _check_matrix(logits: Any) -> Tensor:
    _check_logits(logits)
    if logits.ndim != 2:
        raise ValueError(f"logits must have shape (latents, classes); got {tuple(logits.shape)}")
    return logits


def _noise_for(logits: Tensor, noise: Tensor | None, generator: torch.Generator | None) -> Tensor:
    if noise is None:
        return gumbel_noise(logits.shape, generator, logits.dtype)
    _check_tensor("noise", noise)
    try:
        fits = torch.broadcast_shapes(noise.shape, logits.shape)[-1] == noise.shape[-1] == logits.shape[-1]
    except (RuntimeError, IndexError):
        fits = False
    if not fits:
        raise ValueError(
            f"noise must have a number for each class; got shape {tuple(noise.shape)} for logits {tuple(logits.shape)}"
        )
    return noise
