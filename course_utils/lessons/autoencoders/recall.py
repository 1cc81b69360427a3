"""Lesson 07, autoencoders: the questions about earlier lessons with which it begins."""

from course_utils.workshop.recall import Question

RECALL = (
    Question(
        name="7.1",
        text=(
            "f(z) is 1 for z > 0 and 0 elsewhere, and z ~ N(μ, 1). Which estimator has the derivative of E[f(z)] "
            "with respect to μ as its mean?"
        ),
        choices=(
            "The pathwise one: slope of f at the draw, times ∂z/∂μ = 1.",
            "None: as f jumps, the expectation has no derivative.",
            "The score function: f(z)(z − μ).",
        ),
        right="c",
        reasons={
            "a": (
                "The slope of f is 0 on either side of the jump, so every single estimate is 0. The true derivative "
                "is not."
            ),
            "b": (
                "The expectation is the probability that z is positive, which is a smooth function of μ. Averaging "
                "has rounded the jump off."
            ),
        },
        praise="It needs only values of f. The pathwise estimator needs a slope that says what f does.",
    ),
    Question(
        name="7.2",
        text="From f in the score-function estimator f(z) ∇log q(z) the constant 7 is subtracted. What happens?",
        choices=(
            "Its mean falls by 7.",
            "Its mean stays what it was; its variance changes.",
            "Its mean stays what it was only if 7 is the mean of f.",
        ),
        right="b",
        reasons={
            "a": "What is subtracted is 7 times the score, and the mean of the score is 0.",
            "c": (
                "The score has mean 0 whatever constant multiplies it. A good constant is good for the variance only."
            ),
        },
        praise="Every baseline is free of bias. Which one makes the variance small is the question.",
    ),
    Question(
        name="7.3",
        text=(
            "A model has 1000 data points; the log-prior of its parameters is −3. A minibatch of 50 points has the "
            "log-likelihood −75. What is the estimate of log p(X, θ) from this minibatch?"
        ),
        number=-1503.0,
        tolerance=0.01,
        reasons={
            -78.0: "The minibatch stands for all 1000 points: its part is to be multiplied by N/B = 20.",
            -1560.0: "The prior was multiplied as well. It is there once, however many points there are.",
            -1500.0: "The points are counted rightly; the log-prior is missing.",
            -78.15: "Here the prior was divided; it is the minibatch that has to be multiplied.",
        },
        otherwise="The minibatch's part times N/B, plus the prior once.",
        praise="20 · (−75) − 3. Without the factor the prior would have twenty times its weight.",
    ),
)
