"""Lesson 11, the denoising VAE: its exercises about linear encoders."""

import numpy as np
import torch
from scipy import linalg, optimize

from course_utils.workshop.exercises import Exercise, Misconception

# --- mean and covariance of q̃ under noise that is not Gaussian --------------------------------------------------------


def _pixel_moments(x, scale, amount):
    """Means and variances (D,) of pixels that get Gaussian noise, and are then lost to 0 or 1."""
    mean = (1 - amount) * x + amount / 2
    return mean, (1 - amount) * (x**2 + scale**2) + amount / 2 - mean**2


def _moments(x, weight, bias, log_var, scale, amount):
    mean, variance = _pixel_moments(x, scale, amount)
    return weight @ mean + bias, np.diag(np.exp(log_var)) + weight @ np.diag(variance) @ weight.T


def _moments_by_total_variance(x, weight, bias, log_var, scale, amount):
    """Variance within each of the three fates of a pixel, plus the variance between them."""
    shares = np.array([[1 - amount], [amount / 2], [amount / 2]])
    centres = np.stack([x, np.zeros_like(x), np.ones_like(x)])
    mean = (shares * centres).sum(axis=0)
    variance = shares[0] * scale**2 + (shares * (centres - mean) ** 2).sum(axis=0)
    covariance = (weight * variance) @ weight.T
    covariance[np.diag_indices(len(bias))] += np.exp(log_var)
    return bias + weight @ mean, covariance


def _moments_torch(x, weight, bias, log_var, scale, amount):
    x, weight, bias, log_var = map(torch.as_tensor, (x, weight, bias, log_var))
    mean = torch.lerp(x, torch.full_like(x, 0.5), amount)
    variance = (1 - amount) * scale**2 + amount * (1 - amount) * (x - 0.5).square() + amount / 4
    return weight @ mean + bias, torch.diag(log_var.exp()) + torch.einsum("ld,d,md->lm", weight, variance, weight)


def _moments_loop(x, weight, bias, log_var, scale, amount):
    mean, variance = _pixel_moments(x, scale, amount)
    covariance = [[sum(one[d] * other[d] * variance[d] for d in range(len(x))) for other in weight] for one in weight]
    for latent, value in enumerate(log_var):
        covariance[latent][latent] += np.exp(value)
    centre = [b + sum(w * m for w, m in zip(row, mean, strict=True)) for b, row in zip(bias, weight, strict=True)]
    return centre, covariance


def _with_pixels(variance_of):
    """Build a misconception about the variances of the pixels, from (x, scale, amount)."""

    def answer(x, weight, bias, log_var, scale, amount):
        mean = weight @ _pixel_moments(x, scale, amount)[0] + bias
        return mean, np.diag(np.exp(log_var)) + (weight * variance_of(x, scale, amount)) @ weight.T

    return answer


def _with_covariance(covariance_of):
    """Build a misconception about the covariance of q̃, from the pixels' variances, W and log σ²."""

    def answer(x, weight, bias, log_var, scale, amount):
        mean, variance = _pixel_moments(x, scale, amount)
        return weight @ mean + bias, covariance_of(variance, weight, log_var)

    return answer


def _moments_law(rng):
    """One to five pixels, one to four latents; either kind of noise may be absent."""
    pixels, latents = rng.integers(1, [6, 5])
    x = rng.random(pixels)
    ends = rng.random(pixels) < 0.3
    x[ends] = rng.integers(0, 2, np.sum(ends))
    weight = rng.normal(0, 1, (latents, pixels))
    weight[rng.random(weight.shape) < 0.1] = 0.0
    scale = float(rng.choice([0.0, rng.uniform(0.1, 1.5)], p=[0.15, 0.85]))
    amount = float(rng.choice([0.0, 1.0, rng.uniform(0.1, 0.9)], p=[0.1, 0.1, 0.8]))
    return x, weight, rng.normal(0, 1, latents), rng.normal(-1.5, 1, latents), scale, amount


