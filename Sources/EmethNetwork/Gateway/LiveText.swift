import EmethKit
import Synchronization

/// One text on its way from a node to a client: what was drawn, what of it was handed on, how it ended.
///
/// One task reads it (``next(after:waitingUpTo:)``), the desk writes it.
final class LiveText: Sendable {
  /// How it ended.
  enum End: Sendable {
    case ended(LiveEnding)
    case failed(RequestFailure)
  }

  struct State {
    var drawn: [UInt32] = []
    /// How many of them the reader has handed on, as far as it has said.
    var taken = 0
    /// When the reader came last.
    var read = ContinuousClock.now
    /// When it went on last: got a node, or a token.
    var moved = ContinuousClock.now
    var end: End?
    /// Who draws it.
    var node: Address?
    /// Who drew the tokens up to which place, in their order.
    var drawers: [(node: Address, end: Int)] = []
    /// Nodes that have left it.
    var left: [Address] = []
  }

  let id: JobID
  let model: LiveModel
  /// Who pays for it.
  let account: Address
  let prompt: [UInt32]
  let drawing: Drawing
  let state = Mutex(State())
  let changes = ChangeSignal()

  init(id: JobID, model: LiveModel, account: Address, prompt: [UInt32], drawing: Drawing) {
    (self.id, self.model, self.account) = (id, model, account)
    (self.prompt, self.drawing) = (prompt, drawing)
  }

  /// Who draws it now, or has drawn its end.
  var node: Address? { state.withLock { $0.node } }

  /// Who drew the last of its first `count` tokens, be it there still or not.
  func drawer(ofFirst count: Int) -> Address? {
    state.withLock { state in state.drawers.first { $0.end >= count }?.node }
  }

  /// Tokens behind the first `count`, which its reader has handed on, and its end where these are the last; waits for
  /// either.
  func next(after count: Int, waitingUpTo seconds: Double) async -> (tokens: [UInt32], end: End?) {
    let deadline = ContinuousClock.now.advanced(by: .seconds(seconds))
    while true {
      let seen = changes.version
      let found = state.withLock { state -> (tokens: [UInt32], end: End?) in
        (state.taken, state.read) = (min(count, state.drawn.count), .now)
        return (Array(state.drawn[min(count, state.drawn.count)...]), state.end)
      }
      if !found.tokens.isEmpty || found.end != nil || ContinuousClock.now >= deadline || Task.isCancelled {
        return found
      }
      await changes.wait(after: seen, until: deadline)
    }
  }

  /// What its reader has handed on.
  var handed: [UInt32] { state.withLock { Array($0.drawn.prefix($0.taken)) } }

  /// How many tokens its reader has not taken yet.
  var backlog: Int { state.withLock { $0.drawn.count - $0.taken } }

  /// Whether its reader waits and nothing has come for so long.
  func isStalled(for seconds: Double, _ limit: Int) -> Bool {
    state.withLock { state in
      if state.drawn.count - state.taken > limit { state.moved = .now }
      return ContinuousClock.now - state.moved > .seconds(seconds)
    }
  }

  /// Ends it; the first end counts.
  func end(_ end: End) {
    state.withLock { state in
      if state.end == nil { state.end = end }
    }
    changes.raise()
  }

  var assignment: LiveAssignment {
    LiveAssignment(
      id: id, model: model.model.hash, prompt: prompt, drawn: state.withLock { $0.drawn }, drawing: drawing)
  }
}
