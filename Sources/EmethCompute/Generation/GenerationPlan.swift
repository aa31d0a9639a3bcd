import CEmethCompute

/// What generation takes of memory, before any is taken, and how many texts side by side fit.
///
/// ```swift
/// let plan = try GenerationPlan(configuration: configuration, format: .int8, texts: 20)
/// print(plan.batch, plan.byteCount)
/// ```
public struct GenerationPlan: Sendable, Hashable {
  /// The parameters as a model folder holds them in binary32, and the generator's copy in its format: both are
  /// there while the copy is made.
  public let modelByteCount: Int
  /// However many texts there are: rows on their way through the model, and 64 MiB for the rest of the process,
  /// such as the tokenizer, the texts themselves and the stacks of threads.
  public let fixedByteCount: Int
  /// Of one text: its keys and values, and its logits.
  public let textByteCount: Int
  /// Texts that are drawn side by side, at least 1; what a text says does not depend on it.
  public let batch: Int

  /// All of it.
  public var byteCount: Int { modelByteCount + fixedByteCount + batch * textByteCount }

  private static let processByteCount = 64 << 20

  /// The plan for `texts` texts: as many of them side by side as fit.
  ///
  /// - Parameters:
  ///   - texts: 1 or more.
  ///   - available: bytes that may be taken; nil where nobody knows.
  /// - Throws: `ComputeError.insufficientMemory` when not even one text fits, saying what would.
  public init(
    configuration: ModelConfiguration, format: WeightFormat, texts: Int,
    available: Int? = MemoryPlan.availableByteCount
  ) throws(ComputeError) {
    precondition(texts > 0, "no texts to generate")
    let float = MemoryLayout<Float>.stride
    let width = configuration.width
    let limit = available ?? .max
    modelByteCount = Self.modelByteCount(configuration, format)
    fixedByteCount = GenerationPass.rowLimit * (7 * width + 2) * float + Self.processByteCount
    let cache = 2 * configuration.layers * emeth_attention_cache_count(configuration.context, width)
    textByteCount = (cache + width + configuration.vocabularySize) * float
    let others = fixedByteCount + textByteCount
    guard modelByteCount + others <= limit else {
      let smaller = WeightFormat.allCases.first { Self.modelByteCount(configuration, $0) + others <= limit }
      throw .insufficientMemory(
        needed: modelByteCount + others, available: limit,
        fitting: smaller.map { "its weights as \($0.rawValue) would fit" }
          ?? "take a smaller model: weights as int8 do not fit either")
    }
    batch = min(texts, (limit - modelByteCount - fixedByteCount) / textByteCount)
  }

  private static func modelByteCount(_ shape: ModelConfiguration, _ format: WeightFormat) -> Int {
    func packed(_ outputs: Int, _ inputs: Int) -> Int { emeth_packed_bytes(format.raw, outputs, inputs) }
    let c = shape.width
    let block = packed(3 * c, c) + packed(c, c) + packed(4 * c, c) + packed(c, 4 * c)
    // Biases, norms and positions stay as they are.
    let vectors = (13 * shape.layers + 2 + shape.context) * c
    return (shape.parameterCount + vectors) * MemoryLayout<Float>.stride + shape.layers * block
      + packed(shape.vocabularySize, c)
  }
}
