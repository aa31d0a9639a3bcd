import EmethKit
import Foundation

extension Command {
  /// `emeth split FILE`: divides a data set into parts whose coverage anyone can check.
  static let split = Command(
    CommandDefinition(
      "split", section: .requester, summary: "divide a data set into parts that prove that nothing is lost",
      discussion: [
        "Cuts FILE into records and the records into N parts, evenly and in order: put together the parts are "
          + "FILE again, byte for byte. Writes the parts, manifest.json with the Merkle roots of all records and "
          + "of each part, and split.secret, which the proofs follow from. The folder appears whole or not at "
          + "all.",
        "A line ends with a line feed, which belongs to it. A sentence ends with . ? ! and the quotes, brackets "
          + "and spaces behind; abbreviations are not known. A record has at most 64 MiB, a line of JSON 16 MiB.",
        "manifest.json is public and helps nobody to guess a record. split.secret stays with the requester; "
          + "whoever computes a part needs that part's secret only: --part writes a folder for them.",
      ],
      arguments: [SplitArguments.file],
      flags: [
        SplitArguments.parts, SplitArguments.out, SplitArguments.records, SplitArguments.secretFile,
        SplitArguments.part, CommonFlags.json,
      ],
      examples: [
        CommandExample(
          "emeth split shakespeare.txt --parts 4 --out parts && emeth verify parts",
          "four parts of whole lines, and the check that every line is in exactly one"),
        CommandExample(
          "emeth split book.txt --parts 8 --records sentence --out parts --json", "parts of whole sentences"),
        CommandExample(
          "emeth split data.txt --parts 4 --secret-file parts/split.secret --part 2 --out for-node-2",
          "part 2 again, with all that its node needs"),
      ])
  ) { parsed, context in
    let path = parsed[SplitArguments.file]
    let partCount = UInt32(parsed[SplitArguments.parts])
    let only = try onlyPart(parsed, of: partCount)
    let secret = SplitSecret(try readSecret(parsed))
    let folder = try AtomicFolder(at: parsed[SplitArguments.out])
    defer { folder.discard() }
    let split = DataSetSplit(
      path: path, kind: parsed[SplitArguments.records], partCount: partCount, onlyPart: only, secret: secret)
    let manifest = try split.write(into: SplitFolder(folder.workingPath), context: context)
    try folder.commit()
    let result = SplitResult(manifest, folder: SplitFolder(folder.path), onlyPart: only)
    if parsed[CommonFlags.json] {
      try context.output.write(JSONText.pretty(result))
    } else {
      try context.output.write(result.text(for: context.outputTerminal))
    }
    return .done
  }

  private static func onlyPart(_ parsed: ParsedCommand, of count: UInt32) throws -> UInt32? {
    guard let part = parsed[SplitArguments.part] else { return nil }
    guard part < count else {
      throw UsageError.contradiction(
        rule: "--part \(part) is not among --parts \(count), which are counted from 0", command: "split")
    }
    guard parsed.isGiven(SplitArguments.secretFile) else {
      throw UsageError.contradiction(
        rule: "--part needs --secret-file, or the parts that are written at other times would not fit",
        command: "split")
    }
    return UInt32(part)
  }

  private static func readSecret(_ parsed: ParsedCommand) throws -> Bytes32 {
    guard let path = parsed[SplitArguments.secretFile] else { return SystemRandom.bytes32() }
    guard path != "-" || parsed[SplitArguments.file] != "-" else {
      throw UsageError.contradiction(
        rule: "FILE and --secret-file can't both be standard input", command: "split")
    }
    return try SplitSecretFile(path).load()
  }

  private enum SplitArguments {
    static let file = Argument("FILE", .file, help: "the data set, `-` for standard input")
    static let parts = Flag(
      required: "parts", .integer(in: 1...Int(SplitManifest.partLimit)), help: "number of parts (NumParallel)"
    )
    static let out = Flag(
      required: "out", short: "o", .folder, help: "folder to make; it must not exist or be empty")
    static let records = Flag("records", .recordKind, default: RecordKind.line, help: "what is one record")
    static let secretFile = Flag(
      "secret-file", .file, absent: "a new one",
      help: "64 hexadecimal digits; the same file, secret and flags give the same manifest")
    static let part = Flag(
      "part", .integer(in: 0...Int(SplitManifest.partLimit) - 1), absent: "all parts",
      help: "write this part alone, with its own secret in place of the split's")
  }
}

extension ValueType where Value == RecordKind {
  /// What counts as a record.
  static var recordKind: Self {
    Self(
      name: "KIND", allowed: RecordKind.allowed,
      completion: .choices(["line", "sentence", "json", "binary:"])
    ) { text throws(ValueRefusal) in
      guard let kind = RecordKind(text) else {
        let nearest = Suggestion.nearest(to: text, among: ["line", "sentence", "json", "binary:"]).first
        throw ValueRefusal(allowed: RecordKind.allowed, nearest: nearest)
      }
      return kind
    }
  }
}

extension SystemRandom {
  /// Thirty-two random bytes.
  static func bytes32() -> Bytes32 {
    guard let value = Bytes32(bytes(32)) else { preconditionFailure("32 bytes are 32 bytes") }
    return value
  }
}
