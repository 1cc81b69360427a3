"""The one training loop of the course: tensors in memory, a loss with named terms, and a run that can be interrupted.

A run is described once, when the `Trainer` is made, and carried out by `Trainer.run`. It is deterministic under its
seed, leaves torch's own random state as it was, and is consistent at every moment: after an interrupt, or after a
loss that is no number, the model has the weights of the last whole epoch, and `run` goes on from there as if nothing
had happened. With a checkpoint it goes on even where the machine was switched off.
"""

from __future__ import annotations

import copy
import math
import os
import pickle
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from course_utils.workshop.validation import check_choice, check_scalar

Loss = Callable[..., Tensor | Mapping[str, Tensor]]
M = TypeVar("M", bound=nn.Module)

SCHEDULES = {"constant": None, "one_cycle": {}, "linear": {"pct_start": 0.1, "anneal_strategy": "linear"}}
"""Names of the schedules, and how each sets up torch's OneCycleLR."""


CHECKPOINT_SECONDS = 60.0
"""A checkpoint is written after an epoch that ends so long after the last one was."""


class TrainingError(ArithmeticError):
    """The loss became NaN or infinite; the message names the step, the epoch and the term."""


@dataclass
class History:
    """What a run recorded, one entry per epoch that was completed.

    Attributes
    ----------
    loss : mean training loss per data point.
    terms : the same for each named term of the loss, where it has names.
    validation : loss on the validation set, where there is one.
    best_epoch : epoch (from 1) with the smallest validation loss; 0 before the first, or without a validation set.
    stopped_early : whether the validation loss ended the run before its last epoch.
    seconds : time that `run` took, over all its calls, those before a checkpoint included.
    """

    loss: list[float] = field(default_factory=list)
    terms: dict[str, list[float]] = field(default_factory=dict)
    validation: list[float] = field(default_factory=list)
    best_epoch: int = 0
    stopped_early: bool = False
    seconds: float = field(default=0.0, compare=False)


