import EmethKit

/// A node has claimed a SubJob whose keys its requester holds: the header for it is asked for.
public struct HeaderRequest: Codable, Sendable, Hashable {
  /// The SubJob.
  public var subJob: JobID
  /// Its place in its job, from which its id follows.
  public var position: SubJobPosition
  /// The node's word on the key that the header is for.
  public var binding: SignedKeyBinding
}

/// The requester's answer to ``Errand/Kind/header``.
public struct WrittenHeader: Codable, Sendable, Hashable {
  /// The header of an age file; `nil`: this node gets none.
  public var header: HexText?

  /// An answer.
  public init(header: HexText?) { self.header = header }
}

/// A node's claim on a SubJob whose keys its requester holds. It costs nothing, and lapses where no header comes.
public struct SubJobClaim: Codable, Sendable, Hashable {
  /// When it lapses, unix seconds.
  public var expiresAt: UInt64
  /// Whether the header is there: the node can take the SubJob.
  public var headerExists: Bool
}
