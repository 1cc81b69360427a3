"""Lesson 01, estimation: the questions about earlier lessons with which it begins."""

import math

from course_utils.workshop.recall import Question

RECALL = (
    Question(
        name="1.1",
        text=(
            "Two log-probabilities are −1000 and −1000.5, and you need the logarithm of the sum of the "
            "*probabilities*. Why is the largest one taken out before anything is exponentiated?"
        ),
        choices=(
            (
                "Because the identity behind it holds only when the largest term is 1, and the plain formula is an "
                "approximation of it."
            ),
            "Because both exponentials would be stored as 0, and with them everything that they say would be gone.",
            "Because probabilities must sum to 1, and taking the largest out normalises them.",
        ),
        right="b",
        reasons={
            "a": (
                "The plain formula is exact too, and the identity holds for every m. What fails is the storing of "
                "e^−1000 in 64 bits."
            ),
            "c": "Nothing is normalised: what is taken out is added again, and the result is unchanged for every m.",
        },
        praise=(
            "In exact arithmetic every m gives the same. The largest keeps all exponentials between 0 and 1, and one "
            "of them at 1."
        ),
    ),
    Question(
        name="1.2",
        text=(
            "Two events that exclude each other have a log-probability of −1000 each. What is the log-probability "
            "that one of the two happens, in nats, to two decimals?"
        ),
        number=-999.31,
        tolerance=0.006,
        reasons={
            -2000.0: (
                "Adding logarithms multiplies probabilities: this is the log-probability that two independent events "
                "both happen."
            ),
            -1000.0: (
                "That is the log-probability of one of them alone, or their mean. Two equally probable events are "
                "together twice as probable."
            ),
            -999.0: "Nearly: what is added is the logarithm of 2, and not a whole nat.",
            -math.inf: (
                "That is what the formula says when it is typed in as it stands: both exponentials are stored as 0."
            ),
        },
        otherwise="Take −1000 out: what is left is the logarithm of 1 + 1.",
        praise="The sum is twice e^−1000, so its logarithm is −1000 + log 2.",
    ),
    Question(
        name="1.3",
        text=(
            "The machine that draws eruptions along a line puts many of its points into the gap between the two "
            "groups, where hardly any eruption lies. What does that say of it?"
        ),
        choices=(
            "That it is not generative, because a generative model draws data like those observed.",
            "Nothing: whether a model is any good is not asked of one that only has to draw.",
            "That it gives probability to what hardly happens: it is generative, and a poor model.",
        ),
        right="c",
        reasons={
            "a": "Generative says that it can draw new data, not that these are good ones.",
            "b": (
                "To draw is not enough: the share of points in a region is the model's statement about how often "
                "that happens, and here it is wrong."
            ),
        },
        praise="It can draw, so it is generative; what it draws can be held against the data, and here it loses.",
    ),
)
