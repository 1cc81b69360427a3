import numpy as np
import pytest
import torch

from course_utils.models.planes import _spread, mosaic, plane_explorer, show_images
from course_utils.workshop.style import panels


def bars(codes):
    """Decode codes (K, 2) to 4×4 images with one row of ink, chosen by the second latent."""
    images = np.zeros((len(codes), 4, 4))
    rows = np.clip(np.floor(codes[:, 1] + 2), 0, 3).astype(int)
    images[np.arange(len(codes)), rows] = 1.0
    return images.reshape(len(codes), 16)


def test_images_are_laid_out_in_reading_order():
    images = np.arange(6)[:, None] * np.ones(4) / 10
    picture = mosaic(images, 2, 3)
    assert picture.shape == (5, 8)
    np.testing.assert_array_equal(picture[[0, 0, 0, 3, 3, 3], [0, 3, 6, 0, 3, 6]], np.arange(6) / 10)
    assert np.all(picture[2] == 0) and np.all(picture[:, [2, 5]] == 0)


def test_pixels_keep_their_places_and_a_gap_may_be_absent():
    image = np.arange(9.0)[None]
    np.testing.assert_array_equal(mosaic(image, 1, 1, gap=0), image.reshape(3, 3))
    np.testing.assert_array_equal(mosaic(torch.tensor(image), 1, 1, gap=4), image.reshape(3, 3))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((5, 4)), r"images must have shape \(6, any\)"),
        (np.zeros((6, 5)), "images must be square; got 5 pixels"),
    ],
)
def test_what_does_not_fit_is_refused(images, message):
    with pytest.raises(ValueError, match=message):
        mosaic(images, 2, 3)


def test_ink_is_dark():
    figure, axis = panels(1)
    show_images(axis, np.eye(3), "Ink")
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., 0]
    box = axis.get_window_extent()
    third = pixels[int(pixels.shape[0] - box.y1) : int(pixels.shape[0] - box.y0), int(box.x0) : int(box.x1)]
    rows, columns = third.shape
    assert third[rows // 6, columns // 6] < 10 and third[rows // 6, columns // 2] > 245


def test_the_explorer_draws_everywhere_and_says_what_it_shows():
    explorer = plane_explorer(bars, name="bars", title="Bars", extent=1.4)
    visited = explorer.sweep(random=4)
    assert len(visited) >= 6
    sentences = dict((tuple(parameters.values()), sentence) for parameters, sentence in visited)
    assert sentences[(0.0, 0.0)].startswith("z = (0.00, 0.00) decodes to a picture with 4 pixels' worth of ink")


def test_the_spread_of_a_profile_is_its_standard_deviation_and_never_zero():
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 9, size=7)
    np.testing.assert_allclose(_spread(counts), np.repeat(np.arange(7), counts).std(), rtol=1e-9)
    assert _spread(np.zeros(5)) > 0 and _spread(np.eye(5)[2]) > 0


def test_the_extent_is_checked():
    with pytest.raises(ValueError, match="extent must be positive"):
        plane_explorer(bars, name="bars", title="Bars", extent=0)
