"""Top storey: one room per lesson, which holds its explorers and its exercises, and the data and models that its
notebook and its explorers share, and nothing else."""

import sys
import types

from course_utils.workshop import sealed
from course_utils.workshop.exercises import Exercise

sealed.find_in(__name__)  # what students get holds the exercises in that form


class _Room(types.ModuleType):
    """A lesson's module, in which no exercise can be assigned over: its check would be gone."""

    def __setattr__(self, name, value):
        if isinstance(vars(self).get(name), Exercise) and not isinstance(value, Exercise):
            raise AttributeError(
                f"lesson.{name} is the exercise, with its check, and stays as it is. "
                f"Give your function the name {name}, without `lesson.` before it."
            )
        super().__setattr__(name, value)


def close(name):
    """Keep the exercises of the room with this module name from being assigned over."""
    sys.modules[name].__class__ = _Room
