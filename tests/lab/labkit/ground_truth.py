"""What a scenario really put on the wire, written down while it runs.

An `Item` is metadata the server could read, so the exposure log must show it. A canary is a text that
travelled only inside OMEMO, and a secret is a password: neither may be found in anything the proxy writes.
"""

import secrets
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Item:
    what: str
    value: str

    def __str__(self) -> str:
        return f"{self.what} {self.value!r}"


@dataclass
class GroundTruth:
    items: list[Item] = field(default_factory=list)
    # Random words of texts that were sent encrypted.
    canaries: list[str] = field(default_factory=list)
    # Random words of texts that were sent readable: content, so the log shows their length, not their words.
    readable: list[str] = field(default_factory=list)
    # Passwords.
    secrets: list[str] = field(default_factory=list)
    encrypted_messages: int = 0
    readable_messages: int = 0

    def emitted(self, what: str, value: object) -> str:
        """Notes that `value` was sent, and returns it as text."""
        item = Item(what, str(value))
        if item not in self.items:
            self.items.append(item)
        return item.value

    def canary(self, text: str) -> str:
        """A text to send encrypted, between two random words that cannot be on the wire by chance."""
        first, last = random_word(), random_word()
        self.canaries += [first, last]
        self.encrypted_messages += 1
        return f"{first} {text} {last}"

    def leak(self, text: str) -> str:
        """A text to send in the clear, between two random words."""
        first, last = random_word(), random_word()
        self.readable += [first, last]
        self.readable_messages += 1
        return f"{first} {text} {last}"


def random_word(syllables: int = 5) -> str:
    """A word like `dokumirasu`: easy to type for a driven terminal client, hard to meet by accident."""
    return "".join(secrets.choice("bdfgklmnprstvz") + secrets.choice("aeiou") for _ in range(syllables))
