"""A client of Assay: drives runs of a suite, and reads what they measured. `assay_client.aio` is the same for asyncio."""

from .errors import AssayError
from .gen.client import Progress, Run, Suite, connect

__all__ = ["AssayError", "Progress", "Run", "Suite", "connect"]
