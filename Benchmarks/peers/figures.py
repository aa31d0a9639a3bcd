"""Figures of alternating rounds: what each contender took in each of them, shown and written to a page."""

import argparse
import json
import os
import shlex
import statistics
import sys
import time

PAGE = "Docs/Benchmarks.md"


class Figures:
    """Rows of contenders; the first column's rounds are shown, of every column the median.

    `columns` are headings, each with its number of decimals; `rate` adds how many fit into 1,000 of the first.
    """

    def __init__(self, columns, rate=None):
        self.columns = columns
        self.rate = rate
        self.rounds = {}
        self.load = os.getloadavg()[0]

    def add(self, name, *values):
        """Takes a round's values, in the order of the columns; the last ones may be missing or None."""
        row = self.rounds.setdefault(name, {heading: [] for heading in self.columns})
        for heading, value in zip(self.columns, values):
            if value is not None:
                row[heading].append(value)

    def table(self):
        """Headings and rows as texts."""
        (first, decimals), *rest = self.columns.items()
        headings = ["", first] + ([self.rate] if self.rate else []) + [heading for heading, _ in rest] + ["rounds"]
        rows = []
        for name, row in self.rounds.items():
            middle = statistics.median(row[first])
            texts = [name, f"{middle:.{decimals}f}"] + ([f"{1000 / middle:.1f}"] if self.rate else [])
            texts += [f"{statistics.median(row[key]):.{places}f}" if row[key] else "" for key, places in rest]
            rows.append(texts + [" ".join(f"{value:.{decimals}f}" for value in row[first])])
        return headings, rows

    def show(self):
        """Prints the table for people; the last line is the same as JSON."""
        headings, rows = self.table()
        widths = [max(len(line[place]) for line in [headings] + rows) for place in range(len(headings))]
        for line in [headings] + rows:
            texts = [line[0].ljust(widths[0])]
            texts += [text.rjust(width) for text, width in zip(line[1:-1], widths[1:-1])] + [line[-1]]
            print("   ".join(texts).rstrip())
        print(json.dumps(self.rounds, sort_keys=True))

    def write(self, page):
        """Puts the table between this script's markers on a page of Markdown, in place of what is there."""
        script = os.path.basename(sys.argv[0])
        begin, end = f"<!-- {script}: written by --write -->", f"<!-- end of {script} -->"
        with open(page, encoding="utf-8") as file:
            text = file.read()
        if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
            sys.exit(f"{page}: the lines `{begin}` and `{end}` are not there, once each and in this order")
        headings, rows = self.table()
        lines = [headings, ["---"] + ["---:"] * (len(headings) - 2) + ["---"]] + rows
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        words = [word for word in sys.argv[1:] if word not in ("--write", page)]
        command = shlex.join(["python", f"Benchmarks/peers/{script}"] + words)
        note = f"`{command}`, {time.strftime('%Y-%m-%d')}, {machine()}, load before it {self.load:.1f}; medians."
        before, after = text[: text.index(begin)], text[text.index(end) :]
        text = f"{before}{begin}\n{note}\n\n{table}\n{after}"
        with open(page + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(page + ".new", page)

    def finish(self, given):
        """Shows the table, and writes it where the arguments ask for it."""
        self.show()
        if given.write:
            self.write(given.write)


def machine():
    """The processor and how many cores of it there are."""
    name = "an unknown processor"
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
        name = names[0] if names else name
    except OSError:
        pass
    return f"{os.cpu_count()} cores of {name}"


def arguments(description, rounds=3):
    """A parser with what every script of this folder takes."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emeth", default=".build/release/emeth")
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--write", nargs="?", const=PAGE, metavar="PAGE", help=f"write the table to {PAGE}")
    return parser
