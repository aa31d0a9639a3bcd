"""Two Ethereum virtual machines behind one face: py-evm through eth-tester, and revm through pyrevm.

A contract is deployed from its committed artifact; calls take and give Python values by its ABI. What a contract
refuses is raised as `Refused` with the text of its reason.
"""
import functools
import json
import pathlib

import eth_abi
import pyrevm
from eth_keys import keys
from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.exceptions import TransactionFailed
from eth_utils import keccak, to_canonical_address, to_checksum_address

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ARTIFACTS = ROOT / "Contracts" / "artifacts"
GENESIS = 1_700_000_000
ACCOUNTS = 24
KEYS = [keys.PrivateKey((1000 + index).to_bytes(32, "big")) for index in range(ACCOUNTS)]
KEY_OF = {key.public_key.to_checksum_address(): key for key in KEYS}
ADDRESSES = list(KEY_OF)
ERROR = keccak(text="Error(string)")[:4]


class Refused(Exception):
    """A call that the contract reverted."""


def reason(data):
    data = bytes(data)
    if data[:4] == ERROR:
        return eth_abi.decode(["string"], data[4:])[0]
    return "0x" + data.hex()


def abi_type(entry):
    if entry["type"].startswith("tuple"):
        inner = ",".join(abi_type(member) for member in entry["components"])
        return f"({inner}){entry['type'][5:]}"
    return entry["type"]


def tuple_form(value):
    """Dataclass-like values (anything with .values()) as the tuples that the ABI takes."""
    if hasattr(value, "abi"):
        return value.abi()
    if isinstance(value, (list, tuple)):
        return [tuple_form(item) for item in value]
    return value


class Receipt:
    def __init__(self, value, gas, logs):
        self.value, self.gas, self.logs = value, gas, logs


class RevmChain:
    """Fast: thousands of calls a second; one call a block."""

    name = "revm"
    chain_id = 1

    def __init__(self):
        self.evm = pyrevm.EVM(gas_limit=30_000_000, spec_id="CANCUN")
        self.number, self.time = 1, GENESIS
        self._set()
        for address in ADDRESSES:
            self.evm.set_balance(address, 10**24)

    def _set(self):
        self.evm.set_block_env(
            pyrevm.BlockEnv(number=self.number, timestamp=self.time, gas_limit=30_000_000, basefee=0)
        )

    def advance(self, seconds=12, blocks=1):
        self.number += blocks
        self.time += seconds
        self._set()

    def create(self, sender, data):
        return to_checksum_address(self.evm.deploy(sender, data))

    def transact(self, sender, to, data, returns=True):
        self.advance(1)
        try:
            output = bytes(self.evm.message_call(sender, to, data, gas=20_000_000))
        except RuntimeError as error:
            raise Refused(self._reason(error)) from None
        result = self.evm.result
        logs = [(log.address, [bytes.fromhex(t[2:]) for t in log.topics], bytes(log.data[1])) for log in result.logs]
        return Receipt(output, result.gas_used, logs)

    def read(self, sender, to, data):
        try:
            return bytes(self.evm.message_call(sender, to, data, gas=20_000_000, is_static=True))
        except RuntimeError as error:
            raise Refused(self._reason(error)) from None

    @staticmethod
    def _reason(error):
        text = str(error)
        start = text.find("0x08c379a0")
        if start < 0:
            return text
        end = start + 2
        while end < len(text) and text[end] in "0123456789abcdef":
            end += 1
        return reason(bytes.fromhex(text[start + 2 : end]))

    def code(self, address):
        return bytes(self.evm.get_code(address) or b"")

    def snapshot(self):
        return self.evm.snapshot(), self.number, self.time

    def revert(self, snapshot):
        checkpoint, self.number, self.time = snapshot
        self.evm.revert(checkpoint)
        self._set()


