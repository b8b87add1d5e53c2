"""Prose and names use the standard terms of the field.

Checked are comments, strings and identifiers of Python files, and the whole text of all others.
"""

import io
import re
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from template import ROOT, files

# Refused words, case-insensitive, and what to write instead. Between two words any white space or
# underscore matches, so `hand over` finds `hand_over` too.
REFUSED = {
    # Pronouns without antecedent, personification, riddles.
    "who acts": "the actor, the user",
    "whoever|whomever": "the role: the caller, the user, a client",
    "somebody|someone else|anybody|everybody": "the role",
    "nobody|no one": "the role, or the passive voice",
    "meanwhile|in the meantime": "the period",
    "lately": "the interval",
    "likewise": "the reason, repeated",
    "g[eo]t(s|ting)? on": "runs, makes progress",
    "know(s|ing)? nothing|nothing of": "does not depend on, has no",
    "knows? no(ne)?": "has no, does not depend on",
    "(im)?patien(t|ce|tly)": "time-out",
    "tells? that": "return whether, log that",
    "what is so": "the facts",
    "(is|are) no (theft|obstacle|harm)": "what happens instead",
    "another spelling": "doubled and trailing slashes",
    "(?<=,) say(?=,)": "nothing",
    # Retired names.
    "acting|act(s|ed)? as": "impersonation, impersonates",
    "by staff": "impersonated_by",
    "refuse staff": "refuse_while_impersonating",
    r"(?<!type[\s_])hints?": "message",
    "hand(s|ed|ing)? over": "dispatch, publish",
    "sweep(s|er|ers|ing)?|swept": "redeliver",
    "ticks?": "run the schedule",
    "bur(y|ies|ied)": "move to dead letter",
    r"dead(?![\s_-]letters?)(?!_at)": "dead letter",
    "verdicts?": "RateLimitResult",
    "store key": "django_session_key",
    "houses?": "framework",
    "core[./](bridge|engine|exchange|liveness|probes|contract|staff)": "the new module",
    "accounts[./]staff": "accounts/admin_login",
}
# Renamed classes; their names are legitimate words in prose, so only these uses are refused.
RETIRED_CLASSES = re.compile(
    r"\bclass (?:Directory|House|OwnService|People|Service|World)\b|\baccess\.Directory\b"
)
RETIRED_FILES = re.compile(r"/tests/(?:\w+/)*(?:actors|operations|people|steps|together)\.py$")

AREAS = ("templates", "docs", "hooks", "scripts", "tests", "README.md", "copier.yml")
SKIPPED = {
    "templates/{{layer.twins}}/": "generated from {{layer.async}}",
    "openapi.json.jinja": "generated from docstrings and schemas",
    "common_passwords.txt": "data",
    "tests/test_language.py": "lists the words",
}


class Allowed(NamedTuple):
    """An exception: in files whose path contains `path`, `word` in a line containing `line`."""

    path: str
    word: str
    line: str
    reason: str


ALLOWED = [
    Allowed("tools/devservers/postgres.py", "nobody", "`nobody`", "the name of a Unix user"),
    Allowed("tools/devservers/postgres.py", "nobody", "getpwnam", "the name of a Unix user"),
    Allowed("tests/test_pgbouncer.py", "nobody", '"-u"', "the name of a Unix user"),
    Allowed("telemetry.py", "hint", "Hint", "Sentry's name for the second argument of before_send"),
]


class Finding(NamedTuple):
    """A refused word, and what to write instead."""

    line: int
    word: str
    instead: str


def _compile(words: str) -> re.Pattern[str]:
    spaced = words.replace(" ", r"[\s_]+")
    return re.compile(rf"(?<![^\W_])(?:{spaced})(?![^\W_])", re.IGNORECASE)


PATTERNS = [(_compile(words), instead) for words, instead in REFUSED.items()]
KEPT = {tokenize.COMMENT, tokenize.NAME, tokenize.STRING, tokenize.FSTRING_MIDDLE}


def without_code(source: str) -> str:
    """Return the comments, strings and identifiers of Python code; lines keep their numbers.

    Other code becomes NUL characters. The `#` of comments becomes a space, so that a phrase is
    found across lines, and camel case becomes snake case.
    """
    lines = [0, *(match.end() for match in re.finditer("\n", source))]
    parts, position = [], 0
    for item in tokenize.generate_tokens(io.StringIO(source).readline):
        if item.type not in KEPT:
            continue
        (row, column), (last_row, last_column) = item.start, item.end
        start, end = lines[row - 1] + column, lines[last_row - 1] + last_column
        text = source[start:end]
        if item.type == tokenize.COMMENT:
            text = f" {text[1:]}"
        elif item.type == tokenize.NAME:
            text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
        parts += [re.sub(r"\S", "\0", source[position:start]), text]
        position = end
    return "".join(parts)


