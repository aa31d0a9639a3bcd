import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// The machine of the Execution Layer and the contracts on L1 are two writings of one protocol: the same random history
/// through both is taken and refused alike, step by step, and ends in the same balances to the last holon.
@Suite(.enabled(if: ChainBridge.python != nil, ChainBridge.reason), .timeLimit(.minutes(30)))
struct JobHistoryTests {
  /// Jobs of each kind in turn: whole ones, proofs of work, parts, masked parts.
  @Test func machineAndContractEndInTheSameBalances() async throws {
    let environment = ProcessInfo.processInfo.environment
    let seed = environment["EMETH_TEST_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0..<1 << 62)
    let count = 8 * max(1, environment["EMETH_TEST_SCALE"].flatMap { Int($0) } ?? 1)
    let kinds = environment["EMETH_TEST_KIND"].flatMap { JobHistory.Kind(rawValue: $0) }.map { [$0] }
    let court = try await JobCourt.open()
    var ends: [String: Int] = [:]
    for number in 0..<count {
      let own = seed &+ UInt64(number)
      print("JobHistoryTests: EMETH_TEST_SEED=\(own)")
      let all = kinds ?? JobHistory.Kind.allCases
      let history = try await JobHistory.begin(court, all[number % all.count], seed: own)
      try await history.run()
      try await history.compare()
      for end in history.ends { ends[end, default: 0] += 1 }
    }
    print("JobHistoryTests: \(ends.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" })")
    #expect(count < 80 || ends.count > 8, "histories end in several ways: \(ends)")
  }
}

/// The contracts with people who have money: a requester, two nodes, and verifiers who are bonded and have commitments.
final class JobCourt: Sendable {
  let scene: ChainScene
  let verifiers: [PrivateKey]
  var requester: PrivateKey { scene.user }
  var nodes: [PrivateKey] { [scene.other, scene.bridge.keys[8], scene.bridge.keys[9]] }
  /// Who signs the challenges of proofs of work.
  var challenger: PrivateKey { scene.signer }
  /// What their solutions are below.
  static let target = UInt256(1) << 252
  /// Everybody whose balance a job may change.
  var people: [Address] { keys.map(\.address) }
  var keys: [PrivateKey] { [requester] + nodes + verifiers }

  func key(of account: Address?) throws -> PrivateKey {
    let key = keys.first { $0.address == account }
    return try #require(key, "\(account.map { "\($0)" } ?? "nobody") is none of the people")
  }

