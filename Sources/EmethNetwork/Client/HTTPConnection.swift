import EmethKit
import Foundation
import Logging

/// A node's or a verifier's network, and a requester's, behind the HTTP API of a server.
///
/// ```swift
/// let connection = try HTTPConnection(server: "https://emeth.example.org", key: key)
/// let offers = try await connection.openSubJobs(SubJobFilter(), waitingUpTo: 30)
/// ```
public final class HTTPConnection: NetworkConnection {
  /// How requests are sent.
  public let client: ServerClient
  /// Who speaks.
  public let account: Address

  /// A connection for an account; nothing is sent yet.
  ///
  /// - Throws: ``NetworkError/badSetting(name:found:allowed:)`` when `server` is no URL of a server.
  public init(
    server: String, key: PrivateKey, settings: ClientSettings = ClientSettings(), logger: Logger? = nil
  ) throws(NetworkError) {
    client = ServerClient(server: try ServerAddress(server), key: key, settings: settings, logger: logger)
    account = key.address
  }

  /// As ``NetworkConnection`` says.
  public func facts() async throws(NetworkError) -> NetworkFacts { try await client.facts() }

  /// As ``NetworkConnection`` says.
  public func balances() async throws(NetworkError) -> Balances {
    try await client.get("/api/v2/accounts/\(account)/balances")
  }

  /// The account's newest ticket; nil when it has none yet.
  public func ticket() async throws(NetworkError) -> SignedTicket? {
    do throws(NetworkError) {
      return try await client.ticket(of: account)
    } catch {
      if error.code == "ticket.none" { return nil }
      throw error
    }
  }

  /// The account's ticket in the batch of an epoch; nil when that batch has none of it.
  public func provenTicket(inBatch epoch: UInt64) async throws(NetworkError) -> ProvenTicket? {
    do throws(NetworkError) {
      return try await client.provenTicket(of: account, in: .epoch(epoch))
    } catch {
      if ["ticket.none", "batch.none"].contains(error.code) { return nil }
      throw error
    }
  }

  // MARK: - SubJobs

  /// SubJobs that wait for a node and that this account may take. Waits up to `seconds` for the first.
  public func openSubJobs(
    _ filter: SubJobFilter, waitingUpTo seconds: Double
  ) async throws(NetworkError) -> [SubJobOffer] {
    var query = ["wait=\(Int(seconds.rounded(.up)))", "limit=\(filter.limit)"]
    let lists = [("programs", filter.programs), ("withoutPrograms", filter.withoutPrograms)]
    for (name, programs) in lists where !programs.isEmpty {
      query.append("\(name)=" + programs.map { "\($0.rawValue)" }.sorted().joined(separator: ","))
    }
    if let modules = filter.modules {
      query.append("modules=" + modules.map { "\($0)" }.sorted().joined(separator: ","))
    }
    if let seen = filter.seen { query.append("seen=\(seen)") }
    if filter.minimumFuelPrice.holonPerFuel > 0 {
      query.append("minimumFuelPrice=\(filter.minimumFuelPrice.holonPerFuel)")
    }
    return try await client.get(
      "/api/v2/sub-jobs?" + query.joined(separator: "&"), waitSeconds: seconds, signed: true)
  }

  /// As ``NetworkConnection`` says.
  public func process(
    _ subJob: JobID, binding: SignedKeyBinding
  ) async throws(NetworkError) -> Assignment {
    try await client.send("POST", "/api/v2/sub-jobs/\(subJob)/process", binding, repeatable: true)
  }

  /// Says that it still computes.
  public func renew(_ subJob: JobID) async throws(NetworkError) {
    let _: Done = try await client.send(
      "POST", "/api/v2/sub-jobs/\(subJob)/renew", Nothing(), repeatable: true)
  }

  /// Gives a SubJob up.
  public func decline(_ subJob: JobID, reason: String) async throws(NetworkError) {
    let body = Routes.Decline(reason: reason)
    let _: Done = try await client.send("POST", "/api/v2/sub-jobs/\(subJob)/decline", body, repeatable: true)
  }

  /// Hands a result in.
  public func submit(_ result: NodeResult) async throws(NetworkError) {
    let path = "/api/v2/sub-jobs/\(result.submission.submission.jobID)/submit"
    let _: Done = try await client.send("POST", path, result, repeatable: true)
  }

  /// How a SubJob stands.
  public func state(of subJob: JobID) async throws(NetworkError) -> SubJobState {
    try await client.get("/api/v2/sub-jobs/\(subJob)")
  }

  // MARK: - Errands

