/// The shape of a GPT-2 family model: everything that fixes how many parameters it has and how they lie.
///
/// Weights are tied (the output head is the transposed token embedding), the hidden width of the
/// feed-forward part is `4 * width`, every head has `width / heads` channels.
public struct ModelConfiguration: Hashable, Sendable {
  /// Number of transformer blocks, L.
  public let layers: Int
  /// Attention heads of each block, NH; divides `width`.
  public let heads: Int
  /// Channels, C.
  public let width: Int
  /// Longest sequence in tokens, T.
  public let context: Int
  /// Number of token ids, V.
  public let vocabularySize: Int

  /// Channels of one head, d = C / NH.
  public var headWidth: Int { width / heads }

  /// The largest number of parameters a model may have: the state stream of such a model stays below 2^40
  /// bytes.
  static let largestParameterCount = 1 << 36

  /// Checks every number, so that a configuration that exists is a valid one.
  ///
  /// - Throws: `ComputeError.invalidConfiguration` naming the first number that is out of range.
  public init(layers: Int, heads: Int, width: Int, context: Int, vocabularySize: Int) throws(ComputeError) {
    func check(_ what: String, _ found: Int, _ allowed: ClosedRange<Int>) throws(ComputeError) {
      guard allowed.contains(found) else {
        throw .invalidConfiguration(
          what: what, found: "\(found)", allowed: "\(allowed.lowerBound) to \(allowed.upperBound)")
      }
    }
    try check("layers", layers, 1...4096)
    try check("heads", heads, 1...4096)
    try check("width", width, 1...(1 << 16))
    try check("context", context, 1...(1 << 20))
    try check("vocabulary size", vocabularySize, 1...(1 << 22))
    guard width % heads == 0 else {
      throw .invalidConfiguration(
        what: "width", found: "\(width)", allowed: "a multiple of the number of heads, \(heads)")
    }
    self.init(
      unchecked: (layers, heads, width, context, vocabularySize))
    try check("number of parameters", parameterCount, 1...Self.largestParameterCount)
  }

  private init(unchecked shape: (layers: Int, heads: Int, width: Int, context: Int, vocabularySize: Int)) {
    layers = shape.layers
    heads = shape.heads
    width = shape.width
    context = shape.context
    vocabularySize = shape.vocabularySize
  }

  /// Number of parameters, tied weights counted once.
  public var parameterCount: Int {
    let block = 12 * width * width + 13 * width
    return vocabularySize * width + context * width + layers * block + 2 * width
  }

  /// 4 layers, 4 heads, 128 channels, 64 tokens, bytes: trains in minutes on two cores.
  public static let tiny = ModelConfiguration(unchecked: (4, 4, 128, 64, 256))
  /// 6 layers, 6 heads, 384 channels, 256 tokens, bytes.
  public static let small = ModelConfiguration(unchecked: (6, 6, 384, 256, 256))
  /// The published GPT-2 of 124 million parameters.
  public static let gpt2 = ModelConfiguration(unchecked: (12, 12, 768, 1024, 50257))
}

extension ModelConfiguration: Codable {
  private enum CodingKeys: String, CodingKey {
    case layers, heads, width, context, vocabularySize
  }

  /// Reads and checks a configuration; an invalid one is a `DecodingError` that carries the reason.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    do {
      try self.init(
        layers: values.decode(Int.self, forKey: .layers),
        heads: values.decode(Int.self, forKey: .heads),
        width: values.decode(Int.self, forKey: .width),
        context: values.decode(Int.self, forKey: .context),
        vocabularySize: values.decode(Int.self, forKey: .vocabularySize))
    } catch let error as ComputeError {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: error.message, underlyingError: error))
    }
  }
}
