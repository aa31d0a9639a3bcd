import EmethCompute
import EmethKit
import Foundation

/// A finished job's folder, as a third party checks it: from its files alone, with no network and no key.
public struct JobFolder: Sendable {
  /// One thing that was checked, and whether it holds.
  public struct Check: Codable, Sendable, Hashable {
    /// What.
    public var what: String
    /// What was found wrong; `nil` when it holds.
    public var problem: String?
    /// Whether it holds.
    public var holds: Bool { problem == nil }
  }

  let model: URL

  /// The folder that `emeth run` or `emeth fetch-result` left.
  public init(_ model: URL) { self.model = model }

  /// Whether there is a job's record in the folder.
  public var hasRecords: Bool {
    FileManager.default.fileExists(atPath: model.appending(path: "job/records.json").path)
  }

  /// Checks everything that can be checked without replaying: coverage of the split, signatures, roots,
  /// settlements, the chain of batches, tickets, the model's bytes, and the masked sums that led to it.
  public func check() throws(NetworkError) -> [Check] {
    try FolderContents(folder: model).refuseForeign()
    let file = model.appending(path: "job/records.json")
    let data = try Files.read(file)
    let records: PublicRecords
    do {
      records = try JSONDecoder().decode(PublicRecords.self, from: data)
    } catch {
      throw .malformed(what: file.path, reason: WireFormat.problem(of: error))
    }
    let leaves = try Files.read(model.appending(path: "job/leaves.bin"))
    return [
      outcome("every file is as \(manifestSigner(records)) signed it") {
        try checkManifest(records, encoded: data)
      },
      outcome("the split: every record in exactly one part, sizes even") {
        try checkPlan(records, leaves: leaves)
      },
      outcome("\(records.subJobs.count) SubJobs: ids, signatures, roots and verdicts") {
        let accounts = Set(records.tickets.map(\.content.account))
        for subJob in records.subJobs { try checkSubJob(subJob, in: records, accounts: accounts) }
        try checkRounds(records)
      },
      checkDraws(records),
      outcome("settlements: terms by the rule set, amounts by the terms, conserved to the holon") {
        try checkTerms(records)
        for subJob in records.subJobs { try checkSettlement(subJob.machine) }
      },
      outcome("\(records.batches.count) batches: signatures, chain, totals") { try checkBatches(records) },
      outcome("\(records.tickets.count) tickets: signatures, jobs, and the newest batch over them") {
        try checkTickets(records)
      },
    ]
      + (isTraining(records.job)
        ? [outcome("the model's bytes have the job's state root") { try checkModel(records) }]
          + checkSums(records)
        : checkComputed(records))
  }

  /// Whether the job trains a model.
  func isTraining(_ job: Job) -> Bool { job.programID == .languageModelTraining }

  struct Problem: Error {
    let text: String
    init(_ text: String) { self.text = text }
  }

  func outcome(_ what: String, _ body: () throws -> Void) -> Check {
    do {
      try body()
      return Check(what: what, problem: nil)
    } catch let problem as Problem {
      return Check(what: what, problem: problem.text)
    } catch {
      return Check(what: what, problem: NetworkError(error).message)
    }
  }

  func require(_ condition: Bool, _ problem: @autoclosure () -> String) throws {
    if !condition { throw Problem(problem()) }
  }

  /// Who vouches for the files: the Signer where the network itself wrote the folder, the requester where it was
  /// fetched from a server, which has never seen it.
  private func manifestSigner(_ records: PublicRecords) -> String {
    let data = try? Files.read(model.appending(path: FolderContents.manifestPath))
    let signed = data.flatMap { try? JSONDecoder().decode(SignedFolderManifest.self, from: $0) }
    return signed?.signer == records.job.requester ? "the requester" : "the Signer"
  }

  private func checkManifest(_ records: PublicRecords, encoded: Data) throws {
    try require(
      try WireFormat.readableEncoder.encode(records) == encoded,
      "job/records.json is not written as its content demands")
    let file = model.appending(path: FolderContents.manifestPath)
    try require(
      FileManager.default.fileExists(atPath: file.path), "\(FolderContents.manifestPath) is missing")
    let data = try Files.read(file)
    guard let signed = try? JSONDecoder().decode(SignedFolderManifest.self, from: data) else {
      throw Problem("\(FolderContents.manifestPath) can't be read")
    }
    try require(
      try WireFormat.readableEncoder.encode(signed) == data,
      "\(FolderContents.manifestPath) is not written as its content demands")
    let signer = signed.signer == records.job.requester ? records.job.requester : records.signer
    try signed.check(signers: TrustedSigners(signer), in: records.domain)
    try require(
      signed.content.jobID == records.job.id, "\(FolderContents.manifestPath) is of another job")
    let differences = try FolderContents(folder: model).differences(from: signed.content)
    try require(differences.isEmpty, differences.joined(separator: ", "))
  }

