import COpenSSL

/// What opens sealed data: an X25519 secret key, written `AGE-SECRET-KEY-1…` (age v1).
///
/// The secret lies in memory of its own that is overwritten before it is freed, and is in no description.
///
/// ```swift
/// let identity = privateKey.sealingIdentity()          // of an account
/// let others = try SealingIdentity.list(keyFileText)   // as age-keygen wrote them
/// ```
public final class SealingIdentity: Sendable {
  /// Whom data is sealed to that this identity opens.
  public let recipient: SealingRecipient

  private let secret: SecretBytes
  private static let prefix = "AGE-SECRET-KEY-"

  /// A fresh identity.
  ///
  /// - Parameter random: A source fit for keys, such as `SystemRandomNumberGenerator`.
  public convenience init(using random: inout some RandomNumberGenerator) {
    self.init(owning: SecretBytes(count: 32, using: &random))
  }

  /// The identity that a text `AGE-SECRET-KEY-1…` stands for.
  ///
  /// - Throws: ``SealingError/identityMalformed(problem:)``, which repeats nothing of the text, or
  ///   ``SealingError/identityUnsupported(kind:)``.
  public convenience init(_ text: String) throws(SealingError) {
    if let kind = Self.unsupportedKind(of: text) { throw .identityUnsupported(kind: kind) }
    var bytes: [UInt8]
    do throws(Bech32.Fault) {
      bytes = try Bech32.decode(prefix: Self.prefix, text)
    } catch {
      throw .identityMalformed(problem: error.problem)
    }
    defer { bytes.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) } }
    guard bytes.count == 32 else {
      throw .identityMalformed(problem: "it holds \(bytes.count) bytes, allowed are 32")
    }
    self.init(owning: SecretBytes(bytes))
  }

  init(owning secret: SecretBytes) {
    self.secret = secret
    recipient = SealingRecipient(key: secret.withUnsafeBytes { X25519.publicKey(of: $0) })
  }

  /// The identities of a file as age-keygen writes it: one a line; empty lines and lines that begin with `#`
  /// say nothing.
  ///
  /// - Throws: ``SealingError/line(number:cause:)``, or ``SealingError/noIdentities`` when there is none.
  public static func list(_ text: String) throws(SealingError) -> [SealingIdentity] {
    let identities = try KeyLines.parse(text) { line throws(SealingError) in try SealingIdentity(line) }
    guard !identities.isEmpty else { throw .noIdentities }
    return identities
  }

  /// The secret as text, `AGE-SECRET-KEY-1…`, for a file that any age tool opens data with.
  ///
  /// Who reads it opens everything that is sealed to ``recipient``.
  public func secretText() -> String {
    secret.withUnsafeBytes { Bech32.encode(prefix: Self.prefix, $0) }
  }

  /// What this identity has in common with the owner of a public key; nil when that is of low order.
  func sharedSecret(with key: Bytes32) throws(SealingError) -> SecretBytes? {
    do throws(CryptoError) {
      return try secret.withUnsafeBytes { bytes throws(CryptoError) in
        try X25519.sharedSecret(of: bytes, with: key)
      }
    } catch {
      throw .library(error)
    }
  }

  private static func unsupportedKind(of text: String) -> String? {
    if text.hasPrefix("AGE-PLUGIN-") { return "a plugin's" }
    if text.hasPrefix("AGE-SECRET-KEY-PQ-") { return "of a kind newer than X25519" }
    if text.hasPrefix("age-encryption.org/") || text.hasPrefix("-----BEGIN AGE ENCRYPTED FILE-----") {
      return "itself sealed with a passphrase"
    }
    if text.hasPrefix("-----BEGIN ") { return "an SSH or PEM key" }
    return nil
  }
}

extension SealingIdentity: CustomStringConvertible, CustomReflectable {
  /// The recipient, never the secret.
  public var description: String { "SealingIdentity(\(recipient))" }

  /// The recipient, never the secret.
  public var customMirror: Mirror { Mirror(self, children: ["recipient": recipient]) }
}

extension PrivateKey {
  /// What opens data that is sealed to this account (PROTOCOL 5): the X25519 key that ``sealingKey(epoch:)``
  /// is the public side of.
  public func sealingIdentity(epoch: UInt64 = 0) -> SealingIdentity {
    withSealingSecret(epoch: epoch) { SealingIdentity(owning: SecretBytes($0)) }
  }

  /// Whom data for this account is sealed to.
  public func sealingRecipient(epoch: UInt64 = 0) -> SealingRecipient {
    SealingRecipient(key: sealingKey(epoch: epoch))
  }
}
