import EmethKit
import Foundation

/// A file that holds a private key: raw hexadecimal digits or a keystore v3.
struct KeyFile: Sendable {
  let path: String

  init(_ path: String) { self.path = path }

  private static let sizeLimit = 1 << 16

  /// Reads the key. Refused is a file that others than its owner may read.
  func load(password: [UInt8]?) throws -> PrivateKey {
    try refuseOpenPermissions()
    let text = try InputFile(path).text(limit: Self.sizeLimit)
      .trimmingCharacters(in: .whitespacesAndNewlines)
    guard !text.isEmpty else { throw FileError.empty(path: path) }
    guard text.hasPrefix("{") else {
      guard password == nil else {
        throw CommandFailure(
          .badInput, code: "key.noKeystore", "\(path) holds a raw key, found --password-file, allowed none",
          hint: "leave --password-file out")
      }
      return try PrivateKey(hex: text)
    }
    guard let password else {
      throw CommandFailure(
        .badInput, code: "key.passwordMissing", "\(path) is a keystore and its password is not given",
        hint: "give --password-file FILE")
    }
    return try Keystore.decrypt(json: text, password: password)
  }

  /// Writes a new key as raw hexadecimal digits, readable by its owner only, never over an existing file.
  func create(_ key: PrivateKey) throws(FileError) {
    let digits = key.withSecretBytes { Hex.encode($0) }
    try AtomicFile.write(digits + "\n", to: path, mode: 0o600, existing: .refused)
  }

  /// Writes a new key as a keystore v3 under the password, never over an existing file.
  func create(_ key: PrivateKey, password: [UInt8]) throws {
    let text = try Keystore.encrypt(
      key: key, password: password, salt: SystemRandom.bytes(32), iv: SystemRandom.bytes(16),
      id: SystemRandom.bytes(16))
    try AtomicFile.write(text + "\n", to: path, mode: 0o600, existing: .refused)
  }

  private func refuseOpenPermissions() throws {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return }
    let open = status.st_mode & 0o077
    guard open == 0 else {
      let found = String(status.st_mode & 0o777, radix: 8)
      throw CommandFailure(
        .badInput, code: "key.openPermissions",
        "\(path) may be used by others: found mode \(found), allowed 600 or 400", hint: "chmod 600 \(path)",
        details: ["found": found, "allowed": "600"])
    }
  }
}

/// Random bytes of the operating system.
enum SystemRandom {
  static func bytes(_ count: Int) -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
  }

  /// A new private key.
  static func privateKey() -> PrivateKey {
    while true {
      // All but one in 2^128 of all 32 bytes are a key.
      if let key = try? PrivateKey(bytes: bytes(32)) { return key }
    }
  }
}
