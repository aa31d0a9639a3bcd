extension RecordProof: Codable {
  private enum CodingKeys: String, CodingKey {
    case format, record, content, salt, recordCount, recordsRoot, recordsProof, partCount, part, partProof
  }

  /// Reads an object and refuses another format and numbers that don't fit each other.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let format = try container.decode(String.self, forKey: .format)
    let record = try container.decodeNumber(UInt64.self, forKey: .record)
    let content = try container.decode(HexBytes.self, forKey: .content).bytes
    let salt = try container.decode(HexBytes.self, forKey: .salt).bytes
    let recordCount = try container.decodeNumber(UInt64.self, forKey: .recordCount)
    let recordsRoot = try container.decode(Bytes32.self, forKey: .recordsRoot)
    let recordsProof = try container.decode([Bytes32].self, forKey: .recordsProof)
    let partCount = try container.decodeNumber(UInt32.self, forKey: .partCount)
    let part = try container.decode(SplitPlan.Part.self, forKey: .part)
    let partProof = try container.decode([Bytes32].self, forKey: .partProof)
    self = try decoder.validating { () throws(SplittingError) in
      guard format == RecordProof.format else {
        throw .unknownFormat(found: format, allowed: RecordProof.format)
      }
      return try RecordProof(
        record: record, content: content, salt: salt, recordCount: recordCount, recordsRoot: recordsRoot,
        recordsProof: recordsProof, partCount: partCount, part: part, partProof: partProof)
    }
  }

  /// Writes an object; numbers of records are decimal strings, bytes `0x` hex.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(RecordProof.format, forKey: .format)
    try container.encodeDecimal(record, forKey: .record)
    try container.encode(HexBytes(bytes: content), forKey: .content)
    try container.encode(HexBytes(bytes: salt), forKey: .salt)
    try container.encodeDecimal(recordCount, forKey: .recordCount)
    try container.encode(recordsRoot, forKey: .recordsRoot)
    try container.encode(recordsProof, forKey: .recordsProof)
    try container.encode(partCount, forKey: .partCount)
    try container.encode(part, forKey: .part)
    try container.encode(partProof, forKey: .partProof)
  }
}

/// Bytes of any number as `0x` hex.
private struct HexBytes: Codable {
  let bytes: [UInt8]

  init(bytes: [UInt8]) { self.bytes = bytes }

  init(from decoder: any Decoder) throws {
    bytes = try decoder.decodeText { text throws(FormatError) in try Hex.decode(text) }
  }

  func encode(to encoder: any Encoder) throws {
    try encoder.encodeText(Hex.encode(bytes))
  }
}
