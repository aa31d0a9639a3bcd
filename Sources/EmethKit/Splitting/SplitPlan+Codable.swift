extension SplitPlan: Codable {
  private enum CodingKeys: String, CodingKey {
    case recordCount, recordsRoot, parts
  }

  /// Reads an object and refuses a division that is not the even one.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let recordCount = try container.decodeNumber(UInt64.self, forKey: .recordCount)
    let recordsRoot = try container.decode(Bytes32.self, forKey: .recordsRoot)
    let parts = try container.decode([Part].self, forKey: .parts)
    self = try decoder.validating { () throws(SplittingError) in
      try SplitPlan(recordCount: recordCount, recordsRoot: recordsRoot, parts: parts)
    }
  }

  /// Writes an object; numbers of records are decimal strings.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encodeDecimal(recordCount, forKey: .recordCount)
    try container.encode(recordsRoot, forKey: .recordsRoot)
    try container.encode(parts, forKey: .parts)
  }
}

extension SplitPlan.Part: Codable {
  private enum CodingKeys: String, CodingKey {
    case index, firstRecord, count, root, noiseRoot
  }

  /// Reads an object.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      index: try container.decodeNumber(forKey: .index),
      firstRecord: try container.decodeNumber(forKey: .firstRecord),
      count: try container.decodeNumber(forKey: .count),
      root: try container.decode(Bytes32.self, forKey: .root),
      noiseRoot: try container.decodeIfPresent(Bytes32.self, forKey: .noiseRoot))
  }

  /// Writes an object; numbers of records are decimal strings.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(index, forKey: .index)
    try container.encodeDecimal(firstRecord, forKey: .firstRecord)
    try container.encodeDecimal(count, forKey: .count)
    try container.encode(root, forKey: .root)
    try container.encodeIfPresent(noiseRoot, forKey: .noiseRoot)
  }
}
