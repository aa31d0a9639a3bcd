/// Where each tensor of a model lies in its parameter arena.
///
/// Tensors follow each other without gaps in ascending byte order of their Hugging Face GPT-2 names (without
/// the `transformer.` prefix), so `h.10.…` comes before `h.2.…`: the order of the state stream of PROTOCOL 7.
/// Gradients, moments and differences of models use the same layout.
public struct ParameterLayout: Sendable {
  /// One tensor: row-major, little-endian binary32 wherever it is written out.
  public struct Tensor: Sendable, Hashable {
    /// Hugging Face name without `transformer.`, such as `h.0.attn.c_attn.weight`.
    public let name: String
    /// Extents, the slowest first; linear weights are (in, out) as Hugging Face's Conv1D keeps them.
    public let shape: [Int]
    /// Index of the first element in the arena.
    public let offset: Int
    /// Number of elements.
    public let count: Int
    /// Whether it has two extents: matrices are drawn at random and decay, vectors are not.
    public var isMatrix: Bool { shape.count == 2 }
    /// The elements' indices in the arena.
    public var range: Range<Int> { offset..<(offset + count) }
  }

  /// All tensors in ascending byte order of their names.
  public let tensors: [Tensor]
  /// Elements of all tensors together.
  public let count: Int
  private let indices: [String: Int]

  /// The layout of a model of this shape.
  public init(_ configuration: ModelConfiguration) {
    let c = configuration.width
    var shapes: [(name: String, shape: [Int])] = [
      ("wte.weight", [configuration.vocabularySize, c]), ("wpe.weight", [configuration.context, c]),
      ("ln_f.weight", [c]), ("ln_f.bias", [c]),
    ]
    for layer in 0..<configuration.layers {
      shapes += BlockTensor.allCases.map { ($0.name(layer: layer), $0.shape(width: c)) }
    }
    shapes.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    var offset = 0
    tensors = shapes.map { name, shape in
      let tensor = Tensor(name: name, shape: shape, offset: offset, count: shape.reduce(1, *))
      offset += tensor.count
      return tensor
    }
    count = offset
    indices = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
  }

  /// The tensor of this name, or nil. O(1).
  public subscript(name: String) -> Tensor? { indices[name].map { tensors[$0] } }
}

/// The twelve tensors of a transformer block.
enum BlockTensor: String, CaseIterable {
  case attentionNormGain = "ln_1.weight"
  case attentionNormOffset = "ln_1.bias"
  case queryKeyValueWeight = "attn.c_attn.weight"
  case queryKeyValueBias = "attn.c_attn.bias"
  case attentionProjectionWeight = "attn.c_proj.weight"
  case attentionProjectionBias = "attn.c_proj.bias"
  case feedForwardNormGain = "ln_2.weight"
  case feedForwardNormOffset = "ln_2.bias"
  case feedForwardWeight = "mlp.c_fc.weight"
  case feedForwardBias = "mlp.c_fc.bias"
  case feedForwardProjectionWeight = "mlp.c_proj.weight"
  case feedForwardProjectionBias = "mlp.c_proj.bias"

  /// The tensor's full name in block `layer`.
  func name(layer: Int) -> String { "h.\(layer).\(rawValue)" }

  /// Its extents in a model of `width` channels.
  func shape(width c: Int) -> [Int] {
    switch self {
    case .attentionNormGain, .attentionNormOffset, .attentionProjectionBias, .feedForwardNormGain,
      .feedForwardNormOffset, .feedForwardProjectionBias:
      [c]
    case .queryKeyValueWeight: [c, 3 * c]
    case .queryKeyValueBias: [3 * c]
    case .attentionProjectionWeight: [c, c]
    case .feedForwardWeight: [c, 4 * c]
    case .feedForwardBias: [4 * c]
    case .feedForwardProjectionWeight: [4 * c, c]
    }
  }
}
