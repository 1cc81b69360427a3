import math
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import assert_rejected
from sklearn.metrics import roc_auc_score, roc_curve

from course_utils.models import anomalies
from course_utils.models.anomalies import (
    IndependentPixels,
    alarm_curve,
    alarm_rates,
    compressed_log_prob,
    elbo_score,
    flip,
    log_prob_score,
    ratio_score,
    reconstruction_score,
    threshold_for,
    typicality_score,
)
from course_utils.models.graphs import area_under_curve
from course_utils.models.vae import VAE


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def bits(rows=12, columns=8, seed=0, share=0.4):
    return (torch.rand(rows, columns, generator=generator(seed)) < share).float()


# --- scores


def test_scores_of_a_model_are_its_own_numbers_turned_round():
    model, x = VAE(8, 2, (6,), seed=1), bits()
    torch.testing.assert_close(elbo_score(model, x, 3, generator()), -model.elbo(x, 3, generator()).detach())
    torch.testing.assert_close(log_prob_score(model, x, 9, generator()), -model.importance_log_prob(x, 9, generator()))
    ink = model.decode(model.encode(x)[0]).detach()
    expected = -(x * ink.log() + (1 - x) * (1 - ink).log()).sum(1)
    torch.testing.assert_close(reconstruction_score(model, x), expected)


def scores_by_hand(module):
    log_p, background = torch.tensor([-100.0, -60.0, -140.0]), torch.tensor([-200.0, -50.0, -150.0])
    assert module.ratio_score(log_p, background).tolist() == [-100, 10, -10]
    assert module.typicality_score(log_p, torch.tensor([-90.0, -110.0])).tolist() == [0, 40, 40]


def test_ratio_and_typicality_by_hand():
    scores_by_hand(anomalies)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("return background_log_prob - log_prob", "return log_prob - background_log_prob"),
        ("(log_prob - reference_log_prob.mean()).abs()", "(log_prob - reference_log_prob.mean())"),
        ("(log_prob - reference_log_prob.mean()).abs()", "(log_prob - reference_log_prob.max()).abs()"),
    ],
)
def test_other_scores_are_rejected(right, wrong):
    assert_rejected(anomalies, right, wrong, scores_by_hand)


def test_the_ratio_forgets_what_both_know():
    """Pixels that model and background describe alike add nothing to the ratio, however improbable they are."""
    x, strange = bits(20, 8), bits(20, 8)
    strange[:, :4] = 1 - strange[:, :4]
    background = IndependentPixels(bits(200, 8, seed=3))
    shared = background.log_prob(x)
    torch.testing.assert_close(ratio_score(shared, shared), torch.zeros(20))
    torch.testing.assert_close(ratio_score(shared - 5, shared), torch.full((20,), 5.0))


# --- backgrounds


def test_independent_pixels_are_bernoullis():
    x = bits(50, 6, share=0.2)
    x[:, 0] = 0
    background = IndependentPixels(x, smoothing=2)
    expected = (x.sum(0) + 1) / 52
    torch.testing.assert_close(background.probabilities, expected)
    torch.testing.assert_close(
        background.log_prob(x), torch.distributions.Bernoulli(expected).log_prob(x).sum(1), rtol=1e-4, atol=1e-4
    )
    samples = background.sample(20_000, generator())
    torch.testing.assert_close(samples.mean(0), expected, atol=0.015, rtol=0)


def test_the_background_is_a_distribution():
    every = torch.tensor([[float(bit) for bit in f"{number:05b}"] for number in range(32)])
    assert IndependentPixels(bits(9, 5)).log_prob(every).exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_flips_are_as_many_as_asked_for():
    x = bits(400, 100)
    assert torch.equal(flip(x, 0.0, generator()), x)
    changed = (flip(x, 0.3, generator()) != x).float().mean().item()
    assert changed == pytest.approx(0.15, abs=0.01)  # half of the replaced pixels get what they were
    assert flip(x, 1.0, generator()).mean().item() == pytest.approx(0.5, abs=0.01)


