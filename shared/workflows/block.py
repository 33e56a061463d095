"""The contract of a block: one file in ``blocks/<category>/`` with a subclass of ``Block`` per version.

    class Blur(Block):
        ids = ("roboflow_core/image_blur@v1", "ImageBlur")   # the first is the identifier, the others are aliases
        label = "Image Blur"
        summary = "Blur an image."
        category = "classical_computer_vision"
        outputs = {"image": (kinds.IMAGE,)}

        class Fields(StepFields):
            image: ImageRef
            kernel_size: int | IntRef = 5

        def run(self, image: WorkflowImage, kernel_size: int) -> dict[str, Any]:
            return {"image": image.replaced(cv2.blur(image.pixels, (kernel_size, kernel_size)))}

``run`` gets every field but ``type`` and ``name``, with selectors replaced by what they point at, and answers with
exactly the declared outputs. One instance serves one step of one session, so state is an attribute.

How ``run`` is called:

- No field takes batch data: once. A field may still be given batch data: then once per element, in index order.
- ``batch`` names fields: once for all elements. Those are ``Batch`` objects (other fields as they are) and ``run``
  answers with a list, one entry per element.
- ``output_offset = 1``: an entry is a list itself, the nested elements of one element. ``-1``: what was one value per
  element comes as a ``Batch`` per parent (so ``run`` is called per parent), and there is one entry for each parent.
- ``input_offsets = {"crops": 1}``: that field is one level deeper than ``reference``; it comes as a ``Batch`` per
  element.
- Elements that are missing (control flow ended their branch, or a step answered None) are left out, unless
  ``accepts_empty``: then they are None.

A flow-control block answers with ``FlowControl`` and declares no outputs. A sink sets ``sink = True`` and calls
``self.services.fire()`` before its effect (``shared/workflows/sink.py`` does). A failing block just raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal

from pydantic import create_model
from typing_extensions import override

from shared.workflows import kinds
from shared.workflows.fields import Place, Slot, StepFields, slots
from shared.workflows.services import Services

Outputs = Mapping[str, tuple[str, ...]]
"""Kinds by output name. The name ``*`` stands for outputs that depend on the step: see ``Block.actual_outputs``."""

STEP_KEYS = frozenset({"type", "name"})
OTHER_NAMES = {"image": "images", "images": "image"}


@dataclass(frozen=True)
class FlowControl:
    """Which steps go on: selectors of steps, or None for none of them."""

    context: str | list[str] | None = None


@dataclass(frozen=True)
class Restriction:
    """Where a block does not do what one might expect, for the describe routes."""

    severity: Literal["soft", "hard"]
    note: str


STATEFUL = Restriction("soft", "It remembers earlier frames of a video; over HTTP each request begins anew.")
COOLDOWN = Restriction("soft", "Its cooldown lives in the session; over HTTP each request begins anew.")


class Block:
    """What a step does. Subclasses set the class attributes and define ``Fields`` and ``run``."""

    ids: ClassVar[tuple[str, ...]] = ()
    label: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    category: ClassVar[str] = ""
    outputs: ClassVar[Outputs] = {}
    Fields: ClassVar[type[StepFields]] = StepFields

    aliases: ClassVar[Mapping[str, str]] = {}
    """Other names of fields, to the field's. ``image`` and ``images`` stand for each other without being listed."""
    batch: ClassVar[tuple[str, ...]] = ()
    """Fields that come as a ``Batch``."""
    batch_or_scalar: ClassVar[tuple[str, ...]] = ()
    """Fields that come as a ``Batch`` when they are given batch data, and as they are otherwise."""
    auto_batch: ClassVar[tuple[str, ...]] = ()
    """Fields whose single value is made a ``Batch`` of one where there are no batches beside it."""
    input_offsets: ClassVar[Mapping[str, int]] = {}
    reference: ClassVar[str | None] = None
    output_offset: ClassVar[int] = 0
    accepts_empty: ClassVar[bool] = False

    sink: ClassVar[bool] = False
    stateful: ClassVar[bool] = False
    restrictions: ClassVar[tuple[Restriction, ...]] = ()
    engine: ClassVar[str] = ">=1.3.0,<2.0.0"
    """Versions of the execution engine that the block is for."""
    init: ClassVar[tuple[str, ...]] = ()
    """Names of values that the engine's owner must provide; they are in ``self.init_values``."""
    license: ClassVar[str] = "Apache-2.0"
    deprecated: ClassVar[bool] = False

    spec: ClassVar[BlockSpec]

    @override
    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.ids:
            cls.spec = BlockSpec(cls)

    def __init__(self, services: Services, step: str = "", init_values: Mapping[str, Any] | None = None) -> None:
        """``step`` is the step's name. Raises nothing heavy: libraries load with the block's module."""
        self.services = services
        self.step = step
        self.init_values = dict(init_values or {})

    def close(self) -> None:
        """Called when the session ends; files and processes that the block holds are to be let go of."""

    @classmethod
    def actual_outputs(cls, step: StepFields) -> Outputs:
        """The outputs of one step, for blocks that declare ``*``."""
        del step
        return cls.outputs


