"""Lesson 11, the denoising VAE: the questions about earlier lessons with which it begins."""

from course_utils.workshop.recall import Question

RECALL = (
    Question(
        name="11.1",
        text=(
            "For a test digit log p(x) is −90 nats. The best diagonal Gaussian reaches an ELBO of −94, the encoder's "
            "answer one of −97. How many of these nats can only a richer family of q bring back?"
        ),
        number=4.0,
        tolerance=0.001,
        reasons={
            3.0: "Those lie between the encoder's answer and the best Gaussian: a better encoder brings them back.",
            7.0: "That is the whole inference gap. A part of it a better encoder of the same family would close.",
            -4.0: "A gap is counted from the evidence down, and is never negative.",
        },
        otherwise="The approximation gap is what separates the best member of the family from log p(x).",
        praise="The approximation gap, 4 nats; the other 3 are the amortisation gap.",
    ),
    Question(
        name="11.2",
        text=(
            "Points on a line are damaged by Gaussian noise with σ = 0.5. The best denoiser maps the damaged point 2 "
            "to 1.5. What is the slope of the log-density of *damaged* points at 2?"
        ),
        number=-2.0,
        tolerance=0.001,
        reasons={
            2.0: "The denoiser goes to where points are denser, here to the left: the log-density falls to the right.",
            -0.5: "That is the residual itself. It is σ² times the slope.",
            -1.0: "You divided by σ. The residual is σ² times the slope, so divide by the variance.",
            -0.125: "You multiplied by σ². The residual *is* σ² times the slope: divide.",
        },
        otherwise="By Tweedie's formula the residual, denoised minus damaged, is σ² times the slope.",
        praise="−0.5/0.25: a denoiser's residual is σ² times the score of the damaged density.",
    ),
    Question(
        name="11.3",
        text=(
            "An encoder gives the right means, but lets the scales of its q shrink towards 0. What becomes of the ELBO?"
        ),
        choices=(
            "It rises to log p(x): no draw misses the right code any more.",
            "It falls without bound: the KL grows like −log σ, the reconstruction hardly at all.",
            "It stays near its best: KL and reconstruction change by opposite amounts.",
        ),
        right="b",
        reasons={
            "a": (
                "The reconstruction term rises, but only to its value at the mean. At log p(x) the ELBO is for q = "
                "posterior, and that is no point."
            ),
            "c": (
                "They balance at the best scale only, and only to first order. Below it the KL grows for ever, and the "
                "reconstruction does not."
            ),
        },
        praise="So a width has a best value, and this lesson meets a noise that puts a floor under it.",
    ),
)
