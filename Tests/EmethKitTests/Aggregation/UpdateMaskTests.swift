import EmethKit
import Testing

@Suite struct UpdateMaskTests {
  @Test(arguments: 3...16) func masksCancelExactly(count: Int) throws {
    // More than a block of words, and no whole number of ChaCha20 blocks.
    var scene = AggregationScene(nodes: count, coordinates: 2048 + 77, test: "masks cancel \(count)")
    let secrets = scene.secrets()
    let roster = try scene.roster(secrets)
    var vectors: [[Int32]] = []
    for (node, secret) in zip(scene.nodes, secrets) {
      let mask = try UpdateMask(secret: secret, roster: roster, member: node.seat.jobID)
      let vector = try masked(node.update, by: mask)
      #expect(zip(vector, node.update).count { $0 == $1 } < 3, "every coordinate is masked")
      vectors.append(vector)
    }
    let sum = try added(vectors)
    #expect(sum == scene.sum)
    try sum.withUnsafeBytes { sum in try MaskedSum.check(sum, parts: count) }
    // All but one do not: their sum is no sum of updates.
    let rest = try added(Array(vectors.dropLast()))
    #expect(throws: AggregationError.self) {
      try rest.withUnsafeBytes { rest in try MaskedSum.check(rest, parts: count) }
    }
  }

  @Test func anyRangesGiveTheSameVector() throws {
    var scene = AggregationScene(nodes: 4, coordinates: 5_000)
    let secrets = scene.secrets()
    let roster = try scene.roster(secrets)
    let mask = try UpdateMask(secret: secrets[1], roster: roster, member: scene.nodes[1].seat.jobID)
    let update = scene.nodes[1].update
    let whole = try masked(update, by: mask)
    for _ in 0..<scaled(20) {
      let cuts = [0] + (0..<4).map { _ in Int.random(in: 0...5_000, using: &scene.random) }.sorted() + [5_000]
      var pieces = [Int32](repeating: 0, count: update.count)
      for (start, end) in zip(cuts, cuts.dropFirst()).reversed() {
        try update[start..<end].withUnsafeBytes { source in
          try pieces[start..<end].withUnsafeMutableBytes { target in
            try mask.mask(source, at: UInt64(start), into: target)
          }
        }
      }
      #expect(pieces == whole, "cut at \(cuts)")
    }
    var inPlace = update
    try inPlace.withUnsafeMutableBytes { buffer in
      try mask.mask(UnsafeRawBufferPointer(buffer), into: buffer)
    }
    #expect(inPlace == whole)
  }

  @Test func valuesOutOfTheRingAreRefused() throws {
    var scene = AggregationScene(nodes: 3, coordinates: 3_000)
    let secrets = scene.secrets()
    let roster = try scene.roster(secrets)
    let mask = try UpdateMask(secret: secrets[0], roster: roster, member: scene.nodes[0].seat.jobID)
    let limit = UpdateRing.limit
    for (place, value) in [
      (0, limit + 1), (2_047, -limit - 1), (2_048, Int32.max), (2_999, Int32.min), (5, 1 << 30),
    ] {
      var update = scene.nodes[0].update
      update[place] = value
      #expect(
        throws: AggregationError.valueOutOfRing(coordinate: UInt64(place), found: value, allowed: limit)
      ) { _ = try masked(update, by: mask) }
      // What was written before is masked, and the block of the bad value is not written at all.
      var result = [Int32](repeating: 7, count: update.count)
      try? update.withUnsafeBytes { update in
        try result.withUnsafeMutableBytes { result in
          try mask.mask(update, at: 100, into: result)
        }
      }
      #expect(result[place] == 7)
      #expect(zip(result, update).count { $0 == $1 } < 3)
    }
  }

  @Test func lengthsAreChecked() throws {
    var scene = AggregationScene(nodes: 3, coordinates: 4)
    let secrets = scene.secrets()
    let mask = try UpdateMask(
      secret: secrets[0], roster: scene.roster(secrets), member: scene.nodes[0].seat.jobID)
    var buffer: [Int32] = [1, 2, 3]
    buffer.withUnsafeMutableBytes { buffer in
      let odd = UnsafeMutableRawBufferPointer(rebasing: buffer[..<7])
      #expect(throws: AggregationError.vectorLength(found: 7)) {
        try mask.mask(UnsafeRawBufferPointer(odd), into: odd)
      }
      let limit = CohortPlan.maximumCoordinates
      for first in [limit - 2, limit, UInt64.max - 1] {
        #expect(throws: AggregationError.self) {
          try mask.mask(UnsafeRawBufferPointer(buffer), at: first, into: buffer)
        }
      }
      #expect(throws: Never.self) {
        try mask.mask(UnsafeRawBufferPointer(buffer), at: limit - 3, into: buffer)
      }
    }
  }

  @Test func secretsAndRostersMustFit() throws {
    var scene = AggregationScene(nodes: 3, coordinates: 4)
    let secrets = scene.secrets()
    let roster = try scene.roster(secrets)
    let (first, second) = (scene.nodes[0].seat.jobID, scene.nodes[1].seat.jobID)
    #expect(
      throws: AggregationError.roundKeyMismatch(
        second, found: secrets[0].publicKey, expected: secrets[1].publicKey)
    ) { try UpdateMask(secret: secrets[0], roster: roster, member: second) }
    let stranger = AggregationScene.jobID(part: 77, attempt: 0)
    #expect(throws: AggregationError.notAMember(stranger)) {
      try UpdateMask(secret: secrets[0], roster: roster, member: stranger)
    }
    // A peer's key of low order, which everybody shares a secret with.
    var entries = roster.entries
    entries[1] = RosterEntry(
      jobID: second, node: entries[1].node, resultRoot: .zero, roundKey: .zero,
      signature: entries[1].signature)
    let low = try Roster(
      programHash: .zero, initRoot: .zero, round: 0, attempt: 0, entries: entries)
    #expect(throws: AggregationError.roundKeyLowOrder(second)) {
      try UpdateMask(secret: secrets[0], roster: low, member: first)
    }
  }

  /// Another roster, model, program, round or attempt gives other masks: nothing cancels between them.
  @Test func masksDependOnAllOfTheContext() throws {
    var scene = AggregationScene(nodes: 3, coordinates: 64)
    let secrets = scene.secrets()
    let roster = try scene.roster(secrets)
    func variant(
      _ programHash: Bytes32? = nil, _ initRoot: Bytes32? = nil, _ round: UInt32? = nil,
      _ attempt: UInt32? = nil, resultRoot: Bytes32? = nil
    ) throws -> Roster {
      var entries = roster.entries
      if let resultRoot {
        entries[2] = RosterEntry(
          jobID: entries[2].jobID, node: entries[2].node, resultRoot: resultRoot,
          roundKey: entries[2].roundKey, signature: entries[2].signature)
      }
      return try Roster(
        programHash: programHash ?? roster.programHash, initRoot: initRoot ?? roster.initRoot,
        round: round ?? roster.round, attempt: attempt ?? roster.attempt, entries: entries)
    }
    let rosters = try [
      variant(), variant(.zero), variant(nil, .zero), variant(nil, nil, 9), variant(nil, nil, nil, 9),
      variant(resultRoot: .zero),
    ]
    let update = scene.nodes[0].update
    let vectors = try rosters.map {
      try masked(
        update, by: UpdateMask(secret: secrets[0], roster: $0, member: scene.nodes[0].seat.jobID))
    }
    #expect(rosters[0] == roster)
    #expect(Set(vectors).count == rosters.count && Set(rosters.map(\.hash)).count == rosters.count)
  }

  private struct Entry: Encodable { var jobId, node, resultRoot: String }
  private struct Question: Encodable {
    var kind = "mask"
    var secrets: [String]
    var own: Int
    var entries: [Entry]
    var programHash, initRoot: String
    var round, attempt: UInt32
    var update: [Int32]
  }
  private struct Answer: Decodable {
    var rosterHash: String
    var roundKeys: [String]
    var masked: [UInt32]
    var maskedRoot: String
  }

  @Test(.enabled(if: PythonModel.isAvailable, PythonModel.reason))
  func anotherImplementationMasksTheSame() throws {
    func hex(_ bytes: [UInt8]) -> String { Hex.encode(bytes, prefixed: false) }
    var questions: [Question] = []
    var expected: [(Roster, [Int32])] = []
    for number in 0..<scaled(12) {
      // Once with more than a chunk of the tree.
      let coordinates = number == 0 ? (1 << 18) + 19 : 1 + number * 97
      var scene = AggregationScene(
        nodes: number == 0 ? 3 : 3 + number % 14, coordinates: coordinates, test: "oracle \(number)")
      let opened = scene.nodes.map { _ in
        Bytes32((0..<32).map { _ in UInt8.random(in: 0...255, using: &scene.random) }) ?? .zero
      }
      let secrets = opened.map { RoundSecret($0) }
      let attempt = UInt32.random(in: 0 ... .max, using: &scene.random)
      let roster = try scene.roster(secrets, attempt: attempt)
      let own = Int.random(in: 0..<scene.nodes.count, using: &scene.random)
      let node = scene.nodes[own]
      let mask = try UpdateMask(secret: secrets[own], roster: roster, member: node.seat.jobID)
      expected.append((roster, try masked(node.update, by: mask)))
      questions.append(
        Question(
          secrets: opened.map { hex($0.bytes) }, own: own,
          entries: roster.entries.map {
            Entry(
              jobId: hex($0.jobID.bytes), node: hex($0.node.bytes), resultRoot: hex($0.resultRoot.bytes))
          },
          programHash: hex(roster.programHash.bytes), initRoot: hex(roster.initRoot.bytes),
          round: roster.round, attempt: attempt, update: node.update))
    }
    let answers = try PythonModel.answers(of: "masking_model.py", to: questions, as: Answer.self)
    for (answer, (roster, vector)) in zip(answers, expected) {
      #expect(answer.rosterHash == hex(roster.hash.bytes))
      #expect(answer.roundKeys == roster.entries.map { hex($0.roundKey.bytes) })
      #expect(answer.masked.map { Int32(bitPattern: $0) } == vector)
      #expect(answer.maskedRoot == hex(vector.stored.root.bytes))
    }
  }
}
