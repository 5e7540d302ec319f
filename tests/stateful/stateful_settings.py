"""How many examples, and which: always the same few in a test run, others every time in a long one."""

from hypothesis import HealthCheck, settings


def short(max_examples: int, steps: int) -> settings:
    """For a test run."""
    return _settings(max_examples, steps, derandomize=True)


def long(max_examples: int, steps: int) -> settings:
    """For a run that looks for something new."""
    return _settings(max_examples, steps, derandomize=False)


def _settings(max_examples: int, steps: int, *, derandomize: bool) -> settings:
    return settings(
        max_examples=max_examples,
        stateful_step_count=steps,
        derandomize=derandomize,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
