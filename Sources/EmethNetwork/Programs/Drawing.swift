import EmethCompute
import EmethKit

/// How the text that follows a prompt is drawn: what `emeth generate` takes as flags and a prompt as fields.
public struct Drawing: Sendable, Hashable {
  /// Tokens to draw at most, 1 to 1,000,000.
  public var maxTokens: UInt32
  /// 0 takes the likeliest token; 0 to 100.
  public var temperature: Double
  /// Draws among so many of the likeliest tokens, 0 for all; at most 1,000,000.
  public var topK: UInt32
  /// Draws among the fewest likeliest tokens that have this share of the odds; above 0, at most 1.
  public var topP: Double
  /// Above 1 makes tokens of prompt and text less likely to come again; 0.01 to 100.
  public var repetitionPenalty: Double
  /// What everything random follows from.
  public var seed: Bytes32
  /// Texts that end the text right before them.
  public var stop: [String]

  /// What `emeth generate` does without flags.
  public init() {
    maxTokens = 200
    temperature = 0.8
    topK = 40
    topP = 1
    repetitionPenalty = 1
    seed = Self.seed("1")
    stop = []
  }

  /// The 32 bytes of a seed that people write: 64 hexadecimal digits after `0x` stand for themselves, every other text
  /// for the SHA-256 of its UTF-8 bytes.
  public static func seed(_ text: String) -> Bytes32 {
    let literal = text.hasPrefix("0x") ? try? Bytes32(hex: text) : nil
    return literal ?? SHA256.hash(text.utf8)
  }

  /// The most tokens of a text.
  static let maxTokensLimit: UInt32 = 1_000_000
  /// The most stop texts, and the most bytes of one.
  static let stopLimit = (count: 16, bytes: 1_024)

  /// A sampler at the start of its draws.
  func sampler() throws(ComputeError) -> Sampler {
    try Sampler(
      temperature: temperature, topK: topK == 0 ? nil : Int(topK), topP: topP,
      repetitionPenalty: repetitionPenalty, seed: seed.bytes)
  }

  /// What is out of its range; nil where nothing is.
  var fault: PromptFault? {
    if let fault = PromptFault("maxTokens", maxTokens, in: 1...Self.maxTokensLimit) { return fault }
    if let fault = PromptFault("temperature", temperature, in: 0...100) { return fault }
    if let fault = PromptFault("topK", topK, in: 0...1_000_000) { return fault }
    if let fault = PromptFault("topP", topP, in: 0.0001...1) { return fault }
    if let fault = PromptFault("repetitionPenalty", repetitionPenalty, in: 0.01...100) { return fault }
    guard stop.count <= Self.stopLimit.count else {
      return PromptFault("stop", found: "\(stop.count) texts", allowed: "at most \(Self.stopLimit.count)")
    }
    if let text = stop.first(where: { $0.isEmpty || $0.utf8.count > Self.stopLimit.bytes }) {
      return PromptFault(
        "stop", found: "a text of \(text.utf8.count) bytes", allowed: "1 to \(Self.stopLimit.bytes) bytes")
    }
    return nil
  }
}

/// What is wrong with a prompt.
struct PromptFault: Error, Hashable {
  var what: String
  var found: String
  var allowed: String

  init(_ what: String, found: String, allowed: String) {
    (self.what, self.found, self.allowed) = (what, found, allowed)
  }

  /// Nil where the value is in its range.
  init?<Value: Comparable & Sendable>(_ what: String, _ value: Value, in range: ClosedRange<Value>) {
    guard !range.contains(value) else { return nil }
    self.init(what, found: "\(value)", allowed: "\(range.lowerBound) to \(range.upperBound)")
  }
}

extension Drawing: Codable {
  private enum CodingKeys: String, CodingKey {
    case maxTokens, temperature, topK, topP, repetitionPenalty, seed, stop
  }

  /// Reads what `encode(to:)` writes; refuses what is out of its range.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    func real(_ key: CodingKeys) throws -> Double {
      let text = try container.decode(String.self, forKey: key)
      guard let number = Double(text), number.isFinite, "\(number)" == text else {
        throw DecodingError.dataCorruptedError(
          forKey: key, in: container,
          debugDescription: "found \(text), allowed a decimal number at its shortest")
      }
      return number
    }
    maxTokens = try container.decode(UInt32.self, forKey: .maxTokens)
    temperature = try real(.temperature)
    topK = try container.decode(UInt32.self, forKey: .topK)
    topP = try real(.topP)
    repetitionPenalty = try real(.repetitionPenalty)
    seed = try container.decode(Bytes32.self, forKey: .seed)
    stop = try container.decode([String].self, forKey: .stop)
    if let fault {
      throw DecodingError.dataCorrupted(
        DecodingError.Context(
          codingPath: decoder.codingPath,
          debugDescription: "\(fault.what): found \(fault.found), allowed \(fault.allowed)"))
    }
  }

  /// Writes reals as the shortest decimals that give them back.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(maxTokens, forKey: .maxTokens)
    try container.encode("\(temperature)", forKey: .temperature)
    try container.encode(topK, forKey: .topK)
    try container.encode("\(topP)", forKey: .topP)
    try container.encode("\(repetitionPenalty)", forKey: .repetitionPenalty)
    try container.encode(seed, forKey: .seed)
    try container.encode(stop, forKey: .stop)
  }
}
