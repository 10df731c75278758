"""Compares what a scenario emitted with what the proxy wrote down."""

from collections.abc import Iterable
from pathlib import Path

from .disguise import forms
from .ground_truth import GroundTruth
from .run_directory import RunDirectory

# Where the log must show what the scenarios emit: fields of the catalog, by the first part of their ids.
FIELDS = {
    "account": ("bind.jid_assigned",),
    "resource": ("bind.resource_requested",),
    "device id": ("omemo.axolotl.devicelist.",),
    "presence show": ("presence.show",),
    "presence status": ("presence.status",),
    "nickname": ("nick.pep",),
    "roster name": ("roster.item.name",),
    "roster group": ("roster.item.group",),
    "addressee": ("message.to", "muc.message.room"),
    "room": ("muc.join.room",),
    "room nickname": ("muc.join.nick",),
    "upload file name": ("upload.request.filename",),
    "upload size": ("upload.request.size",),
    "upload address": ("upload.slot.get_url",),
}


def missing_items(run: RunDirectory, truth: GroundTruth) -> list[str]:
    """The items of ground truth that the log does not show in the field where they belong."""
    missing = []
    for item in truth.items:
        values = (values for field, values in run.exposed.items() if field.startswith(FIELDS[item.what]))
        if not any(item.value in shown for shown in values):
            missing.append(f"{item} in {' or '.join(FIELDS[item.what])}")
    return missing


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