  private func checkPlan(_ records: PublicRecords, leaves: Data) throws {
    try require(leaves.count % 32 == 0, "leaves.bin has \(leaves.count) bytes, no whole number of hashes")
    let hashes = stride(from: 0, to: leaves.count, by: 32).compactMap {
      Bytes32(leaves[leaves.startIndex + $0..<leaves.startIndex + $0 + 32])
    }
    try records.plan.check(leafHashes: hashes)
    try require(
      records.plan.parts.count == Int(records.job.numParallel),
      "the plan has \(records.plan.parts.count) parts, the job \(records.job.numParallel)")
  }

  /// - Parameter accounts: Those that have a ticket. Who is drawn has bound something, and so has one.
  private func checkSubJob(
    _ subJob: PublicRecords.SubJob, in records: PublicRecords, accounts: Set<Address>
  ) throws {
    let machine = subJob.machine
    let id = machine.job.id
    guard let position = machine.job.position, position.parent == records.job.id else {
      throw Problem("SubJob \(id) is not one of this job")
    }
    try require(machine.status.isFinal, "SubJob \(id) has not ended")
    guard let submission = subJob.submission else {
      try require(machine.status != .verified, "SubJob \(id) is VERIFIED without a submission")
      return
    }
    let message = submission.submission
    guard let node = machine.node else { throw Problem("SubJob \(id) has a submission and no node") }
    try submission.check(in: records.domain)
    try require(
      message.jobID == id && message.node == node, "SubJob \(id): the submission is of another SubJob or node"
    )
    try require(
      machine.submission == submission.digest, "SubJob \(id): the submission is not the one that was settled")
    try require(
      machine.fuelUsed == Fuel(units: message.fuelUsed),
      "SubJob \(id): another amount of fuel than was submitted")
    for opened in subJob.trace { try opened.check(in: message) }
    let programHash = try programHash(of: records.job)
    try require(message.programHash == programHash, "SubJob \(id): another program than the job's")
    try require(
      records.plan.parts.indices.contains(Int(position.part))
        && message.dataRoot == records.plan.parts[Int(position.part)].root,
      "SubJob \(id): another part of the data")
    try require(
      records.rounds.contains { $0.round == position.round && $0.initRoot == message.initRoot },
      "SubJob \(id): another starting model than the round's")
    let decisive = machine.draws.map(\.verifier)
    let drawn = decisive + (subJob.furtherDraws ?? [])
    try require(Set(drawn).count == drawn.count, "SubJob \(id): a verifier was drawn twice")
    for verifier in drawn {
      try require(
        accounts.contains(verifier),
        "SubJob \(id): \(verifier) was drawn and has never bound anything: it has no ticket")
    }
    func check(_ verdicts: [SignedVerdict], of verifiers: [Address]) throws {
      for verdict in verdicts {
        try verdict.check(of: submission.digest, in: records.domain)
        try require(verdict.verdict.jobID == id, "SubJob \(id): a verdict is on another SubJob")
        try require(
          verifiers.contains(verdict.verdict.verifier),
          "SubJob \(id): \(verdict.verdict.verifier) gave a verdict without being drawn")
      }
    }
    try check(subJob.verdicts, of: decisive)
    try check(subJob.furtherVerdicts ?? [], of: drawn)
    let said = subJob.verdicts + (subJob.furtherVerdicts ?? [])
    switch machine.status {
    case .verified where machine.endReason == .proved:
      try require(records.job.programID == .proofOfWork, "SubJob \(id) proves nothing by itself")
    case .verified:
      // Not what was said last: who was drawn in the place of the one that accepted may have said anything after that.
      try require(
        machine.verdict != nil && said.contains { $0.verdict.accepted },
        "SubJob \(id) is VERIFIED without an accepting verdict")
      let own = ownAccounts(of: subJob, in: records)
      for verdict in subJob.verdicts.map(\.verdict) where verdict.accepted {
        try require(
          !own.contains(verdict.verifier),
          "SubJob \(id) is accepted by \(verdict.verifier), an account of the job's own")
      }
    case .failed: try checkFailure(subJob, in: records)
    default: break
    }
    if let standing = machine.verdict {
      try require(
        !ownAccounts(of: subJob, in: records).contains(standing.verifier),
        "SubJob \(id) is accepted by \(standing.verifier), an account of the job's own")
      try require(
        said.contains {
          $0.digest == standing.digest && $0.verdict.verifier == standing.verifier && $0.verdict.accepted
        }, "SubJob \(id): the acceptance that stands for it is not there, or is no acceptance")
    }
  }