q_tilde_moments = Exercise(
    name="q_tilde_moments",
    arguments=("x", "weight", "bias", "log_var", "scale", "amount"),
    returns=("mean", "covariance"),
    reference=_moments,
    spellings={"within and between": _moments_by_total_variance, "torch": _moments_torch, "loop": _moments_loop},
    probes=[
        (np.array([0.5]), np.array([[2.0]]), np.array([0.0]), np.array([0.0]), 0.0, 0.5),
        (
            np.array([0.2, 1.0]),
            np.array([[1.0, -0.5], [0.4, 2.0]]),
            np.array([0.3, -0.1]),
            np.array([-0.7, 0.2]),
            0.6,
            0.3,
        ),
        (
            np.array([0.9, 0.0, 0.4]),
            np.array([[0.5, 1.0, -1.5], [-0.2, 0.7, 0.8]]),
            np.array([-0.4, 0.8]),
            np.array([-2.0, -1.0]),
            1.2,
            0.15,
        ),
    ],
    law=_moments_law,
    misconceptions=[
        Misconception(
            "mean of the clean code",
            lambda x, weight, bias, log_var, scale, amount: (
                weight @ x + bias,
                _moments(x, weight, bias, log_var, scale, amount)[1],
            ),
            "The covariance is right. The mean of yours is the code of the clean x. But lost pixels are ½ on average, "
            "whatever they were: this noise pulls the mean of x̃ away from x.",
        ),
        Misconception(
            "Σ_q forgotten",
            _with_covariance(lambda variance, weight, log_var: (weight * variance) @ weight.T),
            "The mean is right. Your covariance is that of the encoder's means; around each of them q(z | x̃) scatters "
            "by itself: add diag(exp(log_var)).",
        ),
        Misconception(
            "Wᵀ S W",
            _with_covariance(lambda variance, weight, log_var: np.diag(np.exp(log_var)) + weight.T * variance @ weight),
            "You formed WᵀSW. W maps pixels to latents, (L, D), so the covariance of W x̃ is W S Wᵀ, (L, L).",
        ),
        Misconception(
            "scale of q for its variance",
            _with_covariance(
                lambda variance, weight, log_var: np.diag(np.exp(log_var / 2)) + (weight * variance) @ weight.T
            ),
            "The mean is right. You added q's standard deviations exp(log_var/2); variances add, exp(log_var).",
        ),
        Misconception(
            "scale of the pixels for their variance",
            _with_pixels(lambda x, scale, amount: np.sqrt(_pixel_moments(x, scale, amount)[1])),
            "The mean is right. Between W and Wᵀ you put the pixels' standard deviations; variances belong there.",
        ),
        Misconception(
            "mean square for variance",
            _with_pixels(lambda x, scale, amount: (1 - amount) * (x**2 + scale**2) + amount / 2),
            "The mean is right. What you used as the pixels' variance is their mean square E[x̃²]; take (E[x̃])² off.",
        ),
        Misconception(
            "within the fates only",
            _with_pixels(lambda x, scale, amount: (1 - amount) * scale**2 + amount / 4 + 0.0 * x),
            "The mean is right. For the variance you average that of a pixel that stays and that of a lost one. But "
            "whether it is lost moves its mean from x to ½, and that scatter comes on top.",
        ),
        Misconception(
            "noise on every pixel",
            _with_pixels(lambda x, scale, amount: _pixel_moments(x, 0.0, amount)[1] + scale**2),
            "The mean is right. You count the Gaussian noise in full. A lost pixel is exactly 0 or 1, without it: it "
            "survives in the share 1 − amount of cases.",
        ),
        Misconception(
            "salt and pepper alone",
            _with_pixels(lambda x, scale, amount: _pixel_moments(x, 0.0, amount)[1]),
            "The mean is right. The Gaussian noise is missing in the covariance: pixels that are not lost have it.",
        ),
        Misconception(
            "Gaussian noise alone",
            _with_pixels(lambda x, scale, amount: scale**2 + 0.0 * x),
            "The mean is right. The covariance is that of Gaussian noise alone: salt and pepper scatter the pixels "
            "too.",
        ),
        Misconception(
            "diagonal only",
            _with_covariance(lambda variance, weight, log_var: np.diag(np.exp(log_var) + weight**2 @ variance)),
            "Mean and diagonal are right. But one lost pixel moves all latents that look at it, together: q̃ is "
            "correlated although each q(z | x̃) is not. Off the diagonal W S Wᵀ stays.",
        ),
    ],
    hints=(
        "Two questions apart: mean and variance of one pixel of x̃; and what a linear map does to a mean and to a "
        "covariance. The pixels are corrupted independently, so S is diagonal.",
        "A pixel is x + scale · ε with probability 1 − amount, and 0 or 1 with amount/2 each. Write down E[x̃] and "
        "E[x̃²]; the variance is E[x̃²] − (E[x̃])².",
        "E[x̃] = (1 − a) x + a/2, E[x̃²] = (1 − a)(x² + s²) + a/2. Then W E[x̃] + b, and diag(exp(log_var)) + "
        "W diag(variance) Wᵀ.",
    ),
    praise="Mean and covariance need no Gaussian noise. The shape of q̃ does: here it is a mixture of 3^D pieces: "
    "every pixel is kept, or 0, or 1.",
)


