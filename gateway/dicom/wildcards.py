"""Wild card matching (PS3.4 C.2.2.2.4): ``*`` is any sequence of characters, ``?`` any one."""

import re
from typing import Final

VRS: Final = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
"""VRs in whose keys ``*`` and ``?`` are wild cards."""


def is_pattern(key: str) -> bool:
    """Whether ``key`` holds a wild card."""
    return "*" in key or "?" in key


def is_universal(key: str) -> bool:
    """Whether ``key`` matches everything, an absent attribute included (PS3.4 C.2.2.2.3)."""
    return not key.strip("*")


def compiled(key: str, one: str = ".", tail: str = "") -> re.Pattern[str]:
    """The expression whose ``fullmatch`` is a match of ``key``.

    ``one`` is the expression of what ``?`` stands for, ``tail`` of what may follow the key.
    """
    first, *rest = (_literal(part, one) for part in re.split(r"\*+", key))
    if not rest:
        return re.compile(first + tail, re.DOTALL)
    # What lies between stars is found where it first occurs and not looked for again: without the
    # atomic groups a key of many stars would take for ever.
    between = "".join(f"(?>.*?{part})" for part in rest[:-1])
    return re.compile(f"{first}{between}.*{rest[-1]}{tail}", re.DOTALL)


def _literal(text: str, one: str) -> str:
    return "".join(one if character == "?" else re.escape(character) for character in text)
