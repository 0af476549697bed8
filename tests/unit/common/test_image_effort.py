"""Pictures that few bytes make expensive are refused before anything decodes them."""

import random
import struct
import time

import pytest

from common.errors import ImageTooComplexError
from common.image_effort import MAX_SCANS
from common.images import ImageLimits, encode_preview, inspect_image
from tests.corpus.pictures import sound
from tests.corpus.traps import run_lengths, scans
from worker.inference.time_limit import decoding_limited

LIMITS = ImageLimits(max_bytes=20_000_000, max_pixels=50_000_000, min_edge=32)


@pytest.mark.parametrize("data", [scans(MAX_SCANS), run_lengths(5_000_000)], ids=["scans", "run lengths"])
def test_a_picture_that_would_take_minutes_is_refused_at_once(data: bytes) -> None:
    started = time.process_time()
    with pytest.raises(ImageTooComplexError, match="Export it"):
        inspect_image(data, LIMITS)
    with pytest.raises(ImageTooComplexError):
        encode_preview(data, max_edge=64)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("name", ["progressive.jpg", "two-pictures.mpo", "orientation-6.jpg", "palette.bmp"])
def test_ordinary_pictures_are_not(name: str) -> None:
    inspect_image(sound()[name], LIMITS)


def test_a_picture_with_as_many_scans_as_are_read_is_read() -> None:
    encode_preview(scans(20, edge=64), max_edge=64)


@pytest.mark.parametrize("name", ["progressive.jpg", "two-pictures.mpo", "orientation-6.jpg"])
def test_what_stands_behind_a_picture_is_no_effort(name: str) -> None:
    film = random.Random(1).randbytes(6_000_000)  # of a motion photo
    assert film.count(b"\xff\xda") > MAX_SCANS
    inspect_image(sound()[name] + film, LIMITS)


def test_scans_are_counted_though_a_segment_looks_like_the_end() -> None:
    many = scans(MAX_SCANS + 1)
    first = many.index(b"\xff\xda")
    comment = b"\xff\xfe\x00\x04\xff\xd9"
    with pytest.raises(ImageTooComplexError):
        inspect_image(many[:first] + comment + many[first:], LIMITS)


def test_scans_are_counted_behind_a_mark_that_only_seems_to_have_a_length() -> None:
    plain = scans(0, edge=64)
    hidden = plain[plain.rindex(b"\xff\xda") : -2] * (MAX_SCANS + 1)
    # Decoders pass this mark alone, whatever follows it.
    length = struct.pack(">H", len(hidden) + 2)
    with pytest.raises(ImageTooComplexError):
        inspect_image(plain[:-2] + b"\xff\x02" + length + hidden + plain[-2:], LIMITS)


def test_a_decoding_that_does_not_end_is_ended_by_its_processor_time() -> None:
    def endless() -> None:
        while True:
            pass

    with pytest.raises(ImageTooComplexError, match=r"more than 0\.2 s"), decoding_limited(0.2):
        endless()


def test_time_that_others_take_of_the_machine_does_not_count() -> None:
    with decoding_limited(0.2):
        time.sleep(0.5)  # what is tested: waiting is no work
