import EmethKit
import Testing

/// A round's nodes with their updates, and what they need to take part in a masked sum.
struct AggregationScene {
  static let programHash = SHA256.hash("a program".utf8)
  static let initRoot = SHA256.hash("a model".utf8)
  static let round: UInt32 = 4
  static let parent = JobID(requester: .zero, salt: .zero)

  struct Node {
    var key: PrivateKey
    var seat: CohortSeat
    var update: [Int32]
  }

  var nodes: [Node]
  var random: SeededGenerator

  init(nodes count: Int, coordinates: Int, test: String = #function) {
    random = SeededGenerator(test: test)
    nodes = []
    for part in 0..<count {
      let update = Self.randomUpdate(coordinates, using: &random)
      nodes.append(Self.node(part: UInt32(part), attempt: 0, account: UInt32(part), update: update))
    }
    nodes.sort { $0.seat.jobID < $1.seat.jobID }
  }

  static func jobID(part: UInt32, attempt: UInt32) -> JobID {
    JobID(parent: parent, round: round, part: part, attempt: attempt)
  }

  static func node(part: UInt32, attempt: UInt32, account: UInt32, update: [Int32]) -> Node {
    let key = PrivateKey(seed: .zero, label: "node", index: account)
    let seat = CohortSeat(
      jobID: jobID(part: part, attempt: attempt), node: key.address,
      resultRoot: SHA256.hash("\(part) \(attempt) \(account)".utf8))
    return Node(key: key, seat: seat, update: update)
  }

  /// Numbers of the whole ring, its two ends among them more often than by chance.
  static func randomUpdate(_ count: Int, using random: inout SeededGenerator) -> [Int32] {
    (0..<count).map { _ in
      switch Int.random(in: 0..<4, using: &random) {
      case 0: UpdateRing.limit
      case 1: -UpdateRing.limit
      default: Int32.random(in: -UpdateRing.limit...UpdateRing.limit, using: &random)
      }
    }
  }

  func plan(attempt: UInt32 = 0) throws -> CohortPlan {
    try CohortPlan(
      cohort: Cohort(nodes.map(\.seat)), round: Self.round, attempt: attempt,
      programHash: Self.programHash, initRoot: Self.initRoot,
      coordinates: UInt64(nodes.first?.update.count ?? 0))
  }

  /// Fresh secrets, one a node, in the nodes' order.
  mutating func secrets() -> [RoundSecret] {
    nodes.map { _ in RoundSecret(using: &random) }
  }

  func keys(_ secrets: [RoundSecret], of plan: CohortPlan) -> [JobID: SignedRoundKey] {
    Dictionary(
      uniqueKeysWithValues: zip(nodes, secrets).map { node, secret in
        let key = RoundKey(of: plan, seat: node.seat, roundKey: secret.publicKey)
        return (node.seat.jobID, SignedRoundKey(signing: key, in: .embedded, with: node.key))
      })
  }

  func roster(_ secrets: [RoundSecret], attempt: UInt32 = 0) throws -> Roster {
    let plan = try plan(attempt: attempt)
    return try Roster(plan: plan, keys: keys(secrets, of: plan))
  }

  /// The first node's member, which has announced its key for attempt 0.
  func announcedMember(_ secrets: [RoundSecret]) throws -> CohortMember {
    var member = member(0)
    _ = try member.apply(.form(plan(), secrets[0]))
    return member
  }

  func member(_ index: Int, memory: CohortMemory = CohortMemory()) -> CohortMember {
    CohortMember(
      seat: nodes[index].seat, round: Self.round, programHash: Self.programHash, initRoot: Self.initRoot,
      key: nodes[index].key, domain: .embedded, memory: memory)
  }

  /// The true sum of all updates.
  var sum: [Int32] {
    guard let first = nodes.first else { return [] }
    return nodes.dropFirst().reduce(first.update) { zip($0, $1.update).map { $0 &+ $1 } }
  }
}

/// A masked vector of an update.
func masked(_ update: [Int32], by mask: UpdateMask) throws -> [Int32] {
  var result = [Int32](repeating: 0, count: update.count)
  try update.withUnsafeBytes { update in
    try result.withUnsafeMutableBytes { result in
      try mask.mask(update, into: result)
    }
  }
  return result
}

/// The sum of vectors by the library.
func added(_ vectors: [[Int32]]) throws -> [Int32] {
  var sum = [Int32](repeating: 0, count: vectors.first?.count ?? 0)
  for vector in vectors {
    try vector.withUnsafeBytes { vector in
      try sum.withUnsafeMutableBytes { sum in
        try MaskedSum.add([vector], into: sum)
      }
    }
  }
  return sum
}

extension [Int32] {
  /// The vector as it is stored.
  var stored: MaskedVector {
    withUnsafeBytes { MaskedVector(root: MaskedHasher.root(of: $0), byteCount: UInt64($0.count)) }
  }

  func projection(_ beacon: Bytes32) throws -> SumProjection {
    var projection = SumProjection(beacon: beacon)
    try withUnsafeBytes { vector in try projection.update(vector) }
    return projection
  }
}
