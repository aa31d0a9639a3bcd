#!/usr/bin/env python3
"""Records generator words, orders, initial weights, quantised updates and outer steps, for the tests of
EmethCompute/Training: PROTOCOL 6 written a second time, in plain Python with exact fractions.

usage: protocol_expectations.py FIXTURES
  FIXTURES  Tests/EmethComputeTests/Fixtures; protocol/expectations.json is written

Needs: Python 3.9 or later, nothing else.
"""
import hashlib, json, math, struct, sys
from fractions import Fraction
from pathlib import Path

SEED = bytes(range(32))


def key(label, part, round_, pass_):
    return hashlib.sha256(label.encode() + SEED + struct.pack(">III", part, round_, pass_)).digest()


class Words:
    """ChaCha20 of RFC 8439, nonce 0, counter from 0, as u32 words."""

    def __init__(self, key_bytes):
        self.key, self.counter, self.block = struct.unpack("<8I", key_bytes), 0, []

    def next(self):
        if not self.block:
            self.block = self.make()
            self.counter += 1
        return self.block.pop(0)

    def make(self):
        start = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *self.key, self.counter, 0, 0, 0]
        s = list(start)

        def rotate(x, n):
            return ((x << n) | (x >> (32 - n))) & 0xFFFFFFFF

        def quarter(a, b, c, d):
            s[a] = (s[a] + s[b]) & 0xFFFFFFFF; s[d] = rotate(s[d] ^ s[a], 16)
            s[c] = (s[c] + s[d]) & 0xFFFFFFFF; s[b] = rotate(s[b] ^ s[c], 12)
            s[a] = (s[a] + s[b]) & 0xFFFFFFFF; s[d] = rotate(s[d] ^ s[a], 8)
            s[c] = (s[c] + s[d]) & 0xFFFFFFFF; s[b] = rotate(s[b] ^ s[c], 7)

        for _ in range(10):
            for i in range(4):
                quarter(i, 4 + i, 8 + i, 12 + i)
            for i in range(4):
                quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
        return [(x + y) & 0xFFFFFFFF for x, y in zip(s, start)]

    def below(self, n):
        while True:
            word = self.next()
            if word < (1 << 32) // n * n:
                return word % n


def single(value):
    """A fraction rounded once to binary32, ties to even."""
    value = Fraction(value)
    if value == 0:
        return 0.0
    exponent = max(-149, math.floor(math.log2(abs(value))) - 23)
    while abs(value) >= Fraction(2) ** (exponent + 24):
        exponent += 1
    while exponent > -149 and abs(value) < Fraction(2) ** (exponent + 23):
        exponent -= 1
    scaled = value / Fraction(2) ** exponent
    return float(Fraction(round(scaled)) * Fraction(2) ** exponent)  # round() takes ties to even


def bits(value):
    return struct.unpack("<I", struct.pack("<f", value))[0]


def fma(a, b, c):
    return single(Fraction(a) * Fraction(b) + Fraction(c))


def order(part, round_, n, count):
    result, pass_ = [], 0
    while len(result) < count:
        words = Words(key("order", part, round_, pass_))
        indices = list(range(n))
        for i in range(n - 1, 0, -1):
            j = words.below(i + 1)
            indices[i], indices[j] = indices[j], indices[i]
        result += indices
        pass_ += 1
    return result[:count]


def shapes(layers, width, context, vocabulary):
    c = width
    table = {"wte.weight": [vocabulary, c], "wpe.weight": [context, c], "ln_f.weight": [c], "ln_f.bias": [c]}
    for layer in range(layers):
        for name, shape in {
            "ln_1.weight": [c], "ln_1.bias": [c], "attn.c_attn.weight": [c, 3 * c], "attn.c_attn.bias": [3 * c],
            "attn.c_proj.weight": [c, c], "attn.c_proj.bias": [c], "ln_2.weight": [c], "ln_2.bias": [c],
            "mlp.c_fc.weight": [c, 4 * c], "mlp.c_fc.bias": [4 * c], "mlp.c_proj.weight": [4 * c, c],
            "mlp.c_proj.bias": [c],
        }.items():
            table[f"h.{layer}.{name}"] = shape
    return sorted(table.items(), key=lambda entry: entry[0].encode())


def initial_weights(layers, width, context, vocabulary):
    words, values = Words(key("init", 0, 0, 0)), []
    for name, shape in shapes(layers, width, context, vocabulary):
        if len(shape) == 1:
            values += [1.0 if name.endswith(".weight") else 0.0] * shape[0]
            continue
        for _ in range(shape[0] * shape[1]):
            total = sum(words.next() >> 8 for _ in range(12)) - 6 * 2**24
            value = total * 2.0**-24 * 0.02
            if name.endswith(".c_proj.weight"):
                value *= 1 / math.sqrt(2 * layers)
            values.append(single(value))
    return values


def row_sum(terms):
    def block(items):
        lanes = [0.0] * 16
        for index, item in enumerate(items):
            lanes[index % 16] += item
        for half in [8, 4, 2, 1]:
            for lane in range(half):
                lanes[lane] += lanes[lane + half]
        return lanes[0]

    while len(terms) > 4096:
        terms = [block(terms[i:i + 4096]) for i in range(0, len(terms), 4096)]
    return block(terms)


