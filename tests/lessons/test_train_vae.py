"""Lesson 08's VAE from an empty cell: right ones pass whatever the seed, others are told why they do not."""

import functools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.lessons.vae import problem_training as training
from course_utils.models.vae import VAE, gaussian_kl

EXERCISE = training.train_vae


@pytest.fixture(autouse=True)
def no_failures_are_counted():
    yield
    EXERCISE._failures = EXERCISE._hints_given = 0


def trained(**settings):
    """A training by the lesson's loop, broken or not."""
    return lambda data: training._train(data, **settings)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("settings", [{}, {"latents": 6, "rate": 5e-3}, {"latents": 20, "epochs": 60}], ids=str)
def test_right_ones_pass_whatever_the_seed(settings, seed):
    torch.manual_seed(100 + seed)
    verdict = EXERCISE.examine(trained(**settings))
    assert verdict.correct, str(verdict)


def elbo(pair, x):
    """The test ELBO, computed apart from the judge."""
    encode, decode = pair
    with torch.no_grad():
        mean, log_var = encode(x)
        q = torch.distributions.Normal(mean, torch.exp(log_var / 2))
        fit = torch.distributions.Bernoulli(logits=decode(q.sample((50,)))).log_prob(x).sum(-1).mean()
        return (fit - torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(-1).mean()).item()


def test_the_goal_leaves_room_on_both_sides():
    train, test = training._black_and_white()
    worth = []
    for seed in range(3):
        torch.manual_seed(seed)
        worth.append(elbo(training._train(train), test))
    assert min(worth) > training.GOAL + 0.5
    mean_digit = train.mean(0).clamp(1e-3, 1 - 1e-3)
    without = torch.distributions.Bernoulli(mean_digit).log_prob(test).sum(-1).mean().item()
    assert without == pytest.approx(-24.3, abs=0.05)  # as the exercise's text says
    assert max(worth) - without > 5
    assert without < training.GOAL - 4


def test_the_judge_measures_what_another_computes():
    torch.manual_seed(0)
    train, test = training._black_and_white()
    encode, decode = training._train(train, epochs=3)
    words = EXERCISE.examine(lambda data: (encode, decode)).detail
    measured = float(words.split("an ELBO of ")[1].split(" nats")[0])
    assert measured == pytest.approx(elbo((encode, decode), test), abs=0.4)


def test_the_digits_are_neither_of_the_lessons():
    train, test = training._black_and_white()
    images, _, others, _ = training.split_digits()
    assert train.shape == (1500, 64)
    assert test.shape == (297, 64)
    assert set(torch.cat([train, test]).unique().tolist()) == {0.0, 1.0}
    for mine, lessons in ((train, images), (test, others)):
        black = (lessons > 0.5).float()
        assert torch.equal(mine.reshape(-1, 8, 8), black.reshape(-1, 8, 8).flip(2))
        assert not torch.equal(mine, black)
    both = {tuple(row) for row in train.tolist()} & {tuple(row) for row in test.tolist()}
    assert len(both) < 0.05 * len(test)  # few test digits agree with a training digit in every pixel


# --- right in other ways ----------------------------------------------------------------------------------------------


def _weights_by_hand(data):
    """No module and no optimiser: matrices, and steps with momentum."""
    sizes = [(64, 100), (100,), (100, 16), (16,), (8, 100), (100,), (100, 64), (64,)]
    weights = [torch.randn(size) / math.sqrt(max(size[0], 16)) * (len(size) > 1) for size in sizes]
    weights = [weight.requires_grad_() for weight in weights]
    first, second = ([torch.zeros_like(weight) for weight in weights] for _ in range(2))

    def encode(x):
        out = torch.tanh(x @ weights[0] + weights[1]) @ weights[2] + weights[3]
        return out[:, :8], out[:, 8:]

    def decode(z):
        return torch.tanh(z @ weights[4] + weights[5]) @ weights[6] + weights[7]

    for step in range(1, 901):
        x = data[torch.randint(len(data), (100,))]
        mean, log_var = encode(x)
        logits = decode(mean + (log_var / 2).exp() * torch.randn_like(mean))
        loss = (F.softplus(logits) - x * logits).sum(1) + gaussian_kl(mean, log_var)
        for weight, slope, m, v in zip(weights, torch.autograd.grad(loss.mean(), weights), first, second, strict=True):
            m.mul_(0.9).add_(0.1 * slope)
            v.mul_(0.999).add_(0.001 * slope**2)
            with torch.no_grad():
                weight -= 4e-3 * (m / (1 - 0.9**step)) / ((v / (1 - 0.999**step)).sqrt() + 1e-8)
    return encode, decode


