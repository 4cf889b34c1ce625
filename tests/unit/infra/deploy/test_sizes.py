"""What Lambda would not take is told, in words."""

import struct
import sys
from pathlib import Path

import pytest

from infra.deploy import sizes
from infra.deploy.sizes import Built

MIB = 2**20


def elf(machine: int) -> bytes:
    return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 3, machine) + bytes(44)


def test_measure_counts_packs_and_tells_machines(tmp_path: Path) -> None:
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "text.py").write_bytes(b"a" * 100_000)
    (tmp_path / "python" / "lib.so").write_bytes(elf(183))
    built = sizes.measure(tmp_path)
    assert built.unpacked == 100_000 + 64
    assert 0 < built.packed < 2_000
    assert built.machines == {"arm64"}


def test_machine_of_this_python_is_known() -> None:
    assert sizes.machine_of(Path(sys.executable)) in sizes.MACHINES.values()


@pytest.mark.parametrize(
    ("function", "layer", "said"),
    [
        (Built("F", 20 * MIB, MIB, frozenset()), Built("L", 230 * MIB, MIB, frozenset()), []),
        (
            Built("F", 21 * MIB, MIB, frozenset()),
            Built("L", 230 * MIB, MIB, frozenset()),
            ["F with its layers is 251.0 MiB unpacked: Lambda takes 250 MiB"],
        ),
        (
            Built("F", MIB, MIB, frozenset()),
            Built("L", 90 * MIB, 51 * MIB, frozenset()),
            ["L is 51.0 MiB packed: an upload takes 50 MiB"],
        ),
        (
            Built("F", MIB, MIB, frozenset()),
            Built("L", MIB, MIB, frozenset({"arm64", "x86_64"})),
            ["L holds programs for x86_64: arm64 is deployed"],
        ),
    ],
)
def test_objections_name_what_is_too_much(function: Built, layer: Built, said: list[str]) -> None:
    assert sizes.objections([function], [layer], {"F": ["L"]}, "arm64") == said


def test_objections_count_only_the_layers_that_a_function_has() -> None:
    functions = [Built(name, 60 * MIB, MIB, frozenset()) for name in ("F", "G")]
    layers = [Built(name, 100 * MIB, MIB, frozenset()) for name in ("L", "M")]
    said = ["G with its layers is 260.0 MiB unpacked: Lambda takes 250 MiB"]
    assert sizes.objections(functions, layers, {"F": ["L"], "G": ["L", "M"]}, "arm64") == said
