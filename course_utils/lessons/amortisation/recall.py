"""Lesson 05, amortised inference: the questions about earlier lessons with which it begins."""

from course_utils.workshop.recall import Question

RECALL = (
    Question(
        name="5.1",
        text=(
            "A Gaussian posterior in two dimensions has the variances 1 and 1, and the correlation 0.9. Mean field "
            "minimises KL(q‖p). Which variance does each factor of q get?"
        ),
        number=0.19,
        tolerance=0.002,
        reasons={
            1.0: "Those are the variances of the marginals. The other divergence, KL(p‖q), would give them.",
            0.81: "That is ρ². What is left of the variance when the other coordinate is known is asked for.",
            0.9: "That is the correlation itself.",
            0.1: "Close to it: the correlation enters squared.",
            0.436: "That is the standard deviation; the variance was asked for.",
        },
        otherwise="Each factor gets 1/Λ_ii, the variance of one coordinate when the other is known.",
        praise="1 − ρ²: mean field mistakes the variance given the other coordinate for the variance.",
    ),
    Question(
        name="5.2",
        text=(
            "On the same data, model A has an ELBO of −100 nats and model B one of −101. Which of them has the "
            "higher evidence?"
        ),
        choices=(
            "That cannot be said: B's gap may be larger than A's by more than a nat.",
            "A: both numbers are bounds on the evidence, and A's is higher.",
            "B: the model with the lower bound must have the looser one.",
        ),
        right="a",
        reasons={
            "b": (
                "A's evidence is at least −100 and B's at least −101. Two bounds from below do not order what lies "
                "above them."
            ),
            "c": (
                "A lower bound may be lower because the evidence is. Nothing tells the two reasons apart without a "
                "look at the gaps."
            ),
        },
        praise="A higher ELBO may mean a better model, or a q that happens to fit better.",
    ),
    Question(
        name="5.3",
        text=(
            "For a target with two humps far apart, the Gaussian with the smallest KL(q‖p) sits on one hump alone. "
            "Why is it not punished for the other?"
        ),
        choices=(
            "Because the other hump holds too little probability to matter in any divergence.",
            "Because the optimiser was caught; the true minimum covers both humps.",
            "Because the average is taken under q, which hardly ever looks there.",
        ),
        right="c",
        reasons={
            "a": (
                "In KL(p‖q) it matters very much: there q is close to zero where p is not, and the average is taken "
                "under p."
            ),
            "b": (
                "To reach both humps q would have to cover the gap, where p is almost zero, and for that the price "
                "is higher."
            ),
        },
        praise="KL(q‖p) asks at the places that q visits whether p is there too, and nowhere else.",
    ),
)
