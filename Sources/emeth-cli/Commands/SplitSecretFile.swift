import EmethKit
import Foundation

/// A file with 32 secret bytes as 64 hexadecimal digits: a split's secret or that of one part.
struct SplitSecretFile: Sendable {
  let path: String

  init(_ path: String) { self.path = path }

  /// Reads the secret.
  ///
  /// - Parameter isShared: Whether it was handed out, so that it does not matter who may read the file;
  ///   otherwise only its owner may.
  func load(isShared: Bool = false) throws -> Bytes32 {
    let file = SecretFile(path)
    return try file.read(limit: 1024, isPrivate: !isShared) { bytes in
      let text = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
      guard !text.isEmpty else { throw FileError.empty(path: file.name) }
      guard let secret = try? Bytes32(hex: text) else {
        // What was found is not repeated: it may be a secret with a slip in it.
        throw CommandFailure(
          .badInput, code: "secret.format",
          "\(file.name) holds no secret: expected 64 hexadecimal digits and nothing else",
          hint: "openssl rand -hex 32 makes one")
      }
      return secret
    }
  }

  /// Writes the secret, readable by its owner only, never over an existing file.
  func create(_ secret: Bytes32) throws(FileError) {
    try AtomicFile.write(
      "\(Hex.encode(secret.bytes, prefixed: false))\n", to: path, mode: 0o600, existing: .refused)
  }
}
