"""Authorizers as a site might write them, for tests that name them in a setting."""

import threading
import time

ROLE = "arn:aws:iam::000000000000:role/reader"
EVENTS = []
HOLD = threading.Event()


def allow(event, context):
    """Lets everybody in and remembers what it was asked."""
    EVENTS.append((event, context))
    return {"isTokenValid": True, "roleArn": ROLE}


def deny(event, context):
    return {"isTokenValid": False, "roleArn": ""}


def without_role(event, context):
    return {"isTokenValid": True, "roleArn": ""}


def with_another_arn(event, context):
    return {"isTokenValid": True, "roleArn": "arn:aws:iam::000000000000:user/reader"}


def in_words(event, context):
    return {"isTokenValid": "yes", "roleArn": ROLE}


def nothing(event, context):
    return None


def broken(event, context):
    raise ValueError(f"cannot read {event['bearerToken']}")


def leaving(event, context):
    raise SystemExit(event["bearerToken"])


def slow(event, context):
    time.sleep(1.4)
    return {"isTokenValid": True, "roleArn": ROLE}


def held(event, context):
    HOLD.wait(20)
    return {"isTokenValid": True, "roleArn": ROLE}


NOT_CALLABLE = "text"
