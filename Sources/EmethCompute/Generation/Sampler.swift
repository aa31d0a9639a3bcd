/// Picks the next token from a model's logits: the likeliest, or at random, the same on every machine.
///
/// In this order, in binary32 where nothing else is said:
/// 1. Repetition penalty: the logit of a token that the text has already is divided by it where above 0, else
///    multiplied.
/// 2. At temperature 0 the largest logit wins, the lower id among equals, and nothing below applies.
/// 3. Top-k: the k largest logits stay, among equals the lower ids.
/// 4. A token's weight is e^x, x = (logit − largest logit) / temperature, with the project's own exp and x at
///    least −200.
/// 5. Top-p: of the tokens left, those with the largest logits (among equals the lower ids), as few as have
///    together p of all weights left, at least one. Weights are counted here in units of 2^−40, rounded down,
///    so that the order of a sum does not matter; the share is p · sum in binary64, rounded up.
/// 6. Two words of the generator labelled "sample" of the seed give 53 bits, r: the token drawn is the first
///    in order of ids at which the sum of weights, in binary64, exceeds r · 2^−53 · (sum of all).
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
  /// The share of all odds that the likeliest tokens must have together to be drawn from, 1 for all tokens.
  public let topP: Double
  /// Above 1 makes tokens that the text has already less likely; 1 does nothing.
  public let repetitionPenalty: Double

  private var generator: CounterGenerator
  private var seen = SeenTokens()
  private var selection = TokenSelection()
  private var penalised: [Float] = []

  /// A sampler at the start of its draws.
  ///
  /// - Parameters:
  ///   - temperature: 0 to 100.
  ///   - topK: 1 or more; nil for no limit.
  ///   - topP: above 0, at most 1.
  ///   - repetitionPenalty: 0.01 to 100.
  ///   - seed: 32 bytes.
  ///   - text: which of several texts of one seed this is; it is the generator's part.
  /// - Throws: `ComputeError.invalidConfiguration` or `invalidInput` naming what is out of range.
  public init(
    temperature: Double, topK: Int? = nil, topP: Double = 1, repetitionPenalty: Double = 1, seed: [UInt8],
    text: UInt32 = 0
  ) throws(ComputeError) {
    guard temperature >= 0, temperature <= 100 else {
      throw .invalidConfiguration(what: "temperature", found: "\(temperature)", allowed: "0 to 100")
    }
    if let topK, topK < 1 {
      throw .invalidConfiguration(what: "top-k", found: "\(topK)", allowed: "1 or more")
    }
    guard topP > 0, topP <= 1 else {
      throw .invalidConfiguration(what: "top-p", found: "\(topP)", allowed: "above 0, at most 1")
    }
    guard repetitionPenalty >= 0.01, repetitionPenalty <= 100 else {
      throw .invalidConfiguration(
        what: "repetition penalty", found: "\(repetitionPenalty)", allowed: "0.01 to 100")
    }
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.repetitionPenalty = repetitionPenalty
    generator = try CounterGenerator(label: "sample", seed: seed, part: text, round: 0, pass: 0)
  }

  /// A sampler that always takes the likeliest token.
  public static func greedy() throws(ComputeError) -> Sampler {
    try Sampler(temperature: 0, seed: [UInt8](repeating: 0, count: 32))
  }

  /// Tokens that the text has already, such as the prompt's, for the repetition penalty. Drawn tokens are
  /// counted by themselves.
  public mutating func observe(_ tokens: some Sequence<UInt32>) {
    guard repetitionPenalty != 1 else { return }
    for token in tokens { seen.insert(token) }
  }

  /// Goes over tokens that were drawn before, here or on another machine: what is drawn next is what would have been
  /// drawn after them.
  public mutating func pass(over drawn: [UInt32]) throws(ComputeError) {
    observe(drawn)
    guard Float(temperature) > 0 else { return }
    for _ in 0..<2 * drawn.count { _ = try generator.nextWord() }
  }

  /// The next token. O(V) with top-k and at temperature 0; else O(V) exponentials.
  ///
  /// - Parameter logits: one for each token id, at least one.
  /// - Throws: `ComputeError.invalidInput` when a logit is not finite.
  public mutating func next(
    _ logits: UnsafeBufferPointer<Float>, device: Device
  ) throws(ComputeError) -> UInt32 {
    precondition(!logits.isEmpty, "there is a token to draw")
    let token: UInt32
    if seen.isEmpty {
      token = try choose(logits, device: device)
    } else {
      penalise(logits)
      let own = penalised
      token = try own.withUnsafeBufferPointer { own throws(ComputeError) in try choose(own, device: device) }
    }
    observe(CollectionOfOne(token))
    return token
  }

  private mutating func penalise(_ logits: UnsafeBufferPointer<Float>) {
    penalised.removeAll(keepingCapacity: true)
    penalised.append(contentsOf: logits)
    let penalty = Float(repetitionPenalty)
    for token in seen.tokens where Int(token) < penalised.count {
      let logit = penalised[Int(token)]
      penalised[Int(token)] = logit > 0 ? logit / penalty : logit * penalty
    }
  }

  private mutating func choose(
    _ logits: UnsafeBufferPointer<Float>, device: Device
  ) throws(ComputeError) -> UInt32 {
    let largest = try TokenSelection.largest(of: logits)
    // A temperature that rounds to 0 in binary32 is 0.
    let divisor = Float(temperature)
    guard divisor > 0 else { return UInt32(logits.firstIndex(of: largest) ?? 0) }
    selection.take(topK, of: logits)
    selection.weigh(largest: largest, divisor: divisor, device: device)
    if topP < 1 { selection.keepNucleus(topP) }
    let high = UInt64(try generator.nextWord())
    let low = UInt64(try generator.nextWord())
    return selection.draw(Double(high << 21 | low >> 11) * 0x1p-53)
  }
}

/// The tokens of a text, each once.
private struct SeenTokens: Sendable {
  private(set) var tokens: [UInt32] = []
  private var marks: [Bool] = []

  var isEmpty: Bool { tokens.isEmpty }

  mutating func insert(_ token: UInt32) {
    if Int(token) >= marks.count {
      marks.append(contentsOf: repeatElement(false, count: Int(token) + 1 - marks.count))
    }
    guard !marks[Int(token)] else { return }
    marks[Int(token)] = true
    tokens.append(token)
  }
}
