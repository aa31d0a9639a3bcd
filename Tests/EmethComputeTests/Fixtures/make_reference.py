#!/usr/bin/env python3
"""Writes gpt2_reference.json: loss, gradients and AdamW steps of a tiny GPT-2 as PyTorch computes them.

    python3 make_reference.py            (needs torch and numpy; written with torch 2.15)

Everything is computed twice, in binary64 (what the tests compare with) and in binary32 (how far another binary32
implementation is from that). Arrays are base64 of little-endian numbers, all tensors one after the other in ascending
byte order of their names; linear weights are (in, out).
"""

import base64
import json
import math
import pathlib

import numpy
import torch
import torch.nn.functional as F

LAYERS, HEADS, WIDTH, CONTEXT, VOCABULARY, BATCH, STEPS = 2, 2, 16, 11, 29, 3, 6
OPTIMIZER = dict(learningRate=1e-2, beta1=0.9, beta2=0.95, epsilon=1e-8, weightDecay=0.1, gradientClip=0.7,
                 warmupSteps=2, totalSteps=9, minimumRatio=0.1)
PADDING = 2**32 - 1


def shapes():
    c = WIDTH
    result = {"wte.weight": (VOCABULARY, c), "wpe.weight": (CONTEXT, c), "ln_f.weight": (c,), "ln_f.bias": (c,)}
    for layer in range(LAYERS):
        h = f"h.{layer}."
        result |= {
            h + "ln_1.weight": (c,), h + "ln_1.bias": (c,),
            h + "attn.c_attn.weight": (c, 3 * c), h + "attn.c_attn.bias": (3 * c,),
            h + "attn.c_proj.weight": (c, c), h + "attn.c_proj.bias": (c,),
            h + "ln_2.weight": (c,), h + "ln_2.bias": (c,),
            h + "mlp.c_fc.weight": (c, 4 * c), h + "mlp.c_fc.bias": (4 * c,),
            h + "mlp.c_proj.weight": (4 * c, c), h + "mlp.c_proj.bias": (c,),
        }
    return dict(sorted(result.items(), key=lambda item: item[0].encode()))


def forward(p, tokens):
    """Mean cross-entropy of (B, T + 1) tokens."""
    inputs, targets = tokens[:, :-1], tokens[:, 1:]
    inputs = torch.where(inputs == PADDING, 0, inputs)
    x = p["wte.weight"][inputs] + p["wpe.weight"]
    for layer in range(LAYERS):
        def w(name):
            return p[f"h.{layer}.{name}"]
        norm = F.layer_norm(x, (WIDTH,), w("ln_1.weight"), w("ln_1.bias"), 1e-5)
        q, k, v = (norm @ w("attn.c_attn.weight") + w("attn.c_attn.bias")).split(WIDTH, dim=2)
        q, k, v = (t.view(BATCH, CONTEXT, HEADS, -1).transpose(1, 2) for t in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        y = y.transpose(1, 2).reshape(BATCH, CONTEXT, WIDTH)
        x = x + y @ w("attn.c_proj.weight") + w("attn.c_proj.bias")
        norm = F.layer_norm(x, (WIDTH,), w("ln_2.weight"), w("ln_2.bias"), 1e-5)
        hidden = F.gelu(norm @ w("mlp.c_fc.weight") + w("mlp.c_fc.bias"), approximate="tanh")
        x = x + hidden @ w("mlp.c_proj.weight") + w("mlp.c_proj.bias")
    x = F.layer_norm(x, (WIDTH,), p["ln_f.weight"], p["ln_f.bias"], 1e-5)
    logits = x @ p["wte.weight"].T
    targets = torch.where(targets == PADDING, -100, targets)
    return F.cross_entropy(logits.reshape(-1, VOCABULARY), targets.reshape(-1))


def learning_rate(step):
    o = OPTIMIZER
    if step < o["warmupSteps"]:
        return o["learningRate"] * (step + 1) / o["warmupSteps"]
    low = o["learningRate"] * o["minimumRatio"]
    progress = min(1, (step - o["warmupSteps"]) / (o["totalSteps"] - o["warmupSteps"]))
    return low + (o["learningRate"] - low) * 0.5 * (1 + math.cos(math.pi * progress))


def text(arrays, kind):
    flat = numpy.concatenate([numpy.asarray(a, dtype=kind).reshape(-1) for a in arrays])
    return base64.b64encode(flat.tobytes()).decode()


def train(start, batches, dtype, kind):
    p = {name: torch.tensor(value, dtype=dtype, requires_grad=True) for name, value in start.items()}
    groups = [{"params": [t for t in p.values() if t.dim() == 2], "weight_decay": OPTIMIZER["weightDecay"]},
              {"params": [t for t in p.values() if t.dim() == 1], "weight_decay": 0.0}]
    adamw = torch.optim.AdamW(groups, lr=1.0, betas=(OPTIMIZER["beta1"], OPTIMIZER["beta2"]),
                              eps=OPTIMIZER["epsilon"])
    losses, norms, gradient = [], [], None
    for step in range(STEPS):
        adamw.zero_grad()
        loss = forward(p, batches[step])
        loss.backward()
        if gradient is None:
            gradient = text([t.grad for t in p.values()], kind)
        norm = torch.sqrt(sum((t.grad ** 2).sum() for t in p.values()))
        if norm > OPTIMIZER["gradientClip"]:
            for t in p.values():
                t.grad *= OPTIMIZER["gradientClip"] / norm
        for group in adamw.param_groups:
            group["lr"] = learning_rate(step)
        adamw.step()
        losses.append(loss.item())
        norms.append(norm.item())
    return {"losses": losses, "norms": norms, "gradient": gradient,
            "parameters": text([t.detach() for t in p.values()], kind)}


def main():
    random = numpy.random.RandomState(20)
    start = {}
    for name, shape in shapes().items():
        value = random.standard_normal(shape) * 0.2
        if len(shape) == 1 and name.endswith("weight"):
            value += 1
        start[name] = value.astype(numpy.float32)
    batches = random.randint(0, VOCABULARY, (STEPS, BATCH, CONTEXT + 1)).astype(numpy.int64)
    batches[:, 1, -4:] = PADDING
    tokens = torch.tensor(batches)
    result = {
        "configuration": {"layers": LAYERS, "heads": HEADS, "width": WIDTH, "context": CONTEXT,
                          "vocabularySize": VOCABULARY},
        "optimizer": OPTIMIZER, "names": list(start), "batches": batches.tolist(),
        "start": text(start.values(), "<f4"),
        "binary64": train(start, tokens, torch.float64, "<f8"),
        "binary32": train(start, tokens, torch.float32, "<f4"),
    }
    path = pathlib.Path(__file__).with_name("gpt2_reference.json")
    path.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    torch.use_deterministic_algorithms(True)
    main()
