// The pages of `emeth serve` work without this. With it they follow a running job, and check signatures, hashes and
// Merkle proofs here instead of asking the server. Public-key arithmetic only; nothing is loaded from anywhere else.
"use strict";
{
  // Keccak-256, the hash of Ethereum (FIPS 202 has another padding).
  const mask64 = (1n << 64n) - 1n;
  const rotate = (word, by) => ((word << by) | (word >> (64n - by))) & mask64;
  const rounds = [];
  const turns = new Array(25).fill(0n);
  {
    let lfsr = 1;
    const bit = () => {
      const out = lfsr & 1;
      lfsr = lfsr & 0x80 ? ((lfsr << 1) ^ 0x71) & 0xff : lfsr << 1;
      return out;
    };
    for (let round = 0; round < 24; round++) {
      let constant = 0n;
      for (let power = 0; power < 7; power++) if (bit()) constant |= 1n << BigInt(2 ** power - 1);
      rounds.push(constant);
    }
    let [x, y] = [1, 0];
    for (let step = 0; step < 24; step++) {
      turns[x + 5 * y] = BigInt((((step + 1) * (step + 2)) / 2) % 64);
      [x, y] = [y, (2 * x + 3 * y) % 5];
    }
  }

  function permute(state) {
    for (const constant of rounds) {
      const column = [0, 1, 2, 3, 4].map((x) => state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20]);
      for (let i = 0; i < 25; i++) state[i] ^= column[(i + 4) % 5] ^ rotate(column[(i + 1) % 5], 1n);
      const moved = new Array(25);
      for (let x = 0; x < 5; x++)
        for (let y = 0; y < 5; y++) moved[y + 5 * ((2 * x + 3 * y) % 5)] = rotate(state[x + 5 * y], turns[x + 5 * y]);
      for (let i = 0; i < 25; i++) {
        const row = i - (i % 5);
        state[i] = moved[i] ^ (~moved[row + ((i + 1) % 5)] & mask64 & moved[row + ((i + 2) % 5)]);
      }
      state[0] ^= constant;
    }
  }

  function keccak256(bytes) {
    const rate = 136;
    const padded = new Uint8Array(Math.ceil((bytes.length + 1) / rate) * rate);
    padded.set(bytes);
    padded[bytes.length] ^= 1;
    padded[padded.length - 1] ^= 0x80;
    const state = new Array(25).fill(0n);
    for (let start = 0; start < padded.length; start += rate) {
      for (let i = 0; i < rate; i++) state[i >> 3] ^= BigInt(padded[start + i]) << BigInt(8 * (i & 7));
      permute(state);
    }
    return Uint8Array.from({ length: 32 }, (_, i) => Number((state[i >> 3] >> BigInt(8 * (i & 7))) & 255n));
  }

  // Bytes.
  const utf8 = (text) => new TextEncoder().encode(text);
  const hex = (bytes) => "0x" + Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const fromHex = (text) => {
    if (!/^0x([0-9a-f]{2})*$/i.test(text)) throw new Error("no bytes: " + text);
    return Uint8Array.from(text.slice(2).match(/../g) ?? [], (pair) => parseInt(pair, 16));
  };
  const toNumber = (bytes) => BigInt(hex(bytes));
  const word = (number) => fromHex("0x" + number.toString(16).padStart(64, "0"));
  const join = (...pieces) => Uint8Array.from(pieces.flatMap((piece) => Array.from(piece)));

  // secp256k1 (SEC 2), public keys only.
  const p = 2n ** 256n - 2n ** 32n - 977n;
  const n = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  const generator = {
    x: 0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798n,
    y: 0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8n,
  };
  const mod = (a, m) => ((a % m) + m) % m;
  function inverse(a, m) {
    let [low, high, x, y] = [mod(a, m), m, 1n, 0n];
    while (low > 1n) {
      const quotient = high / low;
      [low, high, x, y] = [high - quotient * low, low, y - quotient * x, x];
    }
    return mod(x, m);
  }
  function power(base, exponent, m) {
    let result = 1n;
    for (base = mod(base, m); exponent > 0n; exponent >>= 1n, base = (base * base) % m)
      if (exponent & 1n) result = (result * base) % m;
    return result;
  }
  function add(a, b) {
    if (!a) return b;
    if (!b) return a;
    if (a.x === b.x && a.y !== b.y) return null;
    const slope =
      a.x === b.x ? 3n * a.x * a.x * inverse(2n * a.y, p) : (b.y - a.y) * inverse(b.x - a.x, p);
    const x = mod(slope * slope - a.x - b.x, p);
    return { x, y: mod(slope * (a.x - x) - a.y, p) };
  }
  function multiply(point, factor) {
    let sum = null;
    for (; factor > 0n; factor >>= 1n, point = add(point, point)) if (factor & 1n) sum = add(sum, point);
    return sum;
  }

  /// The address whose key made a signature r ‖ s ‖ v over a digest; strict as contracts are.
  function recover(digest, signature) {
    const [r, s, v] = [toNumber(signature.slice(0, 32)), toNumber(signature.slice(32, 64)), signature[64]];
    if (signature.length !== 65 || r <= 0n || r >= n || s <= 0n || s > n / 2n || (v !== 27 && v !== 28)) return null;
    const square = (power(r, 3n, p) + 7n) % p;
    let y = power(square, (p + 1n) / 4n, p);
    if ((y * y) % p !== square) return null;
    if (y % 2n !== BigInt(v - 27)) y = p - y;
    const scale = inverse(r, n);
    const key = add(
      multiply({ x: r, y }, mod(s * scale, n)), multiply(generator, mod(-toNumber(digest) * scale, n)));
    return key && hex(keccak256(join(word(key.x), word(key.y))).slice(12));
  }

  // EIP-712 of what the Signer signs. The types stand here, so that the page's data can't say what was signed.
  const types = {
    domain: "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)",
    ticket:
      "Ticket(address account,uint64 epoch,uint256 cumulativePayout,uint256 unspent,uint256 locked,bytes32 jobsRoot)",
    batch:
      "Batch(uint64 epoch,bytes32 previousBatch,bytes32 accountsRoot,uint256 totalPayout,uint256 totalBurned," +
      "uint64 depositsSeen,bytes32 dataHash,uint64 fromTime,uint64 toTime)",
  };
  const members = (type) => type.slice(type.indexOf("(") + 1, -1).split(",").map((member) => member.split(" "));
  function encode(kind, value) {
    if (kind === "string") return keccak256(utf8(value));
    if (kind.startsWith("uint")) {
      const number = BigInt(value);
      if (number < 0n || number >> BigInt(kind.slice(4))) throw new Error("out of range: " + value);
      return word(number);
    }
    const bytes = fromHex(value);
    if (bytes.length !== (kind === "address" ? 20 : 32)) throw new Error("wrong length: " + value);
    return join(new Uint8Array(32 - bytes.length), bytes);
  }
  const encodeMembers = (type, value) => join(...members(type).map(([kind, name]) => encode(kind, value[name])));
  const structHash = (type, value) => keccak256(join(keccak256(utf8(type)), encodeMembers(type, value)));
  const digest = (type, domain, value) =>
    keccak256(join([0x19, 0x01], structHash(types.domain, domain), structHash(type, value)));

  /// The root that a leaf and its path lead to: sorted pairs, leaves hashed twice.
  function merkleRoot(leaf, proof) {
    return proof.map(fromHex).reduce(
      (hash, other) => keccak256(hex(hash) < hex(other) ? join(hash, other) : join(other, hash)), leaf);
  }

  // What is on the page, and what is checked of it.
  const read = (id) => JSON.parse(document.getElementById("document-" + id)?.textContent ?? "null");
  const same = (a, b) => a !== null && a.toLowerCase() === b.toLowerCase();
  function signed(document, type, content) {
    const found = hex(digest(type, document.domain, content));
    return {
      digest: () => ({ holds: same(found, document.digest), computed: found }),
      signer: (expected) => {
        const address = recover(fromHex(found), fromHex(document.signature));
        const holds = same(address, expected);
        return { holds, computed: holds ? expected : address ?? "–" };
      },
    };
  }

  const steps = {
    "ticket-digest": () => signed(read("ticket"), types.ticket, read("ticket").ticket).digest(),
    "ticket-signer": (signer) => signed(read("ticket"), types.ticket, read("ticket").ticket).signer(signer),
    "batch-digest": () => signed(theBatch(), types.batch, theBatch().batch).digest(),
    "batch-signer": (signer) => signed(theBatch(), types.batch, theBatch().batch).signer(signer),
    "ticket-in-batch": () => {
      const leaf = keccak256(keccak256(encodeMembers(types.ticket, read("ticket").ticket)));
      const root = hex(merkleRoot(leaf, read("proven").proof));
      return { holds: same(root, theBatch().batch.accountsRoot), computed: hex(leaf) + " → " + root };
    },
    "batch-before": () => {
      const previous = read("previous");
      const found = previous ? hex(digest(types.batch, previous.domain, previous.batch)) : "0x" + "0".repeat(64);
      return { holds: same(found, theBatch().batch.previousBatch), computed: found };
    },
    "nothing-fell": () => {
      const [batch, before] = [theBatch().batch, read("previous")?.batch];
      const totals = ["totalPayout", "totalBurned", "depositsSeen"];
      const holds = before
        ? BigInt(batch.epoch) === BigInt(before.epoch) + 1n &&
          totals.every((name) => BigInt(batch[name]) >= BigInt(before[name]))
        : BigInt(batch.epoch) === 1n;
      return { holds, computed: (before?.totalPayout ?? "0") + " → " + batch.totalPayout + " holon" };
    },
  };
  const theBatch = () => read("batch") ?? read("proven").batch;

  const section = document.getElementById("check");
  section?.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const outcome = section.querySelector(".outcome");
    outcome.textContent = "…";
    let all = true;
    for (const item of section.querySelectorAll("li[data-step]")) {
      // The page is painted between two steps.
      await new Promise((next) => setTimeout(next));
      let result;
      try {
        result = steps[item.dataset.step](section.dataset.signer);
      } catch (error) {
        result = { holds: false, computed: String(error.message) };
      }
      all &&= result.holds;
      item.className = result.holds ? "holds" : "fails";
      item.querySelector(".result").textContent = result.holds ? section.dataset.holds : section.dataset.fails;
      item.querySelector(".computed").textContent = result.computed;
    }
    outcome.textContent = all ? section.dataset.all : section.dataset.some;
  });

  // A running job: when the server says that it changed, the parts that show it are fetched again.
  const events = document.body.dataset.events;
  if (events) {
    const sign = document.getElementById("live");
    const show = (isOn) => {
      sign.hidden = false;
      sign.textContent = isOn ? sign.dataset.on : sign.dataset.off;
      sign.classList.toggle("lost", !isOn);
    };
    let [isFetching, isStale] = [false, false];
    const refresh = async () => {
      if (isFetching) return void (isStale = true);
      isFetching = true;
      try {
        const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
        if (answer.ok) replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
      } catch {
        // The stream says when the connection is back.
      }
      await new Promise((next) => setTimeout(next, 500));
      isFetching = false;
      if (isStale) {
        isStale = false;
        refresh();
      }
    };
    const replace = (page) => {
      for (const part of document.querySelectorAll("[data-live]")) {
        const other = page.getElementById(part.id);
        if (!other || other.isEqualNode(part)) continue;
        // Whoever stands in it with the keys stays where they are.
        const stops = "a, button, summary, [tabindex]";
        const place = Array.from(part.querySelectorAll(stops)).indexOf(document.activeElement);
        part.replaceChildren(...other.childNodes);
        if (place >= 0) part.querySelectorAll(stops)[place]?.focus({ preventScroll: true });
      }
      const [time, newer] = [document, page].map((one) => one.querySelector("footer time"));
      if (time && newer) time.replaceWith(newer);
    };
    const source = new EventSource(events);
    source.onopen = () => show(true);
    source.onerror = () => show(false);
    source.addEventListener("job", (event) => {
      refresh();
      // Nothing follows VERIFIED, CANCELED, TIMEOUT, FAILED or DECLINED.
      if (JSON.parse(event.data).summary.status >= 4) {
        source.close();
        sign.hidden = true;
      }
    });
  }
}
