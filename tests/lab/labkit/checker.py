"""Compares what a scenario emitted with what the proxy wrote down."""

from collections.abc import Iterable
from pathlib import Path

from .disguise import forms
from .ground_truth import GroundTruth
from .run_directory import RunDirectory


def missing_items(run: RunDirectory, truth: GroundTruth) -> list[str]:
    """The items of ground truth that no exposure shows."""
    return [str(item) for item in truth.items if item.value not in run.exposed_values]


def betrayals(files: Iterable[Path], words: Iterable[str]) -> list[str]:
    """Where a word that must not be written anywhere was found, in whichever form."""
    needles = {data: (word, form) for word in set(words) for form, data in forms(word)}
    found = []
    for path in files:
        data = path.read_bytes()
        folded = data.lower()
        for needle, (word, form) in needles.items():
            if needle in data or needle in folded:
                found.append(f"{word} ({form}) in {path}")
    return found
