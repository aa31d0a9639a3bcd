extension SplitManifest: Codable {
  private enum CodingKeys: String, CodingKey {
    case format, recordKind, recordCount, recordsRoot, byteCount, parts
  }

  private enum PartKeys: String, CodingKey {
    case index, firstRecord, count, root, file, byteCount
  }

  /// Reads an object and refuses another format and numbers that don't fit each other.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let format = try container.decode(String.self, forKey: .format)
    try decoder.validating { () throws(SplittingError) in
      guard format == SplitManifest.format else {
        throw .unknownFormat(found: format, allowed: SplitManifest.format)
      }
    }
    let kind = try container.decode(RecordKind.self, forKey: .recordKind)
    let byteCount = try container.decodeNumber(UInt64.self, forKey: .byteCount)
    let plan = try SplitPlan(from: decoder)
    let files = try container.decode([PartFile].self, forKey: .parts).map(\.file)
    self = try decoder.validating { () throws(SplittingError) in
      let manifest = try SplitManifest(kind: kind, plan: plan, files: files)
      guard manifest.byteCount == byteCount else {
        throw .byteCount(part: nil, found: byteCount, expected: "its parts have \(manifest.byteCount)")
      }
      return manifest
    }
  }

  /// Writes an object; numbers of records and bytes are decimal strings.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(SplitManifest.format, forKey: .format)
    try container.encode(kind, forKey: .recordKind)
    try container.encodeDecimal(plan.recordCount, forKey: .recordCount)
    try container.encode(plan.recordsRoot, forKey: .recordsRoot)
    try container.encodeDecimal(byteCount, forKey: .byteCount)
    try container.encode(zip(plan.parts, files).map { PartFile(part: $0, file: $1) }, forKey: .parts)
  }

  /// The members in the order in which they are declared; ``JSONValue/canonical`` sorts them.
  static func json(kind: RecordKind, plan: SplitPlan, files: [File], byteCount: UInt64) -> String {
    let parts = zip(plan.parts, files).map { part, file in
      JSONValue.object([
        .init("index", .integer(part.index)),
        .init("firstRecord", .string(String(part.firstRecord))),
        .init("count", .string(String(part.count))),
        .init("root", .string(part.root.description)),
        .init("file", .string(file.name)),
        .init("byteCount", .string(String(file.byteCount))),
      ])
    }
    let json = JSONValue.object([
      .init("format", .string(format)),
      .init("recordKind", .string(kind.description)),
      .init("recordCount", .string(String(plan.recordCount))),
      .init("recordsRoot", .string(plan.recordsRoot.description)),
      .init("byteCount", .string(String(byteCount))),
      .init("parts", .array(parts)),
    ])
    do throws(FormatError) {
      return try json.canonical
    } catch {
      preconditionFailure("a manifest holds texts and 32-bit numbers alone")
    }
  }

  /// A part of the plan and its file, in one object.
  private struct PartFile: Codable {
    let part: SplitPlan.Part
    let file: File

    init(part: SplitPlan.Part, file: File) {
      self.part = part
      self.file = file
    }

    init(from decoder: any Decoder) throws {
      part = try SplitPlan.Part(from: decoder)
      let container = try decoder.container(keyedBy: PartKeys.self)
      file = File(
        name: try container.decode(String.self, forKey: .file),
        byteCount: try container.decodeNumber(UInt64.self, forKey: .byteCount))
    }

    func encode(to encoder: any Encoder) throws {
      try part.encode(to: encoder)
      var container = encoder.container(keyedBy: PartKeys.self)
      try container.encode(file.name, forKey: .file)
      try container.encodeDecimal(file.byteCount, forKey: .byteCount)
    }
  }
}
