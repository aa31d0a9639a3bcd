import EmethKit

extension Command {
  /// `emeth show-key --key-file F`: the public side of a key.
  static let showKey = Command(
    CommandDefinition(
      "show-key", section: .keys, summary: "print the address and public keys of a private key",
      discussion: [
        "Prints the account's address, its uncompressed secp256k1 public key, and the X25519 key that "
          + "data for it is sealed to. The private key itself is never printed."
      ],
      flags: [KeyOptions.keyFile, KeyOptions.passwordFile, CommonFlags.json],
      examples: [
        CommandExample("emeth show-key --key-file alice.key", "as three lines"),
        CommandExample(
          "emeth show-key --key-file alice.json --password-file password --json", "of a keystore"),
      ],
      exitCodes: [.no: KeyOptions.wrongPassword])
  ) { parsed, context in
    let key = try KeyOptions.load(parsed, context)
    let shown = PublicKeys(
      address: key.address, publicKey: Hex.encode(key.publicKey), sealingKey: key.sealingKey())
    if parsed[CommonFlags.json] {
      try context.output.write(JSONText.pretty(shown))
    } else {
      try context.output.write(
        """
        address     \(shown.address)
        public key  \(shown.publicKey)
        sealing key \(shown.sealingKey)

        """)
    }
    return .done
  }

  private struct PublicKeys: Encodable {
    var address: Address
    var publicKey: String
    var sealingKey: Bytes32
  }
}
