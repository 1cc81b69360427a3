"""Before lesson 00: fifteen questions on what the course takes for granted, by topic."""

from course_utils.workshop.recall import Question

TOPICS: dict[str, tuple[Question, ...]] = {
    "Python and numpy": (
        Question(
            name="P1",
            text="`a` has the shape (4, 1) and `b` the shape (3,). What is `a + b`?",
            choices=(
                "An error, because the shapes differ.",
                "An array of shape (4, 3): each entry of `a` is added to each entry of `b`.",
                "An array of shape (4,): the three entries of `b` are used, and the fourth is left as it is.",
            ),
            right="b",
            reasons={
                "a": "Shapes may differ where one of the two lengths is 1, or missing: numpy then repeats that axis.",
                "c": "Nothing is left out. Axes are matched from the last one, and one of length 1 is repeated.",
            },
            praise="Broadcasting: (4, 1) and (1, 3) become (4, 3). The course adds means to samples in this way.",
        ),
        Question(
            name="P2",
            text="`x` has the shape (100, 3): 100 points with 3 coordinates each. What does `x.mean(axis=0)` give?",
            choices=(
                "The 3 coordinates of the mean point.",
                "The mean of the coordinates of each point, 100 numbers.",
                "The mean of the first point.",
            ),
            right="a",
            reasons={
                "b": "That is `axis=1`. The axis that is named is the one that disappears.",
                "c": "The first point is `x[0]`. `axis=0` names the axis along which one goes, and no place on it.",
            },
            praise="The axis that is named disappears: the average runs over the 100 points.",
        ),
        Question(
            name="P3",
            text="After `x = np.array([1, 2, 3])`, `y = x` and `y[0] = 9`: what is `x[0]`?",
            choices=(
                "1, because only `y` was changed.",
                "An error, because an array cannot be changed in one place.",
                "9, because `x` and `y` are two names of one array.",
            ),
            right="c",
            reasons={
                "a": "`y = x` copies nothing: it gives the array a second name. A copy is `y = x.copy()`.",
                "b": "Arrays and lists can be changed in one place. It is tuples and strings that cannot.",
            },
            praise="So a function that changes its argument changes what its caller holds. The course's checks notice.",
        ),
    ),
    "Probability": (
        Question(
            name="P4",
            text=(
                "One patient in ten has a disease. A test is positive for 80 % of those who have it, and for 20 % of "
                "those who have not. A patient's test is positive. How probable is it that this patient has the "
                "disease? Give a number between 0 and 1, to two decimals."
            ),
            number=4 / 13,
            tolerance=0.006,
            reasons={
                0.8: (
                    "That is the probability of a positive test, given the disease. The reverse is asked for: how many "
                    "of all positive tests come from the diseased."
                ),
                0.08: "That is the probability that both happen, disease and positive test. It must be divided by "
                "the probability of a positive test.",
                0.1: "That is the probability before the test. The test says something, so it changes.",
            },
            otherwise="Imagine 100 patients. Count the positive tests, and those among them of the diseased.",
            praise="Of 100 patients 8 + 18 are positive, and 8 of these have the disease: Bayes' rule by counting.",
        ),
        Question(
            name="P5",
            text=(
                "Two independent measurements have the standard deviations 3 and 4. What is the standard deviation of "
                "their sum?"
            ),
            number=5.0,
            tolerance=0.01,
            reasons={
                7.0: "Standard deviations do not add: the errors cancel in part. It is variances that add.",
                25.0: "That is the variance of the sum. Its root is asked for.",
                3.5: "That is the mean of the two. A sum scatters more than each of its parts.",
            },
            otherwise="For independent quantities the variances add; then take the root.",
            praise="9 + 16 = 25, and the root of it is 5.",
        ),
        Question(
            name="P6",
            text="A quantity has mean 2 and standard deviation 3. What is the mean of its square?",
            number=13.0,
            tolerance=0.01,
            reasons={
                4.0: "That is the square of the mean. The mean of squares is larger, by the variance.",
                9.0: "That is the variance, the mean of the squared distance from the mean, and not from 0.",
                7.0: "The standard deviation has to be squared before it is added to the squared mean.",
            },
            otherwise="The variance is the mean of the square minus the square of the mean.",
            praise="E[x²] = mean² + variance = 4 + 9. The course uses this in every second derivation.",
        ),
    ),
    "Densities": (
        Question(
            name="P7",
            text="A number is drawn evenly from the interval from 0 to 0.5. What is its density at 0.3?",
            choices=(
                "2",
                "0, because a single value has no probability",
                "0.3 / 0.5 = 0.6",
            ),
            right="a",
            reasons={
                "b": "The probability of exactly 0.3 is 0. The density is probability per length, and that is not 0.",
                "c": "That is the probability of a value below 0.3. The density is its slope.",
            },
            praise="The area under a density is 1, so over a width of 0.5 its height is 2: a density may exceed 1.",
        ),
        Question(
            name="P8",
            text=("The density of x is 1.5 near x = 2. How probable is a value between 2 and 2.01? Give a number."),
            number=0.015,
            tolerance=0.001,
            reasons={
                1.5: "That is the density. A probability cannot exceed 1; it is density times width.",
                0.0: "That holds for a single value. An interval, however small, has a probability.",
                150.0: "You divided by the width. A narrower interval must be less probable.",
            },
            otherwise="Probability is density times width, as long as the interval is narrow.",
            praise="Density times width. Sums of such products are integrals, and the course computes many of them so.",
        ),
        Question(
            name="P9",
            text=(
                "Heights are measured in metres, and the density at 1.70 m is 4 per metre. The same heights are now "
                "written in centimetres. What is the density at 170 cm?"
            ),
            number=0.04,
            tolerance=0.001,
            reasons={
                4.0: "The numbers are now spread over an axis a hundred times as long, so the density must be lower.",
                400.0: "The other way round: the axis is a hundred times as long, and the area must stay 1.",
                0.4: "One metre is 100 centimetres, not 10.",
            },
            otherwise="The probability of a small interval stays what it was: density times width, in both units.",
            praise="A density has a unit, one over that of x. So its value, and its peak, depend on how x is written.",
        ),
    ),
    "Logarithms": (
        Question(
            name="P10",
            text=(
                "Natural logarithms, as everywhere in this course: one model gives the data a log-probability of −10, "
                "another −12. How many times as probable are the data under the first? Give a number to one decimal."
            ),
            number=7.389,
            tolerance=0.06,
            reasons={
                2.0: "That is the difference of the logarithms. The ratio of the probabilities is its exponential.",
                1.2: "Logarithms are not divided: a ratio of probabilities is a difference of logarithms.",
                100.0: "That is 10 to the power of 2. The logarithms here are natural: e to the power of 2.",
            },
            otherwise="The logarithm of a ratio is a difference: log(p/q) = log p − log q.",
            praise="e² is about 7.4. Two units of log-probability, two nats, are a factor of 7.4.",
        ),
        Question(
            name="P11",
            text="Instead of a positive function f one maximises log f. What becomes of the place of the maximum?",
            choices=(
                "It moves towards smaller values, because the logarithm flattens large ones.",
                "It is the same only where f is a bell curve.",
                "It stays where it was.",
            ),
            right="c",
            reasons={
                "a": "The height of the summit changes, its place does not: where f is larger, log f is larger too.",
                "b": "No shape is needed. It is enough that the logarithm grows with its argument.",
            },
            praise="The logarithm increases: it keeps the order of all values, and the place of the largest.",
        ),
    ),
    "Gradients": (
        Question(
            name="P12",
            text="What is the derivative of (3w − 1)² with respect to w, at w = 1? Give a number.",
            number=12.0,
            tolerance=0.01,
            reasons={
                4.0: "That is the value, or twice the bracket: the inner derivative, 3, is missing.",
                6.0: "The inner derivative is there, and the factor 2 of the square is missing.",
                2.0: "That is the bracket itself, before anything was differentiated.",
            },
            otherwise="The chain rule: the derivative of the square, 2 · (3w − 1), times that of the bracket.",
            praise="2 · 2 · 3. The networks of the later lessons are long chains of this kind.",
        ),
        Question(
            name="P13",
            text="A loss of two parameters is to become smaller, and its gradient at the present place is (1, −2). "
            "Which small step helps?",
            choices=(
                "One along (1, −2), towards which the gradient points.",
                "One along (−1, 2), against the gradient.",
                "None: a gradient that is not zero says that the place is no minimum, and not where to go.",
            ),
            right="b",
            reasons={
                "a": "The gradient points to where the loss rises fastest. That is the way up.",
                "c": "It says more: its entries are the slopes along each parameter, and so which way is down.",
            },
            praise="Downhill is against the gradient: the first parameter becomes smaller, the second larger.",
        ),
    ),
    "Vectors and matrices": (
        Question(
            name="P14",
            text="`A` has the shape (5, 3). What is `A.T @ A`?",
            choices=(
                "A (3, 3) matrix: the products of each column of `A` with each column.",
                "A (5, 5) matrix: the products of each row of `A` with each row.",
                "A (5, 3) matrix of squares.",
            ),
            right="a",
            reasons={
                "b": "That is `A @ A.T`. The inner sizes must agree and disappear: (3, 5) times (5, 3).",
                "c": "That is `A * A`, entry by entry. The sign `@` multiplies matrices.",
            },
            praise="(3, 5) times (5, 3) gives (3, 3). Divided by 5 it is a covariance, if the means are 0.",
        ),
        Question(
            name="P15",
            text=("Two quantities have the covariance matrix [[4, 1], [1, 4]]. What is the variance of their sum?"),
            number=10.0,
            tolerance=0.01,
            reasons={
                8.0: "These are the two variances. What moves together scatters more: add the covariance twice.",
                9.0: "The covariance stands twice in the matrix, and in the sum.",
                5.0: "That is the sum of one row. The variance of x + y is the sum of all four entries.",
            },
            otherwise="The variance of a sum is aᵀΣa with a = (1, 1): the sum of all entries of Σ.",
            praise="aᵀΣa with a = (1, 1). In this way the course turns covariances of z into covariances of x.",
        ),
    ),
}
"""The questions by topic, in the order in which they are asked."""

PREREQUISITES = {question.name: question for questions in TOPICS.values() for question in questions}
"""The questions by name."""
