"""The live view: its controls, bursts of moves, errors in words, and nothing left behind."""

import asyncio
import gc
import re
import threading
import time
import weakref

import ipywidgets
import ipywidgets.widgets.widget as registry
import numpy as np
import pytest
from jupyter_client.manager import start_new_kernel

from course_utils.workshop.explorer import Slider, live
from explorer.bell import ALT, THREE, draw, draw_three, failing_at_an_end, make, page, widgets


def test_controls_are_labelled_and_reset_returns_to_the_defaults():
    explorer = make(draw_three, controls=THREE)
    explorer._repr_mimebundle_()
    (slider,), (choice, truth) = map(widgets, (ipywidgets.FloatSlider, ipywidgets.Dropdown))
    assert (slider.description, choice.description, truth.description) == (
        "mean μ (min)", "family", "show the truth"
    )  # fmt: skip
    slider.value, choice.value, truth.value = 1.5, "c", False
    assert explorer.parameters == {"mean": 1.5, "family": "c", "truth": False}
    assert page().caption == "The curve peaks at 1.5 min. Family c, truth False."
    assert page().alt == f"{ALT} {page().caption}"
    (button,) = widgets(ipywidgets.Button)
    button.click()
    assert (slider.value, choice.value, truth.value) == (0, "b", True)
    assert page().caption == "The curve peaks at 0 min. Family b, truth True."


@pytest.mark.parametrize(
    ("step", "value", "kind", "form"),
    [
        (0.5, 0.5, ipywidgets.FloatSlider, ".1f"),
        (0.25, 0.5, ipywidgets.FloatSlider, ".2f"),
        (0.01, 0.5, ipywidgets.FloatSlider, ".2f"),
        (1, 1, ipywidgets.IntSlider, "d"),
    ],
)
def test_readouts_show_as_many_digits_as_a_step_has(step, value, kind, form):
    slider = Slider("x", "x", minimum=0, maximum=10, step=step, value=value)
    make(lambda parts, x: draw(parts, x), controls=[slider])._repr_mimebundle_()
    (widget,) = widgets(kind)
    assert widget.readout_format == form


def test_logarithmic_widget_speaks_the_slider_s_values():
    slider = Slider("scale", "scale", minimum=0.01, maximum=100, step=0.5, value=1, log=True)
    explorer = make(lambda parts, scale: draw(parts, scale), controls=[slider])
    explorer._repr_mimebundle_()
    (widget,) = widgets(ipywidgets.FloatLogSlider)
    widget.value = 10**0.5
    assert explorer.parameters["scale"] == pytest.approx(10**0.5)
    assert (widget.min, widget.max) == (-2, 2)


def test_set_moves_the_controls_on_display():
    explorer = make()
    explorer._repr_mimebundle_()
    explorer.set(mean=-1.5)
    assert widgets(ipywidgets.FloatSlider)[0].value == -1.5
    assert page().caption == "The curve peaks at −1.5 min."


def test_an_error_is_told_in_words_and_the_explorer_recovers():
    explorer = make(failing_at_an_end)
    explorer._repr_mimebundle_()
    (slider,) = widgets(ipywidgets.FloatSlider)
    slider.value = 1
    slider.value = 2
    shown = page()
    assert "mean μ = 2 min. RuntimeError: no such curve" in shown.error
    assert shown.caption == "The curve peaks at 1 min."
    slider.value = -1
    assert page().error == ""
    assert page().caption == "The curve peaks at −1 min."
    fresh = make()
    fresh.set(mean=-1)
    assert explorer.frame() == fresh.frame()


def test_an_error_that_leaves_artists_half_updated_does_not_spoil_the_next_frame():
    def half(parts, mean):
        parts.axes.set_xlim(-4, 4 if mean != 2 else 40)
        sentence = draw(parts, mean)
        if mean == 2:
            raise ValueError
        return sentence

    explorer, fresh = make(half), make(half)
    explorer._repr_mimebundle_()
    explorer.set(mean=2)
    assert "ValueError. The picture" in page().error
    explorer.set(mean=1)
    fresh.set(mean=1)
    assert explorer.frame() == fresh.frame()


