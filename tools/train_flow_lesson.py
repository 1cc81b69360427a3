"""Train what lesson 14 shows trained: planar flows fitted to its four potentials.

    python tools/train_flow_lesson.py

Sixty flows, of 2, 8 and 32 layers, are written to the folder data with their provenance; data/README.md then needs the
size and the checksum that are printed. It takes about half a minute. The lesson trains flows of 8 layers in front of
the reader.
"""

import hashlib
import sys
from pathlib import Path

import torch
from safetensors.torch import save

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))  # works from a fresh checkout, before anything is installed

from course_utils.lessons.richer_posteriors import models  # noqa: E402

FOLDER = ROOT / "data"
COMMAND = f"python tools/{Path(__file__).name}"
FLOWS = "planar_flows.safetensors"


def keep_flows(folder: Path = FOLDER, steps: int = 1000) -> Path:
    """Train the flows, side by side where they have as many layers, and write them."""
    torch.set_num_threads(1)
    arrays = {}
    for layers in models.LAYERS:
        fits = models.fit_planar(list(models.POTENTIALS.values()), layers, steps=steps)
        for name in ("mean", "log_scale", "u", "w", "b"):
            arrays[f"{name}_{layers}"] = getattr(fits, name).contiguous()
    provenance = {
        "command": COMMAND,
        "data": "none: the four potentials of Rezende and Mohamed (2015)",
        "seed": "0 to 4 for the starts, 14 for the draws",
        "training": f"steps {steps}, 128 draws a step, learning_rate 0.03, schedule one_cycle, with a warm-up",
        "torch": torch.__version__,
    }
    path = Path(folder) / FLOWS
    path.write_bytes(save(arrays, provenance))
    return path


def main() -> None:
    """Train everything, write the file, and print what data/README.md says of it."""
    path = keep_flows()
    content = path.read_bytes()
    print(f"| {path.name} | {len(content)} | {hashlib.sha256(content).hexdigest()} |")


if __name__ == "__main__":
    main()
