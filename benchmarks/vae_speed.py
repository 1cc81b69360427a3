"""Training time to one test loss on MNIST, against the data path and settings of the VAE in PyTorch's examples."""

from __future__ import annotations

import statistics
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks import Report, products
from course_utils.models.vae import VAE
from course_utils.workshop.data import mnist
from course_utils.workshop.training import Trainer

HIDDEN, LATENT = 400, 20
SETTINGS = {"epochs": 4, "batch_size": 128, "learning_rate": 6e-3, "schedule": "one_cycle"}
PEER_EPOCHS, PEER_BATCH, PEER_RATE = 10, 128, 1e-3
ROUNDS = 3
LOSS_BAR, SPEED_BAR = 105.6, 4.0


class Peer(nn.Module):
    """The network of pytorch/examples/vae, layer for layer: 784–400–20 with ReLU, and back."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, HIDDEN)
        self.fc21 = nn.Linear(HIDDEN, LATENT)
        self.fc22 = nn.Linear(HIDDEN, LATENT)
        self.fc3 = nn.Linear(LATENT, HIDDEN)
        self.fc4 = nn.Linear(HIDDEN, 784)

    def loss(self, x: Tensor) -> Tensor:
        """Return cross-entropy plus KL in nats, one draw of z, summed over the rows of x (N, 1, 28, 28)."""
        x = x.view(-1, 784)
        hidden = F.relu(self.fc1(x))
        mean, log_var = self.fc21(hidden), self.fc22(hidden)
        scale = torch.exp(0.5 * log_var)
        z = mean + torch.randn_like(scale) * scale
        pixels = torch.sigmoid(self.fc4(F.relu(self.fc3(z))))
        kl = -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())
        return F.binary_cross_entropy(pixels, x, reduction="sum") + kl


class Images(torch.utils.data.Dataset):
    """Images as the example's data set gives them: each goes from bytes through a PIL image to floats when asked for.

    These are the steps of torchvision's MNIST and ToTensor, which the course does not install.
    """

    def __init__(self, images: np.ndarray):
        self.images = torch.from_numpy(images)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        from PIL import Image

        picture = Image.fromarray(self.images[index].numpy())
        pixels = torch.from_numpy(np.array(picture, np.uint8, copy=True)).view(28, 28, 1)
        return pixels.permute(2, 0, 1).contiguous().to(torch.float32).div(255)


def train_peer(images: np.ndarray, epochs: int = PEER_EPOCHS, seed: int = 0) -> tuple[Peer, float]:
    """Train as the example does, on bytes (N, 28, 28), and return the model and the seconds it took."""
    torch.manual_seed(seed)
    model = Peer()
    loader = torch.utils.data.DataLoader(Images(images), batch_size=PEER_BATCH, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=PEER_RATE)
    start = time.perf_counter()
    for _ in range(epochs):
        total = 0.0
        for batch in loader:
            optimizer.zero_grad()
            loss = model.loss(batch)
            loss.backward()
            total += loss.item()
            optimizer.step()
    return model, time.perf_counter() - start


def train_ours(x: Tensor, seed: int = 0, **settings: object) -> tuple[VAE, float]:
    """Train the course's VAE with its training loop on x (N, 784), and return it and the seconds it took."""
    model = VAE(784, LATENT, (HIDDEN,), activation="relu", seed=seed)
    start = time.perf_counter()
    model.start_at_mean(x)
    Trainer(model, model.loss, x, seed=seed, progress=False, **SETTINGS | settings).run()
    return model, time.perf_counter() - start


@torch.no_grad()
def loss_of_peer(model: Peer, x: Tensor, seed: int = 0) -> float:
    """Return the example's test loss: nats per image of x (N, 784), one draw of z for each."""
    torch.manual_seed(seed)
    return sum(model.loss(batch).item() for batch in x.split(PEER_BATCH)) / len(x)


