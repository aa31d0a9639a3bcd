/// Picks the next token from a model's logits: the likeliest, or at random, the same on every machine.
///
/// At temperature 0 the largest logit wins, the lower id among equals. Otherwise a token's weight is
/// exp((logit − largest) / temperature) in binary32 with the project's own exp; weights are added in binary64 in
/// order of ids, and the generator labelled "sample" of the seed gives 53 bits for a draw.
///
/// ```swift
/// var sampler = try Sampler(temperature: 0.8, topK: 40, seed: seed)
/// let token = try sampler.next(logits, device: device)
/// ```
public struct Sampler: Sendable {
  /// 0 takes the likeliest token; 1 the model's own odds; above 1 flattens them.
  public let temperature: Double
  /// How many of the likeliest tokens can be drawn, nil for all.
  public let topK: Int?
  private var generator: CounterGenerator
  private var weights: [Float] = []

  /// A sampler at the start of its draws.
  ///
  /// - Parameters:
  ///   - temperature: 0 to 100.
  ///   - topK: 1 or more; nil for no limit.
  ///   - seed: 32 bytes.
  /// - Throws: `ComputeError.invalidConfiguration` or `invalidInput` naming what is out of range.
  public init(temperature: Double, topK: Int? = nil, seed: [UInt8]) throws(ComputeError) {
    guard temperature >= 0, temperature <= 100 else {
      throw .invalidConfiguration(what: "temperature", found: "\(temperature)", allowed: "0 to 100")
    }
    if let topK, topK < 1 {
      throw .invalidConfiguration(what: "top-k", found: "\(topK)", allowed: "1 or more")
    }
    self.temperature = temperature
    self.topK = topK
    generator = try CounterGenerator(label: "sample", seed: seed, part: 0, round: 0, pass: 0)
  }

  /// A sampler that always takes the likeliest token.
  public static func greedy() throws(ComputeError) -> Sampler {
    try Sampler(temperature: 0, seed: [UInt8](repeating: 0, count: 32))
  }

  /// The next token. O(V), O(V log k) with top-k.
  ///
  /// - Parameter logits: one for each token id, at least one.
  /// - Throws: `ComputeError.invalidInput` when a logit is not finite.
  public mutating func next(
    _ logits: UnsafeBufferPointer<Float>, device: Device
  ) throws(ComputeError) -> UInt32 {
    precondition(!logits.isEmpty, "there is a token to draw")
    let likeliest = try Self.likeliest(of: logits)
    // A temperature that rounds to 0 in binary32 is 0.
    let divisor = Float(temperature)
    guard divisor > 0 else { return UInt32(likeliest) }
    let largest = logits[likeliest]
    weights.removeAll(keepingCapacity: true)
    // Below −200 exp is 0 in binary32 in any case.
    for logit in logits { weights.append(max((logit - largest) / divisor, -200)) }
    weights.withUnsafeMutableBufferPointer { device.exp($0) }
    if let topK, topK < logits.count { keep(topK, of: logits) }
    return try draw()
  }

  private static func likeliest(of logits: UnsafeBufferPointer<Float>) throws(ComputeError) -> Int {
    var best = 0
    var isFinite = true
    for index in 0..<logits.count {
      isFinite = isFinite && logits[index].isFinite
      if logits[index] > logits[best] { best = index }
    }
    guard isFinite else {
      throw .invalidInput(what: "a logit", found: "infinite or not a number", allowed: "finite numbers")
    }
    return best
  }

  /// Sets the weights of all but the `count` likeliest tokens to 0; among equal logits the lower ids stay.
  private mutating func keep(_ count: Int, of logits: UnsafeBufferPointer<Float>) {
    func rank(_ index: Int) -> UInt64 {
      // Bits of binary32 in the order of their numbers; adding 0 makes −0 and +0 one number.
      let bits = (logits[index] + 0).bitPattern
      let ordered = bits >> 31 == 1 ? ~bits : bits | 0x8000_0000
      return UInt64(ordered) << 32 | UInt64(UInt32.max - UInt32(index))
    }
    var heap = MinimumHeap()
    for index in 0..<logits.count {
      let rank = rank(index)
      if heap.count < count {
        heap.insert(rank)
      } else if let lowest = heap.lowest, rank > lowest {
        _ = heap.removeLowest()
        heap.insert(rank)
      }
    }
    let threshold = heap.lowest ?? 0
    for index in 0..<logits.count where rank(index) < threshold { weights[index] = 0 }
  }

  private mutating func draw() throws(ComputeError) -> UInt32 {
    let high = UInt64(try generator.nextWord())
    let low = UInt64(try generator.nextWord())
    var total = 0.0
    for weight in weights { total += Double(weight) }
    let target = Double(high << 21 | low >> 11) * 0x1p-53 * total
    var sum = 0.0
    var last = 0
    for (index, weight) in weights.enumerated() where weight > 0 {
      sum += Double(weight)
      if sum > target { return UInt32(index) }
      last = index
    }
    // Rounding may carry the target up to the total.
    return UInt32(last)
  }
}
