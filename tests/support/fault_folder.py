"""The faults of a seeded run as files, so that processes which may end at any moment share them.

A planned fault is `<invocation>-<fault>`; a process that holds it until it can strike makes that
`….held-<pid>`, and once it has struck `….struck`, with the key of the unit that was at work inside.
"""

import os
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path


class FaultFolder:
    """What is planned, held and struck, and which wake-ups were tried."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def plan(self, faults: Sequence[str], *, seed: int, within: int) -> None:
        """Lay the faults out over the first `within` invocations."""
        for folder in (self._place, self._place / "tried"):
            folder.mkdir(exist_ok=True)
            # The functions of a stack may run as somebody else.
            folder.chmod(0o777)
        places = random.Random(seed).sample(range(within), len(faults))
        for number, fault in zip(places, faults, strict=True):
            (self._place / f"{number:04d}-{fault}").touch()

    def next_number(self) -> int:
        """The number of this invocation, over all processes."""
        number = len(list(self._place.glob("*.taken")))
        while True:
            try:
                os.close(os.open(self._place / f"{number}.taken", os.O_CREAT | os.O_EXCL))
                return number
            except FileExistsError:
                number += 1

    def hold(self, number: int) -> Path | None:
        """A fault planned for this invocation or an earlier one; those of processes that are gone come first."""
        for file in sorted(self._place.glob("[0-9]*-*")):
            name, _, state = file.name.partition(".")
            if int(name[:4]) <= number and (not state or (state.startswith("held-") and not _lives(int(state[5:])))):
                with suppress(FileNotFoundError):
                    return file.rename(self._place / f"{name}.held-{os.getpid()}")
        return None

    def strike(self, held: Path, unit: str) -> None:
        """Note that a held fault strikes now, while `unit` is at work."""
        held.write_text(unit)
        held.rename(self._place / f"{fault_of(held, whole=True)}.struck")

    def struck(self) -> list[tuple[str, str]]:
        """The faults that have struck, each with its unit."""
        return [(fault_of(file), file.read_text()) for file in self._place.glob("*.struck")]

    def struck_by_unit(self) -> Counter[str]:
        return Counter(unit for _, unit in self.struck())

    def left(self) -> int:
        """How many faults have not struck yet."""
        return len([file for file in self._place.glob("[0-9]*-*") if file.suffix != ".struck"])

    def note_tried(self, message_id: str) -> None:
        (self._place / "tried" / message_id).touch()

    def tried(self) -> set[str]:
        """The ids of the queue's messages that reached the function."""
        return {file.name for file in (self._place / "tried").iterdir()}


def fault_of(file: Path, *, whole: bool = False) -> str:
    """The fault a file stands for; `whole` with its number."""
    name = file.name.partition(".")[0]
    return name if whole else name.partition("-")[2]


def _lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
