import EmethCompute
import EmethKit

/// What everybody may know of one part's noise: how many parts share it, and the root of its seeds.
public struct PartNoise: Codable, Sendable, Hashable {
  /// The parts of a round, each of which adds its share.
  public var parts: UInt32
  /// Root of the part's seeds, one a round, as the split's plan has it.
  public var root: Bytes32
}

/// The clipping and the noise of one SubJob's update: what a node applies, and its verifier again.
struct NoisyUpdate {
  let noise: UpdateNoise
  let seed: Bytes32

  /// Fixed numbers of the plan and a seed that is proven against it; nil for a job without noise.
  ///
  /// - Throws: `PrivacyError.seedMismatch`, `NetworkError.malformed` when plan or opening lack the noise.
  init?(
    manifest: TrainingManifest, part: PartNoise?, opening: NoiseOpening?, round: UInt32
  ) throws {
    guard let terms = manifest.privacy else { return nil }
    guard let part, let opening else {
      throw NetworkError.malformed(what: "noise of round \(round)", reason: "its seed is not opened")
    }
    try opening.check(round: round, rounds: manifest.rounds, root: part.root)
    noise = UpdateNoise(terms: terms, parts: part.parts)
    seed = opening.seed
  }

  /// Cuts the difference to its norm, quantises it, and adds the noise; returns how many values were clipped.
  func quantise(
    _ quantiser: Quantiser, start: UnsafeBufferPointer<Float>, end: UnsafeBufferPointer<Float>,
    into values: UnsafeMutableBufferPointer<Int32>
  ) throws -> Int {
    guard let clip = Double(noise.terms.clip.text) else {
      throw NetworkError.inconsistent(what: "the manifest's clip is no number")
    }
    let rooms = try quantiser.exponents.map { exponent in
      guard let variance = noise.variance(exponent: exponent), variance <= UpdateNoise.largestVariance else {
        throw NetworkError.inconsistent(what: "the round's exponent \(exponent) leaves no room for its noise")
      }
      return UpdateNoise.room(variance: variance)
    }
    let clipped = try quantiser.quantise(start: start, end: end, clip: clip, rooms: rooms, into: values)
    for (index, tensor) in quantiser.layout.tensors.enumerated() {
      try noise.add(
        to: .init(rebasing: values[tensor.range]), exponent: quantiser.exponents[index], seed: seed,
        tensor: UInt32(index))
    }
    return clipped
  }
}
