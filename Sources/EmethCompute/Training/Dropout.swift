import CEmethCompute

/// Dropout of a training: each time something passes, an element is 0 with a probability, and the others are
/// divided by what is left of 1.
///
/// GPT-2's four places have it: the sum of the embeddings, the attention's probabilities, and what attention
/// and feed-forward part add to the residual stream. Evaluation and generation never drop anything.
///
/// Which elements go follows from seed, step, layer, place and the element's own position in the whole batch
/// alone: threads, micro-batches and instruction sets change no bit, and a training that is resumed goes on
/// with the same ones. They are made again in the backward pass and never stored. An element is dropped where
/// its 32-bit word of ChaCha20's keystream (key: ``CounterGenerator`` with the label "dropout", part, round and
/// pass 0) is below round(2^32 · probability); the factor of the others is binary32(1 / (1 − probability)).
///
/// ```swift
/// let dropout = try Dropout(probability: 0.1, seed: seed)
/// let trainer = try Trainer(state: state, optimizer: optimizer, dropout: dropout, batch: 12, device: device)
/// ```
public struct Dropout: Sendable, Hashable {
  /// The probability that an element is dropped, from 0 up to, not including, 1.
  public let probability: Double
  private let key: [UInt32]
  private let threshold: UInt32
  private let scale: Float

  /// Dropout that follows from 32 bytes.
  ///
  /// - Throws: `ComputeError.invalidConfiguration` for a probability outside of 0 ..< 1, `invalidInput` for a
  ///   seed of another length.
  public init(probability: Double, seed: [UInt8]) throws(ComputeError) {
    guard (0..<1).contains(probability) else {
      throw .invalidConfiguration(
        what: "dropout", found: "\(probability)", allowed: "0 up to, not including, 1")
    }
    self.probability = probability
    let bytes = try CounterGenerator.key(label: "dropout", seed: seed, part: 0, round: 0, pass: 0)
    key = stride(from: 0, to: 32, by: 4).map { first in
      (0..<4).reduce(0) { $0 | UInt32(bytes[first + $1]) << UInt32(8 * $1) }
    }
    threshold = UInt32(clamping: UInt64((probability * 0x1p32).rounded(.toNearestOrEven)))
    scale = Float(1 / (1 - probability))
  }

  /// Where in a model elements are dropped.
  enum Place: UInt32 {
    case embedding, attentionProbabilities, attentionOutput, feedForwardOutput
  }

  /// The masks of one step from sequence `firstSequence` of its batch on.
  struct Pass {
    let dropout: Dropout
    /// The low 32 bits of its number, where the device reads them while the step runs.
    let step: UnsafePointer<UInt32>
    let firstSequence: Int

    /// The mask of a matrix at one place, with `rows` rows a sequence.
    func mask(_ place: Place, layer: Int = 0, rows: Int) -> emeth_dropout_mask {
      let k = dropout.key
      return emeth_dropout_mask(
        key: (k[0], k[1], k[2], k[3], k[4], k[5], k[6], k[7]), step: step,
        site: UInt32(layer) * 4 + place.rawValue, threshold: dropout.threshold, scale: dropout.scale,
        first_row: UInt64(firstSequence * rows))
    }
  }
}
