"""The index: BM25 by its formula, rankings without luck, a file that holds all of it."""

from __future__ import annotations

import math
import random
from collections import Counter

import numpy as np
import pytest

from underdog.acts.search import search
from underdog.errors import DataError
from underdog.retrieval.bm25 import Bm25
from underdog.retrieval.index import Index, index_of
from underdog.retrieval.ranking import best, fused
from underdog.retrieval.terms import terms
from underdog.routing.tensors import packed
from underdog.stored import Stored

PASSAGES = [("a", "the red fox"), ("b", "the blue whale and the red sea"), ("c", "snow"), ("d", "")]
INDEX = Index.of(PASSAGES)


def by_the_formula(texts, query, k1=1.2, b=0.75):
    """BM25 as Lucene documents it, one text and one term after the other."""
    lists = [terms(text) for text in texts]
    mean = sum(map(len, lists)) / len(lists)
    scores = []
    for words in lists:
        counts, score = Counter(words), 0.0
        for term in terms(query):
            spread = sum(term in other for other in lists)
            idf = math.log(1 + (len(lists) - spread + 0.5) / (spread + 0.5))
            times = counts[term]
            score += idf * times / (times + k1 * (1 - b + b * len(words) / mean))
        scores.append(score)
    return scores


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_the_formula(seed):
    rng = random.Random(seed)
    words = [f"w{i}" for i in range(40)]
    texts = [" ".join(rng.choices(words, k=rng.randrange(30))) for _ in range(60)]
    made = Bm25.fit(texts)
    for _ in range(10):
        query = " ".join(rng.choices([*words, "unknown"], k=5))
        assert made.scores(query) == pytest.approx(by_the_formula(texts, query), rel=1e-5, abs=1e-9)


def test_the_best_come_first_and_ties_in_the_order_of_passages():
    scores = np.array([0.0, 2.0, 1.0, 2.0, 0.5, 2.0])
    assert best(scores, 2).tolist() == [1, 3] and best(scores, 4).tolist() == [1, 3, 5, 2]
    assert best(scores, 9).tolist() == [1, 3, 5, 2, 4, 0] and best(scores, 9, 0.6).tolist() == [1, 3, 5, 2]
    assert best(np.zeros(3), 2, 0.0).tolist() == []


def test_ranks_are_fused_by_their_reciprocals():
    made = fused([np.array([2, 0]), np.array([0])], 4)
    assert made == pytest.approx([1 / 62 + 1 / 61, 0, 1 / 61, 0])


def test_only_passages_with_a_word_of_the_query_are_found():
    assert [hit.id for hit in INDEX.search("red RED fox", 9)] == ["a", "b"]
    assert INDEX.search("zebra", 3) == [] == INDEX.search("", 3)
    assert [hit.text for hit in INDEX.search("snow", 1)] == ["snow"]


def test_an_index_without_passages_is_refused_and_one_without_words_finds_nothing():
    with pytest.raises(DataError, match="needs at least one passage"):
        Index.of([])
    assert Index.of([("a", "?!")]).search("a", 1) == []


def test_passages_may_be_found_by_other_texts_than_their_own():
    made = Index.of([("1", "answer")], ["question"])
    assert made.search("answer", 1) == [] and made.search("question", 1)[0].text == "answer"


# Vectors


def test_vectors_rank_by_cosine_whatever_their_length_and_hybrid_fuses_both():
    made = INDEX.embedded([[2.0, 0.0], [0.0, 9.0], [1.0, 1.0], [-1.0, 0.0]], "hf/e")
    hits = made.search("snow", 4, "vectors", [5.0, 0.0])
    assert [hit.id for hit in hits] == ["a", "c", "b", "d"] and hits[0].score == pytest.approx(1.0)
    assert [hit.id for hit in made.search("snow", 2, "hybrid", [5.0, 0.0])] == ["c", "a"]


@pytest.mark.parametrize("vector", [None, [1.0, 2.0, 3.0]])
def test_a_query_without_a_fitting_vector_is_refused(vector):
    made = INDEX.embedded(np.eye(4, 2), "hf/e")
    with pytest.raises(DataError, match="needs a vector of 2 numbers by hf/e"):
        made.search("snow", 1, "vectors", vector)
    with pytest.raises(DataError, match="the index has no vectors"):
        INDEX.search("snow", 1, "hybrid", [1.0, 0.0])


# The file


def test_an_index_finds_the_same_after_it_was_saved(tmp_path):
    made = Index.of([(f"ü{i}", f"naïve 東京 {i} \ud800") for i in range(50)]).embedded(np.eye(50, 8), "hf/e")
    again = index_of(Stored.read(made.stored.write(tmp_path)))
    for by in ("bm25", "vectors", "hybrid"):
        query = ("東京 7", 5, by, [1.0] + [0.0] * 7)
        assert again.search(*query) == made.search(*query) != []
    assert len(again) == 50 and again.stored == made.stored and again.embedder == "hf/e"


def test_equal_passages_are_equal_files():
    assert Index.of(PASSAGES).stored == INDEX.stored != Index.of(PASSAGES[:2]).stored


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "must be safetensors"),
        (INDEX.stored.held[: len(INDEX.stored.held) // 2], "must be safetensors"),
        (packed({}, {"format": "underdog router 1"}), "an index's file must say 'underdog index 1'"),
        (packed({}, {"format": "underdog index 1"}), "the index lacks a part"),
        (
            packed(
                {**INDEX.bm25.arrays, "bm25.places": INDEX.bm25.places + np.int32(9)}
                | {"ids.bytes": INDEX.ids.bytes, "ids.starts": INDEX.ids.starts}
                | {"texts.bytes": INDEX.texts.bytes, "texts.starts": INDEX.texts.starts},
                {"format": "underdog index 1", "index": '{"embedder": null}'},
            ),
            "the postings do not fit the texts",
        ),
    ],
)
def test_a_file_that_is_no_index_is_one_sentence(content, sentence):
    with pytest.raises(DataError, match=sentence):
        index_of(Stored.of(content))


def test_the_act_gives_plain_values():
    [hit] = search("fox", 1, INDEX.stored)
    assert hit["id"] == "a" and set(hit) == {"id", "text", "score"}
