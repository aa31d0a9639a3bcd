#!/usr/bin/env python3
"""Writes operation_gradients.json: gradients of single operations as PyTorch's autograd gives them in binary64.

    python3 make_operations.py            (needs torch; written with torch 2.15)

For each operation: its inputs, a weight for each of its outputs, and the gradients by each input of the sum of outputs
times weights. Linear weights are (in, out). Numbers are binary32 values.
"""
import json, pathlib
import torch
import torch.nn.functional as F

ROWS, CHANNELS, HEADS, VOCABULARY = 5, 12, 3, 7
TARGETS, TOKENS = [3, 0, 6, -100, 2], [1, 4, 1, 0, 6]


def attention(qkv):
    q, k, v = (x.view(1, ROWS, HEADS, -1).transpose(1, 2) for x in qkv.split(CHANNELS, dim=1))
    return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(ROWS, CHANNELS)


OPERATIONS = {
    "linear": ([(ROWS, CHANNELS), (CHANNELS, 9), (9,)], lambda x, w, b: x @ w + b),
    "layerNorm": ([(ROWS, CHANNELS), (CHANNELS,), (CHANNELS,)],
                  lambda x, w, b: F.layer_norm(x, (CHANNELS,), w, b, 1e-5)),
    "gelu": ([(4 * CHANNELS,)], lambda x: F.gelu(x, approximate="tanh")),
    "attention": ([(ROWS, 3 * CHANNELS)], attention),
    "crossEntropy": ([(ROWS, VOCABULARY)], lambda x: F.cross_entropy(x, torch.tensor(TARGETS)).view(1)),
    "embedding": ([(VOCABULARY, CHANNELS), (ROWS, CHANNELS)], lambda e, p: e[torch.tensor(TOKENS)] + p),
}


def main():
    torch.manual_seed(20261121)
    result = {}
    for name, (shapes, operation) in OPERATIONS.items():
        inputs = [torch.randn(shape).double().requires_grad_() for shape in shapes]
        output = operation(*inputs)
        # The loss is an operation's end: its weight is 1.
        weights = torch.ones(1).double() if name == "crossEntropy" else torch.randn(output.shape).double()
        (output * weights).sum().backward()
        result[name] = {"inputs": [x.detach().flatten().tolist() for x in inputs],
                        "weights": weights.flatten().tolist(),
                        "gradients": [x.grad.flatten().tolist() for x in inputs]}
    path = pathlib.Path(__file__).with_name("operation_gradients.json")
    path.write_text(json.dumps(result, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
