import EmethKit
import EmethNetwork

/// Keys of a server's gateway: what clients of the OpenAI HTTP API show.
enum APIKeyArguments {
  static let name = Flag("name", .text, absent: "\"key\"", help: "what the key is called in lists")
  static let budget = Argument("BUDGET", .tokenAmount, help: "the most that may be spent with it")
  static let number = Argument(
    "NUMBER", .unsigned(from: 1), help: "the key's number, as list-api-keys says it")

  /// A key as it is listed.
  struct Listing: Encodable {
    var number: UInt32
    var name: String
    var budget: TokenAmount
    var spent: TokenAmount
    var reserved: TokenAmount
    var createdAt: UInt64
    var revokedAt: UInt64?
    /// The key itself: said once, when it is made.
    var key: String?

    init(_ standing: APIKeyStanding, key: APIKey? = nil) {
      (number, name, budget) = (standing.number, standing.name, standing.budget)
      (spent, reserved) = (standing.spent, standing.reserved)
      (createdAt, revokedAt) = (standing.createdAt, standing.revokedAt)
      self.key = key?.description
    }

    var line: String {
      let state = revokedAt == nil ? "" : ", revoked"
      return "\(number) \(name): spent \(spent) of \(budget)\(state)"
    }
  }
}

extension Command {
  /// `emeth new-api-key BUDGET`: makes a key for a server's gateway.
  static let newAPIKey = Command(
    CommandDefinition(
      "new-api-key", section: .keys, summary: "make a key for a server's gateway",
      discussion: [
        "Text that is bought with the key is paid from the account of --key-file, at most BUDGET in all. The key is printed "
          + "once: the server keeps its hash alone. Clients of the OpenAI HTTP API send it as their API key, with URL/v1 as "
          + "their base URL.",
        "The server reads prompts and answers of such clients.",
      ],
      arguments: [APIKeyArguments.budget],
      flags: ServerOptions.signedOnly + [APIKeyArguments.name, CommonFlags.json],
      examples: [
        CommandExample(
          "emeth new-api-key 5emeth --name chat --server http://127.0.0.1:7443 --key-file key",
          "five EMETH to chat")
      ],
      exitCodes: [.no: KeyOptions.wrongPassword])
  ) { parsed, context in
    let client = try ServerOptions.requiredClient(parsed, context, signed: true)
    let key = APIKey()
    let standing = try await client.addAPIKey(
      key, name: parsed[APIKeyArguments.name] ?? "key", budget: parsed[APIKeyArguments.budget])
    if parsed[CommonFlags.json] {
      try context.output.write(JSONText.pretty(APIKeyArguments.Listing(standing, key: key)))
    } else {
      try context.output.print("\(key)")
      context.talk.note("key \(standing.number): it is not shown again")
    }
    return .done
  }

  /// `emeth list-api-keys`: what each key has spent.
  static let listAPIKeys = Command(
    CommandDefinition(
      "list-api-keys", section: .keys, summary: "list an account's API keys and what each spent",
      flags: ServerOptions.signedOnly + [CommonFlags.json],
      examples: [
        CommandExample(
          "emeth list-api-keys --server http://127.0.0.1:7443 --key-file key", "all keys of an account")
      ],
      exitCodes: [.no: KeyOptions.wrongPassword])
  ) { parsed, context in
    let client = try ServerOptions.requiredClient(parsed, context, signed: true)
    let keys = try await client.apiKeys().map { APIKeyArguments.Listing($0) }
    if parsed[CommonFlags.json] {
      try context.output.write(JSONText.pretty(keys))
    } else {
      for key in keys { try context.output.print(key.line) }
    }
    return .done
  }

  /// `emeth revoke-api-key NUMBER`: ends a key.
  static let revokeAPIKey = Command(
    CommandDefinition(
      "revoke-api-key", section: .keys, summary: "end an API key: it buys nothing more",
      arguments: [APIKeyArguments.number], flags: ServerOptions.signedOnly + [CommonFlags.json],
      examples: [
        CommandExample(
          "emeth revoke-api-key 3 --server http://127.0.0.1:7443 --key-file key", "the key number 3")
      ],
      exitCodes: [.no: "the account has no such key, or \(KeyOptions.wrongPassword)"])
  ) { parsed, context in
    let client = try ServerOptions.requiredClient(parsed, context, signed: true)
    let number = parsed[APIKeyArguments.number]
    do {
      let key = APIKeyArguments.Listing(try await client.revokeAPIKey(UInt32(clamping: number)))
      if parsed[CommonFlags.json] {
        try context.output.write(JSONText.pretty(key))
      } else {
        try context.output.print(key.line)
      }
      return .done
    } catch NetworkError.refused(let code, let message, let hint) where code == "apiKey.unknown" {
      throw CommandFailure(.no, code: code, message, hint: hint, details: [:])
    }
  }
}
