"""Wrong versions of lesson 03's central formulas: the claims of the notebook must reject every one of them.

A mutant is one edit in the notebook's own code. The code cells are then run from the top until a claim fails.
"""

from typing import NamedTuple

from mutations import AS_IT_STANDS, objections

LESSON = "03_expectation_maximization.ipynb"


class Mutant(NamedTuple):
    """A plausible slip: what stands in the notebook, what somebody might write, and the claim that notices."""

    right: str
    wrong: str
    noticed_by: str


M_STEP_CLAIM = "after the M-step, Q has no slope"
MAP_CLAIM = "our MAP step is course_utils's"
IDENTITY_CLAIM = "𝓛 + KL(q‖p(z|x)) = log p(x)"

MUTANTS = {
    # With exact responsibilities the bound touches the log-likelihood: which of two claims fails first is rounding.
    "homework of the instructor's guide: the flat E-step made exact": Mutant(
        "special.softmax(table / 2, axis=1)",
        "special.softmax(table, axis=1)",
        "a wrong E-step: the",
    ),
    "the long eruptions keep their shape": Mutant(
        "centred @ (narrow @ np.linalg.inv(broad)).T",
        "centred",
        "with the long eruptions in the short ones' shape, two of one shape beat three",
    ),
    "Jensen: unweighted average of the logs": Mutant(
        "- np.sum(q * np.log(t), axis=1)", "- np.mean(np.log(t), axis=1)", "log of the average"
    ),
    "joint: π_k left out": Mutant(
        "return np.log(weights) + np.column_stack(columns)",
        "return np.column_stack(columns)",
        "our table of log p(x, z) is course_utils's",
    ),
    "bound: entropy with the wrong sign": Mutant(
        "q * table - special.xlogy(q, q)", "q * table + special.xlogy(q, q)", IDENTITY_CLAIM
    ),
    "bound: entropy left out": Mutant("q * table - special.xlogy(q, q)", "q * table", IDENTITY_CLAIM),
    "divergence: the other direction": Mutant(
        "special.rel_entr(guesses, posterior)", "special.rel_entr(posterior, guesses)", IDENTITY_CLAIM
    ),
    "bound in one parameter: q follows the new value": Mutant(
        "q = special.softmax(log_joint_of(old, scale), axis=1)",
        "q = special.softmax(log_joint_of(mean, scale), axis=1)",
        "the weighted average is the bound's summit",
    ),
    "one-parameter M-step: N for N_k": Mutant(
        "return r @ waiting / r.sum()",
        "return r @ waiting / len(waiting)",
        "the weighted average is the bound's summit",
    ),
    "M-step: N for N_k in the means": Mutant(
        "means = r.T @ data / counts[:, None]\n    offsets", "means = r.T @ data / len(data)\n    offsets", M_STEP_CLAIM
    ),
    "M-step: N for N_k in the covariances": Mutant(
        "r, offsets, offsets) / counts[:, None, None]", "r, offsets, offsets) / len(data)", M_STEP_CLAIM
    ),
    "M-step: covariance around the old means": Mutant(
        "offsets = data[:, None, :] - means\n", "offsets = data[:, None, :] - theta[1]\n", M_STEP_CLAIM
    ),
    "M-step: outer product lost": Mutant(
        "r, offsets, offsets) / counts[:, None, None]",
        "r, offsets, offsets) * np.eye(2) / counts[:, None, None]",
        M_STEP_CLAIM,
    ),
    "M-step: responsibilities squared": Mutant(
        "r, offsets, offsets) / counts[:, None, None]", "r**2, offsets, offsets) / counts[:, None, None]", M_STEP_CLAIM
    ),
    "M-step: N_k − 1": Mutant(
        "r, offsets, offsets) / counts[:, None, None]",
        "r, offsets, offsets) / (counts - 1)[:, None, None]",
        M_STEP_CLAIM,
    ),
    "M-step: equal weights": Mutant("return counts / len(data), means", "return np.full(2, 0.5), means", M_STEP_CLAIM),
    "E-step: normalised over the data": Mutant(
        "return maximise(data, special.softmax(log_joint(data, *theta), axis=1))",
        "return maximise(data, special.softmax(log_joint(data, *theta), axis=0))",
        "our EM step is course_utils's",
    ),
    "MAP: α for α − 1": Mutant(
        "(counts + alpha - 1) / (len(data) + len(counts) * (alpha - 1))",
        "(counts + alpha) / (len(data) + len(counts) * alpha)",
        f"{MAP_CLAIM}: weights",
    ),
    "MAP: prior mean without its strength": Mutant(
        "+ kappa * prior.mean) / (counts + kappa)", "+ prior.mean) / (counts + 1)", f"{MAP_CLAIM}: means"
    ),
    "MAP: pull towards the prior mean left out of the covariance": Mutant(
        "scatter += (counts * kappa", "scatter += 0 * (counts * kappa", f"{MAP_CLAIM}: covariances"
    ),
    "MAP: ν + D + 1, the mean's own factor forgotten": Mutant(
        "prior.degrees_of_freedom + data.shape[1] + 2",
        "prior.degrees_of_freedom + data.shape[1] + 1",
        f"{MAP_CLAIM}: covariances",
    ),
    "rate: doubt left out of the missing information": Mutant(
        "r * (1 - r) * (waiting - end) ** 2", "r * (waiting - end) ** 2", "the slope of EM's map"
    ),
    "rate: one factor σ² too many": Mutant(
        "(waiting - end) ** 2) / scale**2 / r.sum()",
        "(waiting - end) ** 2) / scale**4 / r.sum()",
        "the slope of EM's map",
    ),
    "rate: complete and observed information swapped": Mutant(
        "torch.linalg.solve(complete, observed)", "torch.linalg.solve(observed, complete)", "J = I − I_com⁻¹ I_obs"
    ),
    "hard E-step: not hard": Mutant(
        "return np.eye(table.shape[1])[table.argmax(axis=1)]",
        "return special.softmax(table, axis=1)",
        "a wrong E-step: the",
    ),
}


def test_each_wrong_formula_is_rejected_by_the_claim_named_for_it():
    found = objections(LESSON, MUTANTS)
    assert found.pop(AS_IT_STANDS) is None
    wrong = {
        name: found[name] for name, mutant in MUTANTS.items() if not str(found[name]).startswith(mutant.noticed_by)
    }
    assert not wrong
