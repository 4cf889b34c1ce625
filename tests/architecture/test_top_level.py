"""The top level is what a newcomer sees first: nothing is there by accident."""

from tests.support.tree import tracked

TOP = {
    "functions",
    "infra",
    "layers",
    "shared",
    "tests",
    "template.yaml",
    "samconfig.toml",
    "pyproject.toml",
    "config.toml.example",
    "README.md",
    "LICENSE",
}


def test_top_level_holds_exactly_the_named_things_and_dot_files():
    names = {path.parts[0] for path in tracked()}
    assert {name for name in names if not name.startswith(".")} == TOP
