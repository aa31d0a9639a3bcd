/// One leaf of a trace laid open: which state the node committed to at a segment boundary (PROTOCOL 7).
///
/// ```swift
/// let opening = BoundaryOpening(boundary: 3, salt: salt, stateRoot: root, proof: tree.proof(of: 3))
/// try opening.check(in: submission)
/// ```
public struct BoundaryOpening: Hashable, Sendable {
  /// The boundary, 0 before the first segment, n after the last.
  public let boundary: UInt32
  /// The leaf's salt.
  public let salt: Bytes32
  /// The state root at the boundary.
  public let stateRoot: Bytes32
  /// The path from the leaf to the trace root (RFC 6962).
  public let proof: [Bytes32]

  /// An opening of these values.
  public init(boundary: UInt32, salt: Bytes32, stateRoot: Bytes32, proof: [Bytes32]) {
    self.boundary = boundary
    self.salt = salt
    self.stateRoot = stateRoot
    self.proof = proof
  }

  /// Checks that the submission committed to this state at this boundary.
  ///
  /// The first boundary must hold initRoot and the last one finalRoot.
  ///
  /// - Throws: ``VerificationError``: `boundaryOutside`, `proofMismatch`, `boundaryRoot`.
  public func check(in submission: Submission) throws(VerificationError) {
    guard boundary <= submission.segments else {
      throw .boundaryOutside(found: boundary, segments: submission.segments)
    }
    let leaf = TraceTree.leafHash(salt: salt, stateRoot: stateRoot)
    guard
      StateTree.verify(
        leafHash: leaf, index: Int(boundary), count: Int(submission.segments) + 1, proof: proof,
        root: submission.traceRoot)
    else { throw .proofMismatch(boundary: boundary) }
    if boundary == 0, stateRoot != submission.initRoot {
      throw .boundaryRoot(boundary: boundary, found: stateRoot, expected: submission.initRoot)
    }
    if boundary == submission.segments, stateRoot != submission.finalRoot {
      throw .boundaryRoot(boundary: boundary, found: stateRoot, expected: submission.finalRoot)
    }
  }
}

extension BoundaryOpening: Codable {
  private enum CodingKeys: String, CodingKey {
    case boundary, salt, stateRoot, proof
  }

  /// Reads an object; nothing of it is checked.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      boundary: try container.decodeNumber(forKey: .boundary),
      salt: try container.decode(Bytes32.self, forKey: .salt),
      stateRoot: try container.decode(Bytes32.self, forKey: .stateRoot),
      proof: try container.decode([Bytes32].self, forKey: .proof))
  }
}
