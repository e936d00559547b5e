"""A site's own rule for studies: a Python callable that says who may have which.

``rule(principal, datastore_id, study_uid, action)`` is asked for what is granted already; it can
only take away. It answers ``True`` or ``False``, or either with the seconds for which that stays
so. It may be ``async``; otherwise it runs in a thread. Whatever else it answers or raises, and an
answer that takes too long, is no permission.
"""

import asyncio
import importlib
import inspect
from collections.abc import Callable
from typing import Any, Final

from gateway.auth.grants import Caller, Place
from gateway.auth.verdicts import Verdicts
from gateway.errors import ConfigurationError

StudyRule = Callable[..., Any]

_SETTING: Final = "GATEWAY_STUDY_RULE"


def load(setting: str) -> StudyRule:
    """The callable that ``package.module:name`` names.

    Raises:
        ConfigurationError: there is none.
    """
    module, _, name = setting.partition(":")
    try:
        found: Any = getattr(importlib.import_module(module), name)
    except Exception as error:  # a module can fail in any way while it is imported
        message = f"{_SETTING} {setting} cannot be imported: {type(error).__name__}."
        raise ConfigurationError(message) from error
    if not callable(found):
        raise ConfigurationError(f"{_SETTING} {setting} cannot be called.")
    rule: StudyRule = found
    return rule


def verdicts(rule: StudyRule) -> Verdicts:
    """What ``rule`` says of studies; whoever comes by a link was judged when it was given."""

    async def ask(caller: Caller, place: Place) -> tuple[bool, float]:
        given = (caller.principal, place.datastore_id, place.study, place.action.value)
        if inspect.iscoroutinefunction(rule):
            return _read(await rule(*given))
        answer = await asyncio.to_thread(rule, *given)
        return _read(await answer if inspect.isawaitable(answer) else answer)

    def concerns(caller: Caller, place: Place) -> bool:
        return place.study is not None and not caller.vouched

    return Verdicts(ask, concerns, sifts=True)


def _read(answer: Any) -> tuple[bool, float]:
    match answer:
        case bool():
            return answer, 0.0
        case (bool() as verdict, int() | float() as seconds):
            return verdict, float(seconds)
        case _:
            raise TypeError("neither a verdict nor a verdict and seconds")
