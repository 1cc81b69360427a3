"""Lesson 08, the variational autoencoder: its problems, for which no formula is given."""

import math
from collections.abc import Mapping

import torch

from course_utils.lessons.vae.clinic import FAULTS, _faults_of_patients
from course_utils.lessons.vae.problem_training import train_vae
from course_utils.models.vae import gaussian_kl, gaussian_log_prob
from course_utils.workshop.exercises import Exercise, Misconception
from course_utils.workshop.outcomes import Finding, OutcomeExercise
from course_utils.workshop.running import Unfit
from course_utils.workshop.verdicts import a, return_words

# --- which VAE is broken in which way ---------------------------------------------------------------------------------

_WOULD_SHOW = {
    "healthy": "A healthy VAE reports what it is worth: the line of its own code and the measured ELBO rise together, "
    "well above the dashed line, and each latent earns a KL of a few nats.",
    "no KL": "Without the KL term codes cost nothing: every latent's KL rises to several times what a healthy one "
    "pays, and the code, which never subtracts it, reports more than its networks are worth, by about the whole KL.",
    "averaged": "With the mean over 64 pixels the KL term weighs 64 times too much: the KL of all latents goes to 0, "
    "the digits all become the mean digit, which is worth the dashed line, and the number reported is small, since it "
    "is a value for each pixel.",
    "no noise": "Without noise the decoder only ever sees the means. The KL term pulls these together at no cost, so "
    "the KL stays near 0, and the report is splendid; but with real draws from q the pictures are garbage, and the "
    "measured ELBO falls off the chart.",
    "gradients kept": "Without zero_grad each step follows the sum of all gradients so far. Like a ball in a bowl "
    "without friction, it runs past the bottom: the ELBO goes up and down by tens of nats and does not settle.",
    "two sigmoids": "Two sigmoids leave values between 0.5 and 0.73: neither white paper nor black ink can be drawn. "
    "Training settles quietly, and far *below* the dashed line of the mean digit.",
    "few digits": "With few digits the training ELBO and the test ELBO part: one goes on rising, the other falls.",
    "no step": "Without a step nothing is learned: all lines stay where they began.",
}

_LOOK_AT = {
    "no KL": "two things: how far its own report is above the measured ELBO, and where its KL stands",
    "two sigmoids": "where it settles, and that report and measurement agree",
    "healthy": "whether report and measurement agree, and where they stand against the dashed line",
    "gradients kept": "whether it settles at all",
    "averaged": "its KL, and the size of the number it reports",
    "no noise": "its report and its measured ELBO together: they go opposite ways",
}

_HASTY = {  # names of slips: (the right fault, the one that was named)
    "collapse without cause": ("averaged", "no step"),
    "no KL seen, so no KL term": ("averaged", "no KL"),
    "a low KL is a collapse": ("no noise", "averaged"),
    "a good report is health": ("no noise", "healthy"),
    "a high ELBO is health": ("no KL", "healthy"),
    "a quiet curve is a collapse": ("two sigmoids", "averaged"),
    "unrest is overfitting": ("gradients kept", "few digits"),
}

_HASTY_WORDS = {
    "collapse without cause": "Here the KL is at 0, but something was learned: the measured ELBO rose to the dashed "
    "line, the worth of the mean digit. Without a step it would have stayed far below, where it began.",
    "no KL seen, so no KL term": "A KL of 0 is not a missing KL term, but the opposite: the term was so heavy that "
    "nothing else counted. Where it is missing, codes are free, and the KL climbs.",
    "a low KL is a collapse": "The KL is near 0, as in a collapse. But a collapsed VAE still draws the mean digit, and "
    "is worth the dashed line; this one is worth far less, and reports far more.",
    "a good report is health": "The report is the best of all, and it is wrong: read as the VAE it was meant to be, it "
    "falls off the chart. Compare what a code says of itself with what is measured.",
    "a high ELBO is health": "Its measured ELBO rises, but look at the other two things: it reports far more than "
    "that, and its KL is more than twice that of the best VAE here.",
    "a quiet curve is a collapse": "Its KL is low, as in a collapse. But then it could still draw the mean digit, "
    "which is worth the dashed line; this one settles far below it, so something keeps it from drawing at all.",
    "unrest is overfitting": "Overfitting is smooth: training and test part slowly. Here both jump together, so it is "
    "the optimiser that is at fault, not the data.",
}

