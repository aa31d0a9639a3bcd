import EmethKit
import EmethNetwork
import Foundation
import Synchronization

/// What a person sees of a run: live lines on a terminal, and at the end who earned what, the loss curve and a
/// sample of text. Quiet where standard error is no terminal.
final class RunView: Sendable {
  private struct State {
    var began = ContinuousClock.now
    var rounds: UInt32 = 1
    var parts: UInt32 = 1
    var stepsPerRound: UInt32 = 1
    var round: UInt32 = 0
    var records: UInt64 = 0
    /// What each node does now.
    var nodes: [Int: String] = [:]
    var steps: [UInt32: Int] = [:]
    var stepsSeen = 0
    var stepsBefore = 0
    var firstStep: ContinuousClock.Instant?
    var tokens = 0
    var validationLoss: Double?
    /// Training losses of all nodes, added up by optimizer step.
    var losses: [Int: (sum: Double, count: Int)] = [:]
    /// What is said when the work begins.
    var opening: String?
  }

  private let context: CommandContext
  private let settings: NetworkSettings
  private let state: Mutex<State>

  /// - Parameters:
  ///   - stepsPerRound: optimizer steps of a round, when they are known before the work begins.
  ///   - opening: what is said once it is sure that the work begins.
  init(
    _ context: CommandContext, settings: NetworkSettings, stepsPerRound: Int? = nil, opening: String? = nil
  ) {
    self.context = context
    self.settings = settings
    var state = State()
    state.stepsPerRound = UInt32(clamping: stepsPerRound ?? 1)
    state.opening = opening
    self.state = Mutex(state)
  }

  /// Takes an event in and redraws.
  func show(_ event: WorkProgress) {
    let (lines, opening) = state.withLock { state -> ([String], String?) in
      take(event, into: &state)
      defer { state.opening = nil }
      return (context.talk.isLive ? picture(of: state) : [], state.opening)
    }
    if let opening { context.talk.note(opening) }
    context.talk.show(lines)
    if case .bondLost(let verifier) = event {
      context.talk.note(
        "verifier \(verifier) lost its bond: it named a state that nobody else computes, or signed two verdicts"
      )
    }
    if case .ended(let part, let attempt, let node, let status, let reason) = event, status != .verified {
      let who = node.map { "node \($0)" } ?? "nobody"
      context.talk.note(
        "part \(part + 1), attempt \(attempt + 1), \(who): \(status.name), \(JobReport.shortened(reason))")
    }
  }

  private func take(_ event: WorkProgress, into state: inout State) {
    switch event {
    case .divided(let records, let parts, let rounds, let steps, _):
      state.records = records
      state.parts = parts
      state.rounds = rounds
      state.stepsPerRound = steps
    case .roundBegan(let round):
      state.round = round
      if state.firstStep == nil { state.stepsBefore = Int(round * state.parts * state.stepsPerRound) }
      state.steps = [:]
    case .taken(let part, let attempt, let node):
      state.nodes[node] = "took part \(part + 1)" + (attempt > 0 ? ", attempt \(attempt + 1)" : "")
    case .step(let part, let node, let step, let of, let loss, let tokens):
      state.nodes[node] =
        "part \(part + 1), step \(step) of \(of), loss \(NumberText.fixed(Double(loss), decimals: 3))"
      if state.firstStep == nil { state.firstStep = .now }
      state.steps[part] = step
      state.stepsSeen += 1
      state.tokens += tokens
      let (sum, count) = state.losses[Int(state.round) * of + step] ?? (0, 0)
      state.losses[Int(state.round) * of + step] = (sum + Double(loss), count + 1)
    case .replaying(let part, let verifier, let segments, let of):
      for (node, text) in state.nodes where text.hasPrefix("part \(part + 1),") {
        state.nodes[node] = "part \(part + 1), verifier \(verifier) replays \(segments) of \(of) segments"
      }
    case .ended(let part, _, let node, let status, _):
      if let node { state.nodes[node] = "part \(part + 1) \(status.name)" }
    case .recordsDivided(let records, let parts): (state.records, state.parts) = (records, parts)
    case .cohortsDrawn, .epochClosed, .bondLost, .joined: break
    case .roundEnded(_, _, let validationLoss): state.validationLoss = validationLoss
    }
  }

  private func picture(of state: State) -> [String] {
    let terminal = context.talk.terminal
    let all = Int(state.rounds * state.parts * state.stepsPerRound)
    let done = min(all, state.stepsBefore + state.stepsSeen)
    let seconds = state.firstStep.map { (ContinuousClock.now - $0) / .seconds(1) } ?? 0
    var head = "round \(state.round + 1) of \(state.rounds)"
    if let loss = state.validationLoss { head += " · validation loss \(NumberText.fixed(loss, decimals: 3))" }
    if seconds > 1 {
      head += " · \(NumberText.count(Int(Double(state.tokens) / seconds))) tokens/s"
      let left = Double(all - done) * seconds / Double(max(1, state.stepsSeen))
      head += " · \(NumberText.duration(.seconds(left))) left"
    }
    let width = max(10, min(60, terminal.columns - 12))
    let filled = width * done / max(1, all)
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    var lines = [terminal.paint(head, .bold), "\(bar) \(100 * done / max(1, all)) %"]
    for node in 1...settings.nodes { lines.append("node \(node)  \(state.nodes[node] ?? "waits")") }
    return lines
  }

