"""File names and layers of the template; no two active layers write one path."""

import re
from collections import defaultdict
from pathlib import Path, PurePosixPath

import pytest
import yaml
from jinja2 import Environment, StrictUndefined

from template import COPIER, ROOT, attempt, copy_templated_files, files, questions
from variants import Variant, every_variant

ANSWERS_FILE = "{{ _copier_conf.answers_file }}.jinja"
LAYER = re.compile(r"\{\{layer\.([a-z]+)\}\}")
# git and tools would apply these files to this repository.
PICKED_UP = {".gitignore", ".gitattributes", "pyproject.toml"}

SOURCES = [
    PurePosixPath(name).relative_to("templates")
    for name in files()
    if name.startswith("templates/") and not name.startswith("templates/_partials/")
]
LAYERED = [source for source in SOURCES if str(source) != ANSWERS_FILE]


def layers(source: PurePosixPath) -> set[str]:
    return {match[1] for part in source.parts if (match := LAYER.fullmatch(part))}


def written_to(source: PurePosixPath) -> str:
    parts = [part for part in source.parts if not LAYER.fullmatch(part)]
    return "/".join(parts).removesuffix(".jinja")


def active_layers(variant: Variant) -> dict[str, str]:
    default = Environment(undefined=StrictUndefined, autoescape=False).from_string(  # noqa: S701 - renders YAML, no HTML
        questions()["layer"]["default"]
    )
    computed: dict[str, str] = yaml.safe_load(default.render(variant.answers))
    return computed


def test_layer_renders_to_a_dot_or_to_nothing() -> None:
    for variant in every_variant():
        assert set(active_layers(variant).values()) <= {".", ""}


def test_declared_layers_equal_existing_layers() -> None:
    declared = set(active_layers(every_variant()[0]))
    assert set().union(*map(layers, LAYERED)) == declared


def test_every_layer_is_active_in_some_variant() -> None:
    used = {name for v in every_variant() for name, value in active_layers(v).items() if value}
    assert used == set(active_layers(every_variant()[0]))


def test_mistyped_layer_is_an_error(tmp_path: Path) -> None:
    copy_templated_files(tmp_path / "template")
    (tmp_path / "template" / "templates" / "{{layer.fastapy}}").mkdir()
    (tmp_path / "template" / "templates" / "{{layer.fastapy}}" / "file").touch()
    done = attempt(COPIER, "copy", "--defaults", "template", "svc", cwd=tmp_path)
    assert done.returncode != 0
    assert "has no attribute 'fastapy'" in done.stdout


@pytest.mark.parametrize("variant", every_variant(), ids=lambda v: v.id)
def test_no_two_layers_write_one_path(variant: Variant) -> None:
    active = {name for name, value in active_layers(variant).items() if value}
    writers = defaultdict(list)
    for source in LAYERED:
        if layers(source) <= active:
            writers[written_to(source).lower()].append(str(source))
    assert not {path: sources for path, sources in writers.items() if len(sources) > 1}
    folders = {str(parent) for path in writers for parent in PurePosixPath(path).parents}
    assert not folders & set(writers), "expected no path that is both a file and a directory"


@pytest.mark.parametrize("source", LAYERED, ids=str)
def test_file_name_is_valid(source: PurePosixPath) -> None:
    assert LAYER.fullmatch(source.parts[0]), "only the answers file may be outside a layer"
    assert not LAYER.fullmatch(source.name), "expected a layer to be a directory"
    for part in source.parts:
        assert LAYER.fullmatch(part) or re.fullmatch(r"[A-Za-z0-9._-]+", part), part
    assert source.name not in PICKED_UP, f"rename it to {source.name}.jinja"
    assert not (ROOT / "templates" / source).is_symlink()


def test_jinja_file_contains_jinja() -> None:
    for source in LAYERED:
        if source.suffix == ".jinja" and source.stem not in PICKED_UP:
            text = (ROOT / "templates" / source).read_text()
            assert "{{" in text or "{%" in text, f"drop .jinja from the name of {source}"


def test_python_template_has_few_conditions() -> None:
    for source in LAYERED:
        if source.name.endswith(".py.jinja"):
            conditions = re.findall(r"\{%-?\s*if ", (ROOT / "templates" / source).read_text())
            assert len(conditions) <= 3, f"more than 3 conditions: split {source} into two layers"


def test_alembic_migration_is_named_by_month_and_module() -> None:
    versions = [
        source for source in LAYERED if written_to(source).startswith("migrations/versions/")
    ]
    assert versions, "expected migrations in migrations/versions: were they moved?"
    for source in versions:
        # Alembic's own ids are hexadecimal, so that an id with a "t" cannot be one of a service.
        name = PurePosixPath(written_to(source)).stem
        assert re.fullmatch(r"t20\d\d_\d\d_[a-z_]+", name), source
        text = (ROOT / "templates" / source).read_text()
        assert f'\nrevision = "{name}"\n' in text, source
