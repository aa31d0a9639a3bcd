import Testing

@testable import EmethKit

/// The distribution's own facts, its known answers, and its statistics.
@Suite struct DiscreteGaussianTests {
  private func samples(
    variance: UInt64, seed: Bytes32 = .zero, vector: UInt32 = 0, count: Int
  ) throws -> [Int32] {
    let distribution = try DiscreteGaussian(variance: variance)
    var values = [Int32](repeating: 0, count: count)
    try values.withUnsafeMutableBufferPointer { try distribution.fill($0, seed: seed, vector: vector) }
    return values
  }

  private func ask(_ question: NoiseQuestion) throws -> NoiseAnswer {
    NoiseAnswer(
      values: try samples(
        variance: try #require(question.variance), seed: Bytes32(hex: "0x" + (question.seed ?? "")),
        vector: question.vector ?? 0, count: question.count ?? 0))
  }

  @Test func aModelInFractionsOnTheSameStreamGaveTheseSamples() throws {
    let cases = try NoiseCase.recorded("sample")
    #expect(cases.count == 8)
    for known in cases {
      let answer = try ask(known.question)
      #expect(answer == known.answer, "\(known.question)")
    }
  }

  @Test(.enabled(if: PythonModel.isAvailable, PythonModel.reason))
  func aModelInFractionsOnTheSameStreamGivesTheSameSamples() throws {
    var generator = SeededGenerator()
    let questions = (0..<scaled(12)).map { index in
      let seed = Bytes32((0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }) ?? .zero
      return NoiseQuestion(
        kind: "sample",
        variance: UInt64.random(in: 1...(1 << (1 + 3 * UInt64(index % 13))), using: &generator),
        seed: Hex.encode(seed.bytes, prefixed: false), vector: .random(in: 0...UInt32.max, using: &generator),
        count: 60)
    }
    let answers = try PythonModel.answers(of: "noise_model.py", to: questions, as: NoiseAnswer.self)
    for (question, expected) in zip(questions, answers) {
      let answer = try ask(question)
      #expect(answer == expected, "\(question)")
    }
  }

  @Test func blocksStandAlone() throws {
    let distribution = try DiscreteGaussian(variance: 12_345)
    let whole = try samples(variance: 12_345, seed: SHA256.hash([1]), vector: 9, count: 10_000)
    var block = [Int32](repeating: 0, count: 10_000 - 2 * 4_096)
    try block.withUnsafeMutableBufferPointer {
      try distribution.fill(block: 2, of: $0, seed: SHA256.hash([1]), vector: 9)
    }
    #expect(Array(whole[8_192...]) == block)
    // Another seed, vector or block gives other noise.
    let others = [
      try samples(variance: 12_345, seed: SHA256.hash([2]), vector: 9, count: 10_000),
      try samples(variance: 12_345, seed: SHA256.hash([1]), vector: 8, count: 10_000),
      Array(whole[4_096...]),
    ]
    for other in others { #expect(Array(other.prefix(4_096)) != Array(whole.prefix(4_096))) }
  }

  @Test(arguments: [1, 2, 3, 16, 39_999, 40_000, 1 << 20, 1 << 36, (1 << 40) - 1, 1 << 40] as [UInt64])
  func theStripsCoverEveryPlaceOnceAndRefuseNoProbabilityAboveOne(variance: UInt64) throws {
    let distribution = try DiscreteGaussian(variance: variance)
    let bound = UInt64(distribution.bound)
    #expect(bound * bound >= 144 * variance && (bound - 1) * (bound - 1) < 144 * variance)
    var next: UInt64 = 0
    for strip in distribution.strips where strip.width > 0 {
      #expect(UInt64(strip.start) == next)
      next += UInt64(strip.width)
      // width <= scale · e^(start² / 2σ²), exactly.
      let most = distribution.inverseWeight(UInt64(strip.start)).flooredProduct(distribution.scale)
      #expect(most.map { UInt64(strip.width) <= $0 } ?? true)
      #expect(UInt64(strip.refusedBelow) == (UInt64(1) << 32) % UInt64(strip.width))
      // acceptedBelow / 2^32 <= (width / scale) e^(−last² / 2σ²) at the strip's last place.
      let last = distribution.inverseWeight(next - 1)
      let product = last.flooredProduct(UInt64(strip.acceptedBelow) * distribution.scale)
      #expect(product.map { $0 <= UInt64(strip.width) << 32 } ?? (strip.acceptedBelow == 0))
    }
    #expect(next == bound + 1)
    #expect(distribution.strips.count.nonzeroBitCount == 1)
    #expect(distribution.strips.count <= 65_536)
  }

  @Test func variancesOutsideTheLimitsAreRefused() {
    for variance in [0, (1 << 40) + 1, .max] as [UInt64] {
      #expect(throws: PrivacyError.variance(found: variance, allowed: 1...(1 << 40))) {
        _ = try DiscreteGaussian(variance: variance)
      }
    }
  }

