import EmethKit

extension SplitVerification {
  private static let data = Flag(
    "data", .file, absent: nil, help: "data set that was split, to be checked against the split's manifest")
  private static let manifestFile = Flag(
    "manifest", .file, absent: nil, help: "manifest of a split, to be checked against a record's proof")

  /// The flags of `emeth verify` that belong to splits.
  static var flags: [any CommandFlag] { [data, manifestFile] }

  /// The check of a folder, or nil when it holds no manifest of a split.
  static func report(
    folder path: String, _ parsed: ParsedCommand, _ context: CommandContext
  ) throws -> VerificationReport? {
    let folder = SplitFolder(path)
    guard let manifest = try folder.manifest() else {
      try refuseOwnFlags(parsed)
      return nil
    }
    try refuseOtherFlags(than: data, "a split", parsed)
    return try SplitVerification(
      folder: folder, manifest: manifest, dataSet: parsed[data], context: context
    ).report()
  }

  /// The check of JSON that was read, or nil when it is neither a manifest of a split nor a record's proof.
  static func report(
    _ value: JSONValue, text: String, file: InputFile, _ parsed: ParsedCommand, _ context: CommandContext
  ) throws -> VerificationReport? {
    switch value["format"] {
    case .string(SplitManifest.format):
      try refuseOtherFlags(than: data, "a split", parsed)
      let folder = file.path == "-" ? nil : SplitFolder(AtomicFile.folder(of: file.path))
      let manifest = try JSONInput.decode(SplitManifest.self, from: text, of: file)
      return try SplitVerification(
        folder: folder, manifest: manifest, dataSet: parsed[data], context: context
      ).report()
    case .string(RecordProof.format):
      try refuseOtherFlags(than: manifestFile, "the proof of a record", parsed)
      let proof = try JSONInput.decode(RecordProof.self, from: text, of: file)
      let plan = try parsed[manifestFile].map { path in
        let file = InputFile(path)
        return try JSONInput.decode(SplitManifest.self, from: JSONInput.parse(file).text, of: file).plan
      }
      return try VerificationReport(proof, plan: plan, name: file.name)
    default:
      try refuseOwnFlags(parsed)
      return nil
    }
  }

  /// A flag that is passed over would be a check that was not made.
  static func refuseOwnFlags(_ parsed: ParsedCommand) throws {
    for flag in flags where parsed.isGiven(flag) {
      throw UsageError.contradiction(
        rule: "\(flag.definition.spelling) belongs to a split, and FILE is none", command: "verify")
    }
  }

  private static func refuseOtherFlags(
    than own: some CommandFlag, _ what: String, _ parsed: ParsedCommand
  ) throws {
    let allowed = [own.definition.name, CommonFlags.json.definition.name]
    for flag in parsed.definition.flags where parsed.holds(flag) && !allowed.contains(flag.name) {
      throw UsageError.contradiction(
        rule: "\(flag.spelling) does not belong to \(what), which FILE is", command: "verify")
    }
  }
}

extension VerificationReport {
  /// The check of a record's proof.
  ///
  /// - Parameter plan: The plan whose roots the proof must lead to; nil for the roots that it names.
  fileprivate init(_ proof: RecordProof, plan: SplitPlan?, name: String) throws {
    let kind = "record proof"
    do throws(SplittingError) {
      if let plan { try proof.check(in: plan) } else { try proof.check() }
    } catch {
      throw VerificationReport.failure(kind, error, in: name)
    }
    let source = plan == nil ? "to be compared with the manifest's" : "as the manifest says"
    self.init(
      kind: kind,
      checks: [
        "record \(proof.record) of \(proof.recordCount): \(proof.content.count) bytes, in part "
          + "\(proof.part.index) of \(proof.partCount) and in no other",
        "part root: \(proof.part.root), \(source)",
        "records root: \(proof.recordsRoot), \(source)",
      ])
  }
}
