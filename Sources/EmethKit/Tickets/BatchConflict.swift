/// Two signed batches that can't both be honest: evidence for a challenge on L1 (PROTOCOL 9).
///
/// It proves itself: ``check(signers:in:)`` needs nothing but the two batches.
///
/// ```swift
/// let evidence = BatchConflict(mine, theirs)
/// print(try evidence.check(signers: TrustedSigners(operatorAddress)))   // two batches of epoch 7
/// ```
/// In JSON `{"conflictingBatches":[{…},{…}]}`.
public struct BatchConflict: Hashable, Sendable {
  /// The batch of the lower epoch; of one epoch, the one with the lower digest, so that the same two batches
  /// are always the same evidence.
  public let earlier: SignedBatch
  /// The other one.
  public let later: SignedBatch

  /// What two batches break together.
  public enum Breach: Hashable, Sendable, CustomStringConvertible {
    /// Two different batches of one epoch.
    case sameEpoch(UInt64)
    /// A batch that does not name the digest of the one before.
    case brokenChain(epoch: UInt64)
    /// A total that fell.
    case totalFell(field: String, epoch: UInt64)

    /// The breach in a few words.
    public var description: String {
      switch self {
      case .sameEpoch(let epoch): "two batches of epoch \(epoch)"
      case .brokenChain(let epoch): "batch \(epoch) does not follow batch \(epoch - 1)"
      case .totalFell(let field, let epoch): "\(field) fell until batch \(epoch)"
      }
    }
  }

  /// Two batches in either order; nothing is checked.
  public init(_ one: SignedBatch, _ other: SignedBatch) {
    let isInOrder = (one.batch.epoch, one.digest) <= (other.batch.epoch, other.digest)
    (earlier, later) = isInOrder ? (one, other) : (other, one)
  }

  /// Checks both signatures, and says what the batches break.
  ///
  /// - Parameters:
  ///   - signers: Who must have signed both; nil: one and the same account, whoever it is.
  ///   - domain: What both must be signed for; nil: the same domain, whichever it is.
  /// - Throws: ``TicketError``: those of ``Signed/check(signers:in:)``,
  ///   ``TicketError/noConflict(first:second:)`` when both may be honest.
  public func check(
    signers: TrustedSigners? = nil, in domain: EIP712Domain? = nil
  ) throws(TicketError) -> Breach {
    try earlier.check(signers: signers, in: domain)
    try later.check(signers: signers, in: earlier.domain)
    if signers == nil, Set(earlier.allSigners).isDisjoint(with: later.allSigners) {
      throw .signed(.signerMismatch(found: later.signer, expected: earlier.signer))
    }
    guard let breach = Self.breach(of: earlier.batch, and: later.batch, in: earlier.domain) else {
      throw .noConflict(first: earlier.batch.epoch, second: later.batch.epoch)
    }
    return breach
  }

  /// What two batches break, or nil; the first has the lower epoch or the same.
  private static func breach(of earlier: Batch, and later: Batch, in domain: EIP712Domain) -> Breach? {
    if earlier.epoch == later.epoch { return earlier == later ? nil : .sameEpoch(later.epoch) }
    if later.totalPayout < earlier.totalPayout {
      return .totalFell(field: "totalPayout", epoch: later.epoch)
    }
    if later.totalBurned < earlier.totalBurned {
      return .totalFell(field: "totalBurned", epoch: later.epoch)
    }
    if later.depositsSeen < earlier.depositsSeen {
      return .totalFell(field: "depositsSeen", epoch: later.epoch)
    }
    let isNext = later.epoch - earlier.epoch == 1
    return isNext && later.previousBatch != earlier.digest(in: domain)
      ? .brokenChain(epoch: later.epoch) : nil
  }
}

extension BatchConflict: Codable {
  private enum CodingKeys: String, CodingKey {
    case conflictingBatches
  }

  /// Reads an object; nothing of it is checked but that there are two batches.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let batches = try container.decode([SignedBatch].self, forKey: .conflictingBatches)
    guard batches.count == 2 else {
      throw DecodingError.dataCorruptedError(
        forKey: .conflictingBatches, in: container,
        debugDescription: "found \(batches.count) batches, needed are 2")
    }
    self.init(batches[0], batches[1])
  }

  /// Writes an object.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode([earlier, later], forKey: .conflictingBatches)
  }
}
