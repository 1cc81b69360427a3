"""Lesson 08, the variational autoencoder: the questions about earlier lessons with which it begins."""

from course_utils.workshop.recall import Question

RECALL = (
    Question(
        name="8.1",
        text=(
            "An autoencoder rebuilds unseen digits almost without an error. Codes drawn evenly from the box around "
            "its codes decode to blots. Why?"
        ),
        choices=(
            "Its loss looks at the codes of data alone. What lies between them was never asked for.",
            "It is overfitted: with more training data the blots would vanish.",
            "Its code has too few numbers: a wider one would leave less room for blots.",
        ),
        right="a",
        reasons={
            "b": (
                "An overfitted network fails on unseen digits, and this one does not. The blots come from codes that "
                "belong to no digit."
            ),
            "c": "The other way round: the more numbers, the smaller the part of the box that digits fill.",
        },
        praise=(
            "Reconstruction says nothing about codes between the data. That is what the prior of this lesson is for."
        ),
    ),
    Question(
        name="8.2",
        text=(
            "A covariance matrix (divided by N) has the eigenvalues 5, 3, 1.5 and 0.5. PCA keeps two components. "
            "What is the mean squared distance between a point and its reconstruction?"
        ),
        number=2.0,
        tolerance=0.001,
        reasons={
            8.0: "That is the variance that is kept. The error is what is left out.",
            0.2: "That is the share of the variance that is lost; the distance itself was asked for.",
            0.8: "That is the share of the variance that is kept.",
            0.5: "That is the smallest eigenvalue alone. Two directions are left out.",
            1.0: "The error is the sum over the directions left out, not their mean.",
        },
        otherwise="Sum the eigenvalues of the directions that are left out.",
        praise="1.5 + 0.5: each direction left out costs its variance.",
    ),
    Question(
        name="8.3",
        text=(
            "The ELBO is an average over z ~ q, and φ decides what q is. Somebody draws z with `sample()`, puts it "
            "into log p(x, z), and calls `backward()`. What is wrong with the gradient that φ receives from this "
            "term?"
        ),
        choices=(
            "It is right on average, but its variance is far too large.",
            "It is right if more than one z is drawn and the average is taken.",
            "It is absent: the draw is a number that no longer knows of φ.",
        ),
        right="c",
        reasons={
            "a": (
                "That would be the score-function estimator, for which log q has to be differentiated as well. Here "
                "nothing is."
            ),
            "b": "Each draw is cut off from φ, and so is their average.",
        },
        praise="And no warning is given. With z = μ + σε the draw is a function of φ, and the gradient passes.",
    ),
)
