import EmethKit
import Foundation

/// Files in one file, as POSIX.1-2001 (pax) describes it and every `tar` reads it: regular files only, with relative
/// names, in blocks of 512 bytes.
enum TarArchive {
  private static let blockSize = 512
  /// What size and name fields hold; beyond it an extended header says it.
  private static let sizeLimit: UInt64 = 0o77_777_777_777
  private static let nameLimit = 100

  /// Appends a file of this machine under a name.
  static func append(_ file: URL, as name: String, to archive: Files.Writer) throws(NetworkError) {
    let descriptor = open(file.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw .fileFailed(path: file.path, operation: "read", reason: Files.lastSystemError())
    }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    guard let size = Files.byteCount(of: file) else {
      throw .fileFailed(path: file.path, operation: "read", reason: "it is no regular file")
    }
    try write(headers(of: name, size: size), to: archive)
    var rest = size
    while rest > 0 {
      let piece = try read(handle, Int(min(rest, 1 << 20)), file.path)
      try asNetworkError { try piece.withUnsafeBytes { try archive.write($0) } }
      rest -= UInt64(piece.count)
    }
    try write([UInt8](repeating: 0, count: padding(of: size)), to: archive)
  }

  /// Ends an archive.
  static func end(_ archive: Files.Writer) throws(NetworkError) {
    try write([UInt8](repeating: 0, count: 2 * blockSize), to: archive)
  }

  /// Unpacks an archive into a folder.
  ///
  /// - Parameter place: where a file of this name goes; it refuses names that have no place.
  /// - Throws: ``NetworkError/malformed(what:reason:)`` for what is no archive of regular files, or one that ends early.
  static func unpack(_ archive: URL, _ place: (String) throws(NetworkError) -> URL) throws(NetworkError) {
    let descriptor = open(archive.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw .fileFailed(path: archive.path, operation: "read", reason: Files.lastSystemError())
    }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    var extended: [String: String] = [:]
    while true {
      let block = [UInt8](try read(handle, blockSize, archive.path))
      if block.allSatisfy({ $0 == 0 }) { return }
      let header = try Header(block, archive.path)
      guard let size = extended["size"].map({ UInt64($0) }) ?? header.size else {
        throw malformed(archive.path, "a size is no number")
      }
      switch header.kind {
      case UInt8(ascii: "x"):
        guard size <= 1 << 16 else { throw malformed(archive.path, "a header of \(size) bytes") }
        extended = try records(in: [UInt8](try read(handle, Int(size), archive.path)), archive.path)
        _ = try read(handle, padding(of: size), archive.path)
      case UInt8(ascii: "0"), 0:
        let file = try place(extended["path"] ?? header.name)
        extended = [:]
        try Files.makeFolder(file.deletingLastPathComponent())
        try Files.write(to: file, durable: false, mode: 0o600) { writer throws(NetworkError) in
          var rest = size
          while rest > 0 {
            let piece = try read(handle, Int(min(rest, 1 << 20)), archive.path)
            try asNetworkError { try piece.withUnsafeBytes { try writer.write($0) } }
            rest -= UInt64(piece.count)
          }
        }
        _ = try read(handle, padding(of: size), archive.path)
      default: throw malformed(archive.path, "\"\(header.name)\" is no regular file")
      }
    }
  }

  // MARK: - Headers

  private static func headers(of name: String, size: UInt64) -> [UInt8] {
    var records = ""
    if name.utf8.count > nameLimit { records += record("path", name) }
    if size > sizeLimit { records += record("size", "\(size)") }
    let plain = header(of: String(name.suffix(nameLimit)), size: min(size, sizeLimit), kind: "0")
    guard !records.isEmpty else { return plain }
    let count = UInt64(records.utf8.count)
    return header(of: "pax", size: count, kind: "x") + Array(records.utf8)
      + [UInt8](repeating: 0, count: padding(of: count)) + plain
  }

