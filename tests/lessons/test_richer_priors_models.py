"""Lesson 15's room: its data, its models before training, and the runs that were recorded."""

import math

import numpy as np
import pytest
import torch

from course_utils.lessons import richer_priors as lesson
from course_utils.lessons.richer_priors import models
from course_utils.models.priors import FullMixturePrior, MixturePrior, StandardPrior, VampPrior
from course_utils.workshop.data import data_file


def test_black_digits_are_ink_or_paper():
    x, labels, test_x, test_labels = lesson.black_digits()
    for images, kinds in ((x, labels), (test_x, test_labels)):
        assert set(images.unique().tolist()) == {0.0, 1.0} and len(images) == len(kinds)


def test_the_models_of_lesson_08_come_with_the_course():
    for model in (lesson.lesson_08_vae(), lesson.lesson_08_autoencoder()):
        assert model.latent_dim == 10 and model.data_dim == 784


@pytest.mark.parametrize(
    ("kind", "size", "prior"),
    [
        ("standard", 0, StandardPrior),
        ("mixture", 5, MixturePrior),
        ("vamp", 5, VampPrior),
        ("vamp from noise", 5, VampPrior),
    ],
)
def test_models_to_compare_have_the_same_network_and_the_prior_asked_for(kind, size, prior):
    model, standard = lesson.untrained_vae(kind, size, 1), lesson.untrained_vae(seed=1)
    assert isinstance(model.prior, prior)
    assert torch.equal(model.encoder[0].weight, standard.encoder[0].weight)
    if kind == "vamp":
        x = lesson.black_digits()[0]
        assert all((x == row).all(1).any() for row in model.prior.pseudo_inputs.detach())


def test_the_wider_network_has_as_many_parameters_as_a_hundred_pseudo_inputs_add():
    wide, vamp = (
        sum(parameter.numel() for parameter in lesson.untrained_vae(*kind).parameters())
        for kind in (("wide", 0), ("vamp", 100))
    )
    assert wide == vamp


@pytest.mark.parametrize("start", lesson.STARTS)
def test_every_start_gives_a_mixture_of_ten_classes(start, monkeypatch):
    x, labels, unseen, _ = lesson.split_digits()
    few = models.Task(x[:60], labels[:60], unseen, models.task("8×8").options, 16, 30, 4)
    monkeypatch.setattr(models, "task", lambda data: few)
    model = models.cluster_vae.__wrapped__.__wrapped__(start, 0, "8×8", False)
    assert isinstance(model.prior, MixturePrior) and math.isfinite(model.elbo(unseen).mean().item())
    clusters = lesson.clusters_of(model, few.x)
    assert clusters.shape == (60,) and set(clusters.tolist()) <= set(range(10))
    assert torch.equal(clusters, lesson.clusters_of(model, few.x))


def test_a_warm_up_ends_at_the_whole_kl_term():
    weights = []

    class Watched:
        def loss(self, x, beta):
            weights.append(beta)

    loss = models._warming(Watched(), 4)
    for _ in range(6):
        loss(None)
    assert weights == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


def test_draws_of_one_class_lie_where_the_class_does():
    model = lesson.untrained_vae()
    model.prior = FullMixturePrior(10, 3, spread=4.0)
    with torch.no_grad():
        model.prior.factor.copy_(0.3 * torch.randn(3, 10, 10, generator=torch.Generator().manual_seed(0)))
        z = lesson.class_draws(model, 1, 4000)
        factor = model.prior.precision_factors()[1]
    covariance = torch.linalg.inv(factor.T @ factor)
    assert (z.mean(0) - model.prior.mean[1]).abs().max() < 5 * (covariance.diagonal().max() / 4000) ** 0.5
    torch.testing.assert_close(torch.cov(z.T), covariance, rtol=0.15, atol=0.15 * float(covariance.diagonal().max()))


def test_recorded_runs_hold_what_the_lesson_reads():
    runs = lesson.prior_runs()
    assert all(tuple(run) == lesson.PRIOR_MEASURES for run in runs.values())
    assert all(np.isfinite(list(run.values())).all() and len(run["clear"]) == 3 for run in runs.values())
    for data, seeds in (("8×8", 10), ("28×28", 3)):
        ways = lesson.cluster_runs(data)
        assert {f"VAE, mixture {start}" for start in lesson.STARTS} < set(ways)
        for run in ways.values():
            assert tuple(run) == lesson.CLUSTER_MEASURES and len(run["accuracy"]) == seeds
            assert ((run["accuracy"] > 0) & (run["accuracy"] <= 1)).all()


@pytest.mark.parametrize("file", [models.PRIOR_RUNS, models.CLUSTER_RUNS])
def test_recorded_runs_say_whence_they_are(file):
    from safetensors import safe_open

    with safe_open(data_file(file), framework="np") as content:
        words = content.metadata()
    assert words["command"] == "python tools/train_priors_lesson.py"
    assert words["columns"].split(", ") == list(
        models.PRIOR_MEASURES if file == models.PRIOR_RUNS else models.CLUSTER_MEASURES
    )
