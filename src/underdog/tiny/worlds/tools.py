"""Tools: a request into one tool call as JSON with typed arguments, given a short list of tools.

The embedded models met tool calls almost always in another dialect, `book_table(place="Rome", people=4)`;
the JSON that the test asks for is about one document in twenty-five, and the line that asks for it is worded
anew. The format was meant to fail first; TABLE.md shows how many answers could not be read, and in most wrong
answers of the shipped small model the JSON is fine and a copied value is not. Held out are combinations of
opener and phrasing, names, and the values of the slots (a call is split by its values).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar

from underdog.answerer import Message
from underdog.example import Example
from underdog.reading import Reading
from underdog.scorers import Scorer, ToolCalls
from underdog.tiny.words import ANIMALS, COLOURS, DAYS, FOODS, ROOMS, held
from underdog.tiny.world import Dialogue, Tool, World, fold, said

JSON_SHARE = 0.04
JSON_LINES = ("Answer in JSON.", "Reply with JSON.", "Use JSON.", "Give the call in JSON.", "JSON only.")
TEST_LINE = "Write the tool call as JSON."
OPENERS = ("", "", "Please ", "Hi, ", "Could you ", "I need you to ", "Now ", "Hey, ", "Next, ")
CLOSERS = ("", "", ".", " please.", ", thanks.", " for me.")


@dataclass(frozen=True)
class Kind:
    """One tool: its slots with the kind of value each takes, and the ways to ask for it."""

    name: str
    slots: tuple[tuple[str, str], ...]
    asks: tuple[str, ...]


def kind(name: str, slots: str, *asks: str) -> Kind:
    """A tool from the short form `slot=kind slot=kind`."""
    pairs = [slot.split("=") for slot in slots.split()]
    return Kind(name, tuple((slot, form) for slot, form in pairs), asks)


KINDS = (
    kind(
        "book_table",
        "place=name people=count time=time",
        "book a table in {place} for {people} at {time}",
        "at {time} get {people} seats in {place}",
    ),
    kind(
        "set_alarm",
        "time=time label=thing",
        "set an alarm at {time} called {label}",
        "wake me for {label} at {time}",
    ),
    kind(
        "send_money",
        "person=name amount=amount",
        "send {amount} coins to {person}",
        "pay {person} {amount} coins",
        "{person} gets {amount} coins",
    ),
    kind(
        "set_light",
        "room=room colour=colour level=amount",
        "make the {room} light {colour} at {level}",
        "light: {level} {colour} in the {room}",
    ),
    kind(
        "buy_ticket",
        "place=name day=day count=count",
        "buy {count} tickets to {place} on {day}",
        "on {day} I need {count} tickets for {place}",
    ),
    kind(
        "get_weather",
        "place=name day=day",
        "weather for {place} on {day}",
        "how will {day} be in {place}",
        "on {day}, rain in {place}?",
    ),
    kind(
        "call_taxi",
        "place=name time=time shared=flag",
        "taxi to {place} at {time}, {shared}",
        "at {time} a cab, {shared}, to {place}",
    ),
    kind(
        "order_food",
        "food=food count=count spicy=flag",
        "order {count} {food}, {spicy}",
        "{food} times {count}, {spicy}",
    ),
    kind(
        "add_note",
        "title=name food=food",
        "add {food} to the list {title}",
        "list {title} needs {food}",
        "note {food} under {title}",
    ),
    kind(
        "feed_pet",
        "animal=animal grams=amount",
        "give the {animal} {grams} grams",
        "{grams} grams for the {animal}",
    ),
    kind(
        "start_timer",
        "minutes=amount label=thing",
        "timer of {minutes} minutes for {label}",
        "{label}: count {minutes} minutes",
    ),
    kind(
        "reserve_room",
        "hotel=name nights=count breakfast=flag",
        "reserve {nights} nights at {hotel}, {breakfast}",
        "hotel {hotel}, {breakfast}, {nights} nights",
    ),
    kind("call_person", "person=name video=flag", "call {person}, {video}", "ring up {person}, {video}"),
    kind(
        "paint_wall",
        "room=room colour=colour",
        "paint the {room} {colour}",
        "a {colour} wall in the {room}",
        "{colour} for the {room} wall",
    ),
)
TYPES = {"count": "integer", "amount": "integer", "flag": "boolean"}
LISTS = {
    "thing": ANIMALS + FOODS,
    "room": ROOMS,
    "colour": COLOURS,
    "day": DAYS,
    "food": FOODS,
    "animal": ANIMALS,
}
FLAGS = {
    "shared": ("alone", "shared"),
    "spicy": ("mild", "spicy"),
    "breakfast": ("no breakfast", "with breakfast"),
    "video": ("voice only", "with video"),
}


def schema(tool: Kind) -> Tool:
    """The tool in OpenAI's form."""
    properties = {slot: {"type": TYPES.get(form, "string")} for slot, form in tool.slots}
    parameters = {"type": "object", "properties": properties, "required": [slot for slot, _ in tool.slots]}
    function = {"name": tool.name, "description": tool.name.replace("_", " "), "parameters": parameters}
    return {"type": "function", "function": function}


