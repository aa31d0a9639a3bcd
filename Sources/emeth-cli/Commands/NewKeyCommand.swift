import EmethKit

extension Command {
  /// `emeth new-key --out FILE`: makes an account.
  static let newKey = Command(
    CommandDefinition(
      "new-key", section: .keys, summary: "make a private key and print its address",
      discussion: [
        "Writes 64 hexadecimal digits, or with --password-file a keystore v3 as wallets read it. The file is "
          + "readable by its owner only and never written over an existing one. The password is the password "
          + "file byte for byte, but for one final newline.",
        "The same key restores the account and its sealing key: keep a copy.",
      ],
      flags: [NewKeyArguments.out, NewKeyArguments.passwordFile, CommonFlags.json],
      examples: [
        CommandExample("emeth new-key --out alice.key", "a raw key in alice.key"),
        CommandExample("emeth new-key --out alice.json --password-file password", "a keystore"),
      ])
  ) { parsed, context in
    let path = parsed[NewKeyArguments.out]
    let key = SystemRandom.privateKey()
    if let passwordFile = parsed[NewKeyArguments.passwordFile] {
      var password = try KeyOptions.readPassword(passwordFile, context)
      defer { password.cleanse() }
      try KeyFile(path).create(key, password: password)
      if password.isEmpty { context.talk.warn("the password is empty: whoever has \(path) has the key") }
    } else {
      try KeyFile(path).create(key)
    }
    if parsed[CommonFlags.json] {
      try context.output.write(JSONText.pretty(NewKeyResult(address: key.address, keyFile: path)))
    } else {
      try context.output.print("\(key.address)")
    }
    return .done
  }

  private struct NewKeyResult: Encodable {
    var address: Address
    var keyFile: String
  }

  private enum NewKeyArguments {
    static let out = Flag(required: "out", short: "o", .file, help: "file to write; it must not exist")
    static let passwordFile = Flag(
      "password-file", .file, absent: "a raw key", help: "file with the password of a keystore v3")
  }
}
