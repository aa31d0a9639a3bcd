/// What stands before the data of a sealed file: the file key, wrapped for every recipient, and a code that
/// proves that nothing of it was changed (age v1).
///
/// ```swift
/// let fresh = try SealedHeader(of: fileKey, to: [node], using: &random)    // another node, same payload
/// let file = fresh.encoded + payload
/// let opened = try fresh.fileKey(for: [identity])
/// ```
/// The text, lines ending in LF:
/// ```
/// age-encryption.org/v1
/// -> X25519 <share, base64>
/// <wrapped file key, base64>
/// --- <code, base64>
/// ```
/// Then comes the payload: 16 bytes of nonce and the chunks (``PayloadKey``). A header has one encoding:
/// what ``SealedHeaderReader`` reads, ``encoded`` gives back byte for byte.
public struct SealedHeader: Hashable, Sendable {
  /// The file key for one recipient, or something that readers which don't know it pass over.
  public struct Stanza: Hashable, Sendable {
    /// `X25519`, or the name of another kind, then what belongs to it; never empty.
    public let arguments: [String]
    /// The wrapped file key.
    public let body: [UInt8]

    /// The kind of recipient.
    public var kind: String { arguments.first ?? "" }
  }

  /// One for every recipient at least.
  public let stanzas: [Stanza]
  /// The authentication code, as claimed; ``fileKey(for:)`` computes it again.
  public let code: Bytes32

  init(stanzas: [Stanza], code: Bytes32) {
    self.stanzas = stanzas
    self.code = code
  }

  /// The header that lets these recipients open what is sealed under a file key.
  ///
  /// Writes only the header anew: the payload stays as it is. Recipients can't see who the others are, but
  /// how many there are.
  ///
  /// - Parameters:
  ///   - fileKey: The file's secret.
  ///   - recipients: At least one.
  ///   - random: A source fit for keys; 32 bytes are taken for each recipient.
  /// - Throws: ``SealingError/noRecipients``, ``SealingError/recipientLowOrder``,
  ///   ``SealingError/headerTooLong(allowed:)`` for more recipients than readers accept.
  public init(
    of fileKey: FileKey, to recipients: [SealingRecipient], using random: inout some RandomNumberGenerator
  ) throws(SealingError) {
    guard !recipients.isEmpty else { throw .noRecipients }
    var stanzas: [Stanza] = []
    for recipient in recipients {
      let ephemeral = SealingIdentity(using: &random)
      stanzas.append(try Stanza(wrapping: fileKey, for: recipient, with: ephemeral))
    }
    self.stanzas = stanzas
    code = fileKey.authenticationCode(of: Self.authenticated(stanzas))
    guard byteCount <= SealedHeaderReader.byteCountLimit else {
      throw .headerTooLong(allowed: SealedHeaderReader.byteCountLimit)
    }
  }

  /// The file key, for the first identity that opens a stanza.
  ///
  /// - Throws: ``SealingError``: `noMatch`, `passphraseUnsupported`, `headerAltered`, or `headerMalformed`
  ///   for a stanza of X25519 that no writer makes.
  public func fileKey(for identities: [SealingIdentity]) throws(SealingError) -> FileKey {
    guard !identities.isEmpty else { throw .noIdentities }
    var wrapped: [WrappedFileKey] = []
    var position = UInt64(Self.versionLine.count + 1)
    for stanza in stanzas {
      if stanza.kind == "scrypt" { throw .passphraseUnsupported }
      if stanza.kind == WrappedFileKey.kind { wrapped.append(try WrappedFileKey(stanza, at: position)) }
      position += UInt64(stanza.encoded.count)
    }
    for identity in identities {
      for key in wrapped {
        guard let fileKey = try key.open(with: identity) else { continue }
        let computed = fileKey.authenticationCode(of: Self.authenticated(stanzas))
        guard computed == code else { throw .headerAltered }
        return fileKey
      }
    }
    throw .noMatch(kinds: stanzas.map(\.kind).filter { !$0.hasSuffix("-grease") })
  }

  static let versionLine = "age-encryption.org/v1"

  /// The bytes that the code covers: all up to and with `---`.
  private static func authenticated(_ stanzas: [Stanza]) -> [UInt8] {
    Array(versionLine.utf8) + [UInt8(ascii: "\n")] + stanzas.flatMap(\.encoded) + Array("---".utf8)
  }

  /// The bytes of the header, to be followed by the payload.
  public var encoded: [UInt8] {
    Self.authenticated(stanzas) + [UInt8(ascii: " ")] + Base64.encode(code.bytes) + [UInt8(ascii: "\n")]
  }

  /// How many bytes the header has: the payload begins there.
  public var byteCount: Int { encoded.count }
}

extension SealedHeader.Stanza {
  static let columns = 64

  /// `-> arguments`, then base64 in lines of 64 characters, of which the last is shorter, or empty.
  var encoded: [UInt8] {
    var bytes = Array("-> ".utf8) + Array(arguments.joined(separator: " ").utf8) + [UInt8(ascii: "\n")]
    var text = Base64.encode(body)[...]
    while text.count >= Self.columns {
      bytes += text.prefix(Self.columns) + [UInt8(ascii: "\n")]
      text = text.dropFirst(Self.columns)
    }
    return bytes + text + [UInt8(ascii: "\n")]
  }
}