# --- the noise that a budget of nats allows ---------------------------------------------------------------------------


def _signal(weight, log_var):
    """Eigenvalues (L,) of Σ_q^−½ W Wᵀ Σ_q^−½."""
    scaled = weight / np.exp(log_var / 2)[:, None]
    return np.maximum(np.linalg.eigvalsh(scaled @ scaled.T), 0.0)


def _solved(price_of, budget):
    """Return the scale at which a price that rises from 0 reaches the budget."""
    return np.exp(optimize.brentq(lambda log_scale: price_of(np.exp(2 * log_scale)) - budget, -30.0, 30.0, xtol=1e-13))


def _noise_for(weight, log_var, budget):
    signal = _signal(weight, log_var)
    return _solved(lambda variance: 0.5 * np.log1p(variance * signal).sum(), budget)


def _noise_by_determinants(weight, log_var, budget):
    own = np.diag(np.exp(log_var))

    def price(variance):
        return 0.5 * (np.linalg.slogdet(own + variance * weight @ weight.T)[1] - log_var.sum())

    return optimize.toms748(lambda scale: price(scale**2) - budget, 1e-6, 1e6, xtol=1e-15, rtol=1e-12)


def _noise_by_bisection(weight, log_var, budget):
    """Halve an interval of the logarithm of the variance."""
    signal = _signal(weight, log_var)
    low, high = -40.0, 40.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        if np.log1p(np.exp(middle) * signal).sum() < 2 * budget:
            low = middle
        else:
            high = middle
    return np.exp(low / 2)


def _noise_in_pixels(weight, log_var, budget):
    """The other way round: det(I + AB) = det(I + BA), a matrix of pixels by pixels."""
    signal = torch.linalg.svdvals(torch.as_tensor(weight) * torch.exp(-torch.as_tensor(log_var) / 2)[:, None])
    return _solved(lambda variance: float((variance * signal.square()).log1p().sum()) / 2, budget)


def _with_price(price_of):
    """Build a misconception about the price, from the variance of the noise, W and log σ²."""
    return lambda weight, log_var, budget: _solved(lambda variance: price_of(variance, weight, log_var), budget)


def _trace(variance, weight, log_var):
    return variance * np.sum(weight**2 / np.exp(log_var)[:, None])


def _information(variance, weight, log_var):
    return 0.5 * np.log1p(variance * _signal(weight, log_var)).sum()


def _price_law(rng):
    """One to four latents and one to five pixels, more of either; nearly nothing or much to pay."""
    latents, pixels = rng.integers(1, [5, 6])
    weight = rng.normal(0, 1, (latents, pixels))
    if rng.random() < 0.3:
        weight += 2 * rng.normal(0, 1, pixels)
    log_var = rng.normal(-1.5, 1, latents)
    scale = 10 ** rng.uniform(-1.5, 1.0)
    return weight, log_var, float(_information(scale**2, weight, log_var))


