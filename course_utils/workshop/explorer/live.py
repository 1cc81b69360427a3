"""The live view of an explorer: its widgets, one frame for a burst of moves, and an end with the cell that showed it.

ipywidgets is imported when an explorer is first displayed.
"""

from __future__ import annotations

import asyncio
import html
import sys
import threading
import weakref
from typing import Any, Protocol

from course_utils.workshop.explorer.controls import Control
from course_utils.workshop.explorer.errors import ExplorerError, reason
from course_utils.workshop.explorer.stage import Stage
from course_utils.workshop.style import CSS_DPI, image_tag, palette

_LIVE_CSS = f"""<style>
.course-explorer {{ --jp-widgets-font-size: 15px; font-size: 15px; }}
.course-explorer strong {{ font-size: 17px; }}
.course-explorer .widget-readout {{ min-width: 6ch; }}
.course-explorer p {{ margin: 4px 0; font-size: 15px; line-height: 1.4; }}
.course-explorer-error {{ border-left: 4px solid {palette.warning}; padding: 4px 12px; }}
</style>"""


class _Shown(Protocol):
    """What a live view needs of the explorer that it shows."""

    name: str
    title: str
    alt: str
    controls: tuple[Control, ...]
    _size: tuple[float, float]
    _values: dict[str, Any]
    _stage: Stage | None
    _lock: threading.RLock

    def describe(self) -> str: ...
    def reset(self) -> None: ...
    def close(self) -> None: ...
    def _redraw(self, parameters: dict[str, Any]) -> str: ...


class LiveView:
    """The widgets of a displayed explorer. They live until closed: ipywidgets refers to every widget."""

    # How long the sliders must be still before a frame is drawn, and how long it may be put off.
    QUIET, PATIENCE = 0.004, 0.05

    def __init__(self, explorer: _Shown) -> None:
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
        """Return what displays the widgets in a notebook, by MIME type."""
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
                    f"{html.escape(explorer.describe())}. {html.escape(reason(error.__cause__))}. "
                    "The picture below still shows the state before. Move a control, or press Reset, "
                    "to go on.</p>"
                )
                return
            words = f"{explorer.alt} {sentence}"
            image = image_tag(png, words, *(round(inches * CSS_DPI) for inches in explorer._size))
            self._error.value = ""
            self._picture.value = f'<div>{image}<p role="status" aria-live="polite">{html.escape(sentence)}</p></div>'

    def close(self) -> None:
        """Take the widgets out of the page and free them."""
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


_displayed: dict[str, tuple[Any, weakref.WeakSet[_Shown]]] = {}
"""What each cell displayed, and in which of its runs: the page forgets a view, the kernel would not."""


def close_predecessors(explorer: _Shown) -> None:
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
