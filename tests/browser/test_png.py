"""The pictures' file format, without a browser."""

import struct
import zlib

import pytest

from tests.browser.png import SIGNATURE, with_palette

WIDTH = 4


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def picture(rows: list[bytes], *, colours: int = 2, bits: int = 8) -> bytes:
    """A file of rows that carry their filter's number."""
    header = struct.pack(">IIBBBBB", WIDTH, len(rows), bits, colours, 0, 0, 0)
    data = zlib.compress(b"".join(rows))
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def chunks(file: bytes) -> dict[bytes, bytes]:
    found, at = {}, len(SIGNATURE)
    while at < len(file):
        (length,) = struct.unpack_from(">I", file, at)
        kind, data = file[at + 4 : at + 8], file[at + 8 : at + 8 + length]
        assert file[at : at + length + 12] == chunk(kind, data)
        found[kind] = data
        at += length + 12
    return found


def shown(file: bytes) -> list[list[tuple[int, ...]]]:
    """The colours of a picture with a palette, row by row."""
    parts = chunks(file)
    palette = [tuple(parts[b"PLTE"][at : at + 3]) for at in range(0, len(parts[b"PLTE"]), 3)]
    data = zlib.decompress(parts[b"IDAT"])
    rows = [data[at : at + WIDTH + 1] for at in range(0, len(data), WIDTH + 1)]
    return [[palette[number] for number in row[1:]] for row in rows]


def test_each_filter_of_a_row_is_undone() -> None:
    plain = bytes([0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120])
    # Sub, Up, Average and Paeth of what is the same everywhere: what is said is the difference.
    rows = [plain, bytes([1, 5, 5, 5]) + bytes(9), bytes([2]) + bytes(12)]
    rows += [bytes([3, 3, 3, 3]) + bytes(9), bytes([4]) + bytes(12)]

    first, sub, up, average, paeth = shown(with_palette(picture(rows)))

    assert first == [(10, 20, 30), (40, 50, 60), (70, 80, 90), (100, 110, 120)]
    assert sub == up == average == [(5, 5, 5)] * 4
    assert paeth == average


def test_transparency_is_left_out() -> None:
    row = b"\0" + bytes([1, 2, 3, 255] * WIDTH)

    assert shown(with_palette(picture([row], colours=6))) == [[(1, 2, 3)] * WIDTH]


def test_rare_colours_become_the_nearest_frequent_one() -> None:
    frequent = [b"\0" + bytes([number, 0, 0] * WIDTH) for number in range(256)]
    rare = b"\0" + bytes([7, 0, 0] * 3 + [7, 1, 0])

    *_, last = shown(with_palette(picture([*frequent, rare])))

    assert last == [(7, 0, 0)] * 4


def test_other_kinds_of_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="Chromium"):
        with_palette(picture([bytes(25)], bits=16))
