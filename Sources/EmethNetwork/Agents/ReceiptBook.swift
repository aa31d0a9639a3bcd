import EmethKit
import Foundation

/// A node's receipts of live texts in a file, a line each: line n is the receipt that the server numbers n.
///
/// A last line that was cut off, as a power failure leaves it, is taken away: it comes again.
struct ReceiptBook {
  private let file: URL
  /// How many there are.
  private(set) var count: UInt64 = 0
  private var last = Data()

  /// Behind which the next ones are asked for: the last one is asked for again, so that it is seen whether file and
  /// server still mean the same.
  var known: UInt64 { count == 0 ? 0 : count - 1 }

  /// Reads how many there are, in constant memory.
  ///
  /// - Throws: ``NetworkError/fileFailed(path:operation:reason:)``.
  init(_ file: URL) throws(NetworkError) {
    self.file = file
    guard FileManager.default.fileExists(atPath: file.path) else { return }
    var (position, end, start): (UInt64, UInt64, UInt64) = (0, 0, 0)
    var lines: UInt64 = 0
    try Files.attempt("read", file) {
      let handle = try FileHandle(forUpdating: file)
      defer { try? handle.close() }
      while let piece = try handle.read(upToCount: 1 << 20), !piece.isEmpty {
        piece.withUnsafeBytes { bytes in
          for (place, byte) in bytes.enumerated() where byte == UInt8(ascii: "\n") {
            (start, end) = (end, position + UInt64(place) + 1)
            lines += 1
          }
        }
        position += UInt64(piece.count)
      }
      if end < position { try handle.truncate(atOffset: end) }
      try handle.seek(toOffset: start)
      if end > start { last = try handle.read(upToCount: Int(end - start)) ?? Data() }
    }
    count = lines
  }

  /// Appends what came behind ``known``.
  ///
  /// - Returns: whether anything was new, so that there may be more.
  /// - Throws: ``NetworkError/malformed(what:reason:)`` where the first is not the last that is here.
  mutating func add(_ receipts: [SignedReceipt]) throws(NetworkError) -> Bool {
    let lines = try asNetworkError { try receipts.map { Data((try $0.wireText() + "\n").utf8) } }
    if count > 0, lines.first != last {
      throw .malformed(
        what: file.path,
        reason: "its line \(count) is not what the server has as this node's receipt \(count); "
          + "keep the file under another name, and those that the server has come again")
    }
    let new = count == 0 ? lines[...] : lines.dropFirst()
    guard let newest = new.last else { return false }
    try Files.attempt("write", file) {
      if !FileManager.default.fileExists(atPath: file.path) { try Data().write(to: file) }
      let handle = try FileHandle(forWritingTo: file)
      defer { try? handle.close() }
      try handle.seekToEnd()
      try handle.write(contentsOf: Data(new.joined()))
    }
    (count, last) = (count + UInt64(new.count), newest)
    return true
  }
}
