"""Train and measure what lesson 16 compares: rivals of the VAE at equal size, alarms, and invented training data.

    python tools/train_rivals_lesson.py [ring] [digits] [anomalies] [augmentation]

All that it needs is in the folder data already. One table and three checkpoints are written there, each with its
provenance; data/README.md then needs the sizes and the checksums that are printed. Named parts are measured again and
the others stay. All of it takes about eight minutes on one core; its seconds are those of the machine.
"""

import functools
import hashlib
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load, save
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))  # works from a fresh checkout, before anything is installed

from course_utils.lessons.put_to_work import runs  # noqa: E402
from course_utils.lessons.put_to_work.models import black_digits, detector, digit_vae  # noqa: E402
from course_utils.models import anomalies  # noqa: E402
from course_utils.models.augmentation import jitter  # noqa: E402
from course_utils.models.conditional import ConditionalVAE  # noqa: E402
from course_utils.models.disentanglement import sprites  # noqa: E402
from course_utils.models.graphs import area_under_curve  # noqa: E402
from course_utils.models.networks import mlp  # noqa: E402
from course_utils.models.rivals import (  # noqa: E402
    modes_covered,
    number_of_parameters,
    precision_recall,
    ring_log_prob,
)
from course_utils.models.vae import VAE  # noqa: E402
from course_utils.workshop import data  # noqa: E402
from course_utils.workshop.training import train_quietly  # noqa: E402

FOLDER = ROOT / "data"
COMMAND = f"python tools/{Path(__file__).name}"
PARTS = {"ring": 3, "digits": 3, "anomalies": 5, "augmentation": 10}
"""Parts, and how many seeds each has."""
NAN = float("nan")
Rows = dict[str, list[float]]


# --- rivals -----------------------------------------------------------------------------------------------------------


def seconds(task) -> float:
    """Return the processor's seconds that a call takes."""
    start = time.process_time()
    task()
    return time.process_time() - start


def microseconds(draw) -> float:
    """Return the time to one sample, of the quickest of five batches of a thousand."""
    return 1e6 / runs.SAMPLES * min(seconds(draw) for _ in range(5))


@torch.no_grad()
def vae_draw(vae: VAE, generator: torch.Generator, noise: bool) -> Tensor:
    """Return a thousand draws of a VAE with a Gaussian likelihood, or their means."""
    mean = vae.sample_means(runs.SAMPLES, generator)
    return mean + noise * vae.log_scale.exp() * torch.randn(mean.shape, generator=generator)


@torch.no_grad()
def compare_on_ring(seed: int) -> Rows:
    """Return the measures of all rivals on the ring for one seed."""
    x, unseen, centres = runs.ring_points(seed)
    rivals = runs.untrained_ring(seed)
    took = {name: seconds(lambda name=name: runs.train_on_ring(name, rivals, seed)) for name in runs.RIVALS}
    generator = torch.Generator().manual_seed(1)
    vae, flow, gan = rivals
    densities = {
        "VAE": vae.importance_log_prob(unseen, 500, generator).mean().item(),
        "RealNVP": flow.log_prob(unseen).mean().item(),
        "data": ring_log_prob(unseen, centres, runs.RING_SCALE).mean().item(),
    }
    draws = {
        "VAE": lambda: vae_draw(vae, generator, True),
        "VAE, means": lambda: vae_draw(vae, generator, False),
        "RealNVP": lambda: flow.sample(runs.SAMPLES, generator),
        "GAN": lambda: gan.sample(runs.SAMPLES, generator),
        "data": lambda: x[: runs.SAMPLES],
    }
    rows = {}
    for name, draw in draws.items():
        model = dict(zip(runs.RIVALS, rivals, strict=True)).get(name)
        size = NAN if model is None else number_of_parameters(model)
        samples = draw()
        modes = modes_covered(samples, centres, runs.RING_SCALE)
        shown = [float(modes.covered), modes.near, *precision_recall(samples, unseen)]
        time_to_one = NAN if name == "data" else microseconds(draw)
        rows[name] = [size, took.get(name, NAN), *shown, densities.get(name, NAN), time_to_one]
    return rows


