#!/usr/bin/env python3
"""Opens a model folder with Hugging Face transformers and compares its logits and tokens with recorded ones.

usage: check_model_folder.py FOLDER EXPECTATIONS
  EXPECTATIONS  JSON {"tokens": [...], "logits": [...], "text": "...", "ids": [...]}: the logits after the tokens, and
                the token ids of the text

Prints the largest difference of a logit; exit 0 when it is at most 1e-4 and the ids are equal, else 1.
Needs: pip install torch transformers.
"""
import json, sys
import torch
from transformers import AutoTokenizer, GPT2LMHeadModel


def main():
    folder, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        expected = json.load(file)
    model, report = GPT2LMHeadModel.from_pretrained(folder, output_loading_info=True)
    with torch.no_grad():
        logits = model.eval()(torch.tensor([expected["tokens"]])).logits[0, -1]
    difference = (logits - torch.tensor(expected["logits"])).abs().max().item()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(expected["text"])["input_ids"]
    print(f"largest difference {difference:.3g}, ids {'equal' if ids == expected['ids'] else ids}")
    left_over = report["missing_keys"] or report["unexpected_keys"] or report["mismatched_keys"]
    if left_over:
        print(f"keys do not match: {report}")
    sys.exit(0 if difference <= 1e-4 and ids == expected["ids"] and not left_over else 1)


main()
