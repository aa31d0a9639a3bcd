#!/usr/bin/env python3
"""Trains a model folder with Hugging Face's GPT-2 and PyTorch's AdamW on given batches and prints the losses.

usage: pytorch_training.py FOLDER BATCHES
  FOLDER   config.json and model.safetensors: the weights to start from
  BATCHES  JSON {"batches": [step][sequence][T + 1 ids], "optimizer": {learningRate, beta1, beta2, epsilon,
           weightDecay, gradientClip, warmupSteps, totalSteps, minimumRatio}}; linear warm-up, then cosine

Prints JSON {"losses": [...], "norms": [...]}: the mean loss in nats per token before each step, and the norm of its
whole gradient. binary32 on one thread.
Needs: pip install torch transformers (Fixtures/pytorch_losses.json was recorded with torch 2.15.0, transformers 5.23.0).
"""
import json, math, sys
import torch
import torch.nn.functional as F
from transformers import GPT2LMHeadModel


def learning_rate(o, step):
    if step < o["warmupSteps"]:
        return o["learningRate"] * (step + 1) / o["warmupSteps"]
    low = o["learningRate"] * o["minimumRatio"]
    progress = min(1, (step - o["warmupSteps"]) / (o["totalSteps"] - o["warmupSteps"]))
    return low + (o["learningRate"] - low) * 0.5 * (1 + math.cos(math.pi * progress))


def main():
    folder, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        task = json.load(file)
    o = task["optimizer"]
    torch.set_num_threads(1)
    model = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32).eval()  # eval: no dropout
    parameters = list(model.parameters())
    groups = [{"params": [p for p in parameters if p.dim() == 2], "weight_decay": o["weightDecay"]},
              {"params": [p for p in parameters if p.dim() == 1], "weight_decay": 0.0}]
    adamw = torch.optim.AdamW(groups, lr=1.0, betas=(o["beta1"], o["beta2"]), eps=o["epsilon"])
    losses, norms = [], []
    for step, batch in enumerate(task["batches"]):
        tokens = torch.tensor(batch)
        logits = model(tokens[:, :-1]).logits
        loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), tokens[:, 1:].reshape(-1))
        adamw.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(parameters, o["gradientClip"]).item())
        for group in adamw.param_groups:
            group["lr"] = learning_rate(o, step)
        adamw.step()
        losses.append(loss.item())
    print(json.dumps({"losses": losses, "norms": norms}))


main()
