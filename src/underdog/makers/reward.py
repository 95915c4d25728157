"""Reward models: a small backbone that learns to tell right answers from wrong ones, or good steps from bad.

Settings of arXiv 2408.03314: AdamW, rate 3e-5, batch 128, betas (.9, .95), dropout .05 where the backbone has
any, binary cross-entropy on soft labels, stopped early on a tenth of the questions. What comes out is an
ordinary sequence-classification checkpoint. `judge` says whether it beats what costs nothing: the
log-probability of the answer.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from underdog.answerer import Failure, Model, digest
from underdog.engines import Engine
from underdog.engines.hf_checkpoint import Checkpoint, load_tokenizer, loading, need
from underdog.engines.hf_prompt import Prompts
from underdog.engines.reward import load_classifier, logits, squashed, tokens
from underdog.errors import StudyError
from underdog.makers.candidates import Candidate
from underdog.makers.checkpoint import behind
from underdog.makers.made import Made
from underdog.statistics import auroc, auroc_difference, paired_difference
from underdog.statistics.intervals import Interval
from underdog.statistics.paired import Paired
from underdog.trial import Spend

_FEWEST = 50  # candidates of each kind, below which nothing is learned that a chance could not do


@dataclass(frozen=True)
class TrainReward:
    """How a reward model is trained.

    Attributes:
        rate, batch: of AdamW.
        epochs: most passes over the candidates; training stops when the held-out loss has not fallen for
            `patience` of them, and the best pass is kept.
        held: the share of questions that is held out for that.
        seed: of the split, the order and the new head.
        length: longest conversation, in tokens; longer ones are left out.
    """

    rate: float = 3e-5
    batch: int = 128
    epochs: int = 10
    patience: int = 2
    held: float = 0.1
    seed: int = 0
    length: int = 1024

    def make(
        self,
        model: Model,
        folder: Path,
        candidates: Sequence[Candidate],
        bind: Callable[[Model], Engine],
        base: Path,
    ) -> Made:
        """Train on these candidates and leave `folder/model` and `folder/made.json`.

        `base` is where relative file names start.

        Raises:
            StudyError: too few right or wrong candidates, or of too few questions.
            ConfigError: the backbone has no weights at hand.
        """
        source, target = behind(bind, model), folder / "model"
        _check(candidates)
        began = time.perf_counter()
        rows = _rows(source, candidates, self.length)
        learned, held = _parted(rows, self)
        net = _classifier(source, self.seed)
        curves = _trained(net, learned, held, self)
        with loading():
            net.save_pretrained(target)
        load_tokenizer(source.source()).save_pretrained(target)
        read = sum(len(ids) for ids, *_ in learned) * len(curves["held-out loss"])
        seconds, flops = time.perf_counter() - began, 6.0 * net.num_parameters() * read
        record = Made(
            Model(f"hf/{os.path.relpath(target, base)}"),
            model,
            {"maker": "reward", **asdict(self)},
            data={
                "n": len(learned),
                "held_out": len(held),
                "digest": digest([[one.question, one.text, one.right] for one in candidates]),
            },
            seed=self.seed,
            curves=curves,
            spend=Spend(tokens_in=read, seconds=seconds, flops=flops),
            evidence={"identity": Checkpoint(str(target)).source().identity},
            versions={name: version(name) for name in ("torch", "transformers")},
        )
        record.save(folder, base)
        return record


_Row = tuple[tuple[int, ...], float, str]
"""Tokens, label, question."""


def _check(candidates: Sequence[Candidate]) -> None:
    rights = sum(one.right >= 0.5 for one in candidates)
    questions = len({one.question for one in candidates})
    if min(rights, len(candidates) - rights) < _FEWEST or questions < _FEWEST:
        raise StudyError(
            f"reward: a reward model needs at least {_FEWEST} right and {_FEWEST} wrong candidates of "
            f"{_FEWEST} questions; there are {rights} and {len(candidates) - rights} of {questions}: draw "
            "more answers for each question, or take a task that the model neither fails nor solves"
        )


def _rows(source: Checkpoint, candidates: Sequence[Candidate], most: int) -> list[_Row]:
    prompts = Prompts(lambda: load_tokenizer(source.source()), source.name)
    found = []
    for one in candidates:
        ids = tokens(prompts, one.messages, one.text, one.finished)
        if isinstance(ids, Failure):
            raise StudyError(f"reward: question {one.question!r}: {ids.message}")
        if len(ids) <= most:
            found.append((ids, one.right, one.question))
    return found


def _parted(rows: Sequence[_Row], how: TrainReward) -> tuple[list[_Row], list[_Row]]:
    """What is learned from and what is held out: no question is in both."""
    questions = sorted({question for _, _, question in rows})
    random.Random(how.seed).shuffle(questions)
    apart = set(questions[: max(1, round(how.held * len(questions)))])
    return [row for row in rows if row[2] not in apart], [row for row in rows if row[2] in apart]


def _classifier(source: Checkpoint, seed: int) -> Any:
    """The backbone with a new head of one label that starts at zero."""
    torch, transformers = need("torch"), need("transformers")
    found = source.source()
    tokenizer, told = load_tokenizer(found), transformers.utils.logging
    with loading(), torch.random.fork_rng():
        torch.manual_seed(seed)
        before = told.get_verbosity()
        told.set_verbosity_error()  # it would report the head, which is new on purpose, as missing
        net = transformers.AutoModelForSequenceClassification.from_pretrained(
            found.name, revision=found.revision, num_labels=1, dtype=torch.float32, trust_remote_code=False
        )
        told.set_verbosity(before)
    net.config.pad_token_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    torch.nn.init.zeros_(net.score.weight)
    return net.to("cuda" if torch.cuda.is_available() else "cpu")


def _trained(net: Any, learned: list[_Row], held: list[_Row], how: TrainReward) -> dict[str, Any]:
    """Train to the best pass; the losses by step."""
    torch = need("torch")
    optimizer = torch.optim.AdamW(net.parameters(), lr=how.rate, betas=(0.9, 0.95))
    order, drawn = list(learned), random.Random(how.seed)
    told: list[tuple[int, float]] = []
    kept: list[tuple[int, float]] = []
    best, step, waited = None, 0, 0
    for _ in range(how.epochs):
        net.train().requires_grad_(True)
        drawn.shuffle(order)
        for at in range(0, len(order), how.batch):
            batch = order[at : at + how.batch]
            loss = _loss(net, batch)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            step += 1
            told.append((step, float(loss.detach())))
        net.eval().requires_grad_(False)
        now = _held_loss(net, held, how.batch)
        if not kept or now < min(value for _, value in kept):
            best, waited = {name: weight.clone() for name, weight in net.state_dict().items()}, 0
        else:
            waited += 1
        kept.append((step, now))
        if waited >= how.patience:
            break
    net.load_state_dict(best)
    return {"loss": tuple(told), "held-out loss": tuple(kept)}


def _loss(net: Any, batch: Sequence[_Row]) -> Any:
    torch = need("torch")
    labels = torch.tensor([label for _, label, _ in batch], device=net.device)
    return torch.nn.functional.binary_cross_entropy_with_logits(
        logits(net, [ids for ids, *_ in batch]), labels
    )


def _held_loss(net: Any, held: Sequence[_Row], size: int) -> float:
    with need("torch").inference_mode():
        parts = [held[at : at + size] for at in range(0, len(held), size)]
        return sum(float(_loss(net, part)) * len(part) for part in parts) / len(held)


@dataclass(frozen=True)
class Judgement:
    """A reward model beside the signal that costs nothing, on candidates of questions it never saw.

    Attributes:
        reward, free: areas under the ROC curve over all candidates, intervals by question.
        better: reward minus free, on the same candidates.
        picked: the best candidate of each question by reward against by the free signal, scored.
    """

    n: int
    questions: int
    reward: Interval
    free: Interval
    better: Interval
    picked: Paired

    @property
    def earns_its_keep(self) -> bool:
        """Whether it ranks better than the free signal, beyond doubt."""
        return self.better.low is not None and self.better.low > 0

    def said(self) -> str:
        """One sentence for a record or a page."""
        if self.earns_its_keep:
            return f"it ranks better than the answers' own log-probability ({self._numbers()})"
        return (
            f"it is not shown to rank better than the answers' own log-probability ({self._numbers()}), "
            "which costs nothing: use Confident, or train it on more questions"
        )

    def _numbers(self) -> str:
        return f"AUROC {_told(self.reward)} against {_told(self.free)}, n {self.n} of {self.questions}"


def judge(rewards: Sequence[float], candidates: Sequence[Candidate]) -> Judgement:
    """Compare rewards, one a candidate, with the candidates' own log-probabilities; whole answers only."""
    pairs = [(reward, one) for reward, one in zip(rewards, candidates, strict=True) if one.finished]
    own = [reward for reward, _ in pairs]
    free = [one.free for _, one in pairs]
    right = [one.right >= 0.5 for _, one in pairs]
    names = [one.question for _, one in pairs]
    table: dict[str, list[tuple[float, Candidate]]] = {}
    for reward, one in pairs:
        table.setdefault(one.question, []).append((reward, one))
    by_reward = [max(rows, key=lambda row: row[0])[1].right for rows in table.values()]
    by_free = [max(rows, key=lambda row: row[1].free or 0.0)[1].right for rows in table.values()]
    return Judgement(
        len(pairs),
        len(table),
        auroc(own, right, groups=names),
        auroc(free, right, groups=names),
        auroc_difference(own, free, right, groups=names),
        paired_difference(by_reward, by_free),
    )


def rewards_of(source: Checkpoint, candidates: Sequence[Candidate]) -> list[float]:
    """What a trained reward model gives each candidate.

    Raises:
        ConfigError: the folder holds no reward model.
    """
    rows = _rows(source, candidates, 10**9)
    return squashed(load_classifier(source.source()), [ids for ids, *_ in rows])


def evidence(found: Judgement) -> Mapping[str, Any]:
    """A judgement as JSON, its sentence included."""
    return {"said": found.said(), "earns_its_keep": found.earns_its_keep, **msgspec.to_builtins(found)}


def _told(interval: Interval) -> str:
    if interval.estimate is None:
        return f"undefined ({interval.note})"
    return f"{interval.estimate:.3f} [{interval.low or 0:.3f}, {interval.high or 0:.3f}]"
