import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

// Jobs in parts: the parent's escrow, its end, and parts whose updates are added masked; and proofs of work.
extension JobHistory {
  // MARK: - Parts

  func runParts() async throws {
    for part in 0..<UInt32(2) { try await register(part, attempt: 0) }
    try await runRegistered()
    try await endParent()
  }

  /// Runs all parts that are registered, and once more those that came to nothing.
  private func runRegistered() async throws {
    let first = machines.indices
    for index in first {
      current = index
      try await runJob()
    }
    for index in first where parent?.status.isFinal == false {
      current = index
      guard machine.status.isFinal, machine.status != .verified, let position = machine.job.position else {
        continue
      }
      try await register(position.part, attempt: 1)
      try await runJob()
    }
  }

  private func register(_ part: UInt32, attempt: UInt32) async throws {
    let whole = try #require(parent?.job)
    let (requester, core) = (court.requester, court.scene.contracts.core)
    // Remainders go to the first part: of fuel all of it, of the fee a holon.
    let (share, rest) = whole.fuelLimit.units.quotientAndRemainder(dividingBy: UInt64(whole.numParallel))
    let limit = Fuel(units: share + (part == 0 ? rest : 0))
    let fee = (whole.terms.verifierFee.holon * UInt256(limit.units))
      .quotientAndRemainder(dividingBy: UInt256(whole.fuelLimit.units))
    let isRounded = part == 0 && fee.remainder != .zero && Bool.random(using: &random)
    let terms = try rules.terms(
      fuelLimit: limit, fuelPrice: whole.fuelPrice,
      verifierFee: TokenAmount(holon: fee.quotient + (isRounded ? 1 : 0)))
    let program = try #require(ProgramID(rawValue: 9_991))
    let deadline = try await court.now + Self.jobSeconds
    let call = EmethCore.requestSubJob(
      parent: whole.id, round: 0, part: part, attempt: attempt, program: program, dataset: "numbers",
      parameters: "{}", fuelLimit: limit, verifierFee: terms.verifierFee, deadline: deadline,
      isMasked: kind == .masked)
    let time = try await court.send(requester, call, core)
    let position = SubJobPosition(parent: whole.id, round: 0, part: part, attempt: attempt)
    let job = try Job(
      id: position.id, position: position, requester: requester.address, programID: program,
      dataset: "numbers", parameters: "{}", fuelLimit: limit, fuelPrice: whole.fuelPrice, requestedAt: time,
      deadline: deadline, terms: terms)
    let machine = try JobMachine(
      request: job, by: .executionLayer(parentRequester: requester.address), idIsUnused: true,
      fundsAvailable: parent?.escrow ?? .zero, parameters: parameters)
    machines.append(machine)
    current = machines.count - 1
    log.append("\(current): part \(part), attempt \(attempt)")
    try carryOut(machine.requestEffects)
    try carryOut(try parent?.apply(.registerSubJob(job), at: time) ?? [])
    try await checkTerms(of: job)
    try await checkEscrow()
  }

  /// What is left of a parent's escrow is the same here and there, as long as it runs.
  private func checkEscrow() async throws {
    guard let parent, !parent.status.isFinal else { return }
    let known = try await court.scene.client.call(
      EmethCore.jobTerms(parent.job.id), at: court.scene.contracts.core)
    #expect(known.escrow == parent.escrow, "seed \(seed), \(log)")
  }

  /// A part has ended: its requester's share is the parent's again.
  func subJobEnded(returned: TokenAmount) throws {
    let event = ParentEvent.subJobEnded(id, machine.status, returned: returned)
    try carryOut(try parent?.apply(event, at: machine.endedAt ?? 0) ?? [])
  }

  func carryOut(_ effects: [ParentEffect]) throws {
    for effect in effects {
      switch effect {
      case .escrow(_, let amount): wallet = wallet - amount
      case .refund(let requester, let amount): add(amount, to: requester)
      case .endSubJobs: break
      }
    }
  }

  // MARK: - The parent's end

