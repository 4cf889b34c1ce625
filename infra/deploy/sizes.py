"""How large the built layers and functions are, and how large they may be.

Lambda's limits are in mebibytes: 250 for a function with all its layers, unpacked, and 50 for a package that is
uploaded directly.
"""

import io
import zipfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

UNPACKED_LIMIT: Final = 250 * 2**20
PACKED_LIMIT: Final = 50 * 2**20
_ELF: Final = b"\x7fELF"
# https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html, e_machine.
MACHINES: Final = {62: "x86_64", 183: "arm64"}


@dataclass(frozen=True, slots=True)
class Built:
    """One folder that SAM built, in bytes; the machines are those its programs and libraries are made for."""

    name: str
    unpacked: int
    packed: int
    machines: frozenset[str]


def measure(folder: Path) -> Built:
    """Pack `folder` as SAM does, and look at each file on the way."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.relative_to(folder))
    return Built(
        folder.name,
        sum(file.stat().st_size for file in files),
        packed.tell(),
        frozenset(machine for file in files if (machine := machine_of(file)) is not None),
    )


def machine_of(file: Path) -> str | None:
    """The machine a program or library is made for; None for any other file."""
    with file.open("rb") as opened:
        head = opened.read(20)
    if head[:4] != _ELF:
        return None
    order = "little" if head[5] == 1 else "big"
    return MACHINES.get(int.from_bytes(head[18:20], order), "another machine")


def objections(
    functions: Sequence[Built], layers: Sequence[Built], attached: Mapping[str, Collection[str]], machine: str
) -> list[str]:
    """A sentence for each limit that is broken; `attached` names the layers of each function."""
    unpacked = {one.name: one.unpacked for one in layers}
    whole = {one.name: one.unpacked + sum(unpacked[name] for name in attached[one.name]) for one in functions}
    too_large = [
        f"{name} with its layers is {_mib(size)} unpacked: Lambda takes 250 MiB"
        for name, size in whole.items()
        if size > UNPACKED_LIMIT
    ]
    too_heavy = [
        f"{one.name} is {_mib(one.packed)} packed: an upload takes 50 MiB"
        for one in (*functions, *layers)
        if one.packed > PACKED_LIMIT
    ]
    foreign = [
        f"{one.name} holds programs for {', '.join(sorted(one.machines - {machine}))}: {machine} is deployed"
        for one in (*functions, *layers)
        if one.machines - {machine}
    ]
    return too_large + too_heavy + foreign


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"


def row(one: Built) -> str:
    """One line for a person: name, unpacked, packed, machines."""
    made_for = ", ".join(sorted(one.machines)) or "any machine"
    return f"{one.name:<16}{_mib(one.unpacked):>12} unpacked{_mib(one.packed):>12} packed   {made_for}"
