"""Reads HAR files, which browsers save of what they have asked and been answered, as a stream (HAR 1.2).

Only what an entry asks and what it was answered is looked at: cookies and headers of requests are never read.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import ijson
import msgspec
import zstandard

from connectors.errors import CaptureError

_BOM: Final = b"\xef\xbb\xbf"
_MOST_BYTES: Final = 64 * 1024 * 1024
"""A body that unpacks to more than this is not read."""

_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_GZIP: Final = b"\x1f\x8b"

SAVE_ANEW: Final = "save it anew in the browser (with the content of answers), and do not edit it"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a browser has asked: the method, the path without host (unquoted), and the parameters in their order."""

    method: str
    path: str
    params: tuple[tuple[str, str], ...]
    sent: str | None = None
    """The body of a POST; a form as it goes over the wire."""

    def body(self) -> Any:
        """What was sent, as JSON or as a form (name -> value); null where it is neither."""
        try:
            return msgspec.json.decode(self.sent or "")
        except (msgspec.DecodeError, UnicodeEncodeError):
            return dict(parse_qsl(self.sent or "", keep_blank_values=True)) or None


@dataclass(frozen=True, slots=True)
class Entry:
    """One exchange of a capture. `body` is null where the file does not hold it; `said` are frames of a web socket."""

    asked: Asked
    at: datetime
    status: int
    content_type: str
    body: bytes | None
    said: tuple[str, ...] = ()


def entries(file: Path) -> Iterator[Entry]:
    """The exchanges of a file, one at a time; what is no exchange is passed over.

    Raises:
        CaptureError: the file cannot be read, is cut off, or is no HAR file.

    """
    found = False
    try:
        with file.open("rb") as stream:
            for item in ijson.items(_without_bom(stream), "log.entries.item", use_float=True):
                found = True
                if (entry := _entry(item)) is not None:
                    yield entry
        if not found and not _has_entries(file):
            raise CaptureError(f"{file}: this is no HAR file (it has no log.entries); {SAVE_ANEW}")
    except OSError as error:
        raise CaptureError(f"{file}: cannot be read ({error.strerror}); see to the file and its rights") from None
    except ijson.IncompleteJSONError as error:
        cut = "is cut off" if "premature" in str(error).casefold() or "incomplete" in str(error).casefold() else ""
        what = cut or "is not a HAR file, or is damaged"
        raise CaptureError(f"{file}: {what}: it could not be read to its end; {SAVE_ANEW}") from None
    except (ijson.JSONError, UnicodeDecodeError, ValueError):
        raise CaptureError(f"{file}: is not a HAR file, or is damaged; {SAVE_ANEW}") from None


def _without_bom(stream: IO[bytes]) -> IO[bytes]:
    if stream.read(len(_BOM)) != _BOM:
        stream.seek(0)
    return stream


def _has_entries(file: Path) -> bool:
    with file.open("rb") as stream:
        return any(p == "log.entries" and e == "start_array" for p, e, _ in ijson.parse(_without_bom(stream)))


def _entry(item: Any) -> Entry | None:
    request, response = _inside(item, "request"), _inside(item, "response")
    asked, at = _asked(request), _moment(_inside(item, "startedDateTime"))
    status = _inside(response, "status")
    if asked is None or at is None or not isinstance(status, (int, float)):
        return None
    content = _inside(response, "content")
    kind = _content_type(response, content)
    return Entry(asked, at, int(status), kind, _body(content), _frames(item))


def _inside(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def _asked(request: Any) -> Asked | None:
    method, url = _inside(request, "method"), _inside(request, "url")
    if not isinstance(method, str) or not isinstance(url, str):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    params = parse_qsl(parts.query, keep_blank_values=True) or _pairs(_inside(request, "queryString"))
    posted = _inside(request, "postData")
    sent = _inside(posted, "text")
    if not sent and (fields := _pairs(_inside(posted, "params"))):
        sent = urlencode(fields)
    return Asked(method.upper(), unquote(parts.path), tuple(params), sent if isinstance(sent, str) else None)


def _pairs(listed: Any) -> list[tuple[str, str]]:
    items = listed if isinstance(listed, list) else []
    return [(str(_inside(i, "name")), str(_inside(i, "value") or "")) for i in items if _inside(i, "name")]


def _moment(text: Any) -> datetime | None:
    """An instant; one without an offset is taken for UTC, as the format demands one."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _content_type(response: Any, content: Any) -> str:
    said = _inside(content, "mimeType")
    if isinstance(said, str) and said and said != "x-unknown":
        return said
    return next((v for n, v in _pairs(_inside(response, "headers")) if n.casefold() == "content-type"), "")


def _body(content: Any) -> bytes | None:
    """The body as the page got it: out of base64, and unpacked where the file holds it packed."""
    text = _inside(content, "text")
    if not isinstance(text, str) or not text:
        return None
    if str(_inside(content, "encoding") or "").casefold() != "base64":
        return text.encode("utf-8", errors="replace")
    try:
        body = base64.b64decode("".join(text.split()) + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
    return _unpacked(body)


def _unpacked(body: bytes) -> bytes | None:
    try:
        if body.startswith(_GZIP):
            return _inflated(body, 31)
        if body.startswith(_ZSTD):
            return zstandard.ZstdDecompressor().decompress(body, max_output_size=_MOST_BYTES)
        if len(body) > 2 and body[0] == 0x78 and (body[0] * 256 + body[1]) % 31 == 0:
            return _inflated(body, 15)
    except (zlib.error, zstandard.ZstdError):
        return None
    return body


def _inflated(body: bytes, bits: int) -> bytes | None:
    unpacking = zlib.decompressobj(bits)
    made = unpacking.decompress(body, _MOST_BYTES)
    return made if unpacking.eof else None


def _frames(item: Any) -> tuple[str, ...]:
    """What came over a web socket, which Chrome puts beside the exchange that opened it."""
    said = _inside(item, "_webSocketMessages")
    frames: Sequence[Any] = said if isinstance(said, list) else []
    return tuple(str(f["data"]) for f in frames if _inside(f, "type") == "receive" and _inside(f, "data"))


def looks_like_json(content_type: str, body: bytes) -> bool:
    """Whether an answer is data: it says so, or it is text that can be read as JSON."""
    if re.match(r"text/html", content_type, re.IGNORECASE):
        return False
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True
