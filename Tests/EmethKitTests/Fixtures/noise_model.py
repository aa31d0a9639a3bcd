#!/usr/bin/env python3
"""The noise of differential privacy a second time: whole numbers and fractions of any size, no tables.

usage: noise_model.py < questions > answers

One JSON object a line each way; bytes are hexadecimal.

  {"kind": "sample", "variance": v, "seed": hex, "vector": v, "count": n}  ->  {"values": [int]}
  {"kind": "variance", "noise": "1.1", "clip": "0.5", "exponent": e, "parts": n}  ->  {"variance": decimal string}
  {"kind": "label", "key": hex, "size": n}  ->  {"values": [int]}
"""
import hashlib
import json
import math
import sys
from fractions import Fraction

BLOCK = 4096


def rotated(word, count):
    return (word << count | word >> (32 - count)) & 0xFFFFFFFF


def chacha20(key):
    """RFC 8439 by its own definition: nonce 0, counter from 0, block after block."""
    start = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574]
    start += [int.from_bytes(key[4 * i : 4 * i + 4], "little") for i in range(8)] + [0, 0, 0, 0]
    while True:
        state = list(start)
        for _ in range(10):
            for a, b, c, d in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                               (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
                for x, y, z, shift in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                    state[x] = (state[x] + state[y]) & 0xFFFFFFFF
                    state[z] = rotated(state[z] ^ state[x], shift)
        yield from ((x + y) & 0xFFFFFFFF for x, y in zip(state, start))
        start[12] += 1


def words64(key):
    stream = chacha20(key)
    while True:
        low = next(stream)
        yield low | next(stream) << 32


def exponential(gamma, bits):
    """Bounds of e^gamma for a fraction at least 0, their distance below 2^-bits of e^gamma."""
    unit = 1 << (bits + 2 * int(gamma) + 32)
    term, total, count = unit, unit, 0
    while term:
        count += 1
        term = term * gamma.numerator // (gamma.denominator * count)
        total += term
    return Fraction(total, unit), Fraction(total + count * (4 ** (int(gamma) + 1)), unit)


def floor_product(factor, gamma):
    if gamma == 0:
        return factor
    bits = 128
    while True:
        low, high = exponential(gamma, bits)
        if math.floor(factor * low) == math.floor(factor * high):
            return math.floor(factor * low)
        bits *= 2


class Strips:
    def __init__(self, variance):
        self.variance = variance
        root = math.isqrt(144 * variance)
        self.bound = root if root * root == 144 * variance else root + 1
        self.scale = math.isqrt(variance) // 200 + 1
        self.strips, start = [], 0
        while start <= self.bound:
            width = floor_product(self.scale, Fraction(start * start, 2 * variance))
            width = min(width, self.bound + 1 - start)
            self.strips.append((start, width))
            start += width
        self.padded = 1
        while self.padded < len(self.strips):
            self.padded *= 2

    def keeps(self, place, width, words, digit):
        """U < width / scale / e^gamma, U's digits of 64 bits one after another."""
        gamma = Fraction(place * place, 2 * self.variance)
        if gamma == 0:
            return width >= self.scale or Fraction(digit, 1 << 64) < Fraction(width, self.scale)
        number, base, bits = digit, 1 << 64, 128
        while True:
            low, high = exponential(gamma, bits)
            if Fraction(number + 1, base) * self.scale * high <= width:
                return True
            if Fraction(number, base) * self.scale * low >= width:
                return False
            number, base, bits = number << 64 | next(words), base << 64, bits + 64

    def samples(self, seed, vector, count):
        values = []
        for block in range((count + BLOCK - 1) // BLOCK):
            key = hashlib.sha256(
                b"EMETH noise" + seed + vector.to_bytes(4, "big") + block.to_bytes(4, "big")).digest()
            words = words64(key)
            end = min(count, (block + 1) * BLOCK)
            while len(values) < end:
                proposal, digit = next(words), next(words)
                index = proposal & (self.padded - 1)
                if index >= len(self.strips):
                    continue
                start, width = self.strips[index]
                product = (proposal >> 32) * width
                if product % (1 << 32) < (1 << 32) % width:
                    continue
                place = start + (product >> 32)
                if not self.keeps(place, width, words, digit):
                    continue
                negative = proposal >> 16 & 1
                if negative and place == 0:
                    continue
                values.append(-place if negative else place)
        return values


def answer(question):
    if question["kind"] == "sample":
        strips = Strips(question["variance"])
        return {"values": strips.samples(bytes.fromhex(question["seed"]), question["vector"], question["count"])}
    if question["kind"] == "variance":
        spread = Fraction(question["noise"]) * Fraction(question["clip"]) * Fraction(2) ** question["exponent"]
        return {"variance": str(max(1, math.ceil(spread * spread / question["parts"])))}
    if question["kind"] == "label":
        words, size = chacha20(bytes.fromhex(question["key"])), question["size"]
        labels = list(range(size))
        for i in range(size - 1, 0, -1):
            limit = (1 << 32) // (i + 1) * (i + 1)
            word = next(words)
            while word >= limit:
                word = next(words)
            j = word % (i + 1)
            labels[i], labels[j] = labels[j], labels[i]
        return {"values": labels}
    raise SystemExit("unknown kind " + question["kind"])


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