_TO_SAY = "return {letter: fault, …}, one of the faults' names for each of the letters A to F"


def _as_answers(value):
    """Return {letter: fault} from a mapping, from pairs, or from six names in order; or raise `Unfit`."""
    letters = tuple(_faults_of_patients())
    if isinstance(value, (list, tuple)) and len(value) == len(letters) and all(isinstance(one, str) for one in value):
        value = dict(zip(letters, value, strict=True))
    elif isinstance(value, (list, tuple)) and all(isinstance(one, (list, tuple)) and len(one) == 2 for one in value):
        value = dict(value)
    if isinstance(value, Mapping) and value:
        for letter, fault in value.items():
            if not (isinstance(letter, str) and isinstance(fault, str)):
                part, which = (fault, "value") if isinstance(letter, str) else (letter, "key")
                words = f"The {which} at {str(letter)[:20]!r} is {a(part)}, and should be a string: {_TO_SAY}."
                raise Unfit("wrong_type", "the result has the wrong type", words)
    if not isinstance(value, Mapping) or not all(isinstance(part, str) for pair in value.items() for part in pair):
        words = f"The answer should be a dictionary: {_TO_SAY}; you returned {a(value)}."
        raise Unfit("wrong_type", "the result has the wrong type", words + return_words(value))
    answers = {letter.strip(" .").upper(): " ".join(fault.lower().split()) for letter, fault in value.items()}
    missing = [letter for letter in letters if letter not in answers]
    if missing or len(answers) > len(letters):
        what = f"{missing[0]} is missing" if missing else f"{sorted(set(answers) - set(letters))[0]} is none of them"
        raise Unfit("wrong_shape", "not the six letters", f"{what}: {_TO_SAY}.")
    names = {name.lower(): name for name in FAULTS}
    unknown = [fault for fault in answers.values() if fault not in names]
    if unknown:
        known = ", ".join(f'"{name}"' for name in FAULTS)
        raise Unfit("wrong_type", "a fault with another name", f'"{unknown[0][:40]}" is none of the names: {known}.')
    return {letter: names[answers[letter]] for letter in letters}


def _diagnosed(value):
    answers, right = _as_answers(value), _faults_of_patients()
    wrong = [letter for letter in right if answers[letter] != right[letter]]
    if not wrong:
        return Finding(True)
    letter = wrong[0]
    said, true = answers[letter], right[letter]
    slip = next((name for name, pair in _HASTY.items() if pair == (true, said)), "")
    others = len(wrong) - 1
    rest = f" Besides, {others} more {'is' if others == 1 else 'are'} not right yet." if others else ""
    if slip:
        return Finding(False, slip, f"This is about {letter}.{rest}")
    look = f"With {letter}, look at {_LOOK_AT[true]}."
    return Finding(False, "", f'{letter} is not "{said}". {_WOULD_SHOW[said]} {look}{rest}')


def _saying(true, said):
    """Return an answer in which one fault is taken for another, and all else is right."""
    return lambda: {letter: said if fault == true else fault for letter, fault in _faults_of_patients().items()}


