"""What a check works with: requests, what is known of the server, and a place for its findings."""

import json
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final

from conformance import mediatypes, multipart
from conformance.client import Client, query
from conformance.model import (
    Answer,
    Blocked,
    Check,
    NotApplicable,
    NotSupported,
    Outcome,
    Problem,
    Request,
    Verdict,
)
from conformance.multipart import Part
from conformance.originals import Entity, Original, Originals

Pairs = Iterable[tuple[str, str]]
_ABSENT: Final = (400, 404, 405, 406, 410, 415, 501)
NOBODY: Final = "no-such-patient-7d1"
_MOST_PROBLEMS: Final = 50
_MOST_EXCHANGES: Final = 200


class Session:
    """One run against one server: its client, the originals it holds, and what was found out."""

    def __init__(self, client: Client, originals: Originals, samples: int = 40) -> None:
        self.client = client
        self.originals = originals
        self.samples = samples
        self.exclusive = False
        self.missing: list[Original] = []
        self._known: dict[str, Any] = {}
        self._lock = threading.RLock()

    def once(self, key: str, make: Callable[[], Any]) -> Any:
        """What ``make`` gives, made once in a run."""
        with self._lock:
            if key not in self._known:
                self._known[key] = make()
            return self._known[key]


class Context:
    """A check at work."""

    def __init__(self, session: Session, check: Check) -> None:
        self.session = session
        self.check = check
        self.problems: list[Problem] = []
        self.exchanges: dict[int, Answer] = {}
        self.compared = 0
        self.notes: list[str] = []

    @property
    def originals(self) -> Originals:
        """The files that the server holds."""
        return self.session.originals

    def problem(self, sentence: str, answer: Answer | None = None) -> None:
        """Something is not as the clause has it."""
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(Problem(sentence, answer))
        if answer is not None:
            self.exchanges[id(answer)] = answer

    def expect(self, holds: bool, sentence: str, answer: Answer | None = None) -> bool:
        """One comparison; a problem if it does not hold."""
        self.compared += 1
        if not holds:
            self.problem(sentence, answer)
        return holds

    def note(self, sentence: str) -> None:
        """Something worth saying that is no problem."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def get(
        self,
        path: str,
        pairs: Pairs = (),
        accept: str | None = mediatypes.JSON,
        method: str = "GET",
        **fields: str,
    ) -> Answer:
        """Send a request; header fields as keywords, ``_`` for ``-``."""
        headers = [("Accept", accept)] if accept is not None else []
        headers += [(name.replace("_", "-"), value) for name, value in fields.items()]
        url = self.session.client.url(path) + query(pairs)
        answer = self.session.client.send(Request(method, url, tuple(headers)))
        if len(self.exchanges) < _MOST_EXCHANGES:
            self.exchanges[id(answer)] = answer
        return answer

    def whole(self, answer: Answer) -> Answer:
        """The answer, unless it did not arrive; that is reported by the checks of HTTP."""
        if answer.broken is not None:
            raise Blocked(f"An answer did not arrive whole: {answer.why}")
        return answer

    def succeeded(self, answer: Answer, *statuses: int) -> bool:
        """Whether an answer has one of ``statuses``, 200 unless given; a problem if not."""
        self.whole(answer)
        wanted = statuses or (200,)
        named = " or ".join(map(str, wanted))
        return self.expect(
            answer.status in wanted, f"Status {answer.status} in place of {named}", answer
        )

    def optional(self, answer: Answer, feature: str) -> Answer:
        """The answer, unless its status says that an optional feature is not offered."""
        self.whole(answer)
        if answer.status in _ABSENT:
            raise NotSupported(f"{feature}: the server answers {answer.status}")
        return answer

    def json(self, answer: Answer) -> list[dict[str, Any]]:
        """The data sets of an answer in DICOM JSON; what is wrong with it other checks report."""
        self.whole(answer)
        if answer.status == 204 or (answer.status == 200 and not answer.body.strip()):
            return []
        try:
            found = json.loads(answer.body)
        except ValueError as error:
            raise Blocked("An answer is not JSON; see json.parse") from error
        if isinstance(found, dict):
            found = [found] if found else []
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise Blocked("An answer is not an array of objects; see json.parse")
        return found

    def parts(self, answer: Answer) -> tuple[Part, ...]:
        """The parts of a multipart answer; what is wrong with it other checks report."""
        self.whole(answer)
        content_type = answer.header("content-type") or ""
        if not multipart.is_multipart(content_type):
            self.problem(f"The answer is {content_type or 'without type'}, not multipart", answer)
            raise Blocked("An answer is not multipart")
        message = multipart.parse(content_type, answer.body)
        if not message.whole:
            raise Blocked("The parts of an answer cannot be told apart; see multipart.*")
        if any("content-type" not in part.fields for part in message.parts):
            raise Blocked("A part does not say what it is; see multipart.part")
        return message.parts

    def search(self, path: str, *pairs: tuple[str, str]) -> tuple[list[dict[str, Any]], Answer]:
        """The results of a search; a problem, and none, if it fails."""
        answer = self.whole(self.get(path, pairs))
        if self.is_empty_404(answer):
            return [], answer
        if not self.succeeded(answer, 200, 204, 206):
            return [], answer
        return self.json(answer), answer

    def is_empty_404(self, answer: Answer) -> bool:
        """Whether 404 says that a search finds nothing: search.empty reports that, once."""
        nobody = [("PatientID", NOBODY)]
        return answer.status == 404 and self.get("/studies", nobody).status == 404

    def entities(self, depth: int) -> list[Entity]:
        """Studies (1), series (2) or instances (3) of the originals."""
        found: list[Entity] = self.session.once(
            f"entities {depth}", lambda: self.originals.entities(depth)
        )
        return found

    def need(self, found: Any, what: str) -> Any:
        """The thing, unless nothing that the server holds is one."""
        if not found:
            raise NotApplicable(f"The server holds no {what}")
        return found

    def outcome(self, verdict: Verdict, explanation: str, seconds: float) -> Outcome:
        """What the check comes to."""
        shown = {id(p.answer): p.answer for p in self.problems if p.answer is not None}
        ordered = list({**shown, **self.exchanges}.values())
        return Outcome(
            self.check, verdict, explanation, self.problems, ordered, self.compared, seconds
        )
