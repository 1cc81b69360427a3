"""Submissions that no checker should stumble over. Each takes any number of arguments."""

import random
import sys
import time

import numpy as np
import torch


class _LoopsWhenConverted:
    def __array__(self, dtype=None, copy=None):
        while True:
            pass


class _LoopsWhenShown(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def _raises(*arguments):
    raise ValueError("x" * 10_000)


def _raises_strangely(*arguments):
    raise _LoopsWhenShown


def _recurses(*arguments):
    return _recurses(*arguments)


def _recurses_through_c(*arguments):
    return sorted([2, 1], key=lambda _: _recurses_through_c(*arguments))


def _loops(*arguments):
    while True:
        pass


def _loops_and_catches(*arguments):
    while True:
        try:
            while True:
                len("x")
        except BaseException:
            pass


def _loops_and_catches_each_step(*arguments):
    step = 0
    while True:
        try:
            step += 1
        except:  # noqa: E722
            continue


def _catches_around_a_call(*arguments):
    def inner():
        while True:
            try:
                sum(range(10))
            finally:
                len("x")

    while True:
        try:
            inner()
        except BaseException:
            len("y")


def _loops_printing(*arguments):
    while True:
        print("still here")


def _appends(*arguments):
    history = []
    while True:
        history.append(1.5 * len(history))


def _fills_a_dict(*arguments):
    history = {}
    while True:
        history[len(history)] = [1.0]


def _grows_a_comprehension(*arguments):
    return [[float(i)] for i in iter(int, 1)]


def _sleeps(*arguments):
    time.sleep(20)


def _prints(*arguments):
    print("x" * 100_000)
    return 0.0


def _mutates(*arguments):
    for value in arguments:
        if isinstance(value, (np.ndarray, torch.Tensor)) and value.ndim:
            value[...] = 0
    return 0.0


def _seeds(*arguments):
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    return float(np.random.rand())


def _closes_figures(*arguments):
    import matplotlib.pyplot as plt

    plt.close("all")
    return 0.0


def _exits(*arguments):
    sys.exit(3)


def _yields(*arguments):
    while True:
        yield 1.0


def _interrupts(*arguments):
    raise KeyboardInterrupt


class _AnswersEverything:
    def __getattr__(self, name):
        return 1

    def __call__(self, *arguments):
        return 0.0


class _RefusesEverything:
    def __getattribute__(self, name):
        raise RuntimeError("no")

    def __call__(self, *arguments):
        return 0.0


def _returns(value):
    return lambda *arguments: value


CALLABLES = {
    "raises": _raises,
    "raises strangely": _raises_strangely,
    "recurses": _recurses,
    "recurses through C": _recurses_through_c,
    "prints": _prints,
    "mutates": _mutates,
    "seeds": _seeds,
    "closes figures": _closes_figures,
    "exits": _exits,
    "yields": _yields,
    "interrupts": _interrupts,
    "answers every question": _AnswersEverything(),
    "answers no question": _RefusesEverything(),
    "takes nothing": lambda: 0.0,
    "takes only keywords": lambda *, a=1: 0.0,
    "returns None": _returns(None),
    "returns text": _returns("3.0"),
    "returns a dict": _returns({"a": 1}),
    "returns a set": _returns({1.0}),
    "returns a function": _returns(len),
    "returns complex": _returns(1 + 2j),
    "returns a complex array": _returns(np.ones(3, dtype=complex)),
    "returns a complex tensor": _returns(torch.ones(3, dtype=torch.complex64)),
    "returns objects": _returns(np.array([None, "a"], dtype=object)),
    "returns a ragged list": _returns([[1.0], [1.0, 2.0]]),
    "returns an empty list": _returns([]),
    "returns an empty tuple": _returns(()),
    "returns NaN": _returns(float("nan")),
    "returns infinity": _returns(float("inf")),
    "returns NaNs": _returns(np.full(3, np.nan)),
    "returns a pair of NaN": _returns((np.nan, np.nan)),
    "returns a huge integer": _returns(10**1000),
    "returns a huge array": _returns(np.broadcast_to(0.0, (10**6, 10**6))),
    "returns a huge tensor": _returns(torch.zeros(1).expand(10**6, 10**6)),
    "returns itself in a list": (lambda holder: (holder.append(holder), _returns(holder))[1])([]),
    "returns dates": _returns(np.array(["2020-01-01"], dtype="datetime64[D]")),
    "returns a meta tensor": _returns(torch.ones(3, device="meta")),
    "returns a sparse tensor": _returns(torch.eye(3).to_sparse()),
    "returns a boolean": _returns(True),
    "returns a masked array": _returns(np.ma.masked_all(3)),
}
SLOW = {  # each of these costs the whole time limit
    "loops": _loops,
    "loops and catches everything": _loops_and_catches,
    "loops and catches each step": _loops_and_catches_each_step,
    "catches around a call": _catches_around_a_call,
    "loops printing": _loops_printing,
    "appends": _appends,
    "fills a dict": _fills_a_dict,
    "grows a comprehension": _grows_a_comprehension,
    "sleeps": _sleeps,
    "loops when converted": lambda *arguments: _LoopsWhenConverted(),
}
NOT_FUNCTIONS = {
    "None": None,
    "a number": 3.0,
    "text": "def f(): ...",
    "a class": int,
    "an array": np.ones(3),
}
