"""A client of Assay: drives runs of a suite, and reads what they measured. `assay_client.aio` is the same for asyncio."""

from .errors import AssayError, FieldViolation
from .messages import Record
from .suite import Run, Suite, connect

__all__ = ["AssayError", "FieldViolation", "Record", "Run", "Suite", "connect"]
