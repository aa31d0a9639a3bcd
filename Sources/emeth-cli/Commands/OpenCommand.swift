import EmethKit
import Foundation

extension Command {
  /// `emeth open -i IDENTITY FILE`: decrypts what was sealed to oneself.
  static let open = Command(
    CommandDefinition(
      "open", section: .keys, summary: "decrypt a file that was sealed to you",
      discussion: [
        "Takes age v1 files for X25519 recipients, as `emeth seal` and age tools write them, armored or not. "
          + "Opens with the identity files given, or with the sealing key of an account's private key.",
        "Every byte is authenticated before it is written. To standard output data goes chunk by chunk; when "
          + "the file turns out to be altered or cut, the command says at which byte and exits with 1, and "
          + "what was written is genuine but not all. With --out the file appears whole or not at all.",
      ],
      arguments: [OpenArguments.file],
      flags: [
        SealingOptions.identity, KeyOptions.keyFile, KeyOptions.passwordFile, SealingOptions.epoch,
        SealingOptions.out, SealingOptions.json,
      ],
      examples: [
        CommandExample("emeth open -i key.txt model.age -o model.safetensors", "with an age identity"),
        CommandExample("emeth open --key-file alice.key data.tar.age | tar x", "with an account's key"),
      ],
      exitCodes: [
        .done: "all of it was opened",
        .no: "it was sealed to others, or was altered or cut",
        .badInput: "it is no sealed file, or the identity can't be read",
      ])
  ) { parsed, context in
    let path = parsed[OpenArguments.file] ?? "-"
    let ofAccount = [parsed[KeyOptions.keyFile], parsed[KeyOptions.passwordFile]].compactMap(\.self)
    try SealingOptions.refuseTwoStandardInputs(
      parsed, data: path, keys: parsed[SealingOptions.identity] + ofAccount)
    let identities = try SealingOptions.identities(parsed, context)
    let input = try StreamInput(path, context.cancellation)
    var written: UInt64 = 0
    do {
      let file = try SealedInput(input, identities: identities)
      let output = try StreamOutput(parsed[SealingOptions.out], context)
      defer { output.discard() }
      let isGuarded = parsed[SealingOptions.out] == nil && context.outputTerminal.isTerminal
      let write: @Sendable (UnsafeRawBufferPointer) throws -> Void = { bytes in
        if isGuarded { try refuseControlCharacters(bytes) }
        try output.write(bytes)
      }
      try ChunkPipeline(source: file.source, readAhead: file.readAhead, write: write)
        .run(file.opener, written: &written)
      try output.commit()
    } catch let error as SealingError {
      throw failure(
        error, of: input.name, written: SealingOptions.outputFile(parsed) == nil ? written : nil)
    }
    if parsed[SealingOptions.json], let out = SealingOptions.outputFile(parsed) {
      try context.output.write(JSONText.pretty(OpenedFile(byteCount: written, out: out)))
    }
    return .done
  }

  private struct OpenedFile: Encodable {
    @DecimalText var byteCount: UInt64
    var out: String
  }

  /// The error of an input; `written` is what has gone to standard output already.
  private static func failure(_ error: SealingError, of name: String, written: UInt64?) -> CommandFailure {
    var report = ErrorReport(describing: error)
    report.message = "\(name) does not open: \(error.message)"
    report.details = ["file": name, "written": "\(written ?? 0)"]
    if let written, written > 0 {
      report.message += "; the \(NumberText.grouped(written)) bytes before were written and are genuine"
    }
    return CommandFailure(report)
  }

  /// Keeps what could move the cursor or change the keyboard off a terminal.
  private static func refuseControlCharacters(_ bytes: UnsafeRawBufferPointer) throws {
    let space = [UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r")]
    let isText = bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F || space.contains($0) }
    guard isText else {
      throw CommandFailure(
        .usage, code: "terminal.binary", "open: standard output is a terminal, and the data is no text",
        hint: "give --out FILE, or --out - to write it all the same")
    }
  }

  private enum OpenArguments {
    static let file = Argument(
      optional: "FILE", .file, help: "what to decrypt, `-` or nothing for standard input")
  }
}

/// A sealed file whose header was read and opened.
private struct SealedInput {
  let source: any ByteSource
  /// Bytes of the chunks that were read with the header.
  let readAhead: [UInt8]
  let opener: ChunkOpener

  init(_ input: StreamInput, identities: [SealingIdentity]) throws {
    var reader = SealedHeaderReader()
    var source: any ByteSource = input
    var bytes = try Self.read(source)
    if let first = bytes.first, ArmorReader.isArmor(firstByte: first) {
      source = ArmoredSource(input, readAhead: bytes)
      bytes = try Self.read(source)
    }
    while true {
      let used = try bytes.withUnsafeBytes { try reader.read($0) }
      bytes.removeFirst(used)
      if reader.header != nil { break }
      bytes = try Self.read(source)
      if bytes.isEmpty { break }
    }
    try reader.finish()
    guard let fileKey = try reader.header?.fileKey(for: identities) else {
      throw SealingError.headerCut(at: UInt64(reader.byteCount))
    }
    let nonceCount = PayloadKey.nonceByteCount
    while bytes.count < nonceCount {
      let more = try Self.read(source)
      if more.isEmpty { break }
      bytes += more
    }
    guard let key = PayloadKey(fileKey: fileKey, nonce: bytes.prefix(nonceCount)) else {
      throw SealingError.headerCut(at: UInt64(reader.byteCount + bytes.count))
    }
    opener = try ChunkOpener(key, payloadStart: UInt64(reader.byteCount + nonceCount))
    readAhead = Array(bytes.dropFirst(nonceCount))
    self.source = source
  }

  private static func read(_ source: any ByteSource) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = try bytes.withUnsafeMutableBytes { try source.read(into: $0) }
    bytes.removeLast(bytes.count - count)
    return bytes
  }
}
