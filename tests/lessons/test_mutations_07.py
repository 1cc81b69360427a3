"""Wrong versions of lesson 07's formulas, each of which one of its claims or one of its oracles must reject."""

import numpy as np
import pytest
import torch
from mutations import expected, objections

from course_utils.models import autoencoders as a

LESSON = "07_autoencoders.ipynb"

LIKELIHOOD = "squared error = −log-likelihood of a Gaussian with variance ½, up to a constant"
EIGENVALUES = "the error of PCA is the sum of the eigenvalues left out"
SAME_PLANE = "its plane is PCA's: the largest angle is below 1 degree"
AUC = "the average over pairs is scikit-learn's AUC, for all four"
JACOBIAN = "the contractive penalty is the squared norm of autograd's Jacobian"
WIENER = "no nearby matrix denoises better than Wiener's filter"
TWEEDIE = "the best denoiser's residual is σ² times the score of the damaged density"
TRAINED = "the trained residual points along the score of the density itself: cosine above 0.95"
MEMORY = "one number reconstructs every training digit exactly"
SHARE = "course_utils's limit and share are these"
LOSSLESS = "61 of 64 components are lossless"
CONTRACTED = "under contraction 70 % of the slopes lie in the 20 leading components"
REPAIRED = "on new digits the bent network repairs better than Wiener's filter"
BENT = "512 bent codes, untrained, beat the pixels"

