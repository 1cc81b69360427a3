"""Lesson 06, the reparameterisation trick: the questions about earlier lessons with which it begins."""

from course_utils.workshop.recall import Question

RECALL = (
    Question(
        name="6.1",
        text=(
            "On the 272 eruptions that it was trained on, a linear encoder has a gap of a thousandth of a nat. Now "
            "comes an eruption far away from all of them. Its gap is …"
        ),
        choices=(
            "… of the same size, because the gap is a property of the encoder.",
            "… possibly some nats, because nothing has told the encoder what to say there.",
            "… smaller, because far away the posterior is certain and easy to hit.",
        ),
        right="b",
        reasons={
            "a": (
                "The gap belongs to one point and the encoder's answer for it. Training kept it small where points "
                "were."
            ),
            "c": "A certain posterior is unforgiving: a q that is certain of the wrong component misses it by nats.",
        },
        praise=(
            "An encoder is trained where the data are. Elsewhere it answers all the same, and does not say that it "
            "guesses."
        ),
    ),
    Question(
        name="6.2",
        text=(
            "The posterior has strong correlations, q is a Gaussian with independent coordinates, and its parameters "
            "come from an encoder. What can a deeper encoder make smaller?"
        ),
        choices=(
            "The part of the gap that comes from not giving each point its best φ.",
            "All of the gap, if it is deep enough.",
            "The part that comes from q's independent coordinates.",
        ),
        right="a",
        reasons={
            "b": (
                "Even the best φ for each point describes a q without correlations. No function that gives φ can "
                "repair that."
            ),
            "c": "That is fixed by the family of q. The encoder chooses within the family.",
        },
        praise=(
            "The amortisation gap, that is. The approximation gap belongs to the family, and needs another family."
        ),
    ),
    Question(
        name="6.3",
        text="How many nats is the KL divergence of q = N(2, 1) to the prior N(0, 1)?",
        number=2.0,
        tolerance=0.001,
        reasons={
            4.0: "Right but for the ½ in front of the whole expression.",
            1.0: "The mean enters squared: ½ · 2², and not ½ · 2.",
            0.0: "The variances agree, the means do not, and that costs as well.",
            2.5: "The terms of the variance, σ² − 1 − log σ², cancel here: 1 − 1 − 0.",
            -2.0: "A divergence is never negative.",
        },
        otherwise="The expression is ½(σ² + m² − 1 − log σ²).",
        praise="½(1 + 4 − 1 − 0): only the distance of the mean is paid for.",
    ),
)
