"""What tests of rendering store, and what a service makes of it."""

import asyncio
import base64
import io

import numpy as np
from PIL import Image
from prometheus_client import CollectorRegistry

from gateway.dicomweb import accept
from gateway.dicomweb.rendered import Parameters, Viewport, Windowing
from gateway.dicomweb.resources import Address
from gateway.services.compute import Compute
from gateway.services.library import Library
from gateway.services.rendered import Rendered, Wanted
from gateway.telemetry.metrics import Metrics
from tests.unit.services.memory import (
    DATASTORE,
    PIXELS,
    MemoryHealthImaging,
    image_set,
    instance,
    settings,
)

STUDY, SERIES, SOP = "1.2.3", "1.2.3.1", "1.2.3.1.1"
SIZE = 32
GREY = {**PIXELS, "Rows": SIZE, "Columns": SIZE, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
IDENTITY = Windowing(128.0, 256.0, "LINEAR")
PLAIN = Parameters(window=IDENTITY)
THUMBNAIL = Parameters(viewport=Viewport(16, 16))
STORAGE = "1.2.840.10008.5.1.4.1.1."
PARTS = 'multipart/related; type="image/png"'


def image(sop=SOP, number=1, level=100, frames=1, step=1, **attributes):
    """An image whose first frame is all of ``level``, and each one of ``step`` more."""
    content = [bytes([level + at * step]) * (SIZE * SIZE) for at in range(frames)]
    count = {"NumberOfFrames": str(frames)} if frames > 1 else {}
    return instance(sop, number, frames=content, **{**GREY, **count, **attributes})


def report(sop, family="88.11", **attributes):
    return instance(sop, SOPClassUID=STORAGE + family, **attributes)


PDF = {
    "SOPClassUID": f"{STORAGE}104.1",
    "EncapsulatedDocument": base64.b64encode(b"%PDF-1.7 x").decode(),
    "MIMETypeOfEncapsulatedDocument": "application/pdf",
}
MP4 = "1.2.840.10008.1.2.4.102"
SLIDE = {"SOPClassUID": f"{STORAGE}77.1.6"}


def stored(*instances, **levels):
    remote = MemoryHealthImaging()
    if instances:
        remote.add(image_set(STUDY, SERIES, *instances, **levels))
    return remote


def with_series(remote, number, modality, *instances):
    uid = f"{STUDY}.{number}"
    given = {"Modality": modality, "SeriesNumber": str(number)}
    return remote.add(image_set(STUDY, uid, *instances, at_series=given))


def run(remote, work, **changes):
    """What ``work`` makes of the service."""

    async def scenario():
        library, compute = Library(remote, settings(**changes)), Compute(2)
        try:
            return await work(
                Rendered(library, compute, settings(**changes), Metrics(CollectorRegistry()))
            )
        finally:
            await compute.close()
            await library.close()

    return asyncio.run(scenario())


def wanted(header, place, parameters, numbers, strict):
    address = Address(DATASTORE, STUDY, *(*place, None, None)[:2])
    return Wanted(address, accept.parse(header, strict=strict), parameters, numbers)


def retrieve(remote, header, *place, parameters=PLAIN, numbers=(), strict=False, **changes):
    """Whether it is multipart, and the parts."""

    async def work(service):
        answer = await service.retrieve(wanted(header, place, parameters, numbers, strict))
        return answer.multipart, [answer.first, *[part async for part in answer.rest]]

    return run(remote, work, **changes)


def thumbnail(remote, header, *place, parameters=THUMBNAIL, numbers=(), strict=False):
    async def work(service):
        return await service.thumbnail(wanted(header, place, parameters, numbers, strict))

    return run(remote, work)


def opened(part):
    found = Image.open(io.BytesIO(part.content))
    assert Image.MIME[found.format] == part.media_type
    return found


def levels(parts):
    """The grey of each picture, which is the same all over."""
    found = [np.asarray(opened(part).convert("L")) for part in parts]
    assert all(picture.std() < 1 for picture in found)
    return [round(picture.mean()) for picture in found]
