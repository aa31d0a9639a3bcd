import Synchronization

/// Bytes that may be held at once, of all clients and of each: bodies are taken in before anybody knows who has signed them.
final class ByteBudget: Sendable {
  private struct State {
    var left: Int
    var held: [String: Int] = [:]
  }

  private let state: Mutex<State>
  private let share: Int

  /// - Parameters:
  ///   - bytes: what all clients may have held together.
  ///   - share: what one of them may.
  init(_ bytes: Int, ofOne share: Int) {
    state = Mutex(State(left: bytes))
    self.share = share
  }

  /// What is not taken yet.
  var rest: Int { state.withLock { $0.left } }

  /// Takes bytes out for a client; false when there are not so many left, of all or of its share.
  func take(_ count: Int, for client: String) -> Bool {
    state.withLock { state in
      let held = state.held[client, default: 0] + count
      guard state.left >= count, held <= share else { return false }
      state.left -= count
      if held > 0 { state.held[client] = held }
      return true
    }
  }

  /// Puts bytes back that were taken for a client.
  func give(_ count: Int, of client: String) {
    state.withLock { state in
      state.left += count
      let held = state.held[client, default: 0] - count
      state.held[client] = held > 0 ? held : nil
    }
  }
}
