import EmethKit
import Foundation

/// A deposit on L1 that is to be credited on L2.
public struct ChainDeposit: Hashable, Sendable {
  /// Its number, from 0; the contract counts.
  public let number: UInt64
  /// Who is credited.
  public let account: Address
  /// Who paid.
  public let depositor: Address
  /// The amount.
  public let amount: TokenAmount
  /// The block that has it.
  public let block: UInt64
  /// The transaction that made it.
  public let transaction: Bytes32

  /// Its name in a ledger: the same deposit is never credited twice under it.
  public func key(_ contracts: ChainContracts) -> String {
    "deposit \(contracts.chainID) \(contracts.settlement) \(number)"
  }
}

extension EventFollower {
  /// Credits deposits that lie deep enough, in the order of their numbers, each once.
  ///
  /// What is credited is written down before and after. Where the process ends in between, `credit` is called once more
  /// with the same deposit: it must do nothing then (``ChainDeposit/key(_:)`` tells it apart). A reorganisation deeper
  /// than the confirmations changes nothing that was credited; where the chain then tells a credited deposit otherwise,
  /// or not at all, crediting stops with an error instead of going on from wrong numbers.
  ///
  /// - Parameters:
  ///   - confirmations: in how many blocks a deposit must lie, its own included.
  /// - Returns: what was credited now.
  /// - Throws: ``ChainError/creditUndone(number:credited:found:)``, ``ChainError/missingDeposit(number:next:)``.
  public func creditDeposits(
    confirmations: UInt64, of settlement: Address,
    _ credit: (ChainDeposit) async throws(ChainError) -> Void
  ) async throws(ChainError) -> [ChainDeposit] {
    guard let last = try store.last() else { return [] }
    let depth = max(1, confirmations) - 1
    let deposits = try deposits(of: settlement)
    let credits = try store.credits()
    try check(credits, against: deposits, last: last.number, depth: depth)

    var expected = credits.last(where: \.isDone).map { $0.number + 1 } ?? 0
    var credited: [ChainDeposit] = []
    for deposit in deposits where deposit.number >= expected {
      guard deposit.number == expected else { throw .missingDeposit(number: expected, next: deposit.number) }
      guard last.number >= depth, deposit.block <= last.number - depth else { break }
      var entry = EventStore.Credit(
        number: deposit.number, account: deposit.account, amount: deposit.amount, block: deposit.block,
        isDone: false)
      try store.put(entry)
      try await credit(deposit)
      entry.isDone = true
      try store.put(entry)
      credited.append(deposit)
      expected += 1
    }
    return credited
  }

  /// The deposits that were read, by number.
  func deposits(of settlement: Address) throws(ChainError) -> [ChainDeposit] {
    var deposits: [ChainDeposit] = []
    for log in try store.logs([EmethCore.depositTopic]) where log.address == settlement {
      let event: EmethCore.Event
      do throws(ContractError) {
        event = try EmethCore.Event(topics: log.topics, data: log.data)
      } catch {
        throw .contract(error)
      }
      guard case .depositedToLayer2(let account, let number, let depositor, let amount) = event else {
        continue
      }
      deposits.append(
        ChainDeposit(
          number: number, account: account, depositor: depositor, amount: amount, block: log.blockNumber,
          transaction: log.transaction))
    }
    return deposits.sorted { $0.number < $1.number }
  }

  /// That the chain still says of every credit what was credited.
  private func check(
    _ credits: [EventStore.Credit], against deposits: [ChainDeposit], last: UInt64, depth: UInt64
  ) throws(ChainError) {
    let byNumber = Dictionary(deposits.map { ($0.number, $0) }) { first, _ in first }
    for credit in credits {
      let text = "\(credit.amount.emethText) EMETH to \(credit.account)"
      guard let found = byNumber[credit.number] else {
        // Its transaction may come again, in a later block: until then nothing is said, and nothing credited.
        guard last < credit.block + depth else {
          throw .creditUndone(number: credit.number, credited: text, found: "nothing of it")
        }
        continue
      }
      guard found.account == credit.account, found.amount == credit.amount else {
        throw .creditUndone(
          number: credit.number, credited: text, found: "\(found.amount.emethText) EMETH to \(found.account)")
      }
      if found.block != credit.block {
        var moved = credit
        moved.block = found.block
        try store.put(moved)
      }
    }
  }
}

extension EmethCore {
  /// The topic of deposits to L2.
  static let depositTopic = Keccak256.hash("DepositedToLayer2(address,uint64,address,uint256)".utf8)
  /// The topic of the one event of 2023.
  static let statusTopic = Keccak256.hash("Status(bytes16,address,uint256)".utf8)
}
