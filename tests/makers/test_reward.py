"""Reward models: candidates from bank and rollouts, training, and the comparison with what is free."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the [local] extra")
pytest.importorskip("transformers", reason="needs the [local] extra")

from tests.makers.bench import SMALL  # noqa: E402

from underdog.acts import Acts  # noqa: E402
from underdog.answerer import Answer, Failure, Model, TokenLogprob  # noqa: E402
from underdog.drive import Driver  # noqa: E402
from underdog.engines.binding import Binder  # noqa: E402
from underdog.engines.fake import FakeEngine  # noqa: E402
from underdog.engines.hf_checkpoint import Checkpoint  # noqa: E402
from underdog.engines.reward import Rewarder  # noqa: E402
from underdog.errors import ConfigError, StudyError  # noqa: E402
from underdog.levers import BestOf, Read, Reward  # noqa: E402
from underdog.makers.candidates import Candidate, recorded, rolled_out, sampled  # noqa: E402
from underdog.makers.probe import probe  # noqa: E402
from underdog.makers.reward import TrainReward, judge, rewards_of  # noqa: E402
from underdog.store.sinks import MemoryBank  # noqa: E402
from underdog.trial import Outcome, Spend, Trial  # noqa: E402

torch.set_num_threads(1)
TASK = probe(6)
FAKE = Model("fake/f")


def faked(reply, work):
    """What `work` gives with a driver of one fake model, and the bank it left."""
    bank = MemoryBank()

    async def run():
        async with Driver(lambda _: FakeEngine(reply), bank) as driver:
            return await work(driver)

    return asyncio.run(run()), bank


def gold(request) -> str:
    return next(str(one.target) for one in TASK.examples if one.id == request.example)


def draws(request):
    """Right at even draws; the third one fails."""
    if request.draw[-1] == 3:
        return Failure("server_error", "down")
    text = gold(request) if request.draw[-1] % 2 == 0 else "no idea"
    return Answer(text, logprobs=(TokenLogprob(text, -0.5),))


def test_sampled_answers_are_scored_and_failures_left_out():
    rows, _ = faked(draws, lambda driver: sampled(driver, FAKE, TASK, TASK.examples, draws=4))
    assert [[one.right for one in row] for row in rows] == [[1.0, 0.0, 1.0]] * 6
    assert rows[0][0].free == pytest.approx(0.6065, abs=1e-4)
    again, _ = faked(draws, lambda driver: sampled(driver, FAKE, TASK, TASK.examples, draws=4))
    assert again == rows


def test_trials_of_one_call_become_candidates_and_others_do_not():
    _, bank = faked(draws, lambda driver: sampled(driver, FAKE, TASK, TASK.examples[:1], draws=2))
    keys = list(bank.calls)

    def trial(calls, score):
        return Trial("a", "q1", 0, Outcome.RIGHT, score, "x", None, Spend(), tuple(calls))

    trials = [trial(keys[:1], 1.0), trial(keys[:1], 1.0), trial(keys[:2], 1.0), trial(keys[1:2], None)]
    found = recorded(trials, bank.find)
    assert [(one.question, one.right) for one in found] == [("q1", 1.0)]
    assert found[0].messages == TASK.examples[0].messages


def test_a_step_is_worth_the_share_of_its_rollouts_that_end_right():
    whole = Candidate(TASK.examples[0].id, TASK.examples[0].messages, "first\nsecond\n7", 0.0)

    def on(request):
        start = request.messages[-1]["content"]
        assert request.extra["continue_final_message"]
        return gold(request) if request.draw[-1] < (1 if "second" in start else 3) else "nothing"

    found, _ = faked(on, lambda d: rolled_out(d, FAKE, TASK, TASK.examples, [whole, whole], rollouts=4))
    steps = {one.text: (one.right, one.finished) for one in found}
    assert steps == {
        "first\n": (0.75, False),
        "first\nsecond\n": (0.25, False),
        "first\nsecond\n7": (0.0, True),
    }


def lessons(n: int, start: int = 0) -> list[Candidate]:
    """Right answers name a colour, wrong ones an animal; the log-probability says nothing."""
    words = (("red", "green", "blue"), ("wolf", "bear", "crow"))
    return [
        Candidate(
            f"q{at}", ({"role": "user", "content": f"Question {at}"},), words[wrong][at % 3], 1.0 - wrong, 0.5
        )
        for at in range(start, start + n)
        for wrong in (0, 1)
    ]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    base = tmp_path_factory.mktemp("reward")
    how = TrainReward(rate=2e-3, batch=32, epochs=4)
    made = how.make(SMALL, base / "judge", lessons(60), Binder(base=base), base)
    return base, made


def test_it_learns_what_the_free_signal_does_not_know_and_says_so(trained):
    base, made = trained
    unseen = lessons(30, start=500)
    found = judge(rewards_of(Checkpoint(str(base / "judge" / "model")), unseen), unseen)
    assert found.reward.estimate > 0.95
    assert found.free.estimate == 0.5
    assert found.earns_its_keep and "ranks better" in found.said()
    assert (found.picked.n, made.data["n"] + made.data["held_out"]) == (30, 120)
    assert made.curves["held-out loss"][-1][1] < 0.69


def test_a_judge_that_only_repeats_the_free_signal_is_told_to_be_useless():
    pool = [
        Candidate(f"q{at // 4}", (), str(at), float(at % 3 == 0), free=(at * 37 % 100) / 100)
        for at in range(80)
    ]
    found = judge([one.free for one in pool], pool)
    assert not found.earns_its_keep
    assert "use Confident" in found.said()


def test_best_of_keeps_what_the_trained_judge_likes(trained):
    base, made = trained
    binder = Binder(base=base)

    async def run():
        async with Acts(binder) as acts:
            fakes = FakeEngine(["wolf", "bear", "blue"])
            bind = lambda model: fakes if model == FAKE else binder(model)  # noqa: E731
            async with Driver(bind, MemoryBank(), tools=acts) as driver:
                verifier = Reward(made.model.name, identity=made.evidence["identity"])
                lever = BestOf(Read(FAKE, rule="text"), 3, verifier)
                question = lessons(1, start=900)[0]
                request = TASK.request(TASK.examples[0])
                return (await driver.answer(lever, request.fresh(question.messages))).result

    found = asyncio.run(run())
    assert (found.text, found.confidence > 0.5) == ("blue", True)


def test_what_is_no_reward_model_or_another_than_the_measured_one_is_refused(trained, tmp_path):
    base, made = trained

    async def score(**arguments):
        return await Rewarder(Binder(base=base)).score(messages=[], texts=["x"], **arguments)

    with pytest.raises(ConfigError, match="is no reward model"):
        asyncio.run(score(model="tiny/small"))
    with pytest.raises(ConfigError, match="is another than the one that was measured"):
        asyncio.run(score(model=made.model.name, identity="0" * 32))
    with pytest.raises(ConfigError, match="must be a local checkpoint"):
        asyncio.run(score(model="fake/echo"))


def test_too_few_candidates_are_refused_with_their_numbers(tmp_path):
    with pytest.raises(StudyError, match="there are 20 and 20 of 20"):
        TrainReward().make(SMALL, tmp_path / "r", lessons(20), Binder(base=tmp_path), tmp_path)


def test_a_reward_model_is_an_ordinary_checkpoint(trained):
    import transformers

    base, _ = trained
    folder = base / "judge" / "model"
    assert {one.suffix for one in Path(folder).iterdir()} <= {".json", ".safetensors", ".jinja"}
    pipe = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
    assert pipe.config.num_labels == 1
