import EmethCompute
import EmethKit
import Foundation
import Synchronization

/// Live texts: a node that has a model of the network's gateway draws what its clients ask for, and is paid for it.
extension NodeAgent {
  /// How often it asks which models there are, seconds.
  private static let modelSeconds = 60.0
  /// How often it asks for receipts of which nobody has told it, seconds.
  private static let receiptSeconds = 60.0
  /// Between two turns while it draws, seconds, where nothing new was drawn.
  private static let turnSeconds = 0.05

  /// Draws live texts, beside everything else, until it is cancelled.
  func drawTexts() async -> Bool {
    let drawer = TextDrawer()
    let known = KnownModels()
    let receipts = ChangeSignal()
    let stop = StopFlag()
    do throws(NetworkError) {
      let lane = try AgentLane(threads: settings.threads, device: settings.device(ofWorker: 0))
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await self.speak(for: drawer, known, receipts) }
        group.addTask { await self.keepReceipts(receipts) }
        // Beside the turns: a node that is silent while it fetches gigabytes loses its texts.
        group.addTask { await self.keepModels(known) }
        group.addTask { [models] in
          do throws(NetworkError) {
            try await raising(stop) { () async throws(NetworkError) in
              try await lane.run { device in
                drawer.run(models, models: { known[$0] }, on: device, stop: stop) {
                  self.report("drawing live texts", $0)
                }
              }
            }
          } catch {
            self.report("drawing live texts", error)
          }
        }
        await group.waitForAll()
      }
    } catch {
      report("drawing live texts", error)
    }
    return false
  }

  /// Tells the server what was drawn, and hears what is to be.
  private func speak(for drawer: TextDrawer, _ known: KnownModels, _ receipts: ChangeSignal) async {
    var pace = TurnPace()
    while !Task.isCancelled {
      if known.hashes.isEmpty {
        await pause(min(0.5, settings.patience))
        continue
      }
      await wait(for: drawer, &pace)
      let seen = drawer.news.version
      let (open, drawn) = drawer.take()
      let isIdle = open.isEmpty && drawn.isEmpty
      let takesMore = state.withLock { !$0.isDraining && !$0.isPaused }
      let turn = LiveTurn(
        models: known.hashes(on: models),
        room: takesMore ? UInt32(max(0, settings.liveTexts - open.count)) : 0, open: open, drawn: drawn,
        wait: isIdle && takesMore ? UInt32(settings.patience.rounded(.up)) : 0)
      do throws(NetworkError) {
        let work = try await connection.take(turn)
        drawer.follow(work)
        if work.hasReceipts { receipts.raise() }
        if !drawer.isIdle {
          // The next turn comes with the next token.
          await drawer.news.wait(after: seen, until: .now.advanced(by: .seconds(Self.turnSeconds)))
        } else if !takesMore {
          await pause(1)
        }
      } catch {
        drawer.putBack(drawn)
        receipts.raise()
        report("live texts", error)
        // Who has texts is not silent for as long as would take them away.
        await pause(!error.isFinalAnswer ? Double.random(in: 0.1...0.5) : drawer.isIdle ? 5 : 1)
      }
    }
  }

  /// Waits for the next turn's time.
  private func wait(for drawer: TextDrawer, _ pace: inout TurnPace) async {
    while !Task.isCancelled {
      let (seen, isUrgent, now) = (drawer.news.version, drawer.isUrgent, ContinuousClock.now)
      let due = pace.due(isUrgent: isUrgent, at: now)
      if due <= now { return pace.take(isUrgent: isUrgent, at: now) }
      await drawer.news.wait(after: seen, until: due)
    }
  }

  /// Sees to it that the gateway's models lie on the shelf.
  private func keepModels(_ known: KnownModels) async {
    while !Task.isCancelled {
      await bringModels(known)
      await pause(known.hashes.isEmpty ? min(5, settings.patience) : Self.modelSeconds)
    }
  }

  /// Lays the gateway's models on the shelf, those that have room there together.
  private func bringModels(_ known: KnownModels) async {
    do throws(NetworkError) {
      let lane = try AgentLane(threads: 1, device: .cpu)
      let sold = try await connection.liveModels()
      // What is sold no more makes room for what is.
      models.release(allBut: sold.map(\.model))
      known.forget(allBut: sold.map(\.model))
      for live in sold where known.wants(live.model, on: models) {
        do throws(NetworkError) {
          try await models.bring(live.model, on: lane) {
            [connection] object, store async throws(NetworkError) in
            try await connection.fetch(object: object, into: store)
          }
          let isKept = try models.keep(live.model)
          known.add(live.model, isKept: isKept)
          if !isKept {
            throw .badSetting(
              name: "room for models", found: "too little for \(live.name) beside the others",
              allowed: "room for all that it sells together (--model-cache)")
          }
        } catch {
          report("fetching the model \(live.name)", error)
        }
      }
    } catch {
      report("asking for the gateway's models", error)
    }
  }

  /// Fetches receipts: at first, when the server says that there are some, after what may have hidden that, and once
  /// a minute.
  private func keepReceipts(_ news: ChangeSignal) async {
    let file = folder.appending(path: "receipts.jsonl")
    var kept: ReceiptBook?
    while !Task.isCancelled {
      let seen = news.version
      do throws(NetworkError) {
        var book = if let kept { kept } else { try ReceiptBook(file) }
        // What was written in part is looked at again.
        kept = nil
        while try book.add(try await receipts(after: book.known)) {}
        kept = book
      } catch {
        report("receipts of live texts", error)
      }
      await pause(1)
      await news.wait(after: seen, until: .now.advanced(by: .seconds(Self.receiptSeconds)))
    }
  }
}

