"""TLS from a client's side, as far as it can be done by hand."""

import contextlib
import socket
import ssl


def greet(node, context, session=None, **more):
    """A TLS connection on a plain blocking socket."""
    raw = socket.create_connection(("127.0.0.1", node.port), timeout=10)
    try:
        return context.wrap_socket(raw, server_hostname="127.0.0.1", session=session, **more)
    except BaseException:
        raw.close()
        raise


def first_bytes_of_a_greeting(context):
    """What a client sends first, without a client."""
    outgoing = ssl.MemoryBIO()
    one = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="127.0.0.1")
    with contextlib.suppress(ssl.SSLWantReadError):
        one.do_handshake()
    return outgoing.read()
