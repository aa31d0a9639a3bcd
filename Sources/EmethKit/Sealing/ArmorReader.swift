/// Reads the text form of an age file as it arrives, strictly.
///
/// ```swift
/// var reader = ArmorReader()
/// var file: [UInt8] = []
/// try reader.append(text, to: &file)      // as often as there are parts
/// try reader.finish()
/// ```
/// Lines may end in LF or CR LF; white space may stand before and behind, as mail adds it.
public struct ArmorReader: ~Copyable, Sendable {
  /// The most bytes of white space before, and behind.
  public static let spaceLimit = 1024

  private enum Expectation {
    case begin
    case body
    /// A line was short: only the last line may follow.
    case end
    case nothing
  }

  private var expectation = Expectation.begin
  private var line: [UInt8] = []
  private var number = 1
  private var spaceCount = 0

  /// A reader at the beginning of the text.
  public init() {}

  /// Whether a text that begins so is armor and not an age file itself: its first byte tells.
  public static func isArmor(firstByte: UInt8) -> Bool {
    firstByte == UInt8(ascii: "-") || isSpace(firstByte)
  }

  /// Takes in text and appends the bytes that it stands for.
  ///
  /// - Throws: ``SealingError/armor(line:problem:)``.
  public mutating func append(_ text: some Collection<UInt8>, to file: inout [UInt8]) throws(SealingError) {
    try text.withRawBytes { buffer throws(SealingError) in try append(buffer, to: &file) }
  }

  private mutating func append(
    _ text: UnsafeRawBufferPointer, to file: inout [UInt8]
  ) throws(SealingError) {
    var offset = 0
    while offset < text.count {
      let used = readWholeLines(UnsafeRawBufferPointer(rebasing: text[offset...]), to: &file)
      offset += used
      guard offset < text.count else { return }
      try append(text[offset], to: &file)
      offset += 1
    }
  }

  /// Takes in lines of 64 characters that are whole and right; all others are left to be read byte by byte.
  ///
  /// - Returns: How many bytes were taken.
  private mutating func readWholeLines(_ text: UnsafeRawBufferPointer, to file: inout [UInt8]) -> Int {
    let step = Armor.columns + 1
    guard expectation == .body, line.isEmpty, text.count >= step,
      text[Armor.columns] == UInt8(ascii: "\n")
    else { return 0 }
    var lines = 0
    file += [UInt8](unsafeUninitializedCapacity: text.count / step * Armor.lineByteCount) { buffer, count in
      let target = UnsafeMutableRawBufferPointer(buffer)
      while (lines + 1) * step <= text.count, text[lines * step + Armor.columns] == UInt8(ascii: "\n"),
        Base64.decodeGroups(
          UnsafeRawBufferPointer(rebasing: text[lines * step..<lines * step + Armor.columns]),
          into: UnsafeMutableRawBufferPointer(rebasing: target[(lines * Armor.lineByteCount)...]))
      {
        lines += 1
      }
      count = lines * Armor.lineByteCount
    }
    number += lines
    return lines * step
  }

  private mutating func append(_ byte: UInt8, to file: inout [UInt8]) throws(SealingError) {
    if expectation == .nothing || (expectation == .begin && line.isEmpty) {
      if byte == UInt8(ascii: "\n") { number += 1 }
      if Self.isSpace(byte) {
        spaceCount += 1
        guard spaceCount <= Self.spaceLimit else { throw broken("there is more than white space") }
        return
      }
      guard expectation == .begin else { throw broken("something follows the last line") }
    }
    if byte == UInt8(ascii: "\n") {
      if line.last == UInt8(ascii: "\r") { line.removeLast() }
      try endLine(to: &file)
      number += 1
      line.removeAll(keepingCapacity: true)
    } else {
      // One more than a line's characters: the carriage return of CR LF.
      guard line.count <= Armor.columns else { throw broken("the line is longer than 64 characters") }
      line.append(byte)
    }
  }

  /// Says that there is no more text.
  ///
  /// - Throws: ``SealingError/armor(line:problem:)`` when the last line is missing.
  public consuming func finish() throws(SealingError) {
    // The last line may lack its end.
    if line.last == UInt8(ascii: "\r") { line.removeLast() }
    let isEnd = expectation != .begin && line.elementsEqual(Armor.end.utf8)
    guard expectation == .nothing || isEnd else { throw broken("the text ends before the line \(Armor.end)") }
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || (UInt8(ascii: "\t")...UInt8(ascii: "\r")).contains(byte)
  }

  private func broken(_ problem: String) -> SealingError { .armor(line: number, problem: problem) }

  private mutating func endLine(to file: inout [UInt8]) throws(SealingError) {
    switch expectation {
    case .begin:
      guard line.elementsEqual(Armor.begin.utf8) else { throw broken("expected \(Armor.begin)") }
      expectation = .body
      spaceCount = 0
    case .body where !line.elementsEqual(Armor.end.utf8):
      let padding = line.reversed().prefix { $0 == UInt8(ascii: "=") }.count
      guard line.count % 4 == 0, !line.isEmpty, padding <= 2, line.count <= Armor.columns,
        let bytes = Base64.decode(line.dropLast(padding))
      else { throw broken("expected canonical base64 of at most 64 characters") }
      file += bytes
      if line.count < Armor.columns || padding > 0 { expectation = .end }
    case .body, .end:
      guard line.elementsEqual(Armor.end.utf8) else { throw broken("expected \(Armor.end)") }
      expectation = .nothing
    case .nothing:
      throw broken("something follows the last line")
    }
  }
}