  @Test(arguments: [1, 2, 5, 100, 40_000, 1 << 20, 1 << 30, 1 << 36, 1 << 40] as [UInt64])
  func momentsAreThoseOfTheDistribution(variance: UInt64) throws {
    var generator = SeededGenerator()
    let seed = Bytes32((0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }) ?? .zero
    let count = scaled(400_000)
    let values = try samples(variance: variance, seed: seed, count: count)
    let sigma = Double(variance).squareRoot()
    let units = values.map { Double($0) / sigma }
    func mean(_ power: Int) -> Double {
      units.reduce(0.0) { sum, unit in sum + (0..<power).reduce(1.0) { value, _ in value * unit } }
        / Double(count)
    }
    // Of a discrete Gaussian with σ >= 1 the moments differ from 0, 1, 0 and 3 by less than 10^-4. Six
    // standard errors: a test in 10^9 fails by chance.
    let slack = 6 / Double(count).squareRoot()
    #expect(abs(mean(1)) < slack)
    #expect(abs(mean(2) - 1) < slack * 1.42)
    #expect(abs(mean(3)) < slack * 3.88)
    #expect(abs(mean(4) - 3) < slack * 9.8)
    #expect(units.allSatisfy { abs($0) < 8 })
  }

  @Test(arguments: [1, 2, 7, 30] as [UInt64])
  func frequenciesAreInProportionToTheWeights(variance: UInt64) throws {
    var generator = SeededGenerator()
    let seed = Bytes32((0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }) ?? .zero
    let count = scaled(500_000)
    let values = try samples(variance: variance, seed: seed, count: count)
    let reach = Int32(4 * Double(variance).squareRoot())
    // e^(−x²/2σ²) from the library's exact powers, which the model in fractions confirms.
    func weight(_ x: Int32) -> Double {
      let inverse = ExactExponential(numerator: UInt64(x * x), denominator: 2 * variance)
      // Beyond e^23 a place is not expected once.
      return inverse.flooredProduct(1_000_000_000).map { 1e9 / Double($0) } ?? 0
    }
    let places = Array(-reach...reach)
    let weights = places.map(weight)
    let beyond = (1...3 * reach).map { 2 * weight(reach + $0) }.reduce(0, +)
    let all = weights.reduce(0, +) + beyond
    var seen = [Int](repeating: 0, count: places.count)
    var outside = 0
    for value in values {
      if abs(value) <= reach { seen[Int(value + reach)] += 1 } else { outside += 1 }
    }
    var square = 0.0
    for (found, weight) in zip(seen + [outside], weights + [beyond]) {
      let expected = Double(count) * weight / all
      square += (Double(found) - expected) * (Double(found) - expected) / expected
    }
    // Chi-square with k degrees of freedom has mean k and standard deviation sqrt(2k).
    let freedom = Double(places.count)
    #expect(square < freedom + 7 * (2 * freedom).squareRoot() + 10)
  }
}
