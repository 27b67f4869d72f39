"""Small PNG files: a picture of text needs few colours, and a palette of them a third of the bytes.

Only what Chromium writes is read: 8 bits a channel, RGB or RGBA, not interlaced (PNG specification, third edition).
"""

import struct
import zlib
from collections import Counter
from typing import Final

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
COLOURS: Final = 256

Colour = tuple[int, int, int]


def with_palette(picture: bytes) -> bytes:
    """The same picture with its 256 most frequent colours; the others become the nearest of these."""
    width, height, pixels = _pixels(picture)
    counted = Counter(pixels)
    palette = [colour for colour, _ in counted.most_common(COLOURS)]
    number = {colour: _nearest(colour, palette) for colour in counted}
    rows = (pixels[start : start + width] for start in range(0, len(pixels), width))
    data = b"".join(b"\0" + bytes(number[colour] for colour in row) for row in rows)
    return SIGNATURE + b"".join(
        [
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", b"".join(map(bytes, palette))),
            _chunk(b"IDAT", zlib.compress(data, 9)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _nearest(colour: Colour, palette: list[Colour]) -> int:
    distances = [sum((a - b) ** 2 for a, b in zip(colour, other, strict=True)) for other in palette]
    return distances.index(min(distances))


def _pixels(picture: bytes) -> tuple[int, int, list[Colour]]:
    at, data, header = len(SIGNATURE), b"", b""
    while at < len(picture):
        (length,) = struct.unpack_from(">I", picture, at)
        kind, body = picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            header = body
        elif kind == b"IDAT":
            data += body
        at += length + 12
    width, height, bits, colours, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    if (bits, interlaced) != (8, 0) or colours not in {2, 6}:
        raise ValueError("not a picture as Chromium writes it")
    step = 3 if colours == 2 else 4
    raw, row, found = zlib.decompress(data), bytes(width * step), []
    for line in range(height):
        start = line * (width * step + 1)
        row = _unfiltered(raw[start], raw[start + 1 : start + 1 + width * step], row, step)
        found += list(zip(row[0::step], row[1::step], row[2::step], strict=True))
    return width, height, found


def _unfiltered(kind: int, line: bytes, above: bytes, step: int) -> bytes:
    """A row as it was before its filter: None, Sub, Up, Average or Paeth."""
    if kind == 0:
        return line
    row = bytearray(line)
    for i, byte in enumerate(line):
        left, up, corner = (row[i - step], above[i], above[i - step]) if i >= step else (0, above[i], 0)
        guess = (left, up, (left + up) // 2, _paeth(left, up, corner))[kind - 1]
        row[i] = (byte + guess) & 0xFF
    return bytes(row)


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda each: abs(guess - each))
