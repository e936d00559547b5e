"""YCbCr of the full range turned into RGB (PS3.3 C.7.6.3.1.2), as decoders of JPEG do it."""

import numpy as np

from gateway.codecs.samples import Samples


def rgb(samples: Samples, bits: int) -> Samples:
    """``samples`` of three unsigned components with ``bits`` bits, YBR_FULL, as RGB.

    The coefficients are those of ITU-R BT.601, which JFIF and PS3.3 agree on.
    """
    most, middle = (1 << bits) - 1, np.float32(1 << (bits - 1))
    luma = samples[..., 0].astype(np.float32)
    blue, red = (samples[..., at].astype(np.float32) - middle for at in (1, 2))
    found = np.empty(samples.shape, np.float32)
    found[..., 0] = luma + np.float32(1.402) * red
    found[..., 1] = luma - np.float32(0.344136) * blue - np.float32(0.714136) * red
    found[..., 2] = luma + np.float32(1.772) * blue
    return np.clip(np.rint(found), 0, most).astype(samples.dtype)
