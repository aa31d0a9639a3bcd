import EmethKit
import Foundation

/// Everything a finished job leaves for people and scripts; `emeth run --json` prints it.
public struct JobReport: Codable, Sendable {
  /// One round.
  public struct Round: Codable, Sendable {
    /// Counted from 0.
    public var round: UInt32
    /// Mean of the nodes' training losses, nats a token.
    public var trainLoss: Double
    /// Loss on the validation share, nats a token.
    public var validationLoss: Double
    /// Coordinates that the quantiser clipped.
    public var clipped: Int
  }

  /// One SubJob.
  public struct SubJob: Codable, Sendable {
    /// Its id.
    public var jobId: JobID
    /// Its place in the order of registration, from 0.
    public var index: Int
    /// Its round, from 0.
    public var round: UInt32
    /// Its part, from 0.
    public var part: UInt32
    /// Its attempt, from 0.
    public var attempt: UInt32
    /// The node that took it, counted from 1; `nil` when nobody did.
    public var node: Int?
    /// How it ended.
    public var status: String
    /// Why.
    public var reason: String
  }

  /// One account.
  public struct Account: Codable, Sendable {
    /// Who.
    public var address: Address
    /// requester, node, verifier, aggregator where it bound a bond, or bond pool once a bond was lost.
    public var role: String
    /// Counted from 1 within the role.
    public var number: Int
    /// Fees earned, holon.
    public var earned: TokenAmount
    /// What it lost of its deposits, holon: penalties, verifiers' fees it had to pay, a verifier's bond.
    public var penalty: TokenAmount
    /// All it has, holon.
    public var balance: TokenAmount
  }

  /// What was checked of the nodes' work.
  public struct Verification: Codable, Sendable {
    /// Segments of all submissions that were judged.
    public var segments: Int
    /// Segments that were replayed, those of second opinions included.
    public var checked: Int
    /// The probability, rounded down, that a cheat on a tenth of a job's segments, or on the share that the
    /// requester named, is found.
    public var detection: Double
    /// Wall-clock time that replaying took.
    public var seconds: Double
    /// Time that nodes spent on committing to their work over the time of that work.
    public var traceShare: Double
    /// Replayed optimizer steps over those of all judged submissions.
    public var costShare: Double
  }

  /// How the updates were added.
  public struct Aggregation: Codable, Sendable {
    /// SubJobs whose masked update is in a sum that holds; 0 where nobody would have been hidden.
    public var nodes: Int
    /// SubJobs that were lost while updates were added: absent, or caught masking another update.
    public var dropped: Int
    /// Wall-clock time that masking, adding and checking took.
    public var seconds: Double
    /// Bytes of masked updates that were posted, those of repeated attempts included.
    public var bytes: Int
    /// The sizes of the cohorts whose sums hold, by round.
    public var cohorts: [Int]
  }

  /// The job.
  public var jobId: JobID
  /// VERIFIED, or why there is no whole result.
  public var status: String
  /// Why it ended so.
  public var reason: String
  /// What it waits for; `nil` is nothing.
  public var waitsFor: JobWait?
  /// The folder of the trained model, when it was written.
  public var model: String?
  /// The program, where it is no training.
  public var program: ProgramID?
  /// The file of the result, where it is no training and was written.
  public var result: String?
  /// Validation loss before the first round, nats a token.
  public var initialLoss: Double?
  /// Validation loss after the last complete round.
  public var validationLoss: Double?
  /// Tokens that nodes trained on a second of wall-clock time. This and what is in seconds or a share of
  /// time are the only figures that differ between runs.
  public var tokensPerSecond: Double
  /// What was checked.
  public var verification: Verification
  /// How the updates were added.
  public var aggregation: Aggregation
  /// What differential privacy promises of a part; absent without.
  public var privacy: Privacy?
  /// All complete rounds.
  public var rounds: [Round]
  /// All SubJobs in the order of registration.
  public var subJobs: [SubJob]
  /// All accounts.
  public var accounts: [Account]
  /// The newest ticket of every account.
  public var tickets: [SignedTicket]
  /// The newest batch.
  public var batch: SignedBatch?
  /// How the role of their Signer was handed on, oldest change first; `nil` where it never was.
  public var signerChanges: [SignedSignerChange]?
  /// State root of the model: its parameters, no moments, the steps and rounds done. With a masked
  /// vocabulary, that of the nodes' model.
  public var stateRoot: Bytes32?
  /// Whether the money adds up.
  public var conservation: Conservation
}

