#!/usr/bin/env python3
"""Writes the table of letters, numbers and white space that EmethCompute's byte-level BPE splits text by.

usage: unicode_classes.py Sources/EmethCompute/Tokenizer/ScalarClass+Unicode.swift

Needs: pip install unicodedata2==16.0.0, the Unicode version of the `tokenizers` release that Tests/requirements-full.txt
pins. ScalarClassTests compares the table with that release, character by character. A newer Unicode version goes into
both at once.
"""
import sys
import unicodedata2

# White_Space of PropList.txt, which unicodedata leaves out; the property has been stable since Unicode 6.3.
SPACES = {*range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}
LETTER, NUMBER, SPACE, OTHER = range(4)


def kind(code):
    if code in SPACES:
        return SPACE
    return {"L": LETTER, "N": NUMBER}.get(unicodedata2.category(chr(code))[0], OTHER)


def main():
    runs, last = [], None
    for code in range(0x110000):
        if kind(code) != last:
            last = kind(code)
            runs.append(code << 2 | last)
    lines = []
    for start in range(0, len(runs), 10):
        lines.append("    " + ", ".join(f"0x{run:X}" for run in runs[start:start + 10]) + ",")
    version = unicodedata2.unidata_version
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write(f"""// Written by Tests/Scripts/unicode_classes.py from Unicode {version}; not to be edited.

extension ScalarClass {{
  /// The version of Unicode that the classes are of.
  static let unicodeVersion = "{version}"

  /// Where a run of characters of one class begins, ascending: first character x 4 + class.
  static let runs: [UInt32] = [
""" + "\n".join(lines) + "\n  ]\n}\n")


main()
