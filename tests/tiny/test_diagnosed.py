"""The table of hits and misses: what counts as one, and worlds asked in the words they trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from underdog.answerer import Answer, Model, Request, Sampling, play
from underdog.levers.read import Read
from underdog.studies.diagnosis.findings import LEVERS, Advice, Diagnosis, Finding, Kind, Ruling
from underdog.tiny import worlds
from underdog.tiny.diagnosed import BEGIN, BUILT, END, STEPS, Aloud, noted, put, row, study, table
from underdog.tiny.worlds import tally

MODEL = Model("tiny/small")


def found(*order: Advice) -> Diagnosis:
    bound = Finding(Kind.SEARCH, "small", Ruling.HOLDS, 0.2, "Draws help.")
    return Diagnosis((bound,), order)


def test_every_world_says_beforehand_what_counts_as_naming_its_lever() -> None:
    assert sorted(BUILT) == worlds.names()
    for built in BUILT.values():
        assert built.levers and set(built.levers) <= set(LEVERS)


def test_a_hit_is_the_first_lever_that_the_evidence_speaks_for() -> None:
    search, prompt = Advice("best-of with a verifier", True, "x"), Advice("prompt", True, "y")
    assert row("countdown", found(search, prompt))[3:6] == ["best-of with a verifier", "hit", "1 of 2"]
    assert row("countdown", found(prompt, search))[3:6] == ["prompt", "miss", "2 of 2"]
    unsure = replace(search, certain=False)
    assert row("countdown", found(prompt, unsure))[3:6] == ["prompt", "miss", "cannot tell"]
    assert row("countdown", found(unsure))[3:6] == ["nothing", "miss", "cannot tell"]
    not_worth = replace(search, worth_trying=False)
    assert row("countdown", found(prompt, not_worth))[3:6] == ["prompt", "miss", "not worth trying"]
    assert row("countdown", found(search))[6] == "search-bound (small)"


def test_the_table_counts_its_hits_and_goes_between_the_marks_of_a_page(tmp_path: Path) -> None:
    search, prompt = Advice("best-of with a verifier", True, "x"), Advice("prompt", True, "y")
    rows = [row("countdown", found(search)), row("recall", found(prompt))]
    text = table(rows, 2000, 2)
    assert "1 of 2 worlds" in text and "| countdown | search with a verifier |" in text
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    put(text, page)
    put(text, page)
    assert page.read_text() == f"before\n{BEGIN}\n{text}{END}\nafter\n"
    page.write_text("no marks")
    with pytest.raises(ValueError, match="page must hold"):
        put(text, page)


def test_a_tally_asked_aloud_is_the_conversation_that_the_world_trained_on() -> None:
    [item] = tally.WORLD.examples("test", 1, seed=3)
    seen: list[tuple[object, ...]] = []

    def reply(effect: object) -> Answer:
        seen.append(effect.request.messages)  # type: ignore[attr-defined]
        return Answer(str(len(seen)))

    answer = play(Aloud(Read(MODEL, "number")), item.request(Sampling()), reply)
    turns = sum(message["role"] == "user" for message in item.messages)
    assert len(seen) == turns and isinstance(answer, Answer) and answer.final == str(turns)
    for at, messages in enumerate(seen):
        assert messages == tally.aloud(item, [str(said + 1) for said in range(at)])


def test_steps_are_asked_for_under_the_line_of_the_training_text() -> None:
    [item] = worlds.world("arithmetic").examples("test", 1, seed=3)
    asked: list[Request] = []

    def reply(effect: object) -> Answer:
        asked.append(effect.request)  # type: ignore[attr-defined]
        return Answer(item.fields["steps"])

    answer = play(STEPS["arithmetic"](Read(MODEL, "number")), item.request(Sampling()), reply)
    assert isinstance(answer, Answer) and answer.final == item.target
    assert asked[0].messages[0] == {"role": "system", "content": "Write the steps."}


@pytest.mark.parametrize("world", ["recall", "passage"])
def test_a_note_is_read_alone_and_the_question_after_it_is_the_same(world: str) -> None:
    [item] = worlds.world(world).examples("test", 1, seed=3)
    system, user = noted(item, "The job of Bara is baker.").messages
    assert system["content"] == "Read the notes."
    assert str(user["content"]).startswith("The job of Bara is baker.\n")
    assert str(item.messages[-1]["content"]).endswith(str(user["content"]).partition("\n")[2])


def test_a_study_of_a_world_has_no_lever_in_it() -> None:
    for world in BUILT:
        spec = study(world, 200, 2)
        assert not spec.levers and {"small", "large"} <= set(spec.models)
        assert spec.task.split("tune")