extension Surroundings {
  /// The report on a job, from the records alone.
  func reportOnJob(_ id: JobID) throws(NetworkError) -> JobReport {
    try database.read { db in
      let record = try JobStore.job(id, in: db)
      let subJobs = try JobStore.subJobs(of: id, in: db)
      let done = record.progress.rounds.filter { $0.validationLoss != nil }
      let tickets = try Signer.newestTickets(in: db)
      let accounts = try accountsWithMoney(in: db)
      let nodes = accounts.filter { $0.role == "node" }
      return JobReport(
        jobId: id, status: record.status.name,
        reason: ([record.reason] + (record.progress.remarks ?? [])).joined(separator: "; "),
        waitsFor: record.status.isFinal ? nil : record.progress.wait, model: nil,
        program: record.request.isTraining ? nil : record.request.program,
        initialLoss: record.progress.initialLoss, validationLoss: done.last?.validationLoss,
        tokensPerSecond: record.progress.trainingSeconds > 0
          ? Double(record.progress.trainedTokens) / record.progress.trainingSeconds : 0,
        verification: try verification(of: record, subJobs: subJobs),
        aggregation: aggregation(
          of: record, subJobs: subJobs, cohorts: try CohortStore.cohorts(of: id, in: db)),
        privacy: record.request.isTraining
          ? try JobReport.Privacy(
            manifest: record.request.training.manifest, parts: record.request.parallel,
            rounds: done.map(\.exponents)) : nil,
        rounds: done.map {
          JobReport.Round(
            round: $0.round, trainLoss: $0.trainLoss ?? 0, validationLoss: $0.validationLoss ?? 0,
            clipped: $0.clipped)
        },
        subJobs: subJobs.enumerated().map { index, subJob in
          JobReport.SubJob(
            jobId: subJob.id, index: index, round: subJob.position.round, part: subJob.position.part,
            attempt: subJob.position.attempt,
            node: nodes.first { $0.address == subJob.machine.node }?.number,
            status: subJob.status.name, reason: subJob.notes.reason)
        },
        accounts: try accounts.map { account in
          let balances = try Ledger.balances(of: account.address, in: db)
          return JobReport.Account(
            address: account.address, role: account.role, number: account.number, earned: balances.payout,
            penalty: try subJobs.reduce(BondPool.lost(by: account.address, in: db)) { sum, subJob in
              guard subJob.machine.node == account.address, let settlement = subJob.machine.settlement else {
                return sum
              }
              return try sum.adding(settlement.nodeLoss)
            },
            balance: balances.total)
        },
        tickets: accounts.compactMap { tickets[$0.address] }, batch: try Signer.latestBatch(in: db),
        signerChanges: try signer.schedule(in: db).recordedChanges,
        stateRoot: record.request.isTraining ? record.progress.rounds.last?.initRoot : nil,
        conservation: try Ledger.conservation(in: db))
    }
  }

  private func verification(
    of record: JobRecord, subJobs: [SubJobRecord]
  ) throws(NetworkError) -> JobReport.Verification {
    // A part that is computed in one piece is one segment of one step.
    var (segments, length, steps) = (1, 1, 1)
    if case .training(let training) = record.request {
      let manifest = training.manifest
      (segments, length) = (Int(manifest.segmentCount), Int(manifest.segmentLength))
      steps = Int(manifest.stepsPerRound)
    }
    let judged = subJobs.filter { !$0.notes.judgements.isEmpty }
    let replayed = judged.flatMap { $0.notes.judgements.flatMap(\.segments) }
    let replayedSteps = replayed.reduce(0) { $0 + min(steps, ($1 + 1) * length) - $1 * length }
    let plan = try (record.request.check ?? check).plan(
      subJobs: Int(record.request.rounds) * Int(record.request.parallel), segments: segments)
    return JobReport.Verification(
      segments: judged.count * segments, checked: replayed.count,
      detection: Double(plan.detection(per: 1_000_000)) / 1_000_000,
      seconds: record.progress.verificationSeconds ?? 0,
      traceShare: record.progress.traceShare,
      costShare: judged.isEmpty ? 0 : Double(replayedSteps) / Double(judged.count * steps))
  }

  private func aggregation(
    of record: JobRecord, subJobs: [SubJobRecord], cohorts: [CohortRecord]
  ) -> JobReport.Aggregation {
    let sizes = cohorts.filter(\.holds).map(\.drawn.cohort.seats.count)
    return JobReport.Aggregation(
      nodes: sizes.reduce(0, +),
      dropped: subJobs.count { $0.machine.endReason == .absentFromCohort }
        + cohorts.reduce(0) { $0 + $1.lies.count + ($1.unvouched?.count ?? 0) },
      seconds: record.progress.aggregationSeconds ?? 0,
      bytes: cohorts.flatMap(\.postedVectors).reduce(0) { $0 + Int($1.byteCount) }, cohorts: sizes)
  }

  /// The accounts of the present settings, and those of earlier ones that still have money or tickets here:
  /// requester, nodes, verifiers, the Aggregator, the bond pool.
  func accountsWithMoney(in db: SQLSession) throws -> [LocalNetwork.Account] {
    let present = try accounts(in: db)
    let rows = try SQLRow.fetchAll(
      db, sql: "SELECT address, role, number FROM account WHERE address IN (SELECT account FROM balance)")
    let earlier = try rows.map {
      LocalNetwork.Account(
        address: try Address($0["address"]), role: try $0["role"], number: try $0["number"])
    }
    .filter { !present.contains($0) }
    let roles = ["requester", "node", "verifier", BondPool.aggregatorRole, BondPool.role]
    return roles.flatMap { role in
      (present + earlier).filter { $0.role == role }.sorted { $0.number < $1.number }
    }
  }
}

extension JobProgress {
  /// Time of traces over the time of the work itself.
  fileprivate var traceShare: Double {
    guard let nodeSeconds, let traceSeconds, nodeSeconds > traceSeconds else { return 0 }
    return traceSeconds / (nodeSeconds - traceSeconds)
  }
}
