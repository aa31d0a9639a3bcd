#!/usr/bin/env python3
"""A chain of one's own for tests: Ethereum JSON-RPC over HTTP, by py-evm through eth-tester.

usage: bridge.py [--port N] [--block-seconds SECONDS] [--fund ADDRESS ...]

Prints one line of JSON when it listens: {"chainId", "keys", "url"}; the keys own 10^6 ether each, as every funded
address does. Each transaction is mined at once, in a block of its own (evm_setAutomine false: by evm_mine only); with
--block-seconds one more comes that often, as on a chain that others use. As a node does, it keeps those behind a gap of
nonces until the gap is filled, and lets a transaction displace another one of its nonce for a tenth more. Ends with its
standard input.

Beside the eth_ methods of a node: evm_snapshot, evm_revert (a reorganisation, when other blocks follow), evm_mine
[count], evm_increaseTime seconds, evm_setAutomine, evm_dropPool, evm_prune N (blocks before N are gone, as on a node that
keeps no old history),
evm_losesAnswers N (so many transactions arrive, and status 502 is all that is said), and evm_setFault for a node that is away, slow, limited
or lies: {"method": NAME or "*", "count": N} and one of "status" (with "retryAfter"), "drop", "garbage", "delay", "error",
"result" and "patch" (members of a result that are replaced); an empty one ends them all.
"""
import argparse
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from eth.exceptions import Revert
from eth.vm.spoof import SpoofTransaction
from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.exceptions import BlockNotFound, TransactionFailed, TransactionNotFound
from eth_utils import keccak, to_bytes, to_canonical_address, to_checksum_address

from evm import KEYS, reason

ETHER = 10**18
GAS_LIMIT = 30_000_000
BODY_LIMIT = 16 * 1024 * 1024


class RPCError(Exception):
    def __init__(self, code, message, data=None):
        super().__init__(message)
        self.answer = {"code": code, "message": message}
        if data is not None:
            self.answer["data"] = data


def quantity(number):
    return hex(int(number))


def integer(value, fallback=None):
    if value is None:
        return fallback
    if isinstance(value, str) and value.startswith("0x"):
        return int(value, 16)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise RPCError(-32602, f"not a quantity: {value!r}")


# Members of blocks, receipts, logs and transactions: eth-tester's name, JSON-RPC's name, and whether it is a number.
NUMBERS = {
    "number", "gas_limit", "gas_used", "timestamp", "size", "difficulty", "total_difficulty", "base_fee_per_gas",
    "block_number", "transaction_index", "log_index", "cumulative_gas_used", "effective_gas_price", "status", "type",
    "gas", "gas_price", "max_fee_per_gas", "max_priority_fee_per_gas", "value", "v", "r", "s", "chain_id",
    "blob_gas_used", "excess_blob_gas", "y_parity", "index", "validator_index", "amount",
}


