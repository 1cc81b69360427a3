import numpy as np
import pytest
import torch
from safetensors import safe_open

from course_utils.lessons.put_to_work import runs
from course_utils.lessons.put_to_work.models import black_digits, digit_vae
from course_utils.models import completion
from course_utils.models.augmentation import paired_interval
from course_utils.models.rivals import number_of_parameters
from course_utils.workshop.data import data_file

CHECKPOINTS = [f"rival_{name.lower()}.safetensors" for name in runs.RIVALS]


def test_tables_have_a_row_a_seed_and_say_where_they_are_from():
    for data in ("ring", "digits"):
        table = runs.rival_runs(data)
        assert set(table) == {"VAE", "VAE, means", "RealNVP", "GAN", "data"}
        assert all(list(row) == list(runs.RIVAL_MEASURES) for row in table.values())
        assert all(len(column) == 3 for row in table.values() for column in row.values())
        for name in runs.RIVALS:
            assert np.isfinite(table[name]["seconds"]).all()
            assert np.isnan(table[name]["log p"]).all() == (name == "GAN")
    assert all(len(row["-log p"]) == 5 for row in runs.anomaly_runs().values())
    assert set(runs.augmentation_runs()) == set(runs.WAYS)
    assert all(len(accuracies) == 10 for accuracies in runs.augmentation_runs().values())
    for file in (runs.RUNS, *CHECKPOINTS):
        with safe_open(data_file(file), framework="numpy") as kept:
            words = kept.metadata()
        assert words["command"] == "python tools/train_rivals_lesson.py"
        assert "mnist_small.npz" in words["data"] and words["torch"]


def test_what_is_a_share_lies_between_0_and_1():
    shares = [run[name] for run in runs.anomaly_runs().values() for name in runs.ANOMALY_MEASURES[:8]]
    shares += runs.augmentation_runs().values()
    for data in ("ring", "digits"):
        table = runs.rival_runs(data).values()
        shares += [row[name] for row in table for name in ("near", "precision", "recall")]
    assert all((0 <= share).all() and (share <= 1).all() for share in shares)


def test_checkpoints_are_small():
    assert sum(data_file(file).stat().st_size for file in (runs.RUNS, *CHECKPOINTS)) < 1_000_000


@pytest.mark.parametrize("data", ["ring", "digits"])
def test_rivals_have_the_same_size_within_a_tenth(data):
    untrained = runs.untrained_ring(0) if data == "ring" else runs.untrained_digits(0)
    sizes = [number_of_parameters(model) for model in untrained]
    assert max(sizes) / min(sizes) < 1.1
    recorded = [runs.rival_runs(data)[name]["parameters"][0] for name in runs.RIVALS]
    assert sizes == recorded


def test_the_checkpoint_of_the_flow_has_the_recorded_density():
    rivals, unseen = runs.digit_rivals(), runs.grey_digits()[2]
    spread = runs.spread_out(unseen, torch.Generator().manual_seed(1))
    with torch.no_grad():
        log_p = rivals.flow.log_prob(spread).mean().item()
        bound = rivals.vae.elbo(spread[:200]).mean().item()
    assert log_p == pytest.approx(runs.rival_runs("digits")["RealNVP"]["log p"][0], abs=2)
    assert bound == pytest.approx(runs.rival_runs("digits")["VAE"]["log p"][0], abs=40)


def test_samples_are_pictures_with_eight_grey_levels():
    for name in (*runs.RIVALS, "VAE, means"):
        pictures = runs.digit_samples(name, runs.digit_rivals(), 20, torch.Generator().manual_seed(0))
        levels = pictures * (runs.LEVELS - 1)
        assert pictures.shape == (20, 784) and torch.allclose(levels, levels.round(), atol=1e-5)
        assert pictures.min() >= 0 and pictures.max() <= 1
        assert 0.05 < pictures.mean() < 0.25  # real digits have 0.13


def test_spreading_out_keeps_the_level():
    levels = runs.grey_digits()[0][:50]
    assert set(levels.unique().tolist()) == set(map(float, range(runs.LEVELS)))
    assert torch.equal(runs.spread_out(levels, torch.Generator().manual_seed(0)).floor(), levels)


def test_the_density_bounds_the_probability_of_a_cell():
    """E log p(n + u) ≤ log P(n), on a line, by quadrature."""
    grid = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
    density = torch.distributions.Normal(1.2, 0.7)
    cell = (density.cdf(torch.tensor(2.0)) - density.cdf(torch.tensor(1.0))).log()
    assert density.log_prob(1 + grid).mean() < cell


def test_what_was_found_still_stands():
    """The directions that the lesson states, with room on both sides of what every seed gave."""
    alarms = runs.anomaly_runs()
    for strangers in ("ones", "shrunk"):
        assert alarms[strangers]["-log p"].max() < 0.25
        assert alarms[strangers]["typicality"].min() > 0.65
        assert alarms[strangers]["ratio to compressor"].min() > 0.85
    assert alarms["eights"]["-log p"].min() > 0.85 > alarms["eights"]["typicality"].max()
    ways = runs.augmentation_runs()
    differences = {name: paired_interval(ways[name], ways["50 real"]) for name in runs.WAYS[1:]}
    assert differences["+ jitter"].lower > 0.02 and differences["+ invented from 6000"].lower > 0.08
    assert differences["+ invented from 50, early"].upper < -0.05
    assert abs(differences["+ invented from 50"].mean) < 0.01
    digits = runs.rival_runs("digits")
    assert (digits["RealNVP"]["log p"] - digits["VAE"]["log p"]).min() > 200


def test_the_encoder_of_halves_finds_better_draws_for_the_same_model():
    unseen, upper = black_digits()[2][:40], torch.arange(784) < 392
    own, halves = (
        completion.predictive_log_prob(
            digit_vae(),
            unseen,
            upper,
            completion.importance_draws(
                digit_vae(), unseen, upper, 300, proposal=proposal, generator=torch.Generator().manual_seed(0)
            ),
        ).mean()
        for proposal in (None, runs.half_encoder())
    )
    assert halves > own + 10
