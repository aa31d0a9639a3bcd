/// Reads the fields of a manifest's JSON, and names the field in every error.
struct ManifestFields {
  private let json: JSONValue
  private let path: String

  /// The whole document.
  init(_ json: JSONValue) {
    self.json = json
    path = ""
  }

  private init(_ json: JSONValue, path: String) {
    self.json = json
    self.path = path
  }

  func object(_ key: String) throws(ProgramError) -> ManifestFields {
    ManifestFields(
      try read(key) { value throws(FormatError) in
        _ = try value.objectMembers()
        return value
      }, path: path + key + ".")
  }

  /// The object of a key, or nil when the key is not there.
  func optionalObject(_ key: String) throws(ProgramError) -> ManifestFields? {
    try isMissing(key) ? nil : object(key)
  }

  /// The truth of a key, or nil when the key is not there.
  func optionalTruth(_ key: String) throws(ProgramError) -> Bool? {
    try isMissing(key) ? nil : truth(key)
  }

  private func isMissing(_ key: String) -> Bool { json[key] == nil }

  func string(_ key: String) throws(ProgramError) -> String {
    try read(key) { value throws(FormatError) in try value.stringText() }
  }

  func truth(_ key: String) throws(ProgramError) -> Bool {
    try read(key) { value throws(FormatError) in try value.truth() }
  }

  func number(_ key: String) throws(ProgramError) -> UInt32 {
    try read(key) { value throws(FormatError) in try value.unsigned(UInt32.self) }
  }

  func signed(_ key: String) throws(ProgramError) -> Int32 {
    try read(key) { value throws(FormatError) in
      let text: String
      switch value {
      case .number(let digits), .string(let digits): text = digits
      case .object, .array, .bool, .null:
        throw .jsonKind(found: value.kind, allowed: "number or decimal string")
      }
      guard let number = Int32(text), String(number) == text else { throw .jsonNumber(found: text) }
      return number
    }
  }

  func decimal(_ key: String) throws(ProgramError) -> DecimalNumber {
    try read(key) { value throws(FormatError) in try DecimalNumber(value.stringText()) }
  }

  func bytes32(_ key: String) throws(ProgramError) -> Bytes32 {
    try read(key) { value throws(FormatError) in try Bytes32(hex: value.stringText()) }
  }

  /// One word of a closed set.
  func word<Word: RawRepresentable & CaseIterable>(_ key: String) throws(ProgramError) -> Word
  where Word.RawValue == String {
    let text = try string(key)
    guard let word = Word(rawValue: text) else {
      let allowed = Word.allCases.map(\.rawValue).joined(separator: ", ")
      throw .fieldOutOfRange(field: path + key, found: text, allowed: allowed)
    }
    return word
  }

  func canonical() throws(ProgramError) -> String {
    do throws(FormatError) {
      return try json.canonical
    } catch {
      throw .malformed(field: "manifest", cause: error)
    }
  }

  private func read<Value>(
    _ key: String, _ parse: (JSONValue) throws(FormatError) -> Value
  ) throws(ProgramError) -> Value {
    do throws(FormatError) {
      return try parse(json.required(key))
    } catch {
      throw .malformed(field: path + key, cause: error)
    }
  }
}
