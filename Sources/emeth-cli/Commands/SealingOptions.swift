import EmethKit
import Foundation

/// The flags that say to whom data is sealed and with what it is opened.
enum SealingOptions {
  static let recipient = Flag(
    repeated: "recipient", short: "r", .sealingRecipient, help: "whom to seal to: age1..., or a sealing key")
  static let recipientsFile = Flag(
    repeated: "recipients-file", short: "R", .file,
    help: "file of recipients, one a line, # before comments, `-` for standard input")
  static let identity = Flag(
    repeated: "identity", short: "i", .file,
    help: "identity file as age-keygen writes it, `-` for standard input")
  static let epoch = Flag(
    "epoch", .unsigned(), default: 0, help: "which of the account's sealing keys opens, with --key-file")
  static let out = Flag(
    "out", short: "o", .file, absent: "standard output", help: "file to write, whole or not at all")
  static let json = Flag(
    toggle: "json", help: "with --out print one JSON object about the file; errors as JSON too")

  private static let fileLimit = 1 << 24

  /// The file to write, or nil for standard output.
  static func outputFile(_ parsed: ParsedCommand) -> String? {
    parsed[out].flatMap { $0 == "-" ? nil : $0 }
  }

  /// Refuses to read standard input twice.
  static func refuseTwoStandardInputs(_ parsed: ParsedCommand, data: String, keys: [String]) throws {
    guard ([data] + keys).count(where: { $0 == "-" }) < 2 else {
      throw UsageError.contradiction(
        rule: "standard input can't be two things at once: only one file may be -",
        command: parsed.definition.name)
    }
  }

  /// Everybody that the flags name.
  static func recipients(_ parsed: ParsedCommand) throws -> [SealingRecipient] {
    var recipients = parsed[recipient]
    for path in parsed[recipientsFile] {
      let file = InputFile(path)
      // What is no text is no list of keys either, and the parser says what it is instead.
      let text = String(decoding: try file.bytes(limit: fileLimit), as: UTF8.self)
      recipients += try list(file, text, SealingRecipient.list)
    }
    guard !recipients.isEmpty else {
      throw UsageError.contradiction(
        rule: "no recipient is given: --recipient or --recipients-file is missing",
        command: parsed.definition.name)
    }
    return recipients
  }

  /// Everything that the flags or the environment name to open with.
  static func identities(_ parsed: ParsedCommand, _ context: CommandContext) throws -> [SealingIdentity] {
    var identities: [SealingIdentity] = []
    for path in parsed[identity] {
      identities += try SecretFile(path).read(limit: fileLimit, isPrivate: true) { bytes in
        try list(InputFile(path), String(decoding: bytes, as: UTF8.self), SealingIdentity.list)
      }
    }
    let isAccountMeant = identities.isEmpty || parsed.isGiven(KeyOptions.keyFile)
    let ofAccount: [any CommandFlag] = [KeyOptions.passwordFile, epoch]
    if !isAccountMeant, let flag = ofAccount.first(where: { parsed.isGiven($0) }) {
      throw UsageError.contradiction(
        rule: "\(flag.definition.spelling) belongs to --key-file, and none is given",
        command: parsed.definition.name)
    }
    if identities.isEmpty, parsed[KeyOptions.keyFile] == nil,
      context.environment["EMETH_PRIVATE_KEY", default: ""].isEmpty
    {
      throw CommandFailure(
        .usage, code: "key.missing", "\(parsed.definition.name): nothing is named to open with",
        hint: "give --identity FILE or --key-file FILE, or set EMETH_PRIVATE_KEY")
    }
    if isAccountMeant {
      identities.append(try KeyOptions.load(parsed, context).sealingIdentity(epoch: parsed[epoch]))
    }
    return identities
  }

  private static func list<Key>(
    _ file: InputFile, _ text: String, _ parse: (String) throws(SealingError) -> [Key]
  ) throws -> [Key] {
    do throws(SealingError) {
      return try parse(text)
    } catch {
      throw CommandFailure(
        .badInput, code: error.code, "\(file.name): \(error.message)", hint: error.hint,
        details: ["file": file.name])
    }
  }
}

extension ValueType where Value == SealingRecipient {
  /// Whom data is sealed to: an age recipient, or an X25519 key as `emeth show-key` prints it.
  static var sealingRecipient: Self {
    let allowed = "age1... of 62 characters, or 0x and 64 hexadecimal digits"
    return Self(name: "RECIPIENT", allowed: allowed) { text throws(ValueRefusal) in
      if text.hasPrefix("0x"), let key = try? Bytes32(hex: text) { return SealingRecipient(key: key) }
      do throws(SealingError) {
        return try SealingRecipient(text)
      } catch {
        throw ValueRefusal(allowed: "\(allowed); \(error.message)")
      }
    }
  }
}
