# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers to talk to: one of HTTP that answers what it is told, one of DICOM, one of raw bytes."""

from __future__ import annotations

import datetime
import http.server
import ipaddress
import json
import socket
import ssl
import threading

import pytest
from ansible.module_utils.testing import patch_module_args
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE


@pytest.fixture
def run_module(capsys):
    """Run a module's C(main) as Ansible would and return what it prints."""

    def run(module, check_mode=False, **args):
        with patch_module_args(dict(args, _ansible_check_mode=check_mode)), pytest.raises(SystemExit):
            module.main()
        return json.loads(capsys.readouterr().out)

    return run


def key_usage(is_ca):
    """Without it Python 3.13 and newer trust no CA."""
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign")
    unused = dict.fromkeys((*others, "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(digital_signature=not is_ca, key_cert_sign=is_ca, **unused)


class Authority:
    """A CA that signs certificates for this machine."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(subject, subject, self.key.public_key(), True)
        self.path = self._write("ca.pem", self.certificate.public_bytes(serialization.Encoding.PEM))

    def _write(self, what, content):
        path = self.folder / ("%s-%s" % (self.name, what))
        path.write_bytes(content)
        return str(path)

    def _sign(self, subject, issuer, key, is_ca, names=()):
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(key_usage(is_ca), critical=True)
        )
        if not is_ca:
            issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
            builder = builder.add_extension(issuer_key, critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, name):
        """Paths of a certificate for a name or an address, and of its key."""
        try:
            names = [x509.IPAddress(ipaddress.ip_address(name))]
        except ValueError:
            names = [x509.DNSName(name)]
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._sign(subject, self.certificate.subject, key.public_key(), False, names)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return (
            self._write(name + ".pem", certificate.public_bytes(serialization.Encoding.PEM)),
            self._write(name + ".key", pem),
        )

    def server_context(self, name="127.0.0.1", client_ca=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(name))
        if client_ca:
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


@pytest.fixture(scope="session")
def site_ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("site"), "site")


@pytest.fixture(scope="session")
def other_ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("other"), "other")


@pytest.fixture
def http_server():
    """Start a server that answers what C(answer(method, path, body)) says: status, body, and headers if it likes."""
    servers = []

    def start(answer, tls=None):
        class Handler(http.server.BaseHTTPRequestHandler):
            def respond(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or None
                if body and self.headers.get("Content-Type") != "application/dicom":
                    body = json.loads(body)
                server.requests.append((self.command, self.path, body, self.headers))
                status, content, *headers = answer(self.command, self.path, body)
                data = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                for name, value in (headers[0] if headers else {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = respond

            def log_message(self, *args):  # pylint: disable=arguments-differ
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, client_address):
                pass

        server = Server(("127.0.0.1", 0), Handler)
        server.requests = []
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        server.url = "%s://127.0.0.1:%d" % ("https" if tls else "http", server.server_port)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def raw_server():
    """Start a server that calls C(talk(connection, number)) for each connection; returns its port."""
    listeners = []

    def start(talk):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve():
            number = 0
            while True:
                try:
                    connection = listener.accept()[0]
                except OSError:
                    return
                number += 1
                with connection:
                    try:
                        talk(connection, number)
                    except OSError:
                        pass

        threading.Thread(target=serve, daemon=True).start()
        return listener.getsockname()[1]

    yield start
    for listener in listeners:
        # Closing alone does not wake up who waits in accept().
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.fixture
def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def scp():
    """Start a DICOM server and return its port. Further arguments are attributes of its application entity."""
    servers = []

    def start(contexts=("1.2.840.10008.1.1",), handlers=(), tls=None, **settings):
        entity = AE(ae_title="SERVER")
        for context in contexts:
            entity.add_supported_context(*((context,) if isinstance(context, str) else context))
        for name, value in settings.items():
            setattr(entity, name, value)
        server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=list(handlers), ssl_context=tls)
        servers.append(server)
        return server.socket.getsockname()[1]

    yield start
    for server in servers:
        server.shutdown()


@pytest.fixture
def dicom_files(tmp_path):
    """Write small files of one series and return their paths."""

    def write(count, folder="study", sop_class=CTImageStorage, syntax=ExplicitVRLittleEndian):
        directory = tmp_path / folder
        directory.mkdir(exist_ok=True)
        study, series, paths = generate_uid(), generate_uid(), []
        for number in range(count):
            dataset = Dataset()
            dataset.file_meta = FileMetaDataset()
            dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = sop_class
            dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
            dataset.file_meta.TransferSyntaxUID = syntax
            dataset.PatientID = "TEST"
            dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
            path = directory / ("%s-%03d.dcm" % (folder, number))
            dataset.save_as(path, enforce_file_format=True)
            paths.append(str(path))
        return paths

    return write
