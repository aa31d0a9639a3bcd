/// Texts that are drawn side by side and written one after the other: the first that has not ended as it comes,
/// what another has so far when its turn comes. A line `---` stands between two.
struct TextSequence {
  /// What each text has that is not written yet.
  private var waiting: [String]
  private var hasEnded: [Bool]
  private var current = 0

  /// Texts that begin with `start`, which is written with the first piece.
  init(count: Int, start: String) {
    waiting = Array(repeating: start, count: count)
    hasEnded = Array(repeating: false, count: count)
  }

  /// Takes a piece of a text; what is to be written now.
  mutating func append(_ piece: String, to index: Int) -> String {
    waiting[index] += piece
    guard index == current else { return "" }
    defer { waiting[index] = "" }
    return waiting[index]
  }

  /// Takes the last piece of a text; what is to be written now, of the texts behind it too.
  mutating func end(_ index: Int, with rest: String) -> String {
    waiting[index] += rest + "\n"
    hasEnded[index] = true
    guard index == current else { return "" }
    var output = ""
    while true {
      output += waiting[current]
      waiting[current] = ""
      guard hasEnded[current], current + 1 < waiting.count else { return output }
      current += 1
      output += "---\n"
    }
  }
}
