"""What is stored and compared: what breaks its rules."""

from nbformat.v4 import new_output

from breaches.lesson import PNG, code, find, insert_after, printed, replace, shown
from breaches.registry import breaks
from tools.execute import WIDGET_VIEW


@breaks("executed", "execution count None, not 3")
def never_run(notebook, module):
    notebook.cells[find(notebook, "data =")].execution_count = None


@breaks("executed", "execution count 7, not 3")
def run_out_of_order(notebook, module):
    notebook.cells[find(notebook, "data =")].execution_count = 7


@breaks("no_errors", "stores an error: ValueError")
def stored_error(notebook, module):
    notebook.cells[2].outputs = [new_output("error", ename="ValueError", evalue="no", traceback=[])]


@breaks("no_errors", "writes to stderr: 'UserWarning'")
def stored_warning(notebook, module):
    notebook.cells[2].outputs = [new_output("stream", name="stderr", text="UserWarning")]


@breaks("compared", "shows something (print), but no output is stored")
def stripped_output(notebook, module):
    notebook.cells[find(notebook, "print(mean)")].outputs = []


@breaks("compared", "shows something (check)")
def stripped_verdict(notebook, module):
    notebook.cells[find(notebook, "def mean_of")].outputs = []


@breaks("compared", "shows something (its last line)")
def stripped_value(notebook, module):
    insert_after(notebook, "data =", code("mean"))


@breaks("compared", "shows something (claim)")
def stripped_claim_in_a_loop(notebook, module):
    insert_after(notebook, "data =", code("for k in range(3):\n    claim('k', k, at_least=0)"))


@breaks("compared", "no line with ✓")
def claim_without_its_line(notebook, module):
    notebook.cells[find(notebook, "# Check: ")].outputs = [printed("something else")]


@breaks("compared", "ignored by nbval")
def ignored_claim(notebook, module):
    notebook.cells[find(notebook, "# Check: ")].metadata.tags = ["nbval-ignore-output"]


@breaks("compared", "holds the comment NBVAL_IGNORE_OUTPUT")
def ignored_by_comment(notebook, module):
    replace(notebook, "print(mean)", "# NBVAL_IGNORE_OUTPUT\nprint(mean)")


@breaks("compared", "ends with ';'")
def semicolon(notebook, module):
    replace(notebook, "print(mean)", "print(mean);")


@breaks("no_widget_state", "hold the state of widgets")
def widget_state(notebook, module):
    notebook.metadata["widgets"] = {}


@breaks("no_widget_state", "stores the view of a live widget")
def widget_view(notebook, module):
    notebook.cells[find(notebook, "lesson.EXPLORERS")].outputs[0].data[WIDGET_VIEW] = {"model_id": "1"}


@breaks("figures", "without <img alt=…>")
def bare_picture(notebook, module):
    del notebook.cells[find(notebook, "# Figure: ")].outputs[0].data["text/html"]


@breaks("figures", "alternative text 'points'")
def short_alt(notebook, module):
    data = notebook.cells[find(notebook, "# Figure: ")].outputs[0].data
    data["text/html"] = f"<img src='data:image/png;base64,{PNG}' alt='points'/>"


@breaks("figures", "same alternative text as cell")
def repeated_alt(notebook, module):
    outputs = notebook.cells[find(notebook, "# Figure: ")].outputs
    outputs.append(outputs[0])


@breaks("figures", "plain text is '<Figure size")
def plain_text_of_matplotlib(notebook, module):
    notebook.cells[find(notebook, "# Figure: ")].outputs[0].data["text/plain"] = "<Figure size 640x480 with 1 Axes>"


@breaks("figures", "shows a picture with the alternative text ''")
def markdown_picture_without_alt(notebook, module):
    replace(notebook, "the data, with two clusters that overlap", "")


@breaks("portable", "a path of one machine: /home/me/data.csv")
def absolute_path(notebook, module):
    notebook.cells[2].outputs = [printed("read '/home/me/data.csv'")]


@breaks("portable", "a path of one machine: C:\\Users\\me")
def windows_path(notebook, module):
    replace(notebook, "data = ", "where = r'C:\\Users\\me'\ndata = ")


@breaks("portable", "the address of an object: at 0x7f")
def object_address(notebook, module):
    notebook.cells[2].outputs = [shown("<matplotlib.axes.Axes at 0x7f0123>")]


@breaks("portable", "another machine rounds otherwise: 11.51120")
def raw_numbers(notebook, module):
    notebook.cells[2].outputs = [shown("History(loss=[11.511201858520508, 8.4])")]
