"""Random actors in random order, on revm: what must hold after every call, and that everybody gets out at the end.

200 sequences each, 20 times EMETH_TEST_SCALE where that is more (100 makes 2,000 each); EMETH_TEST_SEED repeats a run.
"""
import os
import random

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from evm import RevmChain
from scene import *

SEQUENCES = max(200, 20 * int(os.environ.get("EMETH_TEST_SCALE", "1")))
SEED = int(os.environ.get("EMETH_TEST_SEED", random.SystemRandom().randrange(2**32)))
pick = st.integers(0, 2**32)
SHARED = {}


def fresh(kind):
    """A scene as it was deployed: made once, put back before every sequence."""
    if kind in SHARED:
        scene, snapshot, secrets, made = SHARED[kind]
        scene.chain.revert(snapshot)
        scene.secrets, scene.jobs_made = {a: list(s) for a, s in secrets.items()}, made
    else:
        scene = Scene(RevmChain())
        if kind == "layer2":
            scene.open_layer2()
    secrets = {a: list(s) for a, s in scene.secrets.items()}
    SHARED[kind] = scene, scene.chain.snapshot(), secrets, scene.jobs_made
    return scene


class Jobs(RuleBasedStateMachine):
    """Requesters, nodes, verifiers and strangers; a ledger beside the contract by the table of PROTOCOL 3."""

    requesters, nodes = [REQUESTER, STRANGER], [NODE, RIVAL, NODE_B, NODE_C]

    @initialize()
    def begin(self):
        self.scene = fresh("jobs")
        self.core = self.scene.core
        self.rates = dict(vf=5_000, dep=100_000, time=25_000, dec=25_000, fail=25_000, flat=0)
        self.jobs, self.open = {}, []
        everyone = {*self.requesters, *self.nodes, *VERIFIERS}
        self.ledger = dict(zip(everyone, self.scene.ledger(*everyone)))
        self.burned = 0
        self.supply = self.scene.token.read("totalSupply")

    def some(self, number, items):
        return items[number % len(items)]

    def attempt(self, call, *arguments, **options):
        try:
            return call(*arguments, **options)
        except Refused as error:
            assert str(error).startswith(("core.", "verifiers.")), error
            return None

    # ---- the model ----

    def terms(self, limit, price, rates):
        fee = limit * price
        if rates["flat"]:
            deposit = fee * rates["dep"] // 100_000
            return dict(L=fee, V=rates["flat"], E=fee, D=deposit, base=deposit, flat=True)
        v = fee * rates["vf"] // 100_000
        return dict(L=fee, V=v, E=fee + v, D=fee * rates["dep"] // 100_000 + v, base=fee, flat=False)

    def give(self, account, amount):
        self.ledger[account] += amount

    def finish(self, job, end, verifier=None):
        m = self.jobs[job]
        t, r = m["terms"], m["rates"]
        locked = t["D"] if m["node"] else 0
        if end in ("verified", "expired"):
            used = t["L"] if t["flat"] else m["used"] * m["price"]
            vr, vn = (0, t["V"]) if t["flat"] else (t["V"], 0)
            back = t["E"] - used - vr + (t["V"] if end == "expired" else 0)
            self.refund(m, back)
            self.give(m["node"], used - vn + locked)
            if end == "verified":
                self.give(verifier, t["V"])
        elif end == "failed":
            p = min(t["base"] * r["fail"] // 100_000, locked - t["V"])
            self.refund(m, t["E"])
            self.give(m["node"], locked - p - t["V"])
            self.give(verifier, t["V"])
            self.burned += p
        else:
            rate = {"timeout": r["time"], "declined": r["dec"], "canceled": 0}[end]
            p = min(t["base"] * rate // 100_000, locked)
            self.refund(m, t["E"])
            if m["node"]:
                self.give(m["node"], locked - p)
            self.burned += p
        m["ended"] = True
        self.open.remove(job)

    def refund(self, m, amount):
        parent = self.jobs.get(m["parent"])
        if parent is not None and not parent["ended"]:
            parent["terms"]["E"] += amount
        else:
            self.give(m["owner"], amount)

    # ---- what actors do ----

    @precondition(lambda self: len(self.open) < 5)
    @rule(a=pick, b=pick, c=pick)
    def request(self, a, b, c):
        owner, limit, price = self.some(a, self.requesters), 1 + b % 2_000, 1 + c % (EMETH // 200)
        rates = dict(self.rates)
        t = self.terms(limit, price, rates)
        parallel = 3 if a % 3 == 0 else 1
        job = self.attempt(self.scene.request, limit=limit, price=price, by=owner, parallel=parallel,
                           program=TRAINING if parallel > 1 else MEAN, life=DAY + b % (3 * DAY))
        valid = t["D"] >= t["V"] and t["L"] >= (t["V"] if t["flat"] else 0)
        assert (job is not None) == valid
        if valid:
            self.jobs[job] = dict(owner=owner, limit=limit, price=price, terms=t, rates=rates, node=None, used=0,
                                  ended=False, parent=None, parts=parallel, deadline=self.core.read("jobs", job)[4])
            self.open.append(job)

    def parents(self):
        return [j for j in self.open if self.jobs[j]["parts"] > 1]

    @precondition(lambda self: self.parents() and len(self.open) < 8)
    @rule(a=pick, b=pick)
    def sub_job(self, a, b):
        parent = self.some(a, self.parents())
        m = self.jobs[parent]
        limit = 1 + b % m["limit"]
        v = m["first_V"] if "first_V" in m else m["terms"]["V"]
        m["first_V"] = v
        t = self.terms(limit, m["price"], m["rates"])
        t["V"] = v * limit // m["limit"]
        if not t["flat"]:
            t["E"], t["D"] = t["L"] + t["V"], t["L"] * m["rates"]["dep"] // 100_000 + t["V"]
        m["count"] = m.get("count", 0) + 1
        job = self.attempt(self.scene.sub_job, parent, part=m["count"], limit=limit, fee=t["V"], by=m["owner"],
                           life=DAY // 2)
        if job is None:
            assert t["E"] > m["terms"]["E"] or m["deadline"] <= self.scene.chain.time + DAY // 2 + 12 or t["D"] < t["V"]
            return
        m["terms"]["E"] -= t["E"]
        self.jobs[job] = dict(owner=m["owner"], limit=limit, price=m["price"], terms=t, rates=m["rates"], node=None,
                              used=0, ended=False, parent=parent, parts=1, deadline=self.core.read("jobs", job)[4])
        self.open.append(job)

    @precondition(lambda self: self.open)
    @rule(a=pick, b=pick)
    def act(self, a, b):
        """Some actor tries something on some job; what the contract lets pass must be what the table says."""
        job = self.some(a, self.open)
        m, now = self.jobs[job], self.scene.chain.time
        status = self.scene.status(job)
        # Three times of four what fits the status, else anything.
        fitting = {
            REQUESTED: ["process", "process", "process", "cancel"],
            PROCESSING: ["submit", "submit", "submit", "decline", "timeout", "end"],
            SUBMITTED: ["check"],
        }[status]
        rng = random.Random(a * 2**32 + b)
        b = rng.randrange(2**32)
        what = rng.choice(fitting if rng.random() < 0.75 else
                          ["process", "submit", "decline", "cancel", "timeout", "end"])
        if what == "check":
            for _ in range(3):
                if job in self.open:
                    self.check(job, rng.randrange(2**32))
            return
        everyone = [*self.requesters, *self.nodes, *VERIFIERS]
        who = self.some(b // 16, everyone)
        if what == "process":
            node = self.some(b // 16, self.nodes)
            if self.attempt(self.core.send, node, "process", job):
                assert status == REQUESTED and m["parts"] == 1
                m["node"] = node
                self.give(node, -m["terms"]["D"])
        elif what == "submit" and m["parts"] == 1:
            used = b % (m["limit"] + 1)
            sender = m["node"] if m["node"] and b % 5 else who
            if self.attempt(self.core.send, sender, "submit", job, "r", used):
                assert sender == m["node"] and status == PROCESSING
                m["used"] = used
        elif what == "decline":
            sender = m["node"] if m["node"] and b % 3 else who
            if self.attempt(self.core.send, sender, "decline", job):
                assert sender == m["node"] and status == PROCESSING
                self.finish(job, "declined")
        elif what == "cancel":
            orphan = m["parent"] is not None and self.jobs[m["parent"]]["ended"]
            if self.attempt(self.core.send, who, "cancel", job):
                assert orphan or (who == m["owner"] and status == REQUESTED)
                self.finish(job, "canceled")
        elif what == "timeout":
            if self.attempt(self.core.send, who, "timeout", job):
                assert now + 1 >= m["deadline"] and status in (REQUESTED, PROCESSING)
                self.finish(job, "timeout")
        elif what == "end" and m["parts"] > 1:
            function = self.some(a, ["submit", "rejectResult"])
            arguments = ["sum", 0] if function == "submit" else []
            if self.attempt(self.core.send, who, function, job, *arguments):
                assert who == m["owner"] and status == PROCESSING
                self.finish(job, "canceled")

    @precondition(lambda self: self.open)
    @rule(a=pick, b=pick)
    def act_often(self, a, b):
        for step in range(4):
            if self.open:
                self.act(a + step, b + step)

    def check(self, job, b):
        """The next step of a verification, or somebody's silence, or a stranger's attempt."""
        m, verifiers = self.jobs[job], self.scene.verifiers
        review = self.scene.review(job)
        phase, drawn = review["phase"], review["verifier"]
        if b % 6 == 0:
            self.scene.chain.advance(HOUR)
        if b % 7 == 0:
            who = self.some(b // 7, [*self.requesters, *self.nodes, *VERIFIERS])
            for function in ("verify", "rejectResult"):
                if who != drawn:
                    assert self.attempt(self.core.send, who, function, job) is None
        if phase == 1:
            self.scene.chain.advance(33 * 12, 33)
            self.attempt(verifiers.send, STRANGER, "drawVerifier", job)
        elif phase == 2 and drawn != NOBODY and b % 4:
            self.attempt(verifiers.send, drawn, "challenge", job, self.scene.secret_for(job))
        elif phase == 3:
            if b % 4:
                self.attempt(verifiers.send, m["node"], "open", job, word("o"))
            elif self.attempt(verifiers.send, STRANGER, "withhold", job):
                payee = review["finder"] if review["finder"] != NOBODY else drawn
                self.finish(job, "failed", payee)
        elif phase == 4 and b % 5:
            function = self.some(b, ["verify", "rejectResult", "rejectResult"])
            self.core.send(drawn, function, job)
            if function == "verify":
                self.finish(job, "verified", drawn)
            elif review["finder"] != NOBODY:
                self.finish(job, "failed", review["finder"])
        if job in self.open and b % 3 == 0:
            if not self.expire(job):
                self.attempt(verifiers.send, STRANGER, "drawVerifier", job)

    def expire(self, job):
        """Whether the job ends because nobody says anything: paid only if two were silent who had their openings."""
        review = self.scene.review(job)
        if not self.attempt(self.scene.verifiers.send, STRANGER, "expireVerification", job):
            return False
        if review["verifier"] == NOBODY:
            self.finish(job, "canceled")
        else:
            assert review["phase"] == 4 and review["silent"] == 1 and review["finder"] == NOBODY
            self.finish(job, "expired")
        return True

    @rule(a=pick, b=pick)
    def set_rules(self, a, b):
        key, name = self.some(a, [("vf", "VERIFIER_FEE_RATE"), ("dep", "DEPOSIT_RATE"), ("flat", "VERIFIER_FEE_FLAT"),
                                  ("time", "TIMEOUT_PENALTY_RATE"), ("fail", "FAILED_PENALTY_RATE")])
        value = {"flat": [0, 0, b % EMETH], "dep": [0, 100_000, b % 300_000]}.get(key, [0, 25_000, b % 100_001])[b % 3]
        self.core.send(OWNER, "setParameter", word(name), value)
        self.rates[key] = value

    @rule(a=pick, b=pick)
    def ledger_moves(self, a, b):
        account = self.some(a, self.nodes)
        amount = b % (2 * self.ledger[account] + 2)
        if self.attempt(self.core.send, account, "withdraw", amount):
            assert amount <= self.ledger[account]
            self.give(account, -amount)
        elif amount <= self.ledger[account]:
            raise AssertionError("kept from its own money")

    @rule(a=pick)
    def time(self, a):
        self.scene.chain.advance(self.some(a, [MINUTE, HOUR, HOUR, DAY]), 3)

    # ---- what must hold ----

    @invariant()
    def balances(self):
        if not hasattr(self, "ledger"):
            return
        accounts = list(self.ledger)
        assert dict(zip(accounts, self.scene.ledger(*accounts))) == self.ledger
        held = sum(self.ledger.values())
        for job in self.open:
            m = self.jobs[job]
            held += m["terms"]["E"] + (m["terms"]["D"] if m["node"] else 0)
            assert self.core.read("jobTerms", job)[0] == m["terms"]["E"]
        assert self.scene.balance(self.core.address) == held
        assert self.supply - self.scene.token.read("totalSupply") == self.burned

    def teardown(self):
        """Everybody gets out, with nobody's help."""
        if not hasattr(self, "ledger"):
            return
        self.scene.chain.advance(20 * DAY)
        for job in sorted(self.open, key=lambda j: self.jobs[j]["parts"] == 1):
            m = self.jobs[job]
            orphan = m["parent"] is not None and self.jobs[m["parent"]]["ended"]
            status = self.scene.status(job)
            if status == SUBMITTED:
                continue
            if orphan:
                self.core.send(STRANGER, "cancel", job)
                self.finish(job, "canceled")
            else:
                self.core.send(STRANGER, "timeout", job)
                self.finish(job, "timeout")
        for job in list(self.open):
            verifiers = self.scene.verifiers
            for _ in range(24):
                review = self.scene.review(job)
                self.scene.chain.advance(HOUR, 33)
                if review["phase"] == 3:
                    verifiers.send(STRANGER, "withhold", job)
                    payee = review["finder"] if review["finder"] != NOBODY else review["verifier"]
                    self.finish(job, "failed", payee)
                    break
                if self.expire(job):
                    break
                self.attempt(verifiers.send, STRANGER, "drawVerifier", job)
        assert self.open == []
        self.balances()
        for account in self.ledger:
            self.core.send(account, "withdraw", self.ledger[account])
        assert self.scene.balance(self.core.address) == 0


class Layer2(RuleBasedStateMachine):
    """An honest Signer over a ledger of its own, holders who redeem as they like, and thieves; then it vanishes."""

    holders = [ALICE, BOB, CAROL, STRANGER]

    @initialize()
    def begin(self):
        self.scene = fresh("layer2")
        self.settlement = self.scene.settlement
        self.epoch, self.digest, self.credited = 0, ZERO32, 0
        self.unspent = dict.fromkeys(self.holders, 0)
        self.locked = dict.fromkeys(self.holders, 0)
        self.payout = dict.fromkeys(self.holders, 0)
        self.deposits = [(account, account, 100 * EMETH) for account in (ALICE, BOB, CAROL)]
        self.rewards, self.l2_burned = 0, 0
        self.tickets, self.batches, self.posted = [], [], []
        self.newest = {}
        self.slot = self.scene.core.read("startSlot")
        self.heard = self.scene.chain.time

    some = Jobs.some

    def attempt(self, call, *arguments, **options):
        try:
            return call(*arguments, **options)
        except Refused as error:
            assert str(error).startswith(("settlement.", "core.")), error
            return None

    # ---- layer 2 ----

    @rule(a=pick, b=pick, c=pick)
    def spend(self, a, b, c):
        """A job, as the ledger sees it: unspent is locked, then granted, returned or burned."""
        payer, payee = self.some(a, self.holders), self.some(b, self.holders)
        amount = c % (self.unspent[payer] + 1)
        self.unspent[payer] -= amount
        what = c % 5
        if what == 0:
            self.locked[payer] += amount
        elif what in (1, 2):
            self.payout[payee] += amount
        elif what == 3:
            self.unspent[payee] += amount
        else:
            self.payout[payee] += amount - amount // 4
            self.l2_burned += amount // 4
        freed = self.locked[payer] // 2 if b % 2 else 0
        self.locked[payer] -= freed
        self.payout[payee] += freed

    @rule(a=pick, b=pick)
    def exit_by_the_book(self, a, b):
        """Somebody asks to leave; the operator pays out, and shows it."""
        if not self.posted:
            return
        batch, digest, leaves = self.some(a, self.posted)
        leaf = self.some(b, leaves)
        asked = self.attempt(self.settlement.send, leaf.account, "requestExit", digest, leaf, Tree(leaves).proof(leaf))
        if asked:
            assert leaf.unspent > 0
        if self.settlement.read("exits", leaf.account)[1]:
            self.payout[leaf.account] += self.unspent[leaf.account]
            self.unspent[leaf.account] = 0
            self.close_epoch()
            self.post(0)
            batch, digest, leaves = self.posted[-1]
            leaf = next(item for item in leaves if item.account == leaf.account)
            self.settlement.send(STRANGER, "serveExit", digest, leaf, Tree(leaves).proof(leaf))
        assert self.settlement.read("exits", leaf.account) == (0, 0)

    @rule(a=pick)
    def credit(self, a):
        for account, _, amount in self.deposits[self.credited :][: 1 + a % 2]:
            self.unspent[account] += amount
            self.credited += 1

    @rule()
    def reward(self):
        if self.slot < self.scene.chain.time // DAY:
            minted = self.scene.core.send(STRANGER, "fundSlot", self.slot).value
            self.slot += 1
            self.rewards += minted
            self.payout[STRANGER] += minted // 10**6
            self.unspent[STRANGER] += minted - minted // 10**6

    @rule()
    def close_epoch(self):
        self.epoch += 1
        for account in self.holders:
            ticket = Ticket(account, self.epoch, self.payout[account], self.unspent[account], self.locked[account])
            old = self.newest.get(account)
            if old is None or old.abi()[2:] != ticket.abi()[2:]:
                self.newest[account] = ticket
                self.tickets.append(ticket)
        leaves = list(self.newest.values())
        batch = self.scene.batch(self.epoch, leaves, previous=self.digest, burned=self.l2_burned, seen=self.credited)
        self.digest = self.scene.batch_digest(batch)
        self.batches.append((batch, self.digest, leaves))

    # ---- layer 1 ----

    @rule(a=pick, b=pick)
    def deposit(self, a, b):
        account, amount = self.some(a, self.holders), 1 + b % EMETH
        number = self.settlement.send(STRANGER, "depositToLayer2", account, amount).value
        assert number == len(self.deposits)
        self.deposits.append((account, STRANGER, amount))

    @precondition(lambda self: self.tickets)
    @rule(a=pick, b=pick)
    def redeem(self, a, b):
        ticket = self.some(a, self.tickets[-5:] if b % 3 else self.tickets)
        if b % 4 == 0:
            chosen = [self.some(a + b * i, self.tickets) for i in range(1 + b % 6)]
            self.attempt(self.settlement.send, STRANGER, "redeemTickets", chosen, [self.scene.signed(t) for t in chosen])
            return
        before, had = self.settlement.read("redeemed", ticket.account), self.scene.balance(ticket.account)
        if self.attempt(self.scene.redeem, ticket) is not None:
            gained = max(0, ticket.cumulativePayout - before)
            assert self.scene.balance(ticket.account) - had == gained

    @precondition(lambda self: self.batches)
    @rule(a=pick)
    def post(self, a):
        batch, digest, leaves = self.batches[-1 - a % min(3, len(self.batches))]
        if self.attempt(self.scene.post, batch):
            self.posted.append((batch, digest, leaves))
            self.heard = max(self.heard, batch.toTime)
        else:
            # An honest batch is refused only when it is not the newest.
            assert self.posted and self.posted[-1][0].epoch >= batch.epoch

    @precondition(lambda self: len(self.batches) > 1)
    @rule(a=pick)
    def race(self, a):
        """A stranger posts an old batch, whenever the operator is about to post its newest."""
        newest = self.batches[-1]
        if self.posted and self.posted[-1][0].epoch >= newest[0].epoch:
            return
        old = self.batches[-2 - a % min(3, len(self.batches) - 1)]
        if self.attempt(self.scene.post, old[0]):
            self.posted.append(old)
        self.scene.post(newest[0], by=OWNER)
        self.posted.append(newest)
        self.heard = max(self.heard, newest[0].toTime)

    @precondition(lambda self: self.posted)
    @rule(a=pick, b=pick)
    def redeem_by_proof(self, a, b):
        batch, digest, leaves = self.some(a, self.posted)
        ticket = self.some(b, leaves)
        self.attempt(self.settlement.send, STRANGER, "redeemFromBatch", digest, ticket, Tree(leaves).proof(ticket))

    @precondition(lambda self: self.tickets and self.posted)
    @rule(a=pick, b=pick)
    def thieve(self, a, b):
        """What no one may get away with."""
        ticket, (batch, digest, leaves) = self.some(a, self.tickets), self.some(b, self.posted)
        more = dataclasses.replace(ticket, cumulativePayout=ticket.cumulativePayout + 1 + b)
        assert self.attempt(self.settlement.send, STRANGER, "redeemTicket", more, self.scene.signed(ticket)) is None
        assert self.attempt(self.settlement.send, STRANGER, "redeemTicket", more, self.scene.signed(more, ALICE)) is None
        leaf = self.some(a, leaves)
        more = dataclasses.replace(leaf, cumulativePayout=leaf.cumulativePayout + 1)
        for function in ("redeemFromBatch", "requestExit", "claim"):
            assert self.attempt(self.settlement.send, leaf.account, function, digest, more, Tree(leaves).proof(leaf)) is None
        one, two = self.some(a, self.batches)[0], self.some(b, self.batches)[0]
        first, second = sorted([one, two], key=lambda item: item.epoch)
        assert self.attempt(self.settlement.send, STRANGER, "challengeBatches", first, self.scene.signed(first), second,
                            self.scene.signed(second)) is None

    @rule(a=pick)
    def time(self, a):
        step = self.some(a, [MINUTE, HOUR, 6 * HOUR, DAY])
        # The honest operator never lets two days pass.
        if self.scene.chain.time + step < self.heard + 2 * DAY - HOUR:
            self.scene.chain.advance(step)
        else:
            self.close_epoch()
            self.post(0)
        assert self.attempt(self.settlement.send, STRANGER, "freeze", NOBODY) is None

    @invariant()
    def money(self):
        if not hasattr(self, "holders") or not hasattr(self, "slot"):
            return
        read = self.settlement.read
        assert self.scene.balance(self.settlement.address) == read("pool") + read("bond")
        paid, burned = read("totalRedeemed"), read("totalBurned")
        assert paid == sum(read("redeemed", account) for account in self.holders)
        assert paid + burned <= read("totalDeposited") + read("totalGranted")
        assert burned <= self.l2_burned
        for account in self.holders:
            assert read("redeemed", account) <= self.payout[account]
        assert read("redeemedSincePosting") <= min(50, 100) * EMETH + burned

    def vanish(self):
        """The operator posts no more."""
        self.scene.chain.advance(2 * DAY + MINUTE)
        self.settlement.send(STRANGER, "freeze", NOBODY)

    def leave_unserved(self):
        """It posts on, and pays out nobody who leaves; False: nobody has anything to leave with."""
        if not self.posted:
            return False
        batch, digest, leaves = self.posted[-1]
        served = self.settlement.read
        able = [leaf for leaf in leaves if leaf.unspent and served("exitServed", leaf.account) < batch.epoch]
        if not able:
            return False
        self.settlement.send(able[0].account, "requestExit", digest, able[0], Tree(leaves).proof(able[0]))
        for _ in range(7):
            refused("settlement.tooEarly", self.settlement.send, STRANGER, "freeze", able[0].account)
            self.scene.chain.advance(DAY)
            self.close_epoch()
            self.post(0)
        self.scene.chain.advance(MINUTE)
        refused("settlement.tooEarly", self.settlement.send, STRANGER, "freeze", NOBODY)
        self.settlement.send(STRANGER, "freeze", able[0].account)
        return True

    def contradict(self, number):
        """Its Signer signs another batch of an epoch that was posted: what is younger than a day is undone."""
        if not self.posted:
            return False
        young = [item for item in self.posted[-5:]]
        batch, _, leaves = self.some(number, young)
        other = dataclasses.replace(batch, dataHash=word("another"))
        send, signed = self.settlement.send, self.scene.signed
        times = [self.settlement.read("batches", digest) for _, digest, _ in self.posted]
        times = [(found if len(found) > 1 else found[0])[5] for found in times]
        send(STRANGER, "challengeBatches", batch, signed(batch), other, signed(other))
        now = self.settlement.read("frozen")[1]
        self.posted = [
            item for item, at in zip(self.posted, times) if item[0].epoch < batch.epoch or at + DAY <= now
        ]
        return True

    def teardown(self):
        """L2 freezes. All get what the batch that counts says they have, or their deposit back."""
        if not hasattr(self, "slot"):
            return
        send = self.settlement.send
        way = self.epoch % 3
        if not (way == 1 and self.leave_unserved() or way == 2 and self.contradict(self.epoch // 3)):
            self.vanish()
        counting = self.posted[-1][1] if self.posted else ZERO32
        assert self.settlement.read("frozen")[0] == counting
        leaves, seen = [], 0
        if self.posted:
            batch, digest, leaves = self.posted[-1]
            seen = batch.depositsSeen
            # Somebody claims by an old leaf first, where there is one.
            for old, old_digest, old_leaves in self.posted[:1]:
                for leaf in old_leaves:
                    send(STRANGER, "claim", old_digest, leaf, Tree(old_leaves).proof(leaf))
            if len(self.posted) > 1:
                for leaf in leaves:
                    send(STRANGER, "claim", digest, leaf, Tree(leaves).proof(leaf))
        self.scene.chain.advance(7 * DAY)
        for leaf in leaves:
            due = leaf.cumulativePayout + leaf.unspent + leaf.locked
            due -= min(due, self.settlement.read("redeemed", leaf.account))
            before = self.scene.balance(leaf.account)
            send(STRANGER, "payClaim", leaf.account)
            assert self.scene.balance(leaf.account) - before == due
        for number, (_, depositor, amount) in enumerate(self.deposits):
            if number < seen:
                assert self.attempt(send, depositor, "reclaimDeposit", number) is None
            else:
                before = self.scene.balance(depositor)
                send(ALICE, "reclaimDeposit", number)
                assert self.scene.balance(depositor) - before == amount
        assert self.scene.balance(self.settlement.address) == self.settlement.read("pool")


@pytest.mark.parametrize("machine", [Jobs, Layer2], ids=["jobs", "layer2"])
def test_random_sequences(machine):
    print(f"EMETH_TEST_SEED={SEED}, {SEQUENCES} sequences")
    run_state_machine_as_test(
        seed(SEED)(machine),
        settings=settings(
            max_examples=SEQUENCES, stateful_step_count=60, deadline=None, database=None, derandomize=False,
            suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
        ),
    )
