import CSecp256k1

/// The one place where libsecp256k1 is called. Every length is fixed by a type or checked before the call,
/// and signing and recovering allocate nothing.
enum Secp256k1 {
  /// The order of the group, n (SEC 2, 2.4.1).
  static let order: UInt256 =
    0xFFFF_FFFF_FFFF_FFFF_FFFF_FFFF_FFFF_FFFE_BAAE_DCE6_AF48_A03B_BFD2_5E8C_D036_4141
  /// n / 2, the largest s of a signature (EIP-2).
  static let halfOrder: UInt256 =
    0x7FFF_FFFF_FFFF_FFFF_FFFF_FFFF_FFFF_FFFF_5D57_6E73_57A4_501D_DFE9_2F46_681B_20A0

  /// The bytes of an uncompressed public key: 0x04 and the two coordinates.
  static let publicKeyByteCount = 65

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
    return withSerialized(&point) { Array($0) }
  }

  /// The uncompressed form of a public key in any of its encodings, or nil when it is no point of the
  /// curve.
  static func publicKey(parsing bytes: [UInt8]) -> [UInt8]? {
    var point = secp256k1_pubkey()
    guard secp256k1_ec_pubkey_parse(context, &point, bytes, bytes.count) == 1 else { return nil }
    return withSerialized(&point) { Array($0) }
  }

  /// r, s and the recovery number (0 ... 3) of a digest under the valid private key of the 32 bytes at
  /// `secret`: RFC 6979, low s.
  static func sign(
    _ digest: Bytes32, secret: UnsafePointer<UInt8>
  ) -> (r: Bytes32, s: Bytes32, recovery: UInt8) {
    var signature = secp256k1_ecdsa_recoverable_signature()
    let status = withPointer(to: digest) {
      secp256k1_ecdsa_sign_recoverable(context, &signature, $0, secret, nil, nil)
    }
    precondition(
      status == 1, "signing fails only with an invalid key, and keys are checked when they are made")
    var compact = (Bytes32.zero, Bytes32.zero)
    var recovery: Int32 = 0
    withUnsafeMutablePointer(to: &compact) { pair in
      _ = pair.withMemoryRebound(to: UInt8.self, capacity: 64) {
        secp256k1_ecdsa_recoverable_signature_serialize_compact(context, $0, &recovery, &signature)
      }
    }
    return (compact.0, compact.1, UInt8(truncatingIfNeeded: recovery))
  }

  /// What `body` makes of the uncompressed public key, 65 bytes, that made r and s for a digest, or nil when
  /// there is none. The buffer is valid only during the call.
  static func recover<Result>(
    _ digest: Bytes32, r: Bytes32, s: Bytes32, recovery: UInt8, _ body: (UnsafeRawBufferPointer) -> Result
  ) -> Result? {
    precondition(recovery < 4, "a recovery number is 0 to 3")
    var signature = secp256k1_ecdsa_recoverable_signature()
    var point = secp256k1_pubkey()
    let parsed = withUnsafePointer(to: (r, s)) { pair in
      pair.withMemoryRebound(to: UInt8.self, capacity: 64) {
        secp256k1_ecdsa_recoverable_signature_parse_compact(context, &signature, $0, Int32(recovery))
      }
    }
    guard parsed == 1,
      withPointer(to: digest, { secp256k1_ecdsa_recover(context, &point, &signature, $0) }) == 1
    else { return nil }
    return withSerialized(&point, body)
  }

  private static func withPointer<Result>(
    to bytes: Bytes32, _ body: (UnsafePointer<UInt8>) -> Result
  ) -> Result {
    withUnsafePointer(to: bytes) { $0.withMemoryRebound(to: UInt8.self, capacity: 32, body) }
  }

  private static func withSerialized<Result>(
    _ point: inout secp256k1_pubkey, _ body: (UnsafeRawBufferPointer) -> Result
  ) -> Result {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: publicKeyByteCount) { bytes in
      var count = bytes.count
      let form = UInt32(SECP256K1_EC_UNCOMPRESSED)
      let status =
        bytes.baseAddress.map { secp256k1_ec_pubkey_serialize(context, $0, &count, &point, form) } ?? 0
      precondition(status == 1 && count == bytes.count, "an uncompressed public key has 65 bytes")
      return body(UnsafeRawBufferPointer(bytes))
    }
  }
}
