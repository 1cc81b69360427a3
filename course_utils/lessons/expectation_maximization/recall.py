"""Lesson 03, expectation–maximization: the questions about earlier lessons with which it begins."""

from course_utils.workshop.recall import Question

RECALL = (
    Question(
        name="3.1",
        text=(
            "An eruption lies far away from both components of a mixture, yet the responsibility of one of them for "
            "it is 0.999. What follows?"
        ),
        choices=(
            "That this component produces such eruptions often.",
            "That this component is by far the better explanation of the two, however bad it may be.",
            "That at most one eruption in a thousand lies so far out.",
        ),
        right="b",
        reasons={
            "a": (
                "A responsibility compares the two components with each other. How often one of them reaches out so "
                "far is told by its density, which may be tiny."
            ),
            "c": "0.001 is the share of the other component in the blame for this point, and no tail probability.",
        },
        praise="Undecided and unusual are two things: responsibilities measure the first, densities the second.",
    ),
    Question(
        name="3.2",
        text=(
            "A mixture has the weights 0.2 and 0.8. At some point the density of the first component is 0.04, that "
            "of the second 0.01. What is the responsibility of the first component for this point?"
        ),
        number=0.5,
        tolerance=0.001,
        reasons={
            0.8: (
                "This compares the densities alone, 0.04 with 0.01. The weights speak too: before the point was "
                "seen, the second component was four times as probable."
            ),
            0.2: "That is its weight, its probability before the point was seen.",
            0.008: (
                "That is weight times density, the upper half of Bayes' rule. Divide by the sum over both components."
            ),
            0.04: "That is its density. Multiply by the weight, and divide by the sum over both components.",
        },
        otherwise="Weight times density for each of the two, and the first divided by the sum.",
        praise=(
            "0.2 · 0.04 and 0.8 · 0.01 are equal: prior and likelihood pull with the same force in opposite directions."
        ),
    ),
    Question(
        name="3.3",
        text=(
            "While a mixture of two Gaussians is fitted, the log-likelihood climbs and climbs, by about the same "
            "amount whenever one of the widths is halved. What is going on?"
        ),
        choices=(
            "The optimiser takes steps that are too large, and runs past the summit.",
            "The data are close to having two sharp groups, and the fit is about to find them.",
            "One component sits on a single point and shrinks, while the other takes care of all the others.",
        ),
        right="c",
        reasons={
            "a": (
                "Past a summit the value would fall. Here every single step is a true improvement, and that is the "
                "trouble."
            ),
            "b": (
                "A group of several points has a width below which the likelihood falls again. Only on one point it "
                "grows for ever."
            ),
        },
        praise=(
            "The likelihood of a mixture has no upper bound: log 2 more for each halving. A prior on the widths "
            "closes the trap."
        ),
    ),
)