extension NodeAgent {
  /// Receipts behind the first `count` that are this node's, with the signature of the network's Aggregator.
  private func receipts(after count: UInt64) async throws(NetworkError) -> [SignedReceipt] {
    let receipts = try await connection.receipts(after: count)
    if receipts.isEmpty { return [] }
    let facts = try await connection.facts()
    for receipt in receipts {
      try asNetworkError { try receipt.check(in: facts.domain) }
      guard receipt.signer == facts.aggregator, receipt.content.node == node.address else {
        throw .malformed(
          what: "receipt of text \(receipt.content.text)",
          reason: "found it for \(receipt.content.node) by \(receipt.signer), "
            + "allowed are this node's by the Aggregator, \(facts.aggregator)")
      }
    }
    return receipts
  }
}

/// The gateway's models that a node has.
private final class KnownModels: Sendable {
  private let models = Mutex<[Bytes32: ModelReference]>([:])
  /// Those for which the shelf has no room beside the others.
  private let refused = Mutex<Set<Bytes32>>([])

  var hashes: [Bytes32] { models.withLock { $0.keys.sorted() } }

  subscript(hash: Bytes32) -> ModelReference? { models.withLock { $0[hash] } }

  /// Those that lie on a shelf.
  func hashes(on shelf: ModelShelf) -> [Bytes32] {
    models.withLock { $0.values.map { $0 } }.filter(shelf.has).map(\.hash).sorted()
  }

  /// Whether a model is to be brought: it is not there, or not there any more.
  func wants(_ model: ModelReference, on shelf: ModelShelf) -> Bool {
    !refused.withLock { $0.contains(model.hash) } && (self[model.hash] == nil || !shelf.has(model))
  }

  /// Forgets those that are not among these; where there was such a one, there may be room for what had none.
  func forget(allBut sold: [ModelReference]) {
    let hashes = Set(sold.map(\.hash))
    let isLess = models.withLock { models in
      let before = models.count
      models = models.filter { hashes.contains($0.key) }
      return models.count < before
    }
    if isLess { refused.withLock { $0 = [] } }
  }

  func add(_ model: ModelReference, isKept: Bool) {
    if isKept {
      models.withLock { $0[model.hash] = model }
    } else {
      _ = refused.withLock { $0.insert(model.hash) }
    }
  }
}