diagnose_six = OutcomeExercise(
    name="diagnose_six",
    arguments=(),
    returns="diagnoses",
    reference=_faults_of_patients,
    spellings={
        "in order": lambda: list(_faults_of_patients().values()),
        "pairs": lambda: [(letter.lower(), fault.upper()) for letter, fault in _faults_of_patients().items()],
    },
    probes=[()],
    judge=_diagnosed,
    misconceptions=[Misconception(name, _saying(*pair), _HASTY_WORDS[name]) for name, pair in _HASTY.items()],
    hints=[
        "Begin with two comparisons for each: does the code report what its networks are worth? And is that worth more "
        "than the dashed line, which needs no latent at all?",
        "Then the KL. It climbs where codes cost nothing; it is 0 where they cost too much, or where nothing pushes "
        "the means apart.",
        "Two report more than they are worth: one has a large KL, one has none. Two agree with themselves below the "
        "line: one is quiet, one is not. One lies on the line, and one does all of it right.",
    ],
    praise="Each fault has its signature, and none was visible in a picture of digits. Measure apart from the code "
    "that trains.",
)

# --- the terms of the ELBO where pixels were lost ---------------------------------------------------------------------


class _Decoder:
    """A small decoder (…, L) → (…, D) that bends; it is shared by copies, and equal to itself alone."""

    def __init__(self, weight, bias):
        self.weight, self.bias = (torch.as_tensor(value, dtype=torch.float64) for value in (weight, bias))

    def __call__(self, z):
        return torch.tanh(z @ self.weight) * 1.5 + self.bias

    def __deepcopy__(self, memo):
        return self

    def __repr__(self):
        return f"a decoder (…, {self.weight.shape[0]}) → (…, {self.weight.shape[1]})"


def _log_densities(x, mean, log_var, noise, decode, scale):
    """Log-densities (K, N, D) of the pixels under each draw, with lost ones taken for 0, and which were seen (N, D)."""
    seen = ~torch.isnan(x)
    z = mean + torch.exp(log_var / 2) * noise
    return torch.distributions.Normal(decode(z), scale).log_prob(torch.where(seen, x, 0.0)), seen


def _terms(x, mean, log_var, noise, decode, scale):
    densities, seen = _log_densities(x, mean, log_var, noise, decode, scale)
    return torch.where(seen, densities, 0.0).sum(-1).mean(0), gaussian_kl(mean, log_var)


def _terms_by_hand(x, mean, log_var, noise, decode, scale):
    seen = torch.isfinite(x).double()
    whole = torch.nan_to_num(x)
    reconstruction = 0.0
    for draw in noise:
        residual = (whole - decode(mean + (0.5 * log_var).exp() * draw)) / scale
        pixel = -0.5 * residual.square() - math.log(scale) - 0.5 * math.log(2 * math.pi)
        reconstruction = reconstruction + (seen * pixel).sum(dim=1) / len(noise)
    q = torch.distributions.Normal(mean, (0.5 * log_var).exp())
    return reconstruction, torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(dim=1)


def _terms_digit_by_digit(x, mean, log_var, noise, decode, scale):
    reconstruction = []
    for n, digit in enumerate(x):
        there = torch.isfinite(digit)
        z = mean[n] + (log_var[n] / 2).exp() * noise[:, n]
        squares = (digit[there] - decode(z)[:, there]).square().sum(dim=1).mean()
        reconstruction.append(-squares / (2 * scale**2) - there.sum() * math.log(scale * math.sqrt(2 * math.pi)))
    return torch.stack(reconstruction), (log_var.exp() + mean**2 - 1 - log_var).sum(dim=1) / 2


def _with_reconstruction(change):
    """Build a misconception about the reconstruction term, from the log-densities (K, N, D) and what was seen."""

    def answer(x, mean, log_var, noise, decode, scale):
        densities, seen = _log_densities(x, mean, log_var, noise, decode, scale)
        return change(densities, seen), gaussian_kl(mean, log_var)

    return answer


def _sampled_kl(x, mean, log_var, noise, decode, scale):
    z = mean + torch.exp(log_var / 2) * noise
    log_prior = gaussian_log_prob(z, torch.zeros_like(mean), torch.zeros_like(mean))
    return _terms(x, mean, log_var, noise, decode, scale)[0], (gaussian_log_prob(z, mean, log_var) - log_prior).mean(0)