  private func endParent() async throws {
    guard let whole = parent, !whole.status.isFinal else { return }
    try await checkEscrow()
    let node = court.nodes[0]
    // Too early, and not its requester's word.
    try await parentStep("time out", node, EmethCore.timeout(whole.job.id), .timeout)
    if whole.verifiedParts.count == whole.job.numParallel {
      let sum = EmethCore.submit(whole.job.id, result: "sum", fuelUsed: Fuel(units: 0))
      try await parentStep("complete", court.requester, sum, .completeRound(0))
    } else if Bool.random(using: &random) {
      try await giveUp()
    } else {
      try await court.wait(Self.parentSeconds)
      try await parentStep("time out", node, EmethCore.timeout(whole.job.id), .timeout)
    }
    #expect(parent?.status.isFinal == true, "seed \(seed), \(log)")
  }

  func giveUp() async throws {
    guard let whole = parent else { return }
    try await parentStep("give up", court.requester, EmethCore.rejectResult(whole.job.id), .giveUp)
  }

  /// Whose parent has ended and who has not handed anything in is let go by anyone; whether that was so.
  func endWithParent() async throws -> Bool {
    guard let status = parent?.status, machine.status == .requested || machine.status == .processing else {
      return false
    }
    let event = JobEvent.endWithParent(parentStatus: status)
    try await step("end with its parent", court.verifiers[0], EmethCore.cancel(id), nil, event)
    #expect(machine.status == .canceled, "seed \(seed), \(log)")
    return true
  }

