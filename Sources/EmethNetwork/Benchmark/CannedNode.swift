import EmethKit
import Foundation

/// A node that computes nothing: in each turn it tells one token more of each text that it has, always the same.
struct CannedNode: Sendable {
  let connection: HTTPConnection
  let model: Bytes32
  /// How many texts it takes at once.
  let room: Int
  /// What it always says.
  static let token = UInt32(UInt8(ascii: "a"))

  /// Takes turns as a ``NodeAgent`` does, until it is cancelled.
  func run() async throws(NetworkError) {
    var texts: [JobID: (count: UInt32, limit: UInt32)] = [:]
    var drawn: [LiveTokens] = []
    var pace = TurnPace()
    while !Task.isCancelled {
      let isUrgent = texts.isEmpty || drawn.contains { $0.from == 0 }
      let due = pace.due(isUrgent: isUrgent, at: .now)
      try? await Task.sleep(until: due)
      pace.take(isUrgent: isUrgent, at: .now)
      let isIdle = texts.isEmpty && drawn.isEmpty
      let work = try await connection.take(
        LiveTurn(
          models: [model], room: UInt32(max(0, room - texts.count)), open: texts.keys.sorted(), drawn: drawn,
          wait: isIdle ? 1 : 0))
      for text in work.end { texts[text] = nil }
      for text in work.begin where texts[text.id] == nil {
        texts[text.id] = (UInt32(text.drawn.count), text.drawing.maxTokens)
      }
      drawn = []
      let paused = Set(work.pause)
      for (id, text) in texts where !paused.contains(id) {
        let isLast = text.count + 1 >= text.limit
        drawn.append(
          LiveTokens(id: id, from: text.count, tokens: [Self.token], ending: isLast ? .maxTokens : nil))
        texts[id] = isLast ? nil : (text.count + 1, text.limit)
      }
    }
  }
}
