"""Requests signed with Signature Version 4 by botocore, where no SDK has the operation."""

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


class Signature(httpx.Auth):
    """Signs each request for the service medical-imaging, with the keys of a running server."""

    def __init__(self, known):
        keys = known["aws_access_key_id"], known["aws_secret_access_key"]
        self._signer = SigV4Auth(Credentials(*keys), "medical-imaging", known["region_name"])

    def auth_flow(self, request):
        signed = AWSRequest(request.method, str(request.url))
        self._signer.add_auth(signed)
        request.headers.update(dict(signed.headers))
        yield request
