"""Lesson 13, text and topics: the questions about earlier lessons with which it begins."""

from course_utils.workshop.recall import Question

RECALL = (
    Question(
        name="13.1",
        text=(
            "A decoder is so flexible that it gives every x the probability p(x) that it has in the data, whatever the "
            "code is. Encoder and prior are Gaussian, and the ELBO is maximised over the encoder. What becomes of q?"
        ),
        choices=(
            "It narrows around one code for each x, since the reconstruction can then be made perfect.",
            "It becomes the prior, the same for all x.",
            "It can be anything, because the ELBO does not depend on it.",
        ),
        right="b",
        reasons={
            "a": (
                "The reconstruction is the same for every code here, so a narrow q gains nothing. It only pays a "
                "larger KL term."
            ),
            "c": "The reconstruction does not depend on q, but the KL term does, and it is smallest at the prior.",
        },
        praise=(
            "The KL term is 0, and the code says nothing. Nothing has gone wrong with the optimiser: for such a "
            "decoder it is the optimum. This lesson's decoder comes close to it."
        ),
    ),
    Question(
        name="13.2",
        text=(
            "Lesson 09's β was raised in the course of training from 0 to 1, over the first steps, and stays at 1. "
            "What is the objective at the end, compared with that of plain training?"
        ),
        choices=(
            "The same ELBO. Only the way there was another one.",
            "A looser bound on log p(x), because the KL was counted too little for a time.",
            "An ELBO with a wider prior, as if the first steps had changed what the model is.",
        ),
        right="a",
        reasons={
            "b": "At β = 1 it is the ELBO itself. What happened before is no part of the objective, only of its path.",
            "c": "A prior is changed by training its parameters or by choosing another. β did neither, and is 1 now.",
        },
        praise="So warm-up can help where training would get stuck, and not where the optimum itself is at fault.",
    ),
    Question(
        name="13.3",
        text=(
            "z has the standard normal density in two dimensions. It is mirrored, y = Hz with H = I − 2vvᵀ and v of "
            "length 1, and q is the density of y. By how many nats does log q(y) differ from the standard "
            "normal log-density at z?"
        ),
        number=0.0,
        tolerance=0.001,
        reasons={
            0.693147: "That is log 2. The 2 in H takes a point to the other side; it stretches nothing: |det H| = 1.",
            -0.693147: "That is −log 2. The 2 in H takes a point to the other side; it stretches nothing: |det H| = 1.",
            1.0: "That is |det H|. The log-density changes by its logarithm.",
            -1.0: "That is the determinant of H itself. The log-density changes by the logarithm of its size.",
        },
        otherwise="The log-density changes by −log|det H|, and the eigenvalues of a mirror are 1 and −1.",
        praise="A mirror leaves volumes alone, so it costs nothing in the density: not even a determinant.",
    ),
)
