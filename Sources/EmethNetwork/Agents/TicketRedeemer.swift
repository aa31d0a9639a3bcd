import EmethKit
import Foundation
import Synchronization

/// Has an account's newest ticket paid on its chain, as its owner's policy says.
///
/// ```swift
/// let redeemer = try TicketRedeemer(policy: .when(tenEMETH), folder: folder, tickets: .of(connection)) {
///   () async throws(ChainError) in try await ChainAccount.open(client: client, core: core, key: key, journal: file)
/// }
/// await redeemer.run { event in print(event) }
/// ```
/// A newer ticket pays what all older ones would have: none is lost by waiting, and each payment costs gas. What exceeds
/// what signatures alone can pay is redeemed by a batch that was posted a day ago.
public final class TicketRedeemer: Sendable {
  /// When a ticket is redeemed.
  public enum Policy: Sendable, Hashable {
    /// When it pays so much.
    case when(TokenAmount)
    /// Once a day (UTC), when it pays anything.
    case daily
    /// Only by hand.
    case manual
  }

  /// Where an account's tickets come from.
  public struct Tickets: Sendable {
    let newest: @Sendable () async throws(NetworkError) -> SignedTicket?
    let proven: @Sendable (UInt64) async throws(NetworkError) -> ProvenTicket?

    /// Tickets from anywhere.
    ///
    /// - Parameters:
    ///   - newest: the newest by signature; nil when there is none.
    ///   - proven: the one in the batch of an epoch; nil when there is none.
    public init(
      newest: @escaping @Sendable () async throws(NetworkError) -> SignedTicket?,
      proven: @escaping @Sendable (_ epoch: UInt64) async throws(NetworkError) -> ProvenTicket?
    ) {
      self.newest = newest
      self.proven = proven
    }

    /// Those of a server.
    public static func of(_ connection: HTTPConnection) -> Tickets {
      Tickets { () async throws(NetworkError) in
        try await connection.ticket()
      } proven: { (epoch) async throws(NetworkError) in
        try await connection.provenTicket(inBatch: epoch)
      }
    }
  }

  private let opened = Mutex<ChainAccount?>(nil)
  private let policy: Policy
  private let pollSeconds: Double
  private let tickets: Tickets
  private let open: @Sendable () async throws(ChainError) -> ChainAccount
  /// The day of the last payment.
  private let lastDay: URL

  /// Redeems nothing yet.
  ///
  /// - Parameters:
  ///   - folder: where the day of the last payment is kept.
  ///   - open: the account on its chain; asked again until it gives one, since a chain may be away.
  public init(
    policy: Policy, folder: URL, pollSeconds: Double = 60, tickets: Tickets,
    open: @escaping @Sendable () async throws(ChainError) -> ChainAccount
  ) throws(NetworkError) {
    try Files.makeFolder(folder)
    self.policy = policy
    self.pollSeconds = pollSeconds
    self.tickets = tickets
    self.open = open
    lastDay = folder.appending(path: "redeemed-day")
  }

  /// The account on its chain, opened when it is not yet.
  @discardableResult
  public func account() async throws(ChainError) -> ChainAccount {
    if let account = opened.withLock({ $0 }) { return account }
    let account = try await open()
    opened.withLock { $0 = account }
    return account
  }

  /// Looks again and again until the task is cancelled. What fails is told once, until something else happens:
  /// the same failure may say its reason in other words each time.
  public func run(_ onEvent: @Sendable (AgentEvent) -> Void) async {
    guard policy != .manual else { return }
    var told: String?
    while !Task.isCancelled {
      do throws(ChainError) {
        if let event = try await look(at: UInt64(max(0, Date().timeIntervalSince1970))) { onEvent(event) }
        told = nil
      } catch {
        if error != .interrupted, error.code != told {
          onEvent(.failed(what: "redeeming", NetworkError(error)))
        }
        told = error.code
      }
      try? await Task.sleep(for: .seconds(pollSeconds))
    }
  }

  /// Looks once.
  ///
  /// - Parameter now: unix seconds.
  func look(at now: UInt64) async throws(ChainError) -> AgentEvent? {
    let day = now / 86_400
    switch policy {
    case .manual: return nil
    case .daily:
      let text = try? String(contentsOf: lastDay, encoding: .utf8)
      if let text, let last = UInt64(text), last >= day { return nil }
    case .when: break
    }
    let account = try await account()
    let newest: SignedTicket?
    do throws(NetworkError) {
      newest = try await tickets.newest()
    } catch {
      throw error == .interrupted ? .interrupted : .store(error)
    }
    guard let newest else { return nil }
    let paid = try await account.client.call(
      EmethCore.redeemed(by: newest.ticket.account), at: account.contracts.settlement)
    guard isWanted(newest.ticket, above: paid) else { return nil }
    let report: ChainReport
    do throws(ChainError) {
      report = try await account.redeem([newest])
    } catch {
      // More than signatures alone can pay now, or one that several must sign: a batch pays it, a day after it was posted.
      guard
        ["settlement.cap", "settlement.signature"].contains(where: { reason in
          error == .reverted(function: "redeemTicket", reason: .message(reason))
        }),
        let proven = try await provenTicket(account), isWanted(proven.ticket, above: paid)
      else { throw error }
      report = try await account.redeem([newest], proven: [proven])
    }
    if report.steps.isEmpty { return nil }
    do throws(NetworkError) {
      try Files.write(Data("\(day)".utf8), to: lastDay, mode: 0o600)
    } catch {
      throw .store(error)
    }
    return .redeemed(report.amount ?? .zero, transaction: report.steps.last?.transaction)
  }

  /// Whether the policy wants what a ticket pays.
  private func isWanted(_ ticket: Ticket, above paid: TokenAmount) -> Bool {
    guard ticket.cumulativePayout > paid else { return false }
    if case .when(let least) = policy, let due = try? ticket.cumulativePayout.subtracting(paid) {
      return due >= least
    }
    return true
  }

  /// The account's ticket in the newest batch that pays; nil while there is none.
  private func provenTicket(_ account: ChainAccount) async throws(ChainError) -> ProvenTicket? {
    guard let epoch = try await account.payingEpoch() else { return nil }
    do throws(NetworkError) {
      return try await tickets.proven(epoch)
    } catch {
      throw error == .interrupted ? .interrupted : .store(error)
    }
  }
}
