/// The leaves of a trace: a salted state root for every segment boundary (PROTOCOL 7).
///
/// Salted, because a state root that anyone can compute would tell which of two known models a node holds.
///
/// ```swift
/// let leaves = roots.enumerated().map { index, root in
///   TraceTree.leafHash(salt: TraceTree.salt(jobSecret: secret, boundary: UInt32(index)), stateRoot: root)
/// }
/// let traceRoot = StateTree.root(leafHashes: leaves)
/// ```
public enum TraceTree {
  /// The salt of a boundary: HMAC-SHA256(job secret, boundary u32 big-endian). Boundary 0 lies before the
  /// first step.
  public static func salt(jobSecret: Bytes32, boundary: UInt32) -> Bytes32 {
    HMACSHA256.authenticate(boundary.bigEndianBytes, key: jobSecret.bytes)
  }

  /// The leaf hash of a boundary: that of salt ‖ state root in an RFC 6962 tree.
  public static func leafHash(salt: Bytes32, stateRoot: Bytes32) -> Bytes32 {
    StateTree.leafHash(salt.bytes + stateRoot.bytes)
  }

  /// The leaf hashes of all boundaries, from the roots of states 0 … n.
  public static func leafHashes(jobSecret: Bytes32, stateRoots: [Bytes32]) -> [Bytes32] {
    stateRoots.enumerated().map { index, root in
      leafHash(salt: salt(jobSecret: jobSecret, boundary: UInt32(index)), stateRoot: root)
    }
  }
}
