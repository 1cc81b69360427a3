"""Train what lesson 08 shows trained: VAEs of the 28×28 digits, an autoencoder beside them, and six VAEs of which
five are broken.

    python tools/train_vae_lesson.py

All that it needs is in the folder data already. Five models and the curves of the six are written there, each with its
provenance; data/README.md then needs the sizes and the checksums that are printed. It takes about half a minute.
"""

import hashlib
import sys
from dataclasses import fields
from pathlib import Path

import torch
from safetensors.torch import save

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))  # works from a fresh checkout, before anything is installed

from course_utils.lessons.vae import clinic, models  # noqa: E402
from course_utils.models.vae import VAE, save_checkpoint  # noqa: E402
from course_utils.workshop import data  # noqa: E402

FOLDER = ROOT / "data"
COMMAND = f"python tools/{Path(__file__).name}"
CURVES = "six_vaes.safetensors"


def measured(model: VAE, name: str) -> str:
    """Return what the record says of a model: its value on the test digits, in nats per digit."""
    test = data.large_digits()[2]
    with torch.no_grad():
        if "autoencoder" in name:
            return f"{model.log_likelihood(test, model.encode(test)[0]).mean():.2f} nats per digit, without a KL term"
        return f"{model.elbo(test, 20, torch.Generator().manual_seed(0)).mean():.2f} nats per digit"


def keep_model(model: VAE, name: str) -> Path:
    """Write a model in half precision, half the bytes and no difference to the eye, with its provenance."""
    model = model.half().float()  # what is measured is what will be read
    provenance = {
        "command": COMMAND,
        "data": f"mnist_small.npz, sha256 {data._MNIST_SMALL_SHA256}",
        "seed": "8",
        "training": f"epochs {models.LARGE_EPOCHS}, batch_size 200, learning_rate 0.01, schedule one_cycle",
        "test": measured(model, name),
        "torch": torch.__version__,
    }
    save_checkpoint(model.half(), FOLDER / name, provenance)
    return FOLDER / name


def keep_curves() -> Path:
    """Write the curves of the six VAEs, by letter, and nothing that says which of them has which fault."""
    arrays = {}
    for letter, fault in clinic._faults_of_patients().items():
        curves = clinic.trained_with(fault)
        for field in fields(curves):
            arrays[f"{letter}.{field.name}"] = torch.tensor(getattr(curves, field.name), dtype=torch.float32)
    provenance = {"command": COMMAND, "data": "scikit-learn's digits", "seed": "0", "torch": torch.__version__}
    path = FOLDER / CURVES
    path.write_bytes(save(arrays, provenance | {"epochs": str(clinic.EPOCHS)}))
    return path


def main() -> None:
    """Train everything, write the files, and print what data/README.md says of them."""
    paths = [keep_model(models.train_large_vae(size), f"large_vae_{size}.safetensors") for size in models.LARGE_SIZES]
    paths.append(keep_model(models.train_large_autoencoder(10), "large_autoencoder_10.safetensors"))
    paths.append(keep_curves())
    for path in paths:
        content = path.read_bytes()
        print(f"| {path.name} | {len(content)} | {hashlib.sha256(content).hexdigest()} |")


if __name__ == "__main__":
    main()