  /// Says on standard error how the run ended, and writes the loss curve's picture to `file`.
  func finish(_ report: JobReport, curve file: URL?) throws {
    let talk = context.talk
    let terminal = talk.terminal
    let state = state.withLock { $0 }
    let curve = curve(of: report, state)
    // A run that had ended before knows its rounds only; the picture of all steps is there already.
    if let file, !curve.isEmpty, !state.losses.isEmpty || !FileManager.default.fileExists(atPath: file.path) {
      try AtomicFile.write(curve.svg(), to: file.path)
    }
    for line in summary(report, took: state.stepsSeen > 0 ? ContinuousClock.now - state.began : nil) {
      talk.note(line)
    }
    if terminal.isTerminal, !curve.isEmpty {
      for line in curve.picture(on: terminal).split(separator: "\n") { talk.note(String(line)) }
    }
    if let result = report.result { talk.note("the result is in \(result)") }
    guard let model = report.model else { return }
    if terminal.isTerminal {
      talk.note("a sample of what the model writes:")
      for line in try TextSample.text(from: URL(filePath: model)) { talk.note("  " + line) }
    }
    talk.note("the model is in \(model): emeth generate \(ShellWord.quoted(model)) --prompt \"...\"")
  }

  /// The mean of the nodes' training losses at each step, and the validation losses. Rounds that an earlier
  /// process trained have one training loss each, from the report.
  private func curve(of report: JobReport, _ state: State) -> LossCurve {
    let steps = Int(state.stepsPerRound)
    var losses = state.losses.mapValues { $0.sum / Double($0.count) }
    for round in report.rounds {
      let last = Int(round.round + 1) * steps
      if !losses.keys.contains(where: { $0 > last - steps && $0 <= last }) { losses[last] = round.trainLoss }
    }
    var curve = LossCurve(title: "loss, nats per token")
    for (step, loss) in losses.sorted(by: { $0.key < $1.key }) { curve.addTrain(step: step, loss: loss) }
    if let initial = report.initialLoss { curve.addValidation(step: 0, loss: initial) }
    for round in report.rounds {
      curve.addValidation(step: Int(round.round + 1) * steps, loss: round.validationLoss)
    }
    return curve
  }

  /// In what company the updates were added.
  private func sums(_ report: JobReport) -> String {
    let sums = report.aggregation
    guard let least = sums.cohorts.min(), let most = sums.cohorts.max() else {
      return "updates were added plainly: with fewer than 3 parts or 3 nodes nobody would be hidden"
    }
    let count = sums.cohorts.count
    return "\(sums.nodes) masked updates, \(NumberText.bytes(sums.bytes)), in \(count) "
      + (count == 1 ? "cohort" : "cohorts") + " of \(least == most ? "\(least)" : "\(least) to \(most)"), "
      + "\(sums.dropped) lost"
  }

  private func summary(_ report: JobReport, took: Duration?) -> [String] {
    var lines: [String] = []
    let terminal = context.talk.terminal
    let status = terminal.paint(report.status, .bold)
    if let initial = report.initialLoss, let last = report.validationLoss {
      lines.append(
        status + (took.map { " in \(NumberText.duration($0))" } ?? "")
          + ": validation loss \(NumberText.fixed(initial, decimals: 3)) → "
          + "\(NumberText.fixed(last, decimals: 3)) nats per token, "
          + "\(NumberText.count(Int(report.tokensPerSecond))) tokens/s trained")
    } else {
      lines.append("\(status): \(report.reason)")
    }
    lines += report.accountTable(for: terminal).split(separator: "\n").map(String.init)
    let verification = report.verification
    if verification.segments > 0, report.program != nil {
      lines.append(
        "\(verification.checked) computed again for \(verification.segments) that were handed in and judged")
    } else if verification.segments > 0 {
      lines.append(
        "\(verification.checked) of \(verification.segments) segments replayed, "
          + "\(NumberText.fixed(verification.costShare * 100, decimals: 1)) % of the work; committing took "
          + "\(NumberText.fixed(verification.traceShare * 100, decimals: 1)) %")
    }
    if let privacy = report.privacy { lines.append("privacy of a part: \(privacy.text)") }
    if report.program == nil { lines.append(sums(report)) }
    let good = report.tickets.filter { (try? $0.check(signer: report.batch?.signer)) != nil }.count
    lines.append(
      "\(good) of \(report.tickets.count) tickets check; granted \(report.conservation.in.emethText) = held "
        + "\(report.conservation.out.emethText) + burned \(report.conservation.burned.emethText) + locked "
        + "\(report.conservation.locked.emethText) EMETH")
    return lines
  }
}
