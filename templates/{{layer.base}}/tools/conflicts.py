"""Find the conflicts of a merge or an update in the files: `python -m tools.conflicts`.

`just check` runs it first: `copier update` ends with exit status 0 also when there are conflicts.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
MARKER = re.compile(rb"^(<{7}|>{7}) .*", re.MULTILINE)


def conflicts(folder: Path) -> Iterator[str]:
    """Yield `path:line: text` of each marker, and the path of each rejected change (*.rej)."""
    for name in files(folder):
        path = folder / name
        if path.suffix == ".rej":
            yield name
        elif path.is_file() and b"\0" not in (content := path.read_bytes()):
            for marker in MARKER.finditer(content):
                line = content.count(b"\n", 0, marker.start()) + 1
                yield f"{name}:{line}: {marker[0].decode(errors='replace')}"


def files(folder: Path) -> list[str]:
    """Return the tracked and the untracked files, without ignored ones; outside of git none."""
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        return []
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    # A file with a conflict is listed once for each side.
    return sorted(set(listed.stdout.split("\0")) - {""})


def main() -> None:
    if found := list(conflicts(ROOT)):
        print(*found, sep="\n")
        sys.exit("Resolve these conflicts; delete each *.rej file after applying what it contains.")


if __name__ == "__main__":
    main()
