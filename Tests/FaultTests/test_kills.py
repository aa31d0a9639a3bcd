"""kill -9 of servers, their database, nodes and verifiers at seeded moments of running jobs: each job ends as one that
nobody disturbed, the ledger sums to zero, nothing is paid twice."""

import os
import random
import secrets
import time

STATES = ["requested", "processing", "submitted", "verifying", "aggregating", "signing"]


def test_kills(network):
    seed = int(os.environ.get("EMETH_TEST_SEED") or secrets.randbelow(1 << 32))
    # 20 kills and more in each state with the large counts, 204 in all.
    wanted = 34 if int(os.environ.get("EMETH_TEST_SCALE", "1")) >= 100 else 2
    print(f"test_kills: EMETH_TEST_SEED={seed}")
    draw = random.Random(seed)

    undisturbed = network.submit()
    root = end(network, undisturbed)["stateRoot"]
    kills = dict.fromkeys(STATES, 0)
    victims = {}
    jobs = 0
    while min(kills.values()) < wanted:
        jobs += 1
        assert jobs <= 20 * wanted, f"too many jobs for {kills}"
        job = network.submit()
        disturb(network, job, wanted, kills, victims, draw)
        report = end(network, job)
        assert report["stateRoot"] == root, f"job {job} has another model after {kills}"
        print(f"job {jobs}: {kills}")
    print(f"killed: {victims}")
    network.check_money()
    network.stop()


def disturb(network, job, wanted, kills, victims, draw):
    """Kills something whenever the job comes into a state in which too little was killed so far."""
    done = set()
    while True:
        states = network.states(job)
        if "ended" in states:
            return
        short = [state for state in STATES if state in states - done and kills[state] < wanted]
        if not short:
            time.sleep(0.002)
            continue
        state = draw.choice(short)
        time.sleep(draw.uniform(0, 0.05))
        if state not in network.states(job):
            continue
        names = [draw.choice(network.killable if draw.random() < 0.6 else network.nodes + network.verifiers)]
        if draw.random() < 0.2:
            names = sorted({*names, *network.killable, draw.choice(network.nodes)})
        network.kill(*names)
        kills[state] += 1
        for name in names:
            victims[name] = victims.get(name, 0) + 1
        # Each state of this job once, so that it comes to an end; but round and round again in later jobs.
        done.add(state)
        time.sleep(draw.choice([0, 0, draw.uniform(0, 2)]))
        for name in names:
            network.start(name)


def end(network, job):
    """Waits for a job's end, and says how it went."""
    stop = time.monotonic() + 300
    while time.monotonic() < stop:
        status = network.read(f"SELECT status FROM job WHERE id = '{job}'")[0][0]
        if status > 3:
            report = network.report(job)
            assert report["status"] == "VERIFIED", report
            return report
        time.sleep(0.05)
    raise AssertionError(f"job {job} does not end: {network.report(job)} {network.log(network.servers[0])}")
