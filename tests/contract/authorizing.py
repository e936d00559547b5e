"""Authorizers for tests: what a site would run as a Lambda function, with its own signing key."""

import time

import jwt

KEY = "known to the identity provider and the authorizer only"
ROLE = "arn:aws:iam::000000000000:role/reader"


def token(**changes):
    """A JWT of the identity provider; times are relative to now."""
    now = time.time()
    claims = {"sub": "reader", "iat": -1, "exp": 3600, **changes}
    key = claims.pop("key", KEY)
    times = {name: now + claims.pop(name) for name in ("iat", "exp", "nbf") if name in claims}
    return jwt.encode(claims | times, key)


def decide(event, context=None):
    """Readers may retrieve but no metadata; ``sleepy`` makes the function late, ``fatal`` fails."""
    try:
        claims = jwt.decode(event["bearerToken"], KEY, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        return {"isTokenValid": False, "roleArn": ""}
    if claims["sub"] == "sleepy":
        time.sleep(1.5)
    if claims["sub"] == "fatal":
        raise RuntimeError(event["bearerToken"])
    allowed = event["operation"] in ("GetDICOMInstance", "GetDICOMInstanceFrames")
    return {"isTokenValid": True, "roleArn": ROLE if allowed else ""}
