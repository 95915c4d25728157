"""Makers: each takes a Model and examples and returns a new Model that any lever and the gateway can use.

PEFT and TRL train; what is here chooses, controls, stops and judges. `made.py` is the record that every maker
leaves. Importing this package loads nothing that trains.
"""

from underdog.makers.made import Made, load_made

__all__ = ["Made", "load_made"]
