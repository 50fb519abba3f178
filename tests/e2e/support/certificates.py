"""Certificates made for a test, by the openssl command: an authority, and what it signs."""

import ssl
import subprocess

NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


def _openssl(*arguments, folder):
    subprocess.run(["openssl", *map(str, arguments)], cwd=folder, check=True, capture_output=True, timeout=20)


class Authority:
    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self._made = 0
        self.file = folder / "ca.pem"
        _openssl(
            *["req", "-x509", *NEW_KEY, "-keyout", "ca.key", "-out", "ca.pem", "-days", 2],
            *["-subj", "/CN=the tests' authority", "-addext", "keyUsage=critical,keyCertSign"],
            folder=folder,
        )

    def sign(self):
        """A certificate for 127.0.0.1 and localhost: the paths of it and of its key."""
        self._made += 1
        name = f"node{self._made}"
        _openssl(
            *["req", *NEW_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", "/CN=localhost"],
            *["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"],
            folder=self.folder,
        )
        _openssl(
            *["x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"],
            *["-days", 2, "-copy_extensions", "copy", "-out", f"{name}.pem"],
            folder=self.folder,
        )
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def context(self, version=None):
        """For clients that trust this authority alone; of one version of TLS where that is given."""
        context = ssl.create_default_context(cafile=self.file)
        if version is not None:
            context.minimum_version = context.maximum_version = version
        return context
