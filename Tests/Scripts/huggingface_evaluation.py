#!/usr/bin/env python3
"""Writes small GPT-2 models of bytes as Hugging Face saves them, and the loss that it finds for a text.

usage: huggingface_evaluation.py FOLDER [DTYPE...]
  FOLDER  gets DTYPE/config.json, DTYPE/model.safetensors and DTYPE/evaluation.json for each of float32 (the only one
          when none is named), float16, bfloat16

evaluation.json: {"text", "loss" (nats per token), "tokens", "windows"}: windows of the model's context that do not
overlap, each predicting the tokens that follow its own, the last partial one left out.
Needs: pip install torch transformers (recorded with torch 2.15.0, transformers 5.23.0).
"""
import json, sys
from pathlib import Path
import torch
import torch.nn.functional as F
from transformers import GPT2Config, GPT2LMHeadModel

TEXT = ("It was the best of times, it was the worst of times; 吾輩は猫である。名前はまだ無い。\n" * 12)[:-17]


def evaluation(model, text):
    ids = torch.tensor(list(text.encode()))
    context = model.config.n_positions
    windows = (len(ids) - 1) // context
    inputs = ids[: windows * context].view(windows, context)
    targets = ids[1 : windows * context + 1].view(windows, context)
    with torch.no_grad():
        logits = model(inputs).logits.double()
    loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))
    return {"text": text, "loss": loss.item(), "tokens": windows * context, "windows": windows}


def main():
    root = Path(sys.argv[1])
    for name in sys.argv[2:] or ["float32"]:
        torch.manual_seed(20260102)
        config = GPT2Config(vocab_size=256, n_positions=32, n_embd=20, n_layer=3, n_head=4,
                            bos_token_id=None, eos_token_id=None)
        model = GPT2LMHeadModel(config).eval()
        with torch.no_grad():
            for parameter in model.parameters():  # far from the initial weights, so that every tensor counts
                parameter.add_(torch.randn_like(parameter) * 0.2)
        model = model.to(getattr(torch, name))
        folder = root / name
        model.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        # Read back, and evaluated in binary32: what is stored is what counts.
        stored = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32).eval()
        text = json.dumps(evaluation(stored, TEXT), ensure_ascii=False, separators=(",", ":"))
        (folder / "evaluation.json").write_text(text + "\n", encoding="utf-8")


main()
