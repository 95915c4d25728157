"""Texts as vectors offline: length 1, the same one at a time, near where the words are near."""

from __future__ import annotations

import numpy as np
import pytest
from tests.routing.worlds import specialists

from underdog.routing.embeddings import Hashing, Latent, unit
from underdog.routing.words import count, words

TEXTS = list(specialists(120).questions)
EMBEDDINGS = [Hashing(128), Latent.fit(TEXTS, 16)]


@pytest.mark.parametrize("embedding", EMBEDDINGS, ids=["hashing", "latent"])
def test_vectors_have_length_one_and_one_text_gets_what_it_gets_among_many(embedding) -> None:
    many = embedding.embed(TEXTS)
    assert many.shape == (len(TEXTS), embedding.dims) and many.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(many, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(
        np.concatenate([embedding.embed([text]) for text in TEXTS[:20]]), many[:20], atol=1e-5
    )


@pytest.mark.parametrize("embedding", EMBEDDINGS, ids=["hashing", "latent"])
def test_texts_of_one_subject_lie_nearer_than_those_of_two(embedding) -> None:
    first, second, other = embedding.embed(
        [
            "add the numbers 5 and 6 together and tell the sum",
            "add the numbers 71 and 2 together and tell the sum",
            "write a rhyme about river 5 and mountain 6",
        ]
    )
    assert first @ second > 0.5 > first @ other


@pytest.mark.parametrize("embedding", EMBEDDINGS, ids=["hashing", "latent"])
@pytest.mark.parametrize("text", ["", "   ", "\ud800", "日本語の質問", "x" * 100_000, "zzz qqq"])
def test_any_text_has_a_vector_without_a_fault(embedding, text) -> None:
    [vector] = embedding.embed([text])
    assert np.isfinite(vector).all() and np.linalg.norm(vector) < 1.001


def test_fitting_twice_gives_the_same_vectors() -> None:
    again = Latent.fit(TEXTS, 16)
    assert np.array_equal(again.embed(TEXTS), EMBEDDINGS[1].embed(TEXTS))


@pytest.mark.parametrize("texts", [[], ["alone"], ["", ""], ["same words"] * 5])
def test_the_projection_is_as_small_as_its_texts_allow(texts) -> None:
    embedding = Latent.fit(texts, 16)
    assert embedding.dims <= max(1, len(set(texts)))
    assert embedding.embed(["same words", "else"]).shape == (2, embedding.dims)


def test_the_projection_is_the_truncated_svd() -> None:
    embedding = Latent.fit(TEXTS, 8)
    matrix = embedding.weighted(count(TEXTS)).toarray().astype(np.float64)
    values = np.linalg.svd(matrix, compute_uv=False)
    kept = np.linalg.norm(matrix @ embedding.projection.astype(np.float64)) ** 2
    assert kept == pytest.approx((values[:8] ** 2).sum(), rel=1e-3)
    np.testing.assert_allclose(embedding.projection.T @ embedding.projection, np.eye(8), atol=1e-4)


def test_words_are_lower_case_signs_count_and_long_texts_lose_their_middle() -> None:
    assert words("What is 2+2?") == ["what", "is", "2", "+", "2", "?"]
    long = words("begin " + "middle " * 5_000 + "end")
    assert long[0] == "begin" and long[-1] == "end" and len(long) < 1_200


def test_counts_hold_words_and_pairs_with_their_numbers() -> None:
    counts = count(["a b a b", "b", ""])
    assert np.diff(counts.starts).tolist() == [4, 1, 0], "a, b, a b, b a"
    assert sorted(counts.counts[:4].tolist()) == [1, 2, 2, 2]
    assert counts.numbers[4] in counts.numbers[:4]


def test_rows_of_zeros_stay_zeros() -> None:
    assert unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist() == pytest.approx(np.array([[0.6, 0.8], [0, 0]]))
