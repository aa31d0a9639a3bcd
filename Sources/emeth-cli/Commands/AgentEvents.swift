import EmethKit
import EmethNetwork
import Foundation

/// What a node or a verifier tells while it works: lines for people on standard error, or with `--json` objects on
/// standard output.
final class AgentEvents: Sendable {
  /// One event as `--json` prints it.
  private struct Line: Encodable {
    var event: String
    var subJob: JobID?
    var status: String?
    var reason: String?
    var accepted: Bool?
    var program: ProgramID?
    var fuelPerSecond: Double?
    var step: Int?
    var steps: Int?
    var loss: Double?
    var code: String?
    var url: String?
    var file: String?
    var amount: TokenAmount?
    var function: String?
    var transaction: Bytes32?
    var time = UInt64(Date().timeIntervalSince1970)
  }

  private let context: CommandContext
  private let asJSON: Bool

  init(_ parsed: ParsedCommand, _ context: CommandContext) {
    self.context = context
    asJSON = parsed[CommonFlags.json]
  }

  /// A line for people.
  func say(_ text: String) { if !asJSON { context.talk.note(text) } }

  func tell(_ event: AgentEvent) {
    switch event {
    case .speed(let program, let fuel):
      tell(
        Line(event: "speed", program: program, fuelPerSecond: fuel),
        "speed: \(NumberText.fixed(fuel, decimals: 1)) fuel a second of program \(program)")
    case .took(let subJob): tell(Line(event: "took", subJob: subJob), "took \(subJob)")
    case .step(let subJob, let progress):
      // Steps are many: they are shown where they replace each other.
      if asJSON {
        tell(
          Line(
            event: "step", subJob: subJob, step: progress.step, steps: progress.of,
            loss: Double(progress.loss)), "")
      } else {
        context.talk.show([
          "\(subJob): step \(progress.step) of \(progress.of), loss \(NumberText.fixed(Double(progress.loss), decimals: 3))"
        ])
      }
    case .serving(let url): tell(Line(event: "serving", url: url), "workers may come to \(url)")
    case .lostWorker(let subJob, let worker):
      tell(
        Line(event: "lostWorker", subJob: subJob, reason: "\(worker)"),
        "worker \(worker) is silent: \(subJob) is computed here")
    case .fewVerifiers(let job, let count):
      tell(
        Line(event: "fewVerifiers", subJob: job, reason: "\(count)"),
        "note: \(count) \(count == 1 ? "verifier" : "verifiers") could be drawn for \(job), and "
          + "\(EmethVerifiers.wantedCandidates) are wanted: if they are silent, nobody is paid")
    case .submitted(let subJob): tell(Line(event: "submitted", subJob: subJob), "handed \(subJob) in")
    case .declined(let subJob, let reason):
      tell(Line(event: "declined", subJob: subJob, reason: reason), "gave \(subJob) up: \(reason)")
    case .ended(let subJob, let status, let reason):
      tell(
        Line(event: "ended", subJob: subJob, status: status.name, reason: reason),
        "\(subJob) \(status.name)" + (reason.isEmpty ? "" : ": \(PlainText.visible(reason))"))
    case .evidence(let subJob, let file):
      tell(
        Line(event: "evidence", subJob: subJob, file: file),
        "what \(subJob) was rejected for is in \(file): emeth verify judges it")
    case .answered(let kind, let subJob):
      tell(
        Line(event: "answered", subJob: subJob, status: kind.rawValue),
        "answered \(kind.rawValue) of \(subJob)")
    case .judged(let subJob, let accepted, let finding):
      tell(
        Line(event: "judged", subJob: subJob, reason: finding, accepted: accepted),
        "\(accepted ? "accepted" : "rejected") \(subJob): \(PlainText.visible(finding))")
    case .redeemed(let amount, let transaction):
      tell(
        Line(event: "redeemed", amount: amount, transaction: transaction),
        "redeemed \(amount.emethText) EMETH" + (transaction.map { " by transaction \($0)" } ?? ""))
    case .sent(let function, let job, let transaction):
      tell(
        Line(event: "sent", subJob: job, function: function, transaction: transaction),
        "sent \(function)" + (job.map { " of \($0)" } ?? "") + " by transaction \(transaction)")
    case .failed(let what, let error):
      tell(
        Line(event: "failed", reason: "\(what): \(error.message)", code: error.code),
        "\(what): \(PlainText.visible(error.message))")
    }
  }

  private func tell(_ line: Line, _ text: String) {
    if asJSON {
      // A reader who went away is no reason to stop working.
      try? context.output.write(JSONText.line(line))
    } else {
      context.talk.note(text)
    }
  }
}
