"""Files packed into an archive while they are made (application/zip, PS3.18 8.6.1.3)."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from gateway.dicom import transfer_syntaxes as ts
from gateway.dicomweb import archives
from gateway.dicomweb.archives import Archive
from gateway.imagesets.document import Instance
from gateway.services.compute import Compute
from gateway.services.instances import File

_CHUNK: Final = 256 << 10
_INLINE: Final = 32 << 10  # smaller pieces are checksummed faster than handed to a thread


class Archives:
    """Archives of the files of a study, a series or an instance."""

    def __init__(self, compute: Compute) -> None:
        self._compute = compute

    async def pack(self, files: AsyncGenerator[File, None]) -> AsyncGenerator[bytes, None]:
        """The bytes of an archive of ``files``, which are closed with it.

        What is compressed is not compressed again. A failure ends it without a directory: no
        program takes that for an archive.
        """
        archive = Archive()
        async with aclosing(files):
            async for file in files:
                native = file.syntax in (ts.EXPLICIT_LE, ts.IMPLICIT_LE)
                large = archives.may_exceed(file.instance.pixel().pixel_data_bytes)
                with archive.entry(_name(file.instance), compress=native, large=large) as entry:
                    async with aclosing(file.pieces):
                        async for piece in file.pieces:
                            if len(piece) < _INLINE:
                                entry.write(piece)
                            else:
                                await self._compute.run(entry.write, piece)
                            if archive.waiting >= _CHUNK:
                                yield archive.take()
        yield archive.close()


def _name(instance: Instance) -> str:
    series = instance.series_number, instance.modality, instance.series
    return archives.entry_name(series, (instance.number, instance.sop))
