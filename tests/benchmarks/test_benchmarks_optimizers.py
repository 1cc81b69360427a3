"""Muon and AdamW side by side: each has its own parameters, a schedule moves both, and nothing is lost on the way."""

import pytest
import torch

from benchmarks.optimizers import Muon, Together, muon, orthogonal_factor
from course_utils.models.vae import VAE
from course_utils.workshop.training import Trainer


def data():
    generator = torch.Generator().manual_seed(0)
    prototypes = torch.bernoulli(torch.full((4, 20), 0.5), generator=generator)
    return prototypes[torch.randint(4, (400,), generator=generator)]


def trainer(make, **options):
    model = VAE(20, 3, (8,), activation="tanh", seed=0).start_at_mean(data())
    settings = {"epochs": 30, "batch_size": 50, "learning_rate": 1e-2, "schedule": "linear", "progress": False}
    return Trainer(model, model.loss, data(), optimizer=make(1e-2, 0.03), **settings | options)


def test_every_parameter_has_one_optimiser_and_what_is_spared_has_no_decay():
    model = VAE(20, 3, (8,), seed=0)
    parameters, spared = list(model.parameters()), model.decoder[0].weight
    made = muon(1e-2, 0.03, spared=[spared])(parameters)
    matrices, others = (part.param_groups[0]["params"] for part in made.parts)
    assert {id(one) for one in (*matrices, *others)} == {id(one) for one in parameters}
    assert len(matrices) + len(others) == len(parameters) and all(one.ndim == 2 for one in matrices)
    assert any(one is spared for one in others)
    assert [part.param_groups[0]["weight_decay"] for part in made.parts] == [0.03, 0.0]


def test_muons_step_is_the_orthogonal_factor_of_the_gradient():
    """Of the first step's gradient: momentum has nothing to add yet."""
    weight = torch.nn.Parameter(torch.zeros(6, 9))
    gradient = torch.randn(6, 9, generator=torch.Generator().manual_seed(0))
    made = muon(1.0, 0.0)([weight, torch.nn.Parameter(torch.zeros(2))])
    weight.grad = gradient.clone()
    made.step()
    left, _, right = torch.linalg.svd(gradient, full_matrices=False)
    step = -weight.detach() / (0.2 * 9**0.5)  # as long as AdamW's, by the factor of match_rms_adamw
    values = torch.linalg.svdvals(left.T @ step @ right.T)
    assert values.min() > 0.5 and values.max() < 1.3, "Newton's iteration leaves the values near one, not at it"
    assert (left.T @ step @ right.T - torch.eye(6)).abs().max() < 0.5


@pytest.mark.parametrize("shape", [(6, 9), (40, 12), (15, 15)])
def test_several_steps_are_those_of_torchs_own_but_for_its_rounding(shape):
    """Torch's works in bfloat16, of eight binary digits."""
    generator = torch.Generator().manual_seed(1)
    start, gradients = torch.randn(shape, generator=generator), torch.randn(5, *shape, generator=generator)
    mine, theirs = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    optimizers = (
        Muon([mine], 0.02, 0.1),
        torch.optim.Muon([theirs], lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
    )
    for gradient in gradients:
        for weight, optimizer in zip((mine, theirs), optimizers, strict=True):
            weight.grad = gradient.clone()
            optimizer.step()
    moved = (theirs - start).abs().max().item()
    assert (mine - theirs).abs().max().item() < 0.02 * moved


@pytest.mark.parametrize("shape", [(6, 9), (9, 6), (7, 7)])
def test_the_orthogonal_factor_is_newtons_iteration_of_the_matrix_itself(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    x = matrix / matrix.norm()
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x - 4.7750 * gram @ x + 2.0315 * gram @ gram @ x
    assert torch.allclose(orthogonal_factor(matrix), x, atol=1e-10)
    assert torch.equal(orthogonal_factor(torch.zeros(shape)), torch.zeros(shape)), "nothing to divide by"


def test_a_matrix_without_a_gradient_stays():
    weight = torch.nn.Parameter(torch.ones(3, 3))
    Muon([weight], 0.1, 0.5).step()
    assert torch.equal(weight.detach(), torch.ones(3, 3))


def test_a_run_learns_and_its_schedule_moves_all_groups():
    run = trainer(muon)
    history = run.run()
    assert history.loss[-1] < history.loss[0] - 1
    rates = [group["lr"] for group in run._optimizer.param_groups]
    assert max(rates) < 1e-3 and len(set(rates)) == 1


def test_a_run_that_was_interrupted_ends_where_one_without_a_break_does(tmp_path):
    whole = trainer(muon)
    whole.run()
    broken = trainer(muon, checkpoint=tmp_path / "run.pt")
    complete, epochs = broken._complete, []

    def stop_after_ten(*arguments):
        complete(*arguments)
        epochs.append(1)
        if len(epochs) == 10:
            broken._write_checkpoint()
            raise KeyboardInterrupt

    broken._complete = stop_after_ten
    with pytest.raises(KeyboardInterrupt):
        broken.run()
    again = trainer(muon, checkpoint=tmp_path / "run.pt")
    assert again.epoch == 10
    again.run()
    for mine, theirs in zip(again.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_groups_stay_shared_after_a_state_was_loaded():
    made = muon(1e-2, 0.03)([torch.nn.Parameter(torch.ones(3, 3)), torch.nn.Parameter(torch.ones(3))])
    made.load_state_dict(made.state_dict())
    assert isinstance(made, Together)
    for group in made.param_groups:
        group["lr"] = 0.5
    assert [part.param_groups[0]["lr"] for part in made.parts] == [0.5, 0.5]