  /// As ``NetworkConnection`` says.
  public func errands(
    of kinds: Set<Errand.Kind>, except known: Set<String>, waitingUpTo seconds: Double
  ) async throws(NetworkError) -> [Errand] {
    let names = known.sorted().joined(separator: ",")
    let wanted = kinds.map(\.rawValue).sorted().joined(separator: ",")
    let errands: [Errand] = try await client.get(
      "/api/v2/errands?wait=\(Int(seconds.rounded(.up)))&kinds=\(wanted)&known=\(names)",
      waitSeconds: seconds,
      signed: true)
    return errands
  }

  /// Answers an errand: JSON of the type that its kind names.
  public func answer(_ errand: String, _ body: Data) async throws(NetworkError) {
    let call = ServerClient.Call(
      method: "POST", path: "/api/v2/errands/\(errand)/answer", body: body, isSigned: true,
      timeoutSeconds: client.settings.timeoutSeconds)
    _ = try await client.send(call)
  }

  // MARK: - Verifiers

  /// As ``NetworkConnection`` says.
  public func postBond(
    upTo amount: TokenAmount, binding: SignedKeyBinding, modules: [Bytes32]
  ) async throws(NetworkError) {
    let body = Routes.Bond(amount: amount, binding: binding, modules: modules.isEmpty ? nil : modules)
    let _: VerifierAccount = try await client.send("POST", "/api/v2/verifiers/bond", body, repeatable: true)
  }

  /// As ``NetworkConnection`` says.
  public func postCommitments(
    _ commitments: [Bytes32], from first: UInt32
  ) async throws(NetworkError) {
    var first = first
    var rest = commitments[...]
    while !rest.isEmpty {
      let some = Array(rest.prefix(Routes.commitmentLimit))
      let body = Routes.Commitments(first: first, commitments: some)
      let _: VerifierAccount = try await client.send(
        "POST", "/api/v2/verifiers/commitments", body, repeatable: true)
      first += UInt32(some.count)
      rest = rest.dropFirst(some.count)
    }
  }

  /// As ``NetworkConnection`` says.
  public func verifier() async throws(NetworkError) -> VerifierAccount {
    try await client.get("/api/v2/verifiers/\(account)")
  }

  // MARK: - Live texts

  /// As ``NetworkConnection`` says.
  public func liveModels() async throws(NetworkError) -> [LiveModel] {
    do throws(NetworkError) {
      return try await client.get("/api/v2/gateway/models")
    } catch {
      if error.code == "gateway.none" { return [] }
      throw error
    }
  }

  /// As ``NetworkConnection`` says.
  public func take(_ turn: LiveTurn) async throws(NetworkError) -> LiveWork {
    let body = try asNetworkError { try WireFormat.encoder.encode(turn) }
    let call = ServerClient.Call(
      method: "POST", path: "/api/v2/gateway/turn", body: body, isSigned: true,
      timeoutSeconds: client.settings.timeoutSeconds + Double(turn.wait))
    return try client.decode(try await client.send(call).body, from: call.path)
  }

  /// As ``NetworkConnection`` says.
  public func receipts(after count: UInt64) async throws(NetworkError) -> [SignedReceipt] {
    try await client.get("/api/v2/gateway/receipts?after=\(count)", signed: true)
  }

  // MARK: - Objects

  /// Fetches an object into a store, where it is not there already.
  public func fetch(object hash: Bytes32, into store: ContentStore) async throws(NetworkError) {
    if try store.contains(hash) { return }
    let file = store.folder.appending(path: "\(Hex.encode(hash.bytes, prefixed: false)).download")
    let found: Bytes32?
    do throws(NetworkError) {
      found = try await client.download("/api/v2/objects/\(hash)", to: file)
    } catch {
      throw error.code == "storage.missing" ? .missingObject(hash: hash) : error
    }
    do throws(NetworkError) {
      try store.adopt(file, as: hash, found: found)
    } catch {
      // What is there is not what was asked for: the next try begins anew.
      try Files.remove(file)
      throw error
    }
  }

  /// Gives an object of a store to the network.
  public func give(object hash: Bytes32, from store: ContentStore) async throws(NetworkError) {
    try await client.upload(try store.file(of: hash).url, to: .object, as: hash)
  }

  /// Gives a masked vector of a store to the network.
  public func give(vector root: Bytes32, from store: ContentStore) async throws(NetworkError) {
    try await client.upload(try store.file(ofVector: root).url, to: .vector, as: root)
  }
}

/// What a request says that has nothing to say: `{}`.
struct Nothing: Codable, Sendable {}
