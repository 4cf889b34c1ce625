"""Packages are told by their metadata, and bytecode that Lambda would not use is found."""

from pathlib import Path

import pytest

from infra.deploy import contents


def test_versions_are_those_of_the_packages_own_metadata(tmp_path: Path) -> None:
    for name, version in (("Some_Package", "1.2"), ("other", "3.0rc1")):
        folder = tmp_path / f"{name}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n\nName: in a text\n"
        )
    assert contents.versions(tmp_path) == {"some_package": "1.2", "other": "3.0rc1"}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A module, and its bytecode as Python 3.13 names it, not made yet."""
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "module.py").write_text("x = 1\n")
    return tmp_path


def test_uncompiled_names_a_module_without_bytecode(package: Path) -> None:
    assert [*contents.uncompiled(package)] == [package / "module.py"]
    assert contents.objections(package) == [
        f"{package.name}: 1 modules have no bytecode that Lambda uses, module.py among them"
    ]


@pytest.mark.parametrize(
    ("head", "is_used"),
    [
        ((3571).to_bytes(2, "little") + b"\r\n" + b"\x01\0\0\0", True),
        # By time, and by hash but compared with the source each time.
        ((3571).to_bytes(2, "little") + b"\r\n" + b"\0\0\0\0", False),
        ((3571).to_bytes(2, "little") + b"\r\n" + b"\x03\0\0\0", False),
        # Another Python's.
        ((3531).to_bytes(2, "little") + b"\r\n" + b"\x01\0\0\0", False),
    ],
)
def test_uncompiled_looks_at_what_made_the_bytecode(package: Path, head: bytes, is_used: bool) -> None:
    (package / "__pycache__" / "module.cpython-313.pyc").write_bytes(head + bytes(16))
    assert [*contents.uncompiled(package)] == ([] if is_used else [package / "module.py"])
