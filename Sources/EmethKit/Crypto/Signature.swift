/// A recoverable ECDSA signature over secp256k1, in the one form that contracts accept.
///
/// Strict: r and s are from 1 to n − 1, s in the lower half (EIP-2), v is 27 or 28. A signature therefore
/// has exactly one encoding, and no one can turn it into another one.
///
/// ```swift
/// let signature = key.sign(digest)
/// let signer = try signature.recoverAddress(from: digest)   // == key.address
/// ```
/// In JSON `0x` hex of 65 bytes: r ‖ s ‖ v.
public struct Signature: Hashable, Sendable {
  /// The x coordinate of the nonce's point, modulo n.
  public let r: Bytes32
  /// The proof, in the lower half of 1 ... n − 1.
  public let s: Bytes32
  /// 27 or 28: which of the two points r stands for.
  public let v: UInt8

  /// The signature of 65 bytes, r ‖ s ‖ v.
  ///
  /// - Throws: ``CryptoError/signatureLength(found:)``, ``CryptoError/signatureRange(part:)``,
  ///   ``CryptoError/signatureHighS``, ``CryptoError/signatureRecoveryByte(found:)``.
  public init(bytes: some Collection<UInt8>) throws(CryptoError) {
    let all = Array(bytes)
    guard all.count == 65, let r = Bytes32(all[0..<32]), let s = Bytes32(all[32..<64]) else {
      throw .signatureLength(found: all.count)
    }
    try self.init(r: r, s: s, v: all[64])
  }

  /// The signature of its three parts.
  ///
  /// - Throws: ``CryptoError/signatureRange(part:)``, ``CryptoError/signatureHighS``,
  ///   ``CryptoError/signatureRecoveryByte(found:)``.
  public init(r: Bytes32, s: Bytes32, v: UInt8) throws(CryptoError) {
    let range = 1..<Secp256k1.order
    guard range.contains(UInt256(r)) else { throw .signatureRange(part: "r") }
    guard range.contains(UInt256(s)) else { throw .signatureRange(part: "s") }
    guard UInt256(s) <= Secp256k1.halfOrder else { throw .signatureHighS }
    guard v == 27 || v == 28 else { throw .signatureRecoveryByte(found: v) }
    self.r = r
    self.s = s
    self.v = v
  }

  /// The signature that ``PrivateKey/sign(_:)`` made, whose parts are in range.
  init(uncheckedR r: Bytes32, s: Bytes32, v: UInt8) {
    self.r = r
    self.s = s
    self.v = v
  }

  /// The 65 bytes r ‖ s ‖ v.
  public var bytes: [UInt8] {
    r.bytes + s.bytes + [v]
  }

  /// The address whose key made this signature for a digest.
  ///
  /// Another digest gives another address, or none: compare the result with the signer that is expected.
  ///
  /// - Throws: ``CryptoError/signatureUnrecoverable``.
  public func recoverAddress(from digest: Bytes32) throws(CryptoError) -> Address {
    let address = Secp256k1.recover(digest, r: r, s: s, recovery: v - 27) {
      Address(uncompressedPublicKey: $0)
    }
    guard let address else { throw .signatureUnrecoverable }
    return address
  }
}

extension Signature: CustomStringConvertible, Codable {
  /// `0x` and 130 lower-case digits.
  public var description: String { Hex.encode(bytes) }

  /// Reads `0x` hex of 65 bytes.
  public init(from decoder: any Decoder) throws {
    let bytes = try decoder.decodeText { text throws(FormatError) in try Hex.decode(text) }
    do throws(CryptoError) {
      try self.init(bytes: bytes)
    } catch {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: error.message, underlyingError: error))
    }
  }

  /// Writes `0x` hex of 65 bytes.
  public func encode(to encoder: any Encoder) throws {
    try encoder.encodeText(description)
  }
}
