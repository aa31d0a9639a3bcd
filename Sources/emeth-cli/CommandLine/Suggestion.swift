/// Finds what someone probably meant to type.
enum Suggestion {
  /// The candidates closest to a mistyped word, best first, at most three; none when nothing is close.
  ///
  /// Close means: a distance of at most a third of the word's length (at least 1, at most 3), or a candidate
  /// that begins with the word, when at least two characters were typed.
  static func nearest(to word: String, among candidates: [String]) -> [String] {
    let limit = min(3, max(1, word.count / 3))
    let scored = candidates.compactMap { candidate -> (score: Int, candidate: String)? in
      let distance = distance(word, candidate)
      if distance <= limit { return (distance, candidate) }
      return word.count >= 2 && candidate.hasPrefix(word) ? (limit + 1, candidate) : nil
    }
    return scored.sorted { ($0.score, $0.candidate) < ($1.score, $1.candidate) }.prefix(3).map(\.candidate)
  }

  /// The Damerau-Levenshtein distance in its optimal string alignment form: insertions, deletions,
  /// substitutions and swaps of two neighbours each count 1, and no piece is edited twice.
  ///
  /// Complexity: O(n m) time, O(m) space.
  static func distance(_ first: String, _ second: String) -> Int {
    let a = Array(first)
    let b = Array(second)
    var beforeLast = [Int](repeating: 0, count: b.count + 1)
    var last = Array(0...b.count)
    for i in a.indices {
      var current = [i + 1] + [Int](repeating: 0, count: b.count)
      for j in b.indices {
        let substitution = last[j] + (a[i] == b[j] ? 0 : 1)
        var best = min(substitution, last[j + 1] + 1, current[j] + 1)
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
          best = min(best, beforeLast[j - 1] + 1)
        }
        current[j + 1] = best
      }
      beforeLast = last
      last = current
    }
    return last[b.count]
  }
}
