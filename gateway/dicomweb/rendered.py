"""Query parameters of rendered resources and thumbnails (PS3.18 8.3.5), or refused by name."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gateway.dicomweb import parameters
from gateway.errors import InvalidRequest

ANNOTATIONS: Final = ("patient", "technique")
"""The keywords of ``annotation`` that are understood."""

PROFILES: Final = ("no", "yes", "srgb", "adobergb", "rommrgb", "displayp3")
"""The keywords of ``iccprofile``."""

FUNCTIONS: Final = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}
"""The functions of ``window`` as VOI LUT Function (0028,1056) names them."""

_IGNORED: Final = frozenset({"accept", "charset", "imageSetId", "versionId"})


@dataclass(frozen=True, slots=True)
class Viewport:
    """The box that the picture has to fit in, and the region of the source that it shows.

    ``width`` and ``height`` are in pixels of the picture, the region in pixels of the source; a
    region without a size reaches to the edge.
    """

    width: int
    height: int
    left: float = 0.0
    top: float = 0.0
    region_width: float | None = None
    region_height: float | None = None
    mirrored: bool = False
    flipped: bool = False


@dataclass(frozen=True, slots=True)
class Windowing:
    """A window in units of the modality; ``function`` as VOI LUT Function (0028,1056)."""

    center: float
    width: float
    function: str


@dataclass(frozen=True, slots=True)
class Parameters:
    """How a resource is to be rendered.

    ``annotations`` are the kinds of text to be burnt in, ``unsupported`` what else was asked for as
    one; ``profile`` is the value of ``iccprofile``, ``overlays`` the gateway's own parameter.
    """

    viewport: Viewport | None = None
    window: Windowing | None = None
    quality: int | None = None
    annotations: tuple[str, ...] = ()
    unsupported: tuple[str, ...] = ()
    profile: str = "no"
    overlays: bool = False


def parse(pairs: Iterable[tuple[str, str]], max_side: int) -> Parameters:
    """Read the decoded ``pairs`` of the query of a rendered resource (PS3.18 8.3.5.1).

    ``max_side`` is what a viewport may have, in pixels.

    Raises:
        InvalidRequest: a parameter is unknown or malformed; the error names it.
    """
    given = parameters.collected(pairs, _RENDERED, _IGNORED, "this resource")
    listed = given.get("annotation")
    keywords = () if listed is None else parameters.keywords("annotation", listed)
    return Parameters(
        _viewport(given["viewport"], max_side) if "viewport" in given else None,
        _window(given["window"]) if "window" in given else None,
        parameters.quality(given["quality"]) if "quality" in given else None,
        tuple(name for name in ANNOTATIONS if name in keywords),
        tuple(name for name in keywords if name not in ANNOTATIONS),
        _one_of("iccprofile", given.get("iccprofile", "no"), PROFILES),
        _one_of("overlays", given.get("overlays", "false"), ("true", "false")) == "true",
    )


def parse_thumbnail(pairs: Iterable[tuple[str, str]], side: int, max_side: int) -> Parameters:
    """Read the query of a thumbnail (PS3.18 8.3.5.2), whose viewport is a square of ``side``.

    Raises:
        InvalidRequest: a parameter is unknown or malformed, or the viewport names a region.
    """
    given = parameters.collected(pairs, _THUMBNAIL, _IGNORED, "this resource")
    if "viewport" not in given:
        return Parameters(Viewport(side, side))
    if given["viewport"].count(",") != 1:
        raise InvalidRequest("viewport of a thumbnail must be a width and a height", "viewport")
    return Parameters(_viewport(given["viewport"], max_side))


_RENDERED: Final = ("annotation", "iccprofile", "overlays", "quality", "viewport", "window")
_THUMBNAIL: Final = ("viewport",)


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise InvalidRequest(f"{name} must be one of {', '.join(allowed)}", name)
    return value


def _window(value: str) -> Windowing:
    parts = [part.strip() for part in value.split(",")]
    if len(parts) != 3 or parts[2] not in FUNCTIONS:
        names = ", ".join(FUNCTIONS)
        raise InvalidRequest(f"window must be a center, a width and one of {names}", "window")
    center, width = (parameters.decimal("window", part) for part in parts[:2])
    function = FUNCTIONS[parts[2]]
    if width <= 0 or (function == "LINEAR" and width < 1):
        raise InvalidRequest("The width of a window must be above 0, of a linear one 1", "window")
    return Windowing(center, width, function)


def _viewport(value: str, max_side: int) -> Viewport:
    parts = [part.strip() for part in value.split(",")]
    if not 2 <= len(parts) <= 6:
        raise InvalidRequest("viewport must be vw,vh or vw,vh,sx,sy,sw,sh", "viewport")
    if not all(map(parameters.POSITIVE.fullmatch, parts[:2])):
        raise InvalidRequest("viewport must begin with a width and a height in pixels", "viewport")
    width, height = map(int, parts[:2])
    if max(width, height) > max_side:
        raise InvalidRequest(f"viewport may have {max_side} pixels a side at the most", "viewport")
    left, top, wide, high = (_optional(part) for part in (*parts[2:], *[""] * (6 - len(parts))))
    if 0 in (wide, high):
        raise InvalidRequest("viewport names a region without an extent", "viewport")
    return Viewport(
        width,
        height,
        abs(left or 0.0),
        abs(top or 0.0),
        _magnitude(wide),
        _magnitude(high),
        mirrored=wide is not None and wide < 0,
        flipped=high is not None and high < 0,
    )


def _optional(text: str) -> float | None:
    return parameters.decimal("viewport", text) if text else None


def _magnitude(value: float | None) -> float | None:
    return None if value is None else abs(value)
