"""How much of Python's memory something may take."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def python_memory(most: int) -> Iterator[None]:
    """Assert that what happens in here allocates no more than this, if tracemalloc is on."""
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    yield
    _, peak = tracemalloc.get_traced_memory()
    assert peak - before <= most, f"{peak - before} bytes more"
