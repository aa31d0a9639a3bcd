import CSecp256k1

/// The one place where libsecp256k1 is called. Every length is checked before the call.
enum Secp256k1 {
  /// The order of the group, n (SEC 2, 2.4.1).
  static let order: UInt256 =
    0xFFFF_FFFF_FFFF_FFFF_FFFF_FFFF_FFFF_FFFE_BAAE_DCE6_AF48_A03B_BFD2_5E8C_D036_4141

  // Shared by all threads: the library only reads a context after it was made. Never freed.
  nonisolated(unsafe) private static let context: OpaquePointer = {
    let flags = UInt32(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY)
    guard let context = secp256k1_context_create(flags) else {
      preconditionFailure("libsecp256k1 has no memory for its one context")
    }
    return context
  }()

  /// The uncompressed public key, 65 bytes, of the 32 bytes at `secret`; nil when they are no private key.
  static func publicKey(of secret: UnsafePointer<UInt8>) -> [UInt8]? {
    var point = secp256k1_pubkey()
    guard secp256k1_ec_pubkey_create(context, &point, secret) == 1 else { return nil }
    return serialize(&point)
  }

  /// The uncompressed form of a public key in any of its encodings, or nil when it is no point of the
  /// curve.
  static func publicKey(parsing bytes: [UInt8]) -> [UInt8]? {
    var point = secp256k1_pubkey()
    guard secp256k1_ec_pubkey_parse(context, &point, bytes, bytes.count) == 1 else { return nil }
    return serialize(&point)
  }

  /// r ‖ s and the recovery number (0 ... 3) of a digest under the valid private key of the 32 bytes at
  /// `secret`: RFC 6979, low s.
  static func sign(
    _ digest: Bytes32, secret: UnsafePointer<UInt8>
  ) -> (compact: [UInt8], recovery: UInt8) {
    var signature = secp256k1_ecdsa_recoverable_signature()
    let status = secp256k1_ecdsa_sign_recoverable(context, &signature, digest.bytes, secret, nil, nil)
    precondition(
      status == 1, "signing fails only with an invalid key, and keys are checked when they are made")
    var compact = [UInt8](repeating: 0, count: 64)
    var recovery: Int32 = 0
    secp256k1_ecdsa_recoverable_signature_serialize_compact(context, &compact, &recovery, &signature)
    return (compact, UInt8(truncatingIfNeeded: recovery))
  }

  /// The uncompressed public key that made r ‖ s for a digest, or nil when there is none.
  static func recover(_ digest: Bytes32, compact: [UInt8], recovery: UInt8) -> [UInt8]? {
    precondition(compact.count == 64 && recovery < 4, "a compact signature has 64 bytes and recovery 0...3")
    var signature = secp256k1_ecdsa_recoverable_signature()
    var point = secp256k1_pubkey()
    guard
      secp256k1_ecdsa_recoverable_signature_parse_compact(context, &signature, compact, Int32(recovery)) == 1,
      secp256k1_ecdsa_recover(context, &point, &signature, digest.bytes) == 1
    else { return nil }
    return serialize(&point)
  }

  private static func serialize(_ point: inout secp256k1_pubkey) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 65)
    var count = bytes.count
    let form = UInt32(SECP256K1_EC_UNCOMPRESSED)
    let status = secp256k1_ec_pubkey_serialize(context, &bytes, &count, &point, form)
    precondition(status == 1 && count == 65, "an uncompressed public key has 65 bytes")
    return bytes
  }
}
