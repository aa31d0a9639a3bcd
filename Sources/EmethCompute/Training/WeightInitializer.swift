/// The weights that training from a seed starts with (PROTOCOL 6).
///
/// One generator labelled "init" (part, round and pass 0) is drawn through all matrices in ascending byte
/// order of their names, row-major. A weight takes 12 words; of each its upper 24 bits count. Their sum less
/// 6·2^24 is an exact integer near a normal deviate times 2^24. It is scaled in binary64: exactly by 2^−24,
/// then by 0.02 (rounded), then for residual projections by 1/sqrt(2·layers) (rounded), and rounded once to
/// binary32. Vectors take no words: norm gains are 1, everything else 0.
public enum WeightInitializer {
  private static let wordsPerWeight = 12
  private static let weightsPerChunk = 512

  /// Writes the initial weights of a model into `parameters`, which lie as `layout` says.
  ///
  /// - Parameters:
  ///   - parameters: `layout.count` elements, all overwritten.
  ///   - layers: the model's number of blocks.
  ///   - seed: 32 bytes.
  /// - Throws: `ComputeError.invalidInput` for a seed of another length.
  public static func initialize(
    _ parameters: UnsafeMutableBufferPointer<Float>, layout: ParameterLayout, layers: Int, seed: [UInt8]
  ) throws(ComputeError) {
    precondition(parameters.count == layout.count, "the arena does not fit the layout")
    var generator = try CounterGenerator(label: "init", seed: seed, part: 0, round: 0, pass: 0)
    let words = UnsafeMutableBufferPointer<UInt32>.allocate(capacity: weightsPerChunk * wordsPerWeight)
    defer { words.deallocate() }
    let residualScale = 1 / Double(2 * layers).squareRoot()
    for tensor in layout.tensors {
      guard tensor.isMatrix else {
        let isGain = tensor.name.hasSuffix(".weight")
        for index in tensor.range { parameters[index] = isGain ? 1 : 0 }
        continue
      }
      let scale = tensor.name.hasSuffix(".c_proj.weight") ? residualScale : nil
      var index = tensor.offset
      while index < tensor.range.upperBound {
        let count = min(weightsPerChunk, tensor.range.upperBound - index)
        try generator.fill(.init(rebasing: words[0..<count * wordsPerWeight]))
        for weight in 0..<count {
          var sum: Int64 = -6 << 24
          for word in 0..<wordsPerWeight { sum += Int64(words[weight * wordsPerWeight + word] >> 8) }
          let deviate = Double(sum) * 0x1p-24 * 0.02
          parameters[index + weight] = Float(scale.map { deviate * $0 } ?? deviate)
        }
        index += count
      }
    }
  }
}
