"""Lesson 16, put to work: the questions about earlier lessons with which it begins."""

from course_utils.workshop.recall import Question

RECALL = (
    Question(
        name="16.1",
        text=(
            "Four draws from q have the weights w = p(x, z)/q(z) of 6, 1, 1 and 0, and the values 2, 5, 1 and 11 of "
            "some function of z. What is the estimate of its posterior mean?"
        ),
        number=2.25,
        tolerance=0.001,
        reasons={
            4.75: "That is the average over the draws, as if they came from the posterior. Each counts by its weight.",
            18.0: "That is the sum of weight times value. The weights have to add up to 1: divide by their sum.",
            4.5: "You divided by the number of draws. That estimates p(x) times the mean; divide by the weights' sum.",
            2.0: "That is the value of the draw with the largest weight. The others have a share too.",
            2.667: "You counted all draws with a weight above 0 alike. The first one counts six times as much.",
            6.0: "You divided by the number of draws with a weight above 0. The sum of the weights is 8.",
        },
        otherwise="Weight times value, added up, divided by the sum of the weights.",
        praise=(
            "18 of 8. This lesson weighs its draws by what was seen of a picture, and the function of z is a hidden "
            "pixel."
        ),
    ),
    Question(
        name="16.2",
        text=(
            "Two VAEs are compared by their bounds on the same test pictures. The first has −98.0 nats, the second "
            "−99.5. Does the first give these pictures the higher log p(x)?"
        ),
        choices=(
            "Yes: the bound is below log p(x) by the same gap for every model that was trained to the end.",
            "Not necessarily: each bound lies below its log p(x) by a gap of its own, which may differ by more.",
            "No: the larger the bound, the larger the gap, and so the smaller is the log-density itself.",
        ),
        right="b",
        reasons={
            "a": "The gap is KL(q ‖ p(z|x)): it depends on how well *this* q fits *this* posterior, trained or not.",
            "c": "Nothing forces that. The bound is log p(x) minus the gap, and both may change in any direction.",
        },
        praise=(
            "Importance-weighted draws come nearer to log p(x). An alarm that is built on a bound mixes the two: an "
            "odd picture may have a low density, or only a bad q."
        ),
    ),
    Question(
        name="16.3",
        text=(
            "Anomalies have the scores 3 and 1, ordinary pictures 2, 1 and 0. What is the AUC, if a coin decides where "
            "scores are equal?"
        ),
        number=0.75,
        tolerance=0.001,
        reasons={
            0.667: "You counted the equal pair as lost. A coin decides: it is half a win.",
            0.833: "You counted the equal pair as won. A coin decides: it is half a win.",
            0.8: "You left the equal pair out. It is one of the six pairs, and half a win.",
            0.25: "That is how often the ordinary picture has the higher score.",
            4.5: "That is the number of wins. Divide by the number of pairs.",
        },
        otherwise="Compare each anomaly with each ordinary picture: six comparisons, of which one is a tie.",
        praise="4½ of 6. This lesson asks what a good order is worth where an alarm needs a threshold.",
    ),
)