def test_markup_in_words_is_escaped():
    explorer = make(lambda parts, mean: f"{draw(parts, mean)} <b>")
    explorer._repr_mimebundle_()
    assert "&lt;b&gt;" in page().picture
    assert "<b>" not in page().picture


def counting(draw=draw):
    calls = []

    def counted(parts, mean):
        calls.append(mean)
        return draw(parts, mean)

    return counted, calls


def test_a_burst_of_moves_in_a_running_loop_is_drawn_once():
    counted, calls = counting()
    explorer = make(counted)

    async def drag():
        explorer._repr_mimebundle_()
        (slider,) = widgets(ipywidgets.FloatSlider)
        calls.clear()
        for step in range(50):
            slider.value = -2 + 0.5 * (step % 9)
        assert calls == []
        await asyncio.sleep(0.1)

    asyncio.run(drag())
    assert 1 <= len(calls) <= 2
    assert calls[-1] == -2 + 0.5 * (49 % 9)
    assert page().caption == f"The curve peaks at {calls[-1]:g} min."


def test_an_endless_drag_is_drawn_while_it_lasts():
    counted, calls = counting()
    explorer = make(counted)

    async def drag():
        explorer._repr_mimebundle_()
        (slider,) = widgets(ipywidgets.FloatSlider)
        calls.clear()
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            slider.value = 0.5 if slider.value == 0 else 0
            await asyncio.sleep(0.001)

    asyncio.run(drag())
    assert len(calls) >= 2


def test_a_move_after_the_loop_has_ended_is_not_lost():
    counted, calls = counting()
    explorer = make(counted)

    async def move_and_leave():
        widgets(ipywidgets.FloatSlider)[0].value = 1

    explorer._repr_mimebundle_()
    asyncio.run(move_and_leave())
    time.sleep(2 * live.LiveView.PATIENCE)

    async def move_and_wait():
        widgets(ipywidgets.FloatSlider)[0].value = 2
        await asyncio.sleep(0.1)

    asyncio.run(move_and_wait())
    assert calls[-1] == 2


