import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.workshop import training
from course_utils.workshop.training import History, Trainer, TrainingError, train_quietly


def regression(rows=60, seed=0):
    """Return inputs (N, 3) and targets (N, 1) that depend on them linearly, with noise, in float64."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(rows, 3, generator=generator, dtype=torch.float64)
    truth = torch.tensor([[1.0], [-2.0], [0.5]], dtype=torch.float64)
    return inputs, inputs @ truth + 0.1 * torch.randn(rows, 1, generator=generator, dtype=torch.float64)


def linear(seed=0):
    torch.manual_seed(seed)
    return nn.Linear(3, 1, bias=False, dtype=torch.float64)


def squared_error(model):
    return lambda inputs, targets: (model(inputs) - targets).square().mean()


def noisy(model):
    """A loss that draws, as a VAE's does."""

    def loss(inputs, targets):
        noise = torch.randn_like(targets)
        return {
            "fit": (model(inputs) - targets - 0.1 * noise).square().mean(),
            "size": 0.01 * model.weight.square().sum(),
        }

    return loss


def weights(model):
    return model.weight.detach().clone()


def trainer_for(model, loss=noisy, **options):
    return Trainer(model, loss(model), regression(), **{"epochs": 6, "batch_size": 16, "seed": 3} | options)


# --- the fit


def test_least_squares_is_reached():
    inputs, targets = regression()
    model = linear()
    full = {"epochs": 400, "batch_size": len(inputs), "learning_rate": 0.05}
    Trainer(model, squared_error(model), (inputs, targets), **full).run()
    oracle = torch.linalg.lstsq(inputs, targets).solution
    torch.testing.assert_close(weights(model).T, oracle, rtol=0, atol=1e-6)


def test_one_batch_is_one_step_of_torchs_adam():
    inputs, targets = regression()
    model, peer = linear(), linear()
    Trainer(model, squared_error(model), (inputs, targets), epochs=3, batch_size=100, learning_rate=0.1).run()
    optimizer = torch.optim.Adam(peer.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        squared_error(peer)(inputs, targets).backward()
        optimizer.step()
    torch.testing.assert_close(weights(model), weights(peer), rtol=1e-12, atol=0)


def test_every_row_is_seen_once_an_epoch():
    seen = []
    model = linear()

    def loss(rows):
        seen.append(rows.clone())
        return model.weight.square().sum()

    Trainer(model, loss, torch.arange(50), epochs=2, batch_size=16).run()
    assert [len(rows) for rows in seen] == [16, 16, 16, 2] * 2
    first, second = torch.cat(seen[:4]), torch.cat(seen[4:])
    assert not torch.equal(first, second)
    assert torch.equal(first.sort().values, torch.arange(50)) and torch.equal(second.sort().values, torch.arange(50))


def test_the_history_is_the_mean_over_rows_not_over_batches():
    model = linear()
    optimizer = {"optimizer": lambda parameters: torch.optim.SGD(parameters, lr=0.0)}  # the weights stay
    inputs, targets = regression()
    history = Trainer(model, squared_error(model), (inputs, targets), epochs=2, batch_size=16, **optimizer).run()
    exact = squared_error(model)(inputs, targets).item()
    np.testing.assert_allclose(history.loss, [exact, exact], rtol=1e-12)


def test_terms_are_recorded_by_name_and_add_up_to_the_loss():
    history = trainer_for(linear()).run()
    assert list(history.terms) == ["fit", "size"]
    np.testing.assert_allclose(np.add(history.terms["fit"], history.terms["size"]), history.loss, rtol=1e-12)
    assert history.validation == [] and history.best_epoch == 0


@pytest.mark.parametrize(("schedule", "peaks", "end"), [("one_cycle", (6, 7, 8), 0.001), ("linear", (2,), 0.005)])
def test_a_schedule_rises_and_falls_to_almost_zero(schedule, peaks, end):
    rates = []
    model = linear()
    trainer = trainer_for(model, squared_error, schedule=schedule, learning_rate=0.1)
    trainer._optimizer.register_step_pre_hook(lambda optimizer, *_: rates.append(optimizer.param_groups[0]["lr"]))
    trainer.run()
    peak = int(np.argmax(rates))
    assert len(rates) == 24 and math.isclose(max(rates), 0.1, rel_tol=0.03)
    assert np.all(np.diff(rates[: peak + 1]) > 0) and np.all(np.diff(rates[peak:]) < 0)
    assert rates[0] < 0.01 and rates[-1] < end and peak in peaks
    if schedule == "linear":
        np.testing.assert_allclose(np.diff(rates[peak:], 2), 0, atol=1e-12)


# --- random numbers


def test_a_run_is_determined_by_its_seed():
    runs = []
    for global_seed, seed in ((0, 3), (1, 3), (0, 4)):
        model = linear()
        torch.manual_seed(global_seed)
        trainer_for(model, seed=seed).run()
        runs.append(weights(model))
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


def test_torchs_random_state_is_left_as_it_was():
    model = linear()
    torch.manual_seed(5)
    before = torch.get_rng_state()
    trainer_for(model, validation=regression(20, seed=9)).run()
    assert torch.equal(torch.get_rng_state(), before)


def test_a_run_finds_its_gradients_where_the_caller_switched_them_off():
    runs = [linear(), linear()]
    trainer_for(runs[0]).run()
    with torch.no_grad():
        trainer_for(runs[1]).run()
    assert torch.equal(*map(weights, runs))


# --- validation


def test_the_best_epoch_is_kept_and_patience_ends_the_run():
    model = linear()
    inputs, targets = regression()
    snapshots = []
    # a learning rate that grows each epoch makes the fit better first and worse later
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)

    def loss(rows, wanted):
        if not model.training:
            snapshots.append(weights(model))
            optimizer.param_groups[0]["lr"] *= 2.5
        return (model(rows) - wanted).square().mean()

    options = {"epochs": 50, "batch_size": 60, "validation": regression(30, seed=1), "patience": 3}
    history = Trainer(model, loss, (inputs, targets), optimizer=lambda _: optimizer, **options).run()
    assert history.stopped_early
    best = int(np.argmin(history.validation))
    assert history.best_epoch == best + 1 and len(history.loss) == best + 1 + 3
    assert torch.equal(weights(model), snapshots[best])
    assert not model.training


