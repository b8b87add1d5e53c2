"""Follow docs/adding-a-resource.md in a service, as a reader does."""

import ast
import re
import shlex
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

BLOCK = re.compile(r"^```(python|bash)\n(.*?)^```$", re.M | re.S)
IMPORTS = re.compile(r"(?:^(?:from|import) .*\n|^\n)*", re.M)


def follow(service: Path, just: Callable[..., object]) -> None:
    """Apply each block; `just` runs a recipe of the service."""
    for language, block in blocks((service / "docs" / "adding-a-resource.md").read_text()):
        if language == "python":
            apply(service, block)
            continue
        for line in block.splitlines():
            match shlex.split(line):
                case ["rm", pattern]:
                    (path,) = service.glob(pattern)
                    path.unlink()
                case ["uv", "run", "just", *arguments]:
                    just(*arguments)
                case _:
                    raise AssertionError(f"expected `rm` or `uv run just`: {line}")
    just("fix")


def blocks(document: str) -> Iterator[tuple[str, str]]:
    """Yield language and code of each block below "Fields and relations"."""
    section = document.partition("\n## Fields and relations\n")[2]
    for found in BLOCK.finditer(section):
        yield found[1], found[2]


def apply(project: Path, block: str) -> None:
    """Change the file that the first line of the block names."""
    first, _, code = block.partition("\n")
    file = first.removeprefix("# ")
    if file == "tests/creations.py":
        path = project / file
        text, replaced = re.subn(
            r'^    \("invoices".*\n', lambda _: code, path.read_text(), flags=re.M
        )
        assert replaced == 1
    elif "migrations" in Path(file).parts:
        (path,) = project.glob(file)
        text = _complete(path.read_text(), code)
    else:
        path = project / file
        text = _replace(path.read_text() if path.exists() else "", code)
    path.write_text(text)


def _complete(migration: str, code: str) -> str:
    """Add imports, and lines at the end of `operations` or `upgrade`."""
    imports, lines = _split(code)
    if "operations = [" in migration:
        added = "".join(re.findall(r"^    [^#\s].*\n", lines, re.M))
        end = r"(?=^    \]\n\Z)"
    else:
        added = lines
        end = r"(?=^\n\ndef downgrade)"
    migration, completed = re.subn(
        end, lambda _: textwrap.indent(added, "    "), migration, flags=re.M
    )
    assert completed == 1
    return _with_imports(migration, imports)


def _replace(source: str, code: str) -> str:
    """Replace classes and functions of the same name, or add them at the end."""
    imports, definitions = _split(code)
    for node in ast.parse(definitions).body:
        new = _segment(definitions, node)
        old = [item for item in ast.parse(source).body if _name(item) == _name(node)]
        if old:
            source = source.replace(_segment(source, old[0]), new)
        elif isinstance(node, ast.Assign):
            first = next(item for item in ast.parse(source).body if isinstance(item, ast.ClassDef))
            source = source.replace(
                _segment(source, first), f"{new}\n\n\n{_segment(source, first)}"
            )
        else:
            source = f"{source}\n\n{new}\n"
    return _with_imports(source, imports)


def _split(code: str) -> tuple[str, str]:
    """Return the imports at the beginning, and the rest."""
    found = IMPORTS.match(code)
    assert found is not None
    return found[0], code[found.end() :]


def _with_imports(source: str, imports: str) -> str:
    if not imports.strip():
        return source
    first = re.search(r"^(?=from |import )", source, re.M)
    at = first.start() if first else 0
    return f"{source[:at]}{imports}{source[at:]}"


def _name(node: ast.stmt) -> str | None:
    match node:
        case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            return node.name
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
    return None


def _segment(source: str, node: ast.stmt) -> str:
    """Return the source of a statement with its decorators."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    start = min([node.lineno, *(item.lineno for item in decorators)])
    return "\n".join(source.splitlines()[start - 1 : node.end_lineno])
