"""`plexus admin` and `plexus top`: the same WebSocket from a terminal."""

import asyncio
import json

from support.admin import CHANGES, SECRET
from support.node import PROGRAM, clean_environment
from support.tokens import token


async def run(*words, environment=None):
    process = await asyncio.create_subprocess_exec(
        str(PROGRAM), *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=clean_environment(environment)
    )
    out, errors = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, out.decode(), errors.decode()


def where(node):
    return ["--config", str(node.config_file), "--set", f"listen.port={node.port}"]


async def test_a_request_as_a_table_and_as_json(watched, wire):
    await wire(watched, "ann")
    code, out, _ = await run("admin", *where(watched), "connections", "user=ann")
    assert code == 0 and "ann" in out and "1 match" in out and out.startswith("CLIENT")
    code, out, _ = await run("admin", *where(watched), "--json", "connections", "user=ann")
    assert code == 0 and json.loads(out)["connections"][0]["user"] == "ann"


async def test_an_action_with_a_reason(watched, wire):
    ann = await wire(watched, "ann")
    code, _, errors = await run("admin", *where(watched), "disconnect", "user=ann")
    assert code == 1 and "reason" in errors
    code, out, _ = await run("admin", *where(watched), "--json", "disconnect", "user=ann", "reason=a test")
    assert code == 0 and json.loads(out)["connections"] == 1
    assert (await ann.closed())[0] == 3503


async def test_with_a_url_and_a_secret_file_or_a_token(watched, tmp_path):
    url = f"ws://127.0.0.1:{watched.port}"
    (tmp_path / "secret").write_text(SECRET + "\n")
    code, out, _ = await run("admin", "--url", url, "--secret-file", str(tmp_path / "secret"), "nodes")
    assert code == 0 and "e2e" in out
    (tmp_path / "token").write_text(token("ann", admin="read") + "\n")
    code, out, _ = await run("admin", "--url", url, "--token-file", str(tmp_path / "token"), "--json", "nodes")
    assert code == 0 and json.loads(out)["nodes"][0]["node"] == "e2e"
    code, out, _ = await run("admin", "--url", url, "--token", token("ann", admin="read"), "--json", "nodes")
    assert code == 0 and json.loads(out)["nodes"][0]["node"] == "e2e"


async def test_what_goes_wrong_is_one_sentence(watched, node):
    code, _, errors = await run("admin", "--url", f"ws://127.0.0.1:{watched.port}", "--token", "a.b.c", "nodes")
    assert code == 1 and errors.startswith("plexus: error 101")
    code, _, errors = await run("admin", *where(node), "nodes")
    assert code == 1 and "admin.secret" in errors
    code, _, errors = await run("admin", "--url", "ws://127.0.0.1:1", "--token", "x", "nodes")
    assert code == 1 and errors.count("\n") == 1
    for words in (["nodes", "x"], ["--every", "zz", "nodes"], ["--url", "http://x", "--token", "x", "nodes"]):
        code, _, errors = await run("admin", *where(watched), *words)
        assert code == 2 and errors.count("\n") == 1, errors


async def test_the_nodes_own_tls_on_this_machine(secure):
    node = await secure(CHANGES, internal=False)
    code, out, errors = await run("admin", *where(node), "nodes")
    assert code == 0 and "e2e" in out, errors
    code, _, errors = await run("admin", "--url", f"wss://127.0.0.1:{node.port}", "--token", "x", "nodes")
    assert code == 1 and "TLS" in errors


async def test_a_watch_goes_on_until_it_is_ended(watched, wire):
    process = await asyncio.create_subprocess_exec(
        str(PROGRAM), "admin", *where(watched), "--json", "trace", "user=ann", stdout=asyncio.subprocess.PIPE, env=clean_environment()
    )
    first = json.loads(await asyncio.wait_for(process.stdout.readline(), 10))
    assert first["steps"] == []
    await wire(watched, "ann")
    steps = json.loads(await asyncio.wait_for(process.stdout.readline(), 10))["steps"]
    assert steps[0]["user"] == "ann"
    process.kill()
    await process.wait()


async def test_a_watch_that_has_worked_outlives_an_error(watched, wire):
    code, _, errors = await run("admin", *where(watched), "--watch", "connection", "client=nobody")
    assert code == 1 and errors.startswith("plexus: error 108")
    ann = await wire(watched, "ann")
    process = await asyncio.create_subprocess_exec(
        str(PROGRAM), "admin", *where(watched), "--json", "--watch", "--every", "100ms", "connection", f"client={ann.client}",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=clean_environment()
    )
    first = json.loads(await asyncio.wait_for(process.stdout.readline(), 10))
    assert first["connection"]["user"] == "ann"
    ann.abort()
    said = (await asyncio.wait_for(process.stderr.readline(), 10)).decode()
    assert said.startswith("plexus: error 108") and "still watching" in said
    assert process.returncode is None
    process.kill()
    await process.wait()


async def test_top_once(watched, wire):
    ann = await wire(watched, "ann")
    await ann.subscribe("chat:room")
    code, out, _ = await run("top", *where(watched), "--once")
    assert code == 0 and out.startswith("plexus  1 nodes") and "NODE" in out and "chat:room" in out
    code, out, _ = await run("top", *where(watched), "--once", "--json")
    assert code == 0 and json.loads(out)["nodes"]["nodes"][0]["clients"] == 1
