import Synchronization

/// What columns of records hold, decoded: a text that is as it was when it was read last is not decoded again.
///
/// To decode a job takes half a millisecond, to compare its texts a thousandth of that; most of what is read was read
/// before. Nothing has to be told of changes: another text is another value, whoever wrote it.
final class DecodedTexts<Value: Decodable & Sendable>: Sendable {
  private struct Entry {
    let text: String
    let value: Value
  }

  private struct State {
    /// What was used since the last time that half of the bytes were reached, and what was used before.
    var recent: [String: Entry] = [:]
    var older: [String: Entry] = [:]
    var recentByteCount = 0

    mutating func keep(_ entry: Entry, as id: String, halfLimit: Int) {
      if recentByteCount + entry.text.utf8.count > halfLimit {
        (older, recent, recentByteCount) = (recent, [:], 0)
      }
      // One that is replaced is counted all the same: a little less is kept then.
      recent[id] = entry
      recentByteCount += entry.text.utf8.count
    }
  }

  private let state = Mutex(State())
  private let halfLimit: Int

  /// - Parameter byteLimit: texts of so many bytes are kept, and their values; what was not used for longest goes.
  init(byteLimit: Int) { halfLimit = byteLimit / 2 }

  /// The value of the text that a record has now.
  ///
  /// - Parameter id: the record's, so that one text of each is kept.
  /// - Throws: what decoding throws.
  func value(_ id: String, _ text: String) throws -> Value {
    let known = state.withLock { state -> Value? in
      if let entry = state.recent[id], entry.text == text { return entry.value }
      guard let entry = state.older[id], entry.text == text else { return nil }
      state.keep(entry, as: id, halfLimit: halfLimit)
      return entry.value
    }
    if let known { return known }
    let value = try Value(wireText: text)
    state.withLock { $0.keep(Entry(text: text, value: value), as: id, halfLimit: halfLimit) }
    return value
  }
}
