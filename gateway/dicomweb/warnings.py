"""Warning headers (PS3.18 8.3.4.4, 8.3.5.1.1 and 10.6.3.1.1)."""

from collections.abc import Iterable

AGENT = "dicomweb-gateway"


def _warning(text: str) -> str:
    return f'299 {AGENT} "{text}"'


def remaining(count: int) -> str:
    """There are ``count`` results behind those of this answer."""
    return _warning(f"There are {count} additional results that can be requested")


def truncated(image_sets: int) -> str:
    """The search was ended after ``image_sets`` image sets; there may be results it did not see."""
    return _warning(f"The search was ended after {image_sets} image sets; narrow the query")


def not_supported(parameter: str) -> str:
    """A kind of matching was asked for and not done (PS3.18 8.3.4.2)."""
    return _warning(
        f"The {parameter} parameter is not supported. Only literal matching has been performed."
    )


def annotations(values: Iterable[str]) -> str:
    """Kinds of text that were to be burnt in are not known (PS3.18 8.3.5.1.1)."""
    return _warning(f"The following annotation values are not supported: {', '.join(values)}")
