"""Supervised training from what is taught to a Made. Imports torch and trl."""

from __future__ import annotations

from typing import Any

from underdog.makers.ground import Ground
from underdog.makers.lessons import Taught
from underdog.makers.made import Made
from underdog.makers.making import Making, Trained, asked_for, described, recorded
from underdog.makers.settings import Settings
from underdog.makers.student import checkpoint_of, insist_on_device, size_of
from underdog.makers.trl_sft import Supervised


async def supervise(settings: Settings, ground: Ground, taught: Taught) -> Made:
    """An adapter that learned to write what was taught."""
    trained = await supervised(settings, ground, taught)
    evidence = {"teacher": taught.told} if taught.told else {}
    return recorded(trained, ground, settings, learned(taught), evidence=evidence)


async def supervised(settings: Settings, ground: Ground, taught: Taught, name: str = "adapter") -> Trained:
    """The training alone, with its files under `name`."""
    insist_on_device(settings)
    checkpoint = checkpoint_of(ground.model, ground.bind)
    lesson = Supervised(checkpoint, settings, ground.seed, taught.pairs)
    asked = asked_for(settings, ground, learned(taught), checkpoint.fingerprint())
    making = Making(ground, settings, lesson, size_of(checkpoint), taught.held_out, asked, name)
    return await making.adapter()


def learned(taught: Taught) -> dict[str, Any]:
    """What was taught, for the record."""
    return described([(request.digest, text) for request, text in taught.pairs], taught.held_out)
