"""A small OpenID Connect issuer on loopback: discovery and keys, made for one test each."""

import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import get_default_algorithms

AUDIENCE = "dicomweb"
MAKERS = {
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ES512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
    "Ed448": ed448.Ed448PrivateKey.generate,
}
MADE_BY = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RS256"),
    **{name: name for name in ("ES256", "ES384", "ES512", "EdDSA")},
}


class Keys:
    """Private keys by their names; ``jwks`` is what is shown of them."""

    def __init__(self, **algorithms):
        self.kept = {kid: MAKERS[MADE_BY.get(name, name)]() for kid, name in algorithms.items()}
        self.algorithms = dict(algorithms)

    def jwks(self):
        shown = []
        for kid, key in self.kept.items():
            name = self.algorithms[kid]
            maker = get_default_algorithms()["EdDSA" if name == "Ed448" else name]
            jwk = maker.to_jwk(key.public_key(), as_dict=True)
            shown.append(jwk | {"kid": kid, "use": "sig"})
        return {"keys": shown}

    def token(self, url, kid, alg=None, headers=None, **changes):
        """A good token but for ``changes``; times are relative to now, None leaves a claim out."""
        key = changes.pop("key", None) or self.kept[kid]
        claims = claims_of(url, **changes)
        name = alg or self.algorithms[kid]
        header = {"kid": kid, **(headers or {})}
        given = {name: value for name, value in header.items() if value is not None}
        return jwt.encode(claims, key, "EdDSA" if name == "Ed448" else name, given)

    def public_pem(self, kid):
        public = self.kept[kid].public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def claims_of(url, **changes):
    now = time.time()
    claims = {"iss": url, "aud": AUDIENCE, "sub": "reader", "iat": -1, "exp": 3600, **changes}
    for name in ("iat", "exp", "nbf"):
        if isinstance(claims.get(name), int | float):
            claims[name] = now + claims[name]
    return {name: value for name, value in claims.items() if value is not None}


def encoded(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def by_hand(header, claims, sign=lambda text: b""):
    """A token that no library would make."""
    text = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
    return f"{text}.{encoded(sign(text.encode()))}"


def keyed(secret):
    """The signature HS256 with ``secret``."""
    return lambda text: hmac.new(secret, text, hashlib.sha256).digest()


class Issuer:
    """Serves discovery and keys; ``pages`` may be changed, and what was asked is in ``asked``."""

    def __init__(self, keys):
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.asked.append(self.path)
                status, content = issuer.pages.get(self.path, (404, b""))
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                if status == 302:
                    self.send_header("Location", issuer.url + "/keys")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        self.asked = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/realm"
        self.pages = {
            "/realm/.well-known/openid-configuration": self.page(
                {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
            )
        }
        self.show(keys)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @staticmethod
    def page(content):
        return 200, json.dumps(content).encode()

    def show(self, keys):
        self.pages["/realm/keys"] = self.page(keys.jwks())

    def fetches(self):
        return self.asked.count("/realm/keys")

    def stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
