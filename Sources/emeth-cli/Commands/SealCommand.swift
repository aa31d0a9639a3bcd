import EmethKit
import Foundation

extension Command {
  /// `emeth seal -r age1… FILE`: encrypts for others.
  static let seal = Command(
    CommandDefinition(
      "seal", section: .keys, summary: "encrypt a file so that only its recipients can open it",
      discussion: [
        "Writes an age v1 file for X25519 recipients, which `emeth open` and every age tool open. The file "
          + "may be of any size; all cores work on it.",
        "An account's own key can be a recipient: `emeth show-key` prints its sealing key.",
      ],
      arguments: [SealArguments.file],
      flags: [
        SealingOptions.recipient, SealingOptions.recipientsFile, SealArguments.armor, SealingOptions.out,
        SealingOptions.json,
      ],
      examples: [
        CommandExample(
          "emeth seal -r age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p "
            + "model.safetensors -o model.age", "to one recipient"),
        CommandExample("tar c data | emeth seal -R friends.txt > data.tar.age", "to everybody in a file"),
      ])
  ) { parsed, context in
    let path = parsed[SealArguments.file] ?? "-"
    try SealingOptions.refuseTwoStandardInputs(
      parsed, data: path, keys: parsed[SealingOptions.recipientsFile])
    let recipients = try SealingOptions.recipients(parsed)
    let isArmored = parsed[SealArguments.armor]
    if parsed[SealingOptions.out] == nil, context.outputTerminal.isTerminal, !isArmored {
      throw CommandFailure(
        .usage, code: "terminal.binary", "seal: standard output is a terminal, and sealed data is no text",
        hint: "give --out FILE, --armor for text, or --out - to write it all the same")
    }
    let input = try StreamInput(path, context.cancellation)
    let output = try StreamOutput(parsed[SealingOptions.out], context)
    defer { output.discard() }

    var random = SystemRandomNumberGenerator()
    let fileKey = FileKey(using: &random)
    let header = try SealedHeader(of: fileKey, to: recipients, using: &random)
    let key = PayloadKey(fileKey: fileKey, using: &random)
    let armor = isArmored ? ArmoredOutput(output) : nil
    let write: @Sendable (UnsafeRawBufferPointer) throws -> Void = { bytes in
      if let armor { try armor.write(bytes) } else { try output.write(bytes) }
    }
    try (header.encoded + key.nonce).withUnsafeBytes { try write($0) }
    var written: UInt64 = 0
    try ChunkPipeline(source: input, write: write).run(ChunkSealer(key), written: &written)
    try armor?.finish()
    try output.commit()
    if parsed[SealingOptions.json], let out = SealingOptions.outputFile(parsed) {
      let layout = try PayloadLayout(sealedByteCount: written)
      try context.output.write(
        JSONText.pretty(SealedFile(byteCount: layout.plainByteCount, out: out, recipients: recipients)))
    }
    return .done
  }

  private struct SealedFile: Encodable {
    @DecimalText var byteCount: UInt64
    var out: String
    var recipients: [SealingRecipient]
  }

  private enum SealArguments {
    static let file = Argument(
      optional: "FILE", .file, help: "what to encrypt, `-` or nothing for standard input")
    static let armor = Flag(toggle: "armor", short: "a", help: "write text instead of bytes")
  }
}
