/// The shape of a GPT-2 family model: how many layers, heads, channels, positions and tokens.
///
/// ```swift
/// let gpt2 = try ModelShape(layers: 12, heads: 12, width: 768, context: 1024, vocabularySize: 50257)
/// gpt2.parameterCount   // 124439808
/// ```
public struct ModelShape: Hashable, Sendable {
  /// The number of transformer blocks, 1 to 1,024.
  public let layers: UInt32
  /// The number of attention heads, 1 to 1,024, a divisor of the width.
  public let heads: UInt32
  /// The number of channels, 1 to 65,536.
  public let width: UInt32
  /// The number of positions (T), 1 to 1,048,576.
  public let context: UInt32
  /// The number of tokens (V), 2 to 16,777,216.
  public let vocabularySize: UInt32

  /// A shape within the limits above.
  ///
  /// - Throws: ``ProgramError/fieldOutOfRange(field:found:allowed:)``.
  public init(
    layers: UInt32, heads: UInt32, width: UInt32, context: UInt32, vocabularySize: UInt32
  ) throws(ProgramError) {
    try checkRange("model.layers", layers, 1...1_024)
    try checkRange("model.heads", heads, 1...1_024)
    try checkRange("model.width", width, 1...65_536)
    try checkRange("model.context", context, 1...1_048_576)
    try checkRange("model.vocabularySize", vocabularySize, 2...16_777_216)
    guard width.isMultiple(of: heads) else {
      throw .fieldOutOfRange(
        field: "model.heads", found: "\(heads)", allowed: "a divisor of the width \(width)")
    }
    self.layers = layers
    self.heads = heads
    self.width = width
    self.context = context
    self.vocabularySize = vocabularySize
  }

  /// The number of parameters, the token embedding counted once (it is also the output layer).
  ///
  /// Tokens and positions: (V + T) C; each block: 12 C² + 13 C; the last norm: 2 C. At most about 2^53.
  public var parameterCount: UInt64 {
    let channels = UInt64(width)
    let embeddings = (UInt64(vocabularySize) + UInt64(context)) * channels
    let block = 12 * channels * channels + 13 * channels
    return embeddings + UInt64(layers) * block + 2 * channels
  }

  /// The floating-point operations of one token trained: 6 N + 12 layers x width x context (PROTOCOL 3).
  public var operationsPerTrainedToken: UInt64 {
    3 * operationsPerReadToken
  }

  /// The floating-point operations of one token read or generated: a third of those of a trained one.
  public var operationsPerReadToken: UInt64 {
    2 * parameterCount + 4 * UInt64(layers) * UInt64(width) * UInt64(context)
  }
}

/// Throws unless a manifest's number lies within its limits.
func checkRange<Number: FixedWidthInteger>(
  _ field: String, _ found: Number, _ allowed: ClosedRange<Number>
) throws(ProgramError) {
  guard allowed.contains(found) else {
    throw .fieldOutOfRange(
      field: field, found: "\(found)", allowed: "\(allowed.lowerBound) to \(allowed.upperBound)")
  }
}
