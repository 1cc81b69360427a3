"""Lesson 14, richer posteriors: the questions about earlier lessons with which it begins."""

from course_utils.workshop.recall import Question

RECALL = (
    Question(
        name="14.1",
        text=(
            "For one picture log p(x) is −85 nats. The encoder's q has an ELBO of −90, and refining this q for the "
            "picture alone ends at −88, the best that its family can do. How many nats can a richer family win at most "
            "over the refined q?"
        ),
        number=3.0,
        tolerance=0.001,
        reasons={
            5.0: "That is the whole gap. Two nats of it the encoder loses within its family; refinement has them back.",
            2.0: "That is the amortisation gap, which refinement closed. Asked for is what it could not close.",
            -3.0: "Right but for the sign: the bound can rise by so much.",
            1.0: "That is the difference of the two gaps. The approximation gap itself was asked for.",
        },
        otherwise="Ask what is left between the best member of the family and log p(x).",
        praise="The approximation gap, which no encoder and no refinement closes. This lesson does.",
    ),
    Question(
        name="14.2",
        text=(
            "Draws come from q, and w = p(x, z)/q(z). The logarithm of the *mean* of five weights is taken, again and "
            "again with new draws. What is its average?"
        ),
        choices=(
            "log p(x), because the mean of the weights is an unbiased estimate of p(x).",
            "The ELBO with less noise, because five draws are averaged.",
            "Something between the ELBO and log p(x).",
        ),
        right="c",
        reasons={
            "a": (
                "The mean is unbiased, and its logarithm is not: a logarithm is concave, so by Jensen it lies too low "
                "on average."
            ),
            "b": (
                "That would be the mean of the five logarithms. Here the mean is taken first, and the logarithm of a "
                "mean is larger."
            ),
        },
        praise="Lesson 08 used it to judge a model. Here it becomes the objective.",
    ),
    Question(
        name="14.3",
        text=(
            "The gradient of the ELBO along z = μ + σε has two parts: one comes through z, the other is the score of "
            "q, since μ and σ stand in log q(z) as well. By mistake the second part is left out. What happens?"
        ),
        choices=(
            "On average nothing: the expected score is zero, and where q is the posterior the noise is gone too.",
            "The gradient is biased: it is now that of the expected log-joint alone, and q shrinks to a point.",
            "The gradient stays right on average, but becomes noisier, since the score was a control variate.",
        ),
        right="a",
        reasons={
            "b": "log q(z) still changes through z, and that part holds q apart. What was dropped has mean zero.",
            "c": (
                "It can work as one, far from the optimum. But at the posterior the path is 0 for every draw, and the "
                "score is all the noise there is."
            ),
        },
        praise="Sticking the landing. With several draws the same thought needs more care, as we shall see.",
    ),
)
