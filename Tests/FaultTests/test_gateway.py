"""The gateway as the official client of the OpenAI HTTP API knows it: answers, streams, errors, money."""

import concurrent.futures
import json
import os
import pathlib
import resource
import socket
import subprocess
import time

import openai
import pytest
import requests
from network import EMETH, Clock, Network, wait_for

# Of a model that is trained in a second.
MODEL = "--layers 1 --heads 2 --width 32 --context 64 --batch 4 --steps 5 --seed 1".split()


class Gateway(Network):
    """A server that sells text, two nodes that draw it, and a requester's keys."""

    nodes = ["node1", "node2"]
    verifiers: list[str] = []

    def start_servers(self):
        self.clocks["server"] = Clock(self.folder, "server")
        self.emeth("train", "text", "--out", "model", *MODEL)
        super().start_servers()

    def serve_words(self, name):
        return [*super().serve_words(name), "--gateway", "tiny=model@0.001emeth"]

    def words(self, name):
        return ["--live-texts", "16"] if name in self.nodes else []

    def key(self, budget="1emeth"):
        return self.emeth("new-api-key", budget, "--key-file", "requester.key").strip()

    def client(self, key, **options):
        options = {"max_retries": 0, "timeout": 60} | options
        return openai.OpenAI(base_url=f"http://{self.listen}/v1", api_key=key, **options)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    # What the server inherits: as many connections as it allows at once, and files besides.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    network = Gateway(tmp_path_factory.mktemp("gateway"))
    try:
        client = network.client(network.key())

        def sells():
            try:
                return client.completions.create(model="tiny", prompt="a", max_tokens=1)
            except openai.InternalServerError as error:
                assert error.status_code == 503 and error.code == "no_node"

        wait_for("a node that takes texts", 60, sells)
        yield network
    finally:
        network.end()


def test_a_text_and_its_stream_are_the_same(gateway):
    client = gateway.client(gateway.key())
    wanted = dict(model="tiny", prompt="Rain on", max_tokens=30, temperature=0.7, seed=5)
    whole = client.completions.create(**wanted)
    assert whole.object == "text_completion" and whole.choices[0].finish_reason == "length"
    assert whole.usage.completion_tokens == 30 and whole.usage.total_tokens == 30 + whole.usage.prompt_tokens
    chunks = list(client.completions.create(**wanted, stream=True, stream_options={"include_usage": True}))
    assert "".join(c.choices[0].text for c in chunks if c.choices) == whole.choices[0].text
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "length"
    assert chunks[-1].choices == [] and chunks[-1].usage == whole.usage
    # It is what the model writes on this machine.
    words = "--prompt RAIN --max-tokens 30 --temperature 0.7 --seed 5 --top-k 0".split()
    words[1] = "Rain on"
    assert gateway.emeth("generate", "model", *words).rstrip("\n").endswith(whole.choices[0].text.rstrip("\n"))


def test_a_chat(gateway):
    client = gateway.client(gateway.key())
    wanted = dict(
        model="tiny",
        messages=[{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}],
        max_completion_tokens=12,
        seed=1,
    )
    whole = client.chat.completions.create(**wanted)
    assert whole.object == "chat.completion" and whole.choices[0].message.role == "assistant"
    with client.chat.completions.create(**wanted, stream=True) as stream:
        chunks = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == whole.choices[0].message.content


