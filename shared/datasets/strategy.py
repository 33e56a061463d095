"""Which pictures to collect: by chance, near a threshold, by class, or by how much was found.

Names and meanings are those of Roboflow's active learning configuration.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import override

Chance = Callable[[], float]
"""A random number in [0, 1)."""
Rows = Sequence[Mapping[str, Any]]


class Limit(BaseModel):
    """At most ``value`` pictures in one minute, hour or day (UTC) of this strategy."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["minutely", "hourly", "daily"]
    value: int = Field(ge=0)


class StrategyBase(BaseModel, ABC):
    """What all strategies have. ``picks`` looks at the predictions of one picture."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Unique; limits are counted under it.")
    tags: list[str] = Field(default_factory=list, max_length=20, description="Given to its pictures.")
    limits: list[Limit] = Field(default_factory=list, max_length=3, description="Pictures per minute, hour and day.")

    @abstractmethod
    def picks(self, rows: Rows, chance: Chance) -> bool:
        """Whether a picture with these predictions is collected."""


class RandomStrategy(StrategyBase):
    """A share of all pictures, whatever is on them."""

    type: Literal["random"]
    traffic_percentage: float = Field(ge=0, le=1, description="Share of the pictures, 0 to 1.")

    @override
    def picks(self, rows: Rows, chance: Chance) -> bool:
        """By chance alone."""
        return chance() < self.traffic_percentage


class CloseToThreshold(StrategyBase):
    """Pictures whose predictions are just about the threshold: those that teach most."""

    type: Literal["close_to_threshold"]
    threshold: float = Field(ge=0, le=1)
    epsilon: float = Field(gt=0, le=1, description="How far from the threshold still counts.")
    probability: float = Field(ge=0, le=1, description="Share of such pictures that is collected.")
    selected_class_names: list[str] | None = Field(default=None, description="Only these classes count.")
    only_top_classes: bool = Field(default=True, description="Of a classification, only the best class counts.")
    minimum_objects_close_to_threshold: int = Field(default=1, ge=1)

    @override
    def picks(self, rows: Rows, chance: Chance) -> bool:
        """Enough objects nearer to the threshold than ``epsilon``, then by chance."""
        if self.only_top_classes and rows and "x" not in rows[0]:
            rows = sorted(rows, key=lambda row: -sure(row))[:1]
        near = [row for row in of_classes(rows, self.selected_class_names) if self._near(row)]
        return len(near) >= self.minimum_objects_close_to_threshold and chance() < self.probability

    def _near(self, row: Mapping[str, Any]) -> bool:
        return abs(sure(row) - self.threshold) < self.epsilon


class ClassesBased(StrategyBase):
    """Pictures on which one of the classes was found."""

    type: Literal["classes_based"]
    selected_class_names: list[str] = Field(min_length=1)
    probability: float = Field(ge=0, le=1)

    @override
    def picks(self, rows: Rows, chance: Chance) -> bool:
        """Any of the classes, then by chance."""
        return bool(of_classes(rows, self.selected_class_names)) and chance() < self.probability


class DetectionsNumberBased(StrategyBase):
    """Pictures with unusually many or few objects."""

    type: Literal["detections_number_based"]
    probability: float = Field(ge=0, le=1)
    more_than: int | None = Field(default=None, ge=0)
    less_than: int | None = Field(default=None, ge=1)
    selected_class_names: list[str] | None = Field(default=None, description="Only these classes are counted.")

    @model_validator(mode="after")
    def _possible(self) -> DetectionsNumberBased:
        if self.more_than is not None and self.less_than is not None and self.more_than + 1 >= self.less_than:
            raise ValueError("no number is more than `more_than` and less than `less_than`")
        return self

    @override
    def picks(self, rows: Rows, chance: Chance) -> bool:
        """The count strictly between the bounds, then by chance."""
        count = len(of_classes(rows, self.selected_class_names))
        enough = self.more_than is None or count > self.more_than
        few = self.less_than is None or count < self.less_than
        return enough and few and chance() < self.probability


Strategy = Annotated[
    RandomStrategy | CloseToThreshold | ClassesBased | DetectionsNumberBased, Field(discriminator="type")
]


def of_classes(rows: Rows, names: Sequence[str] | None) -> list[Mapping[str, Any]]:
    """The predictions of these classes; all when there are no names."""
    return [row for row in rows if names is None or row.get("class") in names]


def sure(row: Mapping[str, Any]) -> float:
    """A prediction's confidence."""
    return float(row.get("confidence") or 0)
