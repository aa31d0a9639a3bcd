import Foundation

/// A JSON file of settings, whose members are called like flags: `minimumFuelPrice` is `--minimum-fuel-price`, and a
/// flag that may be repeated has an array or an object of its values (`"grants": {"0x…": "1emeth"}`).
struct ConfigurationFile {
  /// The most bytes of such a file.
  private static let byteLimit = 1 << 20

  let path: String
  private var texts: [String: [String]]

  /// Reads a file.
  ///
  /// - Parameter secret: The members with which only its owner may use the file.
  init(_ path: String, secret: Set<String> = []) throws {
    self.path = path
    let data = Data(try InputFile(path).bytes(limit: Self.byteLimit))
    do {
      texts = try JSONDecoder().decode([String: Setting].self, from: data).mapValues(\.texts)
    } catch {
      // What stands in the file may be a key: the decoder's words, which may quote it, are not repeated.
      throw CommandFailure(
        .badInput, code: "config.malformed",
        "\(path): found no JSON object whose members are texts, numbers, or lists of them")
    }
    if texts.keys.contains(where: secret.contains) {
      try SecretFile(path).read(limit: Self.byteLimit, isPrivate: true) { _ in }
    }
  }

  /// Takes out a member that is not called like a flag.
  mutating func take(_ name: String) -> String? { texts.removeValue(forKey: name)?.first }

  /// Gives the flags of a command that were not typed the values that stand in the file.
  ///
  /// - Parameters:
  ///   - flags: the flags that a file may set; `nil`: all of the command that take a value.
  ///   - environment: the flags, by name, that the environment has set: it comes before the file.
  /// - Throws: for a member that is none of these flags, most likely mistyped, and for a value that its flag refuses.
  func fill(
    _ parsed: inout ParsedCommand, flags: [FlagDefinition]? = nil, environment: Set<String> = []
  ) throws {
    let flags = flags ?? parsed.definition.flags.filter { $0.valueName != nil && $0.name != "config" }
    for (member, texts) in texts.sorted(by: { $0.key < $1.key }) {
      guard let flag = flags.first(where: { Self.names(of: $0).contains(member) }) else {
        throw CommandFailure(
          .badInput, code: "config.unknown", "\(path): found the member \"\(PlainText.visible(member))\"",
          hint:
            "members are \(flags.compactMap { Self.names(of: $0).last }.sorted().joined(separator: ", "))",
          details: ["found": member])
      }
      if parsed.holds(flag) || environment.contains(flag.name) { continue }
      guard flag.combine != nil || texts.count == 1 else {
        throw refusal(of: member, found: "\(texts.count) values", allowed: "one")
      }
      for text in texts {
        do throws(ValueRefusal) {
          parsed.set(flag, to: try flag.parse(text))
        } catch {
          throw refusal(of: member, found: "\"\(PlainText.visible(text))\"", allowed: error.allowed)
        }
      }
    }
  }

  private func refusal(of member: String, found: String, allowed: String) -> CommandFailure {
    CommandFailure(
      .badInput, code: "config.value", "\(path), \(member): found \(found), allowed \(allowed)",
      details: ["member": member, "allowed": allowed])
  }

  /// What a flag may be called in a file; the last is what it is best called.
  private static func names(of flag: FlagDefinition) -> [String] {
    let words = flag.name.split(separator: "-")
    let name = words.dropFirst().reduce(String(words.first ?? "")) {
      $0 + $1.prefix(1).uppercased() + $1.dropFirst()
    }
    return flag.combine == nil ? [name] : [name, name + "s"]
  }

  /// A value as it would be typed.
  private struct Setting: Decodable {
    var texts: [String]

    init(from decoder: any Decoder) throws {
      if let value = try? Self.scalar(decoder) {
        texts = [value]
      } else if let list = try? [Setting](from: decoder) {
        texts = list.flatMap(\.texts)
      } else {
        texts = try [String: Setting](from: decoder).sorted { $0.key < $1.key }
          .flatMap { name, value in value.texts.map { "\(name)=\($0)" } }
      }
    }

    private static func scalar(_ decoder: any Decoder) throws -> String {
      let value = try decoder.singleValueContainer()
      if let text = try? value.decode(String.self) { return text }
      if let flag = try? value.decode(Bool.self) { return "\(flag)" }
      return "\(try value.decode(Int64.self))"
    }
  }
}
