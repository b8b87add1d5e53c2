"""The files of exports: rows in, gzip out, in memory that does not grow with the rows."""

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping

from app.exports.schemas import ExportFormat

# What a spreadsheet takes for the start of a formula (OWASP, CSV injection), wide forms included.
_FORMULA = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_CHUNK_BYTES = 64 * 1024


class FileTooLarge(Exception):
    """The compressed file would exceed its limit."""


class ExportFile:
    """A file in the making. Its rows have the same columns and hold what JSON can."""

    def __init__(self, file_format: ExportFormat, columns: Iterable[str], max_bytes: int) -> None:
        self._format = file_format
        self._columns = list(columns)
        self._max_bytes = max_bytes
        self._gzip = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
        self._content = bytearray()
        self._is_empty = True
        if file_format is ExportFormat.CSV:
            # Without the byte order mark, Excel reads UTF-8 as something else.
            self._append("\ufeff" + _csv_lines([self._columns]))

    def write(self, rows: Iterable[Mapping[str, object]]) -> None:
        """Append rows; FileTooLarge when there is no room."""
        if self._format is ExportFormat.CSV:
            self._append(
                _csv_lines([_disarm(row[column]) for column in self._columns] for row in rows)
            )
            return
        for row in rows:
            self._append("[\n" if self._is_empty else ",\n")
            self._append(json.dumps(row, ensure_ascii=False))
            self._is_empty = False

    def close(self) -> bytes:
        """Finish the file and return it."""
        if self._format is ExportFormat.JSON:
            self._append("[]\n" if self._is_empty else "\n]\n")
        self._content += self._gzip.flush()
        self._check_size()
        return bytes(self._content)

    def _append(self, text: str) -> None:
        self._content += self._gzip.compress(text.encode())
        self._check_size()

    def _check_size(self) -> None:
        if len(self._content) > self._max_bytes:
            raise FileTooLarge


def read_chunks(content: bytes) -> Iterator[bytes]:
    """Decompress a file piece by piece."""
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _csv_lines(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _disarm(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value