class PyEvmChain:
    """The reference: every call a transaction in a block of its own, signed by its sender."""

    name = "py-evm"

    def __init__(self):
        state = {
            to_canonical_address(address): {"balance": 10**24, "nonce": 0, "code": b"", "storage": {}}
            for address in ADDRESSES
        }
        parameters = PyEVMBackend.generate_genesis_params(
            {"timestamp": GENESIS, "gas_limit": 30_000_000}
        )
        self.tester = EthereumTester(PyEVMBackend(genesis_parameters=parameters, genesis_state=state))
        for key in KEYS:
            address = key.public_key.to_checksum_address()
            if address not in self.tester.get_accounts():
                self.tester.add_account(key.to_hex())
        self.chain_id = int(self.tester.backend.chain.chain_id)

    @property
    def time(self):
        return self.tester.get_block_by_number("pending")["timestamp"]

    @property
    def number(self):
        return self.tester.get_block_by_number("pending")["number"]

    def advance(self, seconds=12, blocks=1):
        target = self.time + seconds
        if blocks > 1:
            self.tester.mine_blocks(blocks - 1)
        self.tester.time_travel(max(target, self.time + 1))

    def _transaction(self, sender, data):
        return {"from": sender, "data": "0x" + data.hex(), "gas": 20_000_000, "gas_price": 10**10}

    def create(self, sender, data):
        receipt = self.tester.get_transaction_receipt(
            self.tester.send_transaction(self._transaction(sender, data)))
        if receipt["status"] != 1:
            raise Refused("not created")
        return receipt["contract_address"]

    def transact(self, sender, to, data, returns=True):
        transaction = {**self._transaction(sender, data), "to": to}
        # A transaction has no result: a call before it has, and takes as long again.
        value = self.read(sender, to, data) if returns else b""
        receipt = self.tester.get_transaction_receipt(self.tester.send_transaction(transaction))
        if receipt["status"] != 1:
            self.read(sender, to, data)
            raise Refused("failed in its block, not after it")
        logs = [
            (log["address"], [bytes.fromhex(t[2:]) for t in log["topics"]], bytes.fromhex(log["data"][2:]))
            for log in receipt["logs"]
        ]
        return Receipt(value, receipt["gas_used"], logs)

    def read(self, sender, to, data):
        transaction = {**self._transaction(sender, data), "to": to}
        try:
            return bytes.fromhex(self.tester.call(transaction, "pending")[2:])
        except TransactionFailed as error:
            found = error.args[0] if error.args else ""
            if isinstance(found, bytes):
                raise Refused(reason(found)) from None
            text = str(found)
            raise Refused(reason(bytes.fromhex(text[2:])) if text.startswith("0x") else text) from None

    def code(self, address):
        return bytes.fromhex(self.tester.get_code(address)[2:])

    def snapshot(self):
        return self.tester.take_snapshot()

    def revert(self, snapshot):
        self.tester.revert_to_snapshot(snapshot)


@functools.cache
def artifact(name):
    file = ARTIFACTS / f"{name}.json"
    if file.exists():
        return json.loads(file.read_text())
    # One that only tests have.
    import vyper

    source = pathlib.Path(__file__).parent / "Fixtures" / f"{name}.vy"
    return vyper.compile_code(source.read_text(), output_formats=["abi", "bytecode"])


class Contract:
    """A deployed contract: `contract.send(sender, "name", ...)`, `contract.read("name", ...)`."""

    def __init__(self, chain, name, address):
        self.chain, self.name, self.address = chain, name, address
        self.functions, self.events = {}, {}
        for entry in artifact(name)["abi"]:
            inputs = [abi_type(parameter) for parameter in entry.get("inputs", [])]
            if entry["type"] == "function":
                outputs = [abi_type(parameter) for parameter in entry["outputs"]]
                selector = keccak(text=f"{entry['name']}({','.join(inputs)})")[:4]
                self.functions[entry["name"]] = (selector, inputs, outputs)
            elif entry["type"] == "event":
                topic = keccak(text=f"{entry['name']}({','.join(inputs)})")
                self.events[topic] = entry

    @classmethod
    def deploy(cls, chain, sender, name, *arguments):
        found = artifact(name)
        data = bytes.fromhex(found["bytecode"][2:])
        for entry in found["abi"]:
            if entry["type"] == "constructor":
                data += eth_abi.encode([abi_type(p) for p in entry["inputs"]], tuple_form(list(arguments)))
        return cls(chain, name, chain.create(sender, data))

    def data(self, function, *arguments):
        selector, inputs, _ = self.functions[function]
        return selector + eth_abi.encode(inputs, tuple_form(list(arguments)))

    def send(self, sender, function, *arguments, tail=b""):
        returns = self.functions[function][2] not in ([], ["bool"]) or function.startswith("withdrawSlot")
        receipt = self.chain.transact(sender, self.address, self.data(function, *arguments) + tail, returns)
        receipt.value = self._result(function, receipt.value) if returns else None
        receipt.events = [self._event(log) for log in receipt.logs if log[1][0] in self.events]
        return receipt

    def read(self, function, *arguments, sender=ADDRESSES[0]):
        return self._result(function, self.chain.read(sender, self.address, self.data(function, *arguments)))

    def _result(self, function, output):
        outputs = self.functions[function][2]
        values = eth_abi.decode(outputs, output)
        values = [to_checksum_address(v) if t == "address" else v for t, v in zip(outputs, values)]
        return values[0] if len(values) == 1 else tuple(values) if values else None

    def _event(self, log):
        entry = self.events[log[1][0]]
        indexed = [p for p in entry["inputs"] if p["indexed"]]
        plain = [p for p in entry["inputs"] if not p["indexed"]]
        found = {p["name"]: eth_abi.decode([p["type"]], t)[0] for p, t in zip(indexed, log[1][1:])}
        found.update(zip((p["name"] for p in plain), eth_abi.decode([p["type"] for p in plain], log[2])))
        return entry["name"], found
