"""The forms in which a word may hide in a file."""

import base64
from collections.abc import Iterator


def forms(word: str) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of `word` as it is and in the encodings a log might carry it in."""
    raw = word.encode()
    yield "as it is", raw
    yield "hex", raw.hex().encode()
    yield "upper-case hex", raw.hex().upper().encode()
    yield "percent encoding", "".join(f"%{byte:02x}" for byte in raw).encode()
    yield "upper-case percent encoding", "".join(f"%{byte:02X}" for byte in raw).encode()
    yield "XML character references", "".join(f"&#{ord(c)};" for c in word).encode()
    yield "JSON escapes", "".join(f"\\u{ord(c):04x}" for c in word).encode()
    yield "UTF-16", word.encode("utf-16-le")
    yield "reversed", raw[::-1]
    # Inside a longer text a word starts at the first, second or third byte of a base64 group.
    for shift in range(3):
        yield f"base64 at offset {shift}", _inner_base64(raw, shift, b"+/")
        yield f"URL-safe base64 at offset {shift}", _inner_base64(raw, shift, b"-_")


def _inner_base64(raw: bytes, shift: int, last_two: bytes) -> bytes:
    """The base64 characters that depend on `raw` alone when `shift` other bytes stand before it."""
    encoded = base64.b64encode(bytes(shift) + raw, last_two)
    first_own = -(-shift * 8 // 6)
    first_shared = (shift + len(raw)) * 8 // 6
    return encoded[first_own:first_shared]
