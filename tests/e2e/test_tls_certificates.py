"""Certificates that change while the node runs, and those that can't be used."""

import asyncio
import json
import shutil
import signal
import ssl
import subprocess

from support.node import PROGRAM, clean_environment
from support.tls import greet
from support.waiting import until


async def reload(node):
    before = node.log().count("configuration")
    node.signal(signal.SIGHUP)
    await until(lambda: node.log().count("configuration") > before, "the word about the configuration")


async def test_sighup_swaps_the_certificate(secure, authority, wire):
    node = await secure()
    inside = await wire(node, ssl=authority.context())

    async def shown():
        with await asyncio.to_thread(greet, node, authority.context()) as one:
            return one.getpeercert(binary_form=True)

    first = await shown()
    certificate, key = authority.sign()
    shutil.copy(certificate, node.certificate)
    shutil.copy(key, node.key)
    assert await shown() == first  # not before it is told
    await reload(node)

    async def changed():
        return await shown() != first

    await until(changed, "the new certificate")
    second = await shown()
    assert second == ssl.PEM_cert_to_DER_cert(certificate.read_text())
    await inside.subscribe("chat:still here")

    # A bad one keeps what is there, and says so.
    node.errors_expected = True
    for text in ("nonsense", first and authority.sign()[0].read_text()):  # no certificate; one of another key
        node.certificate.write_text(text)
        await reload(node)
        assert "the one before stays" in node.log().splitlines()[-1]
        assert await shown() == second
    await inside.call("unsubscribe", channel="chat:still here")
    assert 'key="listen.tls.certificate" found="no certificate' in node.log()
    assert 'key="listen.tls.key" found="another key' in node.log()


def test_check_tells_of_a_bad_certificate_and_the_node_does_not_start(authority, tmp_path):
    certificate, key = authority.sign()
    nowhere = str(tmp_path / "nowhere.pem")
    for tls, fault in (
        ({"certificate": nowhere, "key": str(key)}, f'listen.tls.certificate: found "{nowhere}", expected a file'),
        ({"certificate": str(certificate), "key": nowhere}, "listen.tls.key: found a file that cannot be read"),
        ({"certificate": str(certificate), "key": str(certificate)}, "listen.tls.key: found no private key"),
        ({"certificate": str(certificate)}, 'listen.tls.certificate: found "certificate" without "key"'),
    ):
        file = tmp_path / "plexus.json"
        file.write_text(json.dumps({"listen": {"port": 0, "tls": tls}}))
        for command in (["check", file], ["serve", "--config", file]):
            got = subprocess.run(
                [PROGRAM, *command], capture_output=True, text=True, env=clean_environment(), timeout=20
            )
            assert got.returncode == 2 and fault in got.stderr and got.stderr.count("\n") == 1, got.stderr
    file.write_text(json.dumps({"listen": {"tls": {"certificate": str(certificate), "key": str(key)}}}))
    assert subprocess.run([PROGRAM, "check", file], env=clean_environment(), timeout=20).returncode == 0
