"""The program from a shell: what it prints, its exit codes, and in what order settings count."""

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import time

import pytest

from support.node import BASE, PROGRAM, DidNotStart, clean_environment, merged
from support.tokens import SECRET
from support.waiting import until
from support.wire import Wire


async def run(*arguments, environment=None, cwd=None):
    """Exit code, standard output, standard error."""
    process = await asyncio.create_subprocess_exec(
        str(PROGRAM),
        *map(str, arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=clean_environment(environment),
        cwd=cwd,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), 10)
    except asyncio.TimeoutError:
        process.kill()
        raise
    return process.returncode, out.decode(), err.decode()


@pytest.fixture
def config(tmp_path):
    def write(content):
        path = tmp_path / "test.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


async def test_version():
    code, out, _ = await run("version")
    assert code == 0 and out.startswith("plexus ") and out.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], ["serve", "--help"], ["check", "--help"], ["token", "--help"]]
)
async def test_help(arguments):
    code, out, _ = await run(*arguments)
    assert code == 0
    for word in (
        ["serve", "check", "token", "version", "--config", "--set", "--ready-file", "PLEXUS_PATH__TO__KEY"]
        if len(arguments) == 1
        else ["--help"]
    ):
        assert word in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["dance"],
        ["serve", "--nothing"],
        ["check"],
        ["token"],
        ["check", "a", "b"],
        ["--set"],
        ["serve", "--set", "nonsense"],
    ],
)
async def test_words_it_does_not_know(arguments):
    code, out, err = await run(*arguments)
    assert code == 2 and (out + err).strip()


async def test_check_of_a_good_file(config):
    assert await run("check", config(BASE)) == (0, "", "")
    assert (await run("check", config("// with a comment\n{ /* and another */ }")))[0] == 0


@pytest.mark.parametrize(
    "content, key",
    [
        ({"nod": {}}, "nod"),
        ({"node": {"lops": 1}}, "node.lops"),
        ({"node": {"loops": "many"}}, "node.loops"),
        ({"node": {"loops": -1}}, "node.loops"),
        ({"listen": {"port": 70000}}, "listen.port"),
        ({"client": {"ping_interval": "25"}}, "client.ping_interval"),
        ({"client": {"ping_interval": 25}}, "client.ping_interval"),
        ({"client": {"insecure": "yes"}}, "client.insecure"),
        ({"channels": {"namespaces": {"a": {"presense": True}}}}, "channels.namespaces.a.presense"),
        ({"channels": {"namespaces": {"a": {"subscribe": "everyone"}}}}, "channels.namespaces.a.subscribe"),
        ({"channels": {"default": {"history_size": 10}}}, "history"),
        ({"channels": {"default": {"history_ttl": "1h"}}}, "history"),
        ({"log": {"level": "loud"}}, "log.level"),
        ({"backplane": {"url": "carrier-pigeon://x"}}, "backplane.url"),
    ],
)
async def test_check_names_the_fault(config, content, key):
    path = config(content)
    code, out, err = await run("check", path)
    lines = (out + err).strip().splitlines()
    assert code == 2 and len(lines) == 1
    assert lines[0].startswith(f"{path}: ") and key in lines[0] and "expected" in lines[0]


async def test_check_has_a_line_for_each_fault(config):
    code, out, err = await run("check", config({"node": {"loops": "x"}, "lisen": {}, "log": {"level": 5}}))
    assert code == 2 and len((out + err).strip().splitlines()) == 3


async def test_a_file_that_is_not_json_or_not_there(config, tmp_path):
    code, out, err = await run("check", config('{ "node": '))
    assert code == 2 and "test.json" in out + err
    code, out, err = await run("check", tmp_path / "nothing.json")
    assert code == 2 and "nothing.json" in out + err
    assert (await run("serve", "--config", tmp_path / "nothing.json"))[0] == 2


async def test_serve_refuses_a_faulty_configuration(config, tmp_path):
    code, out, err = await run("serve", "--config", config({"node": {"lops": 1}}))
    assert code == 2 and "node.lops" in out + err
    code, out, err = await run("serve", "--set", "node.lops=1")
    assert code == 2 and "node.lops" in out + err
    code, out, err = await run("serve", "--set", "node.loops=many")
    assert code == 2 and "node.loops" in out + err
    code, out, err = await run("serve", environment={"PLEXUS_NODE__LOPS": "1"})
    assert code == 2 and "lops" in (out + err).lower()


async def test_a_secret_never_stands_in_a_fault(config):
    for content in (
        {"api": {"key": ["hush-hush"]}},
        {"client": {"token": {"hmac_secret": {"x": "hush-hush"}}}},
        {"admin": {"secret": ["hush-hush"]}},
        {"backplane": {"url": "pigeon://joe:hush-hush@host"}},
    ):
        code, out, err = await run("check", config(content))
        assert code == 2 and "hush-hush" not in out + err, content
    code, out, err = await run("serve", "--set", 'api.key=["hush-hush"]', "--set", "node.lops=1")
    assert code == 2 and "hush-hush" not in out + err


