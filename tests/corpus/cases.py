"""The corpus: every picture, every trap, and as many seeded mutations of the pictures as are asked for."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.corpus.pictures import sound
from tests.corpus.traps import traps

# Values that lengths, counts and offsets of formats go wrong at, written over 1 to 4 bytes.
_EXTREMES = (
    b"\x00", b"\xff", b"\x7f", b"\x80", b"\x00\x00", b"\xff\xff", b"\x7f\xff", b"\x80\x00",
    b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80",
)  # fmt: skip

# Most of what decoders decide by stands here.
_HEAD_BYTES = 128

_BOUNDARIES = (b"\xff", b"IDAT", b"IEND", b"IHDR", b"\x00\x3b", b"\x21\xf9", b"VP8", b"ANMF", b"mdat", b"meta", b"iloc")


@dataclass(frozen=True)
class Case:
    """One file of the corpus.

    Attributes:
        name: What it is and how it was made; with the seed it makes the same bytes again.
        filename: As it is sent.
    """

    name: str
    filename: str
    data: bytes


def cases(*, mutations: int, seed: int = 1) -> Iterator[Case]:
    """Give the corpus: pictures, traps, then mutations, the same ones for a seed."""
    yield from (Case(f"sound {name}", name, data) for name, data in sound().items())
    yield from (Case(f"trap {name}", name, data) for name, data in traps().items())
    yield from (mutation(number, seed=seed) for number in range(mutations))


def mutation(number: int, *, seed: int) -> Case:
    """Make one mutation; each picture and each way comes as often as the others."""
    chance = random.Random(f"{seed}:{number}")
    names = sorted(sound())
    filename = names[number % len(names)]
    ways = sorted(_WAYS)
    way = ways[number // len(names) % len(ways)]
    data = _WAYS[way](sound()[filename], chance)
    return Case(f"mutation {seed}:{number} {way} {filename}", filename, data)


def _cut_at_a_boundary(data: bytes, chance: random.Random) -> bytes:
    places = [place for mark in _BOUNDARIES for place in _places(data, mark)]
    return data[: chance.choice(places or [len(data) // 2]) + chance.randrange(4)]


def _cut_anywhere(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def _cut_out(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    return data[:start] + data[start + chance.randrange(1, 200) :]


def _flip(data: bytes, chance: random.Random) -> bytes:
    flipped = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def _flip_in_the_head(data: bytes, chance: random.Random) -> bytes:
    head = min(_HEAD_BYTES, len(data))
    return _flip(data[:head], chance) + data[head:]


def _overwrite(data: bytes, chance: random.Random) -> bytes:
    extreme = chance.choice(_EXTREMES)
    place = chance.randrange(min(len(data), chance.choice((_HEAD_BYTES, 10 * _HEAD_BYTES, len(data)))))
    return data[:place] + extreme + data[place + len(extreme) :]


def _insert(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data))
    return data[:place] + chance.randbytes(chance.randrange(1, 300)) + data[place:]


def _repeat(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    end = min(len(data), start + chance.randrange(1, 400))
    return data[:end] + data[start:end] * chance.choice((1, 2, 50)) + data[end:]


def _zero(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    length = chance.randrange(1, 300)
    return data[:start] + bytes(min(length, len(data) - start)) + data[start + length :]


def _splice(data: bytes, chance: random.Random) -> bytes:
    other = sound()[chance.choice(sorted(sound()))]
    return data[: chance.randrange(len(data))] + other[chance.randrange(len(other)) :]


def _append(data: bytes, chance: random.Random) -> bytes:
    return data + chance.randbytes(chance.randrange(1, 2000))


def _shuffle(data: bytes, chance: random.Random) -> bytes:
    pieces = [data[start : start + 64] for start in range(16, len(data), 64)]
    chance.shuffle(pieces)
    return data[:16] + b"".join(pieces)


def _places(data: bytes, mark: bytes) -> list[int]:
    places, place = [], data.find(mark)
    while place >= 0 and len(places) < 200:
        places.append(place)
        place = data.find(mark, place + 1)
    return places


_WAYS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "cut at a boundary": _cut_at_a_boundary,
    "cut anywhere": _cut_anywhere,
    "cut out": _cut_out,
    "flipped": _flip,
    "flipped in the head": _flip_in_the_head,
    "overwritten": _overwrite,
    "inserted": _insert,
    "repeated": _repeat,
    "zeroed": _zero,
    "spliced": _splice,
    "appended": _append,
    "shuffled": _shuffle,
}