  static func open() async throws -> JobCourt {
    let scene = try await ChainScene.deploy()
    let court = JobCourt(scene, verifiers: Array(scene.bridge.keys[4...7]))
    let (core, token, checks) = (scene.contracts.core, scene.contracts.token, scene.contracts.verification)
    for (id, target) in [
      (ProgramID.meanOfNumbers, .zero), (try #require(ProgramID(rawValue: 9_991)), .zero),
      (.proofOfWork, Self.target),
    ] {
      let program = EmethCore.Program(
        programID: id, name: "\(id)", mode: .normal, minFuelPrice: FuelPrice(gholon: 0), cooldownSeconds: 0,
        defaultFuelLimit: Fuel(units: 0), defaultFuelPrice: FuelPrice(gholon: 0), minTarget: target)
      try await court.send(scene.owner, EmethCore.setProgram(program), core)
    }
    try await court.send(scene.owner, EmethCore.setChallengeSigner(court.challenger.address), core)
    let all = TokenAmount(holon: UInt256.max)
    for key in [court.requester] + court.nodes {
      let money = EmethToken.transfer(to: key.address, amount: ChainScene.amount(1_200))
      try await court.send(scene.owner, money, token)
      try await court.send(key, EmethToken.approve(spender: core, amount: all), token)
    }
    for node in court.nodes { try await court.send(node, EmethCore.deposit(ChainScene.amount(1_000)), core) }
    for verifier in court.verifiers {
      let money = EmethToken.transfer(to: verifier.address, amount: ChainScene.amount(120))
      try await court.send(scene.owner, money, token)
      try await court.send(scene.owner, EmethCore.addVerifier(verifier.address), core)
      try await court.send(verifier, EmethToken.approve(spender: checks, amount: all), token)
      try await court.send(verifier, EmethVerifiers.bond(ChainScene.amount(110)), checks)
    }
    return court
  }

  private init(_ scene: ChainScene, verifiers: [PrivateKey]) {
    self.scene = scene
    self.verifiers = verifiers
  }

  /// Each has a commitment for every draw of the next histories.
  func commitSecrets() async throws {
    for verifier in verifiers {
      let bond = try await scene.client.call(
        EmethVerifiers.bond(of: verifier.address), at: scene.contracts.verification)
      guard bond.posted - bond.used < 12 else { continue }
      let digests = (bond.posted..<bond.posted + 32).map { number in
        Keccak256.hash(verifier.address.bytes + Self.secret(verifier, number).bytes)
      }
      try await send(verifier, EmethVerifiers.commitSecrets(digests), scene.contracts.verification)
    }
  }

  static func secret(_ verifier: PrivateKey, _ number: UInt64) -> Bytes32 {
    Keccak256.hash(verifier.address.bytes + Array("\(number)".utf8))
  }

  /// The requester has its money in its wallet, and enough of it.
  func refill() async throws {
    let (core, token) = (scene.contracts.core, scene.contracts.token)
    let back = try await scene.ledger(requester.address)
    if back > .zero { try await send(requester, EmethCore.withdraw(back), core) }
    for node in nodes {
      let found = try await scene.ledger(node.address)
      guard found > ChainScene.amount(400),
        try await scene.balance(requester.address) < ChainScene.amount(100)
      else { continue }
      let surplus = found - ChainScene.amount(300)
      try await send(node, EmethCore.withdraw(surplus), core)
      try await send(node, EmethToken.transfer(to: requester.address, amount: surplus), token)
    }
    if try await scene.balance(requester.address) < ChainScene.amount(100) {
      let more = EmethToken.transfer(to: requester.address, amount: ChainScene.amount(200))
      try await send(scene.owner, more, token)
    }
  }

  /// Sends a call; when its block was made.
  @discardableResult
  func send<Output>(_ key: PrivateKey, _ call: ContractCall<Output>, _ contract: Address) async throws
    -> UInt64
  {
    let receipt = try await scene.sender(key).submit(call, to: contract, under: UUID().uuidString)
    return try #require(try await scene.client.block(.number(receipt.blockNumber))).timestamp
  }

  func set(_ parameter: String, to value: UInt256) async throws {
    let selector = Keccak256.hash("setParameter(bytes32,uint256)".utf8).bytes.prefix(4)
    let data = selector + Keccak256.hash(parameter.utf8).bytes + value.bigEndianBytes
    let sender = try scene.sender(scene.owner)
    let request = TransactionRequest(
      from: scene.owner.address, to: scene.contracts.core, data: Array(data), value: .zero)
    let sent = try await sender.send(request, function: "setParameter", under: UUID().uuidString)
    _ = try await sender.confirm(sent)
  }

  func use(_ rules: RuleSet) async throws {
    var (rate, flat) = (UInt256.zero, UInt256.zero)
    switch rules.verifierFee {
    case .rate(let found): rate = UInt256(UInt64(found.per100000))
    case .flat(let amount): flat = amount.holon
    }
    try await set("VERIFIER_FEE_RATE", to: rate)
    try await set("VERIFIER_FEE_FLAT", to: flat)
    for (name, rate) in [
      ("DEPOSIT_RATE", rules.depositRate), ("TIMEOUT_PENALTY_RATE", rules.timeoutPenaltyRate),
      ("DECLINE_PENALTY_RATE", rules.declinePenaltyRate),
      ("FAILED_PENALTY_RATE", rules.failedPenaltyRate),
    ] {
      try await set(name, to: UInt256(UInt64(rate.per100000)))
    }
  }

  var now: UInt64 {
    get async throws { try #require(try await scene.client.block(.latest)).timestamp }
  }

  func wait(_ seconds: UInt64) async throws {
    try await scene.bridge.tell("evm_increaseTime", .number("\(seconds)"))
    try await scene.bridge.mine()
  }

  func ledgers() async throws -> [Address: TokenAmount] {
    var found: [Address: TokenAmount] = [:]
    for account in people { found[account] = try await scene.ledger(account) }
    return found
  }
}

/// One job, or one in parts, by random steps of random people.
final class JobHistory {
  /// What kind of job it is.
  enum Kind: String, CaseIterable { case whole, part, proof, masked }

  let court: JobCourt
  let kind: Kind
  let seed: UInt64
  let rules: RuleSet
  var random: ChaCha20Generator
  /// The job, or the parts that were registered.
  var machines: [JobMachine] = []
  /// Which of them is looked after.
  var current = 0
  /// Of a job in parts.
  var parent: ParentMachine?
  /// What everybody's ledger in Core must be.
  var ledgers: [Address: TokenAmount]
  /// What the requester's wallet, and all tokens together, must be.
  var wallet: TokenAmount
  var supply: TokenAmount
  var log: [String] = []

  var machine: JobMachine {
    get { machines[current] }
    set { machines[current] = newValue }
  }
  var id: JobID { machine.job.id }

  /// How all of it ended.
  var ends: [String] {
    machines.map { machine in
      machine.endReason.map { "\(kind) \(machine.status.name): \($0.message)" } ?? machine.status.name
    } + (parent.map { ["parent \($0.status.name)"] } ?? [])
  }

  static func begin(_ court: JobCourt, _ kind: Kind, seed: UInt64) async throws -> JobHistory {
    var random = ChaCha20Generator(key: Keccak256.hash(Array("job history \(seed)".utf8)))
    try await court.commitSecrets()
    try await court.refill()
    let rules = try Self.rules(&random)
    try await court.use(rules)
    let history = try await JobHistory(court, kind, seed, rules, random)
    try await history.request()
    return history
  }

  private static func rules(_ random: inout ChaCha20Generator) throws -> RuleSet {
    switch Int.random(in: 0..<6, using: &random) {
    case 0, 1: return .standard
    case 2: return .core2023Initial
    case 3: return .round3_2
    default:
      func rate(_ most: UInt32, _ random: inout ChaCha20Generator) -> Rate {
        Rate(per100000: UInt32.random(in: 0...most, using: &random))
      }
      return try RuleSet(
        name: "random", verifierFee: .rate(rate(30_000, &random)), verifierFeeSource: .escrow,
        depositRate: rate(150_000, &random), depositIncludesVerifierFee: true, penaltyBase: .feeLimit,
        timeoutPenaltyRate: rate(100_000, &random), declinePenaltyRate: rate(100_000, &random),
        failedPenaltyRate: rate(100_000, &random), flatFee: false, rewardCapRate: nil)
    }
  }

  private init(
    _ court: JobCourt, _ kind: Kind, _ seed: UInt64, _ rules: RuleSet, _ random: ChaCha20Generator
  ) async throws {
    let scene = court.scene
    self.court = court
    self.kind = kind
    self.seed = seed
    self.random = random
    self.rules = kind == .proof ? try Self.ofProofs(rules) : rules
    ledgers = try await court.ledgers()
    wallet = try await scene.balance(court.requester.address)
    supply = try await scene.client.call(EmethToken.totalSupply(), at: scene.contracts.token)
  }

  /// A proof needs no verifier: no fee for one, and so none that is flat.
  private static func ofProofs(_ rules: RuleSet) throws -> RuleSet {
    try RuleSet(
      name: "proof", verifierFee: .rate(Rate(per100000: 0)), verifierFeeSource: .escrow,
      depositRate: rules.depositRate, depositIncludesVerifierFee: true, penaltyBase: .feeLimit,
      timeoutPenaltyRate: rules.timeoutPenaltyRate, declinePenaltyRate: rules.declinePenaltyRate,
      failedPenaltyRate: rules.failedPenaltyRate, flatFee: false, rewardCapRate: nil)
  }

  private func request() async throws {
    let (requester, core) = (court.requester, court.scene.contracts.core)
    let isDivided = kind == .part || kind == .masked
    // Between 10 and 20 EMETH, odd to the last holon.
    let fuelLimit = Fuel(units: UInt64.random(in: (isDivided ? 100 : 1)...2_000_000, using: &random))
    let whole = UInt256(UInt64.random(in: 10_001_000...20_000_000, using: &random)) * 1_000_000_000_000
    let price = FuelPrice(
      holonPerFuel: whole / UInt256(fuelLimit.units)
        + UInt256(UInt64.random(in: 0..<1_000, using: &random)))
    let terms = try rules.terms(fuelLimit: fuelLimit, fuelPrice: price)
    let salt = Keccak256.hash(Array("salt \(seed) \(UInt64.random(in: 0...UInt64.max))".utf8))
    let deadline = try await court.now + (isDivided ? Self.parentSeconds : Self.jobSeconds)
    let parts: UInt32 = kind == .masked ? 3 : kind == .part ? 2 : 1
    let program: ProgramID = kind == .proof ? .proofOfWork : .meanOfNumbers
    let request = EmethCore.request(
      salt: salt, program: program, parallel: parts, dataset: "numbers", parameters: "{}",
      fuelLimit: fuelLimit, fuelPrice: price, deadline: deadline, maxEscrow: terms.escrow)
    let time = try await court.send(requester, request, core)
    let job = try Job(
      id: JobID(requester: requester.address, salt: salt), requester: requester.address, programID: program,
      numParallel: parts, dataset: "numbers", parameters: "{}", fuelLimit: fuelLimit, fuelPrice: price,
      requestedAt: time, deadline: deadline, terms: terms)
    if isDivided {
      let machine = try ParentMachine(
        request: job, by: requester.address, idIsUnused: true, fundsAvailable: wallet,
        parameters: parameters)
      parent = machine
      try carryOut(machine.requestEffects)
    } else {
      let machine = try JobMachine(
        request: job, by: .requester(requester.address), idIsUnused: true, fundsAvailable: wallet,
        parameters: parameters)
      machines = [machine]
      try carryOut(machine.requestEffects)
    }
    try await checkTerms(of: job)
  }

  static let jobSeconds: UInt64 = 86_400
  static let parentSeconds: UInt64 = 30 * 86_400

  var parameters: JobParameters {
    var parameters = JobParameters.standard
    // A chain sees no leases.
    parameters.leaseSeconds = .max
    parameters.selfProving = kind == .proof
    parameters.aggregation = kind == .masked ? .masked : .plain
    return parameters
  }

  func checkTerms(of job: Job) async throws {
    let known = try await court.scene.client.call(
      EmethCore.jobTerms(job.id), at: court.scene.contracts.core)
    #expect(known.escrow == job.terms.escrow, "seed \(seed), \(rules.name)")
    #expect(known.verifierFee == job.terms.verifierFee, "seed \(seed), \(rules.name)")
    #expect(known.deposit == job.terms.deposit, "seed \(seed), \(rules.name)")
  }

  // MARK: - Steps

  func run() async throws {
    switch kind {
    case .whole, .proof: try await runJob()
    case .part: try await runParts()
    case .masked: try await runMaskedParts()
    }
  }

  /// To the end of one job, or until a masked one is accepted.
  func runJob() async throws {
    let before = log.count
    while machine.endedAt == nil, machine.verdict == nil {
      if let parent, parent.status.isFinal {
        if try await endWithParent() { return }
      } else if parent != nil, Int.random(in: 0..<(kind == .masked ? 96 : 24), using: &random) == 0 {
        try await giveUp()
        continue
      }
      // While another part was looked after its time has passed.
      if machine.status == .requested || machine.status == .processing,
        try await court.now >= machine.deadline
      {
        try await timeout(court.verifiers[0])
        continue
      }
      let more = parent?.status.isFinal == true ? 0 : Int.random(in: 0...2, using: &random)
      for _ in 0..<more { try await anyStep() }
      if machine.endedAt != nil || machine.verdict != nil { return }
      // Three parts must be accepted before there is a cohort.
      if kind == .masked, Int.random(in: 0..<8, using: &random) > 0 {
        try await honestStep()
        continue
      }
      switch machine.status {
      case .requested: try await stepWhenRequested()
      case .processing: try await stepWhenProcessing()
      case .submitted: try await stepWhenSubmitted()
      case .verified, .canceled, .timeout, .failed, .declined: return
      }
      guard log.count - before < 60 else {
        Issue.record("seed \(seed): no end after \(log)")
        return
      }
    }
  }

  /// What brings a job to its good end.
  private func honestStep() async throws {
    guard let node = machine.node else { return try await process(taker) }
    let key = try court.key(of: node)
    guard machine.status == .submitted else {
      return try await submit(key, fuel: UInt64.random(in: 0...machine.job.fuelLimit.units, using: &random))
    }
    let review = try await self.review()
    switch review.phase {
    case .waitsForDraw: try await draw(review)
    case .waitsForOpenings: try await open(key)
    default: try await verify(try court.key(of: review.verifier))
    }
  }

  /// Anything by anybody: mostly it is refused, and by both.
  private func anyStep() async throws {
    let who = court.keys[Int.random(in: 0..<court.keys.count, using: &random)]
    switch Int.random(in: 0..<8, using: &random) {
    case 0 where Int.random(in: 0..<6, using: &random) == 0: try await cancel(who)
    case 0: try await cancel(court.nodes[0])
    // Who works for a parent is drawn for none of its parts: of the verifiers some must be left.
    case 1: try await process(parent == nil ? who : taker)
    case 2 where Int.random(in: 0..<6, using: &random) == 0: try await decline(who)
    case 2: try await decline(court.requester)
    case 3: try await submit(who, fuel: machine.job.fuelLimit.units &+ 1)
    case 4: try await submit(court.verifiers[0], fuel: 0)
    case 5: try await timeout(who)
    case 6: try await withhold(who)
    default: try await expire(who)
    }
  }

  private func stepWhenRequested() async throws {
    switch Int.random(in: 0..<12, using: &random) {
    case 0: try await cancel(court.requester)
    case 1:
      try await court.wait(90_000)
      try await process(court.nodes[0])
      try await timeout(court.verifiers[0])
    case 2...7 where kind == .proof: try await submitProof(isDirect: true)
    default: try await process(taker)
    }
  }

  /// A node that takes it: of parts whose updates are added each another one.
  var taker: PrivateKey {
    kind == .masked
      ? court.nodes[Int(machine.job.position?.part ?? 0)] : court.nodes[Int.random(in: 0...1, using: &random)]
  }

  private func stepWhenProcessing() async throws {
    let node = try court.key(of: machine.node)
    switch Int.random(in: 0..<8, using: &random) {
    case 0: try await decline(node)
    case 2... where kind == .proof: try await submitProof(isDirect: false)
    case 1:
      try await court.wait(90_000)
      try await submit(node, fuel: 0)
      try await timeout(court.requester)
    default:
      let limit = machine.job.fuelLimit.units
      try await submit(
        node,
        fuel: [0, limit, UInt64.random(in: 0...limit, using: &random)].randomElement(using: &random) ?? 0)
    }
  }

  private func stepWhenSubmitted() async throws {
    let node = try court.key(of: machine.node)
    let review = try await self.review()
    switch review.phase {
    case .waitsForDraw: try await draw(review)
    case .waitsForOpenings:
      if Int.random(in: 0..<6, using: &random) == 0 {
        try await court.wait(3_700)
        try await withhold(court.requester)
      } else {
        try await open(node)
      }
    case .waitsForVerdict:
      let verifier = try court.key(of: review.verifier)
      switch Int.random(in: 0..<6, using: &random) {
      case 0, 1: try await reject(verifier)
      case 2, 3:
        // Silence: noted by the next draw, or the end of it.
        try await court.wait(3_700)
        if machine.silentVerifiers(at: try await court.now) < JobMachine.silentVerifiersNeeded {
          try await expire(node)
          try await court.send(
            node, EmethVerifiers.drawVerifier(id), court.scene.contracts.verification)
          log.append("silence is noted")
        } else {
          try await expire(node)
        }
      default:
        try await verify(court.verifiers.first { $0.address != verifier.address } ?? node)
        try await verify(verifier)
      }
    default: Issue.record("seed \(seed): the check stands at \(review.phase)")
    }
  }

  func review() async throws -> EmethVerifiers.Review {
    try await court.scene.client.call(EmethVerifiers.review(id), at: court.scene.contracts.verification)
  }

  /// The contract draws; who it is and the challenge is one event of the machine.
  private func draw(_ review: EmethVerifiers.Review) async throws {
    let checks = court.scene.contracts.verification
    let head = try await court.scene.client.blockNumber()
    if let beacon = review.beaconBlock, head <= beacon {
      try await court.scene.bridge.mine(Int(beacon - head) + 1)
    }
    try await court.send(court.requester, EmethVerifiers.drawVerifier(id), checks)
    let drawn = try await self.review()
    // Nobody is left to be drawn: that is put off for a day, and ends it an hour later.
    if drawn.phase == .waitsForDraw { return try await court.wait(90_000) }
    if drawn.verifier == nil {
      try await expire(court.requester)
      try await court.wait(3_700)
      return try await step(
        "nobody", court.requester, EmethVerifiers.expireVerification(id), checks, .endUnchecked)
    }
    if Int.random(in: 0..<5, using: &random) == 0 {
      // It never shows its secret: nothing was opened to it, and the machine knows nothing of it.
      try await court.wait(3_700)
      try await expire(court.nodes[0])
      try await court.send(court.requester, EmethVerifiers.drawVerifier(id), checks)
      log.append("one is passed over")
      return
    }
    let verifier = try court.key(of: drawn.verifier)
    let bond = try await court.scene.client.call(EmethVerifiers.bond(of: verifier.address), at: checks)
    let secret = JobCourt.secret(verifier, bond.used - 1)
    try await step(
      "draw", verifier, EmethVerifiers.challenge(id, secret: secret), checks,
      .draw(verifier: verifier.address))
  }

  private func cancel(_ who: PrivateKey) async throws {
    try await step("cancel", who, EmethCore.cancel(id), nil, .cancel(by: who.address))
  }

  func process(_ who: PrivateKey) async throws {
    let funds = ledgers[who.address] ?? .zero
    try await step(
      "process", who, EmethCore.process(id), nil,
      .process(by: who.address, headerExists: true, cooldownOver: true, depositAvailable: funds))
  }

  private func decline(_ who: PrivateKey) async throws {
    try await step("decline", who, EmethCore.decline(id), nil, .decline(by: who.address, evidence: nil))
  }

  private func submit(_ who: PrivateKey, fuel: UInt64) async throws {
    try await step(
      "submit", who, EmethCore.submit(id, result: "result", fuelUsed: Fuel(units: fuel)), nil,
      .submit(by: who.address, fuelUsed: Fuel(units: fuel), submission: .zero))
  }

  private func timeout(_ who: PrivateKey) async throws {
    try await step("timeout", who, EmethCore.timeout(id), nil, .timeout)
  }

  private func withhold(_ who: PrivateKey) async throws {
    try await step(
      "withhold", who, EmethVerifiers.withhold(id), court.scene.contracts.verification, .withhold)
  }

  private func expire(_ who: PrivateKey) async throws {
    try await step(
      "expire", who, EmethVerifiers.expireVerification(id), court.scene.contracts.verification,
      .expireVerification)
  }

  private func open(_ node: PrivateKey) async throws {
    try await step(
      "open", node, EmethVerifiers.open(id, openings: .zero), court.scene.contracts.verification,
      .receiveOpenings)
  }

  func verify(_ who: PrivateKey) async throws {
    try await step("verify", who, EmethCore.verify(id), nil, .verify(by: who.address, verdict: .zero))
  }

  private func reject(_ verifier: PrivateKey) async throws {
    let found = Keccak256.hash("mismatch".utf8)
    let isFirst = try await review().finder == nil
    try await step(
      isFirst ? "dispute" : "reject", verifier, EmethCore.rejectResult(id), nil,
      isFirst
        ? .dispute(by: verifier.address, evidence: found) : .reject(by: verifier.address, evidence: found))
  }

  /// One step through both: taken by both, or by neither.
  func step<Output>(
    _ name: String, _ who: PrivateKey, _ call: ContractCall<Output>, _ contract: Address?, _ event: JobEvent
  ) async throws {
    try await step(name, who, call, contract, [event])
  }

  /// The same with a call that is several events.
  func step<Output>(
    _ name: String, _ who: PrivateKey, _ call: ContractCall<Output>, _ contract: Address?,
    _ events: [JobEvent]
  ) async throws {
    let contract = contract ?? court.scene.contracts.core
    let index = court.people.firstIndex(of: who.address) ?? -1
    var copy = machine
    var refusal: JobError?
    let now = try await court.now
    do throws(JobError) {
      for event in events { _ = try copy.apply(event, at: now) }
    } catch {
      refusal = error
    }
    var reason: ChainError?
    do throws(ChainError) {
      _ = try await court.scene.client.call(call, at: contract, from: who.address)
    } catch {
      guard case .reverted = error else { throw error }
      reason = error
    }
    log.append("\(current): \(name) by \(index): \(reason == nil ? "taken" : "refused")")
    #expect(
      (refusal == nil) == (reason == nil),
      "seed \(seed), \(log): machine \(refusal?.message ?? "takes it"), contract \(reason?.message ?? "takes it")"
    )
    guard refusal == nil, reason == nil else { return }
    let time = try await court.send(who, call, contract)
    for event in events { try carryOut(try machine.apply(event, at: time)) }
  }

  // MARK: - Money

  func carryOut(_ effects: [JobEffect]) throws {
    for effect in effects {
      switch effect {
      case .escrow(_, let amount): wallet = wallet - amount
      case .lockDeposit(let node, let amount): ledgers[node] = (ledgers[node] ?? .zero) - amount
      case .settle(let settlement, let requester, let node, let verifier, let second):
        let verifiers = [verifier, second].compactMap { $0 }
        if requester != .zero { add(settlement.requester, to: requester) }
        add(settlement.node, to: node)
        for (verifier, share) in zip(verifiers, settlement.verifier.split(into: max(1, verifiers.count))) {
          add(share, to: verifier)
        }
        supply = supply - settlement.burned
      case .escrowFromParent: break
      case .settleSubJob(let settlement, _, let node, let verifier, let second):
        // The requester's share goes back to the parent's escrow.
        try carryOut([
          .settle(settlement, requester: .zero, node: node, verifier: verifier, second: second)
        ])
        try subJobEnded(returned: settlement.requester)
      }
    }
  }

  func add(_ amount: TokenAmount, to account: Address?) {
    guard amount > .zero else { return }
    guard let account else {
      Issue.record("seed \(seed): \(amount) for nobody")
      return
    }
    ledgers[account] = (ledgers[account] ?? .zero) + amount
  }

  func compare() async throws {
    let scene = court.scene
    let found = try await court.ledgers()
    for (index, account) in court.people.enumerated() {
      #expect(found[account] == ledgers[account], "seed \(seed), person \(index), \(log)")
    }
    #expect(try await scene.balance(court.requester.address) == wallet, "seed \(seed), \(log)")
    let supply = try await scene.client.call(EmethToken.totalSupply(), at: scene.contracts.token)
    #expect(supply == self.supply, "seed \(seed): burned, \(log)")
    let jobs = machines.map { ($0.job.id, $0.status) } + (parent.map { [($0.job.id, $0.status)] } ?? [])
    for (id, status) in jobs {
      let job = try #require(try await scene.client.call(EmethCore.job(id), at: scene.contracts.core))
      #expect(job.status == status, "seed \(seed), \(log)")
    }
    if let parent { #expect(parent.isSettled, "seed \(seed), \(log)") }
  }
}
