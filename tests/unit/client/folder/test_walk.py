"""What is found in a folder."""

from pathlib import Path

import pytest

from client.folder.portions import MOST_BYTES, cut
from client.folder.signatures import looks_like_image
from client.folder.walk import Found, walk


def test_files_are_found_in_order_without_hidden_ones_and_loops(tmp_path: Path) -> None:
    for name in ("b/2.jpg", "a/1.jpg", "z.jpg", ".hidden/3.jpg", ".4.jpg", "Thumbs.db", "__MACOSX/5.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "b")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "z.jpg")
    assert [found.file for found in walk(tmp_path)] == ["a/1.jpg", "b/2.jpg", "link.jpg", "z.jpg"]


def test_a_link_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nothing")
    (found,) = walk(tmp_path)
    assert found.problem is not None


@pytest.mark.parametrize(
    ("start", "is_one"),
    [
        (b"\xff\xd8\xff\xe0", True),
        (b"\0\0\0\x18ftypheic", True),
        (b"RIFF\0\0\0\0WEBP", True),
        (b"", False),
        (b"%PDF", False),
    ],
)
def test_an_image_is_known_by_its_first_bytes(start: bytes, is_one: bool) -> None:
    assert looks_like_image(start) is is_one


def test_a_portion_is_limited_in_bytes_and_a_larger_file_goes_alone() -> None:
    sizes = [MOST_BYTES // 2, MOST_BYTES // 2, 1, 2 * MOST_BYTES, 1]
    assert list(cut(Found(str(n), size) for n, size in enumerate(sizes))) == [("0", "1"), ("2",), ("3",), ("4",)]