def camel(name):
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def outward(value, name=""):
    """Eth-tester's values as JSON-RPC writes them."""
    if isinstance(value, dict) or hasattr(value, "items"):
        return {{"data": "input"}.get(k, camel(k)) if "nonce" in value and "to" in value else camel(k): outward(v, k)
                for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [outward(item, name) for item in value]
    if isinstance(value, (bytes, bytearray)):
        return "0x" + bytes(value).hex()
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        # The nonce of a block is 8 bytes, that of a transaction a quantity.
        return quantity(value)
    if name == "to" and value == "":
        return None
    return value


class Bridge:
    """The methods, one at a time."""

    def __init__(self, funded=()):
        owners = [key.public_key.to_canonical_address() for key in KEYS]
        owners += [to_canonical_address(address) for address in funded]
        state = {a: {"balance": 10**6 * ETHER, "nonce": 0, "code": b"", "storage": {}} for a in owners}
        self.tester = EthereumTester(
            PyEVMBackend(
                genesis_parameters=PyEVMBackend.generate_genesis_params({"gas_limit": GAS_LIMIT}),
                genesis_state=state,
            )
        )
        self.chain_id = int(self.tester.backend.chain.chain_id)
        self.lock = threading.Lock()
        self.automine = True
        # What waits: by sender and nonce, the raw bytes and what they say.
        self.pool = {}
        self.faults = []
        self.lost_answers = 0
        self.pruned = 0

    # ---- the wire ----

    def answer(self, body):
        """The answer to a request or a batch of them, or None when it was notifications only."""
        try:
            request = json.loads(body)
        except ValueError:
            return {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "not JSON"}}
        if isinstance(request, list):
            if not request:
                return {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "an empty batch"}}
            return [a for a in map(self.one, request) if a is not None] or None
        return self.one(request)

    def one(self, request):
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            return {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "not a request"}}
        answer = {"jsonrpc": "2.0", "id": request.get("id")}
        method = request["method"]
        handler = getattr(self, method, None) if method.split("_")[0] in ("eth", "evm", "net", "web3") else None
        try:
            if handler is None:
                raise RPCError(-32601, f"the method {method} does not exist")
            parameters = request.get("params", [])
            if not isinstance(parameters, list):
                raise RPCError(-32602, "params is a list")
            with self.lock:
                fault = self.fault(method, ("error", "result", "patch"))
                if fault and "error" in fault:
                    raise RPCError(fault["error"]["code"], fault["error"]["message"], fault["error"].get("data"))
                answer["result"] = fault["result"] if fault and "result" in fault else handler(*parameters)
                if fault and "patch" in fault and isinstance(answer["result"], dict):
                    answer["result"] = {**answer["result"], **fault["patch"]}
        except RPCError as error:
            answer["error"] = error.answer
        except TransactionFailed as error:
            answer["error"] = self.reverted(error)
        except (TransactionNotFound, BlockNotFound):
            answer["result"] = None
        except TypeError as error:
            answer["error"] = {"code": -32602, "message": str(error)}
        except Exception as error:  # a node answers whatever happens in it
            answer["error"] = {"code": -32000, "message": f"{type(error).__name__}: {error}"}
        return answer if "id" in request else None

    # ---- faults ----

    def fault(self, method, kinds):
        """The fault of one of these kinds that a method's next answer has, or None."""
        for fault in self.faults:
            fits = fault.get("method", "*") in ("*", method) and not method.startswith("evm_")
            if fits and fault["count"] > 0 and any(kind in fault for kind in kinds):
                fault["count"] -= 1
                return fault
        return None

    def transport_fault(self, body):
        try:
            request = json.loads(body)
        except ValueError:
            return None
        for call in request if isinstance(request, list) else [request]:
            method = str(call.get("method")) if isinstance(call, dict) else ""
            with self.lock:
                fault = self.fault(method, ("status", "drop", "garbage", "delay"))
            if fault:
                return fault
        return None

    def evm_setFault(self, fault):
        self.faults = self.faults + [{"count": 1, **fault}] if fault else []
        return True

    @staticmethod
    def reverted(error):
        found = error.args[0] if error.args else b""
        if isinstance(found, str) and found.startswith("0x"):
            found = bytes.fromhex(found[2:])
        if isinstance(found, (bytes, bytearray)):
            text = reason(found)
            message = "execution reverted" + ("" if text.startswith("0x") else f": {text}")
            return {"code": 3, "message": message, "data": "0x" + bytes(found).hex()}
        return {"code": -32000, "message": str(found)}

    # ---- blocks ----

    def block_number(self, name):
        latest = self.tester.get_block_by_number("latest")["number"]
        if name in ("latest", "safe", "finalized", None):
            return latest
        if name == "earliest":
            return 0
        if name == "pending":
            return latest
        number = integer(name)
        if number > latest:
            raise BlockNotFound(f"no block {number}")
        return number

    def block(self, block, full):
        found = outward(dict(block))
        for absent, value in [("nonce", "0x" + 16 * "0"), ("uncles", []), ("withdrawals", [])]:
            found.setdefault(absent, value)
        found["nonce"] = "0x" + 16 * "0"
        if full:
            found["transactions"] = [self.eth_getTransactionByHash(h) for h in found["transactions"]]
        return found

    def eth_blockNumber(self):
        return quantity(self.block_number("latest"))

    def eth_getBlockByNumber(self, name, full=False):
        number = self.block_number(name)
        if number < self.pruned:
            raise RPCError(4444, "pruned history unavailable")
        return self.block(self.tester.get_block_by_number(number), full)

    def evm_prune(self, number):
        self.pruned = integer(number)
        return True

    def eth_getBlockByHash(self, digest, full=False):
        return self.block(self.tester.get_block_by_hash(digest), full)

    # ---- accounts and calls ----

    def eth_chainId(self):
        return quantity(self.chain_id)

    def net_version(self):
        return str(self.chain_id)

    def web3_clientVersion(self):
        return "emeth-bridge/py-evm"

    def eth_getBalance(self, address, name="latest"):
        return quantity(self.tester.get_balance(address, self.block_number(name)))

    def eth_getCode(self, address, name="latest"):
        return self.tester.get_code(address, self.block_number(name))

    def eth_getTransactionCount(self, address, name="latest"):
        count = self.tester.get_nonce(address, self.block_number(name))
        while name == "pending" and (to_canonical_address(address), count) in self.pool:
            count += 1
        return quantity(count)

    def eth_getStorageAt(self, address, position, name="latest"):
        found = self.tester.get_storage_at(address, integer(position), self.block_number(name))
        return "0x" + to_bytes(hexstr=found).rjust(32, b"\0").hex()

    def run(self, given, name, gas):
        """Runs a call on top of a block and leaves no trace: what it returned or reverted with, and its gas."""
        chain = self.tester.backend.chain
        sender = to_canonical_address(given.get("from") or "0x" + 40 * "0")
        vm = chain.get_vm(chain.get_canonical_block_header_by_number(self.block_number(name)))
        with vm.in_costless_state() as state:
            # Whoever asks what a call would do need not own what it would cost.
            state.set_balance(sender, state.get_balance(sender) + 10**6 * ETHER)
            unsigned = vm.get_transaction_builder().create_unsigned_transaction(
                nonce=state.get_nonce(sender), gas_price=0, gas=gas, value=integer(given.get("value"), 0),
                to=to_canonical_address(given["to"]) if given.get("to") else b"",
                data=to_bytes(hexstr=given.get("input") or given.get("data") or "0x"),
            )
            spoofed = SpoofTransaction(unsigned, from_=sender)
            computation = state.costless_execute_transaction(spoofed)
            used = computation.get_gas_used() + spoofed.intrinsic_gas
            if computation.is_error:
                found = computation.error.args[0] if computation.error.args else b""
                if isinstance(computation.error, Revert):
                    raise TransactionFailed("0x" + bytes(found).hex())
                raise TransactionFailed(f"{type(computation.error).__name__}: {found}")
            return bytes(computation.output), used

    def eth_call(self, given, name="latest", *_):
        output, _ = self.run(given, name, integer(given.get("gas"), GAS_LIMIT))
        return "0x" + output.hex()

    def eth_estimateGas(self, given, name="latest", *_):
        limit = integer(given.get("gas"), GAS_LIMIT)
        _, low = self.run(given, name, limit)
        high = limit
        # A call keeps a 64th of its gas back: more may be needed than is used.
        guess = min(limit, low * 64 // 63 + 2_500)
        while True:
            try:
                self.run(given, name, guess)
                high = guess
            except Exception:
                low = guess
            if high - low <= max(1_000, high // 50):
                return quantity(high)
            guess = (low + high) // 2

    # ---- fees ----

    def eth_gasPrice(self):
        return quantity(self.tester.get_block_by_number("pending")["base_fee_per_gas"] + 10**9)

    def eth_maxPriorityFeePerGas(self):
        return quantity(10**9)

    def eth_feeHistory(self, count, newest="latest", percentiles=()):
        last = self.block_number(newest)
        first = max(0, last - integer(count) + 1)
        blocks = [self.tester.get_block_by_number(number) for number in range(first, last + 1)]
        fees = [block["base_fee_per_gas"] for block in blocks]
        fees.append(self.tester.get_block_by_number("pending")["base_fee_per_gas"])
        answer = {
            "oldestBlock": quantity(first),
            "baseFeePerGas": [quantity(fee) for fee in fees],
            "gasUsedRatio": [block["gas_used"] / block["gas_limit"] for block in blocks],
        }
        if percentiles:
            answer["reward"] = [[quantity(10**9) for _ in percentiles] for _ in blocks]
        return answer

    # ---- transactions and logs ----

    def eth_sendRawTransaction(self, raw):
        builder = self.tester.backend.chain.get_vm().get_transaction_builder()
        sent = builder.decode(to_bytes(hexstr=raw))
        place, digest = (sent.sender, sent.nonce), "0x" + sent.hash.hex()
        account = to_checksum_address(sent.sender)
        used = self.tester.get_nonce(account)
        if sent.nonce < used:
            raise RPCError(-32000, f"nonce too low: next nonce {used}, tx nonce {sent.nonce}")
        cost, balance = sent.gas * sent.max_fee_per_gas + sent.value, self.tester.get_balance(account)
        if cost > balance:
            raise RPCError(-32000, f"insufficient funds for gas * price + value: balance {balance}, tx cost {cost}")
        if place in self.pool:
            before = self.pool[place][1]
            if before.hash == sent.hash:
                raise RPCError(-32000, "already known")
            names = ("max_fee_per_gas", "max_priority_fee_per_gas")
            if any(10 * getattr(sent, name) < 11 * getattr(before, name) for name in names):
                raise RPCError(-32000, "replacement transaction underpriced")
        self.pool[place] = (raw, sent)
        if self.automine:
            self.mine_pool(len(self.pool))
        return digest

    def mine_pool(self, limit):
        """Mines what can be mined, each transaction in a block of its own; how many there were."""
        mined = 0
        for place in sorted(self.pool):
            raw, sent = self.pool[place]
            base_fee = self.tester.get_block_by_number("pending")["base_fee_per_gas"]
            nonce = self.tester.get_nonce(to_checksum_address(sent.sender))
            if sent.nonce < nonce:
                del self.pool[place]
            elif mined < limit and sent.nonce == nonce and sent.max_fee_per_gas >= base_fee:
                del self.pool[place]
                self.tester.send_raw_transaction(raw)
                mined += 1
        return mined

    def eth_getTransactionByHash(self, digest):
        for raw, sent in self.pool.values():
            if "0x" + sent.hash.hex() == digest:
                return {"hash": digest, "nonce": quantity(sent.nonce), "blockNumber": None, "blockHash": None}
        return outward(dict(self.tester.get_transaction_by_hash(digest)))

    def eth_getTransactionReceipt(self, digest):
        receipt = dict(self.tester.get_transaction_receipt(digest))
        if receipt.get("block_number") is None:
            return None
        transaction = self.tester.get_transaction_by_hash(digest)
        found = outward(receipt)
        found["from"], found["to"] = transaction["from"], transaction.get("to") or None
        found["logs"] = [self.log(log) for log in receipt["logs"]]
        bloom = 0
        for log in found["logs"]:
            for item in [log["address"], *log["topics"]]:
                digest_ = keccak(bytes.fromhex(item[2:]))
                for place in (0, 2, 4):
                    bloom |= 1 << (int.from_bytes(digest_[place : place + 2], "big") & 2047)
        found["logsBloom"] = "0x" + bloom.to_bytes(256, "big").hex()
        return found

    @staticmethod
    def log(log):
        found = outward(dict(log))
        found["removed"] = False
        found.pop("type", None)
        return found

    def eth_getLogs(self, wanted):
        if "blockHash" in wanted:
            first = last = self.tester.get_block_by_hash(wanted["blockHash"])["number"]
        else:
            newest = self.block_number("latest")
            first = self.block_number(wanted.get("fromBlock"))
            to = wanted.get("toBlock")
            last = newest if to in (None, "latest", "pending") else min(newest, integer(to))
        if last - first >= 10_000:
            raise RPCError(-32005, "more than 10000 blocks in one query")
        addresses = wanted.get("address")
        addresses = [addresses] if isinstance(addresses, str) else addresses
        addresses = addresses and {address.lower() for address in addresses}
        found = []
        for number in range(first, last + 1):
            for digest in self.tester.get_block_by_number(number)["transactions"]:
                for log in self.tester.get_transaction_receipt(digest)["logs"]:
                    log = self.log(log)
                    if addresses and log["address"].lower() not in addresses:
                        continue
                    if self.topics_fit(log["topics"], wanted.get("topics") or []):
                        found.append(log)
        return found

    @staticmethod
    def topics_fit(topics, wanted):
        if len(wanted) > len(topics):
            return False
        for topic, allowed in zip(topics, wanted):
            if isinstance(allowed, str):
                allowed = [allowed]
            if allowed and topic.lower() not in [item.lower() for item in allowed]:
                return False
        return True

    # ---- the time machine ----

    def evm_snapshot(self):
        return quantity(self.tester.take_snapshot())

    def evm_revert(self, snapshot):
        self.tester.revert_to_snapshot(integer(snapshot))
        return True

    def evm_mine(self, count=1):
        rest = integer(count) - self.mine_pool(integer(count))
        if rest > 0:
            self.tester.mine_blocks(rest)
        return "0x0"

    def evm_increaseTime(self, seconds):
        now = self.tester.get_block_by_number("pending")["timestamp"]
        self.tester.time_travel(now + integer(seconds))
        return quantity(integer(seconds))

    def evm_setAutomine(self, on):
        self.automine = bool(on)
        if self.automine:
            self.mine_pool(len(self.pool))
        return True

    def evm_losesAnswers(self, count):
        self.lost_answers = integer(count)
        return True

    def evm_dropPool(self):
        self.pool.clear()
        return True


def handler(bridge):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body are two packets: the second would wait for the first one's acknowledgement.
        disable_nagle_algorithm = True

        def do_POST(self):
            length = int(self.headers.get("Content-Length", 0))
            if length > BODY_LIMIT:
                self.send_error(413)
                return
            request = self.rfile.read(length)
            fault = bridge.transport_fault(request) or {}
            if "delay" in fault:
                time.sleep(fault["delay"])
            if "drop" in fault:
                self.close_connection = True
                return
            answer = None if "status" in fault else bridge.answer(request)
            if b"eth_sendRawTransaction" in request and bridge.lost_answers > 0:
                bridge.lost_answers -= 1
                self.send_error(502)
                return
            body = b"" if answer is None else json.dumps(answer).encode()
            if "garbage" in fault:
                body = fault["garbage"].encode()
            self.send_response(fault.get("status", 200 if body else 204))
            if "retryAfter" in fault:
                self.send_header("Retry-After", str(fault["retryAfter"]))
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        # A client that hung up is no fault: a node says nothing of it either.
        if not isinstance(sys.exc_info()[1], (BrokenPipeError, ConnectionResetError)):
            super().handle_error(request, client_address)


def serve(bridge, port=0):
    """A server that runs in a thread of its own."""
    server = Server(("127.0.0.1", port), handler(bridge))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def mine_regularly(bridge, seconds):
    while True:
        time.sleep(seconds)
        with bridge.lock:
            bridge.evm_mine()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--block-seconds", type=float, default=0)
    parser.add_argument("--fund", nargs="*", default=[], metavar="ADDRESS")
    arguments = parser.parse_args()
    bridge = Bridge(arguments.fund)
    server = serve(bridge, arguments.port)
    url = f"http://127.0.0.1:{server.server_port}"
    keys = [key.to_hex() for key in KEYS]
    if arguments.block_seconds > 0:
        threading.Thread(target=mine_regularly, args=(bridge, arguments.block_seconds), daemon=True).start()
    print(json.dumps({"chainId": bridge.chain_id, "keys": keys, "url": url}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
