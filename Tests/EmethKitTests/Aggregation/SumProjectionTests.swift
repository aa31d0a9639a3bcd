import Testing

@testable import EmethKit

@Suite struct SumProjectionTests {
  private struct Question: Encodable {
    var kind = "project"
    var beacon: String
    var vector: [Int32]
  }
  private struct Answer: Decodable { var value: String }

  private func beacon(_ random: inout SeededGenerator) -> Bytes32 {
    Bytes32((0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }) ?? .zero
  }

  private func vector(_ count: Int, _ random: inout SeededGenerator) -> [Int32] {
    (0..<count).map { _ in
      switch Int.random(in: 0..<4, using: &random) {
      case 0: Int32.max
      case 1: Int32.min
      default: Int32.random(in: .min ... .max, using: &random)
      }
    }
  }

  @Test(.enabled(if: PythonModel.isAvailable, PythonModel.reason))
  func anotherImplementationAgrees() throws {
    var random = SeededGenerator()
    let questions = (0..<scaled(30)).map { number in
      (beacon(&random), vector(1 + number * number * 7, &random))
    }
    let answers = try PythonModel.answers(
      of: "masking_model.py",
      to: questions.map { Question(beacon: Hex.encode($0.0.bytes, prefixed: false), vector: $0.1) },
      as: Answer.self)
    for (question, answer) in zip(questions, answers) {
      #expect(try String(question.1.projection(question.0).value) == answer.value)
    }
  }

  @Test func theNumbersOfTermsAddUpToThatOfTheirSum() throws {
    let scene = AggregationScene(nodes: 16, coordinates: 2_500)
    let beacon = SHA256.hash("a batch".utf8)
    let total = try scene.nodes.reduce(UInt64(0)) {
      SumProjection.sum($0, try $1.update.projection(beacon).value)
    }
    #expect(try scene.sum.projection(beacon).value == total)
    // One unit in one coordinate is found, and so is an exchange of two coordinates.
    for place in [0, 1, 2_047, 2_048, 2_499] {
      var wrong = scene.sum
      wrong[place] += 1
      #expect(try wrong.projection(beacon).value != total)
    }
    var exchanged = scene.sum
    exchanged.swapAt(3, try #require(exchanged.lastIndex { $0 != exchanged[3] }))
    #expect(try exchanged.projection(beacon).value != total)
  }

  @Test func piecesAndThreadsGiveTheSame() throws {
    var random = SeededGenerator()
    let vector = vector(9_000, &random)
    let beacon = beacon(&random)
    let whole = try vector.projection(beacon)
    for _ in 0..<scaled(10) {
      let cut = Int.random(in: 0...9_000, using: &random)
      var pieces = SumProjection(beacon: beacon)
      var second = SumProjection(beacon: beacon, firstCoordinate: UInt64(cut))
      try vector[..<cut].withUnsafeBytes { part in try pieces.update(part) }
      let first = pieces
      for part in [vector[cut...]] {
        try part.withUnsafeBytes { part in
          try pieces.update(part)
          try second.update(part)
        }
      }
      #expect(pieces == whole)
      #expect(first.appended(by: second) == whole)
      #expect(cut == 0 || second.appended(by: first) == nil)
    }
    #expect(whole.appended(by: SumProjection(beacon: .zero, firstCoordinate: 9_000)) == nil)
  }

  /// The number that is skipped comes once in 2^61: it is put into the stream by hand.
  @Test func allOnesAreSkipped() {
    let modulus = SumProjection.modulus
    var draws: [UInt64] = [5, modulus, .max, modulus << 3 | 7, 9]
    let words: [UInt32] = [2, UInt32(bitPattern: -3), 4]
    var projection = SumProjection(beacon: .zero)
    let taken = draws.withUnsafeMutableBufferPointer { draws in
      words.withUnsafeBufferPointer { projection.multiply(draws, $0) }
    }
    // 5·2, two skipped, then ρ = (2^61 − 1)·8 + 7 mod 2^61 = 2^61 − 1 again: also skipped; 9·(−3).
    #expect(taken == 2)
    #expect(projection.endCoordinate == 2)
    #expect(projection.value == modulus - 17)
    // Whoever went on elsewhere as if nothing had been skipped can't be put behind it.
    #expect(projection.appended(by: SumProjection(beacon: .zero, firstCoordinate: 2)) == nil)
  }

  @Test func limitsAreChecked() throws {
    let limit = CohortPlan.maximumCoordinates
    let words: [Int32] = [1, 2]
    var last = SumProjection(beacon: .zero, firstCoordinate: limit - 2)
    try words.withUnsafeBytes { words in try last.update(words) }
    let before = last
    words.withUnsafeBytes { words in
      #expect(throws: AggregationError.coordinateLimit(found: limit + 2, allowed: limit)) {
        try last.update(words)
      }
      #expect(throws: AggregationError.vectorLength(found: 3)) {
        try last.update(UnsafeRawBufferPointer(rebasing: words[..<3]))
      }
    }
    #expect(last == before)
    #expect(throws: AggregationError.self) {
      try SumShare(jobID: AggregationScene.parent, round: 0, beacon: .zero, value: SumProjection.modulus)
    }
  }
}
