import EmethKit
import Foundation

/// One of several keys that sign a network's batches: a member of the contract EmethSigners that is its Signer.
///
/// It signs what a server asks for when that can be true by what its own node of the chain says: never more money than came
/// in, never less for an account than in what it signed before, never two batches of one epoch.
///
/// ```swift
/// let cosigner = BatchCosigner(server: client, chain: node, core: core, key: key, folder: folder)
/// if let report = try await cosigner.run() { print(report.epoch, report.signers) }
/// ```
public final class BatchCosigner: Sendable {
  /// What was signed, or would be.
  public struct Report: Sendable, Encodable {
    /// The epoch of the batch.
    @DecimalText public var epoch: UInt64
    /// The batch's digest.
    public var digest: Bytes32
    /// Whose signature this is.
    public var account: Address
    /// Who has signed it by now.
    public var signers: [Address]
    /// So many must.
    @DecimalText public var needed: UInt64
    /// Of how many accounts it has the balances.
    public var accounts: Int
    /// What it says that all accounts have, and had, together with what was burned.
    public var said: TokenAmount
    /// What came in, as the chain says.
    public var cameIn: TokenAmount
    /// Whether nothing was signed.
    public var isDryRun: Bool
  }

  /// What this key has signed last: what it signs next must follow from it.
  private struct Memory: Codable {
    var batch: SignedBatch
    var leaves: [Ticket]
  }

  private let server: ServerClient
  private let chain: ChainClient
  private let core: Address
  private let key: PrivateKey
  private let folder: URL

  /// Asks and signs nothing yet.
  ///
  /// - Parameters:
  ///   - server: one of the network's servers; it signs its requests with the same key.
  ///   - chain: a node that the key's owner believes.
  ///   - folder: where it is kept what was signed; without it two batches of one epoch could be.
  public init(server: ServerClient, chain: ChainClient, core: Address, key: PrivateKey, folder: URL) {
    self.server = server
    self.chain = chain
    self.core = core
    self.key = key
    self.folder = folder
  }

  /// Signs the batch that waits for signatures; nil when none does.
  ///
  /// - Throws: ``ChainError/batchRefused(epoch:reason:)`` for one that can't be true, ``ChainError/signerSet(contract:account:reason:)``
  ///   where the key is no member, and what server and node refuse.
  public func run(isDryRun: Bool = false) async throws(ChainError) -> Report? {
    let contracts = try await ChainContracts.find(core: core, with: chain)
    let signer = try await ChainSigner.read(of: contracts.settlement, from: chain)
    let refusal = try await signer.refusal(of: key, with: chain)
    if let refusal, refusal.code != "chain.otherSigner" { throw refusal }
    guard let needed = try await signer.threshold(with: chain) else {
      throw .signerSet(
        contract: signer.current, account: key.address, reason: "it is an account, which signs alone")
    }
    let facts = try await asked { () async throws(NetworkError) in try await self.server.facts() }
    guard facts.domain == contracts.domain else {
      throw .wrongContract(
        address: facts.domain.verifyingContract, what: "the settlement of \(server.server)",
        found: Setting.text(of: facts.domain), expected: Setting.text(of: contracts.domain))
    }
    guard let batch = try await asked({ () async throws(NetworkError) in try await self.server.askedBatch() })
    else { return nil }
    let epoch = batch.batch.epoch
    // The server has not read yet that it is posted.
    if try await chain.call(EmethCore.batch(batch.digest), at: contracts.settlement) != nil { return nil }
    try await checkAgainstPosted(epoch, contracts.settlement)
    let leaves = try await asked { () async throws(NetworkError) in
      try await self.server.leaves(ofBatch: epoch)
    }
    let cameIn = try await cameIn(contracts.settlement)
    let seen = try await chain.call(EmethCore.depositCount(), at: contracts.settlement)
    let check = { () throws(ChainError) in
      try self.check(
        batch, leaves, signer: facts.signer(of: epoch), in: contracts.domain, cameIn: cameIn, deposits: seen)
    }
    var signers = batch.allSigners
    let said: TokenAmount
    if isDryRun {
      said = try check()
    } else {
      said = try alone { () throws(ChainError) in
        let said = try check()
        // It is written down before anybody has the signature.
        try asChainError { try keep(batch, leaves, contracts.domain) }
        return said
      }
      let added = [Cosignature(signature: key.sign(batch.digest), signer: key.address)]
      signers = try await asked { () async throws(NetworkError) in try await self.server.cosign(epoch, added)
      }
    }
    return Report(
      epoch: epoch, digest: batch.digest, account: key.address, signers: signers, needed: needed,
      accounts: leaves.count, said: said, cameIn: cameIn, isDryRun: isDryRun)
  }

