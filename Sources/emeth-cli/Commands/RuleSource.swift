import EmethKit

/// Where a rule set comes from: the protocol, or a user's own file.
enum RuleSource: Sendable {
  case named(RuleSet)
  case file(String)

  /// The rules; a file is read and checked.
  func load() throws -> RuleSet {
    switch self {
    case .named(let rules): return rules
    case .file(let path):
      let file = InputFile(path)
      return try JSONInput.decode(RuleSet.self, from: JSONInput.parse(file).text, of: file)
    }
  }
}
