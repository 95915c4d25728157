"""A policy as a file: what is saved decides as it did, and nothing else is ever loaded."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.routing.worlds import small_policy, specialists

from underdog.errors import DataError
from underdog.routing import load_policy
from underdog.routing.embeddings import Latent
from underdog.routing.policy import Policy, policy_from, policy_of
from underdog.routing.routers import Ridge, Universal
from underdog.routing.seen import Seen
from underdog.routing.tensors import packed, unpacked
from underdog.stored import Stored

TABLE = specialists(200)


def test_a_policy_decides_the_same_after_it_was_saved(tmp_path) -> None:
    embedding = Latent.fit(TABLE.questions, 16)
    fitted = Ridge(1.0).fit(Seen.of(TABLE, embedding.embed(TABLE.questions)))
    policy = Policy(TABLE.answerers, fitted, 0.97, embedding)
    again = load_policy(policy.save(tmp_path / "deep" / "router.safetensors"))
    assert again.answerers == policy.answerers and again.knob == 0.97
    assert np.array_equal(again.choose(TABLE.questions), policy.choose(TABLE.questions))
    assert again.content == policy.content


def test_equal_policies_have_equal_files_and_another_knob_has_another() -> None:
    assert small_policy().content == small_policy().content
    assert small_policy().stored != small_policy(0.5).stored


def test_the_file_is_safetensors_to_anyone() -> None:
    library = pytest.importorskip("safetensors.numpy")
    ours = {"b": np.arange(6, dtype=np.int64).reshape(2, 3), "a": np.ones(3, np.float32)}
    theirs = library.load(packed(ours, {"note": "x"}))
    assert {name: array.tolist() for name, array in theirs.items()} == {
        "a": [1, 1, 1],
        "b": [[0, 1, 2], [3, 4, 5]],
    }
    back, notes = unpacked(library.save(ours, metadata={"k": "v"}), "theirs")
    assert notes == {"k": "v"} and np.array_equal(back["b"], ours["b"])


def header(**changes: object) -> bytes:
    body = {"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} | changes}
    text = json.dumps(body).encode()
    return len(text).to_bytes(8, "little") + text + b"\0" * 4


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 40,
        (10**12).to_bytes(8, "little") + b"{}",
        b"\x02" + b"\0" * 7 + b"[]",
        header(dtype="object"),
        header(shape=[2]),
        header(shape=[-1]),
        header(data_offsets=[0, 8]),
        header(data_offsets=[-4, 0]),
        small_policy().content[:-9],
    ],
)
def test_a_broken_file_is_said_to_be_broken(content) -> None:
    with pytest.raises(DataError, match="must be safetensors"):
        unpacked(content, "file")


def test_a_file_of_another_kind_or_with_an_unknown_class_is_refused() -> None:
    with pytest.raises(DataError, match="must say 'underdog router 1'"):
        policy_from(packed({}, {}))
    arrays, notes = unpacked(small_policy().content, "p")
    body = json.loads(notes["policy"])
    for change, said in (
        ({"kind": "Popen"}, "holds a 'Popen'"),
        ({"kind": "FittedKernel"}, "lacks 'router."),
    ):
        odd = {**body, "router": body["router"] | change}
        with pytest.raises(DataError, match=said):
            policy_from(packed(arrays, {**notes, "policy": json.dumps(odd)}))
    with pytest.raises(DataError, match="lacks a part"):
        policy_from(packed(arrays, {**notes, "policy": "{}"}))


def test_a_missing_file_is_said_to_be_missing(tmp_path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        load_policy(tmp_path / "none.safetensors")


def test_a_policy_of_an_embedder_wants_its_vectors() -> None:
    policy = Policy(
        ("a", "b"),
        Ridge().fit(Seen.of(TABLE.only(["counter", "poet"]), np.eye(200, 4, dtype=np.float32))),
        1.0,
        None,
        "hf/x",
    )
    with pytest.raises(DataError, match="vectors of hf/x"):
        policy.choose(["text"])
    assert policy.choose(["text"], vectors=[[1, 0, 0, 0]]).shape == (1,)


def test_a_new_answerer_joins_a_universal_policy_by_its_probes(tmp_path) -> None:
    old = TABLE.only(["counter", "steady"])
    embedding = Latent.fit(old.questions, 16)
    fitted = Universal(6, 2.0).fit(Seen.of(old, embedding.embed(old.questions)))
    policy = Policy(old.answerers, fitted, 1.0, embedding)
    probes = policy.probes(TABLE.questions, 6)
    texts = [TABLE.questions[i] for i in probes]
    poet = TABLE.column("poet")
    wider = policy.joined("poet", texts, TABLE.scores[probes, poet], TABLE.costs[probes, poet])
    assert wider.answerers == ("counter", "steady", "poet") and len(probes) <= 36
    verse = [text for text in specialists(40, seed=3).questions if text.startswith("write")]
    assert (wider.choose(verse) == 2).mean() > 0.7 and set(policy.choose(verse).tolist()) <= {0, 1}
    assert np.array_equal(
        load_policy(wider.save(tmp_path / "w.safetensors")).choose(verse), wider.choose(verse)
    )
    with pytest.raises(DataError, match="has an answerer 'poet' already"):
        wider.joined("poet", texts, TABLE.scores[probes, poet], TABLE.costs[probes, poet])
    with pytest.raises(DataError, match="only a universal router"):
        small_policy().probes(["x"], 1)


def test_a_levers_file_is_unpacked_once_and_only_when_it_is_at_hand(tmp_path) -> None:
    stored = small_policy().stored
    again = Stored.read(stored.write(tmp_path))
    assert policy_of(again).content == stored.content and policy_of(again) is policy_of(again)
    with pytest.raises(DataError, match="not at hand"):
        policy_of(Stored(stored.digest))
