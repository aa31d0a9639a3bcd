/// The secret of one sealed file: 16 bytes from which its payload's key follows (age v1).
///
/// Every header carries it, wrapped for each recipient. Who keeps it can write the file a header for another
/// recipient without touching the payload (PROTOCOL 5).
///
/// ```swift
/// let fileKey = FileKey(using: &random)
/// let header = try SealedHeader(of: fileKey, to: [recipient], using: &random)
/// ```
/// Every file and every attempt's output takes a fresh one. It lies in memory that is overwritten before it
/// is freed.
public final class FileKey: Sendable {
  /// The length of a file key.
  public static let byteCount = 16

  let secret: SecretBytes

  /// A fresh file key.
  ///
  /// - Parameter random: A source fit for keys, such as `SystemRandomNumberGenerator`.
  public init(using random: inout some RandomNumberGenerator) {
    secret = SecretBytes(count: Self.byteCount, using: &random)
  }

  /// The file key of 16 bytes, or nil when there are more or fewer.
  public init?(_ bytes: some Collection<UInt8>) {
    guard bytes.count == Self.byteCount else { return nil }
    secret = SecretBytes(bytes)
  }

  init(owning secret: SecretBytes) {
    self.secret = secret
  }

  /// Calls `body` with the 16 secret bytes in place; the buffer is valid only during the call.
  public func withSecretBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    try secret.withUnsafeBytes(body)
  }

  /// The authentication code of a header: HMAC-SHA256 of its bytes up to and with `---`, under the key HKDF
  /// gives for "header".
  func authenticationCode(of header: [UInt8]) -> Bytes32 {
    secret.derived(salt: [], info: "header".utf8, count: 32).withUnsafeBytes {
      HMACSHA256.authenticate(header, key: $0)
    }
  }
}

extension FileKey: CustomStringConvertible, CustomReflectable {
  /// The type's name, never the secret.
  public var description: String { "FileKey" }

  /// Nothing, so that no debugger or log shows the secret.
  public var customMirror: Mirror { Mirror(self, children: [:]) }
}
