#!/usr/bin/env python3
"""Records what Hugging Face's `tokenizers` makes of texts with small unigram models, for UnigramTokenizerTests.

usage: unigram_expectations.py FIXTURES
  FIXTURES   Tests/EmethComputeTests/Fixtures; unigram.json, unigram-bytes.json and unigram-expectations.json are written
             into its folder tokenizer/

The models are trained by SentencePiece on a few lines, with a table of some characters to be replaced.
Needs: pip install sentencepiece protobuf tokenizers (recorded with 0.2.3, 7.36.2 and 0.23.3).
"""
import base64, json, random, sys, tempfile
from pathlib import Path

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer

CORPUS = """Whoever wants to be sure that a machine did the work asks for something that only the work can give.
The cat sat by the window and watched the rain; the rain did not mind. It's late, they're tired, we've time.
猫は窓のそばに座って雨を見ていた。雨は気にしなかった。名前はまだ無い。
計算をもう一度行う者は、同じ答えに至らなければならない。同じ答えである。猫の答えは雨である。
"""
RULES = {
    "\n": " ", "\r": " ", "\t": " ", "\u3000": " ", "\u00a0": " ", "\u200b": "", "Ａ": "A", "１": "1", "！": "!", "㌔": "キロ",
    "ﬁ": "fi", "e\u0301": "é", "ｶ": "カ", "ﾞ": "\u3099", "½": "1\u20442", "①": "1",
}
PIECES = list("aehtcsr '.,!1") + ["\n", "\r\n", "\t", "  ", " the", "cat", "猫", "雨", "は", "答え", "である。", "\u3000", "Ａ", "１", "！",
    "㌔", "ﬁ", "e\u0301", "１\u0301", "ｶﾞ", "½", "①", "😀", "猫\u3099", "▁", "<0xE3>", "<unk>x", "한", "\u200b", "\u0600 ", "\x00"]


def train(folder, byte_fallback):
    (folder / "corpus").write_text(CORPUS * 3)
    # The ranges of a rule: source characters, then what they become, in hexadecimal.
    codes = lambda text: " ".join(f"{ord(character):04X}" for character in text)
    (folder / "rules.tsv").write_text("".join(f"{codes(key)}\t{codes(value)}\n" for key, value in RULES.items()))
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "corpus"), model_prefix=str(folder / "m"), vocab_size=352 if byte_fallback else 96,
        model_type="unigram", normalization_rule_tsv=str(folder / "rules.tsv"), byte_fallback=byte_fallback,
        character_coverage=0.98, minloglevel=2)
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString((folder / "m.model").read_bytes())
    return proto


def tokenizer(proto, byte_fallback):
    mark = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    table = base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()
    added = [(index, piece.piece) for index, piece in enumerate(proto.pieces) if piece.type in (2, 3)]
    added.append((len(proto.pieces), "[PAD]"))
    decoder = mark
    if byte_fallback:
        decoder = {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [
            {"id": index, "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
             "special": True} for index, text in added],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Precompiled", "precompiled_charsmap": table},
            {"type": "Strip", "strip_left": False, "strip_right": True},
            {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"}]},
        "pre_tokenizer": mark, "post_processor": None, "decoder": decoder,
        "model": {"type": "Unigram", "unk_id": 0, "vocab": [[piece.piece, piece.score] for piece in proto.pieces],
                  "byte_fallback": byte_fallback}}


def main():
    folder = Path(sys.argv[1]) / "tokenizer"
    generator = random.Random(20260102)
    texts = ["", " ", "The cat sat by the window.\n", "猫は雨を見ていた。\r\n", "  two  spaces  ", CORPUS]
    texts += ["".join(generator.choice(PIECES) for _ in range(generator.randint(1, 40))) for _ in range(120)]
    # A special token in a text is Hugging Face's to find and ours to leave alone.
    texts = [text for text in texts if "<unk>" not in text]
    recorded = {}
    for name, byte_fallback in (("unigram", False), ("unigram-bytes", True)):
        with tempfile.TemporaryDirectory() as scratch:
            document = tokenizer(train(Path(scratch), byte_fallback), byte_fallback)
        path = folder / f"{name}.json"
        path.write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n")
        model = Tokenizer.from_file(str(path))
        cases = []
        for text in texts:
            ids = model.encode(text, add_special_tokens=False).ids
            cases.append({"text": text, "ids": ids, "decoded": model.decode(ids, skip_special_tokens=False)})
        recorded[name] = cases
    (folder / "unigram-expectations.json").write_text(json.dumps(recorded, separators=(",", ":")) + "\n")


main()
