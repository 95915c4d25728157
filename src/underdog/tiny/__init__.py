"""Embedded language models, trained from scratch on invented micro-worlds, so that everything runs offline.

They demonstrate mechanisms and are no evidence about real models; see CARD.md. Importing this imports no
torch.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["names", "path"]

MODELS = Path(__file__).parent / "models"


def names() -> list[str]:
    """The embedded models that are present: `small`, `large`, then the specialists."""
    found = [folder.name for folder in MODELS.glob("*") if (folder / "model.safetensors").exists()]
    return sorted(found, key=lambda name: (name != "small", name != "large", name))


def path(name: str) -> Path:
    """The folder of an embedded model, in the form that transformers loads."""
    return MODELS / name
