import EmethKit
import Foundation

/// Keys and records that the tests sign with: they follow from a fixed seed.
enum TestKeys {
  static func key(_ index: UInt32) -> PrivateKey {
    PrivateKey(seed: SHA256.hash("command tests".utf8), label: "test", index: index)
  }

  static let signer = key(0)

  /// Tickets with small and very large amounts, for the embedded settlement and for a chain.
  static func tickets() throws -> [SignedTicket] {
    let chain = EIP712Domain(chainId: 1, verifyingContract: key(9).address)
    let amounts: [UInt256] = [0, 1, 14_400_000_000_000_000, .max]
    return amounts.enumerated().map { index, amount in
      SignedTicket(
        signing: Ticket(
          account: key(UInt32(index) + 1).address, epoch: index == 3 ? .max : UInt64(index + 1),
          cumulativePayout: TokenAmount(holon: amount), unspent: TokenAmount(holon: amount / 2),
          locked: TokenAmount(holon: amount / 3), jobsRoot: SHA256.hash("jobs \(index)".utf8)),
        in: index.isMultiple(of: 2) ? .embedded : chain, with: signer)
    }
  }

  /// Leaves of three accounts and the batch over them.
  static func batch() throws -> (leaves: [Ticket], batch: SignedBatch) {
    let leaves = (1...3).map { index in
      Ticket(
        account: key(UInt32(index)).address, epoch: UInt64(index),
        cumulativePayout: TokenAmount(holon: UInt256(index) * 1000),
        unspent: .zero, locked: .zero, jobsRoot: .zero)
    }
    let batch = Batch(
      epoch: 3, previousBatch: SHA256.hash("before".utf8), accountsRoot: TicketTrees.accountsRoot(of: leaves),
      totalPayout: TokenAmount(holon: 6000), totalBurned: TokenAmount(holon: 7), depositsSeen: 2,
      dataHash: SHA256.hash(TicketTrees.leavesFile(leaves)), fromTime: 100, toTime: 160)
    return (leaves, SignedBatch(signing: batch, in: .embedded, with: signer))
  }
}

extension ScratchFolder {
  /// Writes a value as JSON.
  func writeJSON(_ value: some Encodable, to name: String) throws {
    try JSONEncoder().encode(value).write(to: url.appending(path: name))
  }

  /// Writes a raw key file that only its owner can read.
  func writeKey(_ key: PrivateKey, to name: String) throws {
    try writePrivate(key.withSecretBytes { Hex.encode($0) } + "\n", to: name)
  }

  /// Writes a file that only its owner can read.
  func writePrivate(_ text: String, to name: String) throws {
    try write(text, to: name)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path(name))
  }
}