def test_the_example_chats(gateway):
    program = pathlib.Path(EMETH).with_name("ExampleChat")
    if not program.exists():
        pytest.skip(f"{program} was not built")
    said = subprocess.run(
        [program, f"http://{gateway.listen}", "tiny"],
        input="hello\n",
        env=os.environ | {"EMETH_API_KEY": gateway.key()},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert said.returncode == 0 and said.stdout.endswith("\n"), said.stderr


def test_models(gateway):
    client = gateway.client(gateway.key())
    assert [model.id for model in client.models.list()] == ["tiny"]
    assert client.models.retrieve("tiny").object == "model"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-9")


def test_errors_are_the_clients_own(gateway):
    client = gateway.client(gateway.key())

    def fails(kind, code, param=None, client=client, **wanted):
        with pytest.raises(kind) as failure:
            client.completions.create(**{"model": "tiny", "prompt": "a"} | wanted)
        assert (failure.value.code, failure.value.param) == (code, param)
        assert failure.value.message
        return failure.value

    fails(openai.NotFoundError, "model_not_found", "model", model="gpt-9")
    fails(openai.BadRequestError, "context_length_exceeded", "prompt", prompt="word " * 200)
    fails(openai.BadRequestError, "invalid_request", "max_tokens", max_tokens=0)
    fails(openai.BadRequestError, "invalid_request", "n", n=2)
    fails(openai.BadRequestError, "invalid_request", "nonsense", extra_body={"nonsense": 1})
    fails(openai.AuthenticationError, "invalid_api_key", client=gateway.client("sk-nothing"))
    fails(openai.RateLimitError, "insufficient_quota", client=gateway.client(gateway.key("1gholon")))
    # Bytes that are no text.
    answer = requests.post(
        f"http://{gateway.listen}/v1/completions",
        data=b'{"model":"tiny","prompt":"\xff"}',
        headers={"Authorization": f"Bearer {gateway.key()}"},
    )
    assert answer.status_code == 400 and answer.json()["error"]["type"] == "invalid_request_error"
    # A key that was revoked.
    key = gateway.key()
    listed = json.loads(gateway.emeth("list-api-keys", "--key-file", "requester.key", "--json"))
    gateway.emeth("revoke-api-key", str(listed[-1]["number"]), "--key-file", "requester.key")
    fails(openai.AuthenticationError, "invalid_api_key", client=gateway.client(key))


def test_two_hundred_streams(gateway):
    """None is starved: each comes to its end, and says what it says alone."""
    client = gateway.client(gateway.key(), max_retries=20, timeout=180)

    def one(number):
        chunks = client.completions.create(
            model="tiny", prompt=f"year {number % 10}", max_tokens=20, seed=number % 10, stream=True
        )
        return number % 10, "".join(chunk.choices[0].text for chunk in chunks)

    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        texts = list(pool.map(one, range(200)))
    assert len(texts) == 200
    # The same prompt and seed give the same text, whoever has drawn it beside whatever.
    assert len(set(texts)) == len({number for number, _ in texts}) == 10


def test_a_reader_that_takes_nothing_keeps_nobody_waiting(gateway):
    """Its text comes whole when it reads on, and others have theirs meanwhile."""
    client = gateway.client(gateway.key())
    wanted = dict(model="tiny", prompt="A slow", max_tokens=2000, seed=4)
    host, port = gateway.listen.split(":")
    body = json.dumps(wanted | {"stream": True})
    with socket.socket() as slow:
        # So that little of the answer fits on its way.
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        slow.connect((host, int(port)))
        slow.sendall(
            f"POST /v1/completions HTTP/1.1\r\nHost: {gateway.listen}\r\nAuthorization: Bearer {client.api_key}\r\n"
            f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        assert slow.recv(64).startswith(b"HTTP/1.1 200")
        expected = client.completions.create(**wanted).choices[0].text
        time.sleep(2)
        answer = b""
        while piece := slow.recv(65_536):
            answer += piece
    events = [json.loads(line[6:]) for line in answer.splitlines() if line.startswith(b"data: {")]
    assert "".join(event["choices"][0]["text"] for event in events) == expected
    assert b"data: [DONE]" in answer


def is_connected(one):
    try:
        one.getpeername()
        return True
    except OSError:
        return False


def test_ten_thousand_idle_connections(gateway):
    """Whoever is served goes on being served, and whoever comes then is served too."""
    count = 10_000
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < count + 1_000:
        pytest.skip(f"a process may not have {count} connections here")
    client = gateway.client(gateway.key(), timeout=120)
    wanted = dict(model="tiny", prompt="A crowd", max_tokens=4000, seed=6)
    expected = client.completions.create(**wanted).choices[0].text
    host, port = gateway.listen.split(":")
    stream = client.completions.create(**wanted, stream=True)
    text = next(stream).choices[0].text
    idle = []
    try:
        for number in range(count):
            one = socket.socket()
            # A server allows one address 2,048.
            one.bind((f"127.0.1.{1 + number % 10}", 0))
            one.setblocking(False)
            one.connect_ex((host, int(port)))
            idle.append(one)
        text += "".join(chunk.choices[0].text for chunk in stream)
        assert text == expected

        wait_for("idle connections", 30, lambda: all(is_connected(one) for one in idle))
        newcomer = gateway.client(client.api_key, timeout=120)
        assert newcomer.completions.create(**wanted).choices[0].text == expected
    finally:
        for one in idle:
            one.close()


def test_a_killed_node_is_replaced(gateway):
    client = gateway.client(gateway.key())
    wanted = dict(model="tiny", prompt="A letter", max_tokens=3000, seed=9)
    expected = client.completions.create(**wanted).choices[0].text
    text, killed = "", False
    for chunk in client.completions.create(**wanted, stream=True):
        text += chunk.choices[0].text
        if not killed and len(text) > 100:
            # Whoever draws it goes, and one comes back: the same that has forgotten all, or another.
            gateway.kill(*gateway.nodes)
            gateway.start("node2")
            killed = True
    assert killed and text == expected
    gateway.start("node1")


def test_money_adds_up(gateway):
    """The keys' spending is what nodes were granted, and every balance follows from its entries."""
    listed = json.loads(gateway.emeth("list-api-keys", "--key-file", "requester.key", "--json"))

    def settled():
        keys = json.loads(gateway.emeth("list-api-keys", "--key-file", "requester.key", "--json"))
        return all(int(key["reserved"]) == 0 for key in keys) and keys

    keys = wait_for("all that is bound to be settled", 60, settled)
    spent = sum(int(key["spent"]) for key in keys)
    assert len(keys) == len(listed) and spent > 0
    paid = gateway.read("SELECT holon FROM transfer WHERE reason = 'text' AND targetPot = 'payout'")
    assert sum(int(holon) for (holon,) in paid) == spent


def test_a_killed_server_gives_back_what_was_bound(gateway):
    """A text that was cut off with its server costs nothing, and what it had bound is there again when its time is over."""
    answer = requests.post(
        f"http://{gateway.listen}/v1/completions",
        json=dict(model="tiny", prompt="A letter", max_tokens=16000, seed=2, stream=True),
        headers={"Authorization": f"Bearer {gateway.key()}"},
        stream=True,
    )
    pieces = answer.iter_lines()
    assert next(pieces).startswith(b"data: {")
    gateway.kill("server")
    with pytest.raises(requests.RequestException):
        list(pieces)
    gateway.start("server")

    def bound():
        return sum(int(holon) for (holon,) in gateway.read("SELECT reserved FROM apiKey"))

    spent = gateway.read("SELECT spent FROM apiKey ORDER BY number")
    assert bound() > 0
    gateway.clocks["server"].put(1_300)
    wait_for("what was bound to come back", 60, lambda: bound() == 0)
    assert gateway.read("SELECT spent FROM apiKey ORDER BY number") == spent
    assert gateway.read("SELECT count(*) FROM soldText WHERE node IS NULL") == [(0,)]
    gateway.kill("server")
    gateway.emeth("serve", "--audit", "--data", "net")
