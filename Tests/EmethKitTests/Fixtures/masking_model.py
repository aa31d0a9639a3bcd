#!/usr/bin/env python3
"""Masked sums a second time (PROTOCOL 8), by PyCryptodome's X25519, HKDF and ChaCha20 and whole numbers.

usage: masking_model.py < questions > answers

One JSON object a line each way; bytes are hexadecimal, words of vectors whole numbers.

  {"kind": "mask", "secrets": [hex], "own": i, "entries": [{"jobId", "node", "resultRoot"}], "programHash",
   "initRoot", "round", "attempt", "update": [int]}
      ->  {"rosterHash", "roundKeys": [hex], "masked": [int], "maskedRoot"}
  {"kind": "project", "beacon", "vector": [int]}  ->  {"value": decimal string}
  {"kind": "draw", "beacon", "round", "turn", "count"}  ->  {"cohorts": [[place by id, ...], ...]}
"""
import hashlib
import json
import sys

from Crypto.Cipher import ChaCha20
from Crypto.Hash import SHA256, keccak
from Crypto.Protocol.DH import import_x25519_private_key, import_x25519_public_key, key_agreement
from Crypto.Protocol.KDF import HKDF


def be32(number):
    return number.to_bytes(4, "big")


def stream(key, count):
    return ChaCha20.new(key=key, nonce=bytes(12)).encrypt(bytes(count))


def tree(leaves):
    """RFC 6962, by its own recursive definition."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while 2 * split < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + tree(leaves[:split]) + tree(leaves[split:])).digest()


def root(data):
    chunks = [data[start:start + 2**20] for start in range(0, len(data), 2**20)] or [b""]
    return tree([hashlib.sha256(b"\x00" + chunk).digest() for chunk in chunks])


def mask(question):
    secrets = [import_x25519_private_key(bytes.fromhex(secret)) for secret in question["secrets"]]
    keys = [secret.public_key().export_key(format="raw") for secret in secrets]
    own = question["own"]
    salted = b"".join(
        bytes.fromhex(entry["jobId"] + entry["node"] + entry["resultRoot"]) + key
        for entry, key in zip(question["entries"], keys))
    salted += bytes.fromhex(question["programHash"] + question["initRoot"])
    salted += be32(question["round"]) + be32(question["attempt"])
    salt = hashlib.sha256(salted).digest()
    words = [word % 2**32 for word in question["update"]]
    for peer, key in enumerate(keys):
        if peer == own:
            continue
        pair = key_agreement(
            static_priv=secrets[own], static_pub=import_x25519_public_key(key),
            kdf=lambda shared: HKDF(shared, 32, salt, SHA256, context=b"EMETH mask"))
        noise = stream(pair, 4 * len(words))
        sign = 1 if peer > own else -1
        for place in range(len(words)):
            word = int.from_bytes(noise[4 * place:4 * place + 4], "little")
            words[place] = (words[place] + sign * word) % 2**32
    data = b"".join(word.to_bytes(4, "little") for word in words)
    return {
        "rosterHash": salt.hex(), "roundKeys": [key.hex() for key in keys], "masked": words,
        "maskedRoot": root(data).hex()}


def project(question):
    modulus = 2**61 - 1
    vector = question["vector"]
    noise = stream(bytes.fromhex(question["beacon"]), 8 * len(vector) + 64)
    total, place = 0, 0
    for coordinate in vector:
        while True:
            factor = int.from_bytes(noise[place:place + 8], "little") & modulus
            place += 8
            if factor != modulus:
                break
        total += factor * coordinate
    return {"value": str(total % modulus)}


def draw(question):
    count = question["count"]
    key = keccak.new(digest_bits=256, data=b"EMETH cohorts" + bytes.fromhex(question["beacon"])
                     + be32(question["round"]) + be32(question["turn"])).digest()
    noise = stream(key, 2**16)
    place = 0

    def below(limit):
        nonlocal place
        while True:
            word = int.from_bytes(noise[place:place + 4], "little")
            place += 4
            if word < 2**32 // limit * limit:
                return word % limit

    order = list(range(count))
    for index in range(count - 1, 0, -1):
        other = below(index + 1)
        order[index], order[other] = order[other], order[index]
    cohorts, number, start = [], -(-count // 16), 0
    for index in range(number):
        size = count // number + (1 if index < count % number else 0)
        cohorts.append(sorted(order[start:start + size]))
        start += size
    return {"cohorts": cohorts}


for line in sys.stdin:
    question = json.loads(line)
    print(json.dumps({"mask": mask, "project": project, "draw": draw}[question["kind"]](question)))