def test_the_validation_loss_is_the_exact_mean_and_uses_the_same_draws_each_time():
    model = linear()
    still = {"optimizer": lambda parameters: torch.optim.SGD(parameters, lr=0.0)}
    many = regression(2500, seed=1)  # more than one block
    history = trainer_for(model, squared_error, validation=many, **still).run()
    np.testing.assert_allclose(history.validation, squared_error(model)(*many).item(), rtol=1e-12)
    history = trainer_for(model, noisy, validation=many, **still).run()
    assert len(set(history.validation)) == 1


# --- interrupts


@pytest.mark.parametrize("schedule", ["constant", "one_cycle", "linear"])
@pytest.mark.parametrize("calls", [1, 4, 5, 9, 24])
def test_an_interrupted_run_ends_as_an_uninterrupted_one(calls, schedule):
    straight = linear()
    expected = trainer_for(straight, schedule=schedule).run()

    model, count = linear(), itertools.count(1)
    plain = noisy(model)

    def loss(*batch):
        if next(count) == calls:
            raise KeyboardInterrupt
        return plain(*batch)

    trainer = trainer_for(model, lambda _: loss, schedule=schedule)
    with pytest.raises(KeyboardInterrupt) as caught:
        trainer.run()
    assert f"goes on from epoch {(calls - 1) // 4 + 1}" in caught.value.__notes__[0]
    assert not trainer.finished
    history = trainer.run()
    assert torch.equal(weights(model), weights(straight))
    assert history == expected


def test_an_interrupt_leaves_the_weights_of_the_last_whole_epoch():
    reference = linear()
    trainer_for(reference, epochs=6, schedule="constant").run()
    model = linear()
    trainer = trainer_for(model, squared_error)
    plain, seen = trainer.loss, []

    def loss(*batch):
        if len(seen) == 10:
            raise KeyboardInterrupt
        seen.append(weights(model))
        return plain(*batch)

    trainer.loss = loss
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    assert trainer.epoch == 2
    assert torch.equal(weights(model), seen[8])  # as at the first step of the third epoch


