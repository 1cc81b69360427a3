"""The controls of an explorer: sliders and choices, and the box of parameters they span.

ipywidgets is imported when a control is first displayed.
"""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from course_utils.workshop.style import check_words
from course_utils.workshop.validation import check_scalar

_MAX_CORNERS = 64


@dataclass(frozen=True)
class Slider:
    """A numeric control; whole numbers throughout make it an integer slider.

    Parameters
    ----------
    name : str
        The keyword under which ``draw`` receives the value.
    label : str
        What the reader calls it, such as "mean".
    minimum, maximum, step, value : int or float
        Range, distance of two neighbouring values, and default. With ``log=True`` the step is in
        decades: 0.1 makes each value 10**0.1 times the one before.
    symbol, unit : str
        Shown beside the label, such as "μ" and "min".
    log : bool
        Whether the slider moves on a logarithmic scale.

    Raises
    ------
    TypeError
        If a number is not a number.
    ValueError
        If the range is empty or not finite, the step is not positive, a logarithmic range is not
        positive, or the default is outside the range or between two steps.
    """

    name: str
    label: str
    _: KW_ONLY
    minimum: float
    maximum: float
    step: float
    value: float
    symbol: str = ""
    unit: str = ""
    log: bool = False

    def __post_init__(self) -> None:
        _check_labels(self)
        for key in ("minimum", "maximum", "step", "value"):
            check_scalar(f"{key} of slider {self.name!r}", getattr(self, key), positive=key == "step")
        if self.minimum >= self.maximum:
            raise ValueError(
                f"minimum of slider {self.name!r} must be below its maximum; got {self.minimum} and {self.maximum}"
            )
        if self.log and self.minimum <= 0:
            raise ValueError(f"minimum of the logarithmic slider {self.name!r} must be positive; got {self.minimum}")
        value = self.check(self.value)
        if not self.log and not math.isclose(value, self._snap(value), abs_tol=1e-9 * self.step):
            raise ValueError(
                f"value of slider {self.name!r} must be a whole number of steps ({self.step}) above "
                f"its minimum ({self.minimum}); got {self.value}"
            )

    @property
    def caption(self) -> str:
        """Label, symbol and unit in one line."""
        unit = f" ({self.unit})" if self.unit else ""
        return f"{self._title}{unit}"

    @property
    def ends(self) -> tuple[float, ...]:
        """The extreme values."""
        return (self.check(self.minimum), self.check(self.maximum))

    @property
    def middle(self) -> float:
        """The value halfway along the slider."""
        low, high = self._to_scale(self.minimum), self._to_scale(self.maximum)
        return self._snap(self._from_scale((low + high) / 2))

    def check(self, value: Any) -> float:
        """Return the value as int or float; raise TypeError or ValueError where it does not fit."""
        return check_scalar(self.name, value, minimum=self.minimum, maximum=self.maximum, integer=self._whole)

    def sample(self, rng: np.random.Generator) -> float:
        """Draw one of the slider's positions uniformly at random."""
        low, high = self._to_scale(self.minimum), self._to_scale(self.maximum)
        return self._snap(self._from_scale(rng.uniform(low, high)))

    def describe(self, value: Any) -> str:
        """Return a phrase such as "mean μ = 70 min"."""
        unit = f" {self.unit}" if self.unit else ""
        return f"{self._title} = {value:.6g}{unit}"

    def widget(self, layout: Any, label_width: str) -> Any:
        """Return the ipywidgets slider."""
        import ipywidgets

        common = {
            "description": self.caption,
            "layout": layout,
            "style": {"description_width": label_width},
        }
        if self._whole:
            return ipywidgets.IntSlider(self.value, min=self.minimum, max=self.maximum, step=self.step, **common)
        if self.log:
            low, high = math.log10(self.minimum), math.log10(self.maximum)
            return ipywidgets.FloatLogSlider(
                self.value, min=low, max=high, step=self.step, readout_format=".3g", **common
            )
        decimals = max(0, -math.floor(math.log10(self.step) + 1e-9))
        if not math.isclose(self.step, round(self.step, decimals)):
            decimals += 1  # 0.25 needs two digits although it is above 0.1
        return ipywidgets.FloatSlider(
            self.value,
            min=self.minimum,
            max=self.maximum,
            step=self.step,
            readout_format=f".{decimals}f",
            **common,
        )

    def from_widget(self, value: Any) -> float:
        """Return what ``draw`` receives for a value sent by the widget, rid of rounding noise."""
        return self._snap(value)

    @property
    def _title(self) -> str:
        return f"{self.label} {self.symbol}".rstrip()

    @property
    def _whole(self) -> bool:
        numbers = (self.minimum, self.maximum, self.step, self.value)
        return not self.log and all(isinstance(number, int) for number in numbers)

    def _to_scale(self, value: float) -> float:
        return math.log10(value) if self.log else value

    def _from_scale(self, value: float) -> float:
        return 10**value if self.log else value

    def _snap(self, value: float) -> float:
        low = self._to_scale(self.minimum)
        steps = round((self._to_scale(value) - low) / self.step)
        nearest = self._from_scale(low + steps * self.step)
        # Rounding to twelve digits turns 0.30000000000000004 into 0.3, the number the reader sees.
        clipped = min(max(float(f"{nearest:.12g}"), self.minimum), self.maximum)
        return int(clipped) if self._whole else float(clipped)


