"""Retrieve: passages in front of the question, sources behind the answer, the index beside the plan."""

from __future__ import annotations

import asyncio
import json

import pytest

from underdog.acts import Acts
from underdog.acts.search import search
from underdog.answerer import Act, Answer, Ask, Failure, Model, Request, play
from underdog.drive import Driver
from underdog.engines.fake import FakeEngine
from underdog.errors import DataError, StudyError
from underdog.levers import Read, Retrieve, Vote
from underdog.levers.retrieve import CITED, sourced
from underdog.levers.route import EMBED
from underdog.plan import Plan, files_of, load, load_plan
from underdog.retrieval.index import Index
from underdog.store.sinks import MemoryBank

SMALL = Model("fake/small")
NOTES = Index.of(
    [
        ("hours.md[0:29]", "The office is open from nine."),
        ("hours.md[31:54]", "The café opens at eight."),
        ("rules.md[0:21]", "No dogs in the office."),
    ]
)
ASKED = {"role": "user", "content": "When does the office open? The office!"}


def walked(lever, *messages, answer="a", **fields):
    """The lever's answer, the requests that models got and the acts, searches being done for real."""
    asks, acts = [], []

    def reply(effect):
        if isinstance(effect, Ask):
            asks.append(effect.request)
            return Answer(answer)
        acts.append(effect)
        if effect.tool == EMBED:
            return [[1.0, 0.0]]
        return search(**effect.arguments, file=effect.file)

    return play(lever, Request(messages, **fields), reply), asks, acts


def told(lever, *messages):
    _, [request], _ = walked(lever, *messages)
    return request.messages[-1]["content"]


def test_the_best_passages_stand_before_the_question_best_first() -> None:
    lever = Retrieve(SMALL, NOTES.stored, 2)
    assert told(lever, ASKED) == (
        "The office is open from nine.\n\nNo dogs in the office.\n\nWhen does the office open? The office!"
    ), "twice asked for weighs more than once"
    assert told(Retrieve(SMALL, NOTES.stored, 1), ASKED).count("\n\n") == 1


def test_the_template_and_what_stands_between_passages_are_the_users() -> None:
    lever = Retrieve(SMALL, NOTES.stored, 2, template="Q: {input} | {passages}", between=" / ")
    braces = {"role": "user", "content": "café {passages} {input}"}
    assert told(lever, braces) == "Q: café {passages} {input} | The café opens at eight."


def test_the_rest_of_the_conversation_stays_and_images_with_it() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    parts = {"role": "user", "content": [{"type": "text", "text": "dogs?"}, image]}
    turns = [{"role": "system", "content": "s"}, ASKED, {"role": "assistant", "content": "nine"}, parts]
    _, [request], _ = walked(Retrieve(SMALL, NOTES.stored, 1), *turns, draw=(3,), example="e")
    assert list(request.messages[:3]) == turns[:3] and (request.draw, request.example) == ((3,), "e")
    assert request.messages[3]["content"] == [
        {"type": "text", "text": "No dogs in the office.\n\ndogs?"},
        image,
    ]


@pytest.mark.parametrize("question", ["zebra?", "", "  ", "?!", "🦓"])
def test_without_a_hit_the_plain_question_is_asked(question) -> None:
    for cite in (False, True):
        assert (
            told(Retrieve(SMALL, NOTES.stored, cite=cite), {"role": "user", "content": question}) == question
        )


def test_a_request_without_a_user_is_passed_on() -> None:
    system = {"role": "system", "content": "office"}
    _, [request], acts = walked(Retrieve(SMALL, NOTES.stored), system)
    assert request.messages == (system,) and acts == []


def test_what_is_found_is_handed_over_so_that_it_streams_unless_sources_are_to_follow() -> None:
    for cite, handed in ((False, True), (True, False)):
        steps = Retrieve(SMALL, NOTES.stored, cite=cite).steps(Request((ASKED,)))
        wanted = next(steps)
        assert isinstance(wanted, Act) and wanted.file == NOTES.stored
        hits = search(**wanted.arguments, file=wanted.file)
        if handed:
            with pytest.raises(StopIteration) as done:
                steps.send(hits)
            assert isinstance(done.value.value, Ask)
        else:
            assert isinstance(steps.send(hits), Ask)


# Citations


