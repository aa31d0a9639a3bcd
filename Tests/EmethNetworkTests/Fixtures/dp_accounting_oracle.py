#!/usr/bin/env python3
"""The (epsilon, delta) of Gaussian mechanisms one after another, by dp-accounting.

usage: dp_accounting_oracle.py < questions > answers

A question is a line of noise multiplier, repetitions and delta; its answer is epsilon.
"""
import sys

import numpy
from dp_accounting import dp_event
from dp_accounting.rdp import RdpAccountant

# Orders as close as the account's own, which looks for the best one.
ORDERS = 1 + numpy.exp(numpy.arange(-4, 14, 0.005))

for line in sys.stdin:
    multiplier, repetitions, delta = line.split()
    accountant = RdpAccountant(ORDERS)
    accountant.compose(dp_event.GaussianDpEvent(float(multiplier)), int(repetitions))
    print(repr(float(accountant.get_epsilon(float(delta)))), flush=True)
