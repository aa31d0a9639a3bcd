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
    var loss: Float?
    var validationLoss: Double?
    var ended: [String] = []
    var curve = LossCurve(title: "loss, nats per token")
  }

  private let context: CommandContext
  private let settings: NetworkSettings
  private let state = Mutex(State())

  init(_ context: CommandContext, settings: NetworkSettings) {
    self.context = context
    self.settings = settings
  }

  /// Takes an event in and redraws.
  func show(_ event: WorkProgress) {
    let lines = state.withLock { state -> [String] in
      take(event, into: &state)
      return context.talk.isLive ? picture(of: state) : []
    }
    context.talk.show(lines)
    if case .ended(let part, let attempt, let node, let status, let reason) = event, status != .verified {
      let who = node.map { "node \($0)" } ?? "nobody"
      context.talk.note("part \(part + 1), attempt \(attempt + 1), \(who): \(status.name), \(reason)")
    }
  }

  private func take(_ event: WorkProgress, into state: inout State) {
    switch event {
    case .divided(let records, let parts, let rounds, let steps, let initialLoss):
      state.records = records
      state.parts = parts
      state.rounds = rounds
      state.stepsPerRound = steps
      if state.curve.isEmpty { state.curve.addValidation(step: 0, loss: initialLoss) }
    case .roundBegan(let round):
      state.round = round
      if state.firstStep == nil { state.stepsBefore = Int(round * state.parts * state.stepsPerRound) }
      state.steps = [:]
    case .taken(let part, let attempt, let node):
      state.nodes[node] = "took part \(part + 1)" + (attempt > 0 ? ", attempt \(attempt + 1)" : "")
    case .step(let part, let node, let step, let of, let loss, let tokens):
      state.nodes[node] = "part \(part + 1), step \(step) of \(of), loss \(NumberText.fixed(Double(loss), decimals: 3))"
      if state.firstStep == nil { state.firstStep = .now }
      state.steps[part] = step
      state.stepsSeen += 1
      state.tokens += tokens
      state.loss = loss
      state.curve.addTrain(step: Int(state.round) * of + step, loss: Double(loss))
    case .replaying(let part, let verifier, let segments, let of):
      for (node, text) in state.nodes where text.hasPrefix("part \(part + 1),") {
        state.nodes[node] = "part \(part + 1), verifier \(verifier) replays \(segments) of \(of) segments"
      }
    case .ended(let part, _, let node, let status, _):
      if let node { state.nodes[node] = "part \(part + 1) \(status.name)" }
    case .epochClosed: break
    case .roundEnded(let round, _, let validationLoss):
      state.validationLoss = validationLoss
      state.curve.addValidation(step: Int(round + 1) * Int(state.stepsPerRound), loss: validationLoss)
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

  /// Says on standard error how the run ended, and writes the loss curve's picture to `curve`.
  func finish(_ report: JobReport, network: LocalNetwork, curve file: URL?) throws {
    let talk = context.talk
    let terminal = talk.terminal
    let (curve, began) = state.withLock { ($0.curve, $0.began) }
    if let file, !curve.isEmpty { try AtomicFile.write(curve.svg(), to: file.path) }
    for line in summary(report, took: ContinuousClock.now - began) { talk.note(line) }
    if terminal.isTerminal, !curve.isEmpty {
      for line in curve.picture(on: terminal).split(separator: "\n") { talk.note(String(line)) }
    }
    if let model = report.model, terminal.isTerminal || context.outputTerminal.isTerminal {
      talk.note("a sample of what the model writes:")
      for line in try TextSample.text(from: URL(filePath: model)) { talk.note("  " + line) }
    }
    if let model = report.model {
      talk.note("the model is in \(model): emeth generate \(model) --prompt \"...\"")
    }
  }

  private func summary(_ report: JobReport, took: Duration) -> [String] {
    var lines: [String] = []
    let terminal = context.talk.terminal
    if let initial = report.initialLoss, let last = report.validationLoss {
      lines.append(
        terminal.paint("\(report.status)", .bold)
          + " in \(NumberText.duration(took)): validation loss \(NumberText.fixed(initial, decimals: 3)) → "
          + "\(NumberText.fixed(last, decimals: 3)) nats per token, "
          + "\(NumberText.count(Int(report.tokensPerSecond))) tokens/s trained")
    } else {
      lines.append("\(report.status): \(report.reason)")
    }
    var table = TextTable([
      .init("account"), .init("role"), .init("earned", .right), .init("lost", .right), .init("has now", .right),
      .init("why"),
    ])
    for account in report.accounts {
      table.add([
        String("\(account.address)".prefix(10)) + "…", "\(account.role) \(account.number)", account.earned.emethText,
        account.penalty.emethText, account.balance.emethText, why(account, in: report),
      ])
    }
    lines += table.text(for: terminal).split(separator: "\n").map(String.init)
    let good = report.tickets.filter { (try? $0.check(signer: report.batch?.signer)) != nil }.count
    lines.append(
      "\(good) of \(report.tickets.count) tickets check; granted \(report.conservation.in.emethText) = held "
        + "\(report.conservation.out.emethText) + burned \(report.conservation.burned.emethText) + locked "
        + "\(report.conservation.locked.emethText) EMETH")
    return lines
  }

  private func why(_ account: JobReport.Account, in report: JobReport) -> String {
    switch account.role {
    case "node":
      let own = report.subJobs.filter { $0.node == account.number }
      let lost = own.filter { $0.status != "VERIFIED" && $0.status != "CANCELED" }
      return "\(own.filter { $0.status == "VERIFIED" }.count) SubJobs VERIFIED"
        + lost.map { ", \($0.status) in round \($0.round + 1): \($0.reason)" }.joined()
    case "requester": return "paid for \(report.subJobs.filter { $0.status == "VERIFIED" }.count) SubJobs"
    default: return "verification fees"
    }
  }
}
