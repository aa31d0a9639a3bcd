/// A node's X25519 secret for one attempt of one cohort, from which its masks follow (PROTOCOL 8).
///
/// A fresh one for every attempt. It lies in memory of its own that is overwritten before it is freed, and is
/// in no description; when a cohort's sum does not check it is opened to the node's own verifier, and to
/// nobody else: with the posted vector it gives the update.
///
/// ```swift
/// var random = SystemRandomNumberGenerator()
/// let secret = RoundSecret(using: &random)
/// secret.publicKey        // what stands in the roster
/// ```
public final class RoundSecret: Sendable {
  /// The public side, which stands in the roster.
  public let publicKey: Bytes32

  private let secret: SecretBytes

  /// A fresh secret.
  ///
  /// - Parameter random: A source fit for keys, such as `SystemRandomNumberGenerator`.
  public convenience init(using random: inout some RandomNumberGenerator) {
    self.init(owning: SecretBytes(count: 32, using: &random))
  }

  /// The secret of 32 bytes, of which every value is allowed, such as one that was opened.
  public convenience init(_ bytes: Bytes32) {
    self.init(owning: bytes.withUnsafeBytes { SecretBytes($0) })
  }

  private init(owning secret: SecretBytes) {
    self.secret = secret
    publicKey = secret.withUnsafeBytes { X25519.publicKey(of: $0) }
  }

  /// Whether everybody has the same in common with the owner of a key, so that it hides nothing.
  ///
  /// - Throws: ``AggregationError/library(_:)``.
  static func isLowOrder(_ publicKey: Bytes32) throws(AggregationError) -> Bool {
    do throws(CryptoError) {
      // Any secret will do: they are all multiples of the points' small orders.
      return try Bytes32.zero.withUnsafeBytes { secret throws(CryptoError) in
        try X25519.sharedSecret(of: secret, with: publicKey) == nil
      }
    } catch {
      throw .library(error)
    }
  }

  /// The 32 bytes, to be sealed to the node's own verifier.
  func opened() -> Bytes32 {
    secret.withUnsafeBytes { bytes in Bytes32(writing: { $0.copyMemory(from: bytes) }) }
  }

  /// K_ij: HKDF-SHA256 of what both have in common, salt, info "EMETH mask", 32 bytes.
  ///
  /// - Throws: ``AggregationError``: `roundKeyLowOrder` naming the peer, `library`.
  func maskKey(with peer: RosterEntry, salt: Bytes32) throws(AggregationError) -> SecretBytes {
    let shared: SecretBytes?
    do throws(CryptoError) {
      shared = try secret.withUnsafeBytes { bytes throws(CryptoError) in
        try X25519.sharedSecret(of: bytes, with: peer.roundKey)
      }
    } catch {
      throw .library(error)
    }
    guard let shared else { throw .roundKeyLowOrder(peer.jobID) }
    return shared.derived(
      salt: salt.bytes, info: "EMETH mask".utf8, count: ChaCha20Keystream.keyByteCount)
  }
}

extension RoundSecret: CustomStringConvertible, CustomReflectable {
  /// The public side, never the secret.
  public var description: String { "RoundSecret(\(publicKey))" }

  /// The public side, never the secret.
  public var customMirror: Mirror { Mirror(self, children: ["publicKey": publicKey]) }
}