@dataclass
class BlockSpec:
    """What the compiler knows of a block, worked out once from its class. Raises ValueError for a bad declaration."""

    block: type[Block]
    manifest: type[StepFields] = field(init=False)
    slots: dict[str, dict[Place, Slot]] = field(init=False)

    def __post_init__(self) -> None:
        cls = self.block
        types: Any = Literal[cls.ids]
        self.manifest = create_model(f"{cls.__name__}Step", __base__=cls.Fields, __doc__=cls.summary, type=(types, ...))
        self.slots = {name: slots(info) for name, info in self.manifest.model_fields.items() if name not in STEP_KEYS}
        self._check()

    @property
    def id(self) -> str:
        """The identifier that is not an alias."""
        return self.block.ids[0]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Fields that ``run`` gets."""
        return tuple(self.slots)

    @cached_property
    def controls(self) -> tuple[str, ...]:
        """Fields that name steps: those of a flow-control block."""
        return tuple(name for name, places in self.slots.items() if any(slot.step for slot in places.values()))

    @cached_property
    def takes_batches(self) -> bool:
        """Whether ``run`` is called once for all elements."""
        return bool(self.block.batch or self.block.batch_or_scalar)

    def renamed(self, step: Mapping[str, Any]) -> dict[str, Any]:
        """The step with other names of fields put right."""
        others = {**{k: v for k, v in OTHER_NAMES.items() if v in self.slots}, **self.block.aliases}
        return {
            (others[key] if key in others and key not in self.slots and others[key] not in step else key): value
            for key, value in step.items()
        }

    def _check(self) -> None:
        cls = self.block
        for names in cls.outputs.values():
            kinds.known(names)
        offsets = cls.input_offsets
        named = {*cls.batch, *cls.batch_or_scalar, *cls.auto_batch, *offsets, *cls.aliases.values()}
        problems = [
            (not named <= set(self.slots), f"there are no fields {sorted(named - set(self.slots))}"),
            (not callable(getattr(cls, "run", None)), "it has no run()"),
            (cls.output_offset not in (-1, 0, 1), "output_offset is -1, 0 or 1"),
            (any(offset not in (0, 1) for offset in offsets.values()), "input offsets are 0 or 1"),
            (bool(offsets) and cls.reference is None, "input_offsets needs a reference"),
            (cls.reference is not None and offsets.get(cls.reference, 0) != 0, "the reference's offset is 0"),
            (bool(offsets) and cls.output_offset != 0, "mixed inputs and a change of the outputs exclude each other"),
        ]
        for wrong, why in problems:
            if wrong:
                raise BlockDeclarationError(f"block {cls.ids[0]!r} ({cls.__module__}): {why}")


class BlockDeclarationError(ValueError):
    """A block's class attributes contradict each other."""

    @override
    def __str__(self) -> str:
        return str(self.args[0])
