import EmethKit
import Testing

/// A cohort on one machine: every effect is carried out, every message goes through JSON.
struct CohortRun {
  /// When a node is lost.
  enum Drop: CaseIterable {
    case beforeKeys, beforeMask, afterMask
  }

  struct Node {
    var member: CohortMember
    var key: PrivateKey
    var part: UInt32
    var update: [Int32]
    /// What it masks instead, when it lies.
    var poison: [Int32]?
    var drop: Drop?
  }

  var collector: CohortCollector
  var nodes: [JobID: Node] = [:]
  /// The storage, by root.
  var vectors: [Bytes32: [Int32]] = [:]
  var sumVector: [Int32] = []
  /// What the Aggregator does to the sum.
  var tamper: (inout [Int32]) -> Void = { _ in }
  var now: UInt64 = 1_000
  var attempts = 0
  var absent: [JobID] = []
  private var random: SeededGenerator
  private var nextAccount: UInt32 = 1_000

  init(_ scene: AggregationScene) throws {
    collector = try CohortCollector(
      plan: scene.plan(), domain: .embedded, keySeconds: 30, maskSeconds: 60)
    random = scene.random
    for (index, node) in scene.nodes.enumerated() {
      nodes[node.seat.jobID] = Node(
        member: scene.member(index), key: node.key, part: UInt32(index), update: node.update)
    }
  }

  var ids: [JobID] { nodes.keys.sorted() }

  /// Runs to the published sum.
  mutating func run() throws -> CohortSum {
    try carryOut(collector.start(at: now))
    var turns = 0
    while collector.result == nil {
      turns += 1
      try #require(turns < 20, "the cohort does not come to its end")
      now = try #require(collector.deadline)
      try carryOut(collector.tick(at: now))
    }
    return try #require(collector.result).sum
  }

  mutating func carryOut(_ effects: [CohortCollector.Effect]) throws {
    for effect in effects {
      switch effect {
      case .form(let plan, let deadline):
        attempts += 1
        guard case .form(let plan, _) = try wire(.form(plan, deadline: deadline)) else { return }
        for seat in plan.cohort.seats where nodes[seat.jobID]?.drop != .beforeKeys {
          try give(seat.jobID, .form(plan, RoundSecret(using: &random)))
        }
      case .offer(let roster, let deadline):
        guard case .offer(let roster, _) = try wire(.offer(roster, deadline: deadline)) else { return }
        for entry in roster.entries where nodes[entry.jobID]?.drop != .beforeMask {
          try give(entry.jobID, .offer(roster))
        }
      case .absent(let lost):
        absent += lost
        for jobID in lost { try computeAgain(jobID) }
      case .add(_, let roots):
        var sum = try added(roots.map { try #require(vectors[$0]) })
        tamper(&sum)
        sumVector = sum
        try carryOut(collector.apply(.summed(sumRoot: sum.stored.root), at: now))
      case .publish:
        break
      }
    }
  }

  mutating func give(_ jobID: JobID, _ event: CohortMember.Event) throws {
    guard var node = nodes[jobID] else { return }
    let effects = try node.member.apply(event)
    nodes[jobID] = node
    for effect in effects {
      switch effect {
      case .announce(let key):
        guard case .roundKey(let key) = try wire(.roundKey(key)) else { return }
        try carryOut(collector.apply(.roundKey(key), at: now))
      case .mask(let mask, let rosterHash):
        let vector = try masked(node.poison ?? node.update, by: mask)
        vectors[vector.stored.root] = vector
        try give(jobID, .stored(vector.stored, rosterHash: rosterHash))
      case .post(let word):
        guard case .masked(let word) = try wire(.masked(word)) else { return }
        let stored = try #require(vectors[word.content.maskedRoot]).stored
        let next = try collector.apply(.masked(word, stored: stored), at: now)
        if node.drop == .afterMask { try carryOut(collector.apply(.lose(jobID), at: now)) }
        try carryOut(next)
      }
    }
  }

  /// Another node computes the part to the same bits and takes the seat.
  private mutating func computeAgain(_ jobID: JobID) throws {
    guard let lost = nodes.removeValue(forKey: jobID) else { return }
    nextAccount += 1
    let node = AggregationScene.node(
      part: lost.part, attempt: nextAccount, account: nextAccount, update: lost.update)
    let member = CohortMember(
      seat: node.seat, round: AggregationScene.round, programHash: AggregationScene.programHash,
      initRoot: AggregationScene.initRoot, key: node.key, domain: .embedded)
    nodes[node.seat.jobID] = Node(member: member, key: node.key, part: lost.part, update: lost.update)
    try carryOut(collector.apply(.replace(jobID, by: node.seat), at: now))
  }

  /// A message as it arrives at the other end.
  private func wire(_ message: CohortMessage) throws -> CohortMessage {
    let read = try fromJSON(CohortMessage.self, jsonText(message))
    #expect(read == message)
    return read
  }
}