  /// `LENGTH KEY=VALUE\n`, whose length counts its own digits.
  private static func record(_ key: String, _ value: String) -> String {
    let rest = " \(key)=\(value)\n"
    var length = rest.utf8.count
    while "\(length)".utf8.count + rest.utf8.count != length {
      length = "\(length)".utf8.count + rest.utf8.count
    }
    return "\(length)\(rest)"
  }

  private static func header(of name: String, size: UInt64, kind: Character) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: blockSize)
    func put(_ text: String, at offset: Int) {
      for (place, byte) in text.utf8.enumerated() { block[offset + place] = byte }
    }
    func octal(_ value: UInt64, digits: Int, at offset: Int) {
      let text = String(value, radix: 8)
      put(String(repeating: "0", count: digits - text.utf8.count) + text, at: offset)
    }
    put(name, at: 0)
    octal(0o600, digits: 7, at: 100)
    octal(0, digits: 7, at: 108)
    octal(0, digits: 7, at: 116)
    octal(size, digits: 11, at: 124)
    octal(0, digits: 11, at: 136)
    put(String(kind), at: 156)
    put("ustar", at: 257)
    put("00", at: 263)
    octal(Header.checksum(of: block), digits: 6, at: 148)
    block[155] = UInt8(ascii: " ")
    return block
  }

  private struct Header {
    var name: String
    var size: UInt64?
    var kind: UInt8

    init(_ block: [UInt8], _ path: String) throws(NetworkError) {
      func text(_ range: Range<Int>) -> String {
        String(decoding: block[range].prefix { $0 != 0 && $0 != UInt8(ascii: " ") }, as: UTF8.self)
      }
      guard text(257..<262) == "ustar", UInt64(text(148..<156), radix: 8) == Self.checksum(of: block) else {
        throw malformed(path, "a header is damaged, or it is no archive")
      }
      let prefix = text(345..<500)
      name = (prefix.isEmpty ? "" : prefix + "/") + text(0..<100)
      size = UInt64(text(124..<136), radix: 8)
      kind = block[156]
    }

    /// The sum of all bytes, those of the sum itself as spaces.
    static func checksum(of block: [UInt8]) -> UInt64 {
      block.enumerated().reduce(0) { $0 + ((148..<156).contains($1.offset) ? 32 : UInt64($1.element)) }
    }
  }

  private static func records(in bytes: [UInt8], _ path: String) throws(NetworkError) -> [String: String] {
    var records: [String: String] = [:]
    var rest = bytes[...]
    while !rest.isEmpty {
      let digits = rest.prefix { $0 != UInt8(ascii: " ") }
      guard let length = Int(String(decoding: digits, as: UTF8.self)), length > digits.count + 1,
        length <= rest.count
      else { throw malformed(path, "an extended header is damaged") }
      let text = String(decoding: rest.prefix(length).dropFirst(digits.count + 1).dropLast(), as: UTF8.self)
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 { records[String(parts[0])] = String(parts[1]) }
      rest = rest.dropFirst(length)
    }
    return records
  }

  // MARK: - Bytes

  private static func padding(of size: UInt64) -> Int {
    Int((UInt64(blockSize) - size % UInt64(blockSize)) % UInt64(blockSize))
  }

  private static func write(_ bytes: [UInt8], to archive: Files.Writer) throws(NetworkError) {
    try asNetworkError { try bytes.withUnsafeBytes { try archive.write($0) } }
  }

  private static func read(_ handle: FileHandle, _ count: Int, _ path: String) throws(NetworkError) -> Data {
    guard count > 0 else { return Data() }
    let data = try asNetworkError { try handle.read(upToCount: count) }
    guard let data, data.count == count else { throw malformed(path, "it ends early") }
    return data
  }

  private static func malformed(_ path: String, _ reason: String) -> NetworkError {
    .malformed(what: "backup \(path)", reason: reason)
  }
}
