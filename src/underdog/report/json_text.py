"""Whatever was found, as indented JSON for another program. Chooses nothing."""

from __future__ import annotations

from typing import Any

import msgspec

from underdog.studies.findings import plain


def json_text(value: Any) -> str:
    """Dataclasses, mappings and numbers as JSON over several lines."""
    return msgspec.json.format(msgspec.json.encode(plain(value)), indent=2).decode()