def _warmed_up(data):
    """The KL's weight rises from 0 to 1, and the loss is one number for the batch."""
    encoder, decoder = training._networks(12)
    optimizer = torch.optim.AdamW([{"params": encoder.parameters()}, {"params": decoder.parameters()}], lr=4e-3)
    for epoch in range(60):
        for (x,) in torch.utils.data.DataLoader(torch.utils.data.TensorDataset(data), batch_size=100, shuffle=True):
            mean, log_var = torch.split(encoder(x), 12, dim=1)
            logits = decoder(mean + log_var.mul(0.5).exp() * torch.randn(mean.shape))
            loss = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
            loss = (loss + min(1, epoch / 10) * gaussian_kl(mean, log_var).sum()) / len(x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return [lambda x: tuple(torch.split(encoder(x), 12, dim=1)), decoder.eval()]


class _Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.ELU(), nn.Flatten(),
            nn.Linear(256, 64), nn.ELU(), nn.Linear(64, 16),
        )  # fmt: skip
        self.decoder = nn.Sequential(nn.Linear(8, 100), nn.ELU(), nn.Linear(100, 64))

    def encode(self, x):
        return self.encoder(x).chunk(2, 1)


def _convolutional(data):
    model = _Convolutional()
    optimizer = torch.optim.Adam(model.parameters(), 4e-3)
    for _ in range(40):
        for x in data[torch.randperm(1500)].split(75):
            mean, log_var = model.encode(x)
            logits = model.decoder(mean + torch.exp(log_var / 2) * torch.randn_like(mean))
            loss = (gaussian_kl(mean, log_var) - training._pixels(logits, x).sum(1)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model.encode, model.decoder


def _with_linear_decoder_bias_at_the_mean(data):
    model = VAE(64, 10, (128,), seed=1).start_at_mean(data)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(50):
        for x in data[torch.randperm(1500)].split(100):
            optimizer.zero_grad()
            (-model.elbo(x, samples=2).mean()).backward()
            optimizer.step()
    return model.encode, model.decoder


def _in_numpy_at_the_end(data):
    encode, decode = training._train(data, latents=9)
    return lambda x: [part.detach().numpy() for part in encode(x)], lambda z: decode(z).detach().numpy().astype("f2")


RIGHT = {
    "weights by hand": _weights_by_hand,
    "warmed up": _warmed_up,
    "convolutional": _convolutional,
    "biases at the mean": _with_linear_decoder_bias_at_the_mean,
    "numpy at the end": _in_numpy_at_the_end,
    "seeded and printing": lambda data: (torch.manual_seed(4), print("epoch 1"), training._train(data))[2],
}


@pytest.mark.parametrize("way", RIGHT)
def test_other_right_ways_pass(way):
    torch.manual_seed(11)
    verdict = EXERCISE.examine(RIGHT[way])
    assert verdict.correct, str(verdict)


# --- wrong ones -------------------------------------------------------------------------------------------------------


@functools.cache
def _good():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(14)
        return training._train(training._black_and_white()[0], epochs=40)


def _returning(change):
    """Right networks, returned in another way."""
    return lambda data: change(*_good())


def _only(which):
    """The optimiser holds one of the two networks."""

    def answer(data):
        encoder, decoder = training._networks(10)
        optimizer = torch.optim.Adam((encoder, decoder)[which].parameters(), 4e-3)
        for _ in range(10):
            for x in data.split(100):
                mean, log_var = encoder(x).chunk(2, 1)
                logits = decoder(mean + torch.exp(log_var / 2) * torch.randn_like(mean))
                optimizer.zero_grad()
                (gaussian_kl(mean, log_var) - training._pixels(logits, x).sum(1)).mean().backward()
                optimizer.step()
        return lambda x: encoder(x).chunk(2, 1), decoder

    return answer


WRONG = {
    "a mean over the pixels": (trained(reduce=torch.mean, epochs=20), "averaged over the 64 pixels"),
    "torch's default loss": (trained(reduce=lambda pixels, _: pixels.mean(), epochs=20), "averaged over the 64 pixels"),
    "a KL summed over the batch": (trained(weight=100.0, epochs=15), "collapsed"),
    "β of 30": (trained(weight=30.0, epochs=15), "collapsed"),
    "no KL": (trained(weight=0.0), "Is the KL term in the loss"),
    "the KL with the other sign": (trained(weight=-1.0, epochs=2), ""),
    "no draw": (trained(noisy=False), "trained without a draw"),
    "no step": (trained(steps=False, epochs=1), "knows less than the mean digit"),
    "two steps": (trained(epochs=1, rate=1e-4), "knows less than the mean digit"),
    "only the encoder": (_only(0), "knows less than the mean digit"),
    "two latents": (trained(latents=2, epochs=60), "the latents are few"),
    "a small rate": (trained(rate=1e-4, epochs=20), "The check measures an ELBO of"),
    "sigmoid in decode": (_returning(lambda e, d: (e, lambda z: d(z).sigmoid())), "probabilities"),
    "sigmoid in both": (trained(bend=torch.sigmoid, epochs=30), "between 0.5 and 0.73"),
    "σ": (_returning(lambda e, d: (lambda x: (e(x)[0], (e(x)[1] / 2).exp()), d)), "*logarithm* of the variance"),
    "σ²": (_returning(lambda e, d: (lambda x: (e(x)[0], e(x)[1].exp()), d)), "*logarithm* of the variance"),
    "the lesson's digits": (trained(pick=lambda: training._black_and_white(mirrored=False)[0]), "Train on `data`"),
    "the lesson's test digits": (
        trained(pick=lambda: training._black_and_white(mirrored=False)[1], epochs=100), "Train on `data`",
    ),
    "the check's test digits": (trained(pick=lambda: training._black_and_white()[1], epochs=300), "trained on them"),
    "mean and log-variance exchanged": (_returning(lambda e, d: (lambda x: e(x)[::-1], d)), "The check measures"),
    "decode first": (_returning(lambda e, d: (d, e)), "raised RuntimeError"),
    "a model": (_returning(lambda e, d: VAE(64, 2)), "you returned a VAE"),
    "the ELBO itself": (_returning(lambda e, d: -17.5), "you returned a float"),
    "three things": (_returning(lambda e, d: (e, d, -17.5)), "you returned 3 values"),
    "nothing": (_returning(lambda e, d: print()), "Is `return` missing?"),
    "the encoder's raw output": (_returning(lambda e, d: (lambda x: torch.cat(e(x), 1), d)), "it returned a Tensor"),
    "a draw besides": (_returning(lambda e, d: (lambda x: (*e(x), e(x)[0]), d)), "it returned 3 values"),
    "one log-variance for all latents": (
        _returning(lambda e, d: (lambda x: (e(x)[0], e(x)[1].mean(1, keepdim=True)), d)), "log-variance of encode",
    ),
    "pictures": (_returning(lambda e, d: (e, lambda z: d(z).reshape(-1, 8, 8))), "should have the shape (297, 64)"),
    "for one digit": (_returning(lambda e, d: (lambda x: [part[0] for part in e(x)], d)), "the mean of encode"),
    "NaN": (_returning(lambda e, d: (e, lambda z: d(z) * math.nan)), "went astray"),
    "an astray training": (trained(rate=1e6, epochs=1), ""),
    "a remembered picture": (_returning(lambda e, d: _remembering(e)), ""),
    "a bug in encode": (_returning(lambda e, d: (lambda x: e(x.reshape(8, -1)), d)), "raised"),
    "strings": (_returning(lambda e, d: (lambda x: ("a", "b"), d)), "real number"),
}  # fmt: skip


def _remembering(encode):
    """A decoder that draws what the encoder saw last, which would be worth almost nothing less than all."""
    seen = []

    def remember(x):
        seen.append(x)
        return [0 * part for part in encode(x)]

    return remember, lambda z: (2 * seen[-1][: len(z)] - 1) * 20


def _loop(loss_of, *, target=lambda x: x, draw=None, clear=True, epochs=8, rate=4e-3, batch=100):
    """The lesson's loop with another loss (reconstruction, kl), another target, or another draw."""

    def answer(data):
        encoder, decoder = training._networks(10)
        optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], rate)
        for _ in range(epochs):
            for x in data[torch.randperm(len(data))].split(batch):
                mean, log_var = encoder(x).chunk(2, 1)
                noise = torch.randn_like(mean)
                z = draw(mean, log_var, noise) if draw else mean + torch.exp(log_var / 2) * noise
                if clear:
                    optimizer.zero_grad()
                fit = training._pixels(decoder(z), target(x)).sum(1)
                loss_of(fit, gaussian_kl(mean, log_var)).mean().backward()
                optimizer.step()
        return lambda x: encoder(x).chunk(2, 1), decoder

    return answer


