"""Figures of alternating rounds: what each contender took in each of them."""

import json
import statistics


class Figures:
    def __init__(self):
        self.rounds = {}

    def add(self, name, milliseconds, ratio=None):
        figure = self.rounds.setdefault(name, {"milliseconds": [], "ratio": []})
        figure["milliseconds"].append(milliseconds)
        if ratio is not None:
            figure["ratio"].append(ratio)

    def show(self, unit, ratio):
        """Prints medians and rounds for people; the last line is the same as JSON."""
        print(f"{'':20}{'ms/' + unit:>10}{unit + 's/s':>10}   {ratio:17}   rounds")
        for name, figure in self.rounds.items():
            middle = statistics.median(figure["milliseconds"])
            share = f"{statistics.median(figure['ratio']):.2f}" if figure["ratio"] else ""
            rounds = " ".join(f"{value:.1f}" for value in figure["milliseconds"])
            print(f"{name:20}{middle:10.1f}{1000 / middle:10.1f}   {share:17}   {rounds}")
        print(json.dumps(self.rounds, sort_keys=True))