def test_moves_on_another_thread_wait_for_the_frame_in_progress():
    together = []
    inside = threading.Semaphore(1)

    def exclusive(parts, mean):
        together.append(inside.acquire(blocking=False))
        time.sleep(0.002)
        sentence = draw(parts, mean)
        inside.release()
        return sentence

    explorer = make(exclusive)

    def move(values):
        for mean in values:
            explorer.set(mean=mean)

    threads = [threading.Thread(target=move, args=(np.tile([-2, 2, 0], 5) / n,)) for n in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(together) == 30
    assert all(together)


# --- Nothing is left behind --------------------------------------------------------------------------


def test_close_frees_figure_observers_and_widgets():
    before = set(registry._instances)
    explorer = make()
    explorer._repr_mimebundle_()
    (slider,) = widgets(ipywidgets.FloatSlider)
    figure = weakref.ref(explorer._stage.figure)
    explorer.close()
    assert set(registry._instances) == before
    slider.value = 1
    assert explorer.parameters == {"mean": 0}
    gc.collect()
    assert figure() is None
    explorer.close()


def test_a_closed_explorer_can_be_shown_again():
    explorer = make()
    explorer._repr_mimebundle_()
    explorer.close()
    data, _ = explorer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    widgets(ipywidgets.FloatSlider)[0].value = 1
    assert page().caption == "The curve peaks at 1 min."


def test_running_a_cell_again_closes_what_it_showed_before(monkeypatch):
    cell = {"id": "cell-1", "run": "run-1"}
    monkeypatch.setattr(live, "_running_cell", lambda: (cell["id"], cell["run"]))

    def run(number, *names):
        cell["run"] = f"run-{number}"
        explorers = [make(name=name) for name in names]
        for explorer in explorers:
            explorer._repr_mimebundle_()
        return [weakref.ref(explorer) for explorer in explorers]

    first = run(1, "bell", "other")
    alive = len(registry._instances)
    assert all(explorer()._view is not None for explorer in first)  # two explorers of one cell live together
    second = run(2, "bell", "renamed")
    assert len(registry._instances) == alive
    gc.collect()
    assert [explorer() for explorer in first] == [None, None]
    cell["id"] = "cell-2"
    run(3, "bell")
    assert all(explorer() is not None and explorer()._view is not None for explorer in second)


def test_without_cell_ids_the_name_decides():
    first, other, second = make(), make(name="other"), make()
    for explorer in (first, other, second):
        explorer._repr_mimebundle_()
    assert first._view is None
    assert other._view is not None
    assert second._view is not None


def test_showing_the_same_explorer_twice_keeps_its_view():
    explorer = make()
    first, _ = explorer._repr_mimebundle_()
    second, _ = explorer._repr_mimebundle_()
    view = "application/vnd.jupyter.widget-view+json"
    assert first[view] == second[view]


def test_an_explorer_never_shown_is_freed_with_its_figure():
    explorer = make()
    explorer.sweep(random=1)
    figure = weakref.ref(explorer._stage.figure)
    del explorer
    gc.collect()
    assert figure() is None


# --- Through a real kernel ---------------------------------------------------------------------------


KERNEL_CELL = """
import numpy as np
from types import SimpleNamespace
from course_utils.workshop.explorer import Explorer, Slider

draws = []

def build(figure):
    (line,) = figure.subplots().plot([0, 100], [0, 1])
    return SimpleNamespace(line=line)

def draw(parts, height):
    draws.append(height)
    parts.line.set_ydata([0, height / 100])
    return f"The line rises to {height}."

controls = [Slider("height", "height", minimum=0, maximum=100, step=1, value=50)]
Explorer(build, draw, controls, name="line", title="Line", alt="A line.")
"""


@pytest.fixture(scope="module")
def kernel():
    manager, client = start_new_kernel(kernel_name="python3")
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run_cell(client, code):
    """Run code and return the iopub messages of its run."""
    messages = []
    reply = client.execute_interactive(code, timeout=60, output_hook=messages.append)
    assert reply["content"]["status"] == "ok", reply["content"]
    return messages


def test_a_burst_through_a_kernel_draws_the_last_value_and_skips_stale_ones(kernel):
    messages = run_cell(kernel, KERNEL_CELL)
    opened = [message["content"] for message in messages if message["msg_type"] == "comm_open"]
    slider = next(
        content["comm_id"] for content in opened if content["data"]["state"].get("_model_name") == "IntSliderModel"
    )
    (result,) = (message for message in messages if message["msg_type"] == "execute_result")
    assert "application/vnd.jupyter.widget-view+json" in result["content"]["data"]
    run_cell(kernel, "draws.clear()")
    for height in range(51, 101):
        data = {"method": "update", "state": {"value": height}, "buffer_paths": []}
        kernel.shell_channel.send(kernel.session.msg("comm_msg", {"comm_id": slider, "data": data}))
    captions = []
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and not (captions and captions[-1] == "100"):
        message = kernel.get_iopub_msg(timeout=10)
        if message["msg_type"] == "comm_msg":
            state = message["content"]["data"].get("state", {})
            captions += re.findall(r"polite\">The line rises to (\d+)", str(state.get("value", "")))
    assert captions[-1] == "100"
    messages = run_cell(kernel, "print(*draws)")
    (printed,) = (m["content"]["text"] for m in messages if m["msg_type"] == "stream")
    drawn = [int(height) for height in printed.split()]
    assert drawn[-1] == 100
    assert drawn == sorted(drawn)
    assert len(drawn) <= 10


def test_running_the_cell_ten_times_in_a_kernel_leaks_nothing(kernel):
    for _ in range(3):
        run_cell(kernel, KERNEL_CELL)
    count = (
        "import gc, ipywidgets.widgets.widget as registry, matplotlib.figure; "
        "get_ipython().displayhook.flush(); gc.collect(); "
        "print(len(registry._instances), "
        "sum(isinstance(o, matplotlib.figure.Figure) for o in gc.get_objects()))"
    )

    def counted():
        (text,) = (m["content"]["text"] for m in run_cell(kernel, count) if m["msg_type"] == "stream")
        return text

    before = counted()
    for _ in range(7):
        run_cell(kernel, KERNEL_CELL)
    assert counted() == before
