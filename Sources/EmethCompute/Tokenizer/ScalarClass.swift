/// What GPT-2's pattern asks of a character: letter (\p{L}), number (\p{N}), white space (\s) or other.
///
/// By a table of one Unicode version (``unicodeVersion``), so that a text has the same tokens whatever the
/// system and the toolchain know of newer letters. Unassigned characters are other.
enum ScalarClass: UInt8 {
  case letter, number, space, other

  /// The class of `scalar`. O(1).
  init(_ scalar: Unicode.Scalar) { self = Self.table[Int(scalar.value)] }

  /// The class of each code from 0 to U+10FFFF; surrogates count as other. Made once, kept for good.
  nonisolated(unsafe) static let table: UnsafeBufferPointer<ScalarClass> = {
    let table = UnsafeMutableBufferPointer<ScalarClass>.allocate(capacity: 0x11_0000)
    for (index, run) in runs.enumerated() {
      let end = index + 1 < runs.count ? Int(runs[index + 1] >> 2) : table.count
      let kind = ScalarClass(rawValue: UInt8(run & 3)) ?? .other
      table[Int(run >> 2)..<end].initialize(repeating: kind)
    }
    return UnsafeBufferPointer(table)
  }()
}
