"""Holds back Python's collector of cycles while many values are made, all of which are kept."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collection() -> Iterator[None]:
    """Do not look for cycles in the meantime: facts form none, and each look would visit all that were made so far.

    What has no reference any more is freed as ever.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
