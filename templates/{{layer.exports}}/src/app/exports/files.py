"""Export files: rows are written as CSV or JSON and compressed with gzip."""

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping

from app.exports.schemas import ExportFormat

# Characters that start a formula in a spreadsheet (OWASP, CSV Injection), and full-width forms.
_FORMULA = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_CHUNK_BYTES = 64 * 1024


class FileTooLarge(Exception):
    """The compressed file exceeds its size limit."""


class ExportFile:
    """A file to which rows are appended. All rows have the same columns and JSON values."""

    def __init__(self, file_format: ExportFormat, columns: Iterable[str], max_bytes: int) -> None:
        self._format = file_format
        self._columns = list(columns)
        self._max_bytes = max_bytes
        self._gzip = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
        self._content = bytearray()
        self._is_empty = True
        if file_format is ExportFormat.CSV:
            # Without a byte order mark, Excel does not detect UTF-8.
            self._append("\ufeff" + _csv_lines([self._columns]))

    def write(self, rows: Iterable[Mapping[str, object]]) -> None:
        """Append rows; raises FileTooLarge."""
        if self._format is ExportFormat.CSV:
            self._append(
                _csv_lines([_escape_formula(row[name]) for name in self._columns] for row in rows)
            )
            return
        for row in rows:
            self._append("[\n" if self._is_empty else ",\n")
            self._append(json.dumps(row, ensure_ascii=False))
            self._is_empty = False

    def close(self) -> bytes:
        """Return the complete file; raises FileTooLarge."""
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
    """Decompress a file in chunks of 64 KiB."""
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _csv_lines(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _escape_formula(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value
