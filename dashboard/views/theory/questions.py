"""The questions of the Theory pages, their answers, and the page of each."""

from typing import NamedTuple


class Asked(NamedTuple):
    """A question of a page.

    Attributes:
        page: Name of the page.
        text: The question.
        choices: Answers to choose from; none if the answer is a number.
        right: Index of the right answer; None if it depends on the page's numbers.
        unit: Unit of a number.
    """

    page: str
    text: str
    choices: tuple[str, ...] = ()
    right: int | None = None
    unit: str = ""


UNSURE = "I cannot tell yet"
"""Last answer to a question that asks for a prediction."""
QUESTIONS = {
    "exercise a": Asked(
        "theory_exercises",
        "Before any number is shown: how do the two sides of (1) compare for this image?",
        (
            "They are equal, up to rounding",
            "The left side is larger: it contains the intractable posterior",
            "The right side is larger: log P(X) is added to it",
            UNSURE,
        ),
        right=0,
    ),
    "exercise b": Asked(
        "theory_exercises",
        "The right side of (9) is computed for this image. What is it, compared with log P(X)?",
        (
            "Larger: the divergence is subtracted on the other side",
            "Never larger",
            "Equal: both sides of (9) are equal",
            UNSURE,
        ),
        right=1,
    ),
    "exercise step": Asked(
        "theory_exercises",
        "How long is U S² Uᵀ ∇f, the step in image space per unit of λ, compared with J v?",
        (
            "Shorter: U Uᵀ leaves out what is orthogonal to the tangent space",
            "As long: it is the same step",
            "Longer: S is squared",
            UNSURE,
        ),
        right=1,
    ),
    "graph": Asked(
        "theory_hidden",
        "Take the arrow from x1 to x3 out of the third graph. Which factor changes, and how?",
        ("p(x1) disappears", "p(x3|x1, x2) becomes p(x3|x2)", "p(x2|x5) becomes p(x2)"),
        right=1,
    ),
    "jensen equality": Asked(
        "theory_inequalities",
        "When would the two numbers be equal?",
        (
            "With enough draws",
            "If p(x, z)/q(z|x) were the same for every code, that is, q(z|x) = p(z|x)",
            "If the decoder were linear",
        ),
        right=1,
    ),
    "terms": Asked(
        "theory",
        "Without the reconstruction: how many nats do the code and the cluster of this image cost "
        "together, that is, what is the sum of the other three terms? The nearest whole number "
        "is enough, with or without its sign.",
        unit="nats",
    ),
    "gap": Asked(
        "theory",
        "At k = 1 the mean of the estimates is a familiar number. Which?",
        (
            "The bound with the best q(c|x, z)",
            "log p(x) itself, only noisier",
            "The reconstruction term",
        ),
        right=0,
    ),
    "larger gap": Asked(
        "theory",
        "Suppose that the mean and the variances of q(z|x) are optimised for this image alone. "
        "Which part of the gap is the larger one?",
        (
            "The one that this closes: the encoder gives a worse Gaussian than the best",
            "The one that remains: no Gaussian with independent coordinates is p(z|x)",
            UNSURE,
        ),
    ),
    "linear gap": Asked(
        "theory_linear_vae",
        "Set f and σ_z to the mean and deviation of p(z|x). What is the KL to the posterior then?",
        ("0: the bound is log p(x)", "Still above 0: a bound is always below", "ln 2"),
        right=0,
    ),
    "plane ellipse": Asked(
        "theory_plane",
        "The ellipse of q(z|x) is short in some direction. What does the decoder do along it?",
        (
            "Its image changes much: a step away reconstructs x badly",
            "Its image hardly changes, so the code is certain",
            "Nothing: the Gaussian of the cluster decides the ellipse",
        ),
        right=0,
    ),
    "sign": Asked(
        "theory_factorisations",
        "Which choice of q(c|x) makes L\u0302 as large as it can be while q(z|x) stays fixed?",
        ("Undecided, 1/K", "Certain of one", "The best, q\u22c6"),
        right=2,
    ),
    "jensen": Asked(
        "theory_factorisations",
        "Set the draws of z to 1. All points fall on the line. Why?",
        (
            "The encoder is then certain",
            "The average over one draw is that draw: both sides are the same number",
            "One draw is too few to see the clusters",
        ),
        right=1,
    ),
    "collapse": Asked(
        "theory_collapse",
        "Step to the epoch at which “Prior reads c” tells the least about the image: its blue bar "
        "is the shortest after epoch 0. Which row of the table is its strip?",
        (
            "Undecided: 1/K for every image",
            "One cluster takes every image",
            "K clusters, certain and evenly used",
        ),
    ),
    "em": Asked(
        "theory_mixtures",
        "Take the points with twins and 4 components or more. Why can maximum likelihood give a "
        "component to the two equal points alone, while maximum a posteriori cannot shrink it?",
        (
            "The prior on the weights forbids small components",
            "The density at the twins diverges as the variance goes to 0, and only the prior on "
            "the variance penalises that",
            "EM stops too early without a prior",
        ),
        right=1,
    ),
    "estimators": Asked(
        "theory_probe",
        "How many draws of the score function are worth one reparameterised draw here?",
        (
            "About as many",
            "Many: as many as the ratio of the two variances",
            "No number is enough: it is biased",
        ),
    ),
    "law": Asked(
        "theory_manifold",
        "If the law left out a term that is linear in the step, what slope would the residual "
        "have?",
        ("0: it would not depend on the step", "1", "2"),
        right=1,
    ),
}
"""By key, in the order of the pages."""