noise_for_price = Exercise(
    name="noise_for_price",
    arguments=("weight", "log_var", "budget"),
    returns="scale",
    reference=_noise_for,
    spellings={
        "determinants": _noise_by_determinants,
        "bisection": _noise_by_bisection,
        "singular values": _noise_in_pixels,
    },
    probes=[
        (np.array([[1.0]]), np.array([0.0]), float(np.log(2))),
        (np.array([[1.0, -0.5], [0.4, 2.0]]), np.array([-1.2, 0.4]), 0.8),
        (np.array([[0.5, 1.0, -1.5], [0.6, 0.7, -0.8]]), np.array([-2.0, -1.0]), 2.5),
        (np.array([[0.7], [-1.1], [0.3]]), np.array([-0.5, -2.0, 0.1]), 0.3),
    ],
    law=_price_law,
    extremes=[
        (np.array([[1.0, 0.2], [0.1, 1.0]]), np.array([-3.0, -2.0]), 0.01),
        (np.array([[1.0, 0.2, 0.3], [0.1, 1.0, -0.4]]), np.array([-3.0, -2.0]), 8.0),
        (np.eye(40) * 1e4 + 0.1, np.full(40, -3.0), 430.0),
    ],
    stable="log1p of eigenvalues, or slogdet; a determinant itself is infinite for the machine where latents are many",
    misconceptions=[
        Misconception(
            "½ forgotten",
            _with_price(lambda *a: 2 * _information(*a)),
            "Your price is twice the information: the entropy of a Gaussian is *half* the logarithm of its "
            "covariance's determinant, up to a constant.",
        ),
        Misconception(
            "bits",
            _with_price(lambda *a: _information(*a) / np.log(2)),
            "Your price is in bits: you took logarithms to the base 2. The budget is in nats.",
        ),
        Misconception(
            "distance to the clean code",
            _with_price(lambda *a: 0.5 * _trace(*a)),
            "Your price grows like scale², ½ tr(Σ_q⁻¹ W S Wᵀ): that is the average KL from q(z | x̃) to q(z | x), the "
            "answer for the clean x. The information term has q̃ in its place, which is nearer on average.",
        ),
        Misconception(
            "q̃ against the clean code",
            _with_price(lambda *a: 0.5 * _trace(*a) - _information(*a)),
            "Your price is KL(q̃ ‖ q(z | x)). The information term is the average of KL(q(z | x̃) ‖ q̃).",
        ),
        Misconception(
            "latents taken alone",
            _with_price(
                lambda variance, weight, log_var: (
                    0.5 * np.log1p(variance * (weight**2).sum(axis=1) / np.exp(log_var)).sum()
                )
            ),
            "You add up what each latent tells of the noise by itself. They look at the same pixels, so they tell some "
            "of it twice: the determinant of the whole of I + Σ_q⁻¹ W S Wᵀ is needed, and not its diagonal alone.",
        ),
        Misconception(
            "the strongest direction only",
            _with_price(lambda variance, weight, log_var: 0.5 * np.log1p(variance * _signal(weight, log_var).max())),
            "You pay for one direction of the latent space, the strongest. Every eigenvalue has its share.",
        ),
        Misconception(
            "the formula of one latent",
            lambda weight, log_var, budget: np.sqrt(
                np.expm1(2 * budget) / np.sum(weight**2 / np.exp(log_var)[:, None])
            ),
            "Right for one latent. For more, the determinant of I + Σ_q⁻¹ W S Wᵀ is not 1 plus a sum: it is a product "
            "over its eigenvalues, and then the equation for s has to be solved by machine.",
        ),
        Misconception(
            "volume of q̃ alone",
            _with_price(
                lambda variance, weight, log_var: (
                    0.5 * np.linalg.slogdet(np.eye(len(log_var)) + variance * weight @ weight.T)[1]
                )
            ),
            "Σ_q is missing in your price, as if q had scale 1. The price is the ratio of q̃'s volume to q's: a "
            "narrow q betrays more of the noise.",
        ),
        Misconception(
            "mean over the latents",
            _with_price(lambda variance, weight, log_var: _information(variance, weight, log_var) / len(log_var)),
            "You average over the latents. Nats of the directions add up.",
        ),
        Misconception(
            "per pixel",
            _with_price(lambda variance, weight, log_var: _information(variance / weight.shape[1], weight, log_var)),
            "You share the noise's variance among the pixels. Every pixel has noise of the whole `scale`.",
        ),
    ],
    hints=(
        "Write I(z; x̃ | x) as a difference of two entropies: that of q̃ and that of q(z | x̃). Both are Gaussian.",
        "I = ½ log det(Σ_q + s² W Wᵀ) − ½ log det Σ_q. It rises with s from 0, so one s fits. One latent: solve it by "
        "hand. More: the eigenvalues λ of Σ_q^−½ W Wᵀ Σ_q^−½ make it ½ Σ log(1 + s² λ).",
        "scaled = weight / np.exp(log_var / 2)[:, None]; λ = np.linalg.eigvalsh(scaled @ scaled.T); then "
        "scipy.optimize.brentq on ½ Σ np.log1p(s² λ) − budget, from 0 to a large s.",
    ),
    praise="The price grows like log s where s is large. The penalty of section 11.6 grows like s²: the rest of it is "
    "what 𝓛(q̃) loses.",
)


