"""Whatever is sent to the API, each answer is one that Docs/openapi.yaml describes, and none is the server's failure."""

import os
import pathlib
import secrets
import time
import zlib

import pytest
import requests
import schemathesis
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak
from hypothesis import HealthCheck, seed, settings
from network import Network, wait_for
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

ROOT = pathlib.Path(__file__).parent.parent.parent
SCALE = int(os.environ.get("EMETH_TEST_SCALE", "1"))
SEED = int(os.environ.get("EMETH_TEST_SEED") or secrets.randbelow(1 << 32))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
schema = schemathesis.openapi.from_path(str(ROOT / "Docs/openapi.yaml"))


class Selling(Network):
    """A network that also sells text of a model that is trained in a second, which the last node draws."""

    nodes = ["node1", "node2", "node3", "node4"]

    def start_servers(self):
        model = "--layers 1 --heads 2 --width 32 --context 64 --batch 4 --steps 5 --seed 1".split()
        self.emeth("train", "text", "--out", "model", *model)
        super().start_servers()

    def serve_words(self, name):
        return [*super().serve_words(name), "--gateway", "tiny=model@0.001emeth"]

    def words(self, name):
        # It takes no SubJobs beside its texts.
        return ["--live-texts", "8", "--minimum-fuel-price", "1emeth"] if name == "node4" else []

    def begin_selling(self):
        self.api_key = self.emeth("new-api-key", "50emeth", "--key-file", "node2.key").strip()
        wanted = dict(model="tiny", prompt="a", max_tokens=1)
        headers = {"Authorization": f"Bearer {self.api_key}"}

        def sells():
            answer = requests.post(f"http://{self.listen}/v1/completions", json=wanted, headers=headers, timeout=30)
            assert answer.status_code in (200, 503), answer.text
            return answer.ok

        wait_for("a node that draws text", 60, sells)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A network in which one job has ended, one waits, text is sold, and whoever asks has money."""
    print(f"test_api: EMETH_TEST_SEED={SEED}")
    network = Selling(tmp_path_factory.mktemp("api"))
    try:
        network.job = network.submit()
        wait_for("the job's end", 120, lambda: "ended" in network.states(network.job))
        assert network.report(network.job)["status"] == "VERIFIED"
        network.begin_selling()
        network.kill("node1", "node2", "node3")
        network.waiting = network.submit()
        network.subjob = wait_for(
            "a SubJob that waits", 60, lambda: network.read(f"SELECT id FROM subJob WHERE parent = '{network.waiting}'")
        )[0][0]
        objects = [p.name for p in (network.folder / "net/objects").rglob("*") if p.is_file()]
        network.objects = [f"0x{name.removeprefix('0x')}" for name in objects if len(name) >= 64]
        assert network.objects
        network.keys = {
            name: (network.folder / f"{name}.key").read_text().strip() for name in ["requester", "node1", "verifier1"]
        }
        network.session = requests.Session()
        network.statuses = {}
        yield network
        # The questions got through to what is behind signatures and paths.
        answered = sum(200 in statuses for statuses in network.statuses.values())
        assert answered >= 20, f"{answered} operations were answered: {network.statuses}"
        network.check_money()
        network.stop()
    finally:
        network.end()


def header(key, audience, method, path, body):
    """The header of a signed request (PROTOCOL 10), as eth-account makes it."""
    account = Account.from_key(key)
    now, nonce = int(time.time()), secrets.token_bytes(32)
    text = [(name, "string") for name in ["audience", "method", "path"]]
    members = [*text, ("bodyHash", "bytes32"), ("time", "uint64"), ("nonce", "bytes32")]
    message = encode_typed_data(
        domain_data={
            "name": "EMETH",
            "version": "1",
            "chainId": 0,
            "verifyingContract": "0x" + 40 * "0",
        },
        message_types={"Request": [{"name": name, "type": kind} for name, kind in members]},
        message_data={
            "audience": audience,
            "method": method,
            "path": path,
            "bodyHash": keccak(body),
            "time": now,
            "nonce": nonce,
        },
    )
    signature = account.sign_message(message).signature.hex()
    return f"account={account.address}, time={now}, nonce=0x{nonce.hex()}, signature=0x{signature}"


@schema.parametrize()
@seed(SEED)
@settings(
    max_examples=5 if SCALE == 1 else 200, deadline=None, derandomize=False, suppress_health_check=list(HealthCheck)
)
def test_every_answer_is_described(case, served):
    # Two thirds of the questions are about what is there; the rest about whatever was made up.
    draw = zlib.crc32(repr((case.path_parameters, case.query, case.body)).encode())
    if draw % 3:
        known = {
            "id": served.subjob if "sub-jobs/{id}" in case.path else [served.job, served.waiting][draw // 3 % 2],
            "address": Account.from_key(served.keys["node1"]).address,
            "hash": served.objects[draw // 3 % len(served.objects)],
            "epoch": 1,
            "model": "tiny",
        }
        for name in case.path_parameters or {}:
            if name in known and "errands" not in case.path:
                case.path_parameters[name] = known[name]
        # The storage of 2023 names jobs elsewhere.
        for place in [case.query, case.body]:
            if isinstance(place, dict) and "jobId" in place:
                place["jobId"] = [served.job, served.subjob][draw // 3 % 2]
        if "/v1/" in case.path and isinstance(case.body, dict):
            case.body["model"] = "tiny"
    # Long texts are drawn elsewhere.
    for name in ["max_tokens", "max_completion_tokens"]:
        if isinstance(case.body, dict) and isinstance(case.body.get(name), int):
            case.body[name] = min(case.body[name], 20)
    # The events of a job that waits do not end.
    if case.path.endswith("/events"):
        case.path_parameters["id"] = served.job
    # What waits is tested elsewhere.
    if str((case.query or {}).get("wait", "")).isdigit():
        case.query["wait"] = 0
    request = requests.Request(
        **{
            name: value
            for name, value in case.as_transport_kwargs(base_url=f"http://{served.listen}").items()
            if name in ["method", "url", "params", "headers", "cookies", "json", "data", "files"]
        }
    ).prepare()
    if draw % 7 and "/v1/" in case.path:
        request.headers["Authorization"] = f"Bearer {served.api_key}"
    elif draw % 7:
        key = list(served.keys.values())[draw // 7 % len(served.keys)]
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        request.headers["Emeth-Signature"] = header(key, served.listen, request.method, request.path_url, body)
    answer = served.session.send(request, timeout=30)
    served.statuses.setdefault(f"{case.method} {case.path}", set()).add(answer.status_code)
    case.validate_response(answer, checks=CHECKS)
