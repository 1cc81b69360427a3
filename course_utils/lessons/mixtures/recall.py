"""Lesson 02, mixtures: the questions about earlier lessons with which it begins."""

from course_utils.workshop.recall import Question

RECALL = (
    Question(
        name="2.1",
        text=(
            "One Gaussian is fitted to waiting times that have two humps. With all 272 of them, the summit of the "
            "likelihood is very sharp. What has one learnt?"
        ),
        choices=(
            "That the waiting times are close to Gaussian, as so sharp a summit would be improbable otherwise.",
            "Which Gaussian is the best one, and nothing about whether a Gaussian is any good.",
            "That the estimate has no bias left, because its uncertainty is nearly zero.",
        ),
        right="b",
        reasons={
            "a": (
                "The summit is sharp because there are many data. It would be as sharp with data that look nothing "
                "like a Gaussian."
            ),
            "c": (
                "Sharp says how little the data leave open within the family. Bias is another thing, and so is the "
                "family being wrong."
            ),
        },
        praise="A sharp likelihood is certainty within a family. The family itself is judged by looking at the data.",
    ),
    Question(
        name="2.2",
        text=(
            "From samples of N = 5 values of a Gaussian with variance 10 the variance is estimated by maximum "
            "likelihood, many times over. What is the average of these estimates?"
        ),
        number=8.0,
        tolerance=0.01,
        reasons={
            10.0: (
                "That would be so if the true mean were known. The sample's own mean lies closer to its points than "
                "the true one does."
            ),
            12.5: (
                "That is N/(N − 1) times the truth: the correction, in the direction in which the error was never made."
            ),
            2.0: "That is the variance of the sample's mean, 10/N; here the spread around that mean is asked for.",
            6.0: "One degree of freedom is lost to the mean, not two.",
        },
        otherwise="The expected value is (N − 1)/N times the true variance.",
        praise="(N − 1)/N of 10. Dividing by N − 1 instead would remove this bias.",
    ),
    Question(
        name="2.3",
        text=(
            "You describe the same prior belief once as a density of σ and once, correctly transformed, as a density "
            "of log σ. What may come out differently?"
        ),
        choices=(
            "The MAP estimate of σ.",
            "The posterior probability that σ lies between 1 and 2.",
            "The maximum-likelihood estimate of σ.",
        ),
        right="a",
        reasons={
            "b": (
                "Probabilities are what the transformation preserves: the interval becomes one for log σ and keeps "
                "its probability."
            ),
            "c": "The likelihood is no density of σ. It gets no factor, and its summit only gets another name.",
        },
        praise=(
            "A density is multiplied by a factor that varies, so its highest point moves. Probabilities, and the "
            "likelihood, do not care."
        ),
    ),
)