ACCUSED = {  # broken networks, which have seen no test digit and must not be told that they have
    "the sign of the loss": _loop(lambda fit, kl: fit - kl, epochs=3),
    "minus both": _loop(lambda fit, kl: -(fit + kl)),
    "ink for paper": _loop(lambda fit, kl: kl - fit, target=lambda x: 1 - x),
    "centred": _loop(lambda fit, kl: kl - fit, target=lambda x: x - x.mean(0)),
    "no zero_grad": _loop(lambda fit, kl: kl - fit, clear=False),
    "few digits": trained(pick=lambda: training._black_and_white()[0][:60], epochs=200),
}


@pytest.mark.parametrize("way", ACCUSED)
@pytest.mark.parametrize("seed", range(2))
def test_nobody_is_accused_whose_networks_know_nothing(way, seed):
    torch.manual_seed(20 + seed)
    verdict = EXERCISE.examine(ACCUSED[way])
    assert not verdict.correct
    assert "trained on them" not in verdict.detail
    assert verdict.misconception != "test digits seen"


DRAWN_OTHERWISE = {
    "σ²": lambda mean, log_var, noise: mean + torch.exp(log_var) * noise,
    "log σ²": lambda mean, log_var, noise: mean + log_var * noise,
    "uniform": lambda mean, log_var, noise: mean + torch.exp(log_var / 2) * torch.rand_like(noise),
    "one number for all": lambda mean, log_var, noise: mean + torch.exp(log_var / 2) * noise[:, :1],
    "a precision": lambda mean, log_var, noise: mean + torch.exp(-log_var / 2) * noise,
}


