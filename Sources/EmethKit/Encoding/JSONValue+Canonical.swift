extension JSONValue {
  /// The canonical text (RFC 8785) for the subset that this protocol signs and hashes: strings, integers,
  /// truth values, null, arrays, and objects with their keys sorted by UTF-16 code units; no white space.
  ///
  /// - Throws: ``FormatError/jsonNumber(found:)`` for a real, and for an integer beyond ±(2^53 − 1): both
  ///   travel as decimal strings, since JSON readers elsewhere would round them.
  public var canonical: String {
    get throws(FormatError) {
      var output: [UInt8] = []
      try appendCanonical(to: &output)
      return String(decoding: output, as: UTF8.self)
    }
  }

  private func appendCanonical(to output: inout [UInt8]) throws(FormatError) {
    switch self {
    case .object(let members):
      output.append(UInt8(ascii: "{"))
      let sorted = members.sorted { $0.key.utf16.lexicographicallyPrecedes($1.key.utf16) }
      for (index, member) in sorted.enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        Self.append(text: member.key, to: &output)
        output.append(UInt8(ascii: ":"))
        try member.value.appendCanonical(to: &output)
      }
      output.append(UInt8(ascii: "}"))
    case .array(let elements):
      output.append(UInt8(ascii: "["))
      for (index, element) in elements.enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        try element.appendCanonical(to: &output)
      }
      output.append(UInt8(ascii: "]"))
    case .string(let text): Self.append(text: text, to: &output)
    case .number(let text): output += try Self.canonicalInteger(text).utf8
    case .bool(let truth): output += (truth ? "true" : "false").utf8
    case .null: output += "null".utf8
    }
  }

  private static func append(text: String, to output: inout [UInt8]) {
    output.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): output += [UInt8(ascii: "\\"), byte]
      case 0x08: output += #"\b"#.utf8
      case 0x09: output += #"\t"#.utf8
      case 0x0A: output += #"\n"#.utf8
      case 0x0C: output += #"\f"#.utf8
      case 0x0D: output += #"\r"#.utf8
      case 0..<0x20: output += #"\u00"#.utf8 + [Hex.digit(byte >> 4), Hex.digit(byte & 15)]
      default: output.append(byte)
      }
    }
    output.append(UInt8(ascii: "\""))
  }

  private static func canonicalInteger(_ text: String) throws(FormatError) -> String {
    let digits = text.utf8.first == UInt8(ascii: "-") ? text.dropFirst() : text[...]
    guard let magnitude = UInt64(decimal: digits), magnitude < 1 << 53 else {
      throw .jsonNumber(found: text)
    }
    return magnitude == 0 ? "0" : text
  }
}
