"""Pictures as files that browsers show: stills and animations of 8 bits (PS3.18 8.7.4)."""

from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import Any, Final

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gateway.dicomweb.renditions import GIF, JP2, JPEG, PNG, WEBP, WITH_PROFILE
from gateway.errors import CodecError

QUALITY: Final = 90
"""The quality of lossy pictures where the client does not say."""

_FULL_CHROMA: Final = 85  # from this quality on, chroma is not subsampled
_LARGEST_JPEG: Final = 65_500  # pixels of a side that libjpeg reads
_COLOURS: Final = 256
_SHORTEST: Final = {GIF: 20, WEBP: 11}  # browsers show what is shorter at ten frames a second
_TICK: Final = {GIF: 10, WEBP: 1}

_Options = Mapping[str, Any]


def encode(
    picture: NDArray[np.uint8],
    media_type: str,
    quality: int | None = None,
    profile: bytes | None = None,
) -> bytes:
    """One picture, ``(rows, columns)`` or ``(rows, columns, 3)``, as ``media_type``.

    ``quality`` is 1 to 100, for JPEG and WebP libjpeg's and libwebp's own; without one a JPEG 2000
    picture is lossless, as PNG always is. ``profile`` is an ICC profile to be embedded, where the
    media type can.

    Raises:
        CodecError: the picture is too large for the media type.
    """
    if media_type == JPEG and not profile:
        return _plain_jpeg(picture, quality)
    return _written(_image(picture, media_type), media_type, quality, profile, {})


def _plain_jpeg(picture: NDArray[np.uint8], quality: int | None) -> bytes:
    """What ``_written`` makes of it, by the same library without the GIL, which Pillow holds."""
    rows, columns, *colours = picture.shape
    if max(rows, columns) > _LARGEST_JPEG:
        raise _too_large(columns, rows, "JPEG")
    options = _jpeg(quality)
    chroma = "420" if options["subsampling"] else "444"
    try:
        made = imagecodecs.jpeg8_encode(
            np.ascontiguousarray(picture),
            level=options["quality"],
            subsampling=chroma if colours else None,
        )
    except (RuntimeError, ValueError) as error:
        raise _too_large(columns, rows, "JPEG") from error
    return bytes(made)


def _too_large(width: int, height: int, name: str) -> CodecError:
    return CodecError(f"a picture of {width}x{height} is no {name}")


def animate(
    pictures: Sequence[NDArray[np.uint8]],
    durations: Sequence[float],
    media_type: str,
    quality: int | None = None,
    profile: bytes | None = None,
) -> bytes:
    """Pictures of one size as an endless loop; ``durations`` are in milliseconds, one for each.

    A frame is shown no shorter than browsers obey: 20 ms in GIF, whose clock ticks every 10 ms, and
    11 ms in WebP.

    Raises:
        CodecError: the pictures are too large for the media type.
    """
    first, *others = (_image(picture, media_type) for picture in pictures)
    times = [_duration(duration, media_type) for duration in durations]
    moving = {"save_all": True, "append_images": others, "duration": times, "loop": 0}
    return _written(first, media_type, quality, profile, moving)


def _duration(milliseconds: float, media_type: str) -> int:
    tick = _TICK[media_type]
    return max(round(milliseconds / tick) * tick, _SHORTEST[media_type])


def _image(picture: NDArray[np.uint8], media_type: str) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(picture))
    if media_type == GIF and image.mode != "L":
        return image.quantize(_COLOURS, Image.Quantize.MEDIANCUT)
    return image


def _written(
    image: Image.Image,
    media_type: str,
    quality: int | None,
    profile: bytes | None,
    moving: _Options,
) -> bytes:
    name, options = _FORMATS[media_type]
    embedded = {"icc_profile": profile} if profile and media_type in WITH_PROFILE else {}
    out = BytesIO()
    try:
        image.save(out, name, **options(quality), **embedded, **moving)
    except (OSError, ValueError) as error:
        raise _too_large(image.width, image.height, name) from error
    return out.getvalue()


def _jpeg(quality: int | None) -> _Options:
    quality = quality or QUALITY
    return {"quality": quality, "subsampling": 0 if quality >= _FULL_CHROMA else 2}


def _webp(quality: int | None) -> _Options:
    return {"quality": quality or QUALITY, "method": 2}


def _jp2(quality: int | None) -> _Options:
    if quality is None:
        return {}
    # Peak signal to noise in dB: 20 is hardly to be recognised, 50 hardly to be told apart.
    layers = [20 + 0.3 * quality]
    return {"irreversible": True, "quality_mode": "dB", "quality_layers": layers}


def _lossless(**options: Any) -> Callable[[int | None], _Options]:
    return lambda _: options


_FORMATS: Final[Mapping[str, tuple[str, Callable[[int | None], _Options]]]] = {
    JPEG: ("JPEG", _jpeg),
    PNG: ("PNG", _lossless(compress_level=4)),
    GIF: ("GIF", _lossless(optimize=False)),
    WEBP: ("WEBP", _webp),
    JP2: ("JPEG2000", _jp2),
}