@dataclass(frozen=True)
class Choice:
    """A control with a few named options.

    Parameters
    ----------
    name, label : str
        The keyword of ``draw``, and what the reader calls it.
    options : sequence of str, int or float
        At least two different values; shown as they print.
    value : str, int or float
        The default, one of the options.

    Raises
    ------
    ValueError
        If there are fewer than two options, two are the same, or the default is not among them.
    """

    name: str
    label: str
    options: Sequence[Any]
    value: Any

    def __post_init__(self) -> None:
        _check_labels(self)
        object.__setattr__(self, "options", tuple(self.options))
        if len(self.options) < 2 or len(set(map(str, self.options))) < len(self.options):
            raise ValueError(
                f"options of choice {self.name!r} must be two or more different values; got {self.options}"
            )
        self.check(self.value)

    @property
    def caption(self) -> str:
        """The label."""
        return self.label

    @property
    def ends(self) -> tuple[Any, ...]:
        """Every option: each is an extreme of its own."""
        return tuple(self.options)

    @property
    def middle(self) -> Any:
        """The default option."""
        return self.value

    def check(self, value: Any) -> Any:
        """Return the value; raise ValueError if it is not an option."""
        if value not in self.options:
            raise ValueError(f"{self.name} must be one of {list(self.options)}; got {value!r}")
        return value

    def sample(self, rng: np.random.Generator) -> Any:
        """Draw one option uniformly at random."""
        return self.options[rng.integers(len(self.options))]

    def describe(self, value: Any) -> str:
        """Return a phrase such as "family = Gaussian"."""
        return f"{self.label} = {value}"

    def widget(self, layout: Any, label_width: str) -> Any:
        """Return the ipywidgets drop-down list."""
        import ipywidgets

        return ipywidgets.Dropdown(
            options=[(str(option), option) for option in self.options],
            value=self.value,
            description=self.caption,
            layout=layout,
            style={"description_width": label_width},
        )

    def from_widget(self, value: Any) -> Any:
        """Return what ``draw`` receives for a value sent by the widget."""
        return value


Control = Slider | Choice


def _check_labels(control: Control) -> None:
    if not isinstance(control.name, str) or not control.name.isidentifier():
        raise ValueError(f"name of a control must be a Python name; got {control.name!r}")
    check_words(f"label of {control.name!r}", control.label, purpose="it is what the reader calls it")


def check_controls(controls: tuple[Control, ...], draw: Callable[..., str]) -> None:
    """Raise TypeError or ValueError where the controls of an explorer do not fit each other or its ``draw``."""
    if not controls:
        raise ValueError("controls must hold at least one Slider or Choice")
    names = []
    for control in controls:
        if not isinstance(control, Control):
            raise TypeError(f"controls must be Slider or Choice; got {type(control).__name__}")
        if control.name in names:
            raise ValueError(f"two controls are named {control.name!r}; names must differ")
        names.append(control.name)
    if not callable(draw):
        raise TypeError(f"draw must be a function; got {type(draw).__name__}")
    try:
        inspect.signature(draw).bind(None, **dict.fromkeys(names))
    except TypeError as error:
        raise TypeError(f"draw must accept (parts, {', '.join(names)}): {error}") from None


def sweep_points(controls: tuple[Control, ...], random: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return the default, the middle, corners, every end of every control, and random points, once each."""
    defaults = {control.name: control.check(control.value) for control in controls}
    points = [defaults, {control.name: control.middle for control in controls}]
    points += [{**defaults, control.name: end} for control in controls for end in control.ends]
    if math.prod(len(control.ends) for control in controls) <= _MAX_CORNERS:
        corners: Iterable[tuple[Any, ...]] = itertools.product(*(control.ends for control in controls))
    else:
        corners = (
            tuple(control.ends[rng.integers(len(control.ends))] for control in controls) for _ in range(_MAX_CORNERS)
        )
    names = [control.name for control in controls]
    points += [dict(zip(names, corner, strict=True)) for corner in corners]
    points += [{control.name: control.sample(rng) for control in controls} for _ in range(random)]
    return list({tuple(point.items()): point for point in points}.values())