# --- the encoder that training finds under masks ----------------------------------------------------------------------


def _second_moment(data):
    return data.T @ data / len(data)


def _exact(decoder, variance):
    """The map (L, D) from a clean x to the mean of its posterior."""
    return linalg.solve(decoder.T @ decoder + variance * np.eye(decoder.shape[1]), decoder.T, assume_a="pos")


def _through_masks(encoder, data, share):
    """The best linear map from masked pictures to what the encoder (L, D) says of clean ones."""
    moment = _second_moment(data)
    seen = (1 - share) * moment + share * np.diag(np.diag(moment))
    return np.linalg.solve(seen, moment @ encoder.T).T


def _best(decoder, variance, data, share):
    return _through_masks(_exact(decoder, variance), data, share)


def _best_by_regression(decoder, variance, data, share):
    """Regress the exact code on the masked picture, both with their true second moments."""
    codes = data @ _exact(decoder, variance).T
    both = (1 - share) * codes.T @ data / len(data)
    moment = _second_moment(data)
    masked = (1 - share) ** 2 * moment
    np.fill_diagonal(masked, (1 - share) * np.diag(moment))
    return both @ np.linalg.inv(masked)


def _best_torch(decoder, variance, data, share):
    """The same as a ridge regression: rows of data, and one made-up row for each pixel."""
    decoder, data = torch.as_tensor(decoder), torch.as_tensor(data)
    latents = decoder.shape[1]
    exact = torch.linalg.solve(decoder.T @ decoder + variance * torch.eye(latents, dtype=data.dtype), decoder.T)
    ridge = (share * (1 - share)) ** 0.5 * torch.diag(data.square().sum(0).sqrt())
    inputs = torch.cat([(1 - share) * data, ridge])
    targets = torch.cat([data @ exact.T, torch.zeros_like(decoder)])
    return torch.linalg.lstsq(inputs, targets).solution.T


def _best_by_gradients(decoder, variance, data, share):
    """Set the gradient of the objective, which is quadratic in W, to zero by solving for all entries at once."""
    pixels, latents = decoder.shape
    moment = _second_moment(data)
    masked = (1 - share) ** 2 * moment + share * (1 - share) * np.diag(np.diag(moment))
    precision = decoder.T @ decoder / variance + np.eye(latents)
    right = (1 - share) * decoder.T @ moment / variance
    return np.linalg.solve(np.kron(precision, masked), right.ravel()).reshape(latents, pixels)


def _with_masked(regression_of):
    """Build a misconception from the exact map, the second moment of the data, its diagonal, and the share."""

    def answer(decoder, variance, data, share):
        moment = _second_moment(data)
        return regression_of(_exact(decoder, variance), moment, np.diag(np.diag(moment)), share)

    return answer


def _by_inverse(right, seen):
    return np.linalg.solve(seen, right.T).T  # both seen are symmetric


def _best_law(rng):
    """One to five pixels, one to three latents, one to six pictures that need not have the mean 0."""
    pixels, latents, count = rng.integers(1, [6, 4, 7])
    data = rng.normal(0, 1, (count, pixels)) + rng.normal(0, 1, pixels)
    decoder = rng.normal(0, 1, (pixels, latents))
    return decoder, float(rng.uniform(0.1, 2)), data, float(rng.uniform(0.1, 0.9))