def classifier(hidden: tuple[int, ...] = (128, 32), seed: int = 0) -> nn.Sequential:
    """Return an untrained network from pictures to ten logits."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return mlp([784, *hidden, 10])


@torch.no_grad()
def compare_on_digits(seed: int) -> Rows:
    """Return the measures of all rivals on digits for one seed; with seed 0 their checkpoints are written too."""
    x, kinds, unseen, _ = runs.grey_digits()
    grey, unseen_grey = x / (runs.LEVELS - 1), unseen / (runs.LEVELS - 1)
    judge = classifier()  # the same for all seeds
    settings = {"epochs": 10, "batch_size": 100, "learning_rate": 3e-3}
    train_quietly(judge, lambda a, b: F.cross_entropy(judge(a), b), (grey, kinds), **settings)
    features = judge[:-1]
    rivals = runs.untrained_digits(seed)
    took = {name: seconds(lambda name=name: runs.train_on_digits(name, rivals, seed)) for name in runs.RIVALS}
    if seed == 0:
        for name, model in zip(runs.RIVALS, rivals, strict=True):
            weights = {key: value.contiguous().half() for key, value in model.state_dict().items()}
            weights |= {
                key: value.contiguous() for key, value in model.state_dict().items() if not value.is_floating_point()
            }
            write(f"rival_{name.lower()}.safetensors", weights, {"rows": "weights, in half precision", "seed": "0"})
    generator = torch.Generator().manual_seed(1)
    spread = runs.spread_out(unseen, generator)
    densities = {
        "VAE": rivals.vae.importance_log_prob(spread, 100, generator).mean().item(),
        "RealNVP": rivals.flow.log_prob(spread).mean().item(),
    }
    rows = {}
    for name in ("VAE", "VAE, means", "RealNVP", "GAN", "data"):
        model = dict(zip(runs.RIVALS, rivals, strict=True)).get(name)

        def draw(name=name):
            return runs.digit_samples(name, rivals, runs.SAMPLES, generator)

        pictures = grey[: runs.SAMPLES] if name == "data" else draw()
        votes = kinds[torch.cdist(pictures, grey).topk(10 + (name == "data"), largest=False).indices[:, -10:]]
        shares = torch.bincount(judge(pictures).argmax(1), minlength=10) / len(pictures)
        shown = [float((shares >= 1 / 50).sum()), (votes == votes[:, :1]).all(1).double().mean().item()]
        shown += precision_recall(features(pictures), features(unseen_grey))
        size = NAN if model is None else number_of_parameters(model)
        time_to_one = NAN if name == "data" else microseconds(draw)
        rows[name] = [size, took.get(name, NAN), *shown, densities.get(name, NAN), time_to_one]
    return rows


# --- alarms -----------------------------------------------------------------------------------------------------------


def shrunk(x: Tensor) -> Tensor:
    """Return black-and-white digits at half their size, in the middle of the picture."""
    small = F.avg_pool2d(x.reshape(-1, 1, 28, 28), 2) >= 0.5
    return F.pad(small.to(x.dtype), (7, 7, 7, 7)).reshape(len(x), -1)


def log_prob(vae: VAE, points: Tensor) -> Tensor:
    """Return log p of points by a hundred draws, always the same."""
    return vae.importance_log_prob(points, 100, torch.Generator().manual_seed(1))


@torch.no_grad()
def strangeness(
    points: Tensor, model: VAE, flipped: VAE, pixels: anomalies.IndependentPixels, reference: Tensor
) -> list[Tensor]:
    """Return the scores of points in the order of `runs.ANOMALY_MEASURES`."""
    log_p, compressed = log_prob(model, points), anomalies.compressed_log_prob(points)
    return [
        -log_p,
        anomalies.reconstruction_score(model, points),
        anomalies.elbo_score(model, points, 5, torch.Generator().manual_seed(2)),
        anomalies.ratio_score(log_p, pixels.log_prob(points)),
        anomalies.ratio_score(log_p, log_prob(flipped, points)),
        anomalies.ratio_score(log_p, compressed),
        anomalies.typicality_score(log_p, reference),
        compressed,
    ]


def compare_alarms(seed: int) -> Rows:
    """Return the `ANOMALY_MEASURES` of one seed by strangers; the detector has never seen a 1, for "eights" an 8."""
    rows = {}
    for left_out in (1, 8):
        x, kinds, unseen, unseen_kinds = black_digits()
        known, usual = x[kinds != left_out], unseen[unseen_kinds != left_out]
        model, pixels = detector(left_out, seed), anomalies.IndependentPixels(known)
        corrupted = anomalies.flip(known, 0.1, torch.Generator().manual_seed(seed))
        flipped = VAE(784, 10, (200,), seed=seed).start_at_mean(corrupted)
        settings = {"epochs": 12, "batch_size": 200, "learning_rate": 1e-2, "seed": seed}
        train_quietly(flipped, flipped.loss, corrupted, **settings)
        judges = model, flipped, pixels, log_prob(model, usual[::2])
        usual = usual[1::2]
        strangers = {"eights": unseen[unseen_kinds == 8]}
        if left_out == 1:
            strangers = {
                "ones": unseen[unseen_kinds == 1],
                "shrunk": shrunk(usual),
                "sprites": torch.tensor(sprites(200, side=28, antialiased=False, fixed={"scale": 0}).images),
                "upside down": usual.flip(1),
                "noise": pixels.sample(200, torch.Generator().manual_seed(seed)),
            }
        of_usual = strangeness(usual, *judges)
        for name, points in strangers.items():
            of_strangers = strangeness(points, *judges)
            labels = torch.cat([torch.zeros(len(usual)), torch.ones(len(points))]).long()
            pairs = zip(of_usual, of_strangers, strict=True)
            areas = [area_under_curve(labels, torch.cat(pair)) for pair in pairs]
            rows[name] = [*areas, -of_usual[0].mean().item(), -of_strangers[0].mean().item()]
    return rows


# --- invented training data -------------------------------------------------------------------------------------------


def conditional(x: Tensor, kinds: Tensor, epochs: int, seed: int) -> ConditionalVAE:
    """Return a conditional VAE of pictures x (N, 784) and their labels."""
    model = ConditionalVAE(784, 10, 10, (200,), seed=seed).start_at_mean(x)
    settings = {"epochs": epochs, "batch_size": 200, "learning_rate": 5e-3, "seed": seed}
    return train_quietly(model, model.loss, (x, kinds), **settings)


def accuracy(x: Tensor, kinds: Tensor, more: tuple[Tensor, Tensor] | None, seed: int, taken: int = 32) -> float:
    """Return a classifier's accuracy on test digits after 500 updates; of each batch of 64 so many are from `more`."""
    model = classifier((100,), seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    draws = torch.Generator().manual_seed(seed)
    for _ in range(500):
        parts = [(x, kinds, 64)] if more is None else [(x, kinds, 64 - taken), (*more, taken)]
        rows = [torch.randint(len(part[0]), (part[2],), generator=draws) for part in parts]
        batch = torch.cat([part[0][chosen] for part, chosen in zip(parts, rows, strict=True)])
        labels = torch.cat([part[1][chosen] for part, chosen in zip(parts, rows, strict=True)])
        optimiser.zero_grad()
        F.cross_entropy(model(batch), labels).backward()
        optimiser.step()
    *_, test, test_kinds = data.large_digits()
    with torch.no_grad():
        return (model(test).argmax(1) == test_kinds).double().mean().item()


@functools.cache
def generator_of_all() -> ConditionalVAE:
    """Return a conditional VAE of all 6000 labelled digits, the same for all seeds."""
    return conditional(*data.large_digits()[:2], 55, 0)


def compare_augmentation(seed: int) -> Rows:
    """Return the accuracy for each of `runs.WAYS`, with five real digits of each kind chosen by the seed."""
    x, kinds, test, test_kinds = data.large_digits()
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    few = torch.cat([order[kinds[order] == kind][:5] for kind in range(10)])
    real, labels = x[few], kinds[few]
    generator = torch.Generator().manual_seed(1000 + seed)
    wanted = torch.arange(10).repeat(100)
    copies = jitter(real.repeat(20, 1), generator), labels.repeat(20)
    early, late = (
        (conditional(real, labels, updates, seed).sample_means(wanted, generator), wanted) for updates in (400, 1600)
    )
    from_all = generator_of_all().sample_means(wanted, generator), wanted
    both = tuple(torch.cat(pair) for pair in zip(copies, late, strict=True))
    with torch.no_grad():
        codes, test_codes = (digit_vae(0).encode((part >= 0.5).float())[0].numpy() for part in (real, test))
    linear = LogisticRegression(max_iter=2000).fit(codes, labels)
    results = [
        accuracy(real, labels, None, seed),
        accuracy(real, labels, copies, seed),
        accuracy(real, labels, copies, seed, 16),
        accuracy(real, labels, early, seed),
        accuracy(real, labels, late, seed),
        accuracy(real, labels, both, seed),
        accuracy(real, labels, from_all, seed),
        linear.score(test_codes, test_kinds),
        accuracy(x, kinds, None, seed),
    ]
    return {name: [value] for name, value in zip(runs.WAYS, results, strict=True)}


# --- files ------------------------------------------------------------------------------------------------------------


def write(file: str, arrays: dict[str, Tensor], more: dict[str, str]) -> None:
    """Write one file with its provenance, and print what data/README.md says of it."""
    provenance = {
        "command": COMMAND,
        "data": f"mnist_small.npz, sha256 {data._MNIST_SMALL_SHA256}; points and sprites drawn by the course",
        "torch": torch.__version__,
    }
    content = save(arrays, provenance | more)
    (FOLDER / file).write_bytes(content)
    print(f"| {file} | {len(content)} | {hashlib.sha256(content).hexdigest()} |", flush=True)


def kept_tables() -> dict[str, Tensor]:
    """Return the tables that are in the folder data already."""
    path = FOLDER / runs.RUNS
    if not path.is_file():
        return {}
    return load(path.read_bytes())  # not mapped from the file, which is written anew


def main(wanted: list[str]) -> None:
    """Measure the parts that were asked for, or all."""
    if unknown := set(wanted) - set(PARTS):
        raise SystemExit(f"there is no part {sorted(unknown)[0]!r}: choose from {', '.join(PARTS)}")
    torch.set_num_threads(1)  # to networks this small a second one costs more than it brings
    compare = {
        "ring": compare_on_ring,
        "digits": compare_on_digits,
        "anomalies": compare_alarms,
        "augmentation": compare_augmentation,
    }
    tables = kept_tables()
    for part in wanted or PARTS:
        tables = {name: table for name, table in tables.items() if not name.startswith(f"{part} ")}
        start = time.process_time()
        rows = [compare[part](seed) for seed in range(PARTS[part])]
        tables |= {f"{part} {name}": torch.tensor([row[name] for row in rows]) for name in rows[0]}
        columns = {
            "rows": "seeds, from 0",
            "columns of ring and digits": ", ".join(runs.RIVAL_MEASURES),
            "columns of anomalies": ", ".join(runs.ANOMALY_MEASURES),
            "column of augmentation": "accuracy",
        }
        write(runs.RUNS, {name: table.float().contiguous() for name, table in sorted(tables.items())}, columns)
        print(f"{part}: {time.process_time() - start:.0f} seconds", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
