"""A neural topic model on 20 Newsgroups beside scikit-learn's LDA, in the same run: coherence, diversity, time."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks import Report
from course_utils.models import topics
from course_utils.workshop.text_data import newsgroups

TOPICS, TOP, WIDE = 50, 10, 25
HIDDEN, PRIOR_SCALE, EPOCHS, BATCH_SIZE, LEARNING_RATE = (100,), 2.0, 20, 200, 5e-3
PASSES = 10
"""Passes of LDA over the posts; each takes about as long as the others."""

TIME = 0.5
"""The bar: NPMI not below LDA's, in at most this share of its time."""


@dataclass(frozen=True)
class Found:
    """Topics (K, V), and how long it took to find them."""

    table: np.ndarray
    seconds: float


def neural(counts: torch.Tensor, *, topic_count: int = TOPICS, epochs: int = EPOCHS, seed: int = 0) -> Found:
    """Train the neural topic model on counts (D, V)."""
    start = time.perf_counter()
    model = topics.TopicModel(counts.shape[1], topic_count, HIDDEN, prior_scale=PRIOR_SCALE, seed=seed)
    model.start_at_mean(counts)
    topics.fit_topics(model, counts, epochs=epochs, batch_size=BATCH_SIZE, learning_rate=LEARNING_RATE, seed=seed)
    return Found(model.table().detach().double().numpy(), time.perf_counter() - start)


def lda(counts: object, *, topic_count: int = TOPICS, passes: int = PASSES, seed: int = 0) -> Found:
    """Fit latent Dirichlet allocation to counts (D, V), an array or a sparse one, online, as scikit-learn does it."""
    from sklearn.decomposition import LatentDirichletAllocation

    start = time.perf_counter()
    model = LatentDirichletAllocation(
        topic_count, learning_method="online", batch_size=512, learning_offset=10.0, max_iter=passes, random_state=seed
    )
    table = model.fit(counts).components_
    return Found(table / table.sum(1, keepdims=True), time.perf_counter() - start)


def judged(found: Found, train: object, test: object, top: int = TOP, wide: int = WIDE) -> tuple[float, float, float]:
    """Return NPMI on the training and the test documents, averages over topics, and the diversity."""
    coherence = [float(topics.npmi(found.table, counts, top).mean()) for counts in (train, test)]
    return *coherence, topics.diversity(found.table, wide)


def examples(found: Found, train: object, words: tuple[str, ...]) -> str:
    """Return five words of the most, the median and the least coherent topic."""
    order = np.argsort(-topics.npmi(found.table, train, TOP))
    chosen = found.table[order[[0, len(order) // 2, -1]]]
    return "; ".join(" ".join(row) for row in topics.top_words(chosen, words, 5))


def run() -> Report:
    """Fit both to the training posts, one after the other, and judge their topics by the same words."""
    train, test = newsgroups("train"), newsgroups("test")
    dense = torch.from_numpy(train.counts.toarray()).float()
    models = {"neural topic model": neural(dense), "scikit-learn's LDA": lda(train.counts)}
    marks = {name: judged(found, train.counts, test.counts) for name, found in models.items()}
    rows = [
        (
            name,
            *(f"{mark:.3f}" for mark in marks[name]),
            f"{found.seconds:.0f}",
            examples(found, train.counts, train.words),
        )
        for name, found in models.items()
    ]
    (ours, theirs), (first, second) = marks.values(), models.values()
    share = first.seconds / second.seconds
    return Report(
        setting=(
            f"20 Newsgroups, 11314 posts for training, 5000 words, {TOPICS} topics, one seed. Neural: log(1 + counts), "
            f"one hidden layer of {HIDDEN[0]}, z ~ N(0, {PRIOR_SCALE:g}²I), θ = softmax(z), {EPOCHS} epochs of Adam, "
            f"batches of {BATCH_SIZE}, largest step {LEARNING_RATE:g}. LDA: online, batches of 512, {PASSES} passes, "
            f"other settings scikit-learn's. NPMI over documents, the {TOP} likeliest words of a topic, mean over "
            f"topics; diversity: share of different words among the {WIDE} likeliest of all topics. Words: the most, "
            f"the median and the least coherent topic. {torch.get_num_threads()} threads; time is that of fitting."
        ),
        header=("what", "NPMI, train", "NPMI, test", "diversity", "fit, s", "topics"),
        rows=rows,
        bar=(
            f"NPMI on test posts {ours[1]:.3f} (bar: LDA's {theirs[1]:.3f}), in {share:.2f} of LDA's time "
            f"(bar {TIME:g})"
        ),
        passed=ours[1] >= theirs[1] and share <= TIME,
    )
