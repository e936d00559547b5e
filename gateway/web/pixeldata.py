"""WADO-RS pixel data (PS3.18 10.4.1.1.6) of a study, a series or an instance."""

from starlette.requests import Request
from starlette.responses import Response

from gateway.web import bulkdata


async def pixeldata(request: Request) -> Response:
    """All pixel data, each part with the URI that the metadata have for it."""
    return await bulkdata.everything(request, pixels=True)
