#!/usr/bin/env python3
"""Key files of version 3 by eth-account, and key files as wallets of all kinds have written them.

usage: keystore_model.py < questions > answers
       keystore_model.py --examples > keystores.jsonl

One JSON object a line each way; keys and passwords are hexadecimal.

  {"kind": "encrypt", "key", "password", "kdf": "scrypt" or "pbkdf2", "iterations"}  ->  {"file": TEXT}
  {"kind": "decrypt", "file": TEXT, "password"}                                      ->  {"key"} or {"refused"}

The examples are made of hashlib, AES and Keccak alone, since no one library writes them all.
"""
import hashlib
import json
import sys

from Crypto.Cipher import AES
from eth_account import Account
from eth_keys import keys
from eth_utils import keccak, to_checksum_address


def answer(question):
    password = bytes.fromhex(question["password"])
    if question["kind"] == "encrypt":
        file = Account.encrypt(
            bytes.fromhex(question["key"]), password, kdf=question["kdf"], iterations=question["iterations"])
        return {"file": json.dumps(file)}
    try:
        return {"key": Account.decrypt(question["file"], password).hex().removeprefix("0x")}
    except ValueError as error:
        return {"refused": str(error)}


def crypto(key, password, kdf, parameters, salt, iv=bytes(range(16)), dklen=32, upper=False):
    """The member crypto; the key is stored with as many bytes as it is given with."""
    if kdf == "scrypt":
        n, r, p = parameters
        derived = hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, dklen=dklen, maxmem=2**30)
        names = {"n": n, "r": r, "p": p}
    else:
        derived = hashlib.pbkdf2_hmac("sha256", password, salt, parameters, dklen)
        names = {"c": parameters, "prf": "hmac-sha256"}
    ciphertext = AES.new(derived[:16], AES.MODE_CTR, nonce=b"", initial_value=iv).encrypt(key)

    def digits(data):
        return data.hex().upper() if upper else data.hex()

    return {
        "cipher": "aes-128-ctr", "cipherparams": {"iv": digits(iv)}, "ciphertext": digits(ciphertext), "kdf": kdf,
        "kdfparams": {**names, "dklen": dklen, "salt": digits(salt)},
        "mac": digits(keccak(derived[16:32] + ciphertext)),
    }


def examples():
    key = keccak(b"keystore examples")
    short = keccak(b"a key that was stored short")[:31]
    shorter = keccak(b"a key that was stored shorter")[:30]
    salt = keccak(b"salt")
    address = keys.PrivateKey(key).public_key.to_address()[2:]
    plain = to_checksum_address("0x" + address)
    # The same address with every letter's case turned round: a checksum of no chain.
    turned = plain[:2] + plain[2:].swapcase()

    def case(name, file, password=b"correct horse", key=key, text=None):
        return {
            "name": name, "file": text or json.dumps(file), "password": password.hex(),
            "key": key.rjust(32, b"\0").hex(),
        }

    def scrypt(password=b"correct horse", n=1024, r=8, p=1, key=key, salt=salt, **rest):
        return crypto(key, password, "scrypt", (n, r, p), salt, **rest)

    def pbkdf2(password=b"correct horse", c=1000, **rest):
        return crypto(key, password, "pbkdf2", c, salt, **rest)

    identity = {"id": "3198bc9c-6672-5ab3-d995-4942343ae5b6", "version": 3}
    numbers = pbkdf2()
    numbers["kdfparams"]["c"] = "1000"
    cut = pbkdf2(iv=bytes(2) + bytes(range(1, 15)))
    cut["cipherparams"]["iv"] = cut["cipherparams"]["iv"][4:]
    file = {"crypto": scrypt(), **identity}
    return [
        case("geth: address without 0x", {"address": address, "crypto": scrypt(n=4096, p=6), **identity}),
        case("no address and no id", {"version": 3, "crypto": scrypt()}),
        case("address with 0x", {"address": "0x" + address, "crypto": scrypt(), **identity}),
        case("address with the checksum of EIP-55", {"address": plain, "crypto": scrypt(), **identity}),
        case("address with the checksum of another chain", {"address": turned, "crypto": scrypt(), **identity}),
        case("address null", {"address": None, "crypto": scrypt(), **identity}),
        case("address empty", {"address": "", "crypto": scrypt(), **identity}),
        case("Parity: pbkdf2, name and meta", {
            "address": address, "crypto": pbkdf2(c=10240), "name": "", "meta": "{\"passwordHint\":\"\"}", **identity}),
        case("Crypto, upper-case digits", {"Crypto": scrypt(upper=True), "address": address.upper(), **identity}),
        case("ethers: members of its own", {
            "address": address, "Crypto": scrypt(n=131072), "x-ethers": {
                "client": "ethers.js", "gethFilename": "UTC--2020", "path": "m/44'/60'/0'/0/0", "version": "0.1",
                "mnemonicCounter": "00", "list": [1.5, -2e3, None, [[[[[[[[True]]]]]]]]]}, **identity}),
        case("dklen 64, scrypt", {"crypto": scrypt(dklen=64), **identity}),
        case("dklen 48, pbkdf2", {"crypto": pbkdf2(dklen=48), **identity}),
        case("dklen 1000, pbkdf2", {"crypto": pbkdf2(dklen=1000), **identity}),
        case("no password, scrypt", {"crypto": scrypt(b""), **identity}, b""),
        case("no password, pbkdf2", {"crypto": pbkdf2(b""), **identity}, b""),
        case("a password of every byte", {"crypto": pbkdf2(bytes(range(256))), **identity}, bytes(range(256))),
        case("a password with its line end", {"crypto": scrypt(b"horse\r\n"), **identity}, b"horse\r\n"),
        case("smallest n", {"crypto": scrypt(n=2), **identity}),
        case("small r, large p", {"crypto": scrypt(n=4096, r=1, p=64), **identity}),
        case("large r", {"crypto": scrypt(n=64, r=64, p=3), **identity}),
        case("one iteration", {"crypto": pbkdf2(c=1), **identity}),
        case("no salt", {"crypto": scrypt(salt=b""), **identity}),
        case("a long salt", {"crypto": scrypt(salt=bytes(200)), **identity}),
        case("a key of 31 bytes", {"crypto": scrypt(key=short), **identity}, key=short),
        case("a key of 30 bytes", {"crypto": scrypt(key=shorter), **identity}, key=shorter),
        case("a counter that overflows", {"crypto": scrypt(iv=b"\xff" * 16), **identity}),
        case("eth-account: a counter without its leading zero bytes", {"crypto": cut, **identity}),
        case("numbers as text", {"crypto": numbers, **{**identity, "version": "3"}}),
        case("white space and escapes", file,
             text=" \r\n\t" + json.dumps(file, indent=4).replace("aes-128-ctr", "\\u0061es-128-ctr") + "\n\n"),
    ]


def main():
    if sys.argv[1:] == ["--examples"]:
        for example in examples():
            print(json.dumps(example, separators=(",", ":")))
        return
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))))


if __name__ == "__main__":
    main()
