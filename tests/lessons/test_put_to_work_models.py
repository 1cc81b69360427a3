"""Lesson 16's room: its data, the square that hides, the GAN on a line, and the two drawings."""

import numpy as np
import pytest
import torch
from scipy import integrate

from course_utils.lessons import put_to_work as lesson
from course_utils.lessons.put_to_work import models


def test_black_digits_are_ink_or_paper():
    x, labels, test_x, test_labels = lesson.black_digits()
    for images, kinds in ((x, labels), (test_x, test_labels)):
        assert set(images.unique().tolist()) == {0.0, 1.0} and len(images) == len(kinds)


def test_small_digits_are_split_once():
    train, test = lesson.split_digits()
    assert train.shape == (1500, 64) and test.shape == (297, 64)
    assert train.min() >= 0 and train.max() <= 1


@pytest.mark.parametrize(("row", "column", "size", "count"), [(14, 14, 6, 36), (1, 14, 4, 12), (27, 27, 4, 9)])
def test_a_square_hides_what_lies_in_the_picture(row, column, size, count):
    seen = lesson.square(row, column, size).reshape(28, 28)
    hidden = (~seen).nonzero()
    assert len(hidden) == count
    assert (hidden.min(0).values >= torch.tensor([row - size // 2, column - size // 2]).clamp(min=0)).all()
    assert (hidden.max(0).values - hidden.min(0).values < size).all()


def test_the_model_with_two_latents_comes_with_the_course():
    model = lesson.plane_vae()
    assert model.latent_dim == 2 and next(model.parameters()).dtype == torch.float64


def test_a_detector_is_trained_on_all_kinds_but_one(monkeypatch):
    given = []
    monkeypatch.setattr(models, "_trained", lambda x, seed: given.append(x))
    models.detector.__wrapped__.__wrapped__(3, 0)
    x, kinds, _, _ = lesson.black_digits()
    assert torch.equal(given[0], x[kinds != 3])


def test_the_humps_are_a_density_from_which_points_are_drawn():
    humps = lesson.LineData(weights=(0.25, 0.75))
    assert integrate.quad(humps.density, -6, 6, points=(-2, 2))[0] == pytest.approx(1, abs=1e-6)
    x = humps.sample(20_000, 0)[:, 0]
    assert (x < 0).double().mean().item() == pytest.approx(0.25, abs=0.015)
    assert x[x > 0].mean().item() == pytest.approx(2, abs=0.02)
    assert x[x > 0].std().item() == pytest.approx(0.4, abs=0.02)


@pytest.mark.parametrize("ahead", [False, True])
def test_a_gan_on_a_line_is_kept_at_each_stage(ahead, monkeypatch):
    monkeypatch.setattr(models, "LINE_STEPS", (0, 3, 5))
    monkeypatch.setattr(models, "HEAD_START", 20)
    with torch.no_grad():  # as an explorer asks for it
        stages = models.line_gan.__wrapped__.__wrapped__("minimax", ahead, 1)
    assert len(stages) == 3
    generators = [stage.generator[0].weight for stage in stages]
    judges = [stage.discriminator[0].weight for stage in stages]
    assert not torch.equal(generators[0], generators[1]) and not torch.equal(judges[1], judges[2])
    first = models.GAN(1, 1, (32,), seed=1)
    assert torch.equal(generators[0], first.generator[0].weight)
    assert torch.equal(judges[0], first.discriminator[0].weight) != ahead


@pytest.mark.parametrize("draw", [lesson.uses, lesson.course_map])
def test_drawings_name_all_that_they_show(draw):
    drawing = draw()
    gids = [artist.get_gid() for axes in drawing.figure.axes for artist in axes.get_children()]
    named = [gid for gid in gids if gid and gid.startswith("box:")]
    assert len(named) == len(set(named)) >= 14 and len(drawing.alt) > 200


def test_the_map_of_the_course_has_every_part_and_question():
    words = lesson.course_map().alt
    for part in ("Estimate", "Approximate", "Generate", "Extend", "Put to work"):
        assert part in words
    assert np.all([question in words for question in ("posterior", "gradient", "gap")])
