#!/usr/bin/env python3
"""Records a small GPT-2 as Hugging Face writes it, and its logits, for the tests of EmethCompute/Checkpoint.

usage: huggingface_expectations.py FIXTURES
  FIXTURES  Tests/EmethComputeTests/Fixtures; its folder huggingface-gpt2/ is written

Needs: pip install torch transformers (recorded with torch 2.15.0, transformers 5.23.0).
"""
import json, sys
from pathlib import Path
import torch
from transformers import GPT2Config, GPT2LMHeadModel


def main():
    folder = Path(sys.argv[1]) / "huggingface-gpt2"
    torch.manual_seed(20260101)
    config = GPT2Config(
        vocab_size=53, n_positions=24, n_embd=12, n_layer=11, n_head=3, bos_token_id=None, eos_token_id=None)
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # far from the initial weights, so that every tensor counts
            parameter.add_(torch.randn_like(parameter) * 0.2)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    tokens = torch.randint(0, config.vocab_size, (20,)).tolist()
    with torch.no_grad():
        logits = model(torch.tensor([tokens])).logits[0]
    rows = [{"length": n, "logits": logits[n - 1].tolist()} for n in [1, 2, 7, 20]]
    text = json.dumps({"tokens": tokens, "rows": rows}, separators=(",", ":"))
    (folder / "expectations.json").write_text(text + "\n")


main()