def test_passages_are_numbered_and_the_sources_that_the_answer_cites_end_it() -> None:
    lever = Retrieve(Read(SMALL, "first_line"), NOTES.stored, 2, cite=True)
    answer, [request], _ = walked(lever, ASKED, answer="At nine [1].")
    content = request.messages[-1]["content"]
    assert content.startswith("[1] The office is open from nine.\n\n[2] No dogs") and "like [1]" in content
    assert answer.text == "At nine [1].\n\n[1] hours.md[0:29]" and answer.final == "At nine [1]."
    assert lever.wording == CITED


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        ("yes [2][1]", "[1] a\n[2] b"),
        ("yes [1, 2] and [1]", "[1] a\n[2] b"),
        ("nobody [7], [0], [x]", ""),
        ("none", ""),
    ],
)
def test_only_passages_that_were_shown_are_sources(text, sources) -> None:
    assert sourced(Answer(text), ["a", "b"]).text == (f"{text}\n\n{sources}" if sources else text)


def test_an_answer_in_a_response_format_stays_as_it_is() -> None:
    form = {"type": "json_object"}
    answer, _, _ = walked(
        Retrieve(SMALL, NOTES.stored, cite=True), ASKED, answer='{"a": "[1]"}', response_format=form
    )
    assert answer.text == '{"a": "[1]"}'


# Vectors


def test_vectors_of_the_query_come_by_an_act_and_find_what_shares_no_word() -> None:
    index = NOTES.embedded([[0.0, 1.0], [1.0, 0.1], [0.6, 0.6]], "hf/e")
    lever = Retrieve(SMALL, index.stored, 1, by="vectors")
    _, [request], [embed, looked] = walked(lever, {"role": "user", "content": "espresso"})
    assert embed == Act(EMBED, {"model": "hf/e", "texts": ["espresso"]})
    assert looked.arguments["vector"] == [1.0, 0.0]
    assert request.messages[0]["content"].startswith("The café")
    both = Retrieve(SMALL, index.stored, 2, by="hybrid", between="|", template="{passages}#{input}")
    assert told(both, {"role": "user", "content": "dogs"}) == (
        "No dogs in the office.|The café opens at eight.#dogs"
    )


@pytest.mark.parametrize("by", ["vectors", "hybrid"])
def test_an_index_without_vectors_is_refused_where_they_are_asked_for(by) -> None:
    with pytest.raises(StudyError, match=f"by: {by} needs vectors, and the index has none"):
        Retrieve(SMALL, NOTES.stored, by=by)


# What cannot be


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"k": 0}, "k must be at least 1; got 0"),
        ({"template": "{input}"}, "a place for {passages}"),
        ({"template": "{passages}"}, "a place for {input}"),
    ],
)
def test_settings_that_cannot_be_are_one_sentence(fields, sentence) -> None:
    with pytest.raises(StudyError, match=sentence):
        Retrieve(SMALL, NOTES.stored, **fields)


def test_more_passages_than_there_are_are_all_that_there_are() -> None:
    assert told(Retrieve(SMALL, NOTES.stored, 99), ASKED).count("\n\n") == 3


def test_a_search_that_fails_is_the_levers_failure() -> None:
    lost = Failure("act_failed", "gone")
    assert play(Retrieve(SMALL, NOTES.stored), Request((ASKED,)), lambda effect: lost) == lost


def test_votes_over_passages_search_once() -> None:
    seen = []

    async def session():
        bank = MemoryBank()
        bind = lambda model: FakeEngine(["x", "y"], name=model.name)  # noqa: E731
        async with Acts(bind) as acts, Driver(bind, bank, tools=acts) as driver:
            seen.append(
                (await driver.answer(Vote(Retrieve(SMALL, NOTES.stored), 5), Request((ASKED,)))).result
            )
        return [call.model for call in bank.calls.values()]

    models = asyncio.run(session())
    assert models.count("search") == 1 and models.count("fake/small") == 5 and isinstance(seen[0], Answer)


# Study files and plans


def written(folder, **texts):
    for name, text in texts.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return folder


