"""What a section of the settings is made of."""

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
T = TypeVar("T")


class Section(BaseModel):
    """A part of the settings; nothing changes after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def setting(default: T, about: str, *, alias: str | None = None) -> T:
    """A field with its default and the line that `config.toml.example` says about it.

    `alias` is the documented name where Python or pydantic has taken that name already.
    """
    # To a type checker a field is its value; pydantic reads what stands there.
    return Field(default=default, description=about, alias=alias)
