"""Lesson 15, richer priors and clustering: the questions about earlier lessons with which it begins."""

from course_utils.workshop.recall import Question

RECALL = (
    Question(
        name="15.1",
        text=(
            "A mixture has two components with the weights ¾ and ¼. At some x their densities are 0.2 and 0.6. With "
            "which probability does x come from the first?"
        ),
        number=0.5,
        tolerance=0.001,
        reasons={
            0.25: "That would be so with equal weights. Beforehand the first component is three times as probable.",
            0.75: "That is its weight, before x was seen. The densities at x say something too.",
            0.15: "That is weight times density, the joint. Divide by the sum over both components.",
            0.3: "That is the density of the mixture at x.",
            0.9: "You divided by the density. Bayes' rule multiplies by it.",
        },
        otherwise="Weight times density for each component, divided by the sum of both.",
        praise="0.15 of 0.30. In this lesson z takes the place of x, and the prior is the mixture.",
    ),
    Question(
        name="15.2",
        text=(
            "A VAE has been trained with the prior N(0, I), and its KL term is a few nats for each picture. Codes "
            "drawn from the prior often decode to scraps. How can that be?"
        ),
        choices=(
            "The KL term pulls each q towards the prior, and yet together they do not fill it.",
            "The decoder is overfitted: it decodes well only the very codes that it was trained on.",
            "The KL term counts too little: in a correct ELBO each q equals the prior.",
        ),
        right="a",
        reasons={
            "b": ("Codes of unseen pictures decode well. The trouble is with codes that belong to no picture at all."),
            "c": "If each q were the prior, a code would say nothing about its picture, and nothing could be decoded.",
        },
        praise=(
            "Where no q has put mass, the decoder was never told what to draw. What the q fill together is this "
            "lesson's subject."
        ),
    ),
    Question(
        name="15.3",
        text=(
            "The average KL term of a VAE is 9.0 nats. Of these, 6.5 are mutual information of image and code, and 0.9 "
            "are total correlation. How far is the aggregate posterior, as a whole, from the prior, in nats of KL?"
        ),
        number=2.5,
        tolerance=0.001,
        reasons={
            1.6: "That is the dimension-wise part. The latents' dependence is a distance from N(0, I) too.",
            0.9: "That is its distance from the product of its own marginals. These are not the prior.",
            7.4: "That counts the mutual information in, and leaves the dimension-wise part out.",
            8.1: "The mutual information is what a code says about its own image. The aggregate knows no image.",
            9.0: "That is the average distance of the single q. Together they lie nearer, by the mutual information.",
            6.5: "That is the part that would be left if prior and aggregate posterior were equal.",
        },
        otherwise="Of the three parts, add the two that say how the aggregate posterior differs from the prior.",
        praise="9.0 − 6.5: the second and third part together. A better prior can save these 2.5 nats, and no more.",
    ),
)
