import EmethKit
import Foundation

/// A job that is wanted of EMETH Core.
public final class ChainJob: Sendable {
  /// Where nodes find the data.
  public enum DataSet: Sendable, Hashable {
    /// As a text says, which they understand.
    case text(String)
    /// At a server with this storage API, to which its requester gives it (``ChainAccount/giveInput(_:of:to:)``); the job
    /// names it by its SHA-256.
    case input(hash: Bytes32)
  }

  /// What it computes.
  public let program: ProgramID
  /// Into how many parts it may be divided; 1: not at all.
  public let parallel: UInt32
  /// How many rounds it takes.
  public let epochs: UInt32
  /// Where nodes find the data.
  public let dataset: DataSet
  /// What the program takes.
  public let parameters: String
  /// The most fuel that is paid for.
  public let fuelLimit: Fuel
  /// The price of one fuel.
  public let fuelPrice: FuelPrice
  /// How long it may take from its request.
  public let lifeSeconds: UInt64
  /// The server that may register and end its parts, and those of all other jobs of its requester; nil: who was allowed to
  /// before.
  public let divider: Address?

  /// The most bytes of ``dataset`` that the contract takes.
  public static let datasetByteLimit = 512
  /// The most bytes of ``parameters`` that the contract takes.
  public static let parametersByteLimit = 2_048

  /// A job of these values.
  public init(
    program: ProgramID, parallel: UInt32, epochs: UInt32, dataset: DataSet, parameters: String,
    fuelLimit: Fuel, fuelPrice: FuelPrice, lifeSeconds: UInt64, divider: Address? = nil
  ) {
    self.divider = divider
    self.program = program
    self.parallel = parallel
    self.epochs = epochs
    self.dataset = dataset
    self.parameters = parameters
    self.fuelLimit = fuelLimit
    self.fuelPrice = fuelPrice
    self.lifeSeconds = lifeSeconds
  }

  /// The data set as the job says it.
  func text(of id: JobID, from requester: Address) -> String {
    switch dataset {
    case .text(let text): text
    case .input(let hash): JobFileReference(JobFile(.input, of: id, from: requester), contentHash: hash).text
    }
  }

  /// Under what it is sent: salt and deadline are new each time, and the job is the same.
  var mark: String {
    let data =
      switch dataset {
      case .text(let text): text
      case .input(let hash): "input#\(hash)"
      }
    let terms = [
      "\(program.rawValue)", "\(parallel)", "\(epochs)", data, parameters, "\(fuelLimit.units)",
      "\(fuelPrice.holonPerFuel)", "\(lifeSeconds)",
    ]
    // Lengths, so that no two jobs have one text.
    let text = terms.map { "\($0.utf8.count):\($0)" }.joined()
    return "requestWithSalt \(Keccak256.hash(text.utf8))"
  }
}

