"""Preference training from pairs to a Made, with its control. Imports torch and trl."""

from __future__ import annotations

from dataclasses import asdict

from underdog.makers.ground import Ground
from underdog.makers.lessons import Compared, Taught
from underdog.makers.made import Made
from underdog.makers.making import Making, asked_for, described, recorded
from underdog.makers.settings import Preferring, Settings, field_names
from underdog.makers.student import checkpoint_of, insist_on_device, size_of
from underdog.makers.supervising import supervised
from underdog.makers.trl_dpo import Preferred


async def prefer(settings: Preferring, ground: Ground, compared: Compared) -> Made:
    """An adapter that learned from the pairs, and one that learned to write the chosen answers."""
    insist_on_device(settings)
    checkpoint = checkpoint_of(ground.model, ground.bind)
    triples = [
        (ground.task.request(compared.examples[p.key]), p.prefix + p.chosen, p.prefix + p.rejected)
        for p in compared.pairs
    ]
    lesson = Preferred(checkpoint, settings, ground.seed, triples)
    data = described([asdict(pair) for pair in compared.pairs], compared.held_out)
    asked = asked_for(settings, ground, data, checkpoint.fingerprint())
    trained = await Making(ground, settings, lesson, size_of(checkpoint), compared.held_out, asked).adapter()
    written = [(ground.task.request(compared.examples[key]), text) for key, text in compared.chosen]
    control = await supervised(
        as_supervised(settings), ground, Taught(written, compared.held_out), "sft-on-chosen"
    )
    return recorded(
        trained,
        ground,
        settings,
        data,
        evidence={"answers": compared.told, "sft-on-chosen": control.evidence()},
        controls={"sft-on-chosen": control.model},
        spend=control.spend,
    )


def as_supervised(settings: Settings) -> Settings:
    """Supervised training with the same adapter, pace and search, at a rate that is usual for it."""
    same = {name: getattr(settings, name) for name in field_names(Settings)}
    return Settings(**{**same, "rate": None})