best_encoder = Exercise(
    name="best_encoder",
    arguments=("decoder", "variance", "data", "share"),
    returns="weight",
    reference=_best,
    spellings={
        "regression": _best_by_regression,
        "ridge": _best_torch,
        "normal equations": _best_by_gradients,
    },
    probes=[
        (np.array([[1.0]]), 1.0, np.array([[2.0], [1.0]]), 0.5),
        (
            np.array([[1.0, 0.3], [-0.5, 0.8], [0.2, 1.1]]),
            0.4,
            np.array([[0.9, 0.1, 0.4], [0.2, 1.0, 0.7], [-0.5, 0.6, 1.2], [1.1, -0.3, 0.8]]),
            0.3,
        ),
        (
            np.array([[0.7], [1.2]]),
            1.5,
            np.array([[1.0, 0.4], [0.3, -0.8], [1.4, 0.9]]),
            0.6,
        ),
    ],
    law=_best_law,
    misconceptions=[
        Misconception(
            "trained on clean input",
            lambda decoder, variance, data, share: _exact(decoder, variance),
            "This is the exact posterior mean of a clean picture: the best encoder without masks. It is also what "
            "comes out where the target is masked together with the input.",
        ),
        Misconception(
            "only rescaled",
            _with_masked(lambda exact, moment, diagonal, share: exact / (1 - share)),
            "You make up for the pixels that are lost on average, and no more. But which ones are lost is random, and "
            "neighbours say what stood there: the best encoder leans on pixels that go together.",
        ),
        Misconception(
            "shrinkage of the mean forgotten",
            _with_masked(
                lambda exact, moment, diagonal, share: _by_inverse(
                    exact @ moment, moment + share * (1 - share) * diagonal
                )
            ),
            "You treat masks as additive noise of the same variance, C (C + S)⁻¹. But masks also shrink the input on "
            "average, by 1 − share: both E[x x̃ᵀ] and E[x̃ x̃ᵀ] feel it.",
        ),
        Misconception(
            "survivors enlarged",
            _with_masked(
                lambda exact, moment, diagonal, share: _by_inverse(
                    exact @ moment, moment + share / (1 - share) * diagonal
                )
            ),
            "This is the best encoder for pixels that are enlarged by 1/(1 − share) where they survive, as a dropout "
            "layer does it. Here survivors stay as they are.",
        ),
        Misconception(
            "shrinkage of one side only",
            _with_masked(
                lambda exact, moment, diagonal, share: _by_inverse(
                    exact @ moment, (1 - share) ** 2 * moment + share * (1 - share) * diagonal
                )
            ),
            "E[x̃ x̃ᵀ] is right. But the clean picture and its masked copy have E[x x̃ᵀ] = (1 − share) C: you used C.",
        ),
        Misconception(
            "diagonal shrunk twice",
            _with_masked(
                lambda exact, moment, diagonal, share: _by_inverse(
                    (1 - share) * exact @ moment, (1 - share) ** 2 * moment + share * diagonal
                )
            ),
            "Look at one pixel: its masked square is x² with probability 1 − share, so the diagonal of E[x̃ x̃ᵀ] is "
            "(1 − share) C_dd. Yours is too large.",
        ),
        Misconception(
            "no prior",
            lambda decoder, variance, data, share: _through_masks(np.linalg.pinv(decoder), data, share),
            "You minimise the reconstruction error alone. The KL term pulls every code to 0 as well, with the weight "
            "`variance` beside the squared error.",
        ),
        Misconception(
            "covariance for second moment",
            lambda decoder, variance, data, share: _best(decoder, variance, data - data.mean(axis=0), share),
            "You took the mean of the data off. Encoder and decoder have no offset here, and a lost pixel is 0 and not "
            "the mean: the second moment dataᵀ data / N is what counts.",
        ),
        Misconception(
            "masks as decoder noise",
            lambda decoder, variance, data, share: _exact(decoder, variance + share * (1 - share)),
            "You give the masks' variance to the decoder, as more noise there. The target is clean: the decoder's "
            "variance stays, and the encoder has to cope with the masks.",
        ),
    ],
    hints=(
        "For one clean x, let m* be its exact posterior mean. The ELBO of a Gaussian q with mean m falls by "
        "½ (m − m*)ᵀ Λ (m − m*), with Λ the same for all x. So what does W x̃ have to come near to?",
        "It is a least-squares regression of m* = (AᵀA + cI)⁻¹ Aᵀ x on x̃: W E[x̃ x̃ᵀ] = (AᵀA + cI)⁻¹ Aᵀ E[x x̃ᵀ]. The "
        "masks are independent of x and of each other, so these two moments follow from C = dataᵀ data / N.",
        "E[x x̃ᵀ] = (1 − a) C. Off the diagonal E[x̃ x̃ᵀ] is (1 − a)² C, and on it (1 − a) C: a pixel is masked once, not "
        "twice. Solve for W.",
    ),
    praise="The exact encoder, behind the best linear repair of what was masked. Masks act as a ridge, stronger for "
    "pixels of more power.",
)
