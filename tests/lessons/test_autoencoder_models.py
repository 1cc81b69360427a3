"""What lesson 07's notebook and explorers share: printed characters, and the network with two codes."""

import numpy as np
import torch

from course_utils.lessons.autoencoders import models
from course_utils.models.autoencoders import fit_pca


def test_characters_are_printed_where_handwritten_digits_are():
    letters = models.letters().reshape(-1, 28, 28)
    assert letters.shape == (104, 28, 28)
    assert letters.min() == 0 and letters.max() <= 1
    middle = letters[:, 4:24, 4:24]
    assert np.allclose(middle.sum(axis=(1, 2)), letters.sum(axis=(1, 2)))
    for letter in middle:  # each fills its square from edge to edge in one direction, as the digits of the data do
        rows, columns = letter.max(axis=1), letter.max(axis=0)
        assert (rows[[0, -1]] > 0).all() or (columns[[0, -1]] > 0).all()


def test_digits_kept_apart_are_not_those_to_learn_from():
    rows, new, labels = models.large_digits()
    assert rows.shape == (6000, 784) and new.shape == (1000, 784) and labels.shape == (6000,)
    assert not set(map(bytes, new)) & set(map(bytes, rows))


def test_the_plane_reconstructs_new_digits_better_than_two_components():
    rows, new, _ = models.large_digits()
    with torch.no_grad():
        output = models.plane()(torch.tensor(new)).numpy()
    straight = fit_pca(rows, 2).reconstruct(new)
    assert np.square(new - output).sum(axis=1).mean() < 0.9 * np.square(new - straight).sum(axis=1).mean()
    assert models.plane() is models.plane()
