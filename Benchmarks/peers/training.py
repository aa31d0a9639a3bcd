"""Milliseconds of a training step: emeth beside PyTorch in alternating rounds of one run.

    pip install numpy torch
    python Benchmarks/peers/training.py [--emeth .build/release/emeth] [--threads 2] [--rounds 3] [--steps 6]
        [--shape gpt2] [--shape small]

Shapes: gpt2 is GPT-2 124M with 4 sequences of 64 tokens, small is 6 layers, 6 heads, 384 channels, 256 ids with 12
sequences of 256, tiny is 4 layers, 4 heads, 128 channels, 256 ids with 12 of 64. A step is forward, backward, clipping
of the gradient's norm and AdamW (PyTorch's fused one), on random ids. Each peer runs in a process of its own; its first
step is not counted; a figure is the median of a process, and the table shows the median of the rounds. PyTorch runs in
binary32 beside the profile `reproducible`, and in bf16 by autocast beside `fast`. The last line is the same as JSON.
--write puts the table into Docs/Benchmarks.md.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

from figures import Figures, arguments

# layers, heads, channels, ids, tokens of a sequence, sequences
SHAPES = {
    "gpt2": (12, 12, 768, 50257, 64, 4),
    "small": (6, 6, 384, 256, 256, 12),
    "tiny": (4, 4, 128, 256, 64, 12),
}


def run_torch(shape, dtype, threads, steps):
    import torch
    from torch import nn
    from torch.nn import functional

    torch.set_num_threads(threads)
    layers, heads, width, vocabulary, context, batch = SHAPES[shape]

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.projection = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, stream):
            sequences, tokens, _ = stream.shape
            parts = self.qkv(self.norm1(stream)).view(sequences, tokens, 3, heads, -1).permute(2, 0, 3, 1, 4)
            mixed = functional.scaled_dot_product_attention(*parts, is_causal=True)
            stream = stream + self.projection(mixed.transpose(1, 2).reshape(sequences, tokens, width))
            return stream + self.narrow(functional.gelu(self.wide(self.norm2(stream)), approximate="tanh"))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
            self.blocks = nn.ModuleList(Block() for _ in range(layers))
            self.norm = nn.LayerNorm(width)
            for parameter in self.parameters():
                if parameter.dim() == 2:
                    nn.init.normal_(parameter, std=0.02)

        def forward(self, ids, targets):
            stream = self.tokens(ids) + self.positions.weight[: ids.shape[1]]
            for block in self.blocks:
                stream = block(stream)
            logits = functional.linear(self.norm(stream), self.tokens.weight)
            return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())

    model = Model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    ids = torch.randint(0, vocabulary, (batch, context + 1))
    inputs, targets = ids[:, :-1].contiguous(), ids[:, 1:].contiguous()
    times = []
    for _ in range(steps + 1):
        began = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bf16"):
            loss = model(inputs, targets)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss.item()
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:]) * 1000


# What emeth calculates with beside PyTorch in binary32 and in bf16.
PROFILES = {"f32": "reproducible", "bf16": "fast"}


def run_emeth(program, shape, profile, threads, steps):
    _, _, _, _, context, batch = SHAPES[shape]
    words = [program, "benchmark", "train", "--json", "--preset", shape, "--batch", str(batch)]
    words += ["--context", str(context), "--threads", str(threads), "--steps", str(steps), "--profile", profile]
    return json.loads(subprocess.run(words, check=True, capture_output=True).stdout)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--shape", action="append", choices=list(SHAPES))
    parser.add_argument("--dtype", action="append", choices=["f32", "bf16"], help="f32 (beside reproducible), bf16 (beside fast)")
    parser.add_argument("--torch", nargs=2, metavar=("SHAPE", "DTYPE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.torch:
        print(run_torch(*given.torch, given.threads, given.steps))
        return

    figures = Figures({"ms/step": 1, "of the peak": 2}, rate="steps/s")
    for _ in range(given.rounds):
        for shape in given.shape or ["gpt2", "small"]:
            for dtype in given.dtype or ["f32", "bf16"]:
                report = run_emeth(given.emeth, shape, PROFILES[dtype], given.threads, given.steps)
                figures.add(f"{shape} emeth {PROFILES[dtype]}", report["millisecondsPerStep"], report["ratio"])
                words = [sys.executable, __file__, "--threads", str(given.threads), "--steps", str(given.steps)]
                result = subprocess.run(
                    words + ["--torch", shape, dtype], check=True, stdout=subprocess.PIPE, text=True)
                figures.add(f"{shape} PyTorch {dtype}", float(result.stdout.split()[-1]))
    figures.finish(given)


if __name__ == "__main__":
    main()