def test_an_interrupt_keeps_the_best_weights_and_going_on_starts_from_the_last():
    options = {"validation": regression(30, seed=1), "patience": 6}
    straight = linear()
    expected = trainer_for(straight, **options).run()
    model = linear()
    trainer = trainer_for(model, **options)
    plain, count = trainer.loss, itertools.count(1)

    def loss(*batch):
        if next(count) == 18:
            raise KeyboardInterrupt
        return plain(*batch)

    trainer.loss = loss
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    assert trainer.run() == expected
    assert torch.equal(weights(model), weights(straight))


@pytest.mark.parametrize("schedule", ["constant", "one_cycle"])
def test_a_run_goes_on_from_its_checkpoint_in_another_process(schedule, tmp_path, monkeypatch):
    """As far as a new trainer can tell: it has nothing of the old one but the file."""
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    data, valid = regression(), regression(20, seed=1)
    settings = {"epochs": 6, "batch_size": 16, "learning_rate": 0.05, "schedule": schedule, "seed": 3}
    settings |= {"validation": valid, "progress": False}
    whole = linear()
    expected = Trainer(whole, noisy(whole), data, **settings).run()

    def stops(model, after):
        calls, loss = itertools.count(1), noisy(model)

        def counted(*batch):
            if next(calls) == after:
                raise KeyboardInterrupt
            return loss(*batch)

        return counted

    path = tmp_path / "run.pt"
    first = linear()
    with pytest.raises(KeyboardInterrupt):
        Trainer(first, stops(first, 15), data, **settings, checkpoint=path).run()
    second = linear(seed=9)
    run = Trainer(second, noisy(second), data, **settings, checkpoint=path)
    assert 0 < run.epoch < 6
    before = run.history.seconds
    assert run.run() == expected and torch.equal(second.weight, whole.weight)
    assert run.history.seconds > before > 0
    third = linear(seed=9)
    finished = Trainer(third, noisy(third), data, **settings, checkpoint=path)
    assert finished.finished and finished.run() == expected and torch.equal(third.weight, whole.weight)
    assert [one.name for one in tmp_path.iterdir()] == ["run.pt"]


def test_the_checkpoint_of_another_run_is_refused(tmp_path):
    path, data = tmp_path / "run.pt", regression()
    model = linear()
    Trainer(model, squared_error(model), data, epochs=2, progress=False, checkpoint=path).run()
    with pytest.raises(ValueError, match=r"another run: there epochs = 2, here 3\. Delete the file"):
        Trainer(model, squared_error(model), data, epochs=3, progress=False, checkpoint=path)
    with pytest.raises(ValueError, match=r"another run: there learning rate = 0\.001, here 0\.01"):
        Trainer(model, squared_error(model), data, epochs=2, learning_rate=0.01, checkpoint=path)
    with pytest.raises(ValueError, match="another run: there shapes of the data"):
        Trainer(model, squared_error(model), regression(50), epochs=2, progress=False, checkpoint=path)
    path.write_bytes(b"half a file")
    with pytest.raises(ValueError, match="is no checkpoint of a run: delete it"):
        Trainer(model, squared_error(model), data, epochs=2, progress=False, checkpoint=path)
    with pytest.raises(ValueError, match="there is no folder"):
        Trainer(model, squared_error(model), data, epochs=2, checkpoint=tmp_path / "none" / "run.pt")


def test_running_a_finished_run_again_changes_nothing():
    model = linear()
    trainer = trainer_for(model)
    first = trainer.run()
    after = weights(model)
    assert trainer.run() == first and torch.equal(weights(model), after)


# --- a loss that is no number


def test_nan_names_the_term_the_step_and_the_epoch_and_the_model_stays_sound():
    model = linear()
    inputs, targets = regression()
    seen = []

    def loss(rows, wanted):
        if len(seen) == 6:
            return {"fit": (model(rows) - wanted).square().mean(), "kl": model.weight.sum() * math.nan}
        seen.append(weights(model))
        return {"fit": (model(rows) - wanted).square().mean(), "kl": 0 * model.weight.sum()}

    trainer = Trainer(model, loss, (inputs, targets), epochs=5, batch_size=16)
    with pytest.raises(TrainingError, match=r"the term 'kl' of the loss is nan at step 7 \(batch 3 of epoch 2\)"):
        trainer.run()
    assert torch.equal(weights(model), seen[4])


