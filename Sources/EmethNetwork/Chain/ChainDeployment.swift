import EmethKit
import Foundation

/// EMETH's contracts on a chain that has none: created one after the other, and made known to each other.
///
/// ```swift
/// let deployment = try await ChainDeployment.open(client: client, key: key, journal: file, terms: terms)
/// let report = try await deployment.run()
/// try deployment.sender.settle(report)      // once it is told
/// ```
/// What an earlier call did, and whose report was not settled, is gone on with.
public final class ChainDeployment: Sendable {
  /// What the deployed contracts begin with.
  public final class Terms: Sendable {
    /// The most that tickets pay by their signature alone until a batch that covers them is a day old.
    public let ticketCap: TokenAmount
    /// Whose signature counts on L2; nil: nobody's yet, and no deposit is taken.
    public let signer: Address?
    /// What a verifier is paid at least: jobs that cost nothing would use up the verifiers' commitments.
    public let leastVerifierFee: TokenAmount

    /// Whether programs are set that no verifier of `emeth` checks on a chain (``ProgramID/isCheckedOnLayerOne``), for verifiers of
    /// other makes. Else a verifier that is drawn for such a job has shown its secret for nothing, and the job ends unpaid.
    public let withUnchecked: Bool

    /// Terms of these values.
    public init(
      ticketCap: TokenAmount, signer: Address?, leastVerifierFee: TokenAmount, withUnchecked: Bool = false
    ) {
      self.ticketCap = ticketCap
      self.signer = signer
      self.leastVerifierFee = leastVerifierFee
      self.withUnchecked = withUnchecked
    }
  }

  /// Who sends, and owns the contracts.
  public let sender: TransactionSender
  let terms: Terms

  private init(sender: TransactionSender, terms: Terms) {
    self.sender = sender
    self.terms = terms
  }

  /// A deployment by an account.
  ///
  /// - Throws: ``ChainError/wrongChain(found:expected:)``, ``ChainError/store(_:)``.
  public static func open(
    client: ChainClient, key: PrivateKey, journal: URL, terms: Terms, settings: SenderSettings
  ) async throws(ChainError) -> ChainDeployment {
    let chainID = try await client.chainID()
    if let expected = client.settings.expectedChainID, chainID != expected {
      throw .wrongChain(found: chainID, expected: expected)
    }
    let sender = TransactionSender(
      client: client, chainID: chainID, key: key, journal: try NonceJournal(file: journal), settings: settings
    )
    return ChainDeployment(sender: sender, terms: terms)
  }

  /// The programs that jobs may be requested of at once. Owners add others.
  private static let programs: [(id: ProgramID, name: String, fuelCounts: Bool)] = [
    (.languageModelTraining, "language model training", true),
    (.languageModelTrainingPart, "part of a language model training", true),
    (.meanOfNumbers, "mean of numbers", false),
    (.meanOfNumbersPart, "part of a mean of numbers", false),
  ]