def test_a_study_file_names_a_folder_and_its_plan_holds_the_index(tmp_path) -> None:
    written(
        tmp_path, hours="The office opens at nine.\n\nThe café opens at eight.", naïve="Ünïcode, 東京も。"
    )
    raw = {"lever": "retrieve", "inner": "fake/small", "documents": ".", "k": 1}
    lever = load(raw, base=tmp_path)
    assert told(lever, ASKED).startswith("The office opens at nine.")
    assert told(lever, {"role": "user", "content": "東京?"}).startswith("Ünïcode, 東京も。")
    run = tmp_path / "run"
    plan = Plan("rag", lever)
    plan.save(run)
    assert {path.name for path in run.iterdir()} == {"plan.json", lever.documents.name}
    written(tmp_path, hours="Closed.")
    again = load_plan(run)
    assert again.answerer == lever and again.digest == plan.digest and files_of(lever) == (lever.documents,)
    assert told(again.answerer, ASKED) == told(lever, ASKED), "a plan answers from what was measured"


def test_the_texts_cut_are_settings_of_the_documents(tmp_path) -> None:
    rows = [{"name": "a", "body": "one two three four"}, {"name": "b", "body": "five"}]
    (tmp_path / "notes.jsonl").write_text("\n".join(map(json.dumps, rows)))
    documents = {"path": "notes.jsonl", "text": "body", "id": "name", "by": "word", "size": 2}
    lever = load({"lever": "retrieve", "inner": "fake/small", "documents": documents}, base=tmp_path)
    _, _, [act] = walked(lever, {"role": "user", "content": "three"})
    [hit] = search(**act.arguments, file=act.file)
    assert (hit["id"], hit["text"]) == ("a[8:18]", "three four")


@pytest.mark.parametrize(
    ("documents", "error", "sentence"),
    [
        ("nowhere", DataError, r"nowhere does not exist \(looked in"),
        ("empty", DataError, "must hold at least one document; there is no .txt or .md file with text in it"),
        ("broken.safetensors", DataError, "must be safetensors as underdog wrote it"),
        ("notes.docx", StudyError, "cannot be told from its name"),
        (7, StudyError, "must be a path, or a mapping with `path`; got 7"),
        ({"by": "word"}, StudyError, "needs `path`"),
        ({"path": "empty", "bye": "word"}, StudyError, "unknown key 'bye'.*'by'"),
        ({"path": "empty", "size": "big"}, StudyError, "size must be a whole number; got 'big'"),
        ({"path": "empty", "by": "page"}, StudyError, "by must be one of paragraph, sentence, word"),
        ({"path": "empty", "size": 5, "overlap": 5}, StudyError, "overlap 5 and size 5"),
        ({"path": "index.safetensors", "size": 5}, StudyError, "is an index already: leave 'size' out"),
    ],
)
def test_documents_that_cannot_be_had_are_one_sentence(tmp_path, documents, error, sentence) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "blank.txt").write_text(" \n")
    (tmp_path / "broken.safetensors").write_bytes(NOTES.stored.held[:99])
    (tmp_path / "index.safetensors").write_bytes(NOTES.stored.held)
    (tmp_path / "notes.docx").write_text("x")
    with pytest.raises(error, match=sentence):
        load({"lever": "retrieve", "inner": "fake/small", "documents": documents}, base=tmp_path)


def test_an_index_made_before_is_named_by_its_path(tmp_path) -> None:
    (tmp_path / "index.safetensors").write_bytes(NOTES.stored.held)
    raw = {"lever": "retrieve", "inner": "fake/small", "documents": "index.safetensors"}
    assert load(raw, base=tmp_path) == Retrieve(SMALL, NOTES.stored)


@pytest.mark.parametrize("documents", ["/etc", {"path": ".."}])
def test_a_strangers_plan_cannot_have_the_servers_files_read(tmp_path, documents) -> None:
    Plan("rag", Retrieve(SMALL, NOTES.stored)).save(tmp_path)
    body = json.loads((tmp_path / "plan.json").read_text())
    body["answerer"]["documents"] = documents
    (tmp_path / "plan.json").write_text(json.dumps(body))
    with pytest.raises(StudyError, match="a plan names files by their content hash"):
        load_plan(tmp_path)


def test_a_plan_whose_index_was_changed_is_refused(tmp_path) -> None:
    Plan("rag", Retrieve(SMALL, NOTES.stored)).save(tmp_path)
    (tmp_path / NOTES.stored.name).write_bytes(Index.of([("a", "b")]).stored.held)
    with pytest.raises(StudyError, match="holds something else than its name says"):
        load_plan(tmp_path)
