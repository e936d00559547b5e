"""What answers follow from: the versions of the image sets that they are made of."""

from dataclasses import dataclass, replace

from gateway.dicomweb.resources import Address
from gateway.remote.api import Summary
from gateway.services.library import Library

ImageSets = tuple[Summary, ...]


@dataclass(frozen=True, slots=True)
class Ground:
    """The ``image_sets`` at ``address`` at one moment; all of the study's if it is ``related``.

    Documents never change within a version, nor do frames: as long as these are the image sets
    at the address, whatever is made of them is the same.
    """

    address: Address
    related: bool
    image_sets: ImageSets

    @property
    def is_firm(self) -> bool:
        """Whether the versions are known: what is the latest of an image set may be another."""
        return bool(self.image_sets) and all(one.version is not None for one in self.image_sets)

    async def stands(self, library: Library, as_of: int) -> bool:
        """Whether at the moment ``as_of`` they are the same image sets, in the same versions."""
        now = await find(library, replace(self.address, as_of=as_of), related=self.related)
        return now.image_sets == self.image_sets


async def find(library: Library, address: Address, *, related: bool) -> Ground:
    """What an answer at ``address`` follows from; ``related`` says that other series decide it too.

    Raises:
        NotFound: the image set that ``address`` names does not exist.
    """
    place = replace(address, series=None, instance=None) if related else address
    held = await library.held(place)
    if related and address.image_set_id is not None:
        held += await library.study(address.datastore_id, address.study, address.as_of)
    return Ground(address, related, held)
