"""The README promises nothing that is not there: verbs, options, links."""

import importlib
import re

import pytest

from infra.__main__ import VERBS
from infra.bootstrap import ROOT

README = (ROOT / "README.md").read_text()
# As it is typed: up to the end of the code, of the line, or to a remark.
COMMANDS = sorted({match[1].strip() for match in re.finditer(r"python3 -m infra ([a-z][^`\n#]*)", README)})
PAGES = [ROOT / "README.md", *sorted((ROOT / "infra/decisions").glob("*.md")), *sorted(ROOT.glob("*/README.md"))]


def test_commands_of_the_readme_are_found():
    assert len(COMMANDS) > 10


@pytest.mark.parametrize("command", COMMANDS)
def test_command_of_the_readme_has_its_verb_and_options(command: str, capsys: pytest.CaptureFixture[str]):
    name, *words = command.split()
    orders = words[:1] if words and words[0].islower() and words[0].isalpha() else []
    verb = VERBS[name]
    with pytest.raises(SystemExit) as ended:
        getattr(importlib.import_module(verb.module), verb.function)([*orders, "--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert [word for word in words if word.startswith("--") and word.split("=")[0] not in said] == []


def test_readme_names_every_verb():
    prose = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    spoken = " ".join(re.findall(r"`([^`]+)`", prose))
    assert [name for name in VERBS if not re.search(rf"(?<![\w-]){name}(?![\w-])", spoken)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
