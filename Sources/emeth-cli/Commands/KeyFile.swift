import EmethKit

/// A file that holds a private key: raw hexadecimal digits or a keystore v3.
struct KeyFile: Sendable {
  let path: String

  init(_ path: String) { self.path = path }

  /// Reads the key. Refused is a file that others than its owner may use.
  ///
  /// A password that does not open the keystore is an answer, exit code 1, and not bad input.
  func load(password: [UInt8]?) throws -> PrivateKey {
    let file = SecretFile(path)
    return try file.read(limit: Keystore.byteLimit, isPrivate: true) { bytes in
      let text = Self.trimmed(bytes)
      guard let first = text.first else { throw FileError.empty(path: file.name) }
      guard first == UInt8(ascii: "{") else { return try raw(text, password) }
      guard let json = String(validating: text, as: UTF8.self) else {
        throw FileError.notText(path: file.name, byteOffset: InputFile.firstInvalidOffset(Array(bytes)))
      }
      return try keystore(json, password)
    }
  }

  private func raw(_ digits: Slice<UnsafeBufferPointer<UInt8>>, _ password: [UInt8]?) throws -> PrivateKey {
    guard password == nil else {
      throw CommandFailure(
        .badInput, code: "key.noKeystore", "\(path) holds a raw key, found --password-file, allowed none",
        hint: "leave --password-file out")
    }
    do throws(CryptoError) {
      return try PrivateKey(hexDigits: digits)
    } catch {
      throw CommandFailure(
        .badInput, code: error.code, "\(path): \(error.message)",
        hint: "a key file holds 64 hexadecimal digits or a keystore v3")
    }
  }

  private func keystore(_ json: String, _ password: [UInt8]?) throws -> PrivateKey {
    guard let password else {
      throw CommandFailure(
        .badInput, code: "key.passwordMissing", "\(path) is a keystore and its password is not given",
        hint: "give --password-file FILE")
    }
    do throws(CryptoError) {
      return try Keystore.decrypt(json: json, password: password)
    } catch {
      guard var report = ErrorReport(ofLibraryError: error) else { throw error }
      report.message = "\(path): \(report.message)"
      if error == .keystorePassword {
        if password.isEmpty {
          report.hint = "the password that was given is empty"
        } else if password.last == UInt8(ascii: "\r") {
          report.hint = "the password that was given ends with a carriage return, which is a part of it"
        }
      }
      throw CommandFailure(report)
    }
  }

  /// Without white space at either end.
  private static func trimmed(_ bytes: UnsafeBufferPointer<UInt8>) -> Slice<UnsafeBufferPointer<UInt8>> {
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
    let start = bytes.firstIndex { !isSpace($0) } ?? bytes.endIndex
    let end = bytes.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? start
    return bytes[start..<end]
  }

  /// Writes a new key as raw hexadecimal digits, readable by its owner only, never over an existing file.
  func create(_ key: PrivateKey) throws(FileError) {
    var text = Array("0x".utf8)
    text.reserveCapacity(67)
    defer { text.cleanse() }
    let digits = Array("0123456789abcdef".utf8)
    key.withSecretBytes { secret in
      for byte in secret {
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
      }
    }
    text.append(UInt8(ascii: "\n"))
    try AtomicFile.write(text, to: path, mode: 0o600, existing: .refused)
  }

  /// Writes a new key as a keystore v3 under the password, never over an existing file.
  func create(_ key: PrivateKey, password: [UInt8]) throws {
    let text = try Keystore.encrypt(
      key: key, password: password, salt: SystemRandom.bytes(32), iv: SystemRandom.bytes(16),
      id: SystemRandom.bytes(16))
    try AtomicFile.write(text + "\n", to: path, mode: 0o600, existing: .refused)
  }
}
