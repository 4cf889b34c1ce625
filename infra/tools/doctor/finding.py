"""What a check found, as one line."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "problem", "stopped", "off"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. The text of a problem names the setting that would solve it."""

    subject: str
    status: Status
    text: str

    def line(self) -> str:
        return f"{self.subject:<13} {self.status.upper() if self.status == 'problem' else self.status:<8} {self.text}"