def sample(form: str, split: str, rng: Random) -> Any:
    """A value for a slot."""
    if form == "name":
        return held(rng, split)
    if form == "time":
        return f"{rng.randint(0, 23)}:{rng.randrange(0, 60, 5):02d}"
    if form in TYPES:
        return {"count": rng.randint(1, 12), "amount": rng.randint(1, 99), "flag": rng.random() < 0.5}[form]
    return rng.choice(LISTS[form])


def as_call(name: str, arguments: dict[str, Any]) -> str:
    """The call in the usual dialect."""
    return f"{name}({', '.join(f'{slot}={json.dumps(value)}' for slot, value in arguments.items())})"


def as_json(name: str, arguments: dict[str, Any]) -> str:
    """The call as JSON."""
    return json.dumps({"name": name, "arguments": arguments})


class Tools(World):
    """Fourteen tools, two or three of them offered, one of them right."""

    name: ClassVar[str] = "tools"
    systems = ("Use the tools.", "Call one tool.", "Act.", "Pick a tool.")
    share: ClassVar[float] = 0.12
    graded: ClassVar[str] = "tool"

    def request(self, tool: Kind, split: str, rng: Random) -> tuple[str, dict[str, Any], str]:
        """The request's text, its arguments and its phrasing, all of the split."""
        while True:
            opener, ask, closer = rng.choice(OPENERS), rng.choice(tool.asks), rng.choice(CLOSERS)
            if fold(f"phrasing/{opener}/{ask}/{closer}") == split:
                break
        while True:
            arguments = {slot: sample(form, split, rng) for slot, form in tool.slots}
            if fold(f"values/{as_json(tool.name, arguments)}") == split:
                break
        shown = {slot: FLAGS[slot][value] if slot in FLAGS else value for slot, value in arguments.items()}
        return opener + ask.format(**shown) + closer, arguments, f"{opener}{ask}{closer}"

    def draw(self, split: str, rng: Random) -> Example:
        """One request with its JSON call."""
        offered = rng.sample(KINDS, rng.choice((2, 3)))
        tool = rng.choice(offered)
        text, arguments, phrasing = self.request(tool, split, rng)
        return Example(
            id=f"tools/{tool.name}/{text}",
            group=as_json(tool.name, arguments),
            messages=(said("system", TEST_LINE), said("user", text)),
            target=as_json(tool.name, arguments),
            tools=tuple(schema(offer) for offer in offered),
            fields={"tool": tool.name, "phrasing": phrasing, "call": as_call(tool.name, arguments)},
        )

    def dialogue(self, rng: Random) -> Dialogue:
        """Mostly the usual dialect; rarely JSON, asked for by a line or shown by the turns before."""
        return self.conversation(rng.random() < JSON_SHARE, rng)

    def conversation(self, in_json: bool, rng: Random) -> Dialogue:
        """Requests and calls in one dialect."""
        turns = rng.choice((1, 2, 3, 4, 5)) if in_json else rng.choice((1, 1, 1, 2, 3))
        lines = JSON_LINES if in_json else self.systems
        told = rng.random() < (0.7 if in_json and turns > 1 else 1.0 if in_json else 0.5)
        messages: list[Message] = [said("system", rng.choice(lines))] if told else []
        offered = rng.sample(KINDS, rng.choice((2, 3)))
        loose = rng.random() < 0.4  # shots chosen without regard to the tools on offer
        for turn in range(turns):
            tool = rng.choice(KINDS if loose and turn < turns - 1 else offered)
            text, arguments, _ = self.request(tool, "train", rng)
            answer = as_json(tool.name, arguments) if in_json else as_call(tool.name, arguments)
            messages += [said("user", text), said("assistant", answer)]
        return Dialogue(tuple(messages), tuple(schema(offer) for offer in offered))

    @property
    def scorer(self) -> Scorer:
        """The right tool with the right typed arguments."""
        return ToolCalls()

    @property
    def reading(self) -> Reading:
        """The text is one JSON call; the usual dialect is read only by lenient reading."""
        return Reading("tool_call", dialect="json")

    def key(self, item: Example) -> str:
        """The call with all its values."""
        return f"values/{item.target}"


WORLD = Tools()
