"""Autoencoders: PCA as their linear case, networks with any bottleneck, their losses, and a test of their latent space.

An autoencoder is a pair of functions. The encoder maps a data point x (D,) to a code z (L,), the decoder maps z back
to a reconstruction of x. Everything here is about one question: what does the pair keep?

`PCA` and the measures are numpy in float64. `Autoencoder` and the losses are torch, in whatever precision the model
has, so that `course_utils.workshop.training.Trainer` can fit them. Nothing here is a probability: where nats appear, a
likelihood has been chosen, and that is the business of the variational autoencoder.

Sources: Baldi and Hornik (1989) for the linear autoencoder; Vincent et al. (2008) for denoising; Rifai et al. (2011)
for contraction; Vincent (2011), Alain and Bengio (2014) for the score.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.models.networks import ACTIVATIONS, mlp
from course_utils.workshop.validation import check_array, check_choice, check_scalar

CORRUPTIONS = ("gaussian", "masking")

# Rows of decoded points whose distances to all of the data are held in memory at once.
_BLOCK_ROWS = 512


# --- the linear case --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class PCA:
    """The best linear encoder and decoder: x ↦ V(x − mean), and z ↦ mean + Vᵀz.

    Attributes
    ----------
    mean : (D,), of the data.
    components : V (L, D), orthonormal rows, by falling variance. In each row the entry largest in size is positive.
    variances : (L,), of the codes, divided by N.
    """

    mean: np.ndarray
    components: np.ndarray
    variances: np.ndarray

    def encode(self, data: Any) -> np.ndarray:
        """Return the codes (N, L) of data (N, D), also called scores.

        Raises
        ------
        TypeError, ValueError : `data` is not an array (N, D) of finite real numbers.
        """
        return (check_array("data", data, shape=(None, len(self.mean))) - self.mean) @ self.components.T

    def decode(self, codes: Any) -> np.ndarray:
        """Return the points (N, D) that codes (N, L) stand for.

        Raises
        ------
        TypeError, ValueError : `codes` is not an array (N, L) of finite real numbers.
        """
        return self.mean + check_array("codes", codes, shape=(None, len(self.components))) @ self.components

    def reconstruct(self, data: Any) -> np.ndarray:
        """Return the projections (N, D) of data (N, D) onto the plane of the first L components. Errors as `encode`."""
        return self.decode(self.encode(data))


def fit_pca(data: Any, size: int) -> PCA:
    """Fit PCA by a singular value decomposition of the centred data.

    Parameters
    ----------
    data : (N, D), one row for each point.
    size : L, number of components, from 1 to the smaller of N and D.

    Returns
    -------
    PCA. No other affine encoder and decoder with L codes have a smaller mean squared error on `data`. Components
    with the same variance, as those of variance zero, are determined up to a rotation only.

    Raises
    ------
    TypeError, ValueError : `data` is not an array of finite real numbers, or `size` is out of range.

    Source: Eckart and Young (1936).
    """
    data = check_array("data", data, shape=("N", "D"), min_size=1)
    size = check_scalar("size", size, integer=True, minimum=1, maximum=min(data.shape))
    mean = data.mean(axis=0)
    _, singular, axes = np.linalg.svd(data - mean, full_matrices=False)
    axes = axes[:size]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return PCA(mean, axes * np.sign(largest), singular[:size] ** 2 / len(data))


def principal_angles(first: Any, second: Any) -> np.ndarray:
    """Angles between the spans of the columns of two matrices, from the smallest to the largest, in radians.

    Parameters
    ----------
    first, second : (D, K) and (D, M), linearly independent columns. Any basis of a subspace gives the same angles.

    Returns
    -------
    (min(K, M),), from 0 (a shared direction) to π/2, accurate for the smallest angles too.

    Raises
    ------
    TypeError, ValueError : an argument is no matrix of finite real numbers, the lengths of the columns differ, or the
        columns of one matrix are linearly dependent.

    Source: Björck and Golub (1973); Knyazev and Argentati (2002).
    """
    first = check_array("first", first, shape=("D", "K"), min_size=1)
    second = check_array("second", second, shape=(len(first), "M"), min_size=1)
    left, right = _orthonormal("first", first), _orthonormal("second", second)
    if left.shape[1] < right.shape[1]:
        left, right = right, left
    shared = left.T @ right
    cosines = np.clip(np.linalg.svd(shared, compute_uv=False), 0, 1)
    sines = np.clip(np.linalg.svd(right - left @ shared, compute_uv=False)[::-1], 0, 1)
    # the cosine of a tiny angle is 1 to all digits, the sine of one near π/2 is: each is used where it can see
    return np.where(cosines > np.sqrt(0.5), np.arcsin(sines), np.arccos(cosines))


def _orthonormal(name: str, matrix: np.ndarray) -> np.ndarray:
    basis, singular, _ = np.linalg.svd(matrix, full_matrices=False)
    rank = int(np.sum(singular > max(matrix.shape) * np.finfo(np.float64).eps * singular[0]))
    if rank < matrix.shape[1]:
        raise ValueError(f"{name} must have linearly independent columns; got {matrix.shape[1]} columns of rank {rank}")
    return basis


# --- networks ---------------------------------------------------------------------------------------------------------


class Autoencoder(nn.Module):
    """An encoder D → hidden → L and its mirror image, a decoder L → hidden reversed → D, both fully connected.

    With no hidden layers and no activations it is the linear autoencoder. With L ≥ D it is overcomplete.

    Parameters
    ----------
    data_dim : D, features of a data point.
    latent_dim : L, length of a code.
    hidden : widths of the encoder's hidden layers; the decoder has the same ones in reverse order.
    activation : after each hidden layer, one of `networks.ACTIVATIONS`.
    code_activation : after the code, likewise; "relu" makes codes that can be exactly zero.
    dropout : probability with which each entry of a code is set to zero while training; the others are enlarged so
        that the average stays.
    mean : (D,), subtracted before encoding and added after decoding. A network that is given the data's mean need not
        spend its first steps, and one of its codes, on finding it.
    seed : for the initial weights. Torch's own random state is left as it was.

    Raises
    ------
    TypeError, ValueError : an argument is not as described.
    """

    mean: Tensor

    def __init__(
        self,
        data_dim: int,
        latent_dim: int,
        *,
        hidden: Sequence[int] = (),
        activation: str = "relu",
        code_activation: str = "none",
        dropout: float = 0.0,
        mean: Any = None,
        seed: int = 0,
    ):
        super().__init__()
        self.data_dim = check_scalar("data_dim", data_dim, integer=True, minimum=1)
        self.latent_dim = check_scalar("latent_dim", latent_dim, integer=True, minimum=1)
        hidden = [check_scalar("hidden", width, integer=True, minimum=1) for width in hidden]
        activation = check_choice("activation", activation, tuple(ACTIVATIONS))
        code_activation = check_choice("code_activation", code_activation, tuple(ACTIVATIONS))
        dropout = check_scalar("dropout", dropout, non_negative=True, maximum=1)
        if dropout == 1:
            raise ValueError("dropout must be below 1, or no code would ever reach the decoder; got 1.0")
        centre = np.zeros(self.data_dim) if mean is None else check_array("mean", mean, shape=(self.data_dim,))
        seed = check_scalar("seed", seed, integer=True, non_negative=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            widths = [self.data_dim, *hidden, self.latent_dim]
            self.encoder = mlp(widths, activation)
            self.encoder.append(ACTIVATIONS[code_activation]())
            self.decoder = mlp(widths[::-1], activation)
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("mean", torch.tensor(centre, dtype=torch.get_default_dtype()))

    def encode(self, x: Tensor) -> Tensor:
        """Return the codes (N, L) of x (N, D).

        Raises
        ------
        ValueError : x has another number of columns.
        """
        if x.ndim != 2 or x.shape[1] != self.data_dim:
            raise ValueError(f"x must have shape (any, {self.data_dim}); got {tuple(x.shape)}")
        return self.encoder(x - self.mean)

    def decode(self, codes: Tensor) -> Tensor:
        """Return the points (N, D) that codes (N, L) stand for.

        Raises
        ------
        ValueError : the codes have another number of columns.
        """
        if codes.ndim != 2 or codes.shape[1] != self.latent_dim:
            raise ValueError(f"codes must have shape (any, {self.latent_dim}); got {tuple(codes.shape)}")
        return self.decoder(codes) + self.mean

    def forward(self, x: Tensor) -> Tensor:
        """Return the reconstructions (N, D) of x (N, D); while training, through dropout. Errors as `encode`."""
        return self.decode(self.dropout(self.encode(x)))


# --- losses -----------------------------------------------------------------------------------------------------------


def reconstruction_errors(reconstruction: Tensor, target: Tensor) -> Tensor:
    """Squared error of each row, summed over its features.

    Parameters
    ----------
    reconstruction, target : (N, …), the same shape.

    Returns
    -------
    (N,).

    Raises
    ------
    ValueError : the shapes differ (torch would repeat the smaller one), or there are no rows.
    """
    if reconstruction.shape != target.shape or target.ndim == 0 or len(target) == 0:
        raise ValueError(
            f"reconstruction and target must have the same shape (N, …) with at least one row; got "
            f"{tuple(reconstruction.shape)} and {tuple(target.shape)}"
        )
    return ((reconstruction - target) ** 2).reshape(len(target), -1).sum(dim=1)


def reconstruction_loss(reconstruction: Tensor, target: Tensor) -> Tensor:
    """Squared error, summed over the features and averaged over the rows: one number.

    The sum makes it a Gaussian's negative log-likelihood, in nats, up to a factor and a constant: log-likelihoods of
    independent features add. The average makes it independent of how many rows a batch has. Errors as in
    `reconstruction_errors`.
    """
    return reconstruction_errors(reconstruction, target).mean()


def sparsity_penalty(codes: Tensor) -> Tensor:
    """Sum of the absolute values of each code, averaged over the rows of codes (N, L): one number.

    A network can lower it without becoming sparse, by smaller codes and larger weights in the decoder: count zeros.
    """
    return codes.abs().sum(dim=1).mean()


def contractive_penalty(encode: Callable[[Tensor], Tensor], x: Tensor, *, probes: int | None = None) -> Tensor:
    """Squared Frobenius norm of the encoder's Jacobian, ‖∂z/∂x‖², averaged over the rows of x: one number.

    Parameters
    ----------
    encode : from x (N, D) to codes (N, L); row n of the result depends on row n alone.
    x : (N, D).
    probes : without it the norm is exact, at the cost of L backward passes. With it, it is estimated without bias from
        so many random directions u, as the average of ‖uᵀ ∂z/∂x‖² with E[uuᵀ] = I, each one backward pass.

    Returns
    -------
    A scalar with a gradient with respect to the encoder's parameters.

    Raises
    ------
    TypeError, ValueError : `probes` is no positive integer, or `encode` does not return one code for each row.

    Source: Rifai et al. (2011); Hutchinson (1989) for the estimate.
    """
    if probes is not None:
        probes = check_scalar("probes", probes, integer=True, minimum=1)
    x = x.detach().requires_grad_()
    codes = encode(x)
    if codes.ndim != 2 or len(codes) != len(x):
        raise ValueError(f"encode must return shape ({len(x)}, any); got {tuple(codes.shape)}")
    if probes is None:
        directions = torch.eye(codes.shape[1], dtype=codes.dtype, device=codes.device)[:, None, :]
    else:
        signs = torch.randint(0, 2, (probes, *codes.shape), device=codes.device)
        directions = (2 * signs - 1).to(codes.dtype)
    squares = torch.zeros((), dtype=codes.dtype, device=codes.device)
    for direction in directions:
        (slopes,) = torch.autograd.grad(codes, x, direction.expand_as(codes), create_graph=True)
        squares = squares + (slopes**2).sum()
    return squares / (len(x) * (1 if probes is None else probes))


def corrupt(x: Tensor, kind: str, amount: float, *, generator: torch.Generator | None = None) -> Tensor:
    """Return a damaged copy of x, for a denoising autoencoder to repair.

    Parameters
    ----------
    x : any shape.
    kind : "gaussian" adds noise of standard deviation `amount`; "masking" sets each entry to zero with probability
        `amount`.
    amount : not negative; for "masking" at most 1.
    generator : for the draws; without it they come from torch's own state, which `Trainer` seeds.

    Raises
    ------
    TypeError, ValueError : `kind` or `amount` is not as described.

    Source: Vincent et al. (2008).
    """
    kind = check_choice("kind", kind, CORRUPTIONS)
    amount = check_scalar("amount", amount, non_negative=True, maximum=1 if kind == "masking" else None)
    if kind == "gaussian":
        return x + amount * torch.randn(x.shape, dtype=x.dtype, generator=generator)
    kept = torch.rand(x.shape, dtype=x.dtype, generator=generator) >= amount
    return torch.where(kept, x, torch.zeros_like(x))


def autoencoder_loss(
    model: Autoencoder,
    *,
    corruption: tuple[str, float] | None = None,
    sparsity: float = 0.0,
    contraction: float = 0.0,
    probes: int | None = None,
) -> Callable[[Tensor], dict[str, Tensor]]:
    """Return the loss of an autoencoder on a batch, with its terms by name, as `Trainer` wants it.

    Parameters
    ----------
    model : the autoencoder.
    corruption : kind and amount for `corrupt`. The input is damaged afresh at each call, the target never is.
    sparsity, contraction : weights of the two penalties; a term of weight 0 is left out.
    probes : for `contractive_penalty`.

    Returns
    -------
    A function of x (N, D) that returns {"reconstruction": …} and, where asked for, "sparsity" and "contraction". The
    contraction is taken where the encoder is used, at the damaged input.

    Raises
    ------
    TypeError, ValueError : a weight is negative, or a corruption unknown.
    """
    sparsity = check_scalar("sparsity", sparsity, non_negative=True)
    contraction = check_scalar("contraction", contraction, non_negative=True)
    if corruption is not None:
        corrupt(torch.zeros(0), *corruption)  # a wrong kind or amount is refused now, and not in the first step

    def loss(x: Tensor) -> dict[str, Tensor]:
        seen = x if corruption is None else corrupt(x, *corruption)
        codes = model.encode(seen)
        terms = {"reconstruction": reconstruction_loss(model.decode(model.dropout(codes)), x)}
        if sparsity:
            terms["sparsity"] = sparsity * sparsity_penalty(codes)
        if contraction:
            terms["contraction"] = contraction * contractive_penalty(model.encode, seen, probes=probes)
        return terms

    return loss


# --- what lies between the codes --------------------------------------------------------------------------------------


class Completeness(NamedTuple):
    """How near decoded codes come to real data.

    distances : (K,), from each decoded code to the nearest data point.
    nearest : (K,) int64, which data point that is. Count the different ones: a decoder that gives the same good
        picture for every code has a share of 1.
    real : (N,), from each data point to the nearest other one: what is usual among real data.
    limit : the distance below which 95 % of the data have their neighbour.
    share : share of the decoded codes whose distance is at most `limit`.
    """

    distances: np.ndarray
    nearest: np.ndarray
    real: np.ndarray
    limit: float
    share: float


def completeness(decode: Callable[[Any], Any], latents: Any, data: Any) -> Completeness:
    """Test whether every code of a region decodes to something like the data, or whether the region has holes.

    Parameters
    ----------
    decode : from codes to points (K, D). It gets `latents` as they are: give tensors to a network.
    latents : (K, L), codes drawn from the region in question: from a prior; uniformly; halfway between two data points.
    data : (N, D), at least two real points.

    Returns
    -------
    Completeness. Distances are Euclidean. A network's reconstructions may lie a little nearer to the data than
    real points do: compare the share with that of the codes of real points, and not only with 0.95.

    Raises
    ------
    TypeError, ValueError : `data` or what `decode` returns are no arrays of finite real numbers, or their shapes do
        not fit.
    """
    data = check_array("data", data, shape=("N", "D"), min_size=2)
    decoded = check_array("decode(latents)", decode(latents), shape=("K", data.shape[1]), min_size=1)
    distances, nearest = _nearest(decoded, data)
    real, _ = _nearest(data, data, others_only=True)
    limit = float(np.quantile(real, 0.95))
    return Completeness(distances, nearest, real, limit, float(np.mean(distances <= limit)))


def _nearest(points: np.ndarray, data: np.ndarray, *, others_only: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return distance and index of the nearest data point; with `others_only`, of the nearest one in another row."""
    from scipy.spatial.distance import cdist

    distances, nearest = np.empty(len(points)), np.empty(len(points), dtype=np.int64)
    for start in range(0, len(points), _BLOCK_ROWS):
        rows = np.arange(start, min(start + _BLOCK_ROWS, len(points)))
        block = cdist(points[rows], data)
        if others_only:
            block[rows - start, rows] = np.inf
        nearest[rows] = block.argmin(axis=1)
        distances[rows] = block[rows - start, nearest[rows]]
    return distances, nearest
