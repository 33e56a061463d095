"""The query language of workflows: chains of operations on values, and statements about them.

    [{"type": "DetectionsPropertyExtract", "property_name": "class_name"}, {"type": "SequenceElementsCount"}]

Types and fields are those that existing definitions use; what a field of a block takes is ``list[AnyOperation]``,
``StatementGroup`` or ``CasesDefinition``.
"""

from shared.workflows.uql.base import Operation, Scope
from shared.workflows.uql.language import AnyOperation, CasesDefinition
from shared.workflows.uql.statements import StatementGroup, chain

__all__ = ["AnyOperation", "CasesDefinition", "Operation", "Scope", "StatementGroup", "chain"]