def next_exponent(exponent, mean):
    rms = math.sqrt(row_sum([g * g for g in mean]) / len(mean))
    if rms == 0:
        return exponent
    fraction, power = math.frexp(8 * rms)
    return max(-100, min(170, 21 - (power - 1 if fraction == 0.5 else power)))


def quantise(x, exponent):
    limit = 2**22 - 1
    q = round(Fraction(x) * Fraction(2) ** exponent)
    return max(-limit, min(limit, q)), abs(q) > limit


def outer_rounds(layers, width, context, vocabulary, parts, rounds, eta, mu):
    table = shapes(layers, width, context, vocabulary)
    theta = initial_weights(layers, width, context, vocabulary)
    velocity, exponents = [0.0] * len(theta), [20] * len(table)
    eta, mu = single(Fraction(eta)), single(Fraction(mu))
    digests = []
    for round_ in range(rounds):
        # An end state of each part that anyone can make: start + words scaled by a power of two per tensor.
        sums, clipped = [0] * len(theta), 0
        for part in range(parts):
            words, index = Words(key("drift", part, round_, 0)), 0
            for number, (_, shape) in enumerate(table):
                for _ in range(math.prod(shape)):
                    drift = (words.next() - 2**31) * 2.0 ** -(36 + number % 7)
                    end = single(Fraction(theta[index]) + Fraction(drift))
                    q, clip = quantise(single(Fraction(theta[index]) - Fraction(end)), exponents[number])
                    sums[index] += q
                    clipped += clip
                    index += 1
        index, used = 0, list(exponents)
        for number, (_, shape) in enumerate(table):
            count = math.prod(shape)
            mean = [single(sums[i] / parts * 2.0 ** -used[number]) for i in range(index, index + count)]
            for offset, g in enumerate(mean):
                i = index + offset
                velocity[i] = fma(mu, velocity[i], g)
                theta[i] = fma(-eta, fma(mu, velocity[i], g), theta[i])
            exponents[number] = next_exponent(used[number], mean)
            index += count
        digests.append({
            "clipped": clipped, "exponents": list(exponents),
            "sum": hashlib.sha256(struct.pack(f"<{len(sums)}i", *sums)).hexdigest(),
            "parameters": hashlib.sha256(struct.pack(f"<{len(theta)}f", *theta)).hexdigest(),
            "velocity": hashlib.sha256(struct.pack(f"<{len(theta)}f", *velocity)).hexdigest(),
        })
    return digests


def main():
    words = Words(key("order", 1, 2, 3))
    below = Words(key("order", 1, 2, 3))
    weights = initial_weights(2, 4, 3, 5)
    cases = []
    limit = 2**22 - 1
    for x, exponent in [
        (0.0, 20), (-0.0, 20), (0.5, 0), (1.5, 0), (2.5, 0), (-0.5, 0), (-1.5, 0), (-2.5, 0), (0.49999997, 0),
        (0.50000006, 0), (limit, 0), (limit + 0.5, 0), (limit - 0.5, 0), (-limit - 0.5, 0), (limit + 1, 0), (-2.0**23, 0),
        (1e30, 0), (-1e30, 10), (3.4028234663852886e38, 100), (2.0**-149, 149), (2.0**-149, 148), (3 * 2.0**-149, 148),
        (2.0**-149, 170), (1e-3, 20), (-1e-3, 31), (2.0**100, -100), (3 * 2.0**100, -101 + 1), (5.0, -1), (7.0, -1),
    ]:
        x = single(Fraction(x))
        q, clipped = quantise(x, exponent)
        cases.append({"bits": bits(x), "exponent": exponent, "q": q, "clipped": clipped})
    expectations = {
        "words": [words.next() for _ in range(40)],
        "below": [below.below(n) for n in [1, 2, 3, 10, 1000, 2**31 + 1, 2**32 - 1] * 6],
        "orders": [
            {"part": 0, "round": 0, "sequences": 1, "indices": order(0, 0, 1, 3)},
            {"part": 3, "round": 7, "sequences": 10, "indices": order(3, 7, 10, 25)},
            {"part": 511, "round": 4294967295, "sequences": 100, "indices": order(511, 4294967295, 100, 101)},
        ],
        "weights": [bits(value) for value in weights],
        "quantised": cases,
        "exponents": [
            {"bits": [bits(single(Fraction(v))) for v in mean], "next": next_exponent(5, [single(Fraction(v)) for v in mean])}
            for mean in [[0.0], [1.0], [0.125], [0.12500001], [0.1249], [-2.0, 2.0, 2.0, -2.0], [2.0**-149], [2.0**120] * 3,
                         [1e-4, -3e-4, 2e-5] * 11]
        ],
        "diloco": outer_rounds(1, 8, 4, 600, 3, 3, 0.7, 0.9),
        "average": outer_rounds(1, 8, 4, 600, 2, 2, 1, 0),
    }
    folder = Path(sys.argv[1]) / "protocol"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "expectations.json").write_text(json.dumps(expectations, separators=(",", ":")) + "\n")


main()
