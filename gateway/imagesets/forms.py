"""The transfer syntaxes that instances and their frames can be had in."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from gateway.codecs import transcoding
from gateway.codecs.transcoding import Targets, Transcoder
from gateway.dicom import transfer_syntaxes as ts
from gateway.imagesets.document import Instance

AS_STORED: Final = "*"
"""What stands for the transfer syntax that each instance is stored in."""

_MEASURED: Final = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.66.4",  # Segmentation
        "1.2.840.10008.5.1.4.1.1.66.7",  # Label Map Segmentation
        "1.2.840.10008.5.1.4.1.1.30",  # Parametric Map
        "1.2.840.10008.5.1.4.1.1.481.2",  # RT Dose
    }
)


def targets(instance: Instance, *, alone: bool = False) -> Targets:
    """What an instance, or its frames ``alone``, can be brought to beside its stored form.

    What has no frames can be deflated. Labels, doses and parameters are measured, not looked at:
    they are not compressed lossily.
    """
    if not instance.frames:
        return Targets((ts.DEFLATED_LE,))
    stored, source = instance.stored_syntax, instance.source_syntax
    found = transcoding.targets(stored, instance.pixel(), source, alone=alone)
    measured = instance.attributes.get("SOPClassUID") in _MEASURED
    return replace(found, lossy=()) if measured else found


def transcoder(
    instance: Instance, syntax: str, quality: int | None = None, *, alone: bool = False
) -> Transcoder:
    """What brings the stored frames of an instance to ``syntax``; see ``targets``.

    Raises:
        CodecError: nothing does.
    """
    stored, source = instance.stored_syntax, instance.source_syntax
    return Transcoder(stored, syntax, instance.pixel(), source, quality, alone=alone)


class Forms:
    """What all instances of a study or series can be had in, gathered batch by batch.

    Documents among images go out as they are whatever is asked for: there is nothing to transcode.
    """

    def __init__(self) -> None:
        self._stored: dict[str, None] = {}
        self._common: list[str] | None = None
        self._documents: list[str] = []

    def add(self, instances: Iterable[Instance]) -> None:
        """Take account of some more instances."""
        for one in instances:
            able = targets(one)
            if not one.frames:
                self._documents = list(able.lossless)
                continue
            self._stored[one.stored_syntax] = None
            own = [one.stored_syntax, *able.lossless, *able.lossy]
            before = own if self._common is None else self._common
            self._common = [uid for uid in before if uid in own]

    @property
    def stored(self) -> frozenset[str]:
        """The transfer syntaxes that they are stored in."""
        return frozenset(self._stored or (ts.EXPLICIT_LE,))

    @property
    def targets(self) -> list[str]:
        """What all can be brought to, but for the one that all are stored in."""
        common = self._documents if self._common is None else self._common
        return [uid for uid in common if self.stored != {uid}]


def form_of(instance: Instance, syntax: str) -> str:
    """What an instance goes out in where ``syntax`` was chosen for all."""
    if syntax == AS_STORED or not (instance.frames or syntax == ts.DEFLATED_LE):
        return instance.stored_syntax
    return syntax
