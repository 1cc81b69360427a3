"""Lesson 12, graphs: the questions about earlier lessons with which it begins."""

from course_utils.workshop.recall import Question

RECALL = (
    Question(
        name="12.1",
        text=(
            "In lesson 02 the components of a mixture were renamed, and its density stayed the same. Renumber the 34 "
            "people of a club, rows and columns of their table of friendships together. What should a good encoder of "
            "people do?"
        ),
        choices=(
            "Give the same rows of z in the same order as before, since it is the same club, under other numbers.",
            "Give each person the same z as before, in the new order of the rows.",
            "Give other z's, as a new start of EM gives other components.",
        ),
        right="b",
        reasons={
            "a": (
                "Row 0 is now another person. If its z stayed, the z would belong to the number and not to the person."
            ),
            "c": (
                "Another start is another draw of chance. Here nothing has changed but names, and what depends on "
                "names has not looked at the club."
            ),
        },
        praise="Names are arbitrary, as in lesson 02. There a number had to stay the same; here an order follows.",
    ),
    Question(
        name="12.2",
        text=(
            "An encoder has learned its weights on digits, as in lesson 05. Another learner keeps a mean and a scale "
            "for each digit instead, with no encoder. A new digit arrives. What is the difference?"
        ),
        choices=(
            "The encoder answers at once; the other first optimises a new mean and scale.",
            "Both answer at once, but the encoder's answer is better, since it has seen more digits.",
            "The encoder has to be trained again, and the other has not.",
        ),
        right="a",
        reasons={
            "b": (
                "The other has no answer for what it has not seen. And where it has one, it is at least as good: it is "
                "the encoder that pays the amortisation gap."
            ),
            "c": "It is the other way round: a function of the input can be asked about any input.",
        },
        praise="That is amortisation. Here the input of the encoder will be a whole graph, with one latent for each "
        "node.",
    ),
    Question(
        name="12.3",
        text=(
            "A program averages the reconstruction term over the 64 pixels of a digit, where the ELBO of lesson 08 has "
            "a sum, and adds the KL as it is. Which β of lesson 09 has it chosen without knowing?"
        ),
        number=64.0,
        tolerance=0.01,
        reasons={
            1.0: "β = 1 is the ELBO itself, with a sum over the pixels.",
            1 / 64: "The other way round: the fit has become 64 times smaller, so the KL weighs 64 times more.",
            32.0: "The ½ of the Gaussian stands in the sum and in the mean alike. Only the 64 has changed.",
        },
        otherwise="Multiply the program's objective by whatever turns its mean back into a sum.",
        praise="A mean for a sum is a β in disguise. On a graph there are two kinds of terms to be averaged, and more "
        "disguises.",
    ),
)