class Trainer:
    """Fit a model's parameters by stochastic gradient descent on a loss.

    Parameters
    ----------
    model : the module whose parameters are fitted, in place.
    loss : ``loss(*batch)`` returns a scalar, or a mapping of named scalars whose sum is the loss. Either is the mean
        over the data points of the batch, so that batches of different length weigh as they should.
    data : tensor (N, …), or a tuple of tensors of equal length N; batches are rows of each.
    epochs : passes over the data.
    batch_size : rows in a batch; the last one of an epoch may be smaller.
    learning_rate : Adam's step size, or with a schedule that changes it the largest one.
    schedule : "constant", "one_cycle" (warm-up over the first 30 % of the steps, then a cosine to almost zero) or
        "linear" (warm-up over the first 10 %, then a straight line to almost zero).
    optimizer : called with the parameters, returns a torch optimiser; without it Adam with `learning_rate`.
    validation : tensor or tuple like `data`. Its loss is computed after each epoch, always with the same random
        numbers and in evaluation mode, and at the end the model gets the weights of the best epoch.
    patience : stop after so many epochs without a smaller validation loss; without it all epochs run.
    seed : for the order of the data and for every draw in the loss.
    progress : show a progress bar, which disappears at the end; the environment variable TQDM_DISABLE turns it off.
    checkpoint : file in which the run is kept, at most once a minute and at its end. Where the file is there already,
        the new trainer stands where it stood, and ends with the same weights as a run without a break.

    Raises
    ------
    TypeError, ValueError : an argument is not as described, or the checkpoint is that of another run.

    Notes
    -----
    After `run` the model is in evaluation mode. Source of the schedule: Smith and Topin, "Super-convergence" (2018).
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss,
        data: Tensor | tuple[Tensor, ...],
        *,
        epochs: int,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
        schedule: str = "constant",
        optimizer: Callable[[list[nn.Parameter]], torch.optim.Optimizer] | None = None,
        validation: Tensor | tuple[Tensor, ...] | None = None,
        patience: int | None = None,
        seed: int = 0,
        progress: bool = True,
        checkpoint: str | os.PathLike[str] | None = None,
    ):
        self.model, self.loss = model, loss
        self.data = _check_tensors("data", data)
        self.validation = None if validation is None else _check_tensors("validation", validation)
        self.epochs = check_scalar("epochs", epochs, integer=True, minimum=1)
        self.batch_size = check_scalar("batch_size", batch_size, integer=True, minimum=1)
        self.learning_rate = learning_rate = check_scalar("learning_rate", learning_rate, positive=True)
        self.patience = None if patience is None else check_scalar("patience", patience, integer=True, minimum=1)
        if self.patience is not None and self.validation is None:
            raise ValueError("patience needs a validation set to watch: pass validation=…")
        self.seed = check_scalar("seed", seed, integer=True, non_negative=True)
        self.progress = progress
        self.history = History()

        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        if not parameters:
            raise ValueError("model has no parameters that require a gradient, so there is nothing to fit")
        make = optimizer or (lambda these: torch.optim.Adam(these, lr=learning_rate, fused=True))
        self._optimizer = make(parameters)
        self._scheduler = None
        self.schedule = check_choice("schedule", schedule, tuple(SCHEDULES))
        shape = SCHEDULES[self.schedule]
        if shape is not None:
            steps = self.epochs * math.ceil(len(self.data[0]) / self.batch_size)
            self._scheduler = torch.optim.lr_scheduler.OneCycleLR(
                self._optimizer, max_lr=learning_rate, total_steps=steps + 1, cycle_momentum=False, **shape
            )
        self._random_state = torch.Generator().manual_seed(self.seed).get_state()
        self._best: dict[str, Any] | None = None
        self._whole = self._snapshot()
        self._checkpoint, self._written = None if checkpoint is None else Path(checkpoint), time.monotonic()
        if self._checkpoint is not None:
            if not self._checkpoint.parent.is_dir():
                raise ValueError(f"there is no folder {self._checkpoint.parent} for the checkpoint: make it first")
            if self._checkpoint.exists():
                self._read_checkpoint()

    @property
    def epoch(self) -> int:
        """Number of epochs completed."""
        return len(self.history.loss)

    @property
    def finished(self) -> bool:
        """Whether the run has come to its end."""
        return self.epoch >= self.epochs or self.history.stopped_early

    def run(self) -> History:
        """Train until the end of the run, from wherever it stands, and return the history.

        Raises
        ------
        KeyboardInterrupt : the run was interrupted. The model has the weights of the best epoch so far if there is
            a validation set, else those of the last whole epoch; call `run` again to go on.
        TrainingError : the loss is NaN or infinite. The model is left as after an interrupt.
        """
        from tqdm.auto import tqdm

        off = {} if self.progress else {"disable": True}  # left out, so that tqdm looks at TQDM_DISABLE
        steps = self.epochs * math.ceil(len(self.data[0]) / self.batch_size)
        done = self.epoch * math.ceil(len(self.data[0]) / self.batch_size)
        self._restore(self._whole)
        self._started = time.monotonic()
        try:
            with (
                torch.enable_grad(),  # also where the caller needs none
                torch.random.fork_rng(devices=[]),
                tqdm(total=steps, initial=done, unit="step", leave=False, delay=1, **off) as bar,
            ):
                torch.set_rng_state(self._random_state)
                while not self.finished:
                    self._run_epoch(bar)
                    if time.monotonic() - self._written >= CHECKPOINT_SECONDS or self.finished:
                        self._write_checkpoint()
        except KeyboardInterrupt as error:
            error.add_note(
                f"Training was interrupted in epoch {self.epoch + 1} of {self.epochs}. Nothing is lost: the model has "
                f"the weights of {self._kept()}, and run() of the same trainer goes on from epoch {self.epoch + 1}."
            )
            raise
        finally:
            self._restore(self._whole)
            if self._best is not None:
                self.model.load_state_dict(self._best)
            self.model.eval()
        return self.history

    def _run_epoch(self, bar: Any) -> None:
        self.model.train()
        order = torch.randperm(len(self.data[0]))
        totals: dict[str, float] = {}
        for number, rows in enumerate(order.split(self.batch_size), start=1):
            batch = tuple(tensor.index_select(0, rows) for tensor in self.data)  # several times as fast as tensor[rows]
            self._optimizer.zero_grad()
            loss, terms = _total(self.loss(*batch))
            self._check_finite(terms, number)
            loss.backward()
            self._optimizer.step()
            if self._scheduler is not None:
                self._scheduler.step()
            for name, value in terms.items():
                totals[name] = totals.get(name, 0.0) + value * len(rows)
            bar.update()
        means = {name: total / len(order) for name, total in totals.items()}
        self._complete(means, self._validation_loss())

    def _complete(self, means: dict[str, float], validation: float | None) -> None:
        """Record an epoch, in such an order that an interrupt between two lines does no harm."""
        history, now = copy.deepcopy(self.history), time.monotonic()
        history.seconds += now - self._started
        history.loss.append(sum(means.values()))
        for name, mean in means.items():
            if name:
                history.terms.setdefault(name, []).append(mean)
        best = self._best
        if validation is not None:
            if not history.validation or validation < min(history.validation):
                history.best_epoch = len(history.loss)
                best = _copy_of(self.model.state_dict())
            history.validation.append(validation)
            if self.patience is not None and len(history.loss) - history.best_epoch >= self.patience:
                history.stopped_early = True
        whole, random_state = self._snapshot(), torch.get_rng_state()
        self._whole, self._random_state, self._best, self.history = whole, random_state, best, history
        self._started = now

    @torch.no_grad()
    def _validation_loss(self) -> float | None:
        if self.validation is None:
            return None
        self.model.eval()
        total = 0.0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)  # the same draws after every epoch, so that epochs can be compared
            for batch in zip(*(tensor.split(1024) for tensor in self.validation), strict=True):
                loss, _ = _total(self.loss(*batch))
                total += loss.item() * len(batch[0])
        if math.isnan(total):
            raise TrainingError(f"the validation loss is NaN after epoch {self.epoch + 1} of {self.epochs}")
        return total / len(self.validation[0])

    def _check_finite(self, terms: dict[str, float], number: int) -> None:
        wrong = {name: value for name, value in terms.items() if not math.isfinite(value)}
        if not wrong:
            return
        name, value = next(iter(wrong.items()))
        what = f"the term {name!r} of the loss" if name else "the loss"
        step = self.epoch * math.ceil(len(self.data[0]) / self.batch_size) + number
        raise TrainingError(
            f"{what} is {value} at step {step} (batch {number} of epoch {self.epoch + 1}). The model has the weights "
            f"of {self._kept()}. Common causes: a learning rate that is too large, a log-variance without bounds, a "
            "logarithm of zero"
        )

    def _settings(self) -> dict[str, Any]:
        """What must agree between a checkpoint and the run that goes on from it."""
        return {
            "epochs": self.epochs,
            "batch size": self.batch_size,
            "learning rate": self.learning_rate,
            "schedule": self.schedule,
            "seed": self.seed,
            "patience": self.patience,
            "shapes of the data": [list(tensor.shape) for tensor in self.data],
            "shapes of the weights": {name: list(value.shape) for name, value in self.model.state_dict().items()},
        }

    def _write_checkpoint(self) -> None:
        if self._checkpoint is None:
            return
        content = {"settings": self._settings(), "history": asdict(self.history), "random state": self._random_state}
        new = self._checkpoint.with_name(f"{self._checkpoint.name}.new")
        torch.save({**content, "whole": self._whole, "best": self._best}, new)
        new.replace(self._checkpoint)  # in one step: whoever stops us now leaves the old file or the new one
        self._written = time.monotonic()

    def _read_checkpoint(self) -> None:
        try:
            kept = torch.load(self._checkpoint, weights_only=True)
            theirs = kept["settings"]
        except (RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
            raise ValueError(
                f"{self._checkpoint} is no checkpoint of a run: delete it, or name another file"
            ) from error
        for name, value in self._settings().items():
            if theirs.get(name) != value:
                raise ValueError(
                    f"the checkpoint {self._checkpoint} is that of another run: there {name} = {theirs.get(name)}, "
                    f"here {value}. Delete the file, or name another"
                )
        self.history, self._random_state = History(**kept["history"]), kept["random state"]
        self._whole, self._best = kept["whole"], kept["best"]
        self._restore(self._whole)

    def _kept(self) -> str:
        if self.epoch == 0:
            return "the start"
        return f"epoch {self.history.best_epoch or self.epoch}"

    def _snapshot(self) -> dict[str, Any]:
        parts = {"model": self.model, "optimizer": self._optimizer, "scheduler": self._scheduler}
        return {name: _copy_of(part.state_dict()) for name, part in parts.items() if part is not None}

    def _restore(self, snapshot: dict[str, Any]) -> None:
        self.model.load_state_dict(snapshot["model"])
        self._optimizer.load_state_dict(_copy_of(snapshot["optimizer"]))
        if self._scheduler is not None:
            self._scheduler.load_state_dict(_copy_of(snapshot["scheduler"]))


def train_quietly(
    model: M,
    loss: Loss,
    data: Tensor | tuple[Tensor, ...],
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float = 1e-2,
    seed: int = 0,
) -> M:
    """Train a model in place with one cycle of the step size and without a progress bar, and return it.

    The arguments are those of `Trainer`. Lessons train what their explorers show in this way, each with batches and a
    seed of its own.

    Raises
    ------
    TypeError, ValueError : an argument is not as `Trainer` describes it.
    """
    settings = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "seed": seed}
    Trainer(model, loss, data, **settings, schedule="one_cycle", progress=False).run()
    return model


def _copy_of(state: Any) -> Any:
    """Copy the tensors, mappings and lists of a state; several times as fast as `copy.deepcopy`, once an epoch."""
    if isinstance(state, Tensor):
        return state.detach().clone()
    if isinstance(state, Mapping):
        return {name: _copy_of(value) for name, value in state.items()}
    if isinstance(state, list):
        return [_copy_of(value) for value in state]
    return state


def _total(loss: Any) -> tuple[Tensor, dict[str, float]]:
    """Return the loss, and the values of its terms; a loss without names has one term called ''."""
    terms = loss if isinstance(loss, Mapping) else {"": loss}
    for name, term in terms.items():
        what = f"the term {name!r} of the loss" if name else "the loss"
        if not isinstance(term, Tensor):
            raise TypeError(f"{what} must be a tensor with a gradient; got {type(term).__name__}")
        if term.numel() != 1:
            raise ValueError(f"{what} must be a single number, the mean over the batch; got shape {tuple(term.shape)}")
    if not terms:
        raise ValueError("the loss has no terms: return a scalar tensor, or a mapping of names to scalar tensors")
    return sum(terms.values()), {name: term.item() for name, term in terms.items()}


def _check_tensors(name: str, value: Any) -> tuple[Tensor, ...]:
    tensors = value if isinstance(value, tuple) else (value,)
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name} must be a tensor or a tuple of tensors; got {type(tensor).__name__}")
        if tensor.ndim == 0 or len(tensor) == 0:
            raise ValueError(f"{name} must have at least one row; got shape {tuple(tensor.shape)}")
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise ValueError(f"{name} must be finite; it holds NaN or infinite values")
    lengths = {len(tensor) for tensor in tensors}
    if len(lengths) != 1:
        raise ValueError(f"{name} must be tensors with the same number of rows; got {sorted(lengths)}")
    return tensors
