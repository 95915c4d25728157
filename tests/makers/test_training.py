"""Real trainings of the embedded small model on a toy: what they change, and that a kill changes nothing."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest
from tests.makers.toys import ground, toy

from underdog.answerer import Model
from underdog.errors import StudyError
from underdog.levers.read import Read
from underdog.makers import Dpo, Grpo, Lora, Made, Watcher, load_made
from underdog.tiny import worlds

pytest.importorskip("trl", reason="training needs the extra [train]")

SMALL = {"steps": 12, "batch": 8, "checks": 3, "tries": 1, "rank": 8}


class Pulled(Exception):
    """The plug."""


class Plug(Watcher):
    """Pulls the plug when a step is logged; what was noted is kept."""

    def __init__(self, step: int | None = None) -> None:
        self.step, self.steps, self.notes = step, list[int](), list[str]()

    def trained(self, step, logs):
        self.steps.append(step)
        if step == self.step:
            raise Pulled

    def note(self, text):
        self.notes.append(text)


def made(maker, folder: Path, watch: Watcher | None = None, **more: object) -> Made:
    return asyncio.run(maker.make(ground(folder, watch=watch, **more)))


def weights(folder: Path, name: str = "adapter") -> bytes:
    return (folder / name / "adapter_model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def lora(tmp_path_factory) -> tuple[Path, Made]:
    folder = tmp_path_factory.mktemp("lora")
    result = made(Lora(**SMALL), folder)
    result.save(folder, folder)
    return folder, result


def test_supervised_training_learns_the_toy(lora):
    _, result = lora
    held_out = result.evidence["held_out"]
    assert held_out["before"]["score"] < 0.7 < held_out["kept"]["score"]
    losses = [value for _, value in result.curves["loss"]]
    assert losses[-1] < losses[0] / 2


def test_the_new_model_answers_as_it_was_scored(lora):
    folder, result = lora
    stands = ground(folder)
    _, held_out = stands.parts("lora", 0.25)
    answers = asyncio.run(stands.graded(stands.reading(result.model), held_out))
    score = sum(answer.score for (answer,) in answers) / len(answers)
    assert score == result.evidence["held_out"]["kept"]["score"]


def test_the_record_tells_the_recipe_the_spend_and_the_data(lora):
    folder, _ = lora
    found = load_made(folder, folder)
    assert found.model == Model("tiny/small", adapter="adapter")
    assert found.recipe["rank"] == 8 and found.recipe["maker"] == "lora"
    assert (found.data["n"], found.data["held_out"]) == (36, 12)
    assert found.spend.flops > 0 and found.spend.seconds > 0
    assert {"torch", "transformers", "peft", "trl"} <= set(found.versions)


def test_the_adapter_names_no_path_of_this_machine(lora):
    folder, _ = lora
    config = json.loads((folder / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "tiny/small"
    assert sorted(path.name for path in (folder / "adapter").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]


def test_a_training_that_was_killed_goes_on_to_the_same_adapter(lora, tmp_path):
    """The plug is pulled after the second of three checkpoints, and while the next one was half written."""
    whole, result = lora
    with pytest.raises(Pulled):
        made(Lora(**SMALL), tmp_path, Plug(step=10))
    (half,) = tmp_path.glob("work/*/adapter/*/checkpoint-8")
    shutil.copytree(half, half.with_name("checkpoint-10"))
    (half.with_name("checkpoint-10") / "trainer_state.json").write_text('{"global_')
    watch = Plug()
    again = made(Lora(**SMALL), tmp_path, watch)
    assert weights(tmp_path) == weights(whole)
    assert min(watch.steps) > 8, "the steps before the last whole checkpoint were not trained again"
    assert again.curves["loss"] == result.curves["loss"]
    assert again.curves["held_out_score"] == result.curves["held_out_score"]


class Stop(Plug):
    """Cancels the making when a step is logged, as Ctrl-C does."""

    def trained(self, step, logs):
        self.steps.append(step)
        if step == self.step:
            self.loop.call_soon_threadsafe(self.task.cancel)

    async def make(self, maker, folder: Path) -> Made:
        self.loop, self.task = asyncio.get_running_loop(), asyncio.current_task()
        result: Made = await maker.make(ground(folder, watch=self))
        return result


def test_a_training_that_the_user_stopped_has_written_a_checkpoint_and_goes_on(lora, tmp_path):
    whole, _ = lora
    watch = Stop(step=5)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(watch.make(Lora(**SMALL), tmp_path))
    assert watch.steps[-1] < 8
    again = Plug()
    made(Lora(**SMALL), tmp_path, again)
    assert min(again.steps) == watch.steps[-1] + 1
    assert weights(tmp_path) == weights(whole)


def test_the_same_asking_again_trains_nothing(lora):
    folder, result = lora
    watch = Plug()
    again = made(Lora(**SMALL), folder, watch)
    assert watch.steps == []
    assert (again.model, again.digest) == (result.model, result.digest)


def test_a_search_tries_rates_and_keeps_one(tmp_path):
    result = made(Lora(**{**SMALL, "steps": 8, "checks": 4, "tries": 2}), tmp_path)
    tried = result.evidence["tries"]
    assert sorted(len(one["looks"]) for one in tried) == [2, 4]
    assert result.evidence["rate"] in {one["rate"] for one in tried}


def test_preferences_move_the_model_and_supervised_training_on_the_chosen_runs_beside(tmp_path):
    task = toy(fit=64)
    maker = Dpo(**{**SMALL, "steps": 4, "checks": 2}, teacher="large", draws=6, rate=1e-3)
    labels = task.reading.labels
    teacher = Read(Model("fake/choice:left|right"), rule="label", labels=labels)
    result = asyncio.run(maker.make(ground(tmp_path, task, large=teacher)))
    margins = [value for _, value in result.curves["rewards/margins"]]
    assert margins[0] == pytest.approx(0, abs=1e-4) and margins[-1] > margins[0]
    assert set(result.controls) == {"sft-on-chosen"}
    assert weights(tmp_path) != weights(tmp_path, "sft-on-chosen")
    assert result.evidence["answers"]["pairs"] == result.data["n"]


GRPO = Grpo(steps=4, batch=16, group=8, checks=2, rank=8, rate=1e-3)


def test_rewards_train_and_a_killed_training_draws_the_same_answers(tmp_path):
    task = worlds.task("countdown", 400, 1)
    folders = tmp_path / "whole", tmp_path / "killed"
    whole = asyncio.run(GRPO.make(ground(folders[0], task)))
    with pytest.raises(Pulled):
        asyncio.run(GRPO.make(ground(folders[1], task, watch=Plug(step=3))))
    again = asyncio.run(GRPO.make(ground(folders[1], task)))
    assert weights(folders[0]) == weights(folders[1])
    assert whole.curves["reward"] == again.curves["reward"]
    found = whole.evidence["answers"]
    assert 24 <= found["reward differs"] == whole.data["n"] < found["examples"]
    assert whole.controls == {} and "no control was trained on the reward of form" in whole.cautions[0]


def test_rewards_that_never_differ_teach_nothing_and_are_refused(tmp_path):
    says = "at least 24 examples on which the rewards of 2 answers differ; there are 0 of 36"
    with pytest.raises(StudyError, match=says):
        asyncio.run(Grpo(group=2).sampled(ground(tmp_path)))


def test_what_only_a_gpu_has_is_refused_without_one(tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    with pytest.raises(StudyError, match="four_bit: is for CUDA devices"):
        made(Lora(**SMALL, four_bit=True), tmp_path)


def test_four_bits_are_asked_for_as_qlora_does():
    from underdog.makers.student import four_bits

    config = four_bits()
    assert (config.load_in_4bit, config.bnb_4bit_quant_type) == (True, "nf4")
    assert config.bnb_4bit_use_double_quant


def test_what_is_no_checkpoint_of_this_machine_is_refused(tmp_path):
    stands = ground(tmp_path)
    remote = stands.reading(Model("fake/echo"))
    with pytest.raises(StudyError, match="only checkpoints on this machine can be trained"):
        asyncio.run(Lora(**SMALL).make(type(stands)(**{**vars(stands), "small": remote})))


def test_an_adapter_is_not_put_on_an_adapter(lora, tmp_path):
    folder, result = lora
    stands = ground(folder)
    small = stands.reading(result.model)
    with pytest.raises(StudyError, match="has the adapter"):
        asyncio.run(Lora(**SMALL).make(type(stands)(**{**vars(stands), "small": small, "folder": tmp_path})))
