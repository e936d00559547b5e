"""Running the suite in a test: as its command line does, with the outcomes at hand."""

from pathlib import Path

from conformance import originals, registry, runner, survey
from conformance.client import Client, Limits
from conformance.context import Session
from conformance.model import Outcome, Verdict


def check(
    root: str,
    folder: Path | None,
    *only: str,
    seconds: float = 30,
    samples: int = 40,
    stores: bool = False,
    **headers: str,
) -> dict[str, Outcome]:
    """What each check found, by its identifier."""
    held = originals.load(folder) if folder else originals.Originals()
    client = Client(root, headers, Limits(seconds))
    try:
        session = Session(client, held, samples)
        survey.look(session)
        chosen = runner.select(registry.all_checks(), only)
        return {one.check.id: one for one in runner.run(session, chosen, stores=stores)}
    finally:
        client.close()


def failed(outcomes: dict[str, Outcome]) -> dict[str, str]:
    """The checks that found something or broke, with what they say."""
    wrong = (Verdict.FAIL, Verdict.ERROR)
    return {name: one.explanation for name, one in outcomes.items() if one.verdict in wrong}
