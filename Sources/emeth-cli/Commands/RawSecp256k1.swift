import CSecp256k1
import EmethKit

/// libsecp256k1 and nothing else: the yardstick of `emeth benchmark tickets`.
///
/// Digests in, 65 bytes out, as EmethKit itself calls the library, but without hashing, types or checks.
final class RawSecp256k1 {
  private let context: OpaquePointer
  private let secret: [UInt8]

  init?(key: PrivateKey) {
    let flags = UInt32(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY)
    guard let context = secp256k1_context_create(flags) else { return nil }
    self.context = context
    secret = key.withSecretBytes { Array($0) }
  }

  deinit { secp256k1_context_destroy(context) }

  /// Signs each digest (32 bytes each) and writes r ‖ s ‖ v (65 bytes each).
  func sign(_ digests: [UInt8], into signatures: inout [UInt8]) {
    digests.withUnsafeBufferPointer { digests in
      signatures.withUnsafeMutableBufferPointer { signatures in
        guard let input = digests.baseAddress, let output = signatures.baseAddress else { return }
        var signature = secp256k1_ecdsa_recoverable_signature()
        var recovery: Int32 = 0
        for index in 0..<digests.count / 32 {
          _ = secp256k1_ecdsa_sign_recoverable(context, &signature, input + 32 * index, secret, nil, nil)
          _ = secp256k1_ecdsa_recoverable_signature_serialize_compact(
            context, output + 65 * index, &recovery, &signature)
          output[65 * index + 64] = UInt8(27 + recovery)
        }
      }
    }
  }

  /// Recovers the uncompressed public key (65 bytes each) of each signature over each digest.
  func recover(_ signatures: [UInt8], over digests: [UInt8], into keys: inout [UInt8]) {
    digests.withUnsafeBufferPointer { digests in
      signatures.withUnsafeBufferPointer { signatures in
        keys.withUnsafeMutableBufferPointer { keys in
          guard let digest = digests.baseAddress, let input = signatures.baseAddress,
            let output = keys.baseAddress
          else { return }
          var signature = secp256k1_ecdsa_recoverable_signature()
          var point = secp256k1_pubkey()
          for index in 0..<digests.count / 32 {
            let compact = input + 65 * index
            _ = secp256k1_ecdsa_recoverable_signature_parse_compact(
              context, &signature, compact, Int32(compact[64]) - 27)
            _ = secp256k1_ecdsa_recover(context, &point, &signature, digest + 32 * index)
            var count = 65
            _ = secp256k1_ec_pubkey_serialize(
              context, output + 65 * index, &count, &point, UInt32(SECP256K1_EC_UNCOMPRESSED))
          }
        }
      }
    }
  }
}
