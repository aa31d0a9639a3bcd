import EmethKit

/// The flags that name an account's key. Keys themselves never stand on a command line.
enum KeyOptions {
  static let keyFile = Flag(
    "key-file", .file, absent: "the key in EMETH_PRIVATE_KEY",
    help: "private key: 64 hexadecimal digits, or a keystore v3")
  static let passwordFile = Flag(
    "password-file", .file, absent: nil, help: "file with the keystore's password")

  /// The key that the flags or the environment name.
  static func load(_ parsed: ParsedCommand, _ context: CommandContext) throws -> PrivateKey {
    let passwordFile = parsed[Self.passwordFile]
    guard let path = parsed[keyFile] else {
      guard let text = context.environment["EMETH_PRIVATE_KEY"], !text.isEmpty else {
        throw CommandFailure(
          .usage, code: "key.missing", "\(parsed.definition.name): no private key is named",
          hint: "give --key-file FILE or set EMETH_PRIVATE_KEY; `emeth new-key --out FILE` makes one")
      }
      if passwordFile != nil {
        throw UsageError.contradiction(
          rule: "--password-file belongs to a keystore, and no --key-file is given",
          command: parsed.definition.name)
      }
      return try PrivateKey(hex: text)
    }
    return try KeyFile(path).load(password: passwordFile.map { try readPassword($0, context) })
  }

  /// The password in a file: all of it but one line end.
  static func readPassword(_ path: String, _ context: CommandContext) throws -> [UInt8] {
    var bytes = try InputFile(path).bytes(limit: 4096)
    if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
    if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
    guard !bytes.isEmpty else { throw FileError.empty(path: path) }
    return bytes
  }
}