def find(name: str, text: str) -> list[Finding]:
    """Return the refused words of a file in order of lines."""
    prose = without_code(text) if name.endswith(".py") else text
    found = [
        Finding(source.count("\n", 0, match.start()) + 1, " ".join(match[0].split()), instead)
        for source, pattern, instead in [
            *((prose, pattern, instead) for pattern, instead in PATTERNS),
            (text, RETIRED_CLASSES, "the new name"),
        ]
        for match in pattern.finditer(source)
    ]
    return sorted(found)


SUPPRESSION = re.compile(r"# (?:noqa|type: ignore)\b(?P<rest>.*)")
# After the first word of the directive: codes, a dash and the reason, or the code and a comment.
WITH_REASON = re.compile(r"(?:: [A-Z0-9, ]+ - |\[[a-z-]+\]  # )(?!see above|as above)\S+ \S.*")


def exceptions(name: str, line: str, finding: Finding) -> Iterator[Allowed]:
    for entry in ALLOWED:
        if entry.path in name and entry.word == finding.word.lower() and entry.line in line:
            yield entry


def checked(area: str) -> Iterator[tuple[str, str]]:
    """Yield name and text of each file of an area."""
    for name in files():
        if (name == area or name.startswith(f"{area}/")) and not any(s in name for s in SKIPPED):
            yield name, (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("area", AREAS)
def test_prose_uses_standard_terms(area: str) -> None:
    refused: list[str] = []
    for name, text in checked(area):
        lines = text.split("\n")
        refused += [
            f"{name}:{finding.line}: {finding.word!r}: write {finding.instead}"
            for finding in find(name, text)
            if not any(exceptions(name, lines[finding.line - 1], finding))
        ]
    report = "\n".join(refused)
    assert not refused, f"{len(refused)} refused words, see REFUSED and ALLOWED:\n{report}"


@pytest.mark.parametrize("area", AREAS)
def test_file_names_use_standard_terms(area: str) -> None:
    names = [name for name, _ in checked(area)]
    assert not [name for name in names if find("", name) or RETIRED_FILES.search(name)]


@pytest.mark.parametrize("area", AREAS)
def test_suppressed_check_has_its_reason(area: str) -> None:
    without = [
        f"{name}:{number}: {line.strip()}"
        for name, text in checked(area)
        # The two others have such lines in their texts.
        if name.endswith(".py") and name not in {"scripts/make_sync.py", "tests/violations.py"}
        for number, line in enumerate(text.splitlines(), 1)
        if (found := SUPPRESSION.search(line)) and not WITH_REASON.fullmatch(found["rest"])
    ]
    assert not without, "expected `# noqa: CODE - reason` or `# type: ignore[code]  # reason`"


def test_every_exception_is_used() -> None:
    used: set[Allowed] = set()
    for area in AREAS:
        for name, text in checked(area):
            lines = text.split("\n")
            for finding in find(name, text):
                used.update(exceptions(name, lines[finding.line - 1], finding))
    assert set(ALLOWED) == used, "remove unused entries of ALLOWED"


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("a.py", "x = 1  # Whoever asks\n", "Whoever"),
        ("a.py", "# the user who\n# acts\n", "who acts"),
        ("a.py", 'def f():\n    """Hand it over.\n\n    Meanwhile.\n    """\n', "Meanwhile"),
        ("a.py", 'x = f"{y} is handed over to {z}"\n', "handed over"),
        ("a.py", "def hand_over(): ...\n", "hand_over"),
        ("a.py", "class RateVerdict: ...\n", "Verdict"),
        ("a.py", "class Directory: ...\n", "class Directory"),
        ("a.py", "x = access.Directory()\n", "access.Directory"),
        ("a.md", "# Title\n\nThis is likewise\n", "likewise"),
        ("a.py.jinja", "{# nobody #}\n", "nobody"),
    ],
)
def test_refused_word_is_found(name: str, text: str, word: str) -> None:
    assert [finding.word for finding in find(name, text)] == [word]


def test_similar_words_are_accepted() -> None:
    assert find("a.py", "deadline = dead_letter  # dead letters, type hints, reacting\n") == []


def test_findings_have_line_numbers() -> None:
    text = 'x = """\n\nnobody\n"""\n\n\ny = 1  # lately\n'
    assert [finding.line for finding in find("a.py", text)] == [3, 7]
