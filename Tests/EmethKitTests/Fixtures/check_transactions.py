#!/usr/bin/env python3
"""Checks transactions and messages with eth-account, an implementation independent of this project.

usage: check_transactions.py FILE

FILE is JSON: {"seed", "count", "transactions": [{"key", "transaction", "raw", "hash", "from"}], "messages":
[{"key", "message", "digest", "signature"}]}, transactions in their unsigned JSON-RPC form. Each is signed again
from its fields, and its sender is recovered from the raw bytes. Prints JSON: {"problems": [text], "transactions":
[{"raw", "json"}], "messages": [...]}, the last two of its own making, `count` of each, from the seed.
"""
import json
import random
import sys

from eth_account import Account
from eth_account.messages import encode_defunct
from eth_utils import keccak, to_checksum_address

QUANTITIES = ["type", "chainId", "nonce", "gas", "value", "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas"]


def fields(document):
    """eth-account's own form of a JSON-RPC transaction."""
    result = {name: int(document[name], 16) for name in QUANTITIES if name in document}
    if result.pop("type") != 0:
        result["type"] = int(document["type"], 16)
        result["accessList"] = document["accessList"]
    if document["to"] is not None:
        result["to"] = document["to"]
    result["data"] = document["input"]
    return result


def digest(message):
    return "0x" + keccak(b"\x19" + message.version + message.header + message.body).hex()


def check_transaction(entry):
    signed = Account.sign_transaction(fields(entry["transaction"]), entry["key"])
    found = {
        "raw": "0x" + bytes(signed.raw_transaction).hex(),
        "hash": "0x" + bytes(signed.hash).hex(),
        "from": Account.recover_transaction(entry["raw"]),
    }
    return [f"{entry['raw']}: {name} {entry[name]}, here {found[name]}" for name in found if found[name] != entry[name]]


def check_message(entry):
    message = encode_defunct(hexstr=entry["message"])
    found = {
        "digest": digest(message),
        "signature": "0x" + bytes(Account.sign_message(message, entry["key"]).signature).hex(),
    }
    problems = [f"{entry['message']}: {name} {entry[name]}" for name in found if found[name] != entry[name]]
    if Account.recover_message(message, signature=entry["signature"]) != Account.from_key(entry["key"]).address:
        problems.append(f"{entry['message']}: another signer")
    return problems


def number(bits):
    """Zero, the largest, or of any width."""
    return random.choice([0, 2**bits - 1, random.getrandbits(random.randint(1, bits))])


def make_transaction(kind):
    """kind: 0 legacy without a chain, 1 with one, 2 EIP-2930, 3 EIP-1559."""
    fees = sorted([number(256), number(256)])
    document = {
        "type": hex(max(0, kind - 1)),
        "nonce": hex(min(number(64), 2**64 - 2)),
        "gas": hex(number(64)),
        "value": hex(number(256)),
        "to": random.choice([None, to_checksum_address(random.randbytes(20)), "0x" + random.randbytes(20).hex()]),
        "input": "0x" + random.randbytes(random.choice([0, 1, 55, 56, 300])).hex(),
    }
    if kind > 0:
        document["chainId"] = hex(number(64))
    if kind == 3:
        document["maxPriorityFeePerGas"], document["maxFeePerGas"] = map(hex, fees)
    else:
        document["gasPrice"] = hex(fees[0])
    if kind >= 2:
        document["accessList"] = [
            {
                "address": to_checksum_address(random.randbytes(20)),
                "storageKeys": ["0x" + random.randbytes(32).hex() for _ in range(random.randrange(3))],
            }
            for _ in range(random.randrange(3))
        ]
    key = random.randbytes(32)
    checked = dict(document, to=document["to"] and to_checksum_address(document["to"]))
    signed = Account.sign_transaction(fields(checked), key)
    document.update({name: hex(getattr(signed, name)) for name in "vrs"})
    document["hash"] = "0x" + bytes(signed.hash).hex()
    document["from"] = Account.from_key(key).address
    return {"raw": "0x" + bytes(signed.raw_transaction).hex(), "json": document}


def make_message():
    key, content = random.randbytes(32), random.randbytes(random.choice([0, 1, 9, 10, 99, 100, 1000]))
    message = encode_defunct(primitive=content)
    return {
        "message": "0x" + content.hex(),
        "digest": digest(message),
        "signature": "0x" + bytes(Account.sign_message(message, key).signature).hex(),
        "from": Account.from_key(key).address,
    }


def main():
    document = json.load(open(sys.argv[1], encoding="utf-8"))
    random.seed(int(document["seed"]))
    problems = [text for entry in document["transactions"] for text in check_transaction(entry)]
    problems += [text for entry in document["messages"] for text in check_message(entry)]
    count = document["count"]
    result = {
        "problems": problems,
        "transactions": [make_transaction(kind) for kind in range(4) for _ in range(count)],
        "messages": [make_message() for _ in range(count)],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
