"""Exercises, explorers and claims: what breaks its rules."""

from types import SimpleNamespace

from breaches.lesson import code, exercise, find, insert_after, printed, replace, replace_verdict, text
from breaches.registry import breaks


@breaks("exercises", "must hold one function with a docstring")
def starter_with_code(notebook, module):
    replace(notebook, "    ...", "    y = 1\n    ...")


@breaks("exercises", "must hold one function with a docstring")
def starter_without_docstring(notebook, module):
    replace(notebook, '    """Return the mean_of of x."""\n', "")


@breaks("exercises", "then `lesson.….check(…)`")
def starter_without_check(notebook, module):
    replace(notebook, "lesson.mean_of.check(mean_of)", "")


@breaks("exercises", "must start with '### Exercise N.k · Title'")
def exercise_without_title(notebook, module):
    replace(notebook, "### Exercise 1.1 · The mean_of", "### The mean")


@breaks("exercises", "must give the signature, `mean_of(…)`")
def exercise_without_signature(notebook, module):
    replace(notebook, "`mean_of(x)`", "it")


@breaks("exercises", "must be the exercise's text, tagged exercise")
def untagged_exercise(notebook, module):
    del notebook.cells[find(notebook, "### Exercise 1.1")].metadata["tags"]


@breaks("exercises", "with jp-MarkdownHeadingCollapsed")
def open_solution(notebook, module):
    del notebook.cells[find(notebook, "#### Solution")].metadata["jp-MarkdownHeadingCollapsed"]


@breaks("exercises", "with jp-MarkdownHeadingCollapsed")
def untagged_solution_heading(notebook, module):
    del notebook.cells[find(notebook, "#### Solution")].metadata["tags"]


@breaks("exercises", "must follow its heading, tagged solution")
def untagged_solution(notebook, module):
    del notebook.cells[find(notebook, "#### Solution") + 1].metadata["tags"]


@breaks("exercises", "calls a check, but is tagged neither")
def check_in_another_cell(notebook, module):
    insert_after(notebook, "data =", code("lesson.mean_of.check(np.mean)", printed("✓ Correct")))


@breaks("exercises", "belongs to no exercise")
def lonely_solution(notebook, module):
    notebook.cells[find(notebook, "data =")].metadata["tags"] = ["solution"]


@breaks("exercises", "must define mean_of with the same arguments")
def other_arguments(notebook, module):
    notebook.cells[find(notebook, "#### Solution") + 1].source = "def mean_of(y):\n    return y"


@breaks("exercises", "must end with lesson.mean_of.check(mean_of)")
def solution_without_check(notebook, module):
    cell = notebook.cells[find(notebook, "#### Solution") + 1]
    cell.source = cell.source.replace("lesson.mean_of.check", "print")


@breaks("exercises", "not '✓ Correct'")
def wrong_solution(notebook, module):
    replace_verdict(notebook, "✓ Correct", "✗ Not yet")


@breaks("exercises", "not '○ Not attempted yet'")
def attempted_starter(notebook, module):
    replace_verdict(notebook, "○ Not attempted yet: mean_of", "✓ Correct")


@breaks("exercises", "or JupyterLab folds it away")
def words_after_the_solution(notebook, module):
    notebook.cells.insert(find(notebook, "### Exercise 1.2"), text("And so on."))


@breaks("exercises", "two exercises ask for the function mean_of")
def same_exercise_twice(notebook, module):
    notebook.cells += exercise(5, "mean_of")


@breaks("independence", "uses mean_of, which a student defines")
def used_answer(notebook, module):
    replace(notebook, "And if one", "Then:")
    insert_after(notebook, "## 1.2", code("m = mean_of(data)"))


@breaks("independence", "uses helper, which a student defines")
def used_helper(notebook, module):
    replace(notebook, "return x * 1", "return x * 1\n\n\nhelper = 3")
    insert_after(notebook, "## 1.2", code("def f(x):\n    return x + helper"))


@breaks("exercises_declared", "neither EXERCISES nor PROBLEMS has it")
def undeclared_exercise(notebook, module):
    module.EXERCISES = module.EXERCISES[1:]


@breaks("exercises_declared", "declares extra, which no cell asks for")
def unused_exercise(notebook, module):
    module.EXERCISES += (SimpleNamespace(name="extra", arguments=(), misconceptions=()),)


