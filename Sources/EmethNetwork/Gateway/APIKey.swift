import EmethKit

/// What clients of the OpenAI HTTP API show: a secret of 32 random bytes, of which a server keeps the hash alone.
public struct APIKey: Sendable, CustomStringConvertible {
  /// How it begins.
  public static let prefix = "emeth-"

  /// The key as clients send it.
  public let description: String

  /// The hash by which it is known.
  public var hash: Bytes32 { Self.hash(of: description) }

  /// A key of random bytes.
  public init(secret: Bytes32) { description = Self.prefix + Hex.encode(secret.bytes, prefixed: false) }

  /// A new key.
  public init() {
    var random = SystemRandomNumberGenerator()
    let bytes = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
    self.init(secret: Bytes32(bytes) ?? .zero)
  }

  static func hash(of text: String) -> Bytes32 { SHA256.hash(Array(text.utf8)) }
}

/// How a key of an account stands.
public struct APIKeyStanding: Codable, Sendable, Hashable {
  /// Its number, by which it is revoked.
  public var number: UInt32
  /// What its owner calls it.
  public var name: String
  /// The most that may be spent with it.
  public var budget: TokenAmount
  /// What was spent with it.
  public var spent: TokenAmount
  /// What is bound for texts that are being drawn.
  public var reserved: TokenAmount
  /// When it was made, unix seconds.
  public var createdAt: UInt64
  /// Since when it counts no more, unix seconds; absent while it does.
  public var revokedAt: UInt64?
}

/// A wish for a key.
public struct WantedAPIKey: Codable, Sendable, Hashable {
  /// The key's hash: SHA-256 of its text.
  public var hash: Bytes32
  /// What its owner calls it.
  public var name: String
  /// The most that may be spent with it.
  public var budget: TokenAmount

  /// The most bytes of a name.
  static let nameLimit = 64
  /// The most keys of an account.
  static let limit = 1_000

  /// A wish for this key.
  public init(_ key: APIKey, name: String, budget: TokenAmount) {
    (hash, self.name, self.budget) = (key.hash, name, budget)
  }
}

/// Keys in the database, inside the caller's transaction.
enum APIKeyStore {
  static func add(_ wanted: WantedAPIKey, of account: Address, at now: UInt64, in db: SQLSession) throws
    -> APIKeyStanding
  {
    db.concernsNoJob()
    guard (1...WantedAPIKey.nameLimit).contains(wanted.name.utf8.count),
      wanted.name.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F })
    else {
      throw NetworkError.badSetting(
        name: "name of a key", found: String(wanted.name.prefix(WantedAPIKey.nameLimit)).debugDescription,
        allowed: "1 to \(WantedAPIKey.nameLimit) bytes of text in one line")
    }
    if let row = try SQLRow.fetchOne(
      db, sql: "SELECT account, \(columns) FROM apiKey WHERE hash = ?", arguments: ["\(wanted.hash)"])
    {
      // Asked for twice it is made once.
      guard try row["account"] == "\(account)" else {
        throw NetworkError.refused(
          code: "apiKey.taken", message: "a key with this hash is there already", hint: "make another one")
      }
      return try standing(row)
    }
    let (count, last) = try numbers(of: account, in: db)
    guard count < WantedAPIKey.limit else {
      throw NetworkError.refused(
        code: "apiKey.tooMany", message: "the account has \(count) keys, allowed are \(WantedAPIKey.limit)",
        hint: nil)
    }
    try db.execute(
      sql: """
        INSERT INTO apiKey (hash, number, account, name, budget, spent, reserved, createdAt)
        VALUES (?, ?, ?, ?, ?, '0', '0', ?)
        """,
      arguments: [
        "\(wanted.hash)", last + 1, "\(account)", wanted.name, "\(wanted.budget.holon)", Int64(clamping: now),
      ])
    return APIKeyStanding(
      number: last + 1, name: wanted.name, budget: wanted.budget, spent: .zero, reserved: .zero,
      createdAt: now)
  }

  private static func numbers(of account: Address, in db: SQLSession) throws -> (count: Int, last: UInt32) {
    (
      try Int.fetchOne(
        db, sql: "SELECT count(*) FROM apiKey WHERE account = ?", arguments: ["\(account)"]) ?? 0,
      try UInt32.fetchOne(db, sql: "SELECT max(number) FROM apiKey") ?? 0
    )
  }

  /// An account's keys, oldest first.
  static func all(of account: Address, in db: SQLSession) throws -> [APIKeyStanding] {
    try SQLRow.fetchAll(
      db, sql: "SELECT \(columns) FROM apiKey WHERE account = ? ORDER BY number", arguments: ["\(account)"]
    ).map(standing)
  }

  /// Revokes a key of an account: it counts no more.
  static func revoke(_ number: UInt32, of account: Address, at now: UInt64, in db: SQLSession) throws
    -> APIKeyStanding
  {
    db.concernsNoJob()
    try db.execute(
      sql: "UPDATE apiKey SET revokedAt = ? WHERE number = ? AND account = ? AND revokedAt IS NULL",
      arguments: [Int64(clamping: now), number, "\(account)"])
    guard
      let row = try SQLRow.fetchOne(
        db, sql: "SELECT \(columns) FROM apiKey WHERE number = ? AND account = ?",
        arguments: [number, "\(account)"])
    else {
      throw NetworkError.refused(
        code: "apiKey.unknown", message: "account \(account) has no key \(number)", hint: nil)
    }
    return try standing(row)
  }

  private static let columns = "number, name, budget, spent, reserved, createdAt, revokedAt"

  private static func standing(_ row: SQLRow) throws -> APIKeyStanding {
    APIKeyStanding(
      number: try row["number"], name: try row["name"], budget: try TextLedger.amount(row["budget"]),
      spent: try TextLedger.amount(row["spent"]), reserved: try TextLedger.amount(row["reserved"]),
      createdAt: try row["createdAt"], revokedAt: try row["revokedAt"])
  }
}
