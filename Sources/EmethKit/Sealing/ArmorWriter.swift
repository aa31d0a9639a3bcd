/// The lines of the text form of an age file.
enum Armor {
  static let begin = "-----BEGIN AGE ENCRYPTED FILE-----"
  static let end = "-----END AGE ENCRYPTED FILE-----"
  /// Characters in every line but the last.
  static let columns = 64
  /// Bytes that such a line stands for.
  static let lineByteCount = 48
}

/// Writes an age file as text: lines of 64 characters of base64 between a first and a last line.
///
/// ```swift
/// var writer = ArmorWriter()
/// var text: [UInt8] = []
/// writer.append(file, to: &text)      // as often as there are parts
/// writer.finish(to: &text)
/// ```
public struct ArmorWriter: ~Copyable, Sendable {
  private var hasBegun = false
  /// Bytes that don't fill a line.
  private var waiting: [UInt8] = []

  /// A writer of one file.
  public init() {}

  /// Takes in bytes of the file and appends the lines that they fill.
  public mutating func append(_ file: some Collection<UInt8>, to text: inout [UInt8]) {
    writeFirstLine(to: &text)
    if file.withContiguousStorageIfAvailable({ append(UnsafeRawBufferPointer($0), to: &text) }) == nil {
      Array(file).withUnsafeBytes { append($0, to: &text) }
    }
  }

  private mutating func append(_ file: UnsafeRawBufferPointer, to text: inout [UInt8]) {
    var rest = file[...]
    if !waiting.isEmpty {
      let count = min(rest.count, Armor.lineByteCount - waiting.count)
      waiting += UnsafeRawBufferPointer(rebasing: rest.prefix(count))
      rest = rest.dropFirst(count)
      guard waiting.count == Armor.lineByteCount else { return }
      waiting.withUnsafeBytes { writeWholeLines($0, to: &text) }
      waiting.removeAll(keepingCapacity: true)
    }
    let whole = rest.count / Armor.lineByteCount * Armor.lineByteCount
    writeWholeLines(UnsafeRawBufferPointer(rebasing: rest.prefix(whole)), to: &text)
    waiting += UnsafeRawBufferPointer(rebasing: rest.dropFirst(whole))
  }

  /// Ends the file and appends its last lines.
  public consuming func finish(to text: inout [UInt8]) {
    writeFirstLine(to: &text)
    if !waiting.isEmpty {
      text += Base64.encode(waiting)
      for _ in 0..<(3 - waiting.count % 3) % 3 { text.append(UInt8(ascii: "=")) }
      text.append(UInt8(ascii: "\n"))
    }
    text += Armor.end.utf8
    text.append(UInt8(ascii: "\n"))
  }

  private mutating func writeFirstLine(to text: inout [UInt8]) {
    guard !hasBegun else { return }
    hasBegun = true
    text += Armor.begin.utf8
    text.append(UInt8(ascii: "\n"))
  }

  private func writeWholeLines(_ bytes: UnsafeRawBufferPointer, to text: inout [UInt8]) {
    let count = bytes.count / Armor.lineByteCount
    text += [UInt8](unsafeUninitializedCapacity: count * (Armor.columns + 1)) { buffer, initialized in
      let target = UnsafeMutableRawBufferPointer(buffer)
      for line in 0..<count {
        let source = line * Armor.lineByteCount
        let start = line * (Armor.columns + 1)
        Base64.encodeGroups(
          UnsafeRawBufferPointer(rebasing: bytes[source..<source + Armor.lineByteCount]),
          into: UnsafeMutableRawBufferPointer(rebasing: target[start..<start + Armor.columns]))
        target[start + Armor.columns] = UInt8(ascii: "\n")
      }
      initialized = target.count
    }
  }
}
