import EmethKit
import Foundation

/// What a job with noise or a masked vocabulary does otherwise.
extension JobWorker {
  /// The exponents of a round, lowered where the noise would not fit the ring.
  func limited(_ exponents: [Int32]) throws(NetworkError) -> [Int32] {
    try manifest.limited(exponents, parts: request.parallel)
  }

  /// The plan, with the roots of the parts' seeds of noise.
  func committed(_ plan: SplitPlan, by splitter: Splitter) throws(NetworkError) -> SplitPlan {
    let manifest = try manifest
    guard manifest.privacy != nil else { return plan }
    return try asNetworkError {
      try plan.withNoise(
        roots: plan.parts.map {
          splitter.noise(of: id, part: $0.index, rounds: manifest.rounds).root
        })
    }
  }

  /// What is public of a part's noise; nil without.
  func noise(of part: SplitPlan.Part) -> PartNoise? {
    part.noiseRoot.map { PartNoise(parts: request.parallel, root: $0) }
  }

  /// The seed of a part's noise in one round, as its node gets it; nil without.
  func noiseOpening(of position: SubJobPosition) -> NoiseOpening? {
    guard let manifest = try? manifest, manifest.privacy != nil else { return nil }
    return network.splitter
      .noise(of: id, part: position.part, rounds: manifest.rounds).opening(round: position.round)
  }

  /// The data set, relabelled when the job asks for it.
  func masked(_ dataSet: DataSet) throws(NetworkError) -> DataSet {
    guard let mask = try network.vocabularyMask(of: id, manifest: try manifest) else { return dataSet }
    return try dataSet.relabelled(by: mask)
  }
}

extension TrainingManifest {
  /// The exponents of a round, lowered where the noise of so many parts would not fit the ring.
  func limited(_ exponents: [Int32], parts: UInt32) -> [Int32] {
    guard let privacy else { return exponents }
    return exponents.map(UpdateNoise(terms: privacy, parts: parts).exponent(atMost:))
  }
}

extension Splitter {
  /// The seeds of a part's noise. Only the Splitter has what they follow from.
  func noise(of job: JobID, part: UInt32, rounds: UInt32) -> NoiseSchedule {
    let secret = key.withSecretBytes {
      HMACSHA256.authenticate(Array("noise secret".utf8) + job.bytes + part.bigEndianBytes, key: $0)
    }
    return NoiseSchedule(secret: secret, rounds: rounds)
  }

  /// The key from which a job's relabelling of tokens follows.
  func maskKey(of job: JobID) -> Bytes32 {
    key.withSecretBytes { HMACSHA256.authenticate(Array("vocabulary mask".utf8) + job.bytes, key: $0) }
  }
}
