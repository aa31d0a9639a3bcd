/// Finds the first entry of two committed lists on which node and verifier differ, by asking both for a few of
/// them (PROTOCOL 7). One search leads to the step of a segment, a second one to the operator of that step.
///
/// Both have computed the same n entries, each of which fixes all before it: state roots after each step, or a
/// chain over the outputs of a step's operators. They agree on what was before entry 1 and differ on entry n.
/// Each commits to its list first; an answer that does not lead to its commitment loses, and so does silence.
///
/// ```swift
/// var search = Bisection(entries: 50, node: claimedRoot, verifier: replayedRoot, answerSeconds: 600)
/// var asked = try search.apply(.committed(.node, root: root), at: now)
/// // … until search.outcome is there
/// ```
public struct Bisection: Hashable, Sendable {
  /// Who answers.
  public enum Party: String, Hashable, Sendable, Codable, CaseIterable {
    /// The node that was rejected.
    case node
    /// A verifier that rejected it.
    case verifier
  }

  /// What happened.
  public enum Event: Hashable, Sendable {
    /// A party commits to its list: root of the tree over its entries.
    case committed(Party, root: Bytes32)
    /// A party names an entry, with its path to what it committed to.
    case answered(Party, entry: UInt32, value: Bytes32, proof: [Bytes32])
    /// Nobody said anything for so long.
    case deadlinePassed
  }

  /// How it ended.
  public enum Outcome: Hashable, Sendable {
    /// The first entry on which they differ; they agree on the one before.
    case found(entry: UInt32)
    /// This party did not answer in time, and loses.
    case silent(Party)
    /// This party's answer is not what it had committed to, or not what it had claimed, and it loses.
    case contradicted(Party, entry: UInt32)
  }

  /// What both are to do next.
  public enum Request: Hashable, Sendable {
    /// Commit to a list.
    case commit
    /// Name an entry, counted from 1.
    case answer(entry: UInt32)
  }

  /// The number of entries.
  public let entries: UInt32
  /// What each says of the last entry; they differ.
  public let claims: [Party: Bytes32]
  /// How long each question waits for its answers, seconds.
  public let answerSeconds: UInt64
  /// How it ended; nil while it goes on.
  public private(set) var outcome: Outcome?
  /// What is asked now.
  public private(set) var request = Request.commit
  /// Until when, unix seconds.
  public private(set) var deadline: UInt64

  private var roots: [Party: Bytes32] = [:]
  private var answers: [Party: Bytes32] = [:]
  // They agree on the entry `low` and differ on `high`.
  private var low: UInt32 = 0
  private var high: UInt32

  /// A search that begins now.
  ///
  /// - Throws: ``VerificationError/bisectionRange(field:found:allowed:)`` without entries, or when the last ones
  ///   don't differ.
  public init(
    entries: UInt32, node: Bytes32, verifier: Bytes32, answerSeconds: UInt64, at now: UInt64
  ) throws(VerificationError) {
    guard entries > 0 else {
      throw .bisectionRange(field: "entries", found: "0", allowed: "1 and above")
    }
    guard node != verifier else {
      throw .bisectionRange(
        field: "last entries", found: "the same", allowed: "two that differ")
    }
    self.entries = entries
    claims = [.node: node, .verifier: verifier]
    self.answerSeconds = answerSeconds
    deadline = now.addingSaturated(answerSeconds)
    high = entries
  }

  /// Takes an event in. After the end, and for what was answered already, nothing changes.
  ///
  /// - Throws: ``VerificationError/bisectionRange(field:found:allowed:)`` for an answer to a question that was
  ///   not asked, and for a deadline that is not reached: neither is held against anybody.
  public mutating func apply(_ event: Event, at now: UInt64) throws(VerificationError) {
    guard outcome == nil else { return }
    switch event {
    case .committed(let party, let root):
      guard request == .commit, roots[party] == nil else { return }
      roots[party] = root
      if roots.count == Party.allCases.count { ask(entries, at: now) }
    case .answered(let party, let entry, let value, let proof):
      guard case .answer(let asked) = request, entry == asked else {
        throw .bisectionRange(field: "entry", found: "\(entry)", allowed: "the one that was asked for")
      }
      guard answers[party] == nil, let root = roots[party] else { return }
      let holds = StateTree.verify(
        leafHash: StateTree.leafHash(value.bytes), index: Int(entry) - 1, count: Int(entries), proof: proof,
        root: root)
      guard holds, entry < entries || value == claims[party] else {
        outcome = .contradicted(party, entry: entry)
        return
      }
      answers[party] = value
      if answers.count == Party.allCases.count { compare(at: now) }
    case .deadlinePassed:
      guard now >= deadline else {
        throw .bisectionRange(field: "time", found: "\(now)", allowed: "\(deadline) and later")
      }
      // The node has asked for this: when both are silent, what was decided before stands.
      let spoken = request == .commit ? Set(roots.keys) : Set(answers.keys)
      outcome = .silent(spoken.contains(.node) ? .verifier : .node)
    }
  }

  private mutating func ask(_ entry: UInt32, at now: UInt64) {
    request = .answer(entry: entry)
    answers = [:]
    deadline = now.addingSaturated(answerSeconds)
  }

  private mutating func compare(at now: UInt64) {
    guard case .answer(let entry) = request else { return }
    if answers[.node] == answers[.verifier] { low = entry } else { high = entry }
    guard high - low > 1 else {
      outcome = .found(entry: high)
      return
    }
    ask(low + (high - low) / 2, at: now)
  }
}

/// A list that one party of a ``Bisection`` has computed, and its answers.
public struct BisectionList: Hashable, Sendable {
  /// The entries, the first one number 1.
  public let entries: [Bytes32]
  private let tree: StateTree

  /// A list of at least one entry.
  public init(_ entries: [Bytes32]) {
    self.entries = entries
    tree = StateTree(leafHashes: entries.map { StateTree.leafHash($0.bytes) })
  }

  /// What its party commits to.
  public var root: Bytes32 { tree.root }

  /// What its party says to a request; nil when there is no such entry.
  public func event(_ request: Bisection.Request, as party: Bisection.Party) -> Bisection.Event? {
    switch request {
    case .commit: return .committed(party, root: root)
    case .answer(let entry):
      guard entry >= 1, entries.count >= Int(entry) else { return nil }
      return .answered(
        party, entry: entry, value: entries[Int(entry) - 1], proof: tree.proof(of: Int(entry) - 1))
    }
  }
}