def test_an_infinite_scalar_loss_is_named_too():
    model = linear()
    with pytest.raises(TrainingError, match=r"the loss is inf at step 1 .* the weights of the start"):
        Trainer(model, lambda rows: model.weight.sum() * 0 + math.inf, torch.zeros(4, 3), epochs=1).run()


def test_a_nan_on_the_validation_set_is_an_error():
    model = linear()

    def loss(rows):
        return model.weight.sum() * (1.0 if model.training else math.nan)

    with pytest.raises(TrainingError, match="the validation loss is NaN after epoch 1 of 2"):
        Trainer(model, loss, torch.zeros(4, 3), epochs=2, validation=torch.zeros(2, 3)).run()


# --- bad input


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"data": np.zeros((3, 3))}, TypeError, "data must be a tensor or a tuple of tensors; got ndarray"),
        ({"data": torch.zeros(0, 3)}, ValueError, r"data must have at least one row; got shape \(0, 3\)"),
        ({"data": torch.tensor(1.0)}, ValueError, r"data must have at least one row; got shape \(\)"),
        ({"data": torch.full((2, 3), math.nan)}, ValueError, "data must be finite"),
        ({"data": (torch.zeros(3), torch.zeros(2))}, ValueError, r"the same number of rows; got \[2, 3\]"),
        ({"validation": [1.0]}, TypeError, "validation must be a tensor or a tuple of tensors; got list"),
        ({"epochs": 0}, ValueError, "epochs must be at least 1; got 0"),
        ({"epochs": 2.5}, TypeError, "epochs must be an integer"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"learning_rate": -1.0}, ValueError, "learning_rate must be positive"),
        ({"schedule": "cosine"}, ValueError, "schedule must be one of 'constant', 'one_cycle', 'linear'; got 'cosine'"),
        ({"patience": 2}, ValueError, "patience needs a validation set"),
        ({"seed": -1}, ValueError, "seed must not be negative"),
        ({"model": nn.ReLU()}, ValueError, "model has no parameters that require a gradient"),
    ],
)
def test_arguments_are_checked(change, error, message):
    model = change.pop("model", linear())
    data = change.pop("data", torch.zeros(4, 3))
    with pytest.raises(error, match=message):
        Trainer(model, squared_error(model), data, **{"epochs": 1} | change)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (1.5, TypeError, "the loss must be a tensor with a gradient; got float"),
        (torch.ones(3, requires_grad=True), ValueError, r"the loss must be a single number.*got shape \(3,\)"),
        ({"kl": torch.ones(2)}, ValueError, r"the term 'kl' of the loss must be a single number"),
        ({}, ValueError, "the loss has no terms"),
    ],
)
def test_the_value_of_the_loss_is_checked(value, error, message):
    model = linear()
    with pytest.raises(error, match=message):
        Trainer(model, lambda rows: value, torch.zeros(4, 3), epochs=1).run()


def test_a_history_starts_empty():
    assert trainer_for(linear()).history == History()


def test_the_progress_bar_goes_away_and_can_be_switched_off(capsys, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    trainer_for(linear(), progress=False).run()
    trainer_for(linear(), progress=True).run()  # faster than the delay after which a bar appears
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_the_progress_bar_is_left_to_tqdm_unless_switched_off(monkeypatch):
    import tqdm.auto

    asked, bar = [], tqdm.auto.tqdm
    monkeypatch.setattr(tqdm.auto, "tqdm", lambda **options: asked.append(options) or bar(**options))
    for progress in (True, False):
        trainer_for(linear(), progress=progress).run()
    assert "disable" not in asked[0]  # or the environment variable TQDM_DISABLE would not count
    assert asked[1]["disable"]


def test_training_quietly_is_training_with_one_cycle():
    torch.manual_seed(0)
    data = torch.randn(40, 3)
    models = [nn.Linear(3, 1) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    losses = [lambda x, m=model: (m(x) - x.sum(1, keepdim=True)).square().mean() for model in models]
    settings = {"epochs": 5, "batch_size": 16, "learning_rate": 2e-2, "seed": 3}
    assert train_quietly(models[0], losses[0], data, **settings) is models[0]
    Trainer(models[1], losses[1], data, **settings, schedule="one_cycle", progress=False).run()
    torch.testing.assert_close(models[0].weight, models[1].weight, rtol=0, atol=0)
