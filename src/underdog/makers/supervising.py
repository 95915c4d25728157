"""Supervised training from what is taught to a Made. Imports torch and trl."""

from __future__ import annotations

from underdog.makers.ground import Ground
from underdog.makers.lora import Taught
from underdog.makers.made import Made
from underdog.makers.making import Making, Trained, described, recorded
from underdog.makers.settings import Settings
from underdog.makers.student import checkpoint_of, insist_on_device, size_of
from underdog.makers.trl_sft import Supervised


async def supervise(settings: Settings, ground: Ground, taught: Taught) -> Made:
    """An adapter that learned to write what was taught."""
    trained = await supervised(settings, ground, taught)
    data = described([(request.digest, text) for request, text in taught.pairs], taught.held_out)
    evidence = {"teacher": taught.told} if taught.told else {}
    return recorded(trained, ground, settings, data, evidence=evidence, spend=taught.spend)


async def supervised(settings: Settings, ground: Ground, taught: Taught, name: str = "adapter") -> Trained:
    """The training alone, with its files under `name`."""
    insist_on_device(settings)
    checkpoint = checkpoint_of(ground.model, ground.bind)
    lesson = Supervised(checkpoint, settings, ground.seed, taught.pairs)
    making = Making(ground, settings, lesson, size_of(checkpoint), taught.held_out, name)
    return await making.adapter()
