"""A lesson's room keeps its exercises."""

import importlib

import pytest
from test_lesson_exercises import EXERCISES


@pytest.mark.parametrize("name", EXERCISES)
def test_an_exercise_is_not_assigned_over(name):
    room, exercise = name.split(".")
    lesson = importlib.import_module(f"course_utils.lessons.{room}")
    before = getattr(lesson, exercise)
    with pytest.raises(AttributeError, match=f"Give your function the name {exercise}, without `lesson.`"):
        setattr(lesson, exercise, lambda *arguments: 0.0)
    assert getattr(lesson, exercise) is before


def test_everything_else_in_a_room_can_be_set():
    lesson = importlib.import_module("course_utils.lessons.start_here")
    lesson.note = 1
    lesson.note = 2
    assert lesson.note == 2
    del lesson.note
    importlib.reload(lesson)
    assert "log_sum_exp" in repr(lesson.log_sum_exp)
