"""Makers: each takes a Model and examples and returns a new Model that any lever and the gateway can use.

PEFT and TRL train; what is here chooses, controls, stops and judges. `made.py` is the record that every maker
leaves. Importing this package loads nothing that trains.
"""

from underdog.makers.dpo import Dpo
from underdog.makers.ground import Ground
from underdog.makers.grpo import Grpo
from underdog.makers.lora import Distil, Lora
from underdog.makers.made import Made, load_made
from underdog.makers.named import MAKERS, Maker, maker_from
from underdog.makers.watching import Watcher

__all__ = [
    "MAKERS",
    "Distil",
    "Dpo",
    "Ground",
    "Grpo",
    "Lora",
    "Made",
    "Maker",
    "Watcher",
    "load_made",
    "maker_from",
]