@breaks("exercises_declared", "declares hard, which no cell asks for")
def unused_problem(notebook, module):
    module.PROBLEMS = (SimpleNamespace(name="hard", arguments=(), misconceptions=()),)


@breaks("exercises_declared", "takes other arguments than (data, axis)")
def undeclared_arguments(notebook, module):
    module.mean_of.arguments = ("data", "axis")


@breaks("exercises_declared", "checks lesson.average, not lesson.mean_of")
def exercise_by_another_name(notebook, module):
    module.average = module.mean_of
    replace(notebook, "lesson.mean_of.check", "lesson.average.check")


@breaks("recall", "RECALL must hold 3 questions, named 1.1 to 1.3")
def two_questions(notebook, module):
    module.RECALL = module.RECALL[:2]


@breaks("recall", "RECALL must hold 3 questions, named 1.1 to 1.3")
def misnumbered_questions(notebook, module):
    module.RECALL = module.RECALL[::-1]


@breaks("recall", "0 cells are tagged recall")
def no_recall(notebook, module):
    del notebook.cells[find(notebook, "lesson.RECALL")]


@breaks("recall", "must hold 3 lines")
def answered_question(notebook, module):
    replace(notebook, "RECALL[1].check(...)", "RECALL[1].check('b')")


@breaks("recall", "must follow the text of its questions")
def other_words(notebook, module):
    replace(notebook, "**b** · two", "**b** · three")


@breaks("recall", "must have the slide type skip")
def recall_on_slides(notebook, module):
    notebook.cells[find(notebook, "### Before you begin")].metadata.slideshow.slide_type = "subslide"


@breaks("recall", "must store 3 verdicts")
def stored_answer(notebook, module):
    notebook.cells[find(notebook, "lesson.RECALL")].outputs[2].data["text/plain"] = "✓ Correct: question 1.3"


@breaks("recall", "must stand before the first section")
def late_recall(notebook, module):
    at = find(notebook, "### Before you begin")
    notebook.cells += [notebook.cells.pop(at), notebook.cells.pop(at)]


@breaks("explorers", "must follow a question")
def no_question(notebook, module):
    replace(notebook, "what does the slider of the coin do?", "here it is.")


@breaks("explorers", "must follow a question")
def no_prediction(notebook, module):
    replace(notebook, "Predict, then move: what", "What", start="Predict")


@breaks("explorers", "must be followed by its answer")
def no_answer(notebook, module):
    del notebook.cells[find(notebook, "lesson.EXPLORERS") + 1 :]


@breaks("explorers", "must be followed by its answer")
def open_answer(notebook, module):
    replace(notebook, "<details><summary>Answer</summary>\n\n", "")


@breaks("explorers", "must be followed by its answer")
def answer_without_blank_lines(notebook, module):
    replace(notebook, "<summary>Answer</summary>\n\n", "<summary>Answer</summary>\n")


@breaks("explorers", "stores no static picture")
def no_static_picture(notebook, module):
    del notebook.cells[find(notebook, "lesson.EXPLORERS")].outputs[0].data["image/png"]


@breaks("explorers_declared", "shows the explorer coin without the tag")
def untagged_explorer(notebook, module):
    del notebook.cells[find(notebook, 'lesson.EXPLORERS["coin"]')].metadata["tags"]


@breaks("explorers_declared", "shows none of EXPLORERS")
def undeclared_explorer(notebook, module):
    del module.EXPLORERS["coin"]


@breaks("explorers_declared", "EXPLORERS holds extra, which the notebook does not show")
def unused_explorer(notebook, module):
    module.EXPLORERS["extra"] = lambda: None


@breaks("minimums", "5 claims, fewer than 6")
def few_claims(notebook, module):
    del notebook.cells[find(notebook, "# Check: ")]


@breaks("minimums", "1 explorers, fewer than 2")
def few_explorers(notebook, module):
    del notebook.cells[find(notebook, "lesson.EXPLORERS")]


@breaks("minimums", "3 exercises, fewer than 4")
def few_exercises(notebook, module):
    del notebook.cells[find(notebook, "def mean_of")]


@breaks("minimums", "the exercise sum_of knows 2 misconceptions")
def few_misconceptions(notebook, module):
    module.sum_of.misconceptions = ("a", "b")
