"""`underdog route` as a user meets it: a table in, an advice out, a policy saved."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.routing.worlds import noise, specialists
from typer.testing import CliRunner

import underdog
from underdog.advising import outcomes_at
from underdog.cli import app
from underdog.routing import OutcomeTable, load_policy
from underdog.store import Store

LABELS = ("refund", "bug")


def written(table: OutcomeTable, path):
    rows = [
        {
            "id": table.ids[i],
            "model": name,
            "score": table.scores[i, j],
            "cost": table.costs[i, j],
            "text": table.questions[i],
        }
        for i in range(len(table))
        for j, name in enumerate(table.answerers)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return str(path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a study in which small knows half of the tickets, at a twentieth of large's price."""
    folder = tmp_path_factory.mktemp("study")
    texts = ["refund the order", "crash at start"]
    rows = [
        {"id": f"t{i}", "group": f"g{i}", "text": f"{texts[i % 2]} {i} {name}", "label": name}
        for i, name in enumerate(LABELS * 450)
    ]
    (folder / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    task = {
        "data": str(folder / "t.jsonl"),
        "id": "id",
        "group": "group",
        "input": "{{ text }}",
        "target": "label",
        "score": "label",
        "read": {"rule": "regex", "pattern": "(refund|bug)$"},
    }
    done = underdog.study(
        task,
        small="fake/choice:refund|refund",
        large="fake/echo",
        levers={"twice": {"lever": "vote", "inner": "small", "n": 2}},
        settings=underdog.Settings(store=folder / "s.sqlite", folder=folder / "run"),
        name="tickets",
    )
    assert done is not None
    return folder


def test_a_finished_run_is_a_table_of_its_test_split(finished) -> None:
    """Every model and the plan answered all of it; arms that raced only are left out, and lenient twins."""
    table = outcomes_at(finished / "run")
    findings = json.loads((finished / "run" / "findings.json").read_text())
    assert len(table) == findings["splits"]["test"] and set(table.answerers) == {"small", "large"} | {
        findings["winner"]
    }
    scores = {arm["name"]: arm["score"]["estimate"] for arm in findings["test"]}
    for name, column in zip(table.answerers, table.scores.T, strict=True):
        assert column.mean() == pytest.approx(scores[name])
    assert all(text.split()[-1] in LABELS for text in table.questions)
    assert set(table.groups) <= {f"g{i}" for i in range(900)} and not np.isnan(table.costs).any()


def test_a_run_is_advised_on_like_any_table(finished) -> None:
    done = run(str(finished / "run"), "--json", "--margin", "0.05")
    assert done.exit_code == 0, done.output
    body = json.loads(done.stdout)
    assert body["ground"]["default"]["about"] == "large"
    assert body["ground"]["learned"] + body["ground"]["judged"] == len(outcomes_at(finished / "run"))


def test_what_holds_no_scores_is_refused_in_one_sentence(finished, tmp_path) -> None:
    for path, said in (
        (finished / "s.sqlite", "a store holds calls and not how right they were"),
        (tmp_path, "`underdog study` writes it when it ends"),
    ):
        done = run(str(path))
        assert done.exit_code == 2 and said in " ".join(done.stderr.split())
    done = run(str(finished / "run"), "--questions", str(finished / "t.jsonl"))
    assert done.exit_code == 2 and "a run's folder holds its own questions" in " ".join(done.stderr.split())


def run(*words):
    return CliRunner().invoke(app, ["route", *words], catch_exceptions=False)


@pytest.fixture(scope="module")
def routable(tmp_path_factory):
    return written(specialists(300), tmp_path_factory.mktemp("table") / "outcomes.jsonl")


def test_the_page_shows_controls_routers_what_was_judged_and_the_advice(routable, tmp_path) -> None:
    done = run(routable, "--save", str(tmp_path / "router.safetensors"))
    assert done.exit_code == 0, done.output
    for word in ("CONTROLS", "ROUTERS", "JUDGED", "ROUTE", "oracle", "guarded kNN", "blend", "curve", "asks"):
        assert word in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    policy = load_policy(tmp_path / "router.safetensors")
    assert policy.answerers == ("counter", "poet", "steady")
    assert policy.choose(["write a rhyme about river 3 and mountain 4"]).tolist() == [1]


def test_json_holds_the_advice_and_no_arrays(routable) -> None:
    done = run(routable, "--json", "--default", "steady", "--margin", "0.05", "--seed", "3")
    assert done.exit_code == 0
    body = json.loads(done.stdout)
    assert body["kind"] == "route" and body["ground"]["default"]["about"] == "steady"
    assert (body["ground"]["margin"], body["ground"]["seed"]) == (0.05, 3)
    assert isinstance(body["policy"], str) and len(body["policy"]) == 32
    assert {row["name"] for row in body["routers"]} >= {"ridge", "kernel", "win rate"}


def test_nothing_is_saved_where_the_advice_is_not_to_route(tmp_path) -> None:
    table = written(noise(300).only(["weak"]), tmp_path / "t.jsonl")
    done = run(table, "--save", str(tmp_path / "r.safetensors"))
    assert done.exit_code == 2 and "nothing was saved" in done.stderr
    assert "weak is the only answerer" in done.stdout.replace("\n", " ")
    assert not (tmp_path / "r.safetensors").exists()


def test_vectors_of_a_small_models_own_states_are_recorded_and_routed_on(tmp_path) -> None:
    pytest.importorskip("transformers", reason="needs the [local] extra")
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)  # two threads on a busy machine wait for each other
    table = written(specialists(60), tmp_path / "t.jsonl")
    words = ("--embedder", "tiny/small", "--store", str(tmp_path / "store.sqlite"), "--json")
    advice = json.loads(run(table, *words).stdout)
    assert {row["name"] for row in advice["routers"]} >= {"ridge", "kernel"}
    with Store(tmp_path / "store.sqlite") as store:
        assert store.spent("route").calls == 0 and store.spent("route").seconds > 0, "acts are no model calls"
    done = run(table, "--embedder", "fake/echo", *words[2:])
    assert done.exit_code == 2 and "only local checkpoints" in done.stderr


def test_mistakes_end_in_one_sentence(routable, tmp_path) -> None:
    for words, said in (
        ([str(tmp_path / "none.jsonl")], "does not exist"),
        ([routable, "--default", "nobody"], "no answerer 'nobody'"),
    ):
        done = run(*words)
        assert done.exit_code == 2 and said in done.stderr
