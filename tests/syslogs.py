"""An audit record repository for tests: syslog over TLS (RFC 5425), on a thread of its own."""

import datetime
import ipaddress
import re
import socket
import ssl
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_HEAD = re.compile(
    r"<85>1 (?P<time>\S+) (?P<host>\S+) dicomweb-gateway (?P<process>\d+) DICOM\+RFC3881 - \ufeff"
)


class Authority:
    """Signs certificates for 127.0.0.1; files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("authority")
        self._certificate = self._signed(self._name, self._key.public_key(), root=True)
        self.file = folder / "ca.pem"
        self.file.write_bytes(_pem(self._certificate))

    def issue(self, name: str) -> Path:
        """A certificate and its key, in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._signed(_name(name), key.public_key())
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        file = self._folder / f"{name}.pem"
        file.write_bytes(_pem(made) + private)
        return file

    def _signed(self, name, public, *, root=False):
        now = datetime.datetime.now(datetime.UTC)
        day = datetime.timedelta(days=1)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - day)
            .not_valid_after(now + day)
            .add_extension(x509.BasicConstraints(ca=root, path_length=None), critical=True)
        )
        if not root:
            address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


class Repository:
    """Keeps the XML of all messages it gets, in order; may be ended and started again."""

    def __init__(self, authority: Authority, *, asks: bool = True) -> None:
        """It ``asks`` for the client's certificate."""
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(authority.issue("repository"))
        if asks:
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_verify_locations(authority.file)
        self.messages: list[str] = []
        self.port = 0
        self.limit = None
        self.start()

    def start(self) -> None:
        self._ending = False
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listening.getsockname()[1]
        self._connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"tls://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """End at once: connections are reset, whatever is under way."""
        self._ending = True
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for one in list(self._connections):
            self.reset(one)
        self._thread.join(10)

    @staticmethod
    def reset(connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        except OSError:
            return

    def _run(self) -> None:
        while not self._ending:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            connection = self._context.wrap_socket(plain, server_side=True)
            self._connections.append(connection)
            with connection, connection.makefile("rb") as file:
                self._read(file, connection)
        except OSError:
            plain.close()

    def _read(self, file, connection) -> None:
        while not self._ending:
            length = b""
            while not length.endswith(b" "):
                byte = file.read(1)
                if not byte:
                    return
                length += byte
            assert re.fullmatch(rb"[1-9][0-9]* ", length), length  # MSG-LEN (RFC 5425 4.3)
            content = file.read(int(length))
            if len(content) < int(length) or self._ending:
                return
            text = content.decode()
            head = _HEAD.match(text)
            assert head, text[:100]
            self.messages.append(text[head.end() :])
            if self.limit is not None and len(self.messages) >= self.limit:
                self.limit = None
                self.reset(connection)
                return
