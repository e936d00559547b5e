"""Who may do what: the one answer to it, for every route and whatever way in."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from gateway.auth import policy, rules
from gateway.auth.apikeys import PREFIX, ApiKeys
from gateway.auth.grants import EVERY, GRANTABLE, Action, Caller, Place, grants
from gateway.auth.issuers import Issuer
from gateway.auth.links import Links
from gateway.auth.principals import ANONYMOUS
from gateway.auth.tokens import Terms, Tokens, refused
from gateway.auth.verdicts import Verdicts
from gateway.errors import ConfigurationError, Forbidden, Unauthenticated
from gateway.settings import GatewaySettings

_KEY: Final = PREFIX.encode()
_NAMELESS: Final = "This needs a token, a key or a link"


class Access:
    """Identity and authorisation as they are set.

    Raises:
        ConfigurationError: a file or the rule for studies makes no sense.
    """

    def __init__(self, settings: GatewaySettings) -> None:
        default = settings.datastore_id
        self._tokens = _tokens(settings) if settings.oidc_issuer else None
        path = settings.api_keys_file
        self._keys = ApiKeys(path, default) if path else None
        rule = settings.study_rule
        self._judges = [rules.verdicts(rules.load(rule))] if rule else []
        self._ends: list[Callable[[], Awaitable[None]]] = (
            [self._tokens.close] if self._tokens else []
        )
        self._anonymous = _anonymous(settings)
        self.links = Links(settings.link_key)
        self.metrics_are_public = settings.metrics_are_public

    @property
    def judges_studies(self) -> bool:
        """Whether studies of a data store are not for the same people: searches are sifted."""
        return any(one.sifts for one in self._judges)

    def heed(self, judge: Verdicts, close: Callable[[], Awaitable[None]]) -> None:
        """Have ``judge`` agree to everything, too, until ``close``."""
        self._judges.append(judge)
        self._ends.append(close)

    def known(self, credential: bytes | None) -> Caller | None:
        """Who presents ``credential``, if nothing has to be waited for."""
        if credential is None:
            return self._anonymous
        if credential.startswith(_KEY):
            return self._keys.find(credential) if self._keys else None
        return self._tokens.known(credential) if self._tokens and credential else None

    async def identify(self, credential: bytes | None) -> Caller:
        """Who presents ``credential``.

        Raises:
            Unauthenticated: it is missing, or not believed.
            IdentityUnavailable: the issuer of the token cannot be asked.
        """
        found = self.known(credential)
        if found is not None:
            return found
        if credential is None:
            raise Unauthenticated(_NAMELESS)
        if not credential:
            raise Unauthenticated("One credential has to be given, and only one", "invalid_request")
        if credential.startswith(_KEY) or self._tokens is None:
            raise refused("The key is not valid")
        return await self._tokens.verify(credential)

    def settled(self, caller: Caller, place: Place) -> bool | None:
        """Whether ``caller`` may; None if somebody has to be asked."""
        if not caller.may(place):
            return False
        verdict: bool | None = True
        for judge in self._judges:
            one = judge.known(caller, place)
            if one is False:
                return False
            verdict = verdict and one
        return verdict

    async def allows(self, caller: Caller, place: Place) -> bool:
        """Whether ``caller`` may.

        Raises:
            IdentityUnavailable: who has to be asked does not answer.
        """
        if not caller.may(place):
            return False
        for judge in self._judges:
            verdict = judge.known(caller, place)
            if verdict is None:
                verdict = await judge.get(caller, place)
            if not verdict:
                return False
        return True

    async def check(self, caller: Caller, place: Place) -> None:
        """Return if ``caller`` may.

        Raises:
            Forbidden: they may not.
            Unauthenticated: they may not, and it is not known who they are.
            IdentityUnavailable: who has to be asked does not answer.
        """
        if await self.allows(caller, place):
            return
        if caller.principal is ANONYMOUS:
            raise Unauthenticated(_NAMELESS)
        raise Forbidden("This is not granted to who asks")

    async def close(self) -> None:
        """End what is under way."""
        for end in self._ends:
            await end()


def access(settings: GatewaySettings) -> Access | None:
    """What guards the gateway; None if everybody may do everything.

    Raises:
        ConfigurationError: nothing does, and that was not asked for; or what does makes no sense.
    """
    if settings.identity == "pass-through" and not settings.oidc_issuer:
        raise ConfigurationError("GATEWAY_OIDC_ISSUER is needed for GATEWAY_IDENTITY=pass-through.")
    has_identity = bool(settings.oidc_issuer or settings.api_keys_file)
    if has_identity or settings.anonymous not in ("auto", "all"):
        return Access(settings)
    if settings.anonymous == "auto" and not settings.is_on_loopback:
        raise ConfigurationError(
            f"GATEWAY_HOST {settings.host} can be reached from other machines, and nobody would "
            "be asked who they are: set GATEWAY_OIDC_ISSUER or GATEWAY_API_KEYS_FILE or, if "
            "everybody may have everything, GATEWAY_ANONYMOUS=all."
        )
    return None


def _tokens(settings: GatewaySettings) -> Tokens:
    issuers = [
        Issuer(url, settings.oidc_keys_seconds, settings.oidc_timeout)
        for url in _words(settings.oidc_issuer)
    ]
    audiences = tuple(_words(settings.oidc_audience))
    if not audiences:
        raise ConfigurationError("GATEWAY_OIDC_AUDIENCE is needed with GATEWAY_OIDC_ISSUER.")
    terms = Terms(audiences, settings.oidc_clock_skew, settings.oidc_name_claim)
    path, default = settings.policy_file, settings.datastore_id
    passed = settings.identity == "pass-through" and path is None
    rules = policy.EVERYTHING if passed else policy.load(path, default)
    return Tokens(issuers, terms, rules)


def _anonymous(settings: GatewaySettings) -> Caller | None:
    """What those may do who present nothing."""
    actions: Iterable[Action]
    if settings.anonymous in ("auto", "off"):
        return None
    if settings.anonymous == "all":
        actions = (Action.SEARCH, Action.READ)
    else:
        actions = [GRANTABLE[one] for one in _words(settings.anonymous)]
    return Caller(ANONYMOUS, grants([(EVERY, actions)], settings.datastore_id))


def _words(text: str) -> list[str]:
    return [word for word in map(str.strip, text.split(",")) if word]
