/// A natural number of any size: just enough of one for products of binomial coefficients and for exact
/// comparisons with powers of e.
struct BigNatural: Hashable, Sendable {
  // Least significant word first; no zero word at the end.
  private var words: [UInt64]

  /// The number of words, none for zero.
  var wordCount: Int { words.count }

  init(_ number: UInt64) {
    words = number == 0 ? [] : [number]
  }

  /// - Complexity: O(words).
  mutating func multiply(by factor: UInt64) {
    guard factor > 0 else {
      words = []
      return
    }
    var carry: UInt64 = 0
    for index in words.indices {
      let (high, low) = words[index].multipliedFullWidth(by: factor)
      let (sum, overflow) = low.addingReportingOverflow(carry)
      words[index] = sum
      carry = high + (overflow ? 1 : 0)
    }
    if carry > 0 { words.append(carry) }
  }

  /// - Complexity: O(words).
  func multiplied(by factor: UInt256) -> BigNatural {
    var sum = BigNatural(0)
    for (place, word) in factor.words.enumerated() where word > 0 {
      var part = self
      part.multiply(by: UInt64(word))
      sum.add(part, shiftedByWords: place)
    }
    return sum
  }

  /// - Complexity: O(words of one x words of the other).
  func multiplied(by factor: BigNatural) -> BigNatural {
    var sum = BigNatural(0)
    for (place, word) in factor.words.enumerated() where word > 0 {
      var part = self
      part.multiply(by: word)
      sum.add(part, shiftedByWords: place)
    }
    return sum
  }

  /// Divides and drops the remainder; traps when the divisor is 0.
  mutating func divide(by divisor: UInt64) {
    var remainder: UInt64 = 0
    for index in words.indices.reversed() {
      (words[index], remainder) = divisor.dividingFullWidth((remainder, words[index]))
    }
    while words.last == 0 { words.removeLast() }
  }

  /// The number times 2^(64 x count).
  func shiftedLeft(byWords count: Int) -> BigNatural {
    var result = self
    if !words.isEmpty { result.words.insert(contentsOf: repeatElement(0, count: count), at: 0) }
    return result
  }

  /// The number divided by 2^(64 x count), rounded down, when that is below 2^64.
  func word(shiftedRightByWords count: Int) -> UInt64? {
    guard words.count <= count + 1 else { return nil }
    return words.count == count + 1 ? words[count] : 0
  }

  /// The sum.
  static func + (left: BigNatural, right: BigNatural) -> BigNatural {
    var sum = left
    sum.add(right, shiftedByWords: 0)
    return sum
  }

  private mutating func add(_ other: BigNatural, shiftedByWords shift: Int) {
    guard !other.words.isEmpty else { return }
    let missing = other.words.count + shift - words.count
    if missing > 0 { words += [UInt64](repeating: 0, count: missing) }
    var carry: UInt64 = 0
    var index = shift
    while index - shift < other.words.count || carry > 0 {
      if index == words.count { words.append(0) }
      let addend = index - shift < other.words.count ? other.words[index - shift] : 0
      let (first, overflow) = words[index].addingReportingOverflow(addend)
      let (second, again) = first.addingReportingOverflow(carry)
      words[index] = second
      carry = overflow || again ? 1 : 0
      index += 1
    }
  }

  /// The difference; traps when the other number is larger.
  func subtracting(_ other: BigNatural) -> BigNatural {
    precondition(other <= self, "a natural number is not negative")
    var result = self
    var borrow: UInt64 = 0
    for index in result.words.indices {
      let subtrahend = index < other.words.count ? other.words[index] : 0
      let (first, overflow) = result.words[index].subtractingReportingOverflow(subtrahend)
      let (second, again) = first.subtractingReportingOverflow(borrow)
      result.words[index] = second
      borrow = overflow || again ? 1 : 0
    }
    while result.words.last == 0 { result.words.removeLast() }
    return result
  }
}

extension BigNatural: Comparable {
  static func < (left: BigNatural, right: BigNatural) -> Bool {
    if left.words.count != right.words.count { return left.words.count < right.words.count }
    return left.words.reversed().lexicographicallyPrecedes(right.words.reversed())
  }
}
