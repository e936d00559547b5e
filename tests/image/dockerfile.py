"""A Dockerfile as a list of instructions."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Instruction:
    """``words`` are those of the exec form, None where it is written as a shell's command."""

    stage: int
    name: str
    text: str

    @property
    def words(self) -> list[str] | None:
        return json.loads(self.text) if self.text.startswith("[") else None


def instructions() -> list[Instruction]:
    """All of the Dockerfile's; stage 0 is what stands before the first FROM."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    found: list[Instruction] = []
    stage = 0
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if line.strip():
            name, _, rest = line.partition(" ")
            stage += name == "FROM"
            found.append(Instruction(stage, name, rest.strip()))
    return found


def ignored() -> tuple[list[str], list[str]]:
    """What .dockerignore lets through, and what it keeps out."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    return [one[1:] for one in rules if one[0] == "!"], [one for one in rules if one[0] != "!"]
