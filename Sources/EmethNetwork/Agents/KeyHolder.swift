import EmethKit
import Foundation
import Synchronization

/// The requester's own process of a job whose keys it holds: writes the header for each node that claims a part
/// (PROTOCOL 5, `--hold-keys`).
///
/// All keys follow from the account's own, so that it keeps nothing: killed and started again anywhere, it goes on.
///
/// ```swift
/// let holder = KeyHolder(job: id, key: key, connection: connection, domain: facts.domain)
/// try await holder.run()          // until the task is cancelled
/// ```
public final class KeyHolder: Sendable {
  /// What it tells.
  public enum Event: Sendable {
    /// A node got the header of a part.
    case wrote(SubJobPosition, node: Address)
    /// A node that is not among those whom the requester trusts got none.
    case refused(SubJobPosition, node: Address)
    /// Something went wrong; what is asked for once more is tried again.
    case failed(what: String, NetworkError)
  }

  private let job: JobID
  private let key: PrivateKey
  private let connection: any NetworkConnection
  private let domain: EIP712Domain
  private let nodes: Set<Address>
  private let patience: Double
  private let onEvent: @Sendable (Event) -> Void
  /// Who got the header of a SubJob, and until when nobody else gets it, seconds.
  private let written = Mutex<[JobID: (node: Address, until: UInt64)]>([:])

  /// A holder of the keys of one job.
  ///
  /// - Parameters:
  ///   - nodes: who may get headers; empty is every node that claims a part.
  ///   - patience: how long the network may let it wait for the next question, seconds.
  public init(
    job: JobID, key: PrivateKey, connection: any NetworkConnection, domain: EIP712Domain = .embedded,
    nodes: Set<Address> = [], patience: Double = 20, onEvent: @escaping @Sendable (Event) -> Void = { _ in }
  ) {
    self.job = job
    self.key = key
    self.connection = connection
    self.domain = domain
    self.nodes = nodes
    self.patience = patience
    self.onEvent = onEvent
  }

  /// Writes headers until the task is cancelled.
  public func run() async {
    let desk = ErrandDesk(connection: connection, kinds: [.header], patience: patience) { what, error in
      // What another process of the account answers is no trouble of this one.
      guard !Task.isCancelled, error != .interrupted, error.code != "subJob.otherJob" else { return }
      self.onEvent(.failed(what: what, error))
    }
    await desk.work { errand async throws(NetworkError) in try await self.answer(errand) }
  }

  private func answer(_ errand: Errand) async throws(NetworkError) -> Data {
    guard case .header(let request) = errand.question else {
      throw .malformed(
        what: "errand \(errand.id)", reason: "a requester is not asked for \(errand.kind.rawValue)")
    }
    let header = try await header(for: request, due: errand.due)
    return try asNetworkError { try WireFormat.encoder.encode(WrittenHeader(header: header)) }
  }

  /// The header that is asked for; nil for a node that is to get none.
  ///
  /// - Throws: ``NetworkError/refused(code:message:hint:)`` for a question that the network should not have asked.
  func header(for request: HeaderRequest, due: UInt64) async throws(NetworkError) -> HexText? {
    let (position, subJob, node) = (request.position, request.subJob, request.binding.binding.account)
    func refused(_ code: String, _ message: String) -> NetworkError {
      .refused(code: code, message: message, hint: nil)
    }
    guard position.parent == job else {
      throw refused("subJob.otherJob", "SubJob \(subJob) is not of job \(job)")
    }
    let expected = JobID(
      parent: job, round: position.round, part: position.part, attempt: position.attempt)
    guard subJob == expected else {
      throw refused(
        "subJob.otherPart",
        "a header of part \(position.part) is asked for as SubJob \(subJob), that part's is \(expected)")
    }
    let now = secondsNow()
    try asNetworkError { try request.binding.check(at: now, in: domain) }
    try request.binding.binding.checkRecipient()
    guard nodes.isEmpty || nodes.contains(node) else {
      onEvent(.refused(position, node: node))
      return nil
    }
    let standing = try await connection.state(of: subJob)
    guard standing.position == position, standing.status == .requested else {
      throw refused(
        "subJob.notOpen", "a header of SubJob \(subJob) is asked for, which is \(standing.status.name)")
    }
    let other = written.withLock { written -> Address? in
      if let earlier = written[subJob], earlier.node != node, now < earlier.until { return earlier.node }
      written[subJob] = (node, due)
      return nil
    }
    if let other {
      throw refused(
        "subJob.claimed", "SubJob \(subJob) is \(other)'s to take, \(node) gets no header meanwhile")
    }
    let header = try Splitter(requester: key).header(
      of: job, part: position.part, subJob: subJob, node: node, binding: request.binding, now: now,
      domain: domain)
    onEvent(.wrote(position, node: node))
    return HexText(wrappedValue: header)
  }
}
