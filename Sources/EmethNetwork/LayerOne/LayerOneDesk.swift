import EmethKit
import Foundation
import Synchronization

/// What everybody has who works for jobs of EMETH Core: an account on the chain, a server that lists the jobs and keeps
/// their files, and somebody who is told.
///
/// A failure is told once, and again only after it has gone well in between: what can be tried again is.
final class LayerOneDesk: Sendable {
  let account: ChainAccount
  /// A server that watches the chain, with the account's key.
  let files: ServerClient
  let onEvent: @Sendable (AgentEvent) -> Void
  private let told = Mutex<Set<String>>([])

  /// So long what a server has, or has not, may become another thing, seconds of the chain: it may be ill for a while.
  static let patienceSeconds: UInt64 = 600

  var core: Address { account.contracts.core }
  var checks: Address { account.contracts.verification }
  /// Seconds between two looks.
  var pollSeconds: Double { account.sender.settings.pollSeconds }

  init(
    _ account: ChainAccount, _ files: ServerClient, onEvent: @escaping @Sendable (AgentEvent) -> Void
  ) {
    (self.account, self.files, self.onEvent) = (account, files, onEvent)
  }

  /// Tells what fails once, until it goes well again; whether it went well.
  @discardableResult
  func attempt(_ what: String, _ body: () async throws(NetworkError) -> Void) async -> Bool {
    do throws(NetworkError) {
      try await body()
      told.withLock { _ = $0.remove(what) }
      return true
    } catch {
      if Task.isCancelled || error == .interrupted { return false }
      if told.withLock({ $0.insert(what).inserted }) { onEvent(.failed(what: what, error)) }
      return false
    }
  }

  /// A job as the chain has it; nil when there is none of that id.
  func read(_ id: JobID) async throws(NetworkError) -> LayerOneJob? {
    try await read([id], isAlone: true)[id]
  }

  /// Jobs as the chain has them.
  func read(_ ids: [JobID], isAlone: Bool = false) async throws(NetworkError) -> [JobID: LayerOneJob] {
    let account = account
    return try await onChain { () async throws(ChainError) in
      try await LayerOneJob.read(ids, isAlone: isAlone, with: account)
    }
  }

  /// What a contract says.
  func call<Output>(
    _ call: ContractCall<Output>, at contract: Address
  ) async throws(NetworkError) -> Output {
    let client = account.client
    return try await onChain { () async throws(ChainError) in try await client.call(call, at: contract) }
  }

  /// Sends a call that the contract's state asks for, or waits for what was sent of it before.
  ///
  /// - Parameter id: the job that it is about.
  func send<Output>(
    _ call: ContractCall<Output>, to contract: Address, of id: JobID?
  ) async throws(NetworkError) {
    try await send(account.action(call, at: contract), of: id)
  }

  func send(_ action: ChainAction, of id: JobID?) async throws(NetworkError) {
    let account = account
    let receipt = try await onChain { () async throws(ChainError) in try await account.carryOut(action) }
    if let receipt { onEvent(.sent(action.function, id, transaction: receipt.transaction)) }
  }

  /// Does what anybody may do for a job; false where somebody else was faster.
  @discardableResult
  func carryOut(_ upkeep: LayerOneUpkeep, of id: JobID) async throws(NetworkError) -> Bool {
    do throws(NetworkError) {
      try await send(upkeep.action(for: id, by: account), of: id)
      return true
    } catch {
      guard error.isReverted else { throw error }
      return false
    }
  }
}

extension ChainAccount {
  /// A call that the contract's state asks for. What an earlier process sent of it is gone on with; what has arrived the
  /// state shows, so that it is not asked for again.
  ///
  /// - Parameter mark: what is the same of all calls that mean the same; nil where their data is.
  func action<Output>(
    _ call: ContractCall<Output>, at contract: Address, mark: String? = nil
  ) -> ChainAction {
    ChainAction(
      TransactionRequest(from: address, to: contract, data: call.data, value: .zero), call.function.name,
      .isNothing, mark: mark)
  }

  /// Sends such a call and waits for it.
  func carryOut(_ action: ChainAction) async throws(ChainError) -> ChainReceipt? {
    try await sender.perform(action, isDryRun: false).receipt
  }
}

/// What a chain says, with its errors as the network's.
func onChain<Value>(
  _ body: () async throws(ChainError) -> Value
) async throws(NetworkError) -> Value {
  do throws(ChainError) {
    return try await body()
  } catch {
    throw error == .interrupted ? .interrupted : NetworkError(error)
  }
}

extension NetworkError {
  /// Whether a contract has refused a call: mostly somebody else was faster.
  var isReverted: Bool { code == ChainError.reverted(function: "", reason: .silent).code }

  /// Whether it says that a file is not there, or is not what it should be.
  var isOfFile: Bool {
    if case .malformed(ZipArchive.errorName, _) = self { return true }
    return code == "file.unknown"
  }
}
