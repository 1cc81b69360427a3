"""Lesson 09, the β-VAE: the questions about earlier lessons with which it begins."""

from course_utils.workshop.recall import Question

RECALL = (
    Question(
        name="9.1",
        text=(
            "A VAE has a Gaussian likelihood with fixed variance c. By mistake the squared error is averaged over "
            "the 784 pixels in place of summed; the KL term stays. What does training do now?"
        ),
        choices=(
            "The same as before, with a smaller learning rate.",
            "The same as a VAE whose c is 784 times larger: few nats are worth their price.",
            "The same as a VAE whose c is 784 times smaller: the reconstructions get sharper.",
        ),
        right="b",
        reasons={
            "a": "A learning rate divides both terms. Here one of two was divided, and their balance has changed.",
            "c": "The error was made cheaper, not dearer. A likelihood that forgives much has a large variance.",
        },
        praise=(
            "The codes tend to collapse onto the prior. No bug is reported: the loss is a proper one, for another "
            "model."
        ),
    ),
    Question(
        name="9.2",
        text="For every image, the KL of the third latent is 0.00 nats. What do you know?",
        choices=(
            "That its posterior has shrunk to a point.",
            "That it is well regularised, and carries what the prior allows.",
            "That its code says nothing about the image.",
        ),
        right="c",
        reasons={
            "a": "A very narrow posterior has a very large KL. At zero it is as wide as the prior.",
            "b": "Whatever tells two images apart costs nats. At no cost nothing is told.",
        },
        praise=(
            "q equals the prior for each image, so a draw from it is the same noise for all. The latent has collapsed."
        ),
    ),
    Question(
        name="9.3",
        text=(
            "For one image the reconstruction term is −80 nats and the KL term 20 nats. Suppose that log p(x) is "
            "−97. How far from the posterior is q, in nats of KL(q‖p(z|x))?"
        ),
        number=3.0,
        tolerance=0.001,
        reasons={
            20.0: "That is the distance of q from the prior.",
            17.0: "This compares log p(x) with the reconstruction term alone. The bound is −80 − 20.",
            37.0: "The KL term is subtracted from the reconstruction term, not added to it.",
            -3.0: "A divergence is never negative: log p(x) minus the bound.",
            -100.0: "That is the bound. Say how far below log p(x) it lies.",
        },
        otherwise="First the ELBO from its two terms, then its distance from log p(x).",
        praise=(
            "The ELBO is −100, and lies below log p(x) by KL(q‖posterior). The other KL, of 20 nats, is that to the "
            "prior."
        ),
    ),
)
