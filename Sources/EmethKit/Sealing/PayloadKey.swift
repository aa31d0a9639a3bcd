/// The key of one payload: what a file key and the nonce in front of the chunks give (age v1).
///
/// ```swift
/// let key = PayloadKey(fileKey: fileKey, using: &random)
/// var sealer = try ChunkSealer(key)
/// // payload = key.nonce, then what the sealer makes of every chunk
/// ```
/// It lies in memory that is overwritten before it is freed.
public final class PayloadKey: Sendable {
  /// The bytes of nonce that stand in front of the chunks.
  public static let nonceByteCount = 16

  /// The nonce, 16 bytes.
  public let nonce: [UInt8]

  let secret: SecretBytes

  /// A key with a fresh nonce. A file key may seal any number of payloads so.
  ///
  /// - Parameter random: A source fit for keys, such as `SystemRandomNumberGenerator`.
  public convenience init(fileKey: FileKey, using random: inout some RandomNumberGenerator) {
    let nonce = SecretBytes(count: Self.nonceByteCount, using: &random)
    self.init(fileKey: fileKey, checkedNonce: nonce.withUnsafeBytes { Array($0) })
  }

  /// The key of a payload that begins with this nonce, or nil unless it has 16 bytes.
  public convenience init?(fileKey: FileKey, nonce: some Collection<UInt8>) {
    guard nonce.count == Self.nonceByteCount else { return nil }
    self.init(fileKey: fileKey, checkedNonce: Array(nonce))
  }

  private init(fileKey: FileKey, checkedNonce nonce: [UInt8]) {
    self.nonce = nonce
    secret = fileKey.secret.derived(
      salt: nonce, info: "payload".utf8, count: ChaCha20Poly1305.keyByteCount)
  }
}

extension PayloadKey: CustomStringConvertible, CustomReflectable {
  /// The type's name, never the secret.
  public var description: String { "PayloadKey" }

  /// Nothing, so that no debugger or log shows the secret.
  public var customMirror: Mirror { Mirror(self, children: [:]) }
}