MUTANTS = {
    "homework of the instructor's guide: eight codes are not overcomplete": (
        "(autoencoders.Autoencoder(64, 96, mean=mean) for _ in range(2))",
        "(autoencoders.Autoencoder(64, 8, mean=mean) for _ in range(2))",
        "the overcomplete autoencoder loses less than 0.01 of a new digit",
    ),
    "a Gaussian of variance 1": ("Normal(output, np.sqrt(0.5))", "Normal(output, 1.0)", LIKELIHOOD),
    "pixels averaged": (
        "squares = autoencoders.reconstruction_loss(output, wanted)",
        "squares = torch.nn.functional.mse_loss(output, wanted)",
        LIKELIHOOD,
    ),
    "PCA without centring": (
        "np.linalg.svd(train - mean, full_matrices=False)",
        "np.linalg.svd(train, full_matrices=False)",
        EIGENVALUES,
    ),
    "PCA with the last components": ("components = axes[:4]", "components = axes[-4:]", EIGENVALUES),
    "columns of the wrong matrix": ("components = axes[:4]", "components = axes[:, :4].T", EIGENVALUES),
    "mean not added back": (
        "projected = mean + (train - mean) @ components.T @ components",
        "projected = (train - mean) @ components.T @ components",
        EIGENVALUES,
    ),
    "the decoder compared by rows": (
        "return np.degrees(np.arccos(np.clip(np.linalg.svd(q.T @ r)[1].min(), 0, 1)))",
        "return np.degrees(np.arccos(np.clip(np.linalg.svd(q.T @ r)[1].max() / 2, 0, 1)))",
        SAME_PLANE,
    ),
    "codes turned and not turned back": (
        "(z @ A.T) @ (decoder @ np.linalg.inv(A)).T",
        "(z @ A.T) @ (decoder @ A).T",
        "a change of basis, undone in the decoder, changes no picture",
    ),
    "the non-linearity also at the code": (
        "if layer not in (2, 5):",
        "if layer != 5:",
        "the class does what the written-out layers do",
    ),
    "AUC of the wrong tail": ("anomalous[:, None] > normal", "anomalous[:, None] < normal", AUC),
    "averages of two digits without their half": (
        "ghosts = (test[:180] + test[180:]) / 2",
        "ghosts = test[:180] + test[180:]",
        "PCA's error takes averages of two digits for digits: AUC below one quarter",
    ),
    "a noisy target": (
        'mending = autoencoders.autoencoder_loss(mender, corruption=("gaussian", 0.5))',
        "mending = autoencoders.autoencoder_loss(mender)",
        "one trained to remove noise loses more than 60 % of it",
    ),
    "the Jacobian not squared": ("(torch.stack(slopes, dim=1) ** 2)", "torch.stack(slopes, dim=1).abs()", JACOBIAN),
    "the Jacobian averaged over the codes": (
        "exact = (torch.stack(slopes, dim=1) ** 2).sum(dim=(1, 2)).mean()",
        "exact = (torch.stack(slopes, dim=1) ** 2).sum(dim=2).mean()",
        JACOBIAN,
    ),
    "Wiener's filter with the standard deviation": (
        "np.linalg.inv(S + 0.25 * np.eye(64))",
        "np.linalg.inv(S + 0.5 * np.eye(64))",
        WIENER,
    ),
    "Wiener's filter turned over": (
        "wiener = S @ np.linalg.inv(S + 0.25 * np.eye(64))",
        "wiener = 0.25 * np.linalg.inv(S + 0.25 * np.eye(64))",
        WIENER,
    ),
    "gains of the wrong matrix": (
        "spreads @ torch.linalg.inv(wide_normal.covariance_matrix)",
        "spreads @ torch.linalg.inv(spreads)",
        TWEEDIE,
    ),
    "responsibilities without the weights": ("(mix.log() + wide_normal", "(wide_normal", TWEEDIE),
    "the score of the clean density": (
        "equals=sigma**2 * score(noisy, sigma),\n    atol=1e-10",
        "equals=sigma**2 * score(noisy, 0.0),\n    atol=1e-10",
        TWEEDIE,
    ),
    "the residual the wrong way round": (
        "residual = denoiser(noisy.float()).detach().double() - noisy",
        "residual = noisy - denoiser(noisy.float()).detach().double()",
        TRAINED,
    ),
    "the memory mixes by the wrong share": (
        "(1 - share) * pictures[low] + share * pictures[low + 1]",
        "share * pictures[low] + (1 - share) * pictures[low + 1]",
        MEMORY,
    ),
    "the largest eigenvalues for the smallest": (
        'claim("61 of 64 components are lossless", eigenvalues[:3].sum()',
        'claim("61 of 64 components are lossless", eigenvalues[-3:].sum()',
        LOSSLESS,
    ),
    "a network without contraction": ('share_along(wide["contraction"])', 'share_along(wide["none"])', CONTRACTED),
    "a repairer that learns to copy": (
        'autoencoders.autoencoder_loss(repairer, corruption=("gaussian", 1.0))',
        "autoencoders.autoencoder_loss(repairer)",
        REPAIRED,
    ),
    "wide codes without a bend": ('untrained("relu")', 'untrained("none")', BENT),
    "Langevin's walk by a whole step": (
        "x = x + step / 2 * arrows(x)",
        "x = x + step * arrows(x)",
        "exact arrows: log p as of damaged points",
    ),
    "each digit its own neighbour": (" + np.diag(np.full(1437, np.inf))", "", SHARE),
    "the share beyond the limit": ("min(axis=1) <= limit)", "min(axis=1) > limit)", SHARE),
}


def test_each_wrong_formula_is_rejected_by_the_claim_named_for_it():
    assert objections(LESSON, MUTANTS) == expected(MUTANTS)


def per_row(reconstruction, target):
    return ((reconstruction - target) ** 2).sum(dim=1).mean()


LOSSES = {
    "as it should be": (per_row, True),
    "mean over the pixels": (lambda r, t: ((r - t) ** 2).mean(), False),
    "sum over the rows": (lambda r, t: ((r - t) ** 2).sum(), False),
    "no square": (lambda r, t: (r - t).abs().sum(dim=1).mean(), False),
}


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_of_the_middle_storey_rejects_wrong_reductions(name):
    loss, accepted = LOSSES[name]
    generator = torch.Generator().manual_seed(0)
    one, other = torch.randn(5, 7, generator=generator), torch.randn(5, 7, generator=generator)
    assert np.isclose(loss(one, other).item(), a.reconstruction_loss(one, other).item()) == accepted
