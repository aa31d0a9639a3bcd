#!/usr/bin/env python3
"""Speaks to EMETH's contracts on any chain, where `emeth` has no command: what an owner does, and what views say.

usage: call-contract.py [--rpc URL] send KEYFILE CONTRACT ADDRESS FUNCTION [ARGUMENT ...]
       call-contract.py [--rpc URL] create KEYFILE CONTRACT [ARGUMENT ...]
       call-contract.py [--rpc URL] read CONTRACT ADDRESS FUNCTION [ARGUMENT ...]
       call-contract.py [--rpc URL] code NAME
       call-contract.py [--rpc URL] rpc METHOD [PARAMETER ...]

CONTRACT is a file of Contracts/artifacts: EmethToken, EmethCore, EmethSettlement, EmethVerifiers or EmethSigners. ARGUMENTs
are decimal numbers, 0x hex bytes and addresses, true, false, text, or JSON arrays of them; `25emeth` is 25 * 10^18. `send`
and `create` print the receipt, the latter with the contract's address, `read` the value (JSON), `code` keccak256 of a name, which is what setParameter takes. The node is that
of --rpc or EMETH_RPC. KEYFILE holds the key in hex. Needs what Tests/requirements.txt lists.
"""
import argparse
import json
import os
import pathlib
import sys
import time
import urllib.request
from decimal import Decimal

import eth_abi
from eth_abi.exceptions import DecodingError, EncodingError
from eth_account import Account
from eth_utils import keccak, to_checksum_address

ARTIFACTS = pathlib.Path(__file__).resolve().parent.parent / "Contracts" / "artifacts"


class Failed(Exception):
    """What can't be done, for the user."""


def rpc(url, method, *parameters):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        found = json.load(answer)
    if "error" in found:
        raise Failed(f"{method}: {found['error'].get('message', found['error'])}")
    return found["result"]


def abi_type(entry):
    if entry["type"].startswith("tuple"):
        return f"({','.join(abi_type(member) for member in entry['components'])}){entry['type'][5:]}"
    return entry["type"]


def value(kind, text):
    """An argument as the ABI's encoder takes it."""
    if kind.endswith("[]"):
        items = json.loads(text) if isinstance(text, str) else text
        return [value(kind[:-2], item) for item in items]
    if isinstance(text, bool) or kind == "bool":
        return text if isinstance(text, bool) else {"true": True, "false": False}[text]
    if kind.startswith(("uint", "int")):
        text = str(text)
        return int(Decimal(text[:-5]) * 10**18) if text.endswith("emeth") else int(text, 0)
    if kind.startswith("bytes"):
        return bytes.fromhex(text.removeprefix("0x"))
    return text


def argument(kind, text):
    """The same, when the ABI's encoder takes it."""
    try:
        found = value(kind, text)
        eth_abi.encode([kind], [found])
    except (ValueError, ArithmeticError, KeyError, TypeError, EncodingError) as error:
        raise Failed(f"{text} is no {kind}") from error
    return found


def outward(found):
    """A value as JSON has it; numbers wider than 53 bits keep their digits as strings."""
    if isinstance(found, bytes):
        return "0x" + found.hex()
    if isinstance(found, (list, tuple)):
        return [outward(item) for item in found]
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    if isinstance(found, str) and found.startswith("0x") and len(found) == 42:
        return to_checksum_address(found)
    return found


def function(contract, name, arguments):
    """A function of a contract, and the calldata of a call."""
    artifact = json.loads((ARTIFACTS / f"{contract}.json").read_text())
    entries = [e for e in artifact["abi"] if e["type"] == "function" and e["name"] == name]
    if not entries:
        names = sorted(e["name"] for e in artifact["abi"] if e["type"] == "function")
        raise Failed(f"{contract} has no function {name}; it has {', '.join(names)}")
    for entry in entries:
        kinds = [abi_type(p) for p in entry["inputs"]]
        if len(kinds) == len(arguments):
            selector = keccak(text=f"{name}({','.join(kinds)})")[:4]
            encoded = [argument(kind, text) for kind, text in zip(kinds, arguments)]
            return entry, "0x" + (selector + eth_abi.encode(kinds, encoded)).hex()
    wanted = [" ".join(f"{abi_type(p)} {p['name']}" for p in e["inputs"]) for e in entries]
    raise Failed(f"{name} takes {' or '.join(wanted) or 'nothing'}, found {len(arguments)} arguments")