  /// No attempt is left out, the job ended as its requester's settled jobs say, and a verified job has every
  /// part of every round verified exactly once.
  private func checkRounds(_ records: PublicRecords) throws {
    let job = records.job
    let manifest = isTraining(job) ? try TrainingManifest(json: job.parameters) : nil
    let rounds = manifest?.rounds ?? 1
    try require(rounds == job.numEpoch, "the program has \(rounds) rounds, the job \(job.numEpoch)")
    for part in records.plan.parts {
      try require(
        (part.noiseRoot != nil) == (manifest?.privacy != nil),
        "part \(part.index) \(part.noiseRoot == nil ? "lacks" : "has") a root of noise, against the program")
    }
    if records.status.isFinal {
      let settled = records.leaves.first { $0.account == job.requester && $0.leaf.jobID == job.id }?.leaf
        .status
      try require(
        settled == records.status,
        "the job is called \(records.status.name), it was settled as \(settled?.name ?? "nothing")")
    }
    // The places by their first attempts.
    var attempts: [SubJobPosition: [UInt32]] = [:]
    var verified: [SubJobPosition: Int] = [:]
    for machine in records.subJobs.map(\.machine) {
      guard let position = machine.job.position else { continue }
      let place = SubJobPosition(parent: job.id, round: position.round, part: position.part, attempt: 0)
      attempts[place, default: []].append(position.attempt)
      if machine.status == .verified { verified[place, default: 0] += 1 }
    }
    for (place, found) in attempts {
      for (expected, attempt) in found.sorted().enumerated() {
        try require(
          Int(attempt) == expected,
          "attempt \(expected) at part \(place.part) of round \(place.round) is not there, or one is there twice"
        )
      }
    }
    guard records.status == .verified else { return }
    for round in 0..<job.numEpoch {
      for part in 0..<job.numParallel {
        let count = verified[SubJobPosition(parent: job.id, round: round, part: part, attempt: 0)] ?? 0
        try require(count == 1, "part \(part) of round \(round) is verified \(count) times")
      }
    }
  }

  /// The terms of the job and of every SubJob are what the rule set makes of fuel and price.
  private func checkTerms(_ records: PublicRecords) throws {
    let rules = try RuleSet.named(records.ruleSet)
    let job = records.job
    let terms = try rules.terms(
      fuelLimit: job.fuelLimit, fuelPrice: job.fuelPrice,
      verifiers: job.programID == .languageModelTraining
        ? 1 : ComputedManifest(json: job.parameters).paidVerifiers)
    try require(job.terms == terms, "the job's terms are not those of the rule set \(records.ruleSet)")
    let budget = try ParentBudget(
      fuelLimit: job.fuelLimit, verifierFee: terms.verifierFee, rounds: job.numEpoch, parts: job.numParallel)
    for part in records.subJobs.map(\.machine.job) {
      guard let position = part.position, position.round < job.numEpoch, position.part < job.numParallel
      else {
        throw Problem("SubJob \(part.id) has no place in the job")
      }
      let share = budget.share(round: position.round, part: position.part)
      let expected = try rules.terms(
        fuelLimit: share.fuelLimit, fuelPrice: job.fuelPrice, verifierFee: share.verifierFee)
      try require(
        part.fuelLimit == share.fuelLimit && part.fuelPrice == job.fuelPrice && part.terms == expected,
        "SubJob \(part.id) has other terms than its share of the job")
    }
  }

  private func checkSettlement(_ machine: JobMachine) throws {
    guard let found = machine.settlement else { throw Problem("SubJob \(machine.job.id) was not settled") }
    let expected = try machine.expectedSettlement()
    try require(found == expected, "SubJob \(machine.job.id) was not settled by its terms")
  }

