"""The page of docs/ that holds the table."""

from collections.abc import Sequence

from tests.bench.report import Result, table


def write(results: Sequence[Result], rounds: int) -> str:
    """The whole page."""
    return f"# Benchmarks\n\n{table(results)}\n"
