import EmethKit
import Foundation

extension TransactionSender {
  /// Sends what an action wants and waits for it, or for what an earlier command sent of it.
  ///
  /// What an earlier command may not do twice stays open in the journal until the report of it is written
  /// (``ChainReport/Step/unsettled``): whoever is killed before finds it again.
  ///
  /// - Throws: ``ChainError/sentBefore(function:transaction:block:)``, what ``send(_:to:under:)`` and ``confirm(_:)`` throw.
  func perform(
    _ action: ChainAction, isDryRun: Bool
  ) async throws(ChainError) -> (step: ChainReport.Step, receipt: ChainReceipt?) {
    let before = try await earlier(action, isDryRun: isDryRun)
    var step = ChainReport.Step(function: action.function, contract: action.request.to)
    step.wasSentBefore = before != nil
    if case .arrived(let entry, let receipt)? = before {
      step.arrived(receipt, entry)
      return (step, receipt)
    }
    if isDryRun {
      step.wasSentBefore = false
      step.costs(try await preview(action.request, action.function))
      return (step, nil)
    }
    let entry: NonceJournal.Entry
    if let waiting = before?.entry {
      try await broadcast(waiting)
      entry = waiting
    } else {
      let name = "\(action.mark ?? action.function) \(UUID().uuidString)"
      entry = try await send(action.request, function: action.function, under: name)
    }
    if action.earlier == .isNothing {
      let receipt = try await confirm(entry)
      step.arrived(receipt, nil)
      return (step, receipt)
    }
    let receipt = try await receipt(of: entry)
    step.arrived(receipt, entry)
    return (step, receipt)
  }

  /// Writes down that a report is where its reader finds it: until then each payment in it counts as one that nobody
  /// knows of, and is told instead of repeated.
  public func settle(_ report: ChainReport) throws(ChainError) {
    for step in report.steps {
      if let entry = step.unsettled { try settle(entry) }
    }
  }

  /// What an earlier command sent of an action: what is on its way is gone on with, what has arrived counts as the
  /// action says.
  func earlier(_ action: ChainAction, isDryRun: Bool) async throws(ChainError) -> Unfinished? {
    var earlier: Unfinished?
    for found in try await unfinished(where: action.isMeant) {
      guard case .arrived(let entry, let receipt) = found, action.earlier != .stands else {
        earlier = earlier ?? found
        continue
      }
      guard settings.again || action.earlier == .isNothing else {
        throw .sentBefore(
          function: action.function, transaction: receipt.transaction, block: receipt.blockNumber)
      }
      if !isDryRun { try settle(entry) }
    }
    return earlier
  }
}
