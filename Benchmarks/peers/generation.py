"""Tokens per second of GPT-2 124M with random weights, one text: emeth beside transformers (PyTorch) and ggml's
GPT-2 (ctransformers), in alternating rounds of one run.

    pip install numpy torch transformers ctransformers
    python Benchmarks/peers/generation.py [--emeth .build/release/emeth] [--threads 2] [--rounds 3] [--tokens 64]

A start of 16 tokens, then the likeliest token each time, with a cache of keys and values. Each peer runs in a
process of its own; a figure is the median time of a token, and the table shows the median of the rounds. A peer
that is not installed is left out and named. The last line is the same as JSON. --write
puts the table into Docs/Benchmarks.md.
"""

import argparse
import importlib.util
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time

from figures import Figures, arguments

VOCABULARY, CONTEXT, WIDTH, HEADS, LAYERS, START = 50257, 1024, 768, 12, 12, 16


def write_ggml_model(path, dtype):
    """A file of ggml's GPT-2 example: header, vocabulary, tensors with their extents in reverse."""
    import numpy

    tensor_type, file_type = {"f32": (0, 0), "f16": (1, 1), "int8": (8, 2007)}[dtype]
    random = numpy.random.default_rng(1)
    with open(path, "wb") as out:
        out.write(struct.pack("<7i", 0x67676D6C, VOCABULARY, CONTEXT, WIDTH, HEADS, LAYERS, file_type))
        out.write(struct.pack("<i", VOCABULARY))
        for token in range(VOCABULARY):
            word = f"<{token}>".encode()
            out.write(struct.pack("<i", len(word)) + word)

        def put(name, shape, packed=False):
            values = random.standard_normal(shape, dtype=numpy.float32) * numpy.float32(0.02)
            kind = tensor_type if packed else 0
            out.write(struct.pack("<3i", len(shape), len(name), kind))
            out.write(struct.pack(f"<{len(shape)}i", *reversed(shape)) + name.encode())
            if kind == 8:
                blocks = values.reshape(-1, 32)
                scales = numpy.abs(blocks).max(1) / 127
                stored = numpy.zeros(len(blocks), dtype=[("scale", "<f2"), ("q", "i1", 32)])
                stored["scale"] = scales
                stored["q"] = numpy.round(blocks / scales[:, None])
                values = stored
            elif kind == 1:
                values = values.astype(numpy.float16)
            out.write(values.tobytes())

        put("model/wte", (VOCABULARY, WIDTH), packed=True)
        put("model/wpe", (CONTEXT, WIDTH))
        for layer in range(LAYERS):
            for norm in ("ln_1", "ln_2"):
                put(f"model/h{layer}/{norm}/g", (WIDTH,))
                put(f"model/h{layer}/{norm}/b", (WIDTH,))
            for part, outputs, inputs in (
                ("attn/c_attn", 3, 1), ("attn/c_proj", 1, 1), ("mlp/c_fc", 4, 1), ("mlp/c_proj", 1, 4)):
                put(f"model/h{layer}/{part}/w", (outputs * WIDTH, inputs * WIDTH), packed=True)
                put(f"model/h{layer}/{part}/b", (outputs * WIDTH,))
        put("model/ln_f/g", (WIDTH,))
        put("model/ln_f/b", (WIDTH,))


def median_milliseconds(step, tokens):
    times = []
    for _ in range(tokens):
        began = time.perf_counter()
        step()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def run_transformers(dtype, threads, tokens):
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.set_num_threads(threads)
    model = GPT2LMHeadModel(GPT2Config()).eval().to({"f32": torch.float32, "bf16": torch.bfloat16}[dtype])
    with torch.no_grad():
        state = model(torch.arange(START)[None], use_cache=True)

        def step():
            nonlocal state
            token = state.logits[:, -1:].argmax(-1)
            state = model(token, past_key_values=state.past_key_values, use_cache=True)

        return median_milliseconds(step, tokens)


def run_ggml(path, threads, tokens):
    from ctransformers import LLM, Config

    model = LLM(path, model_type="gpt2", config=Config(threads=threads, context_length=256, batch_size=START))
    model.eval(list(range(START)))
    return median_milliseconds(lambda: model.eval([model.sample(top_k=1)]), tokens)


def run_emeth(program, dtype, threads, tokens):
    words = [program, "benchmark", "generate", "--preset", "gpt2", "--json", "--dtype", dtype]
    words += ["--threads", str(threads), "--tokens", str(tokens)]
    return json.loads(subprocess.run(words, check=True, capture_output=True).stdout)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--peer", nargs=2, metavar=("NAME", "MODEL"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peer:
        name, model = given.peer
        run = run_transformers if name == "transformers" else run_ggml
        print(json.dumps(run(model, given.threads, given.tokens)))
        return

    contenders = [("emeth", dtype, dtype) for dtype in ("f32", "f16", "int8")]
    with tempfile.TemporaryDirectory() as folder:
        if importlib.util.find_spec("transformers") and importlib.util.find_spec("torch"):
            contenders += [("transformers", dtype, dtype) for dtype in ("f32", "bf16")]
        else:
            print("transformers is not installed", file=sys.stderr)
        if importlib.util.find_spec("ctransformers"):
            for dtype in ("f32", "f16", "int8"):
                path = os.path.join(folder, f"{dtype}.bin")
                write_ggml_model(path, dtype)
                contenders.append(("ggml", dtype, path))
        else:
            print("ctransformers is not installed", file=sys.stderr)

        figures = Figures({"ms/token": 1, "of memory's speed": 2}, rate="tokens/s")
        for _ in range(given.rounds):
            for name, dtype, model in contenders:
                if name == "emeth":
                    report = run_emeth(given.emeth, dtype, given.threads, given.tokens)
                    figures.add(f"{name} {dtype}", report["millisecondsPerStep"], report["ratio"])
                    continue
                words = [sys.executable, __file__, "--threads", str(given.threads), "--tokens", str(given.tokens)]
                result = subprocess.run(words + ["--peer", name, model], check=True, capture_output=True)
                figures.add(f"{name} {dtype}", float(result.stdout.split()[-1]))
    figures.finish(given)


if __name__ == "__main__":
    main()
