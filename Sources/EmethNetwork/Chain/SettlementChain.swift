import EmethKit
import Foundation
import Logging

/// The chain on which a served network settles: whence its money comes, and where its tickets are redeemed.
///
/// ```swift
/// let chain = try await SettlementChain.open(client: client, core: core, operatorKey: key, journal: file)
/// let service = try NetworkService(folder: folder, chain: chain)
/// try await service.checkSigner()
/// ```
public final class SettlementChain: Sendable {
  /// How a network follows its chain.
  public struct Settings: Sendable {
    /// In how many blocks a deposit must lie until it is credited, its own included.
    public var confirmations: UInt64 = 12
    /// Where the contracts begin.
    public var firstBlock: UInt64 = 0
    /// How often a batch is posted while something changes, seconds of the chain.
    public var postingSeconds: UInt64 = 6 * 3_600
    /// Seconds between two looks at the chain.
    public var pollSeconds = 5.0
    /// So many exits are shown in one go: whoever leaves must not keep the next batch waiting.
    public var exitsAtOnce = 32
    /// So long a transaction is waited for until another way is tried, seconds.
    public var patienceSeconds = 1_200
    /// A node of somebody else's, which must say the same of contracts, deposits and exits, and is asked what is posted; nil:
    /// one is believed.
    public var witness: ChainClient?

    /// The default settings.
    public init() {}
  }

  /// A batch that shows an exit is posted when the newest one on the chain is so old: there are seven days for it, and who asks
  /// for the way out with a holon pays less for that than the batch costs.
  static let exitSeconds: UInt64 = 3_600
  /// A batch is posted after so long, changed or not: when the newest one is 48 hours old anybody may freeze the network.
  static let longestSilenceSeconds: UInt64 = 20 * 3_600

  /// The chain's node.
  public let client: ChainClient
  /// The contracts, which were checked.
  public let contracts: ChainContracts
  /// How it is followed.
  public let settings: Settings
  /// What sends batches from the operator's account, through each node that is asked: the operator's own node first.
  let senders: [TransactionSender]

  private init(
    client: ChainClient, contracts: ChainContracts, settings: Settings, senders: [TransactionSender]
  ) {
    self.client = client
    self.contracts = contracts
    self.settings = settings
    self.senders = senders
  }

  /// The chain of a node.
  ///
  /// - Parameters:
  ///   - operatorKey: who pays for batches.
  ///   - journal: the file of what was sent.
  /// - Throws: what ``ChainContracts/find(core:with:)`` throws, ``ChainError/store(_:)``.
  public static func open(
    client: ChainClient, core: Address, operatorKey: PrivateKey, journal: URL, settings: Settings = Settings()
  ) async throws(ChainError) -> SettlementChain {
    let contracts = try await ChainContracts.find(core: core, with: client)
    if let witness = settings.witness {
      let others = try await ChainContracts.find(core: core, with: witness)
      guard others == contracts else {
        throw .contradiction(
          method: "eth_call", what: "what Core names at \(witness.endpoint)", found: others.words,
          expected: contracts.words)
      }
    }
    var sending = SenderSettings()
    sending.confirmations = settings.confirmations
    sending.pollSeconds = min(sending.pollSeconds, settings.pollSeconds)
    sending.patienceSeconds = settings.patienceSeconds
    let sent = try NonceJournal(file: journal)
    let senders = ([client] + (settings.witness.map { [$0] } ?? [])).map { node in
      TransactionSender(
        client: node, chainID: contracts.chainID, key: operatorKey, journal: sent, settings: sending)
    }
    return SettlementChain(client: client, contracts: contracts, settings: settings, senders: senders)
  }

  /// The nodes that are asked.
  var nodes: [ChainClient] { senders.map(\.client) }

  /// Looks whether the settlement says of deposits what its logs say, at each node that is asked.
  ///
  /// - Throws: ``ChainError/contradiction(method:what:found:expected:)``.
  func check(_ deposits: [ChainDeposit]) async throws(ChainError) {
    for node in nodes {
      let calls = deposits.map { EmethCore.depositRecord(number: $0.number) }
      let results = try await node.batch(calls.map { ChainClient.ethCall($0, contracts.settlement) })
      for (index, deposit) in deposits.enumerated() {
        let record = try await node.output(
          of: calls[index], at: contracts.settlement, results.indices.contains(index) ? results[index] : nil)
        guard let record, record.account == deposit.account, record.depositor == deposit.depositor,
          record.amount == deposit.amount
        else {
          throw .contradiction(
            method: "eth_call", what: "deposit \(deposit.number) at \(node.endpoint)",
            found: record.map { "\($0.amount.emethText) EMETH to \($0.account)" } ?? "none",
            expected: "\(deposit.amount.emethText) EMETH to \(deposit.account)")
        }
      }
    }
  }

  /// How many nodes say of an account that it has asked for its way out and is not served, and how many that it has not.
  struct ExitVotes: Sendable, Hashable {
    var said = 0
    var denied = 0
  }

