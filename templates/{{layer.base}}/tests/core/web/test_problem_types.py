import re

from app.core.web.problems import ProblemType
from tests.architecture.source import ROOT


def test_documentation_lists_every_problem_type() -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(/problems/[a-z-]+)` \| ", text, re.M)
    assert sorted(listed) == sorted(ProblemType), "list each of ProblemType once in docs/api.md"
