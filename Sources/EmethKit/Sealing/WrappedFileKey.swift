/// A file key as one X25519 recipient gets it (age v1): the share of a key made for this alone, and the file
/// key encrypted under what that key and the recipient's have in common.
struct WrappedFileKey {
  static let kind = "X25519"
  private static let byteCount = FileKey.byteCount + ChaCha20Poly1305.tagByteCount

  let share: Bytes32
  let ciphertext: Bytes32
  /// Where the stanza stands in the file.
  let position: UInt64

  /// The content of a stanza, which is refused when it is not what a writer makes.
  init(_ stanza: SealedHeader.Stanza, at position: UInt64) throws(SealingError) {
    guard stanza.arguments.count == 2 else {
      throw .headerMalformed(
        at: position, problem: "an X25519 stanza has \(stanza.arguments.count - 1) arguments, allowed is 1")
    }
    guard let bytes = Base64.decode(stanza.arguments[1].utf8), let share = Bytes32(bytes) else {
      throw .headerMalformed(at: position, problem: "an X25519 share is not canonical base64 of 32 bytes")
    }
    // In a longer one there is room to make it open under several keys, and learn whose was tried.
    guard let ciphertext = Bytes32(stanza.body) else {
      throw .headerMalformed(
        at: position,
        problem: "a wrapped file key has \(stanza.body.count) bytes, allowed are \(Self.byteCount)")
    }
    self.share = share
    self.ciphertext = ciphertext
    self.position = position
  }

  /// The file key, or nil when the stanza is for somebody else.
  func open(with identity: SealingIdentity) throws(SealingError) -> FileKey? {
    guard let shared = try identity.sharedSecret(with: share) else {
      throw .headerMalformed(at: position, problem: "an X25519 share is a point of low order")
    }
    let key = Self.wrappingKey(shared, share: share, recipient: identity.recipient)
    do throws(CryptoError) {
      var cipher = try ChaCha20Poly1305(.opening, key: key)
      var isGenuine = false
      let secret = try SecretBytes(count: FileKey.byteCount) { buffer throws(CryptoError) in
        isGenuine = try ciphertext.withUnsafeBytes { sealed throws(CryptoError) in
          try cipher.open(sealed, nonce: .zero, into: buffer)
        }
      }
      return isGenuine ? FileKey(owning: secret) : nil
    } catch {
      throw .library(error)
    }
  }

  /// HKDF-SHA256 of the shared secret, salt = share ‖ recipient.
  fileprivate static func wrappingKey(
    _ shared: SecretBytes, share: Bytes32, recipient: SealingRecipient
  ) -> SecretBytes {
    shared.derived(
      salt: share.bytes + recipient.key.bytes, info: "age-encryption.org/v1/X25519".utf8, count: 32)
  }

  /// The file key under a wrapping key, which is used once, so that the nonce may be zero.
  fileprivate static func seal(_ fileKey: FileKey, under key: SecretBytes) throws(CryptoError) -> [UInt8] {
    var cipher = try ChaCha20Poly1305(.sealing, key: key)
    let sealed = try SecretBytes(count: byteCount) { output throws(CryptoError) in
      try fileKey.withSecretBytes { secret throws(CryptoError) in
        try cipher.seal(secret, nonce: .zero, into: output)
      }
    }
    return sealed.withUnsafeBytes { Array($0) }
  }
}

extension SealedHeader.Stanza {
  /// The file key for a recipient; `ephemeral` is used for this alone.
  init(
    wrapping fileKey: FileKey, for recipient: SealingRecipient, with ephemeral: SealingIdentity
  ) throws(SealingError) {
    guard let shared = try ephemeral.sharedSecret(with: recipient.key) else { throw .recipientLowOrder }
    let share = ephemeral.recipient.key
    let key = WrappedFileKey.wrappingKey(shared, share: share, recipient: recipient)
    do throws(CryptoError) {
      body = try WrappedFileKey.seal(fileKey, under: key)
    } catch {
      throw .library(error)
    }
    arguments = [WrappedFileKey.kind, String(decoding: Base64.encode(share.bytes), as: UTF8.self)]
  }
}
