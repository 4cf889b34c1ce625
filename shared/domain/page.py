"""One page of a list."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page is wanted: `page` from 1, `size` 1 to 100; `is_reversed` turns the list's order around."""

    page: int = 1
    size: int = 50
    is_reversed: bool = False

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.size


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """The items of one page and how many there are in all."""

    items: list[T]
    total: int
