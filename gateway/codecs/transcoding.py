"""Frames brought from the transfer syntax they are stored in to another (PS3.18 8.7.3.4)."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from gateway.codecs import native, quality as qualities, registry
from gateway.codecs.colour import rgb
from gateway.codecs.encoders import ENCODERS, Encoder
from gateway.codecs.relabelling import is_subset, relabelled
from gateway.codecs.samples import Samples
from gateway.dicom import transfer_syntaxes as ts
from gateway.dicom.image import SUBSAMPLED, ImagePixel
from gateway.errors import CodecError

_YBR: Final = "YBR_FULL"
_NATIVE: Final = (ts.EXPLICIT_LE,)
_DCT: Final = (ts.JPEG_BASELINE, ts.JPEG_EXTENDED)


@dataclass(frozen=True, slots=True)
class Targets:
    """The transfer syntaxes that frames can be brought to, the preferred first.

    ``lossless`` ones keep every sample; ``lossy`` ones may lose something and do where a quality is
    asked for, or where they cannot do otherwise (JPEG Baseline and Extended).
    """

    lossless: tuple[str, ...] = ()
    lossy: tuple[str, ...] = ()


@lru_cache(1024)
def targets(stored: str, image: ImagePixel, source: str, *, alone: bool = False) -> Targets:
    """What frames of ``image``, stored in ``stored``, can be brought to beside that.

    Decoded frames come first. ``source`` is the transfer syntax of the file that the frames were
    made from. ``alone`` says that they go out without a data set of their own: subsampled chroma,
    which came uncompressed, then stays subsampled, because that is what the metadata say.
    """
    if not registry.decodes(stored) or image.packed:
        return Targets()
    only_subsampled = alone and _is_native_subsampled(stored, image, source)
    able = [
        uid
        for uid, encoder in ENCODERS.items()
        if uid != stored and encoder.carries(image) and not (only_subsampled and encoder.encode)
    ]
    lossless = tuple(uid for uid in able if ENCODERS[uid].compress is None)
    first = () if stored == ts.EXPLICIT_LE else (ts.EXPLICIT_LE,)
    return Targets(first + lossless, tuple(uid for uid in able if ENCODERS[uid].compress))


def _is_native_subsampled(stored: str, image: ImagePixel, source: str) -> bool:
    return image.subsampled and not (ts.is_encapsulated(stored) and ts.is_encapsulated(source))


def as_shown(
    samples: Samples, decoded: ImagePixel, image: ImagePixel
) -> tuple[Samples, ImagePixel]:
    """Decoded samples, which are as ``decoded`` says, as a viewer takes them that knows ``image``.

    Of YCbCr it converts what the metadata call YBR_FULL, and takes all else for RGB: a decoder of
    the stored frames would have given that.
    """
    shown = _taken_for(decoded, image)
    return (samples if shown == decoded else rgb(samples, decoded.bits_stored)), shown


def _taken_for(decoded: ImagePixel, image: ImagePixel) -> ImagePixel:
    known = decoded.photometric != _YBR or image.photometric == _YBR
    return decoded if known else replace(decoded, photometric="RGB")


class Transcoder:
    """Frames of one instance from its stored transfer syntax to another.

    ``target`` is the stored one or one of ``targets``. ``quality``, from 1 to 100, is that of lossy
    compression; without one only what cannot keep every sample loses something. Frames that go out
    ``alone`` are fitted to the metadata of the instance as it is stored, which a viewer decodes
    them by: what metadata call RGB, or subsampled, a decoder then gives as RGB.
    """

    def __init__(
        self,
        stored: str,
        target: str,
        image: ImagePixel,
        source: str,
        quality: int | None = None,
        *,
        alone: bool = False,
    ) -> None:
        if target not in (stored, *_NATIVE, *ENCODERS):
            raise CodecError(f"there is no encoder for transfer syntax {target}")
        self._stored = stored
        self._target = target
        self._image = image
        self._source = source
        self.quality: Final = quality or qualities.DEFAULT
        self._alone = alone
        self._encoder = ENCODERS.get(target) if target != stored else None
        asked = quality is not None and quality < qualities.LOSSLESS
        self._lossy = self._encoder is not None and self._loses(self._encoder, asked=asked)

    def _loses(self, encoder: Encoder, *, asked: bool) -> bool:
        if encoder.compress is None or (not asked and is_subset(self._stored, self._target)):
            return False
        return asked or encoder.encode is None

    @property
    def works(self) -> bool:
        """Whether ``frame`` is work for a processor."""
        return self._target != self._stored

    @property
    def lossy(self) -> bool:
        """Whether something may be lost on the way."""
        return self._lossy

    @property
    def method(self) -> str:
        """The term for Lossy Image Compression Method (PS3.3 C.7.6.1.1.5.1), where it is lossy."""
        return self._encoder.method if self._encoder and self._lossy else ""

    def frame(self, frame: bytes) -> bytes:
        """A stored frame in the target transfer syntax.

        Raises:
            CodecError: it cannot be decoded.
            NotAcceptable: it has samples that would not survive lossy compression.
        """
        if self._target == self._stored:
            return frame
        decoded = registry.uncompressed(self._stored, frame, self._image, self._source)
        shown = self._shown(decoded)
        if not self._lossy and shown == decoded:
            found = relabelled(self._stored, self._target, frame)
            if found is not None:
                return found
        samples = registry.decode(self._stored, frame, self._image)
        if shown != decoded:
            samples, _ = as_shown(samples, decoded, self._image)
        return self._encode(samples, shown)

    def _shown(self, decoded: ImagePixel) -> ImagePixel:
        """What a viewer takes the samples for; DCT decoders give RGB whatever the components."""
        known = not self._alone or self._target in _DCT
        return decoded if known else _taken_for(decoded, self._image)

    def _encode(self, samples: Samples, image: ImagePixel) -> bytes:
        encoder = self._encoder
        if encoder is None:
            return native.encode(samples, image)
        if self._lossy and encoder.compress:
            return encoder.compress(samples, image, self.quality)
        if encoder.encode is None:
            raise CodecError(f"transfer syntax {self._target} cannot keep every sample")
        return encoder.encode(samples, image)

    def described(self, first: bytes, sent: bytes) -> ImagePixel:
        """What the image is once it is in the target: ``first`` is stored, ``sent`` made from it.

        Raises:
            CodecError: one of them is broken.
        """
        if self._encoder is None and self._target not in _NATIVE:
            return registry.encapsulated(self._stored, first, self._image)
        decoded = registry.uncompressed(self._stored, first, self._image, self._source)
        if self._encoder is None:
            return decoded
        shown = registry.encapsulated(self._target, sent, self._shown(decoded))
        if shown.samples != 3:
            return shown
        if self._target in _DCT:
            return replace(shown, photometric="YBR_FULL_422")
        return replace(shown, photometric=_YBR) if shown.photometric in SUBSAMPLED else shown
