"""Explorers: a picture with sliders that is never blank, with or without a running kernel.

An :class:`Explorer` builds its figure once and updates the artists in it. In a notebook with a kernel
it shows labelled controls; everywhere else (a page on the web, a notebook that was not run, a printed
copy) it shows the picture of its default state, with the same words.

Matplotlib and ipywidgets are imported when an explorer first draws or is first displayed.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
import inspect
import itertools
import math
import re
import struct
import sys
import threading
import warnings
import weakref
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.workshop.style import (
    CSS_DPI,
    check_words,
    figure_png,
    image_tag,
    palette,
    picture_bundle,
    style_settings,
)
from course_utils.workshop.validation import check_scalar

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Choice", "Explorer", "ExplorerError", "Slider"]

LIVE_DENSITY = 1.25
"""Picture pixels per CSS pixel of a live frame: sharp enough to read, quick enough to drag."""

_MAX_CORNERS = 64

_LIVE_CSS = f"""<style>
.course-explorer {{ --jp-widgets-font-size: 15px; font-size: 15px; }}
.course-explorer strong {{ font-size: 17px; }}
.course-explorer .widget-readout {{ min-width: 6ch; }}
.course-explorer p {{ margin: 4px 0; font-size: 15px; line-height: 1.4; }}
.course-explorer-error {{ border-left: 4px solid {palette.warning}; padding: 4px 12px; }}
</style>"""


class ExplorerError(RuntimeError):
    """An explorer could not draw one of its states; the message names the parameters."""


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


class Explorer:
    """A picture with controls, built once and updated as they move.

    Parameters
    ----------
    build : callable
        ``build(figure)`` creates axes and artists and returns them, with whatever ``draw`` needs, in
        a :class:`types.SimpleNamespace`.
    draw : callable
        ``draw(parts, **parameters)`` updates the artists and returns one sentence that describes
        this state. It depends on the parameters alone, never on the state before.
    controls : iterable of Slider or Choice
    name : str
        Identifies the explorer in its notebook.
    title : str
        Shown above the controls.
    alt : str
        What the picture shows in every state; the sentence of the state is added to it.
    width, height : float
        Size of the figure in inches, 100 CSS pixels each.

    Notes
    -----
    A redraw costs least when ``draw`` only changes artists that are among the values of ``parts``
    (directly or in lists, tuples and dictionaries): only they are drawn again. Changing anything else
    (axis limits, labels, a legend, a colour scale, new artists) is correct too, and slower.

    Raises
    ------
    TypeError
        If ``build`` or ``draw`` is not callable, ``draw`` does not accept the controls' names, or a
        control is not a control.
    ValueError
        If there is no control, two controls share a name, or name, title or alt text is empty.
    """

    def __init__(
        self,
        build: Callable[[Figure], SimpleNamespace],
        draw: Callable[..., str],
        controls: Iterable[Control],
        *,
        name: str,
        title: str,
        alt: str,
        width: float = 9.0,
        height: float = 3.6,
    ) -> None:
        self.name = check_words("name", name, purpose="it identifies the explorer")
        self.title = check_words("title", title, purpose="it is shown above the controls")
        self.alt = check_words("alt", alt, purpose="say in a sentence what the picture shows")
        self.controls = tuple(controls)
        _check_controls(self.controls, draw)
        if not callable(build):
            raise TypeError(f"build must be a function of a figure; got {type(build).__name__}")
        self._build, self._draw = build, draw
        self._size = (
            check_scalar("width", width, positive=True),
            check_scalar("height", height, positive=True),
        )
        self._values = self.defaults
        self._stage: _Stage | None = None
        self._view: _LiveView | None = None
        # A notebook may deliver slider moves on another thread than the one that runs its cells.
        self._lock = threading.RLock()

    @property
    def defaults(self) -> dict[str, Any]:
        """The default value of every control, by name."""
        return {control.name: control.check(control.value) for control in self.controls}

    @property
    def parameters(self) -> dict[str, Any]:
        """The present value of every control, by name."""
        return dict(self._values)

    @property
    def sentence(self) -> str:
        """What ``draw`` says about the present state."""
        with self._lock:
            return self._redraw(self._values)

    def describe(self, parameters: dict[str, Any] | None = None) -> str:
        """Return parameter values in words, such as "mean μ = 70 min, scale σ = 5 min"."""
        values = self._values if parameters is None else parameters
        return ", ".join(control.describe(values[control.name]) for control in self.controls)

    def set(self, **parameters: Any) -> None:
        """Move controls, and redraw at once if the explorer is on display.

        Raises
        ------
        TypeError, ValueError
            If a name is unknown or a value does not fit its control; nothing is moved then.
        ExplorerError
            If the explorer is not on display and the new state cannot be drawn.
        """
        moved = self._checked(parameters)
        with self._lock:
            self._values = {**self._values, **moved}
            if self._view is None:
                self._redraw(self._values)
            else:
                self._view.move_controls()
                self._view.refresh()

    def reset(self) -> None:
        """Return every control to its default."""
        self.set(**self.defaults)

    def frame(self) -> bytes:
        """Return a PNG of the present state, encoded for speed.

        Raises
        ------
        ExplorerError
            If the state cannot be drawn.
        """
        with self._lock:
            self._redraw(self._values)
            return self._stage.frame()

    def picture(self) -> bytes:
        """Return a PNG of the default state, encoded for storing.

        Raises
        ------
        ExplorerError
            If the default state cannot be drawn.
        """
        return self._default_picture()[0]

    def snapshot(self, parameters: Mapping[str, Any], density: float = LIVE_DENSITY) -> tuple[np.ndarray, str]:
        """Return the pixels and the sentence of any state, and leave the explorer and what it displays as they are.

        Parameters
        ----------
        parameters : mapping of str to value
            Values of controls, by name; a control that is not named has its default.
        density : float
            Picture pixels per CSS pixel. Letters and lines are drawn at this density, not scaled.

        Returns
        -------
        pixels : array (height, width, 4) of uint8
            Red, green, blue and opacity.
        sentence : str

        Raises
        ------
        TypeError, ValueError
            If a name is unknown, a value does not fit its control, or the density is not a positive number.
        ExplorerError
            If the state cannot be drawn.
        """
        density = check_scalar("density", density, positive=True)
        values = {**self.defaults, **self._checked(parameters)}
        with self._lock:
            sentence = self._redraw(values, density)
            return self._stage.pixels(), sentence

    def sweep(self, random: int = 5, seed: int = 0) -> list[tuple[dict[str, Any], str]]:
        """Draw the whole parameter box: default, middle, corners, each control's ends, random points.

        Beyond 64 corners a random subset stands for all of them. Each picture is drawn twice, quickly
        (as when a slider moves) and from scratch, and both must agree. At the end the default is
        drawn once more and must look as it did at first; the explorer is left in that state.

        Parameters
        ----------
        random : int
            Number of random points.
        seed : int
            Of the random points and of the subset of corners.

        Returns
        -------
        list of (parameters, sentence)

        Raises
        ------
        ExplorerError
            If a draw raises or warns, returns no sentence or one with "nan" or "inf", leaves a panel
            blank or numbers that are not finite in an artist, or depends on the state before. The
            message names the parameters.
        """
        random = check_scalar("random", random, integer=True, non_negative=True)
        points = _sweep_points(self.controls, random, np.random.default_rng(seed))
        with self._lock:
            try:
                visited = [self._inspect(parameters) for parameters in points]
                again = self._inspect(points[0])
            finally:
                self._values = self.defaults
                if self._view is not None:
                    self._view.move_controls()
                    self._view.refresh()
        (_, first_sentence, first_pixels), (_, last_sentence, last_pixels) = visited[0], again
        if first_sentence != last_sentence or not np.array_equal(first_pixels, last_pixels):
            raise ExplorerError(
                f"explorer {self.name!r} does not return to its default state ({self.describe(points[0])}): "
                "after other states it looks or reads differently; draw must depend on its parameters alone"
            )
        return [(parameters, sentence) for parameters, sentence, _ in visited]

    def close(self) -> None:
        """Take down the live view and free the figure; the explorer can be displayed again."""
        with self._lock:
            if self._view is not None:
                self._view.close()
            self._view = self._stage = None

    def __repr__(self) -> str:
        return f"Explorer({self.name!r})"

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the live view, the picture of the default state as HTML and PNG, and its words."""
        with self._lock:
            png, sentence = self._default_picture()
            words = f"{self.alt} {sentence}"
            width, height = (round(inches * CSS_DPI) for inches in self._size)
            data, metadata = picture_bundle(png, words, width, height)
            caption = f"{html.escape(sentence)}<br><small>{html.escape(self.describe(self.defaults))}</small>"
            data["text/html"] = (
                f'<figure style="margin:0"><p><strong>{html.escape(self.title)}</strong></p>'
                f"{data['text/html']}<figcaption>{caption}</figcaption></figure>"
            )
            data["text/plain"] = f"Explorer: {words}"
            with contextlib.suppress(ImportError):  # without ipywidgets the picture still shows
                if self._view is None:
                    self._view = _LiveView(self)
                data |= self._view.mime_data()
                _close_predecessors(self)
        return data, metadata

    def _default_picture(self) -> tuple[bytes, str]:
        with self._lock:
            sentence = self._redraw(self.defaults)
            png = self._stage.picture()
            return png, sentence

    def _checked(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values as their controls check them, or raise TypeError or ValueError."""
        known = {control.name: control for control in self.controls}
        for name in parameters:
            if name not in known:
                raise ValueError(f"unknown parameter {name!r}; this explorer has {', '.join(known)}")
        return {name: known[name].check(value) for name, value in parameters.items()}

    def _redraw(self, parameters: dict[str, Any], density: float = LIVE_DENSITY) -> str:
        """Draw a state and return its sentence, or raise ExplorerError."""
        try:
            if self._stage is None:
                self._stage = _Stage(self._build, self._draw, self._size)
            self._stage.set_density(density)
            return self._stage.redraw(parameters)
        except Exception as error:
            # Half-updated artists must not survive into the next frame.
            if self._stage is not None:
                self._stage.forget_background()
            raise ExplorerError(
                f"explorer {self.name!r} cannot draw {self.describe(parameters)}: {_reason(error)}"
            ) from error

    def _inspect(self, parameters: dict[str, Any]) -> tuple[dict[str, Any], str, np.ndarray]:
        """Draw one state, check everything that can be checked, and return it with its pixels."""
        with warnings.catch_warnings():
            # What warns here would print red boxes under a reader's moving slider.
            warnings.simplefilter("error", RuntimeWarning)
            warnings.simplefilter("error", UserWarning)
            sentence = self._redraw(parameters)
        complaint = self._stage.complaint(sentence)
        if complaint:
            raise ExplorerError(f"explorer {self.name!r} at {self.describe(parameters)}: {complaint}")
        return parameters, sentence, self._stage.pixels()


class _Stage:
    """The figure of an explorer and the quickest correct way to redraw it.

    Matplotlib marks a figure stale when anything in it changes, except through an artist that is
    "animated" (``Artist.stale`` stops there) or that hangs below another artist (a tick label). So the
    moving artists are made animated and drawn on top of a saved background, and as long as the figure
    is not stale after ``draw``, the background still holds. New limits, titles outside the moving set,
    legends, colour bars and new artists make the figure stale and lead to a full redraw.
    """

    def __init__(
        self, build: Callable[[Figure], SimpleNamespace], draw: Callable[..., str], size: tuple[float, float]
    ) -> None:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        with matplotlib.rc_context(style_settings()):
            self.figure = Figure(figsize=size, dpi=CSS_DPI * LIVE_DENSITY, layout="constrained")
            self.canvas = FigureCanvasAgg(self.figure)
            self.parts = build(self.figure)
        if not isinstance(self.parts, SimpleNamespace):
            raise TypeError(f"build must return a SimpleNamespace; got {type(self.parts).__name__}")
        if not self.figure.axes:
            raise ValueError("build must add axes to the figure")
        self._draw = draw
        self._laid_out = False
        self._background: Any = None
        self._moving: list[Artist] = []
        self._hidden: list[Artist] = []

    def set_density(self, density: float) -> None:
        if self.figure.dpi != CSS_DPI * density:
            self.figure.set_dpi(CSS_DPI * density)
            self.forget_background()

    def redraw(self, parameters: dict[str, Any]) -> str:
        sentence = self._draw(self.parts, **parameters)
        if not isinstance(sentence, str) or not sentence.strip():
            raise TypeError(f"draw must return a sentence; got {sentence!r}")
        for axes in self.figure.axes:
            axes.viewLim  # noqa: B018 - settles a pending autoscale, which then marks the figure stale
        unchanged = not self.figure.stale and not any(artist.stale for artist in self._hidden)
        if self._background is None or not unchanged:
            self._draw_everything()
        else:
            self.canvas.restore_region(self._background)
            self._draw_moving()
        return re.sub(r"(?<![\w.)−])-(?=\.?\d)", "−", " ".join(sentence.split()))  # formatted numbers have a hyphen

    def frame(self) -> bytes:
        return _quick_png(self.pixels())

    def picture(self) -> bytes:
        png = figure_png(self.figure)
        self.forget_background()  # rendering at another density went through the same canvas
        return png

    def pixels(self) -> np.ndarray:
        return np.array(self.canvas.buffer_rgba())

    def forget_background(self) -> None:
        self._background = None

    def complaint(self, sentence: str) -> str | None:
        """Say what is wrong with the state just drawn, or return None."""
        if re.search(r"\b(nan|inf)\b", sentence, re.IGNORECASE):
            return f"the sentence holds a number that is not finite: {sentence!r}"
        for key, artist in _artists(self.parts):
            if artist.get_visible() and not _has_finite_data(artist):
                return f"parts.{key} holds no finite number"
        pixels = self.pixels()
        for index, axes in enumerate(self.figure.axes, start=1):
            if axes.get_visible() and _is_blank(axes, pixels):
                return f"panel {index} is blank"
        self._draw_everything()
        if not np.array_equal(pixels, self.pixels()):
            return "the quick redraw differs from a redraw from scratch; put every artist that moves in parts"
        return None

    def _draw_everything(self) -> None:
        if not self._laid_out:
            # The layout is found once, from all artists, then kept: finding it again would take most
            # of the time of a frame and would make the axes jump as labels change.
            dpi = self.figure.dpi
            self.set_density(LIVE_DENSITY)  # one layout for every density
            self.canvas.draw()
            self.figure.set_layout_engine("none")
            self.figure.set_dpi(dpi)
            self._laid_out = True
        for artist in self._moving:
            artist.set_animated(False)
        self._moving, self._hidden = _moving_artists(self.figure, self.parts)
        for artist in self._moving:
            artist.set_animated(True)
        self.canvas.draw()
        self._background = self.canvas.copy_from_bbox(self.figure.bbox)
        self._draw_moving()

    def _draw_moving(self) -> None:
        renderer = self.canvas.get_renderer()
        for artist in self._moving:
            artist.draw(renderer)
        self.figure.stale = False  # a legend arranges its entries while it is drawn, and says so


class _LiveView:
    """The widgets of a displayed explorer. They live until closed: ipywidgets refers to every widget."""

    # How long the sliders must be still before a frame is drawn, and how long it may be put off.
    QUIET, PATIENCE = 0.004, 0.05

    def __init__(self, explorer: Explorer) -> None:
        import ipywidgets

        self._explorer = explorer
        self._pending: asyncio.TimerHandle | None = None
        self._first_request = self._last_request = 0.0
        self._ignore_moves = False
        # A letter is about 0.56 em wide; two controls share a line where both their labels fit.
        label = 0.56 * max(len(control.caption) for control in explorer.controls) + 0.5
        line = ipywidgets.Layout(width="auto", margin="2px 0")
        self._inputs = {control.name: control.widget(line, f"{label:.1f}em") for control in explorer.controls}
        self._head = ipywidgets.HTML(f"{_LIVE_CSS}<strong>{html.escape(explorer.title)}</strong>")
        self._reset = ipywidgets.Button(description="Reset", tooltip="Return every control to its starting value")
        self._error = ipywidgets.HTML()
        self._picture = ipywidgets.HTML()
        top = ipywidgets.HBox([self._head, self._reset], layout=ipywidgets.Layout(justify_content="space-between"))
        columns = f"repeat(auto-fit, minmax(min(100%, calc({label:.1f}em + 220px)), 1fr))"
        controls = ipywidgets.GridBox(
            [*self._inputs.values()],
            layout=ipywidgets.Layout(grid_template_columns=columns, grid_gap="0 24px", width="100%"),
        )
        width = round(explorer._size[0] * CSS_DPI) + 8
        self._box = ipywidgets.VBox(
            [top, controls, self._error, self._picture],
            layout=ipywidgets.Layout(width=f"{width}px", max_width="100%"),
        )
        self._box.add_class("course-explorer")
        self._widgets = [*self._inputs.values(), *top.children, *self._box.children, self._box]
        self.move_controls()
        for widget in self._inputs.values():
            widget.observe(self._on_move, "value")
        self._reset.on_click(self._on_reset)
        self.refresh()

    def mime_data(self) -> dict[str, Any]:
        bundle = self._box._repr_mimebundle_()
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        return {key: value for key, value in data.items() if key != "text/plain"}

    def move_controls(self) -> None:
        """Bring the widgets in line with the explorer's parameters, without drawing."""
        self._ignore_moves = True
        try:
            for name, widget in self._inputs.items():
                widget.value = self._explorer._values[name]
        finally:
            self._ignore_moves = False

    def refresh(self) -> None:
        """Draw the present parameters into the page now; say in words if that fails."""
        explorer = self._explorer
        with explorer._lock:
            if self._pending is not None:
                self._pending.cancel()
                self._pending = None
            try:
                sentence = explorer._redraw(explorer._values)
                png = explorer._stage.frame()
            except ExplorerError as error:
                self._error.value = (
                    '<p role="alert" class="course-explorer-error">⚠ This state cannot be drawn: '
                    f"{html.escape(explorer.describe())}. {html.escape(_reason(error.__cause__))}. "
                    "The picture below still shows the state before. Move a control, or press Reset, "
                    "to go on.</p>"
                )
                return
            words = f"{explorer.alt} {sentence}"
            image = image_tag(png, words, *(round(inches * CSS_DPI) for inches in explorer._size))
            self._error.value = ""
            self._picture.value = f'<div>{image}<p role="status" aria-live="polite">{html.escape(sentence)}</p></div>'

    def close(self) -> None:
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None
        self._reset.on_click(self._on_reset, remove=True)
        for widget in self._widgets:
            widget.unobserve_all()
            for helper in (getattr(widget, "style", None), widget.layout):
                if helper is not None:
                    helper.close()
            widget.close()

    def _on_move(self, _: Any) -> None:
        if self._ignore_moves:
            return
        explorer = self._explorer
        with explorer._lock:
            explorer._values = {
                control.name: control.from_widget(self._inputs[control.name].value) for control in explorer.controls
            }
        self._request()

    def _on_reset(self, _: Any) -> None:
        self._explorer.reset()

    def _request(self) -> None:
        """Draw soon: one frame for a burst of moves, of the latest values."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # no kernel loop: nothing could draw later
            self.refresh()
            return
        self._last_request = loop.time()
        # A timer long overdue belongs to a loop that ended before it fired.
        if self._pending is None or self._pending.when() < self._last_request - self.PATIENCE:
            self._first_request = self._last_request
            self._pending = loop.call_later(self.QUIET, self._draw_when_quiet, loop)

    def _draw_when_quiet(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        if now - self._last_request < self.QUIET and now - self._first_request < self.PATIENCE:
            self._pending = loop.call_later(self.QUIET, self._draw_when_quiet, loop)
        else:
            self.refresh()


_displayed: dict[str, tuple[Any, weakref.WeakSet[Explorer]]] = {}
"""What each cell displayed, and in which of its runs: the page forgets a view, the kernel would not."""


def _close_predecessors(explorer: Explorer) -> None:
    """Close the explorers that an earlier run of the same cell displayed; their views have left the page."""
    cell, run = _running_cell()
    key = cell or f"name:{explorer.name}"
    earlier_run, shown = _displayed.get(key, (None, weakref.WeakSet()))
    if run is None or run != earlier_run:
        for predecessor in list(shown):
            if predecessor is not explorer:
                predecessor.close()
        shown = weakref.WeakSet()
    shown.add(explorer)
    _displayed[key] = (run, shown)


def _running_cell() -> tuple[str | None, str | None]:
    """Return the identities of the notebook cell being run and of this run, where the kernel knows them."""
    ipython = sys.modules.get("IPython")
    kernel = getattr(ipython.get_ipython(), "kernel", None) if ipython is not None else None
    if kernel is None:
        return None, None
    request = kernel.get_parent()
    return request.get("metadata", {}).get("cellId"), request.get("header", {}).get("msg_id")


def _quick_png(pixels: np.ndarray) -> bytes:
    """Encode opaque pixels (height, width, 4) as PNG in the least time.

    Image libraries try five filters on every row, which takes most of a frame's time and makes drawn
    lines and flat areas hardly smaller. Here rows are compressed as they are.
    """
    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + 3 * width), dtype=np.uint8)  # each row starts with its filter: 0, none
    rows[:, 1:] = pixels[..., :3].reshape(height, -1)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits per channel, RGB, not interlaced
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            chunk(b"IDAT", zlib.compress(rows, level=1)),
            chunk(b"IEND", b""),
        )
    )


def _reason(error: BaseException | None) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _check_labels(control: Control) -> None:
    if not isinstance(control.name, str) or not control.name.isidentifier():
        raise ValueError(f"name of a control must be a Python name; got {control.name!r}")
    check_words(f"label of {control.name!r}", control.label, purpose="it is what the reader calls it")


def _check_controls(controls: tuple[Control, ...], draw: Callable[..., str]) -> None:
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


def _sweep_points(controls: tuple[Control, ...], random: int, rng: np.random.Generator) -> list[dict[str, Any]]:
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


def _artists(parts: SimpleNamespace) -> Iterator[tuple[str, Artist]]:
    """Yield (name, artist) for the artists held by ``parts``, also in containers; not axes and figures."""
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import FigureBase

    def walk(name: str, value: Any) -> Iterator[tuple[str, Artist]]:
        if isinstance(value, Artist):
            # An artist that was removed from its figure no longer takes part.
            if not isinstance(value, Axes | Axis | FigureBase) and value.get_figure() is not None:
                yield name, value
        elif isinstance(value, dict):
            for key, item in value.items():
                yield from walk(f"{name}[{key!r}]", item)
        elif isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.dtype == object):
            for index, item in enumerate(value):
                yield from walk(f"{name}[{index}]", item)

    for name, value in vars(parts).items():
        yield from walk(name, value)


def _moving_artists(figure: Figure, parts: SimpleNamespace) -> tuple[list[Artist], list[Artist]]:
    """Return the artists to draw on top of the background, in order, and those whose change it hides.

    In axes that hold a moving artist, whatever lies above the lowest of them (points over a heatmap,
    the frame, a legend) is drawn anew too, so that the order of the layers stays right.
    """
    from matplotlib.axes import Axes

    found = {id(artist): artist for _, artist in _artists(parts)}
    groups = [_layers(axes) for axes in sorted(figure.axes, key=lambda a: a.get_zorder()) if axes.get_visible()]
    groups.append(
        sorted(
            (a for a in figure.get_children() if not isinstance(a, Axes) and a is not figure.patch),
            key=lambda artist: artist.get_zorder(),
        )
    )
    # Tick labels, legend entries and the like are drawn by their parent, in the background, and do not
    # always tell the figure that they changed: their own stale flag does.
    direct = {id(artist) for group in groups for artist in group}
    hidden = [artist for key, artist in found.items() if key not in direct]
    moving: list[Artist] = []
    for group in groups:
        lowest = next((place for place, artist in enumerate(group) if id(artist) in found), len(group))
        moving += [artist for artist in group[lowest:] if id(artist) in found or not _is_beside_panel(artist)]
    if _axes_overlap(figure) or any(_must_stay_in_background(artist) for artist in moving):
        return [], hidden  # no artist is animated then: any change leads to a full redraw
    return [artist for artist in moving if not _is_axis(artist)], hidden


def _layers(axes: Axes) -> list[Artist]:
    """Return what ``axes.draw`` draws above the patch, from bottom to top."""
    skipped = {id(axes.patch)}
    if not (axes.axison and axes.get_frame_on()):
        skipped |= {id(spine) for spine in axes.spines.values()}
    if not axes.axison:
        skipped |= {id(artist) for artist in axes.get_children() if _is_axis(artist)}
    children = (artist for artist in axes.get_children() if id(artist) not in skipped)
    return sorted(children, key=lambda artist: artist.get_zorder())


def _is_axis(artist: Artist) -> bool:
    from matplotlib.axis import Axis

    return isinstance(artist, Axis)


def _is_beside_panel(artist: Artist) -> bool:
    """Say whether an artist is a text outside its panel, such as a title, where nothing covers it."""
    from matplotlib.text import Text

    if not isinstance(artist, Text) or artist.axes is None:
        return False
    return not artist.get_window_extent().overlaps(artist.axes.get_window_extent())


def _must_stay_in_background(artist: Artist) -> bool:
    """Say whether an artist is too complex to be drawn with the moving ones, yet would be covered by them."""
    from matplotlib.axes import Axes

    if _is_axis(artist):  # ticks and labels lie outside the panel, grid lines do not
        return any(line.get_visible() for line in artist.get_gridlines())
    return isinstance(artist, Axes)


def _axes_overlap(figure: Figure) -> bool:
    from matplotlib.transforms import Bbox

    boxes = [axes.get_window_extent() for axes in figure.axes if axes.get_visible()]
    shared = (Bbox.intersection(one, other) for one, other in itertools.combinations(boxes, 2))
    return any(box is not None and box.width > 1 and box.height > 1 for box in shared)


def _has_finite_data(artist: Artist) -> bool:
    """Say whether an artist that holds numbers holds a finite one."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import Collection
    from matplotlib.lines import Line2D

    if isinstance(artist, Line2D):
        rows = np.asarray(artist.get_xydata(), dtype=float)
    elif isinstance(artist, ScalarMappable) and artist.get_array() is not None:
        rows = np.ma.filled(np.ma.asarray(artist.get_array(), dtype=float), np.nan).reshape(-1, 1)
    elif isinstance(artist, Collection):
        rows = np.ma.filled(np.ma.asarray(artist.get_offsets(), dtype=float), np.nan)
    else:
        return True
    return len(rows) == 0 or bool(np.isfinite(rows).all(axis=1).any())


def _is_blank(axes: Axes, pixels: np.ndarray) -> bool:
    """Say whether nothing but the background shows inside the frame of the axes."""
    from matplotlib.colors import to_rgb

    box = axes.get_window_extent().padded(-4)  # leaves out the frame and ticks that point inwards
    if box.width < 1 or box.height < 1:
        return False
    top = pixels.shape[0] - math.floor(box.y1)
    inside = pixels[top : top + int(box.height), math.ceil(box.x0) : int(box.x1), :3]
    uniform = not np.ptp(inside, axis=(0, 1)).any()
    backgrounds = (axes.get_facecolor(), axes.get_figure(root=True).get_facecolor())
    return uniform and any(
        np.allclose(inside[0, 0], np.multiply(to_rgb(colour), 255), atol=1) for colour in backgrounds
    )
