"""What a built folder holds: packages with their versions, and bytecode that Lambda will use."""

from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path
from typing import Final

# What Python 3.13 writes (https://docs.python.org/3/library/py_compile.html): the number of its bytecode, and flags.
_TAG: Final = "cpython-313"
_MAGIC: Final = (3571).to_bytes(2, "little") + b"\r\n"
# PEP 552: by hash, and not compared with the source. Times would not do, as SAM sets them anew when it packs.
_UNCHECKED_HASH: Final = (0b01).to_bytes(4, "little")


def versions(folder: Path) -> dict[str, str]:
    """The packages installed in a folder, by name, as their own metadata has it."""
    found: dict[str, str] = {}
    for metadata in sorted(folder.glob("*.dist-info/METADATA")):
        head = HeaderParser().parsestr(metadata.read_text(encoding="utf-8"))
        found[str(head["Name"]).lower()] = str(head["Version"])
    return found


def uncompiled(folder: Path) -> Iterator[Path]:
    """The modules whose bytecode is missing, of another Python, or such that it may be thrown away."""
    for source in sorted(folder.rglob("*.py")):
        compiled = source.parent / "__pycache__" / f"{source.stem}.{_TAG}.pyc"
        if not compiled.is_file():
            yield source
            continue
        with compiled.open("rb") as opened:
            if opened.read(8) != _MAGIC + _UNCHECKED_HASH:
                yield source


def objections(folder: Path) -> list[str]:
    """A sentence for what would be slow or missing on Lambda."""
    bare = [*uncompiled(folder)]
    if not bare:
        return []
    first = bare[0].relative_to(folder)
    return [f"{folder.name}: {len(bare)} modules have no bytecode that Lambda uses, {first} among them"]
