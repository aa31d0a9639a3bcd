import EmethKit

/// The flags that name an account's key. Keys themselves never stand on a command line.
enum KeyOptions {
  static let keyFile = Flag(
    "key-file", .file, absent: "the key in EMETH_PRIVATE_KEY",
    help: "private key: 64 hexadecimal digits, or a keystore v3")
  static let passwordFile = Flag(
    "password-file", .file, absent: nil,
    help: "file with the keystore's password: all of it but one final newline")

  /// What exit code 1 means of a command that opens keystores.
  static let wrongPassword = "the password does not open the keystore"

  /// The key that the flags or the environment name.
  static func load(_ parsed: ParsedCommand, _ context: CommandContext) throws -> PrivateKey {
    let passwordPath = parsed[Self.passwordFile]
    guard let path = parsed[keyFile] else {
      guard let text = context.environment["EMETH_PRIVATE_KEY"], !text.isEmpty else {
        throw CommandFailure(
          .usage, code: "key.missing", "\(parsed.definition.name): no private key is named",
          hint: "give --key-file FILE or set EMETH_PRIVATE_KEY; `emeth new-key --out FILE` makes one")
      }
      if passwordPath != nil {
        throw UsageError.contradiction(
          rule: "--password-file belongs to a keystore, and no --key-file is given",
          command: parsed.definition.name)
      }
      return try key(ofSetting: text)
    }
    guard let passwordPath else { return try KeyFile(path).load(password: nil) }
    if path == "-", passwordPath == "-" {
      throw UsageError.contradiction(
        rule: "--key-file and --password-file can't both be standard input",
        command: parsed.definition.name)
    }
    var password = try readPassword(passwordPath, context)
    defer { password.cleanse() }
    return try KeyFile(path).load(password: password)
  }

  private static func key(ofSetting text: String) throws -> PrivateKey {
    do throws(CryptoError) {
      return try PrivateKey(hex: text)
    } catch {
      throw CommandFailure(.badInput, code: error.code, "EMETH_PRIVATE_KEY: \(error.message)")
    }
  }

  /// The password in a file, byte for byte: all of it but one final newline. A carriage return before it is
  /// a part of the password, and a password may be empty.
  static func readPassword(_ path: String, _ context: CommandContext) throws -> [UInt8] {
    try SecretFile(path).read(limit: 4096, isPrivate: false) { bytes in
      Array(bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...])
    }
  }
}
