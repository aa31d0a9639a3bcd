import Foundation
import Testing

@testable import EmethCompute

@Suite struct SamplerTests {
  private let device: Device
  private let seed = [UInt8](0..<32)

  init() throws { device = try .cpu(threads: 1) }

  private func draw(_ sampler: inout Sampler, _ logits: [Float]) throws -> UInt32 {
    try logits.withUnsafeBufferPointer { try sampler.next($0, device: device) }
  }

  @Test func temperatureZeroTakesTheLargestAndTheLowerIdAmongEquals() throws {
    var sampler = try Sampler.greedy()
    #expect(try draw(&sampler, [-1, 3, 3, 2]) == 1)
    #expect(try draw(&sampler, [-0.0, 0]) == 0)
    #expect(try draw(&sampler, [-3]) == 0)
    var tiny = try Sampler(temperature: 1e-60, seed: seed)
    #expect(try draw(&tiny, [1, 2]) == 1)
  }

  @Test func drawsFollowTheOdds() throws {
    var sampler = try Sampler(temperature: 2, seed: seed)
    // exp(l / 2): 1, 2, 5
    let logits: [Float] = [0, 1.3862944, 3.2188758]
    var counts = [0, 0, 0]
    for _ in 0..<8_000 { counts[Int(try draw(&sampler, logits))] += 1 }
    for (count, wanted) in zip(counts, [1_000, 2_000, 5_000]) {
      #expect(abs(count - wanted) < 200, "\(counts)")
    }
  }