  private func checkBatches(_ records: PublicRecords) throws {
    guard let first = records.batches.first else { throw Problem("there is no batch") }
    try require(
      first.batch.epoch == 1 && first.batch.previousBatch == .zero, "the chain does not begin with epoch 1")
    let schedule = try records.signers
    for batch in records.batches {
      try batch.check(signer: schedule.signer(of: batch.batch.epoch))
      try require(batch.domain == records.domain, "batch \(batch.batch.epoch) is of another domain")
    }
    for (batch, previous) in zip(records.batches.dropFirst(), records.batches) {
      try batch.check(after: previous)
    }
  }

  private func checkTickets(_ records: PublicRecords) throws {
    let schedule = try records.signers
    for signed in records.tickets {
      try signed.check(signer: schedule.signer(of: signed.ticket.epoch), in: records.domain)
      let ticket = signed.ticket
      let leaves = records.leaves.filter { $0.account == ticket.account && $0.epoch == ticket.epoch }.map(
        \.leaf)
      try require(
        TicketTrees.jobsRoot(of: leaves) == ticket.jobsRoot,
        "the ticket of \(ticket.account) has other jobs than were settled")
    }
    guard let newest = records.batches.last else { throw Problem("there is no batch") }
    let tickets = records.tickets.map(\.ticket).sorted { $0.account < $1.account }
    try require(
      TicketTrees.accountsRoot(of: tickets) == newest.batch.accountsRoot,
      "the newest batch is not over these tickets")
    try require(
      SHA256.hash(TicketTrees.leavesFile(tickets)) == newest.batch.dataHash,
      "the newest batch is of another file of leaves")
    let total = try tickets.reduce(TokenAmount.zero) { try $0.adding($1.cumulativePayout) }
    try require(
      total == newest.batch.totalPayout,
      "the newest batch's total is \(newest.batch.totalPayout), the tickets give \(total)")
  }

  private func checkModel(_ records: PublicRecords) throws {
    guard let result = records.rounds.max(by: { $0.round < $1.round }), result.round > 0 else {
      throw Problem("no round was completed")
    }
    try require(
      records.status != .verified || result.round == records.job.numEpoch,
      "the result is that of round \(result.round), the job has \(records.job.numEpoch)")
    let contents = try ModelFolder.read(from: model)
    let manifest = try TrainingManifest(json: records.job.parameters)
    let state = try TrainingState(configuration: contents.configuration)
    try require(
      try ModelConfiguration(manifest.model) == contents.configuration,
      "the model has another shape than the job's")
    contents.copyParameters(to: state)
    if manifest.masksVocabulary { try relabel(state, by: manifest) }
    state.round = UInt64(result.round)
    state.step = UInt64(result.round) * UInt64(manifest.stepsPerRound)
    let root = Bytes32(state.root)
    try require(
      root == result.initRoot,
      "the model's state root is \(root.map { "\($0)" } ?? "none"), the job's is \(result.initRoot)")
  }
}

extension JobMachine {
  /// The settlement that the machine's terms and end give.
  fileprivate func expectedSettlement() throws -> Settlement {
    guard let reason = endReason else {
      throw NetworkError.inconsistent(what: "SubJob \(job.id) has no reason to have ended")
    }
    let end: JobEnd =
      switch reason {
      case .accepted, .proved: .verified(fuelUsed: fuelUsed ?? .zero)
      case .verifiersSilent: .verifiedByExpiry(fuelUsed: fuelUsed ?? .zero)
      case .canceledByRequester: .canceled
      case .nobodyToCheck: .unchecked
      case .parentEnded: node == nil ? .canceled : .canceledByParent
      case .nobodyTookIt: .timeoutUntaken
      case .deadlineReached, .leaseLapsed, .absentFromCohort: .timeoutByNode
      case .declined: .declined(atFault: true)
      case .declinedWithEvidence: .declined(atFault: false)
      case .rejected, .openingsWithheld: .failed
      case .roundsComplete, .attemptsUsedUp:
        throw NetworkError.inconsistent(what: "SubJob \(job.id) ended as only a parent can")
      }
    return try Settlement(end: end, terms: job.terms, fuelPrice: job.fuelPrice)
  }
}
