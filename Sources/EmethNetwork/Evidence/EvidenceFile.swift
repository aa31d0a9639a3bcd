import EmethKit
import Foundation

/// An evidence file that was read: everything has the length and the hash that the header says.
///
/// ```swift
/// let evidence = try EvidenceFile(url)
/// let verdict = try evidence.judge(on: device)
/// verdict.mismatch == nil                      // the replay agrees with the node
/// ```
public struct EvidenceFile: Sendable {
  /// What the file begins with.
  static let magic = Data("EMETHEV1".utf8)
  /// The longest header and the longest trailer that are read.
  static let jsonLimit = 16 << 20
  /// The longest opening that is read; a state may have any length.
  static let openingLimit: UInt64 = 1 << 30

  /// The header.
  public let header: EvidenceHeader
  /// What came later.
  public let trailer: EvidenceTrailer
  /// What verdicts name it by.
  public let hash: Bytes32
  /// What errors call it.
  let name: String
  /// Where the trailer begins.
  let trailerOffset: Int
  private let contents: [EvidenceHeader.Section.Name: Data]

  /// Whether a file begins as evidence does.
  public static func isEvidence(_ file: URL) -> Bool {
    guard let handle = try? FileHandle(forReadingFrom: file) else { return false }
    defer { try? handle.close() }
    return (try? handle.read(upToCount: magic.count)) == magic
  }

  /// Reads a file, which is mapped into memory, not copied.
  ///
  /// - Throws: ``NetworkError/malformed(what:reason:)`` for a file that is cut, longer than it says, or changed;
  ///   ``NetworkError/fileFailed(path:operation:reason:)``.
  public init(_ file: URL) throws(NetworkError) {
    try self.init(try Files.read(file), name: file.path)
  }

  /// Reads a file's bytes.
  ///
  /// - Parameter name: What errors call it.
  public init(_ data: Data, name: String) throws(NetworkError) {
    func refuse(_ reason: String) -> NetworkError { .malformed(what: name, reason: reason) }
    self.name = name
    var rest = data[...]
    func take(_ count: UInt64, _ what: String) throws(NetworkError) -> Data {
      guard count <= UInt64(rest.count) else {
        throw refuse("it ends within \(what): \(rest.count) bytes are left of \(count)")
      }
      let taken = rest.prefix(Int(count))
      rest = rest.dropFirst(Int(count))
      return taken
    }
    func takeJSON(_ what: String) throws(NetworkError) -> Data {
      let length = try take(4, "the length of \(what)").reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      guard length <= UInt64(Self.jsonLimit) else {
        throw refuse("\(what) has \(length) bytes, allowed are at most \(Self.jsonLimit)")
      }
      return try take(length, what)
    }
    guard try take(UInt64(Self.magic.count), "its first bytes") == Self.magic else {
      throw refuse("it is no evidence file")
    }
    let headerBytes = try takeJSON("the header")
    header = try Self.decode(headerBytes, "header", in: name)
    guard try header.encoded() == headerBytes else { throw refuse("its header is not in canonical form") }
    hash = headerBytes.withUnsafeBytes { SHA256.hash($0) }
    guard header.version == 1 else { throw refuse("it has version \(header.version), allowed is 1") }
    guard Set(header.sections.map(\.name)).count == header.sections.count else {
      throw refuse("a section is there twice")
    }
    var contents: [EvidenceHeader.Section.Name: Data] = [:]
    for section in header.sections {
      if section.name == .opening, section.byteCount > Self.openingLimit {
        throw refuse("its opening has \(section.byteCount) bytes, allowed are at most \(Self.openingLimit)")
      }
      let content = try take(section.byteCount, "the section \(section.name.rawValue)")
      let found = content.withUnsafeBytes { SHA256.hash($0) }
      guard found == section.sha256 else {
        throw refuse(
          "the section \(section.name.rawValue) has hash \(found), the header says \(section.sha256)")
      }
      contents[section.name] = content
    }
    self.contents = contents
    trailerOffset = rest.startIndex - data.startIndex
    trailer = try Self.decode(try takeJSON("the trailer"), "trailer", in: name)
    guard rest.isEmpty else { throw refuse("\(rest.count) bytes are behind its end") }
  }

  private static func decode<Value: Decodable>(
    _ data: Data, _ what: String, in name: String
  ) throws(NetworkError) -> Value {
    do {
      return try JSONDecoder().decode(Value.self, from: data)
    } catch {
      throw .malformed(what: name, reason: "its \(what) cannot be read: \(error)")
    }
  }

  /// A trailer with its length, as it ends a file.
  static func encoded(_ trailer: EvidenceTrailer) throws(NetworkError) -> Data {
    let data = try asNetworkError { try WireFormat.encoder.encode(trailer) }
    return Data(UInt32(data.count).bigEndianBytes) + data
  }

  /// A section's bytes; nil when the file has none of that name.
  func content(_ name: EvidenceHeader.Section.Name) -> Data? { contents[name] }

  /// Puts another trailer behind the sections of a file.
  static func replaceTrailer(of file: URL, by trailer: EvidenceTrailer) throws(NetworkError) {
    let offset = try EvidenceFile(file).trailerOffset
    let bytes = try encoded(trailer)
    try asNetworkError {
      let handle = try FileHandle(forUpdating: file)
      try handle.truncate(atOffset: UInt64(offset))
      try handle.seekToEnd()
      try handle.write(contentsOf: bytes)
      try handle.synchronize()
      try handle.close()
    }
  }
}
