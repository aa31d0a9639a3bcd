import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// ε against dp-accounting, and the bound for sums of discrete Gaussians against their exact divergence.
@Suite struct PrivacyAccountantTests {
  /// dp-accounting 0.6.0 said these, by dp_accounting_oracle.py.
  private static let known: [(multiplier: Double, rounds: Int, delta: Double, epsilon: Double)] = [
    (1, 1, 1e-6, 5.2215347299116495), (4, 10, 1e-6, 4.010281050612955), (0.7, 3, 1e-9, 18.16543404647087),
    (20, 100, 1e-5, 2.1657155523885034), (2, 1_000, 1e-8, 218.83813763669642),
    (0.3, 1, 1e-6, 21.975499556587913),
  ]

  @Test(arguments: known.indices)
  func gaussiansComposeAsDPAccountingSays(index: Int) throws {
    let (multiplier, rounds, delta, expected) = Self.known[index]
    let accountant = PrivacyAccountant(slope: Double(rounds) / (2 * multiplier * multiplier))
    let found = try #require(accountant.epsilon(delta: delta))
    #expect(abs(found - expected) < 3e-6 + 1e-6 * expected, "\(found)")
  }

  private static let python = ProcessInfo.processInfo.environment["EMETH_PYTHON"]

  @Test(.enabled(if: python != nil, "EMETH_PYTHON names no Python with dp-accounting"))
  func gaussiansComposeAsDPAccountingSaysNow() throws {
    var questions: [(Double, Int, Double)] = []
    for multiplier in [0.5, 1.3, 3, 11, 64] {
      for rounds in [1, 4, 60] {
        for delta in [1e-3, 1e-6, 1e-10] { questions.append((multiplier, rounds, delta)) }
      }
    }
    let folder = try TemporaryFolder()
    let (input, output) = (folder.url.appending(path: "in"), folder.url.appending(path: "out"))
    try Data(questions.map { "\($0) \($1) \($2)\n" }.joined().utf8).write(to: input)
    try Data().write(to: output)
    let process = Process()
    process.executableURL = URL(filePath: try #require(Self.python))
    let script = try #require(
      Bundle.module.url(forResource: "dp_accounting_oracle", withExtension: "py", subdirectory: "Fixtures"))
    process.arguments = [script.path]
    process.standardInput = try FileHandle(forReadingFrom: input)
    process.standardOutput = try FileHandle(forWritingTo: output)
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "the script failed; what it says stands above")
    let answers = String(decoding: try Data(contentsOf: output), as: UTF8.self).split(separator: "\n")
    try #require(answers.count == questions.count)
    for ((multiplier, rounds, delta), answer) in zip(questions, answers) {
      let expected = try #require(Double(answer))
      let found = try #require(
        PrivacyAccountant(slope: Double(rounds) / (2 * multiplier * multiplier)).epsilon(delta: delta))
      // Below a hundredth dp-accounting may use a bound for small divergences besides.
      guard expected > 0.01 else { continue }
      #expect(abs(found - expected) < 3e-6 + 1e-5 * expected, "\(multiplier) \(rounds) \(delta): \(found)")
    }
  }

  /// The probabilities of a discrete Gaussian on −reach … reach.
  private func discreteGaussian(_ variance: Double, reach: Int) -> [Double] {
    let weights = (-reach...reach).map { exp(-Double($0 * $0) / (2 * variance)) }
    let all = weights.reduce(0, +)
    return weights.map { $0 / all }
  }

  private func convolved(_ left: [Double], _ right: [Double]) -> [Double] {
    var sum = [Double](repeating: 0, count: left.count + right.count - 1)
    for (i, a) in left.enumerated() { for (j, b) in right.enumerated() { sum[i + j] += a * b } }
    return sum
  }

  @Test(arguments: [1.0, 2.0, 3.0], [2, 3, 5])
  func sumsOfDiscreteGaussiansStayWithinTheBound(variance: Double, terms: Int) {
    let one = discreteGaussian(variance, reach: 25)
    var sum = one
    for _ in 1..<terms { sum = convolved(sum, one) }
    let middle = sum.count / 2
    // The swing of log(sum / one discrete Gaussian of the whole variance), where binary64 has the digits.
    let whole = discreteGaussian(variance * Double(terms), reach: middle)
    let near = Int(5 * (variance * Double(terms)).squareRoot())
    let ratios = (-near...near).map { log(sum[middle + $0] / whole[middle + $0]) }
    let swing = (ratios.max() ?? 0) - (ratios.min() ?? 0)
    let bound = PrivacyAccountant.divergence(variance: variance, terms: UInt32(terms))
    #expect(swing <= bound + 1e-12)
    #expect(bound < 6 * exp(-Double.pi * Double.pi * variance))
    if variance == 1, terms == 2 { #expect(swing > bound / 4, "the bound is not idle here") }

    // Rényi divergence between the sum and its shift, against α Δ² / 2nσ² + Ω α / (α − 1).
    for shift in 1...3 {
      for order in [1.5, 2, 4, 8] {
        var total = 0.0
        for place in shift..<sum.count where sum[place] > 1e-280 && sum[place - shift] > 1e-280 {
          total += exp(order * log(sum[place]) + (1 - order) * log(sum[place - shift]))
        }
        let divergence = log(total) / (order - 1)
        let rate = order * Double(shift * shift) / (2 * Double(terms) * variance)
        #expect(divergence <= rate + bound * order / (order - 1) + 1e-12)
        #expect(divergence > rate * 0.9, "the bound is not idle")
      }
    }
  }

  @Test func aRoundIsCountedByItsNumbers() throws {
    let noise = UpdateNoise(
      terms: try TrainingManifest.Privacy(clip: DecimalNumber("0.5"), noise: DecimalNumber("4")), parts: 16)
    let tensors = [
      PrivacyAccountant.Tensor(count: 10_000, exponent: 18),
      PrivacyAccountant.Tensor(count: 50, exponent: 12),
    ]
    var all = PrivacyAccountant()
    all.add(noise: noise, tensors: tensors, hidden: 16)
    // ρ² = (10,000 · 2^−36 + 50 · 2^−24) / 4; V = 16 · min(2^34 / 2^36, ceil(2^22) / 2^24) = 4.
    let rho = ((10_000 * 0x1p-36 + 50 * 0x1p-24) / 4).squareRoot()
    let expected = (0.5 + rho) * (0.5 + rho) / (2 * 4)
    #expect(abs(all.slope - expected) < 1e-10 * expected)
    #expect(all.excess == 0)
    #expect(all.tail > 0 && all.tail < 1e-20)
    // Six hidden noises of sixteen are worth three eighths of the variance.
    var third = PrivacyAccountant()
    third.add(noise: noise, tensors: tensors, hidden: 6)
    #expect(abs(third.slope - expected * 16 / 6) < 1e-9)
    var two = all
    two.add(noise: noise, tensors: tensors, hidden: 16)
    #expect(abs(two.slope - 2 * all.slope) < 1e-12)
    let (one, both, weak) = (all.epsilon(delta: 1e-6), two.epsilon(delta: 1e-6), third.epsilon(delta: 1e-6))
    #expect(try #require(one) < #require(both))
    #expect(try #require(both) < #require(weak))
    // No ε for a δ that the sampler's bound does not leave.
    #expect(all.epsilon(delta: 1e-30) == nil)
    #expect(PrivacyAccountant().epsilon(delta: 1e-6) == 0)
  }
}
