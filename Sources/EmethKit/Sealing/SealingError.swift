/// Why data can't be sealed or opened.
///
/// ``isRefusal`` tells the answer no (not for this identity, not genuine) from input that is no sealed file
/// at all.
public enum SealingError: SignatureError, Equatable {
  /// Text that is no recipient.
  case recipientMalformed(problem: String)
  /// A recipient of a kind that is not supported.
  case recipientUnsupported(kind: String)
  /// A recipient with whom everybody shares the same secret: an X25519 key of low order.
  case recipientLowOrder
  /// Sealing for nobody, or a file of recipients without any.
  case noRecipients
  /// Text that is no identity.
  case identityMalformed(problem: String)
  /// An identity of a kind that is not supported.
  case identityUnsupported(kind: String)
  /// Opening with nothing, or a file of identities without any.
  case noIdentities
  /// A line of a file of recipients or identities, counted from 1.
  indirect case line(number: Int, cause: SealingError)

  /// Bytes that don't begin as an age file does.
  case notSealed(at: UInt64)
  /// An age file of another version than 1.
  case versionUnsupported(found: String)
  /// A header that breaks the format at a byte of the file.
  case headerMalformed(at: UInt64, problem: String)
  /// A header that does not end within the limit.
  case headerTooLong(allowed: Int)
  /// A file that ends before its first chunk of data.
  case headerCut(at: UInt64)
  /// A file that is sealed with a passphrase.
  case passphraseUnsupported
  /// A file for none of the identities; the kinds of its recipients as it names them.
  case noMatch(kinds: [String])
  /// A header that was changed after it was written: its authentication code is wrong.
  case headerAltered

  /// A chunk that was changed, cut or moved; `at` is its first byte in the file.
  case chunkAltered(chunk: UInt64, at: UInt64)
  /// Data that ends, at a byte of the file, before its last chunk.
  case payloadCut(at: UInt64)
  /// Bytes behind the last chunk, from a byte of the file on.
  case trailingBytes(at: UInt64)
  /// A last chunk without data behind others; only a file of no data at all has an empty one.
  case emptyLastChunk(at: UInt64)
  /// A payload of a length that no sealed data has, in bytes.
  case payloadLength(found: UInt64)
  /// Data beyond what a file's length can be written in.
  case payloadTooLong
  /// A range that reaches beyond the data.
  case rangeOutside(found: Range<UInt64>, byteCount: UInt64)

  /// Armor that breaks its format on a line, counted from 1.
  case armor(line: Int, problem: String)

  /// A key binding whose digest or signatures do not stand.
  case signed(SignatureFault)
  /// A key binding that counts no more; unix seconds.
  case bindingExpired(at: UInt64, now: UInt64)

  /// OpenSSL could not carry out a function, most often for lack of memory.
  case library(CryptoError)

  /// Whether this is the answer no to a question that could be asked: the data is not for this identity, was
  /// altered or cut, or a binding does not stand. All else is input that can't be read.
  public var isRefusal: Bool {
    switch self {
    case .noMatch, .headerAltered, .chunkAltered, .payloadCut, .trailingBytes, .emptyLastChunk,
      .payloadLength, .signed, .bindingExpired:
      true
    case .recipientMalformed, .recipientUnsupported, .recipientLowOrder, .noRecipients, .identityMalformed,
      .identityUnsupported, .noIdentities, .line, .notSealed, .versionUnsupported, .headerMalformed,
      .headerTooLong, .headerCut, .passphraseUnsupported, .payloadTooLong, .rangeOutside, .armor, .library:
      false
    }
  }
}
