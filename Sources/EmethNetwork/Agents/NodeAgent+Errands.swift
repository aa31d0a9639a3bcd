import EmethCompute
import EmethKit
import Foundation

/// What a node answers: openings to its verifiers, keys and vectors to its cohorts.
extension NodeAgent {
  /// Answers errands, one after another, beside the computing.
  func answerErrands() async -> Bool {
    do throws(NetworkError) {
      let lane = try AgentLane(threads: settings.threads, device: settings.device(ofWorker: 0))
      let desk = ErrandDesk(
        connection: connection, kinds: Set(Errand.Kind.allCases), patience: settings.patience
      ) { what, error in
        self.report(what, error)
      }
      await desk.work { errand async throws(NetworkError) in
        let body = try await self.answer(errand, on: lane)
        self.onEvent(.answered(errand.kind, errand.question.subJob))
        return body
      }
    } catch {
      report("answering", error)
    }
    return false
  }

  private func answer(_ errand: Errand, on lane: AgentLane) async throws(NetworkError) -> Data {
    let (node, threads, models) = (self.node, settings.threads, models)
    switch errand.question {
    case .open(let challenge, let binding):
      guard try node.opens(challenge.subJob, to: challenge.verifier) else {
        throw .refused(
          code: "node.gone", message: "it opens nothing of SubJob \(challenge.subJob)", hint: nil)
      }
      let sealed = try await lane.run { device in
        try node.admit(challenge)
        guard try node.finished(challenge.subJob).0.assignment.program == nil else {
          return try node.openPart(challenge, to: binding, at: secondsNow())
        }
        models.letGo()
        return try node.open(challenge, to: binding, at: secondsNow(), on: device)
      }
      for object in sealed.objects {
        try await connection.give(object: object, from: node.store)
        try node.store.remove(object)
      }
      return try body(sealed)
    case .cohort(let subJob, let message):
      let answer = try await lane.run { device in
        let means = TrainingNode.Means(work: VectorWork(threads: threads), device: device, stop: StopFlag())
        return try node.answer(message.wrappedValue, for: subJob, with: means)
      }
      if let answer, case .masked(let masked) = try CohortMessage(wire: answer) {
        try await connection.give(vector: masked.content.maskedRoot, from: node.store)
        try node.store.removeVector(masked.content.maskedRoot)
      }
      return try body(MessageAnswer(message: answer.map { HexText(wrappedValue: $0) }))
    case .openSecret(let subJob, let binding):
      let sealed = try node.openSecret(
        of: subJob, to: binding, verifier: binding.binding.account, now: secondsNow())
      return try body(MessageAnswer(message: sealed.map { HexText(wrappedValue: $0) }))
    case .reveal, .judge, .share, .examineMask, .handOver, .weighMask:
      throw .malformed(what: "errand \(errand.id)", reason: "a node is not asked for \(errand.kind.rawValue)")
    }
  }

  private func body(_ answer: some Encodable) throws(NetworkError) -> Data {
    try asNetworkError { try WireFormat.encoder.encode(answer) }
  }
}
