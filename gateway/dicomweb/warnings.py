"""Warning headers (PS3.18 8.3.4.4, 8.3.5.1.1 and 10.6.3.1.1)."""

from collections.abc import Iterable

AGENT = "dicomweb-gateway"
_MORE = "additional results that can be requested"


def _warning(text: str) -> str:
    return f'299 {AGENT} "{text}"'


def stale() -> str:
    """What is answered may have changed since: nothing newer can be had (RFC 7234 5.5.1)."""
    return f'110 {AGENT} "Response is Stale"'


def remaining(count: int) -> str:
    """There are ``count`` results behind those of this answer."""
    return _warning(f"There are {count} {_MORE}")


def at_least(count: int) -> str:
    """There are ``count`` results behind those of this answer, and perhaps more."""
    return _warning(f"There are at least {count} {_MORE}")


def is_of_more(warning: str) -> bool:
    """Whether ``warning`` is one of those that count results."""
    return _MORE in warning


def truncated(image_sets: int) -> str:
    """The search was ended after ``image_sets`` image sets; there may be results it did not see."""
    return _warning(f"The search was ended after {image_sets} image sets; narrow the query")


def loading(done: int, total: int | None) -> str:
    """The search index is being filled; the answer was found without it."""
    of = f" of {total}" if total else ""
    return _warning(f"The search index is being loaded, {done}{of} image sets so far")


def behind(seconds: int) -> str:
    """What changed within the last ``seconds`` may be missing from the answer."""
    return _warning(f"The search index is {seconds} seconds behind HealthImaging")


def unreadable(image_sets: int) -> str:
    """There are ``image_sets`` whose documents the search index could not read."""
    return _warning(f"{image_sets} image sets cannot be read and are not searched")


def ended() -> str:
    """The search took too long; there may be results it did not see."""
    return _warning("The search was ended before it had seen everything; narrow the query")


def left_out(keyword: str) -> str:
    """An attribute was asked for that this server does not compute."""
    return _warning(f"{keyword} is not computed and has been left out")


def not_primary() -> str:
    """What is answered is, at least in part, of image sets that are not primary."""
    return _warning("The answer takes in image sets that are not primary")


def annotations(values: Iterable[str]) -> str:
    """Kinds of text that were to be burnt in are not known (PS3.18 8.3.5.1.1)."""
    return _warning(f"The following annotation values are not supported: {', '.join(values)}")
