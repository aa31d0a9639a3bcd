/// Whom data is sealed to: an X25519 public key, written `age1…` (age v1).
///
/// ```swift
/// let recipient = try SealingRecipient("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p")
/// let same = SealingRecipient(key: recipient.key)
/// ```
/// An account's own is `SealingRecipient(key: privateKey.sealingKey())`. In JSON the text.
public struct SealingRecipient: Hashable, Sendable {
  /// The X25519 public key, as ``PrivateKey/sealingKey(epoch:)`` gives it and ``KeyBinding`` names it.
  public let key: Bytes32

  private static let prefix = "age"

  /// The recipient of an X25519 public key.
  public init(key: Bytes32) {
    self.key = key
  }

  /// The recipient that a text `age1…` stands for.
  ///
  /// - Throws: ``SealingError/recipientMalformed(problem:)``, or
  ///   ``SealingError/recipientUnsupported(kind:)`` for recipients of other kinds that age knows.
  public init(_ text: String) throws(SealingError) {
    if let kind = Self.unsupportedKind(of: text) { throw .recipientUnsupported(kind: kind) }
    let bytes: [UInt8]
    do throws(Bech32.Fault) {
      bytes = try Bech32.decode(prefix: Self.prefix, text)
    } catch {
      throw .recipientMalformed(problem: error.problem)
    }
    guard let key = Bytes32(bytes) else {
      throw .recipientMalformed(problem: "it holds \(bytes.count) bytes, allowed are 32")
    }
    self.key = key
  }

  /// The recipients of a file: one a line; empty lines and lines that begin with `#` say nothing.
  ///
  /// - Throws: ``SealingError/line(number:cause:)``, or ``SealingError/noRecipients`` when there is none.
  public static func list(_ text: String) throws(SealingError) -> [SealingRecipient] {
    let recipients = try KeyLines.parse(text) { line throws(SealingError) in try SealingRecipient(line) }
    guard !recipients.isEmpty else { throw .noRecipients }
    return recipients
  }

  private static func unsupportedKind(of text: String) -> String? {
    if text.hasPrefix("ssh-") { return "an SSH key" }
    if text.hasPrefix("age1pq1") || text.hasPrefix("age1tag") { return "of a kind newer than X25519" }
    // A plugin's recipient has a second 1, which the data of Bech32 never has.
    if text.hasPrefix("age1"), text.dropFirst(4).contains("1") { return "a plugin's" }
    return nil
  }
}

extension SealingRecipient: CustomStringConvertible, Codable {
  /// `age1…`, 62 characters.
  public var description: String { Bech32.encode(prefix: Self.prefix, key.bytes) }

  /// Reads the text.
  public init(from decoder: any Decoder) throws {
    self = try decoder.decodeText { text throws(SealingError) in try SealingRecipient(text) }
  }

  /// Writes the text.
  public func encode(to encoder: any Encoder) throws {
    try encoder.encodeText(description)
  }
}

/// Files of recipients and identities: one a line, with comments.
enum KeyLines {
  static func parse<Key>(
    _ text: String, _ parse: (String) throws(SealingError) -> Key
  ) throws(SealingError) -> [Key] {
    var keys: [Key] = []
    var number = 0
    for line in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      // As age reads it: a carriage return belongs to the line's end, other space to the line.
      let content = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      guard let first = content.first, first != UInt8(ascii: "#") else { continue }
      do throws(SealingError) {
        keys.append(try parse(String(Substring(content))))
      } catch {
        throw .line(number: number, cause: error)
      }
    }
    return keys
  }
}
