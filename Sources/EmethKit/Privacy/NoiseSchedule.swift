/// The seeds of one part's noise, one for every round, and the root that commits the Splitter to them.
///
/// A node is given the seed of its round with its path: it can neither choose its noise nor learn that of
/// another round, and a repeated attempt elsewhere adds the same noise. The verifier that replays it is given
/// the same opening.
///
/// ```swift
/// let schedule = NoiseSchedule(secret: secret, rounds: manifest.rounds)
/// plan.parts[0].noiseRoot == schedule.root
/// try schedule.opening(round: 3).check(round: 3, rounds: manifest.rounds, root: schedule.root)
/// ```
/// A seed has 256 bits that nobody can guess, so its leaf needs no salt: the RFC 6962 leaf of the seed alone.
public struct NoiseSchedule: Sendable {
  private let seeds: [Bytes32]
  private let tree: StateTree

  /// The seeds HMAC-SHA256(secret, "noise seed" ‖ round u32) of rounds 0 ..< `rounds`; traps without a round.
  ///
  /// - Parameter secret: The part's, which only the Splitter has.
  /// - Complexity: O(rounds) hashes.
  public init(secret: Bytes32, rounds: UInt32) {
    precondition(rounds > 0, "a training has at least one round")
    seeds = (0..<rounds).map { round in
      HMACSHA256.authenticate(Array("noise seed".utf8) + round.bigEndianBytes, key: secret.bytes)
    }
    tree = StateTree(leafHashes: seeds.map { StateTree.leafHash($0.bytes) })
  }

  /// The Merkle root over the seeds' leaves.
  public var root: Bytes32 { tree.root }

  /// The seed of a round and its path; traps when there is no such round.
  public func opening(round: UInt32) -> NoiseOpening {
    NoiseOpening(seed: seeds[Int(round)], proof: tree.proof(of: Int(round)))
  }
}

/// The seed of one part's noise in one round, with the path that proves it.
public struct NoiseOpening: Codable, Hashable, Sendable {
  /// What the noise follows from.
  public let seed: Bytes32
  /// The path from its leaf to the root that the split's plan names.
  public let proof: [Bytes32]

  /// An opening; whether it proves anything is for ``check(round:rounds:root:)``.
  public init(seed: Bytes32, proof: [Bytes32]) {
    self.seed = seed
    self.proof = proof
  }

  /// Checks that this is the seed of `round`, of `rounds` in the training.
  ///
  /// - Throws: ``PrivacyError/roundOutside(found:rounds:)``, ``PrivacyError/seedMismatch(round:root:)``.
  public func check(round: UInt32, rounds: UInt32, root: Bytes32) throws(PrivacyError) {
    guard round < rounds else { throw .roundOutside(found: round, rounds: rounds) }
    guard
      StateTree.verify(
        leafHash: StateTree.leafHash(seed.bytes), index: Int(round), count: Int(rounds), proof: proof,
        root: root)
    else { throw .seedMismatch(round: round, root: root) }
  }
}
