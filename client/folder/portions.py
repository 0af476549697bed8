"""What is sent in one request, and what became of each file."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from client.batch_records import Addition
from client.errors import UnexpectedAnswerError
from client.folder.walk import Found

# The server takes 64 images a request. 16 MB are a few seconds of upload: what a crash can cost at most.
MOST_IMAGES: Final = 64
MOST_BYTES: Final = 16 * 1024 * 1024

# The first portions are small, each twice the one before: the server computes while the next ones are on their way.
_FIRST_IMAGES: Final = 8


@dataclass(frozen=True)
class Portion:
    """The files of one request.

    Attributes:
        number: Names the portion within a run.
        files: Paths below the folder.
        begun_at: When it was first sent, in s since the epoch; None if it never was.
    """

    number: int
    files: tuple[str, ...]
    begun_at: float | None = None


@dataclass(frozen=True)
class Fate:
    """What became of one file: a job, or the reason why there is none."""

    file: str
    job_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None


def cut(found: Iterable[Found]) -> Iterator[tuple[str, ...]]:
    """Cut files into portions by number and size, small ones first; a file larger than a portion is one of its own."""
    files: list[str] = []
    size, most = 0, _FIRST_IMAGES
    for one in found:
        if files and (len(files) == most or size + one.size_bytes > MOST_BYTES):
            yield tuple(files)
            files, size, most = [], 0, min(2 * most, MOST_IMAGES)
        files.append(one.file)
        size += one.size_bytes
    if files:
        yield tuple(files)


def match(sent: Sequence[tuple[str, str]], addition: Addition) -> list[Fate]:
    """Find the file of each answer.

    Args:
        sent: Files and the names under which they were sent, all different, in the order of sending.
        addition: The answer.

    Raises:
        UnexpectedAnswerError: The answer is about other images.
    """
    if len(sent) != len(addition.accepted) + len(addition.rejected):
        raise UnexpectedAnswerError(f"The server answers about another number of images than the {len(sent)} sent.")
    if not addition.rejected:  # by their order alone, whatever the server made of their names
        return [Fate(file, image.id) for (file, _), image in zip(sent, addition.accepted, strict=True)]
    fates = {image.filename: (image.id, None, None) for image in addition.accepted}
    reasons = {image.filename: (None, image.code, image.message) for image in addition.rejected}
    try:
        return [Fate(file, *(fates.get(name) or reasons[name])) for file, name in sent]
    except KeyError as error:
        raise UnexpectedAnswerError(f"The server answers nothing about the image {error}.") from error