  /// Creates the contracts, names each to the others, and sets programs, the verifiers' least fee and Signer.
  public func run(isDryRun: Bool = false) async throws(ChainError) -> ChainReport {
    var report = ChainReport(chainID: sender.chainID, account: sender.account, isDryRun: isDryRun)
    report.token = try await create("EmethToken", ContractCode.token, [], &report)
    report.core = try await create("EmethCore", ContractCode.core, [report.token], &report)
    report.settlement = try await create("EmethSettlement", ContractCode.settlement, [report.core], &report)
    report.verification = try await create(
      "EmethVerifiers", ContractCode.verification, [report.core], &report)
    let (core, settlement) = (report.core, report.settlement)
    // A dry run knows no addresses; what is called costs the same.
    let named = EmethCore.setContracts(
      settlement: settlement ?? .zero, verification: report.verification ?? .zero)
    try await call(named, core, &report)
    try await call(EmethToken.setMinter(core ?? .zero), report.token, &report)
    for program in Self.programs where program.id.isCheckedOnLayerOne || terms.withUnchecked {
      let entry = EmethCore.Program(
        programID: program.id, name: program.name, mode: .normal, minFuelPrice: FuelPrice(gholon: 0),
        cooldownSeconds: 0, defaultFuelLimit: Fuel(units: 0), defaultFuelPrice: FuelPrice(gholon: 0),
        minTarget: .zero)
      try await call(EmethCore.setProgram(entry), core, &report)
      if program.fuelCounts { try await call(EmethCore.setFuelCounts(program.id, true), core, &report) }
    }
    let leastFee = EmethCore.setParameter(.leastVerifierFee, to: terms.leastVerifierFee.holon)
    try await call(leastFee, core, &report)
    if let signer = terms.signer { try await call(EmethCore.proposeSigner(signer), settlement, &report) }
    if isDryRun {
      try await checkFunds(for: report)
    } else if let core {
      // The last look: what stands there is what was meant.
      let contracts = try await ChainContracts.find(core: core, with: sender.client)
      guard contracts.settlement == settlement, contracts.verification == report.verification,
        contracts.token == report.token
      else {
        throw .wrongContract(
          address: core, what: "settlement(), verification() or emtToken()",
          found: "\(contracts.settlement), \(contracts.verification), \(contracts.token)",
          expected: "those that were created")
      }
    }
    return report
  }

  /// Creates a contract; nil where a dry run can't know its address.
  private func create(
    _ name: String, _ code: String, _ addresses: [Address?], _ report: inout ChainReport
  ) async throws(ChainError) -> Address? {
    var arguments = addresses.map { ABIValue.address($0 ?? .zero) }
    if name == "EmethSettlement" { arguments.append(.uint(terms.ticketCap.holon)) }
    let data = try asChainError { try Hex.decode(code) } + ABI.encode(arguments)
    if report.isDryRun, addresses.contains(nil) {
      // By the yellow paper's prices: the transaction, each byte sent and each byte kept, and what a constructor writes.
      let gas = 53_000 + UInt64(data.count) * 218 + 150_000
      report.steps.append(try await step(name, nil, gas: gas))
      return nil
    }
    let request = TransactionRequest(from: sender.account, to: nil, data: data, value: .zero)
    var step = try await sender.perform(ChainAction(request, name, .stands), isDryRun: report.isDryRun).step
    // It follows from account and nonce: the node's word is not needed.
    step.contract = step.unsettled.map { Address(createdBy: sender.account, nonce: $0.nonce) }
    report.steps.append(step)
    return step.contract
  }

  private func call<Output>(
    _ call: ContractCall<Output>, _ contract: Address?, _ report: inout ChainReport
  ) async throws(ChainError) {
    guard let contract else {
      report.steps.append(try await step(call.function.name, nil, gas: Self.callGas))
      return
    }
    let request = TransactionRequest(from: sender.account, to: contract, data: call.data, value: .zero)
    let action = ChainAction(request, call.function.name, .stands)
    report.steps.append(try await sender.perform(action, isDryRun: report.isDryRun).step)
  }

  /// More than any of the calls needs.
  private static let callGas: UInt64 = 250_000

  private func step(_ name: String, _ contract: Address?, gas: UInt64) async throws(ChainError)
    -> ChainReport.Step
  {
    var step = ChainReport.Step(function: name, contract: contract)
    step.costs(try await sender.preview(gas: gas, value: .zero, name))
    return step
  }

  private func checkFunds(for report: ChainReport) async throws(ChainError) {
    var needed = UInt256.zero
    for step in report.steps where step.transaction == nil {
      let (sum, overflows) = needed.addingReportingOverflow(step.wei.flatMap { UInt256($0) } ?? .zero)
      needed = overflows ? .max : sum
    }
    let balance = try await sender.client.balance(of: sender.account)
    guard needed <= balance else {
      throw .insufficientFunds(account: sender.account, found: balance, needed: needed)
    }
  }
}