@torch.no_grad()
def loss_of_ours(model: VAE, x: Tensor, seed: int = 0) -> float:
    """Return the same of the course's VAE."""
    torch.manual_seed(seed)
    return sum(-model.elbo(batch).sum().item() for batch in x.split(PEER_BATCH)) / len(x)


def parameters(model: nn.Module) -> int:
    """Return the number of a model's parameters."""
    return sum(parameter.numel() for parameter in model.parameters())


def run() -> Report:
    """Train both in turn, several times, and compare the times and the test losses."""
    images, test = (mnist(split)[0] for split in ("train", "test"))
    as_bytes = np.rint(images * 255).astype(np.uint8)
    x, test = (torch.from_numpy(part.reshape(len(part), -1)) for part in (images, test))
    rounds = []
    for seed in range(ROUNDS):
        mine, seconds = train_ours(x, seed)
        peer, peer_seconds = train_peer(as_bytes, seed=seed)
        if parameters(mine) != parameters(peer):
            raise RuntimeError(f"the networks differ: {parameters(mine)} parameters and {parameters(peer)}")
        rounds.append((seconds, loss_of_ours(mine, test), peer_seconds, loss_of_peer(peer, test)))
    seconds, _, peer_seconds, peer_loss = (statistics.median(column) for column in zip(*rounds, strict=True))
    speed = products.torch_speed()
    weights = sum(parameter.numel() for parameter in mine.parameters() if parameter.ndim == 2)
    shares = [
        products.network_operations(weights, epochs * len(x)) / took / speed
        for epochs, took in ((SETTINGS["epochs"], seconds), (PEER_EPOCHS, peer_seconds))
    ]
    worst = max(loss for _, loss, _, _ in rounds)
    ratio = statistics.median(peer / ours for ours, _, peer, _ in rounds)
    return Report(
        setting=(
            f"MNIST's grey levels as Bernoulli targets, network 784–{HIDDEN}–{LATENT} with ReLU "
            f"({parameters(mine):,} parameters in both), {ROUNDS} runs of each in turn, {torch.get_num_threads()} "
            "threads. Test loss: nats per test image, one draw of z. The peer is a reimplementation of "
            "pytorch/examples/vae, with the steps of its data path: a DataLoader that converts each image through PIL, "
            f"batches of {PEER_BATCH}, Adam at {PEER_RATE:g}. Ours is course_utils' VAE with its training loop: "
            f"tensors in memory, batches of {SETTINGS['batch_size']}, Adam with the one-cycle schedule up to "
            f"{SETTINGS['learning_rate']:g}, the decoder's last bias started at the mean image. Reading the files and "
            "testing are not timed. Of product speed: additions and multiplications of the layers, forward and "
            f"backward, per second, as a share of the {speed / 1e9:.0f} billion that a product of two matrices of "
            f"{products.SIDE} rows reached here, in single precision and with the same threads."
        ),
        header=("how", "epochs", "training, median s", "s an epoch", "of product speed", "test loss"),
        rows=[
            (
                "ours",
                f"{SETTINGS['epochs']}",
                f"{seconds:.1f}",
                f"{seconds / SETTINGS['epochs']:.2f}",
                f"{shares[0]:.0%}",
                f"{worst:.2f}*",
            ),
            (
                "example",
                f"{PEER_EPOCHS}",
                f"{peer_seconds:.1f}",
                f"{peer_seconds / PEER_EPOCHS:.2f}",
                f"{shares[1]:.0%}",
                f"{peer_loss:.2f}",
            ),
            ("ratio", "", f"{ratio:.1f}", "", "", ""),
        ],
        bar=(
            f"test loss {worst:.2f} (*the worst of {ROUNDS}) in 1/{ratio:.1f} of the example's training time; "
            f"bar {LOSS_BAR} and 1/{SPEED_BAR:.0f}"
        ),
        passed=worst <= LOSS_BAR and ratio >= SPEED_BAR,
    )
