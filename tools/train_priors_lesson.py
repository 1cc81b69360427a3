"""Train what lesson 15 compares over several seeds: VAEs with other priors, and ways to cluster digits.

    python tools/train_priors_lesson.py [priors | clusters]

All that it needs is in the folder data already. Two small tables are written there, each with its provenance;
data/README.md then needs the sizes and the checksums that are printed. It takes about eight minutes on one core.
"""

import hashlib
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))  # works from a fresh checkout, before anything is installed

from course_utils.lessons.richer_priors import models  # noqa: E402
from course_utils.models.priors import FullMixturePrior, MixturePrior, PriorVAE, matched_accuracy  # noqa: E402
from course_utils.workshop import data  # noqa: E402

FOLDER = ROOT / "data"
COMMAND = f"python tools/{Path(__file__).name}"
SEEDS = {"priors": 3, "8×8": 10, "28×28": 3}
SAMPLES = 200  # of the importance-sampled estimate


def clearness(pictures: torch.Tensor) -> tuple[float, int]:
    """Return lesson 08's mark: the share whose ten nearest digits are of one kind, and how many nearest ones differ."""
    x, labels, *_ = models.black_digits()
    nearest = torch.cdist(pictures, x).topk(10, largest=False).indices
    votes = labels[nearest]
    return (votes == votes[:, :1]).all(1).double().mean().item(), len(set(nearest[:, 0].tolist()))


@torch.no_grad()
def measured(model: PriorVAE) -> list[float]:
    """Return the `PRIOR_MEASURES` of a model, with draws from a seed of their own."""
    x, _, unseen, _ = models.black_digits()
    generator = torch.Generator().manual_seed(1)
    bounds = [model.elbo(x, 1, generator).mean().item(), model.elbo(unseen, 10, generator).mean().item()]
    log_prob = model.importance_log_prob(unseen, SAMPLES, generator).mean().item()
    clear, different = clearness(model.sample_means(1000, generator))
    return [*bounds, log_prob, clear, different, model.active_units(unseen).sum().item()]


def compare_priors(seed: int) -> dict[str, list[float]]:
    """Return the measures of all priors for one seed."""
    x = models.black_digits()[0]
    learned = [("standard", 0), ("wide", 0), ("mixture", 20), ("mixture", 100)]
    learned += [("vamp", 20), ("vamp", 100), ("vamp from noise", 100)]
    rows = {}
    for kind, size in learned:
        rows[f"{kind} {size}".removesuffix(" 0")] = measured(models.large_vae(kind, size, seed))
    model = models.large_vae("standard", 0, seed)
    draws, means = models.draws_of(model, x, seed), model.encode(x)[0].detach()
    standard = model.prior
    afterwards = {
        "fitted 20": MixturePrior(10, 20).fit(draws),
        "fitted 100": MixturePrior(10, 100).fit(draws),
        "fitted full 20": FullMixturePrior(10, 20).fit(draws),
        "fitted full 20, to means": FullMixturePrior(10, 20).fit(means),
        "aggregate": model.aggregate(x),
    }
    for name, prior in afterwards.items():
        model.prior = prior
        rows[name] = measured(model)
    model.prior = standard
    return rows


@torch.no_grad()
def compare_clusters(size: str, seed: int) -> dict[str, list[float]]:
    """Return the measures of all ways to cluster for one seed."""
    t, count = models.task(size), models.CLASSES
    rows = {}

    def add(name, clusters, bound=float("nan")):
        used = (np.bincount(clusters, minlength=count) >= len(t.x) / 50).sum()
        rows[name] = [matched_accuracy(clusters, t.labels), bound, float(used)]

    scores = PCA(10, random_state=0).fit_transform(t.x.numpy())
    add("k-means on pixels", KMeans(count, n_init=10, random_state=seed).fit_predict(t.x.numpy()))
    mixture = GaussianMixture(count, n_init=3, random_state=seed, reg_covar=1e-3)
    add("mixture on PCA scores", mixture.fit_predict(scores))
    means = models.cluster_vae("afterwards", seed, size).encode(t.x)[0].numpy()
    add("k-means on a VAE's means", KMeans(count, n_init=10, random_state=seed).fit_predict(means))
    for start in models.STARTS:
        model = models.cluster_vae(start, seed, size)
        bound = model.elbo(t.unseen, 20, torch.Generator().manual_seed(1)).mean().item()
        add(f"VAE, mixture {start}", models.clusters_of(model, t.x).numpy(), bound)
    return rows


def keep(rows: list[dict[str, list[float]]], prefix: str = "") -> dict[str, torch.Tensor]:
    """Return for each name the table (seeds, measures)."""
    return {prefix + name: torch.tensor([row[name] for row in rows], dtype=torch.float32) for name in rows[0]}


def write(file: str, arrays: dict[str, torch.Tensor], measures: tuple[str, ...]) -> None:
    """Write one file with its provenance, and print what data/README.md says of it."""
    provenance = {
        "command": COMMAND,
        "data": f"scikit-learn's digits; mnist_small.npz, sha256 {data._MNIST_SMALL_SHA256}",
        "columns": ", ".join(measures),
        "rows": "seeds, from 0",
        "torch": torch.__version__,
    }
    content = save(arrays, provenance)
    (FOLDER / file).write_bytes(content)
    print(f"| {file} | {len(content)} | {hashlib.sha256(content).hexdigest()} |")


def main(wanted: list[str]) -> None:
    """Measure what was asked for, or everything."""
    warnings.simplefilter("ignore")  # a mixture that has not quite converged is measured as it is
    torch.set_num_threads(1)  # to networks this small a second one costs more than it brings
    if not wanted or "priors" in wanted:
        rows = [compare_priors(seed) for seed in range(SEEDS["priors"])]
        write(models.PRIOR_RUNS, keep(rows), models.PRIOR_MEASURES)
    if not wanted or "clusters" in wanted:
        arrays = {}
        for size in ("8×8", "28×28"):
            arrays |= keep([compare_clusters(size, seed) for seed in range(SEEDS[size])], f"{size} ")
        write(models.CLUSTER_RUNS, arrays, models.CLUSTER_MEASURES)


if __name__ == "__main__":
    main(sys.argv[1:])
