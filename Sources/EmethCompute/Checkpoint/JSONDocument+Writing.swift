extension JSONDocument {
  /// The value as JSON text: members in their order, numbers as written, no white space.
  var bytes: [UInt8] {
    var json: [UInt8] = []
    append(to: &json)
    return json
  }

  private func append(to json: inout [UInt8]) {
    switch self {
    case .object(let members):
      for (index, member) in members.enumerated() {
        json.append(index == 0 ? UInt8(ascii: "{") : UInt8(ascii: ","))
        Self.append(string: member.key, to: &json)
        json.append(UInt8(ascii: ":"))
        member.value.append(to: &json)
      }
      json += members.isEmpty ? "{}".utf8 : "}".utf8
    case .array(let elements):
      for (index, element) in elements.enumerated() {
        json.append(index == 0 ? UInt8(ascii: "[") : UInt8(ascii: ","))
        element.append(to: &json)
      }
      json += elements.isEmpty ? "[]".utf8 : "]".utf8
    case .string(let text): Self.append(string: text, to: &json)
    case .number(let text): json += text.utf8
    case .bool(let value): json += value ? "true".utf8 : "false".utf8
    case .null: json += "null".utf8
    }
  }
}
