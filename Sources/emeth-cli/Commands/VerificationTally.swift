import EmethKit

/// What comes of checking many documents, in their order: counts, and the first of those that fail.
struct VerificationTally {
  /// What became of one document.
  enum Outcome: Sendable {
    case holds(CheckedDocument)
    /// It is read and does not verify, or it can't be read.
    case fails(ErrorReport, at: String)
  }

  /// The most failures that are told one by one.
  static let shownFailures = 20
  /// The most accounts that are counted by name.
  private static let countedSigners = 100

  private let name: String
  private var count = 0
  private var counts: [String: Int] = [:]
  private var signers: [Address: Int] = [:]
  private var refused = 0
  private var malformed = 0
  private var failures: [(place: String, report: ErrorReport)] = []
  private var lastBatch: SignedBatch?
  private var links = 0

  init(name: String) {
    self.name = name
  }

  /// Adds the next document.
  mutating func add(_ outcome: Outcome, at place: String) {
    count += 1
    switch outcome {
    case .fails(let report, let place): fail(report, at: place)
    case .holds(let document):
      if let batch = document.batch, let report = checkChain(batch, at: place) {
        fail(report, at: place)
        return
      }
      counts[document.kind, default: 0] += 1
      for signer in document.signers { add(signer) }
    }
  }

  private mutating func add(_ signer: Address) {
    if signers[signer] != nil || signers.count < Self.countedSigners { signers[signer, default: 0] += 1 }
  }

  private mutating func fail(_ report: ErrorReport, at place: String) {
    if report.exitCode == .no { refused += 1 } else { malformed += 1 }
    if failures.count < Self.shownFailures { failures.append((place, report)) }
  }

  /// Checks a batch against the one before it in the stream, when one must follow the other.
  private mutating func checkChain(_ batch: SignedBatch, at place: String) -> ErrorReport? {
    // Two networks may share the embedded domain: only one Signer's batches must fit each other.
    guard let last = lastBatch, last.domain == batch.domain,
      !Set(last.allSigners).isDisjoint(with: batch.allSigners)
    else {
      lastBatch = batch
      return nil
    }
    if last.digest == batch.digest { return nil }
    do throws(TicketError) {
      guard batch.batch.epoch != last.batch.epoch else { throw .equivocation(epoch: batch.batch.epoch) }
      let isNext = last.batch.epoch < .max && batch.batch.epoch == last.batch.epoch + 1
      if isNext {
        try batch.batch.check(after: last.batch, in: batch.domain)
        links += 1
      }
    } catch {
      return VerificationReport.failure("signed batch", error, in: "\(name), \(place)").report
    }
    lastBatch = batch
    return nil
  }

  /// The report.
  ///
  /// - Throws: `CommandFailure` when something fails: exit code 1 when something does not verify, 3 when all
  ///   that fails can't be read.
  func report(_ terms: VerificationTerms) throws(CommandFailure) -> VerificationReport {
    if let first = failures.first { throw failure(first.place, first.report) }
    var checks = counts.sorted { $0.key < $1.key }.map { "\(NumberText.grouped($0.value)) x \($0.key)" }
    if links > 0 { checks.append("batches: \(NumberText.grouped(links + 1)) follow each other as a chain") }
    let most = signers.sorted { ($0.value, $1.key) > ($1.value, $0.key) }
    checks.append(terms.trustLine(most.map { ($0.key, $0.value) }))
    return VerificationReport(
      kind: "list of \(count)", checks: checks, counts: counts,
      signers: Dictionary(uniqueKeysWithValues: signers.map { ($0.key.description, $0.value) }),
      trusted: terms.signers != nil)
  }

  /// The failures that are told one by one, a line each.
  var failureLines: [String] {
    failures.map(\.report.message)
  }

  private func failure(_ place: String, _ report: ErrorReport) -> CommandFailure {
    var details = [
      "checked": "\(count)", "doNotVerify": "\(refused)", "unreadable": "\(malformed)", "first": place,
    ]
    for failure in failures { details[failure.place] = "\(failure.report.code): \(failure.report.message)" }
    let parts = [
      refused > 0 ? "\(NumberText.grouped(refused)) do not verify" : nil,
      malformed > 0 ? "\(NumberText.grouped(malformed)) can't be read" : nil,
    ].compactMap { $0 }
    return CommandFailure(
      refused > 0 ? .no : .badInput, code: report.code,
      "\(name): of \(NumberText.grouped(count)) documents \(parts.joined(separator: " and ")), the first at "
        + "\(place)", hint: report.hint, details: details)
  }
}