def test_the_compressor_counts_bits():
    x = bits(5, 64)
    lengths = [len(zlib.compress(np.packbits(row.numpy().astype(np.uint8)).tobytes(), 9)) for row in x]
    expected = [-8 * length * math.log(2) for length in lengths]
    np.testing.assert_allclose(compressed_log_prob(x), expected, rtol=1e-6)
    blank, noise = torch.zeros(1, 784), bits(1, 784, share=0.5)
    assert compressed_log_prob(blank) > compressed_log_prob(noise) + 300


# --- alarms


def table(seed=0, size=60, levels=7):
    """Labels and scores with many ties."""
    rng = np.random.default_rng(seed)
    labels = np.append(rng.integers(0, 2, size), [0, 1])
    return labels, rng.integers(0, levels, size + 2) + labels


def curve_is_scikit_learns(module):
    for seed in range(4):
        labels, scores = table(seed)
        curve = module.alarm_curve(labels, scores)
        false_alarms, detections, thresholds = roc_curve(labels, scores, drop_intermediate=False)
        np.testing.assert_allclose(curve.false_alarms, false_alarms)
        np.testing.assert_allclose(curve.detections, detections)
        np.testing.assert_array_equal(curve.thresholds, thresholds)


def test_the_curve_and_its_area_are_scikit_learns():
    curve_is_scikit_learns(anomalies)
    for seed in range(4):
        labels, scores = table(seed)
        curve = alarm_curve(labels, scores)
        area = np.trapezoid(curve.detections, curve.false_alarms)
        assert area == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
        assert area_under_curve(labels, scores) == pytest.approx(area, abs=1e-12)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("order = (-scores).argsort(", "order = scores.argsort("),
        ("usual = last + 1 - anomalies", "usual = last + 1"),
        ("np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)", "np.arange(len(scores))"),
    ],
)
def test_other_curves_are_rejected(right, wrong):
    assert_rejected(anomalies, right, wrong, curve_is_scikit_learns)


def test_the_two_errors_by_hand():
    labels, scores = [0, 0, 0, 0, 1, 1], [1.0, 2.0, 3.0, 4.0, 3.0, 9.0]
    assert alarm_rates(labels, scores, 3.0) == (0.25, 0.5)  # at the threshold there is no alarm
    assert alarm_rates(labels, scores, 0.0) == (1.0, 0.0)
    assert alarm_rates(labels, scores, 9.0) == (0.0, 1.0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-5, 5), min_size=1, max_size=30), st.floats(0.01, 0.99))
def test_a_threshold_keeps_its_promise_and_a_lower_one_would_not(scores, share):
    scores = np.array(scores, dtype=float)
    threshold = threshold_for(scores, share)
    assert threshold in scores and (scores > threshold).mean() <= share + 1e-12
    lower = scores[scores < threshold]
    if len(lower):
        assert (scores > lower.max()).mean() > share - 1e-12


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: threshold_for([1.0, 2.0], 0.0), "between 0 and 1"),
        (lambda: threshold_for([1.0, 2.0], 1.0), "between 0 and 1"),
        (lambda: threshold_for([], 0.1), "usual_scores"),
        (lambda: alarm_curve([0, 0], [1.0, 2.0]), "0, usual, and 1, strange"),
        (lambda: alarm_curve([0, 1], [1.0, math.nan]), "scores"),
        (lambda: alarm_rates([0, 1], [1.0, 2.0], math.nan), "threshold"),
        (lambda: ratio_score(torch.zeros(3), torch.zeros(4)), "same points"),
        (lambda: typicality_score(torch.zeros(3), torch.zeros(0)), "one number a data point"),
        (lambda: typicality_score([0.0], torch.zeros(2)), "torch tensor"),
        (lambda: IndependentPixels(torch.zeros(3, 2), smoothing=0), "smoothing"),
        (lambda: IndependentPixels(torch.full((3, 2), 2.0)), r"lie in \[0, 1\]"),
        (lambda: IndependentPixels(torch.zeros(3, 2)).log_prob(torch.zeros(3, 4)), "2 features"),
        (lambda: flip(torch.zeros(3, 2), 1.5), "share"),
        (lambda: compressed_log_prob(torch.full((2, 8), 0.5)), "black and white"),
    ],
)
def test_what_is_not_as_described_is_refused_in_words(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()
