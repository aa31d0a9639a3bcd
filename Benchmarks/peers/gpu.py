"""PyTorch on a GPU, for the table of Benchmarks/gpu.sh: a training step of GPT-2 and tokens of one and of many texts.

    python gpu.py [--device cuda] [--preset gpt2] [--batch 8] [--context 1024] [--steps 5] [--tokens 50]

Training is bf16 by autocast, scaled_dot_product_attention, torch.compile and fused AdamW with clipping of the gradient's
norm; generation is compiled decoding in bf16 with a static cache, the likeliest token each time. Random weights and ids.
Prints rows of Markdown: what, the command, the figure. --plain compiles nothing.
"""

import argparse
import statistics
import time

import torch
from torch import nn
from torch.nn import functional

# layers, heads, channels, ids
PRESETS = {"gpt2": (12, 12, 768, 50257), "tiny": (4, 4, 128, 256)}


class Block(nn.Module):
    def __init__(self, heads, width):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.projection = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, stream, cache=None, place=None, mask=None):
        sequences, tokens, width = stream.shape
        parts = self.qkv(self.norm1(stream)).view(sequences, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = parts[0], parts[1], parts[2]
        if cache is None:
            mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        else:
            keys, values = cache
            keys.index_copy_(2, place, key)
            values.index_copy_(2, place, value)
            mixed = functional.scaled_dot_product_attention(query, keys, values, attn_mask=mask)
        stream = stream + self.projection(mixed.transpose(1, 2).reshape(sequences, tokens, width))
        return stream + self.narrow(functional.gelu(self.wide(self.norm2(stream)), approximate="tanh"))


class Model(nn.Module):
    def __init__(self, layers, heads, width, vocabulary, context):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(heads, width) for _ in range(layers))
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

    def next(self, ids, place, caches, steps):
        """The likeliest token behind one token of each text."""
        stream = self.tokens(ids) + self.positions(place)
        mask = (steps <= place)[None, None, None]
        for block, cache in zip(self.blocks, caches):
            stream = block(stream, cache, place, mask)
        return functional.linear(self.norm(stream), self.tokens.weight).argmax(-1)


def wait(device):
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def training(given, shape):
    model = Model(*shape, given.context).to(given.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=given.device != "cpu")
    run = model if given.plain else torch.compile(model)
    ids = torch.randint(0, shape[3], (given.batch, given.context + 1), device=given.device)
    inputs, targets = ids[:, :-1].contiguous(), ids[:, 1:].contiguous()
    times = []
    for _ in range(given.steps + 3):
        wait(given.device)
        began = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(given.device.split(":")[0], torch.bfloat16):
            loss = run(inputs, targets)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss.item()
        times.append(time.perf_counter() - began)
    seconds = statistics.median(times[3:])
    return f"{1000 * seconds:.1f} ms, {given.batch * given.context / seconds:,.0f} tokens/s"


@torch.inference_mode()
def generation(given, shape, texts):
    layers, heads, width, _ = shape
    model = Model(*shape, given.context).to(given.device, torch.bfloat16).eval()
    extent = (texts, heads, given.context, width // heads)
    caches = [
        tuple(torch.zeros(extent, dtype=torch.bfloat16, device=given.device) for _ in range(2)) for _ in range(layers)
    ]
    run = model.next if given.plain else torch.compile(model.next, mode="reduce-overhead", fullgraph=True)
    steps = torch.arange(given.context, device=given.device)
    ids = torch.zeros((texts, 1), dtype=torch.long, device=given.device)
    times = []
    for token in range(min(given.tokens + 8, given.context)):
        wait(given.device)
        began = time.perf_counter()
        ids = run(ids, torch.tensor([token], device=given.device), caches, steps).clone()
        ids.sum().item()
        times.append(time.perf_counter() - began)
    seconds = statistics.median(times[8:])
    return f"{1000 * seconds:.2f} ms a token of each text, {texts / seconds:,.0f} tokens/s"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--preset", choices=list(PRESETS), default="gpt2")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--context", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=50)
    parser.add_argument("--plain", action="store_true")
    given = parser.parse_args()
    shape = PRESETS[given.preset]
    torch.manual_seed(1)
    version = f"PyTorch {torch.__version__}"
    sizes = f"--preset {given.preset} --batch {given.batch} --context {given.context}"
    print(f"| training step, {version} | `gpu.py {sizes}` | {training(given, shape)} |")
    for texts in (1, 64):
        print(f"| generation, {texts} texts, {version} | `gpu.py {sizes}` | {generation(given, shape, texts)} |")


if __name__ == "__main__":
    main()
