extension SealingError {
  /// A stable identifier such as `sealing.noMatch`.
  public var code: String {
    switch self {
    case .recipientMalformed: "sealing.recipientMalformed"
    case .recipientUnsupported: "sealing.recipientUnsupported"
    case .recipientLowOrder: "sealing.recipientLowOrder"
    case .noRecipients: "sealing.noRecipients"
    case .identityMalformed: "sealing.identityMalformed"
    case .identityUnsupported: "sealing.identityUnsupported"
    case .noIdentities: "sealing.noIdentities"
    case .line(_, let cause): cause.code
    case .notSealed: "sealing.notSealed"
    case .versionUnsupported: "sealing.versionUnsupported"
    case .headerMalformed: "sealing.headerMalformed"
    case .headerTooLong: "sealing.headerTooLong"
    case .headerCut: "sealing.headerCut"
    case .passphraseUnsupported: "sealing.passphraseUnsupported"
    case .noMatch: "sealing.noMatch"
    case .headerAltered: "sealing.headerAltered"
    case .chunkAltered: "sealing.chunkAltered"
    case .payloadCut: "sealing.payloadCut"
    case .trailingBytes: "sealing.trailingBytes"
    case .emptyLastChunk: "sealing.emptyLastChunk"
    case .payloadLength: "sealing.payloadLength"
    case .payloadTooLong: "sealing.payloadTooLong"
    case .rangeOutside: "sealing.rangeOutside"
    case .armor: "sealing.armor"
    case .signed(let fault): fault.code(in: "sealing")
    case .bindingExpired: "sealing.bindingExpired"
    case .library(let cause): cause.code
    }
  }

  /// One lower-case sentence: what, where, the value found, what is allowed. Never a secret.
  public var message: String {
    switch self {
    case .recipientMalformed(let problem): "recipient can't be read: \(problem)"
    case .recipientUnsupported(let kind): "recipient is \(kind), supported are X25519 recipients, age1…"
    case .recipientLowOrder: "recipient is an X25519 key of low order, whose secrets everybody can compute"
    case .noRecipients: "no recipient is given, needed is 1 at least"
    case .identityMalformed(let problem): "identity can't be read: \(problem)"
    case .identityUnsupported(let kind):
      "identity is \(kind), supported are X25519 identities, AGE-SECRET-KEY-1…"
    case .noIdentities: "no identity is given, needed is 1 at least"
    case .line(let number, let cause): "line \(number): \(cause.message)"
    case .notSealed(let at):
      "the data is no age file: byte \(at) differs from the first line age-encryption.org/v1"
    case .versionUnsupported(let found): "the file is of version \(quoted(found)) of age, supported is v1"
    case .headerMalformed(let at, let problem): "header is broken at byte \(at): \(problem)"
    case .headerTooLong(let allowed): "header does not end within \(allowed) bytes"
    case .headerCut(let at): "the file ends at byte \(at), before its data begins"
    case .passphraseUnsupported: "the file is sealed with a passphrase, supported are X25519 recipients"
    case .noMatch(let kinds): "no identity opens the file, which is sealed to \(Self.summary(kinds))"
    case .headerAltered: "header was altered: its authentication code is not that of the file key"
    case .chunkAltered(let chunk, let at): "chunk \(chunk), from byte \(at) on, was altered or cut"
    case .payloadCut(let at): "the file was cut: it ends at byte \(at), before its last chunk"
    case .trailingBytes(let at): "the file goes on at byte \(at), behind its last chunk"
    case .emptyLastChunk(let at): "the last chunk, at byte \(at), has no data, which no age tool writes"
    case .payloadLength(let found): "the payload has \(found) bytes, which no number of whole chunks has"
    case .payloadTooLong: "the data is too long: its sealed length does not fit 64 bits"
    case .rangeOutside(let found, let byteCount):
      "range is \(found.lowerBound) to below \(found.upperBound), the data has \(byteCount) bytes"
    case .armor(let line, let problem): "armor is broken on line \(line): \(problem)"
    case .signed(let fault): "key binding: \(fault.message)"
    case .bindingExpired(let at, let now): "key binding expired at \(at), the time is \(now)"
    case .library(let cause): cause.message
    }
  }

  /// What the user can do about it, when there is something to say.
  public var hint: String? {
    switch self {
    case .recipientMalformed:
      "a recipient is a line such as age1…, as age-keygen prints it under \"public key\""
    case .identityMalformed: "an identity is a line AGE-SECRET-KEY-1…, as age-keygen writes it"
    case .line(_, let cause): cause.hint
    case .noMatch: "name the identity that it was sealed to"
    case .passphraseUnsupported: "open it with the age tool"
    case .payloadCut, .headerCut: "fetch or copy it again: the end is missing"
    case .signed(let fault): fault.hint
    case .library(let cause): cause.hint
    case .recipientUnsupported, .recipientLowOrder, .noRecipients, .identityUnsupported, .noIdentities,
      .notSealed, .versionUnsupported, .headerMalformed, .headerTooLong, .headerAltered, .chunkAltered,
      .trailingBytes, .emptyLastChunk, .payloadLength, .payloadTooLong, .rangeOutside, .armor,
      .bindingExpired:
      nil
    }
  }

  /// `2 recipients (X25519, ssh-ed25519)`.
  private static func summary(_ kinds: [String]) -> String {
    var distinct: [String] = []
    for kind in kinds where distinct.count < 5 && !distinct.contains(kind) { distinct.append(kind) }
    let named = distinct.prefix(4).map { quoted($0) }.joined(separator: ", ")
    let more = distinct.count > 4 ? ", …" : ""
    return "\(kinds.count) recipient\(kinds.count == 1 ? "" : "s") of kind \(named)\(more)"
  }
}
