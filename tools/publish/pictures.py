"""Draw the pictures that stand at the top of the README and of the lessons.

    python tools/publish/pictures.py

Each is made from what ships with the course, saved as notebooks/images/NAME.png, and stays the same from run to run.
"""

import sys
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))  # works from a fresh checkout, before anything is installed

from course_utils.models.gaussians import multivariate_normal_fit  # noqa: E402
from course_utils.models.mixtures import fit_em  # noqa: E402
from course_utils.models.planes import mosaic, show_images  # noqa: E402
from course_utils.models.vae import load_checkpoint  # noqa: E402
from course_utils.workshop.data import data_file, old_faithful  # noqa: E402
from course_utils.workshop.style import figure_png, palette, panels, use_style  # noqa: E402


def _ellipse(axes, mean, covariance, **style):
    """Draw the curves one and two standard deviations away from the mean."""
    angle = np.linspace(0, 2 * np.pi, 200)
    circle = np.linalg.cholesky(covariance) @ np.array([np.cos(angle), np.sin(angle)])
    for radius in (1, 2):
        axes.plot(*(mean[:, None] + radius * circle), **style)


def _eruptions(axes, title):
    axes.plot(*old_faithful().T, "o", color=palette.data, markersize=4, alpha=0.6)
    axes.set(title=title, xlabel="eruption, minutes", ylabel="waiting, minutes")


def one_gaussian():
    """One Gaussian, fitted to two groups of points."""
    figure, axes = panels(height=3.4)
    _eruptions(axes, "The best Gaussian has its centre between the groups")
    mean, covariance = multivariate_normal_fit(old_faithful())
    _ellipse(axes, mean, covariance, color=palette.model)
    axes.plot(*mean, "+", color=palette.model, markersize=15, markeredgewidth=3)
    return figure


def two_gaussians():
    """Two Gaussians; the colour of a point says which of them claims it."""
    from matplotlib.colors import LinearSegmentedColormap

    data, colours = old_faithful(), ("#CC79A7", palette.model)
    mixture = fit_em(data, 2, restarts=5, rng=np.random.default_rng(0)).mixture
    claims = mixture.responsibilities(data)[:, mixture.means[:, 0].argmin()]
    figure, axes = panels(height=3.4)
    _eruptions(axes, "Two Gaussians and a hidden label")
    shades = LinearSegmentedColormap.from_list("shares", [colours[0], "#BBBBBB", colours[1]])
    axes.scatter(*data.T, c=claims, cmap=shades, s=28, zorder=3)
    for k, colour in zip(mixture.means[:, 0].argsort(), reversed(colours), strict=True):
        _ellipse(axes, mixture.means[k], mixture.covariances[k], color=colour)
    return figure


def course():
    """Estimate, approximate, generate: one Gaussian, a hidden label, a plane that is decoded into digits."""
    from sklearn.mixture import GaussianMixture

    figure, (left, middle, right) = panels(3, height=3.6, width=12.0, width_ratios=(1, 1, 0.95))
    _eruptions(left, "One bell curve fails")
    _ellipse(left, *multivariate_normal_fit(old_faithful()), color=palette.model)
    _eruptions(middle, "A hidden label explains")
    mixture = GaussianMixture(2, random_state=0).fit(old_faithful())
    for mean, covariance in zip(mixture.means_, mixture.covariances_, strict=True):
        _ellipse(middle, mean, covariance, color=palette.model)
    model, _ = load_checkpoint(data_file("mnist_plane.safetensors"))
    across = 9
    steps = np.linspace(-2, 2, across)
    codes = torch.tensor([(x, y) for y in steps[::-1] for x in steps], dtype=torch.float32)
    with torch.no_grad():
        picture = mosaic(model.decode(codes), across, across, gap=0)
    show_images(right, picture, "Two hidden numbers draw digits").set(interpolation="bicubic")
    right.set(xlabel="first hidden number", ylabel="second")
    return figure


def main():
    """Write every picture."""
    use_style()
    folder = ROOT / "notebooks" / "images"
    folder.mkdir(exist_ok=True)
    for draw in (course, one_gaussian, two_gaussians):
        target = folder / f"{draw.__name__}.png"
        target.write_bytes(figure_png(draw()))
        print(f"{target.relative_to(ROOT)}: {draw.__doc__}")


if __name__ == "__main__":
    main()