extension ChainAccount {
  /// Registers a job and pays for it out of the wallet; lets its server divide it, when that may not yet. One that an earlier
  /// call registered, and whose report was not settled, is reported instead of another one.
  ///
  /// - Throws: ``ChainError/noVerifier(fee:)`` for one whose result nobody could check: nobody would be paid for it.
  public func submit(_ job: ChainJob, isDryRun: Bool = false) async throws(ChainError) -> ChainReport {
    let rate = try await client.call(EmethCore.parameter(.verifierFeeRate), at: contracts.core)
    let flat = try await client.call(EmethCore.parameter(.verifierFeeFlat), at: contracts.core)
    let (escrow, fee) = try job.cost(rate: rate, flat: flat)
    guard let block = try await client.block(.latest) else {
      throw .malformed(method: "eth_getBlockByNumber", reason: "there is no newest block")
    }
    let salt = Bytes32.random()
    let call = EmethCore.request(
      salt: salt, program: job.program, parallel: job.parallel, epochs: job.epochs,
      dataset: job.text(of: JobID(requester: address, salt: salt), from: address), parameters: job.parameters,
      fuelLimit: job.fuelLimit, fuelPrice: job.fuelPrice,
      deadline: min(block.timestamp, 1 << 62) + min(job.lifeSeconds, 1 << 32), maxEscrow: escrow)
    let action = ChainAction(
      TransactionRequest(from: address, to: contracts.core, data: call.data, value: .zero),
      call.function.name, .stands, mark: job.mark)
    var first = report(escrow, isDryRun)
    // What was registered before is told, whoever can check it by now.
    if job.program != .proofOfWork, try await sender.earlier(action, isDryRun: isDryRun) == nil {
      let count = try await client.call(
        EmethVerifiers.candidates(for: address, verifierFee: fee), at: contracts.verification)
      guard count > 0 else { throw .noVerifier(fee: fee) }
      first.candidates = UInt32(clamping: count)
      if count < EmethVerifiers.wantedCandidates {
        first.notes.append(
          "\(count) \(count == 1 ? "verifier" : "verifiers") could be drawn for it, and \(EmethVerifiers.wantedCandidates) are "
            + "wanted: two reject a wrong result, and one may be silent")
      }
    }
    if let server = job.divider,
      try await !client.call(EmethCore.isServer(server, of: address), at: contracts.core)
    {
      let call = EmethCore.setServer(server, isAllowed: true)
      first.steps.append(try await step(call, contracts.core, isDryRun).step)
    }
    var (report, receipt) = try await pay(action, first)
    for log in receipt?.logs ?? [] {
      if log.address == contracts.core,
        case .status(let id, _, .requested)? = try? EmethCore.Event(topics: log.topics, data: log.data)
      {
        report.job = id
      }
      if log.address == contracts.token,
        case .transfer(address, contracts.core, let taken)? = try? EmethToken.Event(
          topics: log.topics, data: log.data)
      {
        report.amount = taken
      }
    }
    return report
  }

  /// Takes a job back that no node has taken; its escrow goes to the account's ledger.
  public func cancel(_ job: JobID, isDryRun: Bool = false) async throws(ChainError) -> ChainReport {
    var report = report(nil, isDryRun)
    report.job = job
    let (step, receipt) = try await step(EmethCore.cancel(job), contracts.core, isDryRun)
    report.steps.append(step)
    if isDryRun {
      report.amount = try await client.call(EmethCore.jobTerms(job), at: contracts.core).escrow
    }
    for log in receipt?.logs ?? [] where log.address == contracts.core {
      if case .settled(job, let refund, _, _, _)? = try? EmethCore.Event(topics: log.topics, data: log.data) {
        report.amount = refund
      }
    }
    return await closed(report)
  }
}

extension ChainJob {
  /// The most that its requester pays, and what the verifier of its dearest part gets, of a job in one piece its own: by
  /// the contract's share of the fee, or, where there is one, its flat fee, which its node pays.
  fileprivate func cost(
    rate: UInt256, flat: UInt256
  ) throws(ChainError) -> (escrow: TokenAmount, verifierFee: TokenAmount) {
    do throws(NumberError) {
      let fee = try fuelPrice.fee(for: fuelLimit)
      var verifierFee = TokenAmount(holon: flat)
      var escrow = fee
      if flat == .zero {
        let share = try fee.holon.multipliedFloorDividing(
          by: rate, dividingBy: UInt256(UInt64(Rate.denominator)))
        verifierFee = TokenAmount(holon: share)
        escrow = try fee.adding(verifierFee)
      }
      if parallel > 1, fuelLimit.units > 0 {
        let count = UInt64(parallel) * UInt64(max(epochs, 1))
        let most = fuelLimit.units / count + (fuelLimit.units % count == 0 ? 0 : 1)
        let part = try verifierFee.holon.multipliedFloorDividing(
          by: UInt256(most), dividingBy: UInt256(fuelLimit.units))
        // What is left over the first parts have, a holon each.
        verifierFee = try TokenAmount(holon: part).adding(TokenAmount(holon: 1))
      }
      return (escrow, verifierFee)
    } catch {
      throw .contradiction(
        method: "eth_call", what: "the escrow of the job", found: "2^256 holon or more",
        expected: "what a token can hold")
    }
  }
}

extension Bytes32 {
  /// Thirty-two bytes that nobody can guess.
  static func random() -> Bytes32 {
    var generator = SystemRandomNumberGenerator()
    return Bytes32((0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }) ?? .zero
  }
}
