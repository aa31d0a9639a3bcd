#!/usr/bin/env python3
"""Compares the contract ABI with eth-abi, an implementation independent of this project.

usage: abi_oracle.py < CASES

Each line of the input is a JSON object: types, and either values with their encoded data, or hostile data
with the values that were read from it (null when it was refused). Prints one line for every difference, then
"checked COUNT", where COUNT is the number of cases.
"""
import json
import sys

from eth_abi import decode, encode
from eth_abi.grammar import TupleType, parse


def python_value(kind, value):
    """The value as eth-abi takes it in and gives it back."""
    if kind.is_array:
        return tuple(python_value(kind.item_type, item) for item in value)
    if isinstance(kind, TupleType):
        return tuple(python_value(item, member) for item, member in zip(kind.components, value))
    if kind.base in ("uint", "int"):
        return int(value)
    if kind.base == "bytes":
        return bytes.fromhex(value[2:])
    return value.lower() if kind.base == "address" else value


def difference(case):
    values = None
    if case["values"] is not None:
        values = tuple(python_value(parse(kind), value) for kind, value in zip(case["types"], case["values"]))
    data = bytes.fromhex(case["data"][2:])
    if not case["hostile"]:
        encoded = encode(case["types"], values)
        if encoded != data:
            return f"encoded 0x{encoded.hex()}"
    elif values is None:
        return None
    try:
        decoded = decode(case["types"], data)
    except Exception as error:
        return f"refused: {error}"
    return None if decoded == values else f"decoded {decoded}"


count = 0
for line in sys.stdin:
    case = json.loads(line)
    count += 1
    found = difference(case)
    if found:
        print(f"{','.join(case['types'])} {case['data']}: {found}")
print(f"checked {count}")