async def test_a_port_in_use_is_exit_code_1(config):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, out, err = await run("serve", "--set", f"listen.port={port}")
        assert code == 1 and str(port) in out + err


async def test_a_token_from_the_shell(config):
    path = config(BASE)
    code, out, err = await run(
        "token", "--config", path, "--user", "ann", "--expire", "1h", "--can", '{"publish":["chat:*"]}'
    )
    assert code == 0 and err == "" and out.count("\n") == 1
    header, claims, signature = out.strip().split(".")

    def decoded(part):
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))

    expected = hmac.new(SECRET.encode(), f"{header}.{claims}".encode(), hashlib.sha256).digest()
    assert decoded(signature) == expected and json.loads(decoded(header))["alg"] == "HS256"
    claims = json.loads(decoded(claims))
    assert claims["sub"] == "ann" and claims["can"] == {"publish": ["chat:*"]}
    assert abs(claims["exp"] - time.time() - 3600) < 30
    code, out, _ = await run("token", "--config", path, "--user", "ann", "--channel", "private:a")
    assert code == 0 and json.loads(decoded(out.split(".")[1]))["channel"] == "private:a"


async def test_a_token_that_cannot_be(config):
    for content, arguments in (({}, []), (BASE, ["--expire", "soon"]), (BASE, ["--can", "{"])):
        code, out, err = await run("token", "--config", config(content), "--user", "ann", *arguments)
        assert code != 0 and out == "" and err.strip(), arguments


async def test_minted_tokens_are_good(node, wire):
    code, out, _ = await run(
        "token", "--config", node.config_file, "--user", "ann", "--can", '{"subscribe":["private:*"]}'
    )
    one = await wire(node, None)
    await one.connect(out.strip())
    await one.subscribe("private:a")
    _, out, _ = await run("token", "--config", node.config_file, "--user", "bob", "--channel", "private:b")
    two = await wire(node, "bob")
    await two.subscribe("private:b", token=out.strip())


async def test_file_then_environment_then_set(plexus):
    node = await plexus({"node": {"name": "from file"}})
    assert node.ready["name"] == "from file"
    node = await plexus({"node": {"name": "from file"}}, environment={"PLEXUS_NODE__NAME": "from environment"})
    assert node.ready["name"] == "from environment"
    node = await plexus(
        {"node": {"name": "from file"}},
        "--set",
        "node.name=from set",
        environment={"PLEXUS_NODE__NAME": "from environment"},
    )
    assert node.ready["name"] == "from set"


async def test_values_of_every_kind_from_the_environment(plexus, tmp_path):
    secret = tmp_path / "key"
    secret.write_text("key from a file\n")
    node = await plexus(
        {"api": {"key": ""}},
        environment={
            "PLEXUS_API__KEY_FILE": str(secret),
            "PLEXUS_CLIENT__PING_INTERVAL": "7s",
            "PLEXUS_CLIENT__ANONYMOUS": "true",
            "PLEXUS_CLIENT__ALLOWED_ORIGINS": '["https://a.example"]',
            "PLEXUS_NODE__LOOPS": "2",
            "PLEXUS_CHANNELS__NAMESPACES": '{"env":{"subscribe":"anyone"}}',
            "PLEXUS_SERVICE_HOST": "10.0.0.1",
            "PLEXUS_PORT": "tcp://10.0.0.1:8000",
        },
    )
    got = await node.api.raw("info", "{}", **{"X-API-Key": "key from a file"})
    assert got.status == 200
    lines = [x for x in node.log().splitlines() if "PLEXUS_SERVICE_HOST" in x or "PLEXUS_PORT" in x]
    assert len(lines) >= 1 and all(" info " in x for x in lines)
    one = await Wire.open(node.port)
    assert (await one.connect())["ping"] == 7
    await one.subscribe("env:a")
    await one.close()


async def test_the_ready_file(plexus):
    node = await plexus()
    assert set(node.ready) == {"pid", "port", "internal_port", "name"}
    assert node.ready["pid"] == node.process.pid and node.ready["name"] == "e2e"
    assert 1024 <= node.ready["port"] <= 65535 and node.ready["internal_port"] == 0
    assert sorted(p.name for p in node.folder.iterdir()) == ["plexus.json", "plexus.log", "ready.json"]


async def test_a_ready_file_that_cannot_be_written(plexus, config, tmp_path):
    code, out, err = await run("serve", "--config", config(BASE), "--ready-file", tmp_path / "none" / "ready.json")
    assert code == 1 and "ready" in out + err


async def test_plain_plexus_serves_too(tmp_path):
    ready = tmp_path / "ready.json"
    process = await asyncio.create_subprocess_exec(
        str(PROGRAM),
        "--set",
        "listen.port=0",
        "--ready-file",
        str(ready),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=clean_environment(),
    )
    await until(ready.exists, "the ready file")
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_faults_at_the_start_are_seen_by_whoever_starts_it(plexus):
    with pytest.raises(DidNotStart) as fault:
        await plexus(only=merged(BASE, {"listen": {"address": "not an address"}}))
    assert fault.value.code in (1, 2) and "not an address" in fault.value.output
