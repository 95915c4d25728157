"""Terms and chunks: what a text is searched by, and where it is cut."""

from __future__ import annotations

import random

import pytest

from underdog.errors import DataError, StudyError
from underdog.retrieval.chunking import Chunking
from underdog.retrieval.documents import Document, documents_from
from underdog.retrieval.terms import number, terms


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The Café's 2nd_floor!", ["the", "café's", "2nd", "floor"]),
        ("ＡＢＣ ﬁne Straße", ["abc", "fine", "strasse"]),
        ("東京 tower と", ["東", "京", "tower", "と"]),
        ("don’t rock-n-roll", ["don’t", "rock", "n", "roll"]),
        ("", []),
        ("🦓 ?! ...", []),
    ],
)
def test_terms_are_words_in_one_form_and_signs_of_scripts_without_spaces(text, found):
    assert terms(text) == found


def test_a_terms_number_is_the_same_in_every_process():
    assert number("office") == 934428638171960819
    assert len({number(str(i)) for i in range(10_000)}) == 10_000


TEXT = (
    "First comes this. It has two sentences!\n\n"
    "Then a paragraph that is longer than a chunk may be. It has to be cut. At its sentences, if that "
    "will do.\n"
    " \n"
    "Last.\n"
)


def cut(text, **how):
    return [piece for _, piece in Chunking(**how).chunks([Document("d", text)])]


def test_whole_paragraphs_stand_together_where_they_fit_and_long_ones_are_cut_at_sentences():
    assert cut(TEXT, size=12) == [
        "First comes this. It has two sentences!",
        "Then a paragraph that is longer than a chunk may be.",
        "It has to be cut. At its sentences, if that will do.",
        "Last.",
    ]
    assert cut(TEXT) == [TEXT.strip()]


def test_sentences_are_found_by_their_stops_also_where_no_space_follows():
    assert cut("One. Two? “Three!” Four… five.", by="sentence", size=1) == [
        *("One.", "Two?", "“Three!”", "Four…", "five."),
    ]
    assert cut("東京は雨。大阪は晴れ！", by="sentence", size=6) == ["東京は雨。", "大阪は晴れ！"]
    assert cut("「雨。」と言う。", by="sentence", size=3) == ["「雨。」", "と言う。"]


def test_a_stretch_without_a_space_is_cut_by_characters():
    assert cut("東" * 25, size=10) == ["東" * 10, "東" * 10, "東" * 5]


def test_the_last_words_are_repeated_in_the_next_chunk():
    assert cut("a b c d e f g", by="word", size=3, overlap=1) == ["a b c", "c d e", "e f g"]
    assert cut("a b c d e f", by="word", size=2) == ["a b", "c d", "e f"]


def test_a_chunks_id_is_its_place_in_the_document():
    documents = [Document("x/y.md", TEXT), Document("z", "one")]
    for name, piece in Chunking(size=5, overlap=2).chunks(documents):
        document, _, place = name.removesuffix("]").rpartition("[")
        start, end = map(int, place.split(":"))
        assert dict(documents)[document][start:end] == piece


@pytest.mark.parametrize("seed", range(30))
def test_chunks_hold_every_word_in_order_and_no_more_than_may_be(seed):
    rng = random.Random(seed)
    words = ["ab", "c", "東京", "d.", "e!", "\n\n", "\n", "x" * 30, "🦓", "f?"]
    text = "".join(rng.choice(words) + rng.choice([" ", "  ", "\n"]) for _ in range(rng.randrange(200)))
    how = Chunking(rng.choice(["paragraph", "sentence", "word"]), size=rng.randrange(3, 12))
    spans = how.spans(text)
    assert [term for start, end in spans for term in terms(text[start:end])] == terms(text)
    assert all(len(terms(text[start:end])) <= how.size for start, end in spans)
    lapping = Chunking(how.by, how.size, overlap=rng.randrange(how.size)).spans(text)
    assert lapping == sorted(lapping) and len(set(lapping)) == len(lapping)
    assert all(len(terms(text[start:end])) <= how.size for start, end in lapping)
    covered = set().union(*(range(start, end) for start, end in lapping)) if lapping else set()
    assert {at for start, end in spans for at in range(start, end) if not text[at].isspace()} <= covered


def test_a_chunking_that_cannot_be_is_refused():
    with pytest.raises(StudyError, match="overlap 3 and size 3"):
        Chunking(size=3, overlap=3)
    with pytest.raises(StudyError, match="by must be one of paragraph, sentence, word; got 'page'"):
        Chunking("page")


# Documents


def test_a_folder_is_its_texts_in_the_order_of_their_names_however_deep(tmp_path):
    (tmp_path / "b").mkdir()
    for name, text in {
        "b/two.md": "2",
        "a.txt": "1",
        "c.pdf": "no",
        "d.txt": " \n",
        "é.MD": "\ufeff3",
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert documents_from(tmp_path) == [("a.txt", "1"), ("b/two.md", "2"), ("é.MD", "3")]
    assert documents_from(tmp_path / "a.txt") == [("a.txt", "1")]


def test_a_table_is_a_document_a_row(tmp_path):
    (tmp_path / "t.csv").write_text("text,n\nfirst,1\nsecond,2\n")
    assert documents_from(tmp_path / "t.csv") == [("t.csv:2", "first"), ("t.csv:3", "second")]
    named = documents_from(tmp_path / "t.csv", text="{{ n }}: {{ text }}", id="n")
    assert named == [("1", "1: first"), ("2", "2: second")]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.txt", b"\xff\xfe", r"a.txt: the text must be UTF-8; byte 1 is 0xff"),
        ("a.jsonl", b'{"text": 3}\n', r"a.jsonl:1: a document must be a text; got 3"),
        ("a.jsonl", b'{"body": "x"}\n', r"text names the column 'text', which the row does not have"),
        ("a.jsonl", b'{"text": " "}\n', "must hold at least one document; there is no text in it"),
    ],
)
def test_documents_that_cannot_be_read_are_one_sentence(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        documents_from(tmp_path / name)


def test_two_documents_of_one_id_are_refused(tmp_path):
    (tmp_path / "t.jsonl").write_text('{"id": "a", "text": "x"}\n{"id": "a", "text": "y"}\n')
    with pytest.raises(DataError, match="ids must differ; 'a' stands twice"):
        documents_from(tmp_path / "t.jsonl", id="id")