  @Test func topKDrawsAmongTheLikeliestOnly() throws {
    var sampler = try Sampler(temperature: 100, topK: 3, seed: seed)
    let logits: [Float] = [-1, 0, -0.0, 5, 0, -7]
    var seen: Set<UInt32> = []
    for _ in 0..<500 { seen.insert(try draw(&sampler, logits)) }
    // Ids 1, 2 and 4 are equal: the lower two stay.
    #expect(seen == [1, 2, 3])
    var one = try Sampler(temperature: 100, topK: 1, seed: seed)
    for _ in 0..<50 { #expect(try draw(&one, logits) == 3) }
    var many = try Sampler(temperature: 100, topK: 1_000, seed: seed)
    for _ in 0..<50 { #expect(try draw(&many, logits) < 6) }
  }

  @Test func aSeedRepeats() throws {
    var random = try RandomInput("sampler")
    var logits: [Float] = []
    for _ in 0..<500 { logits.append(Float(try random.below(1 << 16)) / 8_192) }
    var first = try Sampler(temperature: 1, topK: 100, seed: seed)
    var second = first
    var other = try Sampler(temperature: 1, topK: 100, seed: [UInt8](1..<33))
    var differences = 0
    for _ in 0..<100 {
      let token = try draw(&first, logits)
      #expect(try draw(&second, logits) == token)
      differences += try draw(&other, logits) == token ? 0 : 1
    }
    #expect(differences > 50)
  }

  /// The rules of Sampler, each in the plainest way.
  private func drawnByTheRules(
    _ logits: [Float], temperature: Float, topK: Int, topP: Double, penalty: Float, seen: Set<UInt32>,
    generator: inout CounterGenerator
  ) throws -> UInt32 {
    var logits = logits
    for token in seen {
      let logit = logits[Int(token)]
      logits[Int(token)] = logit > 0 ? logit / penalty : logit * penalty
    }
    let largest = logits.max() ?? 0
    let order = logits.indices.sorted { logits[$0] == logits[$1] ? $0 < $1 : logits[$0] > logits[$1] }
    var weights = logits.map { max(($0 - largest) / temperature, -200) }
    weights.withUnsafeMutableBufferPointer { device.exp($0) }
    for index in order.dropFirst(topK) { weights[index] = 0 }
    if topP < 1 {
      let units = weights.map { UInt64($0 * 0x1p40) }
      let total = units.reduce(0, +)
      let target = min(UInt64((topP * Double(total)).rounded(.up)), total)
      var sum: UInt64 = 0
      for index in order {
        if sum >= target { weights[index] = 0 }
        sum += units[index]
      }
    }
    let (high, low) = (UInt64(try generator.nextWord()), UInt64(try generator.nextWord()))
    let place = Double(high << 21 | low >> 11) * 0x1p-53 * weights.reduce(0.0) { $0 + Double($1) }
    var sum = 0.0
    for (index, weight) in weights.enumerated() {
      sum += Double(weight)
      if sum > place { return UInt32(index) }
    }
    return UInt32(weights.lastIndex { $0 > 0 } ?? 0)
  }

  @Test func everyDrawIsThatOfTheRules() throws {
    var random = try RandomInput("sampler rules")
    for _ in 0..<60 * RandomInput.scale {
      let count = 1 + (try random.below(try random.below(2) == 0 ? 50 : 3_000))
      let coarse = try random.below(2) == 0
      let (topK, topP) = (1 + (try random.below(2 * count)), Double(1 + (try random.below(1_000))) / 1_000)
      let penalty = Double(50 + (try random.below(150))) / 100
      let temperature = Double(1 + (try random.below(300))) / 100
      var generator = try CounterGenerator(label: "sample", seed: seed, part: 3, round: 0, pass: 0)
      var sampler = try Sampler(
        temperature: temperature, topK: topK, topP: topP, repetitionPenalty: penalty, seed: seed, text: 3)
      var seen: Set<UInt32> = [0, UInt32(count - 1)]
      sampler.observe([0, UInt32(count - 1)])
      for _ in 0..<5 {
        var logits: [Float] = []
        for _ in 0..<count {
          let word = try random.below(1 << 20)
          logits.append(coarse ? Float(word % 7) - 3 : Float(word) / 0x1p16 - 8)
        }
        let expected = try drawnByTheRules(
          logits, temperature: Float(temperature), topK: topK, topP: topP, penalty: Float(penalty),
          seen: seen,
          generator: &generator)
        #expect(try draw(&sampler, logits) == expected, "\(count) \(topK) \(topP) \(penalty) \(temperature)")
        seen.insert(expected)
      }
    }
  }

  @Test func topPDrawsFromTheFewestTokensThatHaveTheShare() throws {
    // Weights 8, 4, 2, 1, 1 of 16.
    let logits = [8, 2, 1, 4, 1].map { Float(Foundation.log(Double($0))) }
    for (topP, expected) in [
      (0.01, [0]), (0.49, [0]), (0.51, [0, 3]), (0.74, [0, 3]), (0.76, [0, 1, 3]), (0.88, [0, 1, 2, 3]),
      (0.95, [0, 1, 2, 3, 4]), (1, [0, 1, 2, 3, 4]),
    ] as [(Double, Set<UInt32>)] {
      var sampler = try Sampler(temperature: 1, topP: topP, seed: seed)
      var seen: Set<UInt32> = []
      for _ in 0..<400 { seen.insert(try draw(&sampler, logits)) }
      #expect(seen == expected, "\(topP)")
    }
  }

  @Test func repetitionMakesTokensLessLikely() throws {
    var sampler = try Sampler(temperature: 0, repetitionPenalty: 2, seed: seed)
    #expect(try draw(&sampler, [4, 3, 1.5, -1]) == 0)
    #expect(try draw(&sampler, [4, 3, 1.5, -1]) == 1)
    // 2, 1.5, 1.5, −1: drawn tokens are counted once.
    #expect(try draw(&sampler, [4, 3, 1.5, -1]) == 0)
    #expect(try draw(&sampler, [4, 3, 2.5, -1]) == 2)
    var prompted = try Sampler(temperature: 0, repetitionPenalty: 2, seed: seed)
    prompted.observe([1, 900])
    #expect(try draw(&prompted, [-4, -1, -1.5]) == 2)
  }

  @Test func textsOfOneSeedDiffer() throws {
    let logits = [Float](repeating: 0, count: 1_000)
    var tokens: Set<UInt32> = []
    for text in 0..<8 as Range<UInt32> {
      var sampler = try Sampler(temperature: 1, seed: seed, text: text)
      tokens.insert(try draw(&sampler, logits))
    }
    #expect(tokens.count > 5)
  }

  @Test func extremeLogitsAreDrawnFrom() throws {
    var sampler = try Sampler(temperature: 1e-30, seed: seed)
    #expect(try draw(&sampler, [-3e38, 3e38, 0]) == 1)
    var hot = try Sampler(temperature: 100, seed: seed)
    #expect(try draw(&hot, [-3e38, 3e38, -3e38]) == 1)
  }

  @Test func wrongSettingsAndLogitsAreRefused() throws {
    for temperature in [-1, 101, .nan, .infinity] {
      #expect(throws: ComputeError.self) { try Sampler(temperature: temperature, seed: seed) }
    }
    #expect(throws: ComputeError.self) { try Sampler(temperature: 1, topK: 0, seed: seed) }
    for value in [0, -0.5, 1.01, .nan] {
      #expect(throws: ComputeError.self) { try Sampler(temperature: 1, topP: value, seed: seed) }
    }
    for value in [0, -1, 101, .infinity, .nan] {
      #expect(throws: ComputeError.self) { try Sampler(temperature: 1, repetitionPenalty: value, seed: seed) }
    }
    #expect(throws: ComputeError.self) { try Sampler(temperature: 1, seed: []) }
    var sampler = try Sampler(temperature: 1, seed: seed)
    for value in [Float.nan, .infinity, -.infinity] {
      #expect(throws: ComputeError.self) { try draw(&sampler, [0, value]) }
      for place in [0, 17, 39] {
        var logits = [Float](repeating: -1, count: 40)
        logits[place] = value
        #expect(throws: ComputeError.self) { try draw(&sampler, logits) }
      }
    }
  }
}
