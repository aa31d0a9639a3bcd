/// Token ids of a batch as the kernels want them, where they want them: inputs without padding, targets with
/// the mark of what is not counted.
final class SequenceBatch {
  /// The padding mark in sequences, and the mark of a target that is not counted.
  static let padding = UInt32.max

  let sequences: Int
  let context: Int
  /// (sequences, T), padding read as 0.
  let inputs: DeviceArray<UInt32>
  /// (sequences, T), `padding` where the loss does not count.
  let targets: DeviceArray<UInt32>
  /// Targets that count.
  private(set) var counted = 0
  private let vocabularySize: Int

  init(configuration: ModelConfiguration, sequences: Int, device: Device) throws(ComputeError) {
    self.sequences = sequences
    context = configuration.context
    vocabularySize = configuration.vocabularySize
    inputs = try DeviceArray(count: sequences * context, device: device)
    targets = try DeviceArray(count: sequences * context, device: device)
  }

  /// Takes at most `sequences` sequences of T + 1 ids; missing ones are padding.
  ///
  /// - Throws: `ComputeError.invalidInput` for another length or an id outside of the vocabulary.
  func fill(_ source: some Collection<[UInt32]>) throws(ComputeError) {
    guard source.count <= sequences else {
      throw .invalidInput(
        what: "number of sequences", found: "\(source.count)", allowed: "at most \(sequences)")
    }
    counted = 0
    var row = 0
    for sequence in source {
      guard sequence.count == context + 1 else {
        throw .invalidInput(
          what: "length of a sequence", found: "\(sequence.count) tokens", allowed: "\(context + 1) tokens")
      }
      for t in 0..<context {
        inputs[row] = try check(sequence[t]) ? sequence[t] : 0
        targets[row] = sequence[t + 1]
        if try check(sequence[t + 1]) { counted += 1 }
        row += 1
      }
    }
    for rest in row..<inputs.count {
      inputs[rest] = 0
      targets[rest] = Self.padding
    }
  }

  /// Whether the id is a token; false for padding.
  private func check(_ token: UInt32) throws(ComputeError) -> Bool {
    if token == Self.padding { return false }
    guard token < vocabularySize else {
      throw .invalidInput(what: "token id", found: "\(token)", allowed: "0 to \(vocabularySize - 1)")
    }
    return true
  }
}
