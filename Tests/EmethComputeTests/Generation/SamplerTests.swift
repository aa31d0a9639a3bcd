import EmethCompute
import Testing

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
    #expect(throws: ComputeError.self) { try Sampler(temperature: 1, seed: []) }
    var sampler = try Sampler(temperature: 1, seed: seed)
    for value in [Float.nan, .infinity, -.infinity] {
      #expect(throws: ComputeError.self) { try draw(&sampler, [0, value]) }
    }
  }
}