  // MARK: - Checks

  /// All that ever came into the settlement's pool: deposits, slots' rewards, forfeited bonds.
  private func cameIn(_ settlement: Address) async throws(ChainError) -> TokenAmount {
    let deposited = try await chain.call(EmethCore.totalDeposited(), at: settlement)
    let granted = try await chain.call(EmethCore.totalGranted(), at: settlement)
    return try asChainError { try deposited.adding(granted) }
  }

  /// Looks whether a batch can be true.
  ///
  /// - Parameters:
  ///   - signer: the network's own key, which signs first.
  ///   - cameIn: all money that ever came in.
  ///   - deposits: how many deposits there are.
  /// - Returns: all that it says there is, and was burned.
  func check(
    _ batch: SignedBatch, _ leaves: [Ticket], signer: Address, in domain: EIP712Domain, cameIn: TokenAmount,
    deposits: UInt64
  ) throws(ChainError) -> TokenAmount {
    let epoch = batch.batch.epoch
    func refused(_ reason: String) -> ChainError { .batchRefused(epoch: epoch, reason: reason) }
    let memory = try asChainError { try self.memory(domain) }
    var said = batch.batch.totalBurned
    do {
      let accounts = Set([signer] + (memory.map { [$0.batch.signer] } ?? []))
      var book = TicketBook(
        domain: domain, signers: try TrustedSigners(threshold: 1, of: accounts.sorted()))
      if let memory { try book.add(memory.batch, leaves: memory.leaves) }
      if try book.add(batch, leaves: leaves) == .older {
        throw refused("a later one was signed with this key, of epoch \(memory?.batch.batch.epoch ?? 0)")
      }
      for leaf in leaves {
        for amount in [leaf.cumulativePayout, leaf.unspent, leaf.locked] { said = try said.adding(amount) }
      }
    } catch let error as any EmethError {
      throw (error as? ChainError) ?? refused(error.message)
    } catch {
      throw ChainError(error)
    }
    guard said <= cameIn else {
      throw refused("its accounts have \(said.emethText) EMETH in all, and \(cameIn.emethText) came in")
    }
    guard batch.batch.depositsSeen <= deposits else {
      throw refused("it has seen \(batch.batch.depositsSeen) deposits, and there are \(deposits)")
    }
    return said
  }

  /// Nobody needs a batch of an epoch that is posted, but who wants to show two of it.
  private func checkAgainstPosted(_ epoch: UInt64, _ settlement: Address) async throws(ChainError) {
    guard let digest = try await chain.call(EmethCore.latestBatch(), at: settlement),
      let posted = try await chain.call(EmethCore.batch(digest), at: settlement), posted.epoch >= epoch
    else { return }
    throw .batchRefused(epoch: epoch, reason: "epoch \(posted.epoch) is posted")
  }

  // MARK: - Memory

  /// Looks at what was signed and adds to it while no other run does: of two that read the same before either has written, each
  /// would sign another batch of one epoch.
  func alone<Value>(_ body: () throws(ChainError) -> Value) throws(ChainError) -> Value {
    let lock: FolderLock
    do throws(NetworkError) {
      let place = folder.appending(path: Self.lockPlace)
      try Files.makeFolder(place)
      lock = try FolderLock(folder: place)
    } catch {
      throw .store(error)
    }
    defer { withExtendedLifetime(lock) {} }
    return try body()
  }

  /// The folder itself may be another role's too.
  private static let lockPlace = "cosigning"

  private func file(_ domain: EIP712Domain) -> URL {
    folder.appending(path: "cosigned-\(domain.chainId)-\(domain.verifyingContract)-\(key.address).json")
  }

  private func memory(_ domain: EIP712Domain) throws -> Memory? {
    let file = file(domain)
    guard FileManager.default.fileExists(atPath: file.path) else { return nil }
    do {
      return try JSONDecoder().decode(Memory.self, from: Files.read(file))
    } catch let error as DecodingError {
      throw NetworkError.malformed(what: file.path, reason: WireFormat.problem(of: error))
    }
  }

  /// Writes down what is about to be signed.
  func keep(_ batch: SignedBatch, _ leaves: [Ticket], _ domain: EIP712Domain) throws {
    try Files.makeFolder(folder)
    let memory = Memory(batch: batch, leaves: leaves)
    try Files.write(WireFormat.encoder.encode(memory), to: file(domain), mode: 0o600)
  }

  /// What the server is asked, with its refusals as this layer's errors.
  private func asked<Value>(
    _ body: () async throws(NetworkError) -> Value
  ) async throws(ChainError) -> Value {
    do throws(NetworkError) {
      return try await body()
    } catch {
      throw error == .interrupted ? .interrupted : .store(error)
    }
  }
}
