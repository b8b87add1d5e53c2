import csv
import gzip
import io
import json
import tracemalloc

import pytest

from app.exports.files import ExportFile, FileTooLarge, read_chunks
from app.exports.schemas import ExportFormat

COLUMNS = ("id", "name")
SPECIAL_TEXTS = [
    "plain",
    'a "quoted", text',
    "two\r\nlines",
    "; semicolon",
    "Straße 🚀 مشروع",
    "",
    "[]",
]
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "\uff0b1", "\uff20A"]


def _make(file_format: ExportFormat, names: list[str], max_bytes: int = 10_000) -> bytes:
    file = ExportFile(file_format, COLUMNS, max_bytes)
    for number, name in enumerate(names):
        file.write([{"id": number, "name": name}])
    return file.close()


def _csv_names(content: bytes) -> list[str]:
    text = gzip.decompress(content).decode("utf-8-sig")
    return [row["name"] for row in csv.DictReader(io.StringIO(text, newline=""))]


@pytest.mark.parametrize("names", [[], ["one"], SPECIAL_TEXTS + FORMULAS])
def test_json_is_exact(names: list[str]) -> None:
    rows = json.loads(gzip.decompress(_make(ExportFormat.JSON, names)))
    assert rows == [{"id": number, "name": name} for number, name in enumerate(names)]


def test_csv_is_exact_except_for_escaped_formulas() -> None:
    assert _csv_names(_make(ExportFormat.CSV, SPECIAL_TEXTS)) == SPECIAL_TEXTS
    assert _csv_names(_make(ExportFormat.CSV, FORMULAS)) == [f"'{name}" for name in FORMULAS]
    # A negative number is not a formula.
    file = ExportFile(ExportFormat.CSV, ["n"], 1000)
    file.write([{"n": -1}])
    assert gzip.decompress(file.close()).endswith(b"-1\r\n")


def test_csv_without_rows_has_a_header() -> None:
    content = gzip.decompress(_make(ExportFormat.CSV, []))
    assert content == "\ufeffid,name\r\n".encode()


@pytest.mark.parametrize("file_format", ExportFormat)
def test_file_larger_than_the_limit_is_rejected(file_format: ExportFormat) -> None:
    names = [f"project {number}" for number in range(50)]
    size = len(_make(file_format, names))
    assert len(_make(file_format, names, max_bytes=size)) == size
    with pytest.raises(FileTooLarge):
        _make(file_format, names, max_bytes=size - 1)


def test_large_file_is_read_in_chunks() -> None:
    file = ExportFile(ExportFormat.CSV, COLUMNS, 1_000_000)
    for _ in range(10):
        file.write({"id": 1, "name": "x" * 2000} for _ in range(500))
    content = file.close()
    tracemalloc.start()
    length = sum(len(chunk) for chunk in read_chunks(content))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert length > 10_000_000
    assert peak < 1_000_000
