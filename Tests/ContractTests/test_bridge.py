"""The JSON-RPC bridge: what a chain client of any language sees."""
import json
import pathlib
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from eth_account import Account

from bridge import Bridge, serve
from evm import KEYS, artifact
from scene import *

ME = ADDRESSES[0]


class Client:
    def __init__(self, url):
        self.url, self.count = url, 0

    def post(self, body):
        request = urllib.request.Request(self.url, json.dumps(body).encode() if not isinstance(body, bytes) else body)
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def __call__(self, method, *params):
        self.count += 1
        answer = self.post({"jsonrpc": "2.0", "id": self.count, "method": method, "params": list(params)})
        assert answer["id"] == self.count
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def send(self, key, to, data, nonce=None, gas=5_000_000):
        account = key.public_key.to_checksum_address()
        transaction = {
            "type": 2, "chainId": int(self("eth_chainId"), 16), "gas": gas, "value": 0, "data": data,
            "nonce": int(self("eth_getTransactionCount", account, "pending"), 16) if nonce is None else nonce,
            "maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**9,
        }
        if to:
            transaction["to"] = to
        signed = Account.sign_transaction(transaction, key.to_hex())
        return self("eth_sendRawTransaction", "0x" + bytes(signed.raw_transaction).hex())


@pytest.fixture(scope="module")
def rpc():
    server = serve(Bridge())
    yield Client(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()


@pytest.fixture(scope="module")
def token(rpc):
    digest = rpc.send(KEYS[0], None, artifact("EmethToken")["bytecode"])
    receipt = rpc("eth_getTransactionReceipt", digest)
    assert receipt["status"] == "0x1" and receipt["to"] is None
    return receipt["contractAddress"]


def balance_of(account):
    return "0x70a08231" + account[2:].lower().rjust(64, "0")


def transfer(account, amount):
    return "0xa9059cbb" + account[2:].lower().rjust(64, "0") + f"{amount:064x}"


def test_calls_and_receipts(rpc, token):
    assert int(rpc("eth_call", {"to": token, "data": balance_of(ME)}, "latest"), 16) == 10_000 * EMETH
    code = rpc("eth_getCode", token, "latest")
    assert code.startswith(artifact("EmethToken")["runtimeBytecode"])
    gas = int(rpc("eth_estimateGas", {"from": ME, "to": token, "data": transfer(ADDRESSES[1], 5)}), 16)
    digest = rpc.send(KEYS[0], token, transfer(ADDRESSES[1], 5), gas=gas)
    receipt = rpc("eth_getTransactionReceipt", digest)
    assert receipt["status"] == "0x1" and int(receipt["gasUsed"], 16) <= gas
    assert receipt["transactionHash"] == digest and receipt["from"].lower() == ME.lower()
    assert len(receipt["logsBloom"]) == 514 and int(receipt["logsBloom"], 16) > 0
    log = receipt["logs"][0]
    assert log["topics"][0] == "0x" + keccak(text="Transfer(address,address,uint256)").hex()
    assert int(log["data"], 16) == 5 and log["removed"] is False
    block = rpc("eth_getBlockByNumber", receipt["blockNumber"], False)
    assert block["hash"] == receipt["blockHash"] == log["blockHash"] and block["transactions"] == [digest]
    assert rpc("eth_getBlockByHash", block["hash"], True)["transactions"][0]["hash"] == digest
    assert block["number"] == rpc("eth_blockNumber") and len(block["nonce"]) == 18
    parent = rpc("eth_getBlockByNumber", hex(int(block["number"], 16) - 1), False)
    assert parent["hash"] == block["parentHash"]
    sent = rpc("eth_getTransactionByHash", digest)
    assert sent["input"] == transfer(ADDRESSES[1], 5) and sent["type"] == "0x2"
    for value in (block["timestamp"], block["baseFeePerGas"], block["gasLimit"], sent["nonce"], sent["value"]):
        assert value == hex(int(value, 16))


def test_nothing_there(rpc):
    assert rpc("eth_getTransactionReceipt", "0x" + 64 * "1") is None
    assert rpc("eth_getTransactionByHash", "0x" + 64 * "1") is None
    assert rpc("eth_getBlockByNumber", "0xffffff", False) is None
    assert rpc("eth_getCode", ADDRESSES[3], "latest") == "0x"


def test_reverts_have_code_message_and_data(rpc, token):
    call = {"from": ADDRESSES[5], "to": token, "data": transfer(ME, 5)}
    for method in ("eth_call", "eth_estimateGas"):
        with pytest.raises(RuntimeError) as caught:
            rpc(method, call, "latest")
        error = caught.value.args[0]
        assert error["code"] == 3 and error["message"] == "execution reverted: token.balance"
        assert error["data"].startswith("0x08c379a0")
    digest = rpc.send(KEYS[5], token, transfer(ME, 5))
    assert rpc("eth_getTransactionReceipt", digest)["status"] == "0x0"


def test_logs(rpc, token):
    start = hex(int(rpc("eth_blockNumber"), 16) + 1)
    for amount in (7, 8, 9):
        rpc.send(KEYS[0], token, transfer(ADDRESSES[2], amount))
    topic = "0x" + keccak(text="Transfer(address,address,uint256)").hex()
    to = "0x" + ADDRESSES[2][2:].lower().rjust(64, "0")

    def amounts(**wanted):
        return [int(log["data"], 16) for log in rpc("eth_getLogs", {"fromBlock": start, **wanted})]

    assert amounts(address=token) == amounts(address=[token], topics=[topic, None, to]) == [7, 8, 9]
    assert amounts(topics=[[topic, "0x" + 64 * "0"], None, [to]], toBlock=hex(int(start, 16) + 1)) == [7, 8]
    assert amounts(topics=[None, to]) == amounts(address=ADDRESSES[9]) == amounts(topics=[topic, None, to, None]) == []
    block = rpc("eth_getBlockByNumber", "latest", False)
    assert len(rpc("eth_getLogs", {"blockHash": block["hash"]})) == 1


def test_batches_and_bad_requests(rpc):
    answers = rpc.post([
        {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"}, {"jsonrpc": "2.0", "id": "b", "method": "no_such"},
        {"jsonrpc": "2.0", "method": "eth_chainId"}, {"jsonrpc": "2.0", "id": 3, "method": "eth_getCode", "params": []}, 5,
    ])
    assert [a.get("id") for a in answers] == [1, "b", 3, None]
    assert [a.get("error", {}).get("code") for a in answers] == [None, -32601, -32602, -32600]
    assert rpc.post(b"{")["error"]["code"] == -32700
    assert rpc.post([])["error"]["code"] == -32600
    assert rpc.post({"jsonrpc": "2.0", "method": "eth_chainId"}) is None


def test_fees(rpc):
    history = rpc("eth_feeHistory", "0x4", "latest", [10, 50])
    assert len(history["baseFeePerGas"]) == 5 and len(history["reward"]) == len(history["gasUsedRatio"]) == 4
    assert int(rpc("eth_maxPriorityFeePerGas"), 16) > 0 and int(rpc("eth_gasPrice"), 16) > 0


def test_time_and_reorganisation(rpc, token):
    snapshot = rpc("evm_snapshot")
    before = rpc("eth_getBlockByNumber", "latest", False)
    digest = rpc.send(KEYS[0], token, transfer(ADDRESSES[4], 1))
    rpc("evm_mine", "0x3")
    gone = rpc("eth_getBlockByNumber", hex(int(before["number"], 16) + 1), False)["hash"]
    assert rpc("evm_revert", snapshot) is True
    assert rpc("eth_getTransactionReceipt", digest) is None
    rpc("evm_increaseTime", "0x15180")
    rpc("evm_mine")
    after = rpc("eth_getBlockByNumber", "latest", False)
    first = rpc("eth_getBlockByNumber", hex(int(before["number"], 16) + 1), False)
    assert first["parentHash"] == before["hash"] and first["hash"] != gone
    assert int(after["timestamp"], 16) - int(before["timestamp"], 16) >= 86_400


def test_without_automine_a_transaction_waits(rpc, token):
    rpc("evm_setAutomine", False)
    digest = rpc.send(KEYS[0], token, transfer(ADDRESSES[4], 1))
    assert rpc("eth_getTransactionReceipt", digest) is None
    rpc("evm_setAutomine", True)
    rpc("evm_mine")
    assert rpc("eth_getTransactionReceipt", digest)["status"] == "0x1"


def test_the_pool_is_a_nodes(rpc, token):
    """Behind a gap nothing is mined; a tenth more displaces; what was used is refused."""
    nonce = int(rpc("eth_getTransactionCount", ME, "latest"), 16)
    later = rpc.send(KEYS[0], token, transfer(ADDRESSES[4], 2), nonce=nonce + 1)
    assert rpc("eth_getTransactionReceipt", later) is None
    assert rpc("eth_getTransactionByHash", later)["blockNumber"] is None
    assert int(rpc("eth_getTransactionCount", ME, "pending"), 16) == nonce
    with pytest.raises(RuntimeError, match="already known"):
        rpc.send(KEYS[0], token, transfer(ADDRESSES[4], 2), nonce=nonce + 1)
    with pytest.raises(RuntimeError, match="underpriced"):
        rpc.send(KEYS[0], token, transfer(ADDRESSES[4], 3), nonce=nonce + 1)
    first = rpc.send(KEYS[0], token, transfer(ADDRESSES[4], 1), nonce=nonce)
    for digest in (first, later):
        assert rpc("eth_getTransactionReceipt", digest)["status"] == "0x1"
    with pytest.raises(RuntimeError, match="nonce too low"):
        rpc.send(KEYS[0], token, transfer(ADDRESSES[4], 1), nonce=nonce)


def test_faults_are_those_that_were_asked_for(rpc):
    url, chain_id = rpc.url, rpc("eth_chainId")
    rpc("evm_setFault", {"method": "eth_chainId", "result": "0x7", "count": 2})
    assert rpc("eth_blockNumber") != "0x7" and rpc("eth_chainId") == "0x7" == rpc("eth_chainId")
    assert rpc("eth_chainId") == chain_id
    rpc("evm_setFault", {"method": "*", "status": 429, "retryAfter": 3})
    with pytest.raises(urllib.error.HTTPError) as caught:
        rpc("eth_chainId")
    assert caught.value.code == 429 and caught.value.headers["Retry-After"] == "3"
    rpc("evm_setFault", {"method": "eth_chainId", "drop": True})
    with pytest.raises(Exception):
        rpc("eth_chainId")
    rpc("evm_setFault", {"method": "eth_chainId", "status": 503, "count": 9})
    rpc("evm_setFault", {})
    assert rpc("eth_chainId") == chain_id and rpc.url == url


def test_a_client_that_hangs_up_is_no_fault(rpc, capfd):
    """It resets the connection before its answer; of a real fault in the server one still hears."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber"}).encode()
    head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    rpc("evm_setFault", {"method": "eth_blockNumber", "delay": 0.3})
    with socket.create_connection(("127.0.0.1", int(rpc.url.rsplit(":", 1)[1]))) as client:
        client.sendall(head + body)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    time.sleep(0.8)
    assert int(rpc("eth_blockNumber"), 16) >= 0
    assert capfd.readouterr().err == ""
    with socket.create_connection(("127.0.0.1", int(rpc.url.rsplit(":", 1)[1]))) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: none\r\n\r\n")
        assert client.recv(1) == b""
    assert "ValueError" in capfd.readouterr().err


def test_as_a_program():
    fresh = Account.create().address
    with subprocess.Popen(
        [sys.executable, str(pathlib.Path(__file__).parent / "bridge.py"), "--block-seconds", "0.1", "--fund", fresh],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:
        told = json.loads(process.stdout.readline())
        rpc = Client(told["url"])
        assert int(rpc("eth_chainId"), 16) == told["chainId"] == int(rpc("net_version"))
        assert int(rpc("eth_getBalance", fresh, "latest"), 16) == 10**24
        end = time.monotonic() + 20
        while int(rpc("eth_blockNumber"), 16) < 3:
            assert time.monotonic() < end, "no block comes by itself"
            time.sleep(0.05)
        process.stdin.close()
        assert process.wait(10) == 0
