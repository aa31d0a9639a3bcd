/// The trees and the public file that tickets and batches commit to (PROTOCOL 9).
///
/// The trees are OpenZeppelin's standard trees, so that a contract can check them; the order of leaves plays
/// no part.
public enum TicketTrees {
  /// The root of an account's settled jobs; zero when there are none.
  public static func jobsRoot(of leaves: [JobLeaf]) -> Bytes32 {
    leaves.isEmpty ? .zero : StandardMerkleTree(leaves: leaves.map(\.abiValues)).root
  }

  /// The root of all accounts' newest tickets; zero when there are none.
  public static func accountsRoot(of tickets: [Ticket]) -> Bytes32 {
    tickets.isEmpty ? .zero : StandardMerkleTree(leaves: tickets.map(\.abiValues)).root
  }

  /// The path from an account's leaf to the accounts' root.
  ///
  /// - Throws: ``TicketError/leafMissing(account:)``.
  public static func proof(of account: Address, in tickets: [Ticket]) throws(TicketError) -> [Bytes32] {
    guard let index = tickets.firstIndex(where: { $0.account == account }) else {
      throw .leafMissing(account: account)
    }
    return StandardMerkleTree(leaves: tickets.map(\.abiValues)).proof(of: index)
  }

  /// The path from a job's leaf to the jobs' root.
  ///
  /// - Throws: ``TicketError/jobMissing(_:)``.
  public static func proof(of job: JobLeaf, in jobs: [JobLeaf]) throws(TicketError) -> [Bytes32] {
    guard let index = jobs.firstIndex(of: job) else { throw .jobMissing(job.jobID) }
    return StandardMerkleTree(leaves: jobs.map(\.abiValues)).proof(of: index)
  }

  /// The public file of all leaves, whose SHA-256 is a batch's dataHash.
  ///
  /// One canonical JSON object (RFC 8785) a line, each line ended by a line feed, in ascending order of
  /// accounts.
  public static func leavesFile(_ tickets: [Ticket]) -> [UInt8] {
    tickets.sorted { $0.account < $1.account }.flatMap { Array(($0.canonicalJSON + "\n").utf8) }
  }

  /// The tickets of a public file.
  ///
  /// The file must be exactly what ``leavesFile(_:)`` writes, so that one set of leaves has one hash.
  ///
  /// - Throws: ``TicketError/leavesLine(number:cause:)``, ``TicketError/leavesNotCanonical``,
  ///   ``TicketError/duplicateAccount(_:)``.
  public static func tickets(inLeavesFile bytes: [UInt8]) throws(TicketError) -> [Ticket] {
    var tickets: [Ticket] = []
    for (index, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated() {
      tickets.append(try ticket(ofLine: String(decoding: line, as: UTF8.self), number: index + 1))
    }
    try checkUnique(tickets)
    guard leavesFile(tickets) == bytes else { throw .leavesNotCanonical }
    return tickets
  }

  private static func ticket(ofLine line: String, number: Int) throws(TicketError) -> Ticket {
    let json: JSONValue
    do throws(FormatError) {
      json = try JSONValue(parsing: line, byteLimit: 4_096, depthLimit: 2)
    } catch {
      throw .leavesLine(number: number, cause: .format(error))
    }
    do throws(TicketError) {
      return try Ticket(json: json)
    } catch {
      guard case .malformed(_, let cause) = error else { throw error }
      throw .leavesLine(number: number, cause: cause)
    }
  }

  static func checkUnique(_ tickets: [Ticket]) throws(TicketError) {
    var seen: Set<Address> = []
    for ticket in tickets {
      guard seen.insert(ticket.account).inserted else { throw .duplicateAccount(ticket.account) }
    }
  }

  /// Checks that the leaves of one batch may follow those of the batch before: no account is lost, no
  /// cumulativePayout falls, and a leaf that changed has a later epoch.
  ///
  /// - Throws: ``TicketError/leafMissing(account:)`` and those of ``Ticket/check(after:)``.
  public static func check(leaves: [Ticket], after previous: [Ticket]) throws(TicketError) {
    try checkUnique(leaves)
    let byAccount = Dictionary(leaves.map { ($0.account, $0) }, uniquingKeysWith: { first, _ in first })
    for older in previous {
      guard let newer = byAccount[older.account] else { throw .leafMissing(account: older.account) }
      if newer != older { try newer.check(after: older) }
    }
  }
}
