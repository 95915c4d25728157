"""Training on rewards, from examples to a Made, with its control. Imports torch and trl."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from underdog.answerer import Answer, Model
from underdog.drive import Driver
from underdog.example import Example
from underdog.makers.ground import FEWEST_LEARNED, Ground
from underdog.makers.lessons import Rewarding
from underdog.makers.made import Made
from underdog.makers.making import Making, Trained, asked_for, described, recorded
from underdog.makers.settings import Earning
from underdog.makers.student import checkpoint_of, insist_on_device, size_of
from underdog.makers.trl_grpo import Earned, Rewarded, Written
from underdog.trial import Spend

FORM_ONLY = "form-only"


async def reward(settings: Earning, ground: Ground, found: Rewarding) -> Made:
    """An adapter that learned from the whole reward, and one that learned from that of form."""
    insist_on_device(settings)
    trained = await rewarded(settings, ground, found.whole, found.held_out, "adapter")
    controls, cautions, spend = dict[str, Model](), list[str](), Spend()
    evidence: dict[str, Any] = {"answers": found.told}
    if len(found.form) >= FEWEST_LEARNED and settings.form > 0:
        control = await rewarded(settings, ground, found.form, found.held_out, FORM_ONLY)
        controls[FORM_ONLY] = control.model
        evidence[FORM_ONLY] = control.evidence()
        spend = control.spend
    else:
        cautions.append(
            f"no control was trained on the reward of form alone: it differs between the answers to only "
            f"{len(found.form)} examples, so form has next to nothing to teach here"
        )
    return recorded(
        trained,
        ground,
        settings,
        described([example.id for example in found.whole], found.held_out),
        evidence=evidence,
        controls=controls,
        spend=spend,
        cautions=cautions,
    )


async def rewarded(
    settings: Earning, ground: Ground, examples: Sequence[Example], held_out: Sequence[Example], name: str
) -> Trained:
    """One training, with its files under `name`."""
    checkpoint, loop = checkpoint_of(ground.model, ground.bind), asyncio.get_running_loop()
    async with Driver(ground.bind, ground.sink, purse=ground.purse, tools=ground.tools) as driver:

        async def earned(written: Written) -> Earned:
            example = examples[written.index]
            said = Answer(written.text, written.calls, finish=written.finish)
            answer = ground.small.annotate(said, ground.task.request(example))
            return Earned(await ground.score(driver, answer, example), float(answer.final is not None))

        async def all_earned(several: Sequence[Written]) -> list[Earned]:
            return list(await asyncio.gather(*map(earned, several)))

        lesson = Rewarded(
            checkpoint,
            settings,
            ground.seed,
            [ground.task.request(example) for example in examples],
            lambda several: asyncio.run_coroutine_threadsafe(all_earned(several), loop).result(),
            form_only=name == FORM_ONLY,
        )
        data = described([example.id for example in examples], held_out)
        asked = asked_for(settings, ground, data, checkpoint.fingerprint())
        making = Making(ground, settings, lesson, size_of(checkpoint), held_out, asked, name)
        return await making.adapter()
