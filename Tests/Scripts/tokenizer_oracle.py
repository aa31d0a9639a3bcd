#!/usr/bin/env python3
"""Answers what Hugging Face's `tokenizers` makes of a question, for TokenizerOracleTests.

usage: tokenizer_oracle.py classes OUT
       tokenizer_oracle.py encode TOKENIZER TEXT OUT
       tokenizer_oracle.py decode TOKENIZER IDS OUT
       tokenizer_oracle.py train VOCABULARY MINIMUM FOLDER TEXT...

classes  one byte for each code from 0 to U+10FFFF: L, N, S or O, by what its pre-tokenizer joins the character with
encode   the ids of TEXT as 32-bit little-endian numbers; TOKENIZER is a tokenizer.json, or a folder with vocab.json and
         merges.txt
decode   the text of such ids
train    learns a byte-level BPE and writes vocab.json, merges.txt and tokenizer.json

Needs: the packages of Tests/requirements-full.txt.
"""
import array
import sys
from pathlib import Path

from tokenizers import ByteLevelBPETokenizer, Tokenizer
from tokenizers.pre_tokenizers import ByteLevel


def kind(splitter, character):
    for letter, neighbour in (("L", "a"), ("N", "1"), ("O", "!")):
        if len(splitter.pre_tokenize_str(neighbour + character + neighbour)) == 1:
            return letter
    return "S"


def classes(out):
    splitter = ByteLevel(add_prefix_space=False, use_regex=True)
    kinds = ("O" if 0xD800 <= code < 0xE000 else kind(splitter, chr(code)) for code in range(0x110000))
    Path(out).write_text("".join(kinds))


def load(path):
    if Path(path).is_dir():
        return ByteLevelBPETokenizer(f"{path}/vocab.json", f"{path}/merges.txt")
    return Tokenizer.from_file(path)


def encode(tokenizer, text, out):
    ids = load(tokenizer).encode(Path(text).read_bytes().decode("utf-8"), add_special_tokens=False).ids
    Path(out).write_bytes(array.array("I", ids).tobytes())


def decode(tokenizer, ids, out):
    numbers = array.array("I", Path(ids).read_bytes())
    text = load(tokenizer).decode(list(numbers), skip_special_tokens=False)
    Path(out).write_bytes(text.encode("utf-8"))


def train(vocabulary, minimum, folder, *texts):
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train(list(texts), vocab_size=int(vocabulary), min_frequency=int(minimum), show_progress=False)
    tokenizer.save_model(folder)
    tokenizer.save(f"{folder}/tokenizer.json")


{"classes": classes, "encode": encode, "decode": decode, "train": train}[sys.argv[1]](*sys.argv[2:])
