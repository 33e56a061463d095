"""A batch: values of one step's parameter for several elements, each with its index in the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

from typing_extensions import override

T = TypeVar("T")
Index = tuple[int, ...]
"""(2,) is the third image; (2, 0) its first crop."""


class Batch(Sequence[T], Generic[T]):
    """Values and their indices, in index order."""

    def __init__(self, values: Sequence[T], indices: Sequence[Index] | None = None) -> None:
        self._values = list(values)
        self.indices: list[Index] = [(i,) for i in range(len(values))] if indices is None else list(indices)
        if len(self._values) != len(self.indices):
            raise ValueError(f"{len(self._values)} values have {len(self.indices)} indices")

    @classmethod
    def init(cls, content: Sequence[Any], indices: Sequence[Index]) -> Batch[Any]:
        """The same as the constructor, for code written for Roboflow's engine."""
        return cls(content, indices)

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> Batch[T]: ...

    @override
    def __getitem__(self, index: int | slice) -> T | Batch[T]:
        if isinstance(index, slice):
            return Batch(self._values[index], self.indices[index])
        return self._values[index]

    @override
    def __len__(self) -> int:
        return len(self._values)

    @override
    def __iter__(self) -> Iterator[T]:
        return iter(self._values)

    @override
    def __repr__(self) -> str:
        return f"Batch({self._values!r})"

    def iter_with_indices(self) -> Iterator[tuple[Index, T]]:
        """Each index with its value."""
        return iter(zip(self.indices, self._values, strict=True))

    def broadcast(self, n: int) -> list[T]:
        """The values, or the only one repeated ``n`` times. Raises ValueError when neither gives ``n``."""
        if len(self) == n:
            return list(self._values)
        if len(self) != 1:
            raise ValueError(f"a batch of {len(self)} cannot stand for {n}")
        return self._values * n