def send(url, key_file, contract, address, name, arguments):
    _, data = function(contract, name, arguments)
    return transact(url, key_file, name, to_checksum_address(address), data)


def create(url, key_file, contract, arguments):
    artifact = json.loads((ARTIFACTS / f"{contract}.json").read_text())
    kinds = [abi_type(p) for entry in artifact["abi"] if entry["type"] == "constructor" for p in entry["inputs"]]
    if len(kinds) != len(arguments):
        raise Failed(f"{contract} takes {', '.join(kinds) or 'nothing'}, found {len(arguments)} arguments")
    encoded = [argument(kind, text) for kind, text in zip(kinds, arguments)]
    return transact(url, key_file, contract, None, artifact["bytecode"] + eth_abi.encode(kinds, encoded).hex())


def transact(url, key_file, name, to, data):
    account = Account.from_key(pathlib.Path(key_file).read_text().strip())
    call = {"from": account.address, "data": data} | ({"to": to} if to else {})
    # A call that reverts is told here, before anything is sent.
    gas = int(rpc(url, "eth_estimateGas", call), 16) * 5 // 4
    block = rpc(url, "eth_getBlockByNumber", "latest", False)
    tip = int(rpc(url, "eth_maxPriorityFeePerGas"), 16)
    transaction = {
        "type": 2, "chainId": int(rpc(url, "eth_chainId"), 16), "data": data, "value": 0, "gas": gas,
        "nonce": int(rpc(url, "eth_getTransactionCount", account.address, "pending"), 16),
        "maxFeePerGas": 2 * int(block["baseFeePerGas"], 16) + tip, "maxPriorityFeePerGas": tip,
    } | ({"to": to} if to else {})
    raw = "0x" + bytes(account.sign_transaction(transaction).raw_transaction).hex()
    digest = rpc(url, "eth_sendRawTransaction", raw)
    end = time.monotonic() + 600
    while not (receipt := rpc(url, "eth_getTransactionReceipt", digest)):
        if time.monotonic() > end:
            raise Failed(f"transaction {digest} is not in a block after 600 s; it still may come")
        time.sleep(0.5)
    if receipt["status"] != "0x1":
        raise Failed(f"{name} failed in transaction {digest}")
    found = {"transaction": digest, "block": str(int(receipt["blockNumber"], 16)), "gas": str(int(receipt["gasUsed"], 16))}
    return found | ({} if to else {"contract": to_checksum_address(receipt["contractAddress"])})


def read(url, contract, address, name, arguments):
    entry, data = function(contract, name, arguments)
    found = rpc(url, "eth_call", {"to": to_checksum_address(address), "data": data}, "latest")
    if found == "0x":
        raise Failed(f"there is no contract at {address}")
    values = eth_abi.decode([abi_type(p) for p in entry["outputs"]], bytes.fromhex(found[2:]))
    return outward(values[0] if len(values) == 1 else values)


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n\n")[0])
    parser.add_argument("--rpc", default=os.environ.get("EMETH_RPC"))
    parser.add_argument("what", choices=["send", "create", "read", "code", "rpc"])
    parser.add_argument("words", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    words = given.words
    try:
        if given.what == "code" and len(words) == 1:
            print("0x" + keccak(text=words[0]).hex())
            return
        if not given.rpc:
            raise Failed("no node is named: give --rpc URL or set EMETH_RPC")
        if given.what == "send" and len(words) >= 4:
            print(json.dumps(send(given.rpc, *words[:4], words[4:])))
        elif given.what == "create" and len(words) >= 2:
            print(json.dumps(create(given.rpc, *words[:2], words[2:])))
        elif given.what == "read" and len(words) >= 3:
            found = read(given.rpc, *words[:3], words[3:])
            print(found if isinstance(found, str) else json.dumps(found))
        elif given.what == "rpc" and words:
            print(json.dumps(rpc(given.rpc, words[0], *[json.loads(word) for word in words[1:]])))
        else:
            parser.error("too few words")
    except (Failed, OSError, ValueError, DecodingError) as error:
        print(f"call-contract.py: {type(error).__name__ if not isinstance(error, Failed) else 'error'}: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
