"""Multipart forms, read by the library `multipart`: Werkzeug's own reader takes fifteen times as long over a photo."""

from typing import IO, Any, Final

from flask import Request
from multipart import MultipartError, MultipartSegment, PushMultipartParser
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from common.errors import InvalidRequestError

_MULTIPART: Final = "multipart/form-data"
_PIECE_BYTES: Final = 64 * 1024

# Of one part: a file name may have as many bytes as file systems allow a path, and browsers send three headers.
_MAX_HEADER_BYTES: Final = 16 * 1024
_MAX_HEADERS: Final = 16

# Decodes whatever comes; what was UTF-8 is told from it afterwards.
_HEADER_CHARSET: Final = "latin-1"

_NO_FORM: Final = (
    "The multipart form cannot be read: it breaks off, or it is not built as its Content-Type says (RFC 7578). "
    "Send it again whole; leave its boundaries to an HTTP library, such as curl -F."
)

# Of text in a field; as Werkzeug has them.
_TEXT_CHARSETS: Final = frozenset({"ascii", "us-ascii", "utf-8", "iso-8859-1"})

Form = MultiDict[str, str]
Files = MultiDict[str, FileStorage]


class FormParser(FormDataParser):
    """Read forms as Werkzeug does, with its limits and its streams for files."""

    def parse(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str] | None = None
    ) -> tuple[IO[bytes], Form, Files]:
        """Read a request's body.

        Returns:
            The stream, fields and files.

        Raises:
            InvalidRequestError: It is no form, or breaks off.
            RequestEntityTooLarge: It has more parts than allowed, or a field more bytes.
            ClientDisconnected: The sender broke off.
        """
        if mimetype != _MULTIPART:
            return super().parse(stream, mimetype, content_length, options)
        reading = _Reading(self, content_length)
        try:
            with PushMultipartParser(
                (options or {}).get("boundary", ""),
                max_header_size=_MAX_HEADER_BYTES,
                max_header_count=_MAX_HEADERS,
                header_charset=_HEADER_CHARSET,
            ) as parser:
                while not parser.closed:
                    piece = stream.read(_PIECE_BYTES)
                    reading.has_begun = reading.has_begun or bool(piece)
                    for event in parser.parse(piece):
                        reading.take(event)
        except MultipartError as error:
            reading.close()
            if reading.has_begun or stream.read(1):
                raise InvalidRequestError(_NO_FORM) from error
            return stream, self.cls(), self.cls()
        except BaseException:
            reading.close()
            raise
        # What follows the last boundary belongs to this request still.
        while stream.read(_PIECE_BYTES):
            pass
        return stream, self.cls(reading.fields), self.cls(reading.files)


class FormRequest(Request):
    """A request whose forms are read by `FormParser`."""

    form_data_parser_class = FormParser


class _Reading:
    """The parts of one form so far.

    Attributes:
        has_begun: Whether anything has come at all.
    """

    def __init__(self, parser: FormParser, content_length: int | None) -> None:
        self.fields: list[tuple[str, str]] = []
        self.files: list[tuple[str, FileStorage]] = []
        self._parser = parser
        self._content_length = content_length
        self._parts = 0
        self._name = ""
        self._file: FileStorage | None = None
        self._text = bytearray()
        self._charset = "utf-8"
        self.has_begun = False

    def take(self, event: Any) -> None:
        """Take an event of the parser: the head of a part, bytes of it, or None at its end."""
        if isinstance(event, MultipartSegment):
            self._begin(event)
        elif event is None:
            self._end()
        elif self._file is not None:
            self._file.stream.write(event)
        else:
            self._text += event
            most = self._parser.max_form_memory_size
            if most is not None and len(self._text) > most:
                raise RequestEntityTooLarge

    def close(self) -> None:
        """Drop the files: nobody comes to own them."""
        for _, file in self.files:
            file.close()
        if self._file is not None:
            self._file.close()

    def _begin(self, segment: MultipartSegment) -> None:
        self._parts += 1
        if self._parser.max_form_parts is not None and self._parts > self._parser.max_form_parts:
            raise RequestEntityTooLarge
        self._name = _text(segment.name or "")
        self._text = bytearray()
        self._charset = segment.charset if segment.charset in _TEXT_CHARSETS else "utf-8"
        self._file = None
        filename = _filename(segment)
        if filename is not None:
            stream = self._parser.stream_factory(
                total_content_length=self._content_length,
                filename=filename,
                content_type=segment.content_type,
                content_length=0,
            )
            self._file = FileStorage(stream, filename, self._name, content_type=segment.content_type)

    def _end(self) -> None:
        if self._file is None:
            self.fields.append((self._name, self._text.decode(self._charset, "replace")))
        else:
            self._file.stream.seek(0)
            self.files.append((self._name, self._file))


def _filename(segment: MultipartSegment) -> str | None:
    """Give the file name of a part; None of one that is no file."""
    disposition = segment.header("Content-Disposition")
    if "filename*" in disposition.lower():
        # Older clients write other than ASCII as RFC 5987 tells mail to (filename*=utf-8''...), which forms should not.
        return parse_options_header(disposition)[1].get("filename")
    return None if segment.filename is None else _text(segment.filename)


def _text(latin: str) -> str:
    try:
        return latin.encode(_HEADER_CHARSET).decode()
    except UnicodeError:
        return latin
