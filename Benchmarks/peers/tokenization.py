"""Learning a byte-level BPE vocabulary and encoding by it, on one core: emeth beside Hugging Face's tokenizers in
alternating rounds of one run.

    pip install tokenizers
    EMETH_DATA=folder python Benchmarks/peers/tokenization.py [--emeth .build/release/emeth] [--rounds 3] [--write]
        [--text FILE …]

Each learns at most 50,000 tokens from a text and encodes the same text by them, without --text shakespeare.txt and
neko.txt of the folder EMETH_DATA. Each round is a process of its own; times are of the processor, of one thread,
medians in a process of three times learning and nine times encoding. tokenizers encodes by `encode_batch_fast`, which
keeps no offsets. MB are 10^6 bytes. The last line is the same as JSON. --write puts the table into Docs/Benchmarks.md.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

from figures import Figures, arguments

VOCABULARY = 50_000


def median_seconds(body, times):
    seconds = []
    for _ in range(times):
        began = time.process_time()
        body()
        seconds.append(time.process_time() - began)
    return statistics.median(seconds)


def run_tokenizers(path):
    from tokenizers import ByteLevelBPETokenizer

    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    tokenizer = ByteLevelBPETokenizer()

    def learn():
        tokenizer.train([path], vocab_size=VOCABULARY, min_frequency=2, show_progress=False)

    learning = median_seconds(learn, 3)
    encoding = median_seconds(lambda: tokenizer._tokenizer.encode_batch_fast([text]), 9)
    return os.path.getsize(path) / encoding / 1e6, learning, tokenizer.get_vocab_size()


def run_emeth(program, path):
    words = [program, "benchmark", "tokenize", "--json", "--seconds", "1", "--text", path]
    report = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    return report["encodeMegabytesPerSecond"], report["trainSeconds"], report["vocabularySize"]


def main():
    parser = arguments(__doc__)
    parser.add_argument("--text", action="append")
    parser.add_argument("--tokenizers", metavar="FILE", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.tokenizers:
        print(json.dumps(run_tokenizers(given.tokenizers)))
        return
    texts = given.text
    if not texts:
        if "EMETH_DATA" not in os.environ:
            parser.error("give --text FILE, or name the folder of shakespeare.txt and neko.txt by EMETH_DATA")
        texts = [os.path.join(os.environ["EMETH_DATA"], name) for name in ("shakespeare.txt", "neko.txt")]

    # One thread each: tokenizers takes all cores otherwise.
    alone = os.environ | {"RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    figures = Figures({"encode MB/s": 1, "learn s": 2, "tokens learned": 0})
    for _ in range(given.rounds):
        for text in texts:
            name = os.path.basename(text)
            figures.add(f"{name} emeth", *run_emeth(given.emeth, text))
            words = [sys.executable, __file__, "--tokenizers", text]
            result = subprocess.run(words, check=True, capture_output=True, env=alone)
            figures.add(f"{name} tokenizers", *json.loads(result.stdout))
    figures.finish(given)


if __name__ == "__main__":
    main()
