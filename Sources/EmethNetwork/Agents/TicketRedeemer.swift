import EmethKit
import Foundation

/// Has an account's newest ticket paid on its chain, as its owner's policy says.
///
/// ```swift
/// let redeemer = try TicketRedeemer(account: account, policy: .when(tenEMETH), folder: folder) {
///   () async throws(NetworkError) in try await connection.ticket()
/// }
/// try await redeemer.run { event in print(event) }
/// ```
/// A newer ticket pays what all older ones would have: none is lost by waiting, and each payment costs gas.
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

  private let account: ChainAccount
  private let policy: Policy
  private let pollSeconds: Double
  private let ticket: @Sendable () async throws(NetworkError) -> SignedTicket?
  /// The day of the last payment.
  private let lastDay: URL

  /// Redeems nothing yet.
  ///
  /// - Parameters:
  ///   - folder: where the day of the last payment is kept.
  ///   - ticket: the account's newest ticket; nil when it has none.
  public init(
    account: ChainAccount, policy: Policy, folder: URL, pollSeconds: Double = 60,
    ticket: @escaping @Sendable () async throws(NetworkError) -> SignedTicket?
  ) throws(NetworkError) {
    try Files.makeFolder(folder)
    self.account = account
    self.policy = policy
    self.pollSeconds = pollSeconds
    self.ticket = ticket
    lastDay = folder.appending(path: "redeemed-day")
  }

  /// Looks again and again until the task is cancelled. What fails is told once, until something else happens.
  public func run(_ onEvent: @Sendable (AgentEvent) -> Void) async {
    guard policy != .manual else { return }
    var told: ChainError?
    while !Task.isCancelled {
      do throws(ChainError) {
        if let event = try await look(at: UInt64(max(0, Date().timeIntervalSince1970))) { onEvent(event) }
        told = nil
      } catch {
        if error != .interrupted, error != told { onEvent(.failed(what: "redeeming", NetworkError(error))) }
        told = error
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
    let newest: SignedTicket?
    do throws(NetworkError) {
      newest = try await ticket()
    } catch {
      throw error == .interrupted ? .interrupted : .store(error)
    }
    guard let newest else { return nil }
    let contracts = account.contracts
    let paid = try await account.client.call(
      EmethCore.redeemed(by: newest.ticket.account), at: contracts.settlement)
    guard newest.ticket.cumulativePayout > paid else { return nil }
    if case .when(let least) = policy, let due = try? newest.ticket.cumulativePayout.subtracting(paid),
      due < least
    {
      return nil
    }
    let report = try await account.redeem([newest])
    if report.steps.isEmpty { return nil }
    do throws(NetworkError) {
      try Files.write(Data("\(day)".utf8), to: lastDay, mode: 0o600)
    } catch {
      throw .store(error)
    }
    return .redeemed(report.amount ?? .zero, transaction: report.steps.last?.transaction)
  }
}
