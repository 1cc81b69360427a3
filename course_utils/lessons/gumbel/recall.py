"""Lesson 10, the Gumbel trick: the questions about earlier lessons with which it begins."""

from course_utils.workshop.recall import Question

RECALL = (
    Question(
        name="10.1",
        text=(
            "A Gaussian VAE has the fixed variance c = 0.1 and β = 4. Another has c = 0.4. With which β does it make "
            "the same trade between error and KL?"
        ),
        number=1.0,
        tolerance=0.001,
        reasons={
            16.0: "The other way round: with a larger c the error already counts less, so less β is needed.",
            4.0: "The factor of the squared error, 1/(2c), has changed: the same β is now another price.",
            0.4: "What must stay the same is the product βc, which was 0.4. Divide it by the new c.",
        },
        otherwise="Multiply the objective by c: squared error over 2, plus βc times the KL.",
        praise="Only βc counts, 0.4 for both. β is the decoder's variance in disguise.",
    ),
    Question(
        name="10.2",
        text="A code with Gaussian latents has a total correlation of zero. What follows?",
        choices=(
            "That its latents are independent of each other, and they may still mix the factors.",
            "That each latent stands for one factor of the data.",
            "That the KL to the prior is zero, and the code empty.",
        ),
        right="a",
        reasons={
            "b": (
                "Rotate independent standard Gaussians and they stay independent, while each is now a mixture of "
                "what they stood for."
            ),
            "c": (
                "Total correlation is one part of the KL. The mutual information of code and data may be as large as "
                "it likes."
            ),
        },
        praise="Independence does not choose axes. That is why data alone cannot find them.",
    ),
    Question(
        name="10.3",
        text=(
            "The Gaussian z of a VAE is to be replaced by a choice among eight. What of the reparameterisation trick "
            "breaks down?"
        ),
        choices=(
            "No noise is known of which a categorical draw is a function.",
            "The KL term no longer has a closed form.",
            "The draw as a function of the logits, noise held fixed, is a staircase.",
        ),
        right="c",
        reasons={
            "a": (
                "Uniform noise and a table of cumulated probabilities do it. One can draw; one cannot differentiate."
            ),
            "b": "It becomes a sum of eight terms, easier than before.",
        },
        praise="Its slope is 0 almost everywhere, and nothing at the steps. This lesson is about what can be done.",
    ),
)
