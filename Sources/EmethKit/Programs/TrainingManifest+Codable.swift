extension TrainingManifest: Codable {
  /// Reads the object that the canonical JSON is, unknown fields included.
  public init(from decoder: any Decoder) throws {
    let json = try JSONValue(decoding: decoder)
    self = try decoder.validating { () throws(ProgramError) in try TrainingManifest(ManifestFields(json)) }
  }

  /// Writes the object that the canonical JSON is, unknown fields included.
  public func encode(to encoder: any Encoder) throws {
    try JSONValue(parsing: canonicalJSON).encode(into: encoder)
  }
}

/// Any key of a JSON object.
private struct AnyKey: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }

  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}

extension JSONValue {
  /// The value at which a decoder of any format stands.
  fileprivate init(decoding decoder: any Decoder) throws {
    // What there is most of comes first: to be wrong costs a decoder far more than to read a text.
    if let text = try? decoder.singleValueContainer().decode(String.self) {
      self = .string(text)
    } else if let number = try? decoder.singleValueContainer().decode(Int64.self) {
      self = .number(String(number))
    } else if let container = try? decoder.container(keyedBy: AnyKey.self) {
      self = .object(
        try container.allKeys.map { key in
          Member(key.stringValue, try JSONValue(decoding: container.superDecoder(forKey: key)))
        })
    } else if var container = try? decoder.unkeyedContainer() {
      var elements: [JSONValue] = []
      while !container.isAtEnd {
        elements.append(try JSONValue(decoding: container.superDecoder()))
      }
      self = .array(elements)
    } else {
      let container = try decoder.singleValueContainer()
      if container.decodeNil() {
        self = .null
      } else if let truth = try? container.decode(Bool.self) {
        self = .bool(truth)
      } else {
        // Reals are refused: they travel as decimal strings.
        self = .number(String(try container.decode(Int64.self)))
      }
    }
  }

  /// Writes the value where an encoder of any format stands.
  fileprivate func encode(into encoder: any Encoder) throws {
    switch self {
    case .object(let members):
      var container = encoder.container(keyedBy: AnyKey.self)
      for member in members {
        try member.value.encode(into: container.superEncoder(forKey: AnyKey(stringValue: member.key)))
      }
    case .array(let elements):
      var container = encoder.unkeyedContainer()
      for element in elements {
        try element.encode(into: container.superEncoder())
      }
    case .string(let text):
      try encoder.encodeText(text)
    case .number(let text):
      guard let number = Int64(text) else { throw FormatError.jsonNumber(found: text) }
      var container = encoder.singleValueContainer()
      try container.encode(number)
    case .bool(let truth):
      var container = encoder.singleValueContainer()
      try container.encode(truth)
    case .null:
      var container = encoder.singleValueContainer()
      try container.encodeNil()
    }
  }
}
