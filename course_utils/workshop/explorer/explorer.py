"""The explorer itself: what it holds, its states and pictures, the sweep through all of them, and its display."""

from __future__ import annotations

import contextlib
import html
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.workshop.explorer.controls import Control, check_controls, sweep_points
from course_utils.workshop.explorer.errors import ExplorerError, reason
from course_utils.workshop.explorer.live import LiveView, close_predecessors
from course_utils.workshop.explorer.stage import LIVE_DENSITY, Stage
from course_utils.workshop.style import CSS_DPI, check_words, picture_bundle
from course_utils.workshop.validation import check_scalar

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
        check_controls(self.controls, draw)
        if not callable(build):
            raise TypeError(f"build must be a function of a figure; got {type(build).__name__}")
        self._build, self._draw = build, draw
        self._size = (
            check_scalar("width", width, positive=True),
            check_scalar("height", height, positive=True),
        )
        self._values = self.defaults
        self._stage: Stage | None = None
        self._view: LiveView | None = None
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
        points = sweep_points(self.controls, random, np.random.default_rng(seed))
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
                    self._view = LiveView(self)
                data |= self._view.mime_data()
                close_predecessors(self)
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
                self._stage = Stage(self._build, self._draw, self._size)
            self._stage.set_density(density)
            return self._stage.redraw(parameters)
        except Exception as error:
            # Half-updated artists must not survive into the next frame.
            if self._stage is not None:
                self._stage.forget_background()
            raise ExplorerError(
                f"explorer {self.name!r} cannot draw {self.describe(parameters)}: {reason(error)}"
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
