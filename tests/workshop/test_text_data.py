"""Texts that are not shipped: what is in them, and what is said where they are missing or damaged."""

import gzip
import shutil

import numpy as np
import pytest

from course_utils.workshop import data, text_data


def there(read):
    try:
        return read()
    except FileNotFoundError:
        pytest.skip(f"the texts are not here: name a folder that has their files in {data.DATA_VARIABLE}")


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.setenv(data.DATA_VARIABLE, str(tmp_path))
    monkeypatch.setattr(data, "_cache_folders", list)
    return tmp_path


@pytest.mark.parametrize(("split", "posts", "tokens"), [("train", 11314, 1_250_680), ("test", 7532, 803_389)])
def test_the_newsgroups_have_the_published_size(split, posts, tokens):
    news = there(lambda: text_data.newsgroups(split))
    assert news.counts.shape == (posts, 5000) and news.counts.sum() == tokens
    assert len(news.words) == len(set(news.words)) == 5000
    assert np.bincount(news.labels).shape == (20,) and news.counts.sum(1).min() > 0


def test_reviews_are_half_positive():
    kept = there(lambda: text_data.reviews("train"))
    assert len(kept) == 10000 and sum(review.positive for review in kept) == 5000
    assert all((review.rating > 5) == review.positive for review in kept)


@pytest.mark.parametrize("read", [text_data.newsgroups, text_data.reviews])
def test_a_missing_file_has_a_recipe(own, read):
    with pytest.raises(FileNotFoundError, match=r"was not found.*no download for it\. It is made from"):
        read("train")
    with pytest.raises(ValueError, match="split"):
        read("valid")


def test_other_texts_are_refused(own):
    (own / "imdb_reviews_test.tsv.gz").write_bytes(gzip.compress(b"pos\t7\tnot this one\n"))
    with pytest.raises(ValueError, match="holds other texts: the sha256 of the text"):
        text_data.reviews("test")
    (own / "imdb_reviews_test.tsv.gz").write_bytes(b"no gzip")
    with pytest.raises(ValueError, match="must be a whole gzip file"):
        text_data.reviews("test")
    np.savez(own / "20newsgroups_bow5000.npz", vocab=np.array(["a", "b"]))
    with pytest.raises(ValueError, match="must be a whole npz file"):
        text_data.newsgroups("test")


def test_changed_counts_are_refused(own, monkeypatch):
    parts = {f"test_{name}": np.zeros(2, dtype=np.int32) for name in ("indptr", "indices", "counts", "labels")}
    np.savez(own / "20newsgroups_bow5000.npz", vocab=np.array(["a", "b"]), **parts)
    with pytest.raises(ValueError, match="holds other texts: the sha256 of test_indptr"):
        text_data.newsgroups("test")
    shutil.rmtree(own)
