#!/usr/bin/env python3
"""The money of PROTOCOL 3 a second time, in Python's unbounded integers: what the Swift library is compared with.

usage: money_model.py < questions > answers
       money_model.py --examples > money-cases.jsonl

One JSON object a line each way. Integers travel as decimal strings, rates as numbers over 100,000.

  {"kind": "quote", "rules": {...}, "fuelLimit", "fuelPrice", "fuelUsed", "end"}
  {"kind": "slot", "startSlot", "slot", "fuelCap" or null, "rewardCapRate" or null, "work": [[fuel, fees], ...]}

An answer is {"amounts": {...}} or {"refused": [every reason that holds]}.
"""
import json
import sys

WHOLE = 100_000
RANGE = 2**256
EMETH = 10**18


def share(rate, amount):
    return rate * amount // WHOLE


def terms(rules, fuel_limit, fuel_price):
    """L, V, E, D, Vr, Vn of the first table's preamble, by the second table's columns."""
    fee_limit = fuel_limit * fuel_price
    size = rules["verifierFee"]
    fee = share(size["rate"], fee_limit) if "rate" in size else int(size["flat"])
    from_escrow = fee if rules["verifierFeeSource"] == "escrow" else 0
    from_fee = fee - from_escrow
    escrow = fee_limit + from_escrow
    deposit = share(rules["depositRate"], fee_limit)
    if rules["depositIncludesVerifierFee"]:
        deposit += fee
    return fee_limit, fee, escrow, deposit, from_escrow, from_fee


def quote(question):
    rules = question["rules"]
    limit, price, used = (int(question[key]) for key in ("fuelLimit", "fuelPrice", "fuelUsed"))
    end = question["end"]
    fee_limit, fee, escrow, deposit, from_escrow, from_fee = terms(rules, limit, price)

    refused = []
    if used > limit:
        refused.append("economics.fuelAboveLimit")
    if max(fee_limit, fee, escrow, deposit, escrow + deposit) >= RANGE:
        refused.append("number.overflow")
    if from_fee > fee_limit:
        refused.append("economics.feeBelowVerifierFee")
    if deposit < fee:
        refused.append("economics.depositBelowVerifierFee")
    if refused:
        return {"refused": refused}

    paid = fee_limit if rules["flatFee"] else used * price
    base = fee_limit if rules["penaltyBase"] == "feeLimit" else deposit
    penalty = 0
    if end in ("timeout", "declined"):
        name = "timeoutPenaltyRate" if end == "timeout" else "declinePenaltyRate"
        penalty = min(share(rules[name], base), deposit)
    elif end == "failed":
        penalty = min(share(rules["failedPenaltyRate"], base), deposit - fee)

    # requester, node, verifier, burned: the rows of the table.
    rows = {
        "verified": (escrow - paid - from_escrow, paid - from_fee + deposit, fee, 0),
        "expired": (escrow - paid - from_escrow + fee, paid - from_fee + deposit, 0, 0),
        "canceled": (escrow, 0, 0, 0),
        "unclaimed": (escrow, 0, 0, 0),
        "timeout": (escrow, deposit - penalty, 0, penalty),
        "declined": (escrow, deposit - penalty, 0, penalty),
        "failed": (escrow, deposit - penalty - fee, fee, penalty),
    }
    row = rows[end]
    locked = escrow + (0 if end in ("canceled", "unclaimed") else deposit)
    assert sum(row) == locked and min(row) >= 0, question
    names = ("feeLimit", "verifierFee", "escrow", "deposit", "penalty", "requester", "node", "verifier", "burned")
    return {"amounts": dict(zip(names, map(str, (fee_limit, fee, escrow, deposit, penalty) + row)))}


def slot(question):
    years = (int(question["slot"]) - int(question["startSlot"])) // 365
    reward = max(0, 288_000 * EMETH - 14_400 * EMETH * years) if years >= 0 else 0
    cap = question["fuelCap"]
    counted = [min(int(fuel), int(cap)) if cap is not None else int(fuel) for fuel, _ in question["work"]]
    refused = []
    if sum(counted) >= 2**64:
        refused.append("number.overflow")
    rate = question["rewardCapRate"]
    shares = []
    for fuel, (_, fees) in zip(counted, question["work"]):
        amount = reward * fuel // sum(counted) if fuel else 0
        if rate is not None:
            most = share(rate, int(fees))
            if most >= RANGE:
                refused.append("number.overflow")
            amount = min(amount, most)
        shares.append(amount)
    if refused:
        return {"refused": refused}
    return {"reward": str(reward), "shares": [str(amount) for amount in shares]}


def answer(question):
    return {"quote": quote, "slot": slot}[question["kind"]](question)


def rule_set(name, fee, source, deposit, included, base, penalties, flat, cap):
    return {
        "name": name, "verifierFee": fee, "verifierFeeSource": source, "depositRate": deposit,
        "depositIncludesVerifierFee": included, "penaltyBase": base, "timeoutPenaltyRate": penalties[0],
        "declinePenaltyRate": penalties[1], "failedPenaltyRate": penalties[2], "flatFee": flat, "rewardCapRate": cap,
    }


# The second table of PROTOCOL 3, row by row, and one set of a user's own.
QUARTER = (25_000, 25_000, 25_000)
RULES = [
    rule_set("standard", {"rate": 5_000}, "escrow", WHOLE, True, "feeLimit", QUARTER, False, WHOLE),
    rule_set("core-2023", {"rate": 5_000}, "escrow", WHOLE, True, "feeLimit", QUARTER, False, None),
    rule_set("core-2023-initial", {"rate": 0}, "escrow", 0, False, "feeLimit", QUARTER, False, None),
    rule_set("round3-2", {"flat": str(10 * EMETH)}, "fee", WHOLE, False, "deposit", QUARTER, True, None),
    rule_set("own", {"flat": "7"}, "escrow", 33_333, False, "deposit", (99_999, 123, 250_000), False, 50_000),
]
ENDS = ["verified", "canceled", "timeout", "unclaimed", "declined", "failed", "expired"]


def examples():
    """A few cases of every rule set and end, refused ones too, for machines without a Python."""
    jobs = [
        (120_000, 120 * 10**9, 100_000), (19, 1, 7), (0, 5, 0), (2**64 - 1, 2**191, 1), (1, 10 * EMETH, 1),
        (1, 10 * EMETH - 1, 0), (3, RANGE - 1, 3), (5, 9, 6), (40, EMETH, 13), (1, (RANGE - 1) // 3, 1),
    ]
    for rules in RULES:
        for number, (limit, price, used) in enumerate(jobs):
            # Every end for the first jobs, one in turn for the others.
            for end in ENDS if number in (0, 8) else [ENDS[number % len(ENDS)], "failed"]:
                yield {
                    "kind": "quote", "rules": rules, "fuelLimit": str(limit), "fuelPrice": str(price),
                    "fuelUsed": str(used), "end": end,
                }


def main():
    if sys.argv[1:] == ["--examples"]:
        for question in examples():
            print(json.dumps({"question": question, "answer": answer(question)}, separators=(",", ":")))
        return
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line)), separators=(",", ":")))


if __name__ == "__main__":
    main()