  /// What nodes say of accounts that are said to have asked for their way out and not to be served. A node that can't be
  /// asked does not count, while another one answers.
  func leaving(_ accounts: [Address]) async throws(ChainError) -> [Address: ExitVotes] {
    var votes: [Address: ExitVotes] = [:]
    var failure: ChainError?
    var isAnswered = false
    for node in nodes {
      do throws(ChainError) {
        var leaving: Set<Address> = []
        for account in accounts
        where try await node.call(EmethCore.exit(of: account), at: contracts.settlement) != nil {
          leaving.insert(account)
        }
        for account in accounts {
          if leaving.contains(account) {
            votes[account, default: ExitVotes()].said += 1
          } else {
            votes[account, default: ExitVotes()].denied += 1
          }
        }
        isAnswered = true
      } catch {
        if error == .interrupted { throw error }
        failure = failure ?? error
      }
    }
    if !isAnswered, let failure { throw failure }
    return votes
  }

  /// Why what a key signs does not count for the settlement; nil: it does. A node that can't be asked does not count, while
  /// another one answers.
  ///
  /// - Throws: ``ChainError/signerDisputed(account:takenAt:refusedAt:reason:)`` where two nodes differ; what is wrong with the
  ///   first node where none answers.
  func refusal(of key: PrivateKey) async throws(ChainError) -> ChainError? {
    var taker: ChainClient?
    var refuser: ChainClient?
    var refusal: ChainError?
    var failure: ChainError?
    for node in nodes {
      do throws(ChainError) {
        let signer = try await ChainSigner.read(of: contracts.settlement, from: node)
        if let found = try await signer.refusal(of: key, with: node) {
          (refuser, refusal) = (refuser ?? node, refusal ?? found)
        } else {
          taker = taker ?? node
        }
      } catch {
        if error == .interrupted { throw error }
        failure = failure ?? error
      }
    }
    if let taker, let refuser, let refusal {
      throw .signerDisputed(
        account: key.address, takenAt: "\(taker.endpoint)", refusedAt: "\(refuser.endpoint)",
        reason: refusal.message)
    }
    if taker == nil, refusal == nil, let failure { throw failure }
    return refusal
  }

  /// Looks whether the nodes say the same of what is posted, as deep as confirmations go: there none may be behind.
  ///
  /// - Throws: ``ChainError/contradiction(method:what:found:expected:)``.
  func comparePosted() async throws(ChainError) {
    guard nodes.count > 1 else { return }
    var heads: [UInt64] = []
    for node in nodes { heads.append(try await node.blockNumber()) }
    guard let head = heads.min(), head >= settings.confirmations else { return }
    let block = head - settings.confirmations
    let own = try await posted(in: block, by: client)
    for node in nodes.dropFirst() {
      let found = try await posted(in: block, by: node)
      guard found == own else {
        throw .contradiction(
          method: "eth_call", what: "the newest batch in block \(block) at \(node.endpoint)",
          found: found.map { "\($0)" } ?? "none",
          expected: "\(own.map { "\($0)" } ?? "none") as at \(client.endpoint)")
      }
    }
  }

  /// The newest batch in a block; nil also where the settlement was not there yet.
  private func posted(in block: UInt64, by node: ChainClient) async throws(ChainError) -> Bytes32? {
    do throws(ChainError) {
      return try await node.call(EmethCore.latestBatch(), at: contracts.settlement, block: .number(block))
    } catch {
      if case .contract = error { return nil }
      throw error
    }
  }
}

/// How a network stands with its chain.
public struct ChainStanding: Sendable, Hashable {
  /// The chain's newest block when it was last seen.
  public var head: UInt64?
  /// The last block that was read.
  public var read: UInt64?
  /// How many deposits were credited.
  public var deposits: UInt64 = 0
  /// The epoch of the last batch that was posted: the oldest that is named by a node which has answered.
  public var postedEpoch: UInt64?
  /// Who is about to leave and was not served yet.
  public var leaving = 0
  /// What is wrong with reading it; nil when nothing is.
  public var readingError: String?
  /// What is wrong with posting batches and serving exits; nil when nothing is.
  public var postingError: String?
  /// By how many seconds the network's time was ahead of the chain's newest block at the last look; below zero: behind.
  public var clockAheadSeconds: Int64 = 0
  /// What to say where the two times are ``longestClockDistanceSeconds`` apart or more; nil where they are not.
  public var clocksApart: ChainError? {
    clockAheadSeconds.magnitude < Self.longestClockDistanceSeconds
      ? nil : .clocksApart(secondsAhead: clockAheadSeconds)
  }
  /// So far apart the network's time and the chain's are one and the same to all that goes by them.
  static let longestClockDistanceSeconds: UInt64 = 3_600
  /// Whether this process follows it; of several servers one does.
  public var isFollowed = false
}
