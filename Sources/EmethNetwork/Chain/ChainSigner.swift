import EmethKit

/// Whose signatures a settlement takes: those of an account, or those that a contract accepts (ERC-1271), as m of n.
///
/// ```swift
/// let signer = try await ChainSigner.read(of: settlement, from: client)
/// print(signer.current, signer.next?.time ?? 0)     // whose tickets are paid now, and from when another's
/// ```
public final class ChainSigner: Sendable {
  /// The settlement.
  public let settlement: Address
  /// Whose signatures it takes now.
  public let current: Address
  /// Whose it will take, and from when; nil when none is proposed.
  public let next: EmethCore.Scheduled<Address>?

  private init(settlement: Address, current: Address, next: EmethCore.Scheduled<Address>?) {
    (self.settlement, self.current, self.next) = (settlement, current, next)
  }

  /// What a node says of a settlement.
  public static func read(
    of settlement: Address, from client: ChainClient
  ) async throws(ChainError) -> ChainSigner {
    let current = try await client.call(EmethCore.signer(), at: settlement)
    let next = try await client.call(EmethCore.nextSigner(), at: settlement)
    return ChainSigner(settlement: settlement, current: current, next: next)
  }

  /// Why what a key signs counts for nothing now; nil: it counts, alone or with the signatures of other members of a set.
  func refusal(of key: PrivateKey, with client: ChainClient) async throws(ChainError) -> ChainError? {
    guard let refusal = try await Self.refusal(of: key, by: current, with: client) else { return nil }
    if let next {
      guard let later = try await Self.refusal(of: key, by: next.value, with: client) else {
        return .signerNotStarted(
          settlement: settlement, current: current, account: key.address, startsAt: next.time)
      }
      // Of two sets that lack it the one that comes says what is to be done.
      if case .signerSet = later { return later }
    }
    if case .signerSet = refusal { return refusal }
    return .otherSigner(settlement: settlement, found: current, expected: key.address)
  }

  /// Why a key's signature counts for nothing with a Signer; nil: it counts.
  private static func refusal(
    of key: PrivateKey, by signer: Address, with client: ChainClient
  ) async throws(ChainError) -> ChainError? {
    if signer == key.address { return nil }
    let account = key.address
    guard try await !client.code(at: signer).isEmpty else {
      return .otherSigner(settlement: signer, found: signer, expected: account)
    }
    func refused(_ reason: String) -> ChainError {
      .signerSet(contract: signer, account: account, reason: reason)
    }
    do throws(ChainError) {
      if try await client.call(EmethSigners.accepts(probe, key.sign(probe).bytes), at: signer) { return nil }
      // Of a set of which several must sign the others are waited for (``NetworkService/cosign(epoch:with:)``).
      return try await client.call(EmethSigners.isMember(account), at: signer)
        ? nil : refused("it is not one of its members")
    } catch {
      switch error {
      case .reverted, .contract: return refused("it is no contract EmethSigners, and takes another form")
      default: throw error
      }
    }
  }

  /// How many members must sign, when the Signer is a set of this library's contract; nil: it is an account.
  func threshold(with client: ChainClient) async throws(ChainError) -> UInt64? {
    guard try await !client.code(at: current).isEmpty else { return nil }
    return try await client.call(EmethSigners.threshold(), at: current)
  }

  /// What is signed to see whether a contract takes it: no ticket and no batch, whose digests begin in another way.
  private static let probe = Keccak256.hash("EMETH: does this contract take one signature?".utf8)
}
