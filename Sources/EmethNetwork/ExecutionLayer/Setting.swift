import EmethKit

/// A value of the network as a whole, as text under a name. Reading and writing is inside the caller's transaction.
struct Setting: Sendable {
  let name: String

  /// The clock that events advance, milliseconds.
  static let clock = Setting(name: "clock")
  /// What a network in one process is made of.
  static let network = Setting(name: "network")
  /// When the service was last known to work, unix seconds.
  static let aliveAt = Setting(name: "aliveAt")
  /// The latest epoch that a process waits for.
  static let wantedEpoch = Setting(name: "wantedEpoch")
  /// The last transfer that is in a batch.
  static let closedTransfer = Setting(name: "closedTransfer")
  /// Who signs tickets and batches from epoch 1 on: the key of the network's seed.
  static let signer = Setting(name: "signer")
  /// How the Signer's role was handed on: an array of signed changes.
  static let signerChanges = Setting(name: "signerChanges")
  /// What is in the Splitter's store of every process that serves the network.
  static let store = Setting(name: "store")

  /// Which of the things that they need jobs hold: those of earlier layouts none, nor do those of a network in one process.
  static let holds = Setting(name: "holds")

  /// The contract that redeems this network's tickets, and its chain; nothing where settlement is embedded.
  static let settlement = Setting(name: "settlement")
  /// The epoch whose batch the members of a Signer of several keys were asked to sign.
  static let askedEpoch = Setting(name: "askedEpoch")
  /// Whose logs were read.
  static let followed = Setting(name: "followed")
  /// The last block whose logs were read twice.
  static let readTwice = Setting(name: "readTwice")

  /// What an account was granted, holon.
  static func grant(to account: Address) -> Setting { Setting(name: "grant \(account)") }

  func text(in db: SQLSession) throws -> String? {
    try String.fetchOne(db, sql: "SELECT value FROM setting WHERE name = ?", arguments: [name])
  }

  /// The value as a number; 0 when there is none.
  func number(in db: SQLSession) throws -> UInt64 { try text(in: db).flatMap { UInt64($0) } ?? 0 }

  func remove(in db: SQLSession) throws {
    try db.execute(sql: "DELETE FROM setting WHERE name = ?", arguments: [name])
  }

  func set(_ value: String, in db: SQLSession) throws {
    try db.execute(
      sql:
        "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
      arguments: [name, value])
  }
}
