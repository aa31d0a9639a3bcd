import Testing

@testable import EmethKit

/// The variances that public numbers fix, and that the noise fits the ring.
@Suite struct UpdateNoiseTests {
  private func noise(_ z: String, _ clip: String, parts: UInt32) throws -> UpdateNoise {
    UpdateNoise(
      terms: try TrainingManifest.Privacy(clip: DecimalNumber(clip), noise: DecimalNumber(z)), parts: parts)
  }

  private func ask(_ question: NoiseQuestion) throws -> UInt64? {
    try noise(question.noise ?? "", question.clip ?? "", parts: question.parts ?? 0)
      .variance(exponent: question.exponent ?? 0)
  }

  /// The library counts variances below 2^63 only.
  private func counted(_ answer: NoiseAnswer) -> UInt64? {
    answer.variance.flatMap { UInt64($0) }.flatMap { $0 < UInt64(1) << 63 - 1 ? $0 : nil }
  }

  @Test func aModelInFractionsGaveTheseVariances() throws {
    let cases = try NoiseCase.recorded("variance")
    #expect(cases.count == 9)
    for known in cases {
      let found = try ask(known.question)
      #expect(found == counted(known.answer), "\(known.question)")
    }
  }

  @Test(.enabled(if: PythonModel.isAvailable, PythonModel.reason))
  func aModelInFractionsGivesTheSameVariances() throws {
    var generator = SeededGenerator()
    let questions = (0..<scaled(500)).map { _ in
      let digits = (0..<9).map { _ in String(Int.random(in: 0...9, using: &generator)) }.joined()
      return NoiseQuestion(
        kind: "variance", noise: "\(Int.random(in: 1...999, using: &generator)).\(digits)",
        clip: "\(Int.random(in: 0...999_999, using: &generator)).1\(digits.dropFirst())",
        exponent: .random(in: -100...80, using: &generator), parts: .random(in: 1...511, using: &generator))
    }
    let answers = try PythonModel.answers(of: "noise_model.py", to: questions, as: NoiseAnswer.self)
    for (question, answer) in zip(questions, answers) {
      let found = try ask(question)
      #expect(found == counted(answer), "\(question)")
    }
  }

  @Test func theExponentIsTheLargestAtWhichTheNoiseFits() throws {
    var generator = SeededGenerator()
    for _ in 0..<scaled(200) {
      let billionths = UInt64.random(in: 1_000...1_000_000_000_000_000, using: &generator)
      let clip =
        "\(billionths / 1_000_000_000)."
        + String(String(1_000_000_000 + billionths % 1_000_000_000).dropFirst())
      let noise = try noise(
        "\(Int.random(in: 1...1000, using: &generator))", clip, parts: .random(in: 1...511, using: &generator)
      )
      let exponent = noise.exponent(atMost: 170)
      let variance = try #require(noise.variance(exponent: exponent))
      #expect(variance <= UpdateNoise.largestVariance)
      #expect(noise.variance(exponent: exponent + 1).map { $0 > UpdateNoise.largestVariance } ?? true)
      // A lower one stays, and what noise and update take together is the ring.
      #expect(noise.exponent(atMost: exponent - 3) == exponent - 3)
      #expect(
        UpdateNoise.room(variance: variance) + DiscreteGaussian.bound(variance: variance) == UpdateRing.limit)
      #expect(UpdateNoise.room(variance: variance) >= 1 << 20 - 1)
    }
  }

  @Test func noiseIsAddedAndStaysInTheRing() throws {
    let noise = try noise("1", "1", parts: 1)
    let exponent = noise.exponent(atMost: 22)
    #expect(exponent == 18)
    let room = UpdateNoise.room(variance: 1 << 36)
    var values = (0..<9_001).map { Int32($0 % 2 == 0 ? room : -room) }
    let plain = values
    try values.withUnsafeMutableBufferPointer {
      try noise.add(to: $0, exponent: exponent, seed: SHA256.hash([7]), tensor: 3)
    }
    #expect(values.allSatisfy { $0.magnitude <= UInt32(UpdateRing.limit) })
    var expected = [Int32](repeating: 0, count: plain.count)
    try expected.withUnsafeMutableBufferPointer {
      try DiscreteGaussian(variance: 1 << 36).fill($0, seed: SHA256.hash([7]), vector: 3)
    }
    #expect(zip(values, plain).map { $0 - $1 } == expected)
    // An exponent at which the noise would not fit is refused, and nothing is changed.
    let kept = values
    #expect(throws: PrivacyError.variance(found: 1 << 38, allowed: 1...(1 << 36))) {
      try values.withUnsafeMutableBufferPointer {
        try noise.add(to: $0, exponent: 19, seed: .zero, tensor: 0)
      }
    }
    #expect(values == kept)
  }
}
