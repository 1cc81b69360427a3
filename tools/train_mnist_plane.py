"""Train the VAE with two latent dimensions whose plane of digits is explored in the lessons.

    python tools/train_mnist_plane.py

MNIST is read from the folder that VAE_COURSE_DATA names, or from the cache. The model, encoder included, is written to
data/mnist_plane.safetensors with its provenance; data/README.md then needs the checksum that is printed.
"""

import hashlib
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))  # works from a fresh checkout, before anything is installed

from course_utils.models.vae import VAE, save_checkpoint  # noqa: E402
from course_utils.workshop import data  # noqa: E402
from course_utils.workshop.training import Trainer  # noqa: E402

TARGET = ROOT / "data" / "mnist_plane.safetensors"
HIDDEN, SEED = (256, 128), 0
SETTINGS = {"epochs": 40, "batch_size": 128, "learning_rate": 3e-3, "schedule": "one_cycle"}


def pixels(split: str) -> torch.Tensor:
    """Return one of MNIST's splits as grey levels (N, 784) in [0, 1]."""
    return torch.from_numpy(data.mnist(split)[0].reshape(-1, 784))


def train(x: torch.Tensor, **settings: object) -> VAE:
    """Return a VAE fitted to grey levels x (N, 784), taken as the targets of a Bernoulli likelihood."""
    model = VAE(784, 2, HIDDEN, likelihood="bernoulli", activation="relu", seed=SEED).start_at_mean(x)
    Trainer(model, model.loss, x, seed=SEED, **SETTINGS | settings).run()
    return model


def main() -> None:
    """Train, measure on the test images, write the file and print what data/README.md says of it."""
    model = train(pixels("train"))
    generator = torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        elbo = torch.cat([model.elbo(part, 20, generator) for part in pixels("test").split(500)]).mean().item()
    images = "train-images-idx3-ubyte.gz"
    provenance = {
        "command": f"python tools/{Path(__file__).name}",
        "data": f"MNIST, grey levels of {images}, sha256 {data._MNIST_SHA256[images]}",
        "seed": str(SEED),
        "training": ", ".join(f"{name} {value}" for name, value in SETTINGS.items()),
        "test_elbo": f"{elbo:.2f} nats per image",
        "torch": torch.__version__,
    }
    save_checkpoint(model, TARGET, provenance)
    content = TARGET.read_bytes()
    print(f"{TARGET.relative_to(ROOT)}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")
    print(*(f"{name}: {value}" for name, value in provenance.items()), sep="\n")


if __name__ == "__main__":
    main()