  private func parentStep<Output>(
    _ name: String, _ who: PrivateKey, _ call: ContractCall<Output>, _ event: ParentEvent
  ) async throws {
    let core = court.scene.contracts.core
    var copy = try #require(parent)
    var refusal: JobError?
    let now = try await court.now
    do throws(JobError) { _ = try copy.apply(event, at: now) } catch { refusal = error }
    var reason: ChainError?
    do throws(ChainError) {
      _ = try await court.scene.client.call(call, at: core, from: who.address)
    } catch {
      guard case .reverted = error else { throw error }
      reason = error
    }
    log.append("parent: \(name): \(reason == nil ? "taken" : "refused")")
    #expect(
      (refusal == nil) == (reason == nil),
      "seed \(seed), \(log): machine \(refusal?.message ?? "takes it"), contract \(reason?.message ?? "takes it")"
    )
    guard refusal == nil, reason == nil else { return }
    let time = try await court.send(who, call, core)
    try carryOut(try parent?.apply(event, at: time) ?? [])
  }

  // MARK: - Masked parts

  func runMaskedParts() async throws {
    for part in 0..<UInt32(3) { try await register(part, attempt: 0) }
    try await runRegistered()
    let accepted = machines.indices.filter { machines[$0].endedAt == nil }
    let nodes = Set(accepted.compactMap { machines[$0].node })
    if parent?.status.isFinal == false, nodes.count == 3 { try await runCohort(accepted) }
    try await endParent()
    // Accepted work is paid when nobody goes on for a day.
    for index in machines.indices where machines[index].endedAt == nil {
      current = index
      try await court.wait(90_000)
      let event = JobEvent.endWithParent(parentStatus: try #require(parent?.status))
      try await step("complete", court.nodes[0], EmethVerifiers.completeCohort(id), checks, event)
      #expect(machine.status == .verified, "seed \(seed), \(log)")
    }
  }

  private var checks: Address { court.scene.contracts.verification }

  /// Who posts its key and its masked vector is paid, who does not in time is not.
  private func runCohort(_ members: [Int]) async throws {
    let ids = members.map { machines[$0].job.id }
    var due = try await court.now + 7_200
    var time: UInt64
    do {
      time = try await court.send(court.requester, EmethVerifiers.openCohort(ids, due: due), checks)
    } catch ChainError.reverted(_, let reason) where "\(reason)".contains("verifiers.late") {
      // The others took so long that whoever was accepted first may be paid without a sum by now.
      return
    }
    try fix(members, attempt: 1, due, at: time)
    let silent = Int.random(in: 0..<4, using: &random) == 0 ? members.randomElement(using: &random) : nil
    for index in members where index != silent {
      try await court.send(
        try court.key(of: machines[index].node), EmethVerifiers.postRoundKey(machines[index].job.id, .zero),
        checks)
    }
    if let silent {
      current = silent
      try await absent()
      try await court.wait(7_300)
      try await absent()
      #expect(machine.status == .timeout, "seed \(seed), \(log)")
      return
    }
    due = try await court.now + 7_200
    time = try await court.send(
      court.requester, EmethVerifiers.fixCohort(ids, roster: .zero, due: due), checks)
    try fix(members, attempt: 2, due, at: time)
    for index in members {
      current = index
      try await postMasked(court.nodes.first { $0.address != machine.node } ?? court.requester)
      if Int.random(in: 0..<4, using: &random) == 0 { continue }
      for _ in 0..<2 { try await postMasked(try court.key(of: machine.node)) }
      try await absent()
    }
    if members.contains(where: { machines[$0].cohort?.maskedRoot == nil }) { try await court.wait(7_300) }
    for index in members {
      current = index
      if machine.cohort?.maskedRoot == nil {
        try await postMasked(try court.key(of: machine.node))
        try await absent()
        #expect(machine.status == .timeout, "seed \(seed), \(log)")
      } else {
        let sum = JobEvent.completeCohort(sumChecks: true)
        try await step("complete", court.requester, EmethVerifiers.completeCohort(id), checks, sum)
        #expect(machine.status == .verified, "seed \(seed), \(log)")
      }
    }
  }

  private func fix(_ members: [Int], attempt: UInt32, _ due: UInt64, at time: UInt64) throws {
    log.append("cohort, attempt \(attempt)")
    for index in members {
      current = index
      try carryOut(try machine.apply(.fixCohort(attempt: attempt, deadline: due), at: time))
    }
  }

  private func postMasked(_ who: PrivateKey) async throws {
    let root = Keccak256.hash("masked".utf8)
    try await step(
      "mask", who, EmethVerifiers.postMasked(id, root: root), checks,
      .postMasked(by: who.address, maskedRoot: root))
  }

  private func absent() async throws {
    try await step("absent", court.verifiers[0], EmethVerifiers.absent(id), checks, .absent)
  }

  // MARK: - Proofs of work

  /// A solution, another node's, or none; in one call with the taking of the job or after it.
  func submitProof(isDirect: Bool) async throws {
    let node = isDirect ? court.nodes[Int.random(in: 0...1, using: &random)] : try court.key(of: machine.node)
    let challenge = court.challenger.sign(message: ProofOfWork.message(of: id)).bytes
    let record = challenge + JobCourt.target.bigEndianBytes
    let work = try ProofOfWork(record: Hex.encode(record, prefixed: false))
    let choice = Int.random(in: 0..<4, using: &random)
    let prefix = choice == 0 ? court.nodes[2].address : node.address
    let solution = try #require(work.solve(startingWith: prefix.bytes) { false })
    let result = choice == 1 ? "result" : solution
    let limit = machine.job.fuelLimit.units
    let fuel = Fuel(units: choice == 2 ? limit + 1 : UInt64.random(in: 0...limit, using: &random))
    let submit = JobEvent.submit(
      by: node.address, fuelUsed: fuel, submission: .zero,
      proofHolds: prefix == node.address && work.accepts(result: result))
    guard isDirect else {
      let call = EmethCore.submit(id, result: result, fuelUsed: fuel)
      try await step("submit a proof", node, call, nil, submit)
      return
    }
    let funds = ledgers[node.address] ?? .zero
    let process = JobEvent.process(
      by: node.address, headerExists: true, cooldownOver: true, depositAvailable: funds)
    let call = EmethCore.directSubmit(id, program: .proofOfWork, result: result, fuelUsed: fuel)
    try await step("prove", node, call, nil, [process, submit])
  }
}
