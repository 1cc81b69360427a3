"""Lesson 04, variational inference: the questions about earlier lessons with which it begins."""

from course_utils.workshop.recall import Question

RECALL = (
    Question(
        name="4.1",
        text=(
            "For some point log p(x) is −10 nats, and the lower bound with some q is −12.5. How many nats is "
            "KL(q‖p(z|x))?"
        ),
        number=2.5,
        tolerance=0.001,
        reasons={
            -2.5: (
                "A divergence is never negative: the bound lies below log p(x), and what is missing is the divergence."
            ),
            22.5: "The two were added. The divergence is what lies between them.",
            12.5: "That is the bound without its sign. The divergence is its distance from log p(x).",
            0.0: "It is zero only where q is the posterior, and then bound and log p(x) are equal.",
        },
        otherwise="Recall the identity that holds for every q: log p(x) = bound + divergence.",
        praise="The bound lies below log p(x) by exactly the divergence, whatever q is.",
    ),
    Question(
        name="4.2",
        text=(
            "After an exact E-step, the M-step raises the bound by 0.3 nats. By how much has the log-likelihood risen?"
        ),
        choices=(
            "By exactly 0.3, because bound and log-likelihood were equal before.",
            "By 0.3 or more.",
            "By 0.3 or less, because a bound from below shows too much of a gain.",
        ),
        right="b",
        reasons={
            "a": (
                "They were equal before the M-step. After it q belongs to the old parameters, a gap may have opened, "
                "and the log-likelihood lies above the bound."
            ),
            "c": (
                "The bound started at the log-likelihood and cannot rise above it, so the log-likelihood must have "
                "risen at least as much."
            ),
        },
        praise="It started at the bound and now lies on or above it. That is why EM never goes down.",
    ),
    Question(
        name="4.3",
        text=(
            "Now let the hidden label be replaced by a continuous z, and the means by a curved function of z. Which "
            "part of EM fails first?"
        ),
        choices=(
            "The bound: it holds for sums over labels, and not for integrals.",
            "The M-step: without labels there is nothing to average over.",
            "The E-step: the posterior needs an integral that nobody can do.",
        ),
        right="c",
        reasons={
            "a": (
                "The bound rests on a divergence that is never negative, which holds for densities as it does for "
                "probabilities."
            ),
            "b": (
                "It averages log p(x, z) under q, and could do so for any q that one can draw from. What is missing "
                "is the right q."
            ),
        },
        praise="p(z|x) is p(x, z) divided by p(x), and p(x) is that integral. With K labels it was a sum of K terms.",
    ),
)
