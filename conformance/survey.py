"""What the server holds: which of the originals, or without a folder what it says of itself."""

import json
from typing import Any, Final

from conformance import mediatypes, values
from conformance.client import query
from conformance.context import Session
from conformance.model import Answer, Request
from conformance.originals import INSTANCE, STUDY, Original, Originals

_PAGE: Final = 500
_PAGES: Final = 200
_STUDIES: Final = 12
_INSTANCES: Final = 60


class Unreachable(Exception):
    """The service root does not answer as one."""


def look(session: Session) -> None:
    """Find out which instances the server holds.

    Raises:
        Unreachable: it does not answer a search for studies.
    """
    listed = _studies(session)
    if session.originals.files:
        held = {uid for study in _uids(session) for uid in _held(session, study)}
        wanted = session.originals
        session.originals = wanted.only(held)
        session.missing = [one for one in wanted.files if one.uids[2] not in held]
        session.exclusive = listed is not None and listed <= _uids(session)
    else:
        session.originals = _own_words(session, sorted(listed or ())[:_STUDIES])


def _uids(session: Session) -> set[str]:
    return {one.uids[0] for one in session.originals.files}


def get(session: Session, path: str, *pairs: tuple[str, str]) -> Answer:
    """The answer to a GET that asks for DICOM JSON."""
    url = session.client.url(path) + query(pairs)
    return session.client.send(Request("GET", url, (("Accept", mediatypes.JSON),)))


def _studies(session: Session) -> set[str] | None:
    """The UIDs of all studies; None if there are too many, or if paging does not work."""
    found: set[str] = set()
    for page in range(_PAGES):
        answer = get(session, "/studies", ("limit", str(_PAGE)), ("offset", str(page * _PAGE)))
        if page == 0 and answer.status == 0:
            raise Unreachable(answer.why)
        if page == 0 and answer.status in (401, 403):
            raise Unreachable(f"The server answers {answer.status}; see --token and --header")
        new = {uid for one in _objects(answer) if (uid := _text(one, STUDY))} - found
        found |= new
        if len(new) < _PAGE:
            return found
    return None


def _objects(answer: Answer) -> list[dict[str, Any]]:
    if not answer.ok:
        return []
    try:
        found = json.loads(answer.body or b"[]")
    except ValueError:
        return []
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _text(instance: dict[str, Any], tag: int) -> str:
    value = values.of_json(instance).get(tag, ("", ()))[1]
    return str(value[0]) if value else ""


def _held(session: Session, study: str) -> set[str]:
    """The SOP instance UIDs of a study that can be found or retrieved."""
    wanted = {one.uids[2]: one for one in session.originals.files if one.uids[0] == study}
    listed = {_text(one, INSTANCE) for one in _objects(get(session, f"/studies/{study}/instances"))}
    found = listed & wanted.keys()
    for uid in wanted.keys() - found:
        if get(session, f"{wanted[uid].address}/metadata").ok:
            found.add(uid)
    return found


def _own_words(session: Session, studies: list[str]) -> Originals:
    """What the metadata say, as far as searches can be compared with it."""
    files = []
    for study in studies:
        answer = get(session, f"/studies/{study}/metadata")
        for instance in _objects(answer)[:_INSTANCES]:
            original = Original(None, values.of_json(instance), "")
            if all(original.uids):
                files.append(original)
    return Originals(files)
