/// Cuts text into the words that GPT-2 merges within: its pattern
/// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`, written out by hand.
///
/// The words follow each other without gaps and together are the text. O(n), whatever the text: each
/// byte is looked at a bounded number of times.
struct WordScanner {
  private let text: UnsafeBufferPointer<UInt8>
  private let classes = ScalarClass.table
  private var position = 0

  /// Scans `text`, which must be valid UTF-8 and outlive the scanner.
  init(_ text: UnsafeBufferPointer<UInt8>) { self.text = text }

  /// The byte range of the next word, nil at the end.
  mutating func next() -> Range<Int>? {
    guard position < text.count else { return nil }
    let start = position
    position = end(of: start)
    return start..<position
  }

  private func end(of start: Int) -> Int {
    if text[start] == UInt8(ascii: "'"), let end = contractionEnd(start) { return end }
    if text[start] == UInt8(ascii: " "), start + 1 < text.count {
      let (kind, length) = scalar(at: start + 1)
      if kind != .space { return runEnd(of: kind, from: start + 1 + length) }
    }
    let (kind, length) = scalar(at: start)
    guard kind == .space else { return runEnd(of: kind, from: start + length) }
    return spaceEnd(from: start, firstLength: length)
  }

  /// White space before a word leaves its last character to be looked at again: a plain space joins the word.
  private func spaceEnd(from start: Int, firstLength: Int) -> Int {
    var lastStart = start
    var end = start + firstLength
    while end < text.count {
      let (kind, length) = scalar(at: end)
      if kind != .space { return lastStart > start ? lastStart : end }
      lastStart = end
      end += length
    }
    return end
  }

  private func runEnd(of kind: ScalarClass, from start: Int) -> Int {
    var end = start
    while end < text.count {
      let (next, length) = scalar(at: end)
      if next != kind { break }
      end += length
    }
    return end
  }

  private func contractionEnd(_ start: Int) -> Int? {
    guard start + 1 < text.count else { return nil }
    switch text[start + 1] {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return start + 2
    case UInt8(ascii: "r"), UInt8(ascii: "v"):
      return start + 2 < text.count && text[start + 2] == UInt8(ascii: "e") ? start + 3 : nil
    case UInt8(ascii: "l"):
      return start + 2 < text.count && text[start + 2] == UInt8(ascii: "l") ? start + 3 : nil
    default: return nil
    }
  }

  /// The first place after `start` where the text may be parted: the words of both parts are those of the
  /// whole.
  ///
  /// That is between two characters of different classes, the first not white space (which may join the word
  /// after it) and the pair not an apostrophe and a letter (which may be a contraction). Nil when there is
  /// none.
  func partingPlace(after start: Int) -> Int? {
    var index = start
    while index < text.count, text[index] & 0xC0 == 0x80 { index += 1 }
    // A character is four bytes at most: further in none is cut off by the end of the text.
    guard index + 4 <= text.count else { return nil }
    var (kind, length) = scalar(at: index)
    while true {
      let isApostrophe = text[index] == UInt8(ascii: "'")
      index += length
      guard index + 4 <= text.count else { return nil }
      let (next, nextLength) = scalar(at: index)
      if next != kind, kind != .space, !(isApostrophe && next == .letter) { return index }
      (kind, length) = (next, nextLength)
    }
  }

  /// The class and the byte length of the character at `index`.
  @inline(__always)
  private func scalar(at index: Int) -> (kind: ScalarClass, length: Int) {
    let first = UInt32(text[index])
    if first < 0x80 { return (classes[Int(first)], 1) }
    if first < 0xE0 { return (classes[Int((first & 0x1F) << 6 | tail(index + 1))], 2) }
    if first < 0xF0 {
      return (classes[Int((first & 0x0F) << 12 | tail(index + 1) << 6 | tail(index + 2))], 3)
    }
    let code = (first & 0x07) << 18 | tail(index + 1) << 12 | tail(index + 2) << 6 | tail(index + 3)
    // What is no UTF-8 may spell more than there is.
    return (classes[Int(min(code, 0x10_FFFF))], 4)
  }

  @inline(__always)
  private func tail(_ index: Int) -> UInt32 { UInt32(text[index] & 0x3F) }
}
