#!/usr/bin/env python3
"""Records what Hugging Face's `tokenizers` package makes of texts, for the tests of EmethCompute/Tokenizer.

usage: tokenizer_expectations.py VECTORS DATA FIXTURES
  VECTORS   folder with gpt2/encoder.json.gz and gpt2/vocab.bpe.gz
  DATA      folder with shakespeare.txt and neko.txt
  FIXTURES  Tests/EmethComputeTests/Fixtures; its folder tokenizer/ is written

Needs: pip install tokenizers (recorded with 0.23.3).
"""
import gzip, hashlib, json, random, struct, sys, tempfile
from pathlib import Path
from tokenizers import ByteLevelBPETokenizer

TEXTS = [
    "", " ", "  ", "\n", "\n\n", " \n ", "a", " a", "  a", "   a b", "a  b", "a\n\nb", "a \n b", "a\n \nb\t\tc",
    "Hello world", "Hello, world!  It's 2026.", "it's they're we've I'm he'll she'd can't", "IT'S THEY'RE 'S's",
    "'s", "''s", "'hello'", "don't'", "!'s", "x'y'z 're", "a'ss 'stand 'red", "'l 'll 'lll",
    "1234567890 12ab34 3.14 1,000 x2", "²³½ Ⅷ ① ٣٤٥ ९", "snake_case CamelCase kebab-case a+b=c", "...!!!???  ---  ===",
    "tabs\tand\r\nline ends\r\n\r\nhere\x0b\x0c", "\x00\x01\x7f controls \x1c\x1d\x1e\x1f end",
    "nbsp\u00a0here \u00a0 and\u0085next \u2003em\u2003\u2003sp\u3000全角\u3000\u3000空白\u200bzero\ufeffbom\u180emvs",
    "吾輩は猫である。名前はまだ無い。", "　吾輩わがはいは猫である。　", "ニャーニャー泣いていた事だけは記憶している。", "「ﾊﾝｶｸ」ＡＢＣ１２３",
    "日本語とEnglishとの mix です、ね。\n次の行", "がぎぐ が ゛゜ ー々〆ヶ", "𠮷野家で𩸽を食べる", "한국어 문장입니다.", "中文没有空格。",
    "naïve café e\u0301a\u0308 Ångström ﬁn ſ", "Привет, мир! Ёлка", "مرحبا بالعالم", "שלום עולם", "สวัสดีชาวโลก", "नमस्ते दुनिया", "ქართული Ꭰ",
    "😀 👩‍👩‍👧‍👦 🇯🇵 ❤️ ☃ ∑∫√ →", "a😀b 😀😀  😀", "<|endoftex|> < |end", "Ġ Ċ ĠĠ â", "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
    "the the the The THE  the", "    def f(x):\n        return x  # ok\n", "http://example.com/?q=1&r=%20#x", "\u2028line\u2029para",
    "a" * 300, "ab" * 200, "あ" * 120, " " * 70 + "x", "\n" * 33,
]
ALPHABET = list("abcdefgstvmlrde'''   \n\n\t.,!?019") + ["é", "ß", "ー", "猫", "あ", "ア", "。", "　", "\u00a0", "😀", "\u0301", "½", "٣", "\r\n", "'s", "'ll", " the", "ing"]

CORPUS = """Whoever wants to be sure that a machine did the work asks for something that only the work can give.
The cat sat by the window and watched the rain; the rain did not mind. It's late, they're tired, we've time.
A node that computes the step again must reach the same bits, and the same bits again, whatever machine it is.
Numbers: 1 2 3 10 20 30 100 2024 2025 2026. Again and again and again, the mean of the sums is the sum of the means.
猫は窓のそばに座って雨を見ていた。雨は気にしなかった。名前はまだ無い。
計算をもう一度行う者は、同じ答えに至らなければならない。同じ答えである。
"""


def random_texts(count, seed):
    generator = random.Random(seed)
    return ["".join(generator.choice(ALPHABET) for _ in range(generator.randint(1, 40))) for _ in range(count)]


def digest(ids):
    return hashlib.sha256(b"".join(struct.pack("<I", i) for i in ids)).hexdigest()


def cases(tokenizer, texts):
    return [{"text": text, "ids": tokenizer.encode(text).ids} for text in texts]


def write(path, value):
    path.write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")


def main():
    vectors, data, fixtures = map(Path, sys.argv[1:])
    folder = fixtures / "tokenizer"
    folder.mkdir(parents=True, exist_ok=True)
    texts = TEXTS + random_texts(150, 20260101)

    own = ByteLevelBPETokenizer()
    own.train_from_iterator([CORPUS], vocab_size=420, min_frequency=2, show_progress=False)
    own.save_model(str(folder))
    (folder / "corpus.txt").write_text(CORPUS)
    own.save(str(folder / "tokenizer.json"))
    write(folder / "own-expectations.json", {"cases": cases(own, texts)})

    with tempfile.TemporaryDirectory() as unpacked:
        names = []
        for name in ["encoder.json", "vocab.bpe"]:
            names.append(str(Path(unpacked) / name))
            Path(names[-1]).write_bytes(gzip.decompress((vectors / "gpt2" / (name + ".gz")).read_bytes()))
        gpt2 = ByteLevelBPETokenizer(*names)
    files = []
    for name in ["shakespeare.txt", "neko.txt"]:
        ids = gpt2.encode((data / name).read_bytes().decode("utf-8")).ids
        files.append({"name": name, "count": len(ids), "sha256": digest(ids)})
    write(folder / "gpt2-expectations.json", {"cases": cases(gpt2, texts), "files": files})


main()