def _gaps_law(rng):
    draws, digits, latents, pixels = rng.integers(1, 5, 4)
    x = rng.normal(0.3, 0.8, (digits, pixels))
    x[rng.random(x.shape) < 0.15] = 0.0  # white paper that was seen
    x[rng.random(x.shape) < 0.25] = math.nan
    mean, log_var = rng.normal(0, 1, (digits, latents)), rng.normal(-0.7, 1, (digits, latents))
    log_var[rng.random(log_var.shape) < 0.1] = rng.choice([-11.0, 11.0])
    decode = _Decoder(rng.normal(0, 1, (latents, pixels)), rng.normal(0, 0.5, pixels))
    noise = torch.tensor(rng.standard_normal((draws, digits, latents)))
    return *map(torch.tensor, (x, mean, log_var)), noise, decode, float(rng.uniform(0.3, 2.5))


def _tensor(values):
    return torch.tensor(values, dtype=torch.float64)


elbo_terms_with_gaps = Exercise(
    name="elbo_terms_with_gaps",
    arguments=("x", "mean", "log_var", "noise", "decode", "scale"),
    returns=("reconstruction", "kl"),
    reference=_terms,
    spellings={"by hand": _terms_by_hand, "digit by digit": _terms_digit_by_digit},
    probes=[
        (
            *map(_tensor, ([[0.5, 1.0]], [[0.0]], [[0.0]], [[[0.3]]])),
            _Decoder([[1.0, -0.5]], [0.0, 0.2]),
            1.0,
        ),
        (
            *map(_tensor, ([[0.5, math.nan, -0.2], [math.nan, 1.0, 0.4]], [[0.5], [-1.0]], [[-1.0], [0.3]])),
            _tensor([[[0.3], [-0.4]], [[1.2], [0.8]]]),
            _Decoder([[1.0, -0.5, 2.0]], [0.0, 0.2, -0.1]),
            0.5,
        ),
        (
            *map(_tensor, ([[math.nan, math.nan]], [[0.2, -0.3]], [[0.4, -2.0]], [[[0.1, -1.0]]])),
            _Decoder([[0.3, 1.0], [-1.0, 0.5]], [0.1, 0.4]),
            0.2,
        ),
        (
            *map(_tensor, ([[0.0, math.nan, 0.0]], [[0.3, 0.1]], [[-11.0, 11.0]], [[[0.7, -0.02]], [[-0.4, 0.01]]])),
            _Decoder([[0.3, 1.0, 0.1], [-0.1, 0.5, 0.2]], [0.1, 0.4, 0.0]),
            0.005,
        ),
    ],
    law=_gaps_law,
    gradients=("mean", "log_var"),
    misconceptions=[
        Misconception(
            "gaps taken for paper",
            _with_reconstruction(lambda densities, seen: densities.sum(-1).mean(0)),
            "Lost pixels count as if they were 0, white paper. Nobody saw them: p of what was seen is the integral "
            "over the rest, and as pixels are independent given z, the rest integrates to 1. It has no term at all.",
        ),
        Misconception(
            "normaliser of lost pixels",
            lambda x, mean, log_var, noise, decode, scale: (
                _terms(x, mean, log_var, noise, decode, scale)[0]
                - torch.isnan(x).sum(-1) * math.log(scale * math.sqrt(2 * math.pi)),
                gaussian_kl(mean, log_var),
            ),
            "The squared errors are right. But the normaliser −log(σ√(2π)) is counted for all D pixels: it too "
            "belongs to those that were seen.",
        ),
        Misconception(
            "mean over what was seen",
            _with_reconstruction(
                lambda densities, seen: torch.where(seen, densities, 0.0).sum(-1).mean(0) / seen.sum(-1).clamp(min=1)
            ),
            "You average over the pixels that were seen. Their log-densities add up: a digit of which more was seen "
            "says more about its z.",
        ),
        Misconception(
            "scaled up to all pixels",
            _with_reconstruction(
                lambda densities, seen: (
                    torch.where(seen, densities, 0.0).sum(-1).mean(0) * seen.shape[-1] / seen.sum(-1).clamp(min=1)
                )
            ),
            "You scale the sum up, as if the lost pixels were like those that were seen. They are not data, and are no "
            "evidence: nothing stands in their place.",
        ),
        Misconception(
            "digits with gaps left out",
            _with_reconstruction(
                lambda densities, seen: torch.where(seen.all(-1), densities.sum(-1).mean(0), torch.zeros(()).double())
            ),
            "A digit with a gap gets 0, as if nothing of it had been seen. Its other pixels are data like any others.",
        ),
        Misconception(
            "the mean decoded",
            lambda x, mean, log_var, noise, decode, scale: _terms(x, mean, log_var, 0 * noise, decode, scale),
            "You decode the mean of q. The term is an average over draws: z = μ + σε first, for each of the K noises, "
            "then the decoder. Without the noise nothing tells the encoder that a precise code is worth its price.",
        ),
        Misconception(
            "pictures averaged",
            lambda x, mean, log_var, noise, decode, scale: _terms(
                x,
                mean,
                log_var,
                noise[:1],
                lambda z: decode(mean + torch.exp(log_var / 2) * noise).mean(0, keepdim=True),
                scale,
            ),
            "You average the K pictures and compare once. The average belongs outside: of the log-density of each "
            "draw.",
        ),
        Misconception(
            "densities averaged",
            _with_reconstruction(
                lambda densities, seen: (
                    torch.logsumexp(torch.where(seen, densities, 0.0).sum(-1), 0) - math.log(len(densities))
                )
            ),
            "You average densities and take the logarithm after that. The ELBO's term is the average of the "
            "logarithms, by Jensen no larger; yours goes together with other weights, those of section 8.9.",
        ),
        Misconception(
            "draws added up",
            _with_reconstruction(lambda densities, seen: torch.where(seen, densities, 0.0).sum((0, 2))),
            "You add the K draws up. They are an average's: with ten draws the data would count ten times, and the KL "
            "term once.",
        ),
        Misconception(
            "KL from the draws",
            _sampled_kl,
            "The reconstruction term is right. Your KL is estimated from the draws, log q(z) − log p(z): right on "
            "average, and noisy. It has a closed form, and then needs no draw.",
        ),
        Misconception(
            "KL for what was seen",
            lambda x, mean, log_var, noise, decode, scale: (
                _terms(x, mean, log_var, noise, decode, scale)[0],
                gaussian_kl(mean, log_var) * (~torch.isnan(x)).double().mean(-1),
            ),
            "You reduce the KL by the share of pixels that was seen. It is the price of q, however q was found; lost "
            "pixels make it small by themselves, as the encoder has less to say.",
        ),
    ],
    hints=[
        "Two questions apart. What is the density of the pixels that were seen, given z? And how does one average "
        "over q with K noises at hand?",
        "Pixels are independent given z, so a lost one integrates to 1: it has no term, nor a normaliser. Sum over "
        "what was seen, average over the draws. A NaN that is only masked afterwards still ruins the gradient, since "
        "0 · NaN is NaN: replace it before you compute with it.",
        "seen = ~torch.isnan(x), and whole = torch.where(seen, x, 0.0). Then log_prob(whole) of Normal(decode(mean + "
        "torch.exp(log_var / 2) * noise), scale), times seen, sum(-1), mean(0). The KL is that of section 8.3, "
        "sum(-1).",
    ],
    praise="A VAE learns from damaged data without repairing them first: what was not seen has no term.",
)

PROBLEMS = (diagnose_six, elbo_terms_with_gaps, train_vae)
