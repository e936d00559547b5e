"""Decoders other than the encoders' own: what a frame that we write is for somebody else."""

import io

import imagecodecs
import numpy as np
import openjpeg
from PIL import Image
from pydicom.pixels.decoders.rle import _rle_decode_frame

from gateway.dicom import transfer_syntaxes as ts


def by_pylibjpeg(frame, image):
    """JPEG 2000 and HTJ2K: OpenJPEG as pylibjpeg builds it."""
    return openjpeg.decode(frame)


def by_jpegsof3(frame, image):
    """Lossless JPEG: dcm2niix's decoder, which knows no sign."""
    return np.ascontiguousarray(imagecodecs.jpegsof3_decode(frame)).view(image.dtype)


def by_liblj92(frame, image):
    """Lossless JPEG of one component: a third decoder."""
    return np.ascontiguousarray(imagecodecs.ljpeg_decode(frame)).view(image.dtype)


def by_pydicom(frame, image):
    """RLE: pydicom's own decoder, which gives planes."""
    size = (image.rows, image.columns, image.samples, image.bits_allocated)
    planes = np.frombuffer(bytes(_rle_decode_frame(frame, *size)), image.dtype)
    if image.samples == 1:
        return planes.reshape(image.shape)
    return np.moveaxis(planes.reshape(image.samples, image.rows, image.columns), 0, 2)


def by_charls(frame, image):
    """JPEG-LS: there is no other decoder at hand than CharLS, which knows no sign."""
    return np.ascontiguousarray(imagecodecs.jpegls_decode(frame)).view(image.dtype)


def by_pillow(frame, image):
    """JPEG of 8 bits: the picture as Pillow shows it, grey or RGB."""
    with Image.open(io.BytesIO(frame)) as picture:
        return np.asarray(picture.convert("L" if image.samples == 1 else "RGB"))


OTHER = {
    **dict.fromkeys(
        (
            ts.HTJ2K_LOSSLESS_RPCL,
            ts.HTJ2K_LOSSLESS,
            ts.HTJ2K,
            ts.JPEG_2000_LOSSLESS,
            ts.JPEG_2000,
            ts.JPEG_2000_PART_2_LOSSLESS,
            ts.JPEG_2000_PART_2,
        ),
        by_pylibjpeg,
    ),
    ts.JPEG_LOSSLESS: by_jpegsof3,
    ts.JPEG_LOSSLESS_SV1: by_jpegsof3,
    ts.JPEG_LS: by_charls,
    ts.JPEG_LS_NEAR: by_charls,
    ts.RLE: by_pydicom,
}
"""By transfer syntax; none of those that only lose, whose decoders differ by rounding."""