@pytest.mark.parametrize("way", DRAWN_OTHERWISE)
def test_another_draw_is_not_called_none(way):
    torch.manual_seed(30)
    verdict = EXERCISE.examine(_loop(lambda fit, kl: kl - fit, draw=DRAWN_OTHERWISE[way], epochs=30))
    assert not verdict.correct
    assert "never" not in verdict.detail
    if verdict.misconception == "no noise":
        assert "may be another than q's" in verdict.detail


SEEN_AND_CAUSES = {
    "no zero_grad": (_loop(lambda fit, kl: kl - fit, clear=False), "is there a `zero_grad()` in each step?"),
    "exchanged": (_returning(lambda e, d: (lambda x: e(x)[::-1], d)), ""),
    "no draw of q": (trained(noisy=False), "the decoder is trained without a draw"),
    "thirty steps": (_loop(lambda fit, kl: kl - fit, epochs=30, batch=1500), ""),
    "pictures": (_returning(lambda e, d: (e, lambda z: (d(z) > 0).double())), "pictures are returned"),
    "all 0": (_returning(lambda e, d: (e, lambda z: 0 * d(z))), "All that `decode` returns lies between 0 and 1"),
}


@pytest.mark.parametrize("way", SEEN_AND_CAUSES)
def test_causes_are_named_as_possible_ones(way):
    torch.manual_seed(40)
    answer, words = SEEN_AND_CAUSES[way]
    verdict = EXERCISE.examine(answer)
    assert not verdict.correct
    assert words in verdict.detail, str(verdict)


@pytest.mark.parametrize("way", WRONG)
def test_wrong_ones_are_told_why(way):
    torch.manual_seed(12)
    answer, words = WRONG[way]
    verdict = EXERCISE.examine(answer)
    assert not verdict.correct
    assert words in f"{verdict.title} {verdict.detail}", str(verdict)


def test_one_that_trains_for_too_long_is_stopped():
    EXERCISE.seconds, before = 0.5, EXERCISE.seconds
    try:
        verdict = EXERCISE.examine(trained(epochs=10_000))
    finally:
        EXERCISE.seconds = before
    assert verdict.kind == "too_slow"
    assert verdict.title == "stopped after 0.5 seconds"


def test_the_data_may_be_shuffled_but_not_in_place():
    def shuffles(data):
        data[:] = data[torch.randperm(len(data))]
        return training._train(data)

    torch.manual_seed(13)
    assert EXERCISE.examine(shuffles).kind == "changes_argument"
    assert np.array_equal(EXERCISE.probes[0][0], training._black_and_white()[0])
