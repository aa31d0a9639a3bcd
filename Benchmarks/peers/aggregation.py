"""A masked sum of model updates: emeth beside Flower's SecAgg+ in alternating rounds of one run.

    pip install flwr
    python Benchmarks/peers/aggregation.py [--emeth .build/release/emeth] [--rounds 3] [--write]
        [--parameters N] [--nodes N] [--threads N]

Both mask the same number of coordinates that are integers already, for the same number of nodes, all of which stay. A
node's seconds are those of masking: with emeth a ChaCha20 stream for every other node, and the root that it signs for;
with Flower a private and one pairwise mask for every other node and the reduction, by the functions that its client mod
calls in its stage 2 (quantising and encrypting are left out). The server's are those of adding, and with Flower of taking
the private masks out again. Flower's masks are numbers of NumPy's Mersenne Twister from a seed of 32 bits; it works on
one thread, emeth on --threads. MB are 10^6 bytes that a node posts (Flower's as int64, which it sends). The last line is
the same as JSON. --write puts the table into Docs/Benchmarks.md.
"""

import argparse
import json
import subprocess
import sys
import time

from figures import Figures, arguments

MODULUS = 1 << 32


def run_flower(parameters, nodes):
    import numpy as np
    from flwr.common.secure_aggregation.ndarrays_arithmetic import (
        parameters_addition,
        parameters_mod,
        parameters_subtraction,
    )
    from flwr.common.secure_aggregation.secaggplus_utils import pseudo_rand_gen

    def key(*names):
        return bytes((sum((name + 1) * 37 for name in names) + place) % 256 for place in range(32))

    shape = [(parameters,)]
    update = [np.random.default_rng(1).integers(0, 1 << 22, parameters, dtype=np.int64)]

    def masked(own):
        vector = parameters_addition(update, pseudo_rand_gen(key(own), MODULUS, shape))
        for other in range(nodes):
            if other == own:
                continue
            mask = pseudo_rand_gen(key(min(own, other), max(own, other)), MODULUS, shape)
            vector = (parameters_addition if own > other else parameters_subtraction)(vector, mask)
        return parameters_mod(vector, MODULUS)

    began = time.perf_counter()
    posted = [masked(node) for node in range(nodes)]
    node_seconds = (time.perf_counter() - began) / nodes
    began = time.perf_counter()
    total = posted[0]
    for vector in posted[1:]:
        total = parameters_addition(total, vector)
    for node in range(nodes):
        total = parameters_subtraction(total, pseudo_rand_gen(key(node), MODULUS, shape))
    total = parameters_mod(total, MODULUS)
    server_seconds = time.perf_counter() - began
    assert (total[0] == update[0] * nodes % MODULUS).all(), "the masks do not cancel"
    return node_seconds, server_seconds, posted[0][0].nbytes / 1e6


def run_emeth(program, given):
    words = [program, "benchmark", "aggregation", "--json", "--parameters", str(given.parameters)]
    words += ["--nodes", str(given.nodes)] + (["--threads", str(given.threads)] if given.threads else [])
    report = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    return report["nodeSeconds"], report["addSeconds"], report["bytesPerNode"] / 1e6


def main():
    parser = arguments(__doc__)
    parser.add_argument("--parameters", type=int, default=124_439_808)
    parser.add_argument("--nodes", type=int, default=8)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--flower", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.flower:
        print(json.dumps(run_flower(given.parameters, given.nodes)))
        return
    figures = Figures({"s a node": 3, "s to add": 3, "MB a node": 1})
    for _ in range(given.rounds):
        figures.add("emeth", *run_emeth(given.emeth, given))
        words = [sys.executable, __file__, "--flower", "--parameters", str(given.parameters)]
        result = subprocess.run(words + ["--nodes", str(given.nodes)], check=True, capture_output=True)
        figures.add("Flower SecAgg+", *json.loads(result.stdout))
    figures.finish(given)


if __name__ == "__main__":
    main()
