/// A node's side of a masked sum, for one SubJob: event in, effects out (PROTOCOL 8).
///
/// It announces a key for an attempt, checks the roster, has the update masked, and signs for the masked
/// vector. It refuses whatever would let somebody see the update: fewer than three accounts, another program
/// or starting model, its own resultRoot altered, another roster for an attempt that it has answered, a key
/// that was used before. A refused event changes nothing; events may come twice, late, or out of order.
///
/// ```swift
/// var member = CohortMember(
///   seat: seat, round: 4, programHash: hash, initRoot: root, key: nodeKey, domain: .embedded)
/// for effect in try member.apply(.form(plan, RoundSecret(using: &random))) {
///   if case .announce(let key) = effect { send(key) }
/// }
/// ```
public struct CohortMember: Sendable {
  /// What happens.
  public enum Event: Sendable {
    /// The cohort is fixed for an attempt, by the Execution Layer's records; with a fresh secret.
    case form(CohortPlan, RoundSecret)
    /// The Aggregator offers the roster of the attempt.
    case offer(Roster)
    /// The vector that was masked under this roster is stored where the Aggregator finds it.
    case stored(MaskedVector, rosterHash: Bytes32)
    /// The cohort's sum has been checked: the secret is not needed any more.
    case close
  }

  /// What to do.
  public enum Effect: Sendable {
    /// Send the key to the Aggregator.
    case announce(SignedRoundKey)
    /// Mask the update, store it, and report it with ``Event/stored(_:rosterHash:)``.
    case mask(UpdateMask, rosterHash: Bytes32)
    /// Send the word on the masked vector to the Aggregator.
    case post(SignedMasked)
  }

  /// Where the node stands in the attempt.
  enum Phase: Sendable {
    case idle
    case announced(CohortPlan, RoundSecret)
    case masking(CohortPlan, RoundSecret, Roster)
    case posted(SignedMasked, RoundSecret, MaskedVector)
    case closed

    var name: String {
      switch self {
      case .idle: "before its first attempt"
      case .announced: "waiting for the roster"
      case .masking: "masking"
      case .posted: "done with the attempt"
      case .closed: "closed"
      }
    }
  }

  /// The SubJob, its node and its resultRoot.
  public let seat: CohortSeat
  /// The round, from 0.
  public let round: UInt32
  /// The manifest's hash.
  public let programHash: Bytes32
  /// The state root that this node trained from.
  public let initRoot: Bytes32
  /// To be kept before the effects of an event are carried out.
  public internal(set) var memory: CohortMemory

  let key: PrivateKey
  let domain: EIP712Domain
  var phase = Phase.idle

  /// The member for one SubJob of this node.
  ///
  /// - Parameters:
  ///   - key: The node's key. Traps unless it is that of the seat's node.
  ///   - memory: What an earlier member of this node remembered.
  public init(
    seat: CohortSeat, round: UInt32, programHash: Bytes32, initRoot: Bytes32, key: PrivateKey,
    domain: EIP712Domain, memory: CohortMemory = CohortMemory()
  ) {
    precondition(key.address == seat.node, "a member signs with the key of its seat's node")
    self.seat = seat
    self.round = round
    self.programHash = programHash
    self.initRoot = initRoot
    self.key = key
    self.domain = domain
    self.memory = memory
  }
}

/// A vector as it is stored: its root and its length.
public struct MaskedVector: Hashable, Sendable {
  /// ``MaskedHasher/root(of:)`` of its bytes.
  public let root: Bytes32
  /// Its bytes.
  public let byteCount: UInt64

  /// A vector with this root and length.
  public init(root: Bytes32, byteCount: UInt64) {
    self.root = root
    self.byteCount = byteCount
  }
}

extension MaskedVector: Codable {
  private enum CodingKeys: String, CodingKey {
    case root, byteCount
  }

  /// Reads an object.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      root: try container.decode(Bytes32.self, forKey: .root),
      byteCount: try container.decodeNumber(forKey: .byteCount))
  }

  /// Writes an object; byteCount is a decimal string.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(root, forKey: .root)
    try container.encodeDecimal(byteCount, forKey: .byteCount)
  }
}
