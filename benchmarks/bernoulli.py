"""A VAE with Bernoulli latents on fixed binarised MNIST: the benchmark `gumbel` with a choice of two in each latent."""

from __future__ import annotations

from benchmarks import Report, gumbel


def run() -> Report:
    """Do what `gumbel` does with 200 Bernoulli latents."""
    return gumbel.run(gumbel.BERNOULLI)
