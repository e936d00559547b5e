"""Pass-through: HealthImaging's data store decides, by its authorizer, what a token is good for.

What it says of one instance of a study counts for the study: its permissions are for operations on
a data store. Who may have an instance may have all that is made of it. What goes out comes through
the gateway's caches, so it is asked for each token.
"""

from typing import Final

from gateway.auth.grants import Action, Caller, Place
from gateway.auth.verdicts import Verdicts
from gateway.errors import NotFound
from gateway.remote.permissions import Permissions
from gateway.services.library import Library

_ALLOWED_SECONDS: Final = 60.0
_REFUSED_SECONDS: Final = 5.0
_ASKED: Final = frozenset({Action.READ, Action.RENDERED})


def verdicts(permissions: Permissions, library: Library) -> Verdicts:
    """What HealthImaging says to tokens; keys and links are the gateway's own."""

    async def ask(caller: Caller, place: Place) -> tuple[bool, float]:
        if place.action is Action.SEARCH:
            allowed = await permissions.may_search(caller.token, place.datastore_id)
        else:
            allowed = await _may_read(permissions, library, caller, place)
        return allowed, _ALLOWED_SECONDS if allowed else _REFUSED_SECONDS

    return Verdicts(ask, _concerns, sifts=False)


def _concerns(caller: Caller, place: Place) -> bool:
    if not caller.token:
        return False
    return place.action is Action.SEARCH or (place.action in _ASKED and place.study is not None)


async def _may_read(
    permissions: Permissions, library: Library, caller: Caller, place: Place
) -> bool:
    """Whether the study is for the caller; one that is not there is not told from others'."""
    store = place.datastore_id
    try:
        first, *_ = await library.study(store, place.study or "")
        document = await library.image_set(store, first.image_set_id, first.version)
        instance = next(iter(document.instances.values()))
    except (NotFound, ValueError, StopIteration):
        return False
    uids = (instance.study, instance.series, instance.sop)
    return await permissions.may_read(caller.token, store, uids, first.image_set_id)
