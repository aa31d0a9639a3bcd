import Synchronization

/// Questions that come while others are being answered wait for those, and are then one question together: a database on a
/// server is asked once for all of them.
///
/// None is answered by what was read before it came. Nothing is gathered for a while on purpose: alone, a question waits
/// for nobody.
final class GatheredQuestions<Question: Sendable, Answer: Sendable>: Sendable {
  private struct Asked {
    let question: Question
    let asker: CheckedContinuation<Answer, any Error>
  }

  private struct State {
    var waiting: [Asked] = []
    var isAnswering = false
  }

  private let state = Mutex(State())
  private let threads: WorkExecutor
  private let limit: Int
  private let answers: @Sendable ([Question]) throws -> [Answer]

  /// - Parameters:
  ///   - threads: where the answers are waited for.
  ///   - limit: so many questions are one at most.
  ///   - answers: answers all of them, in their order; what it throws is told to each.
  init(
    threads: WorkExecutor, limit: Int, answers: @escaping @Sendable ([Question]) throws -> [Answer]
  ) {
    self.threads = threads
    self.limit = limit
    self.answers = answers
  }

  /// How many questions wait for those that are being answered.
  var waitingCount: Int { state.withLock { $0.waiting.count } }

  /// What the answer is.
  func answer(to question: Question) async throws -> Answer {
    try await withCheckedThrowingContinuation { asker in
      let isFirst = state.withLock { state in
        state.waiting.append(Asked(question: question, asker: asker))
        defer { state.isAnswering = true }
        return !state.isAnswering
      }
      if isFirst { Task(executorPreference: threads) { self.answerAll() } }
    }
  }

  /// Answers all that wait, and those that come meanwhile.
  private func answerAll() {
    while true {
      let asked = state.withLock { state in
        let asked = Array(state.waiting.prefix(limit))
        state.waiting.removeFirst(asked.count)
        state.isAnswering = !asked.isEmpty
        return asked
      }
      if asked.isEmpty { return }
      do {
        let found = try answers(asked.map { $0.question })
        guard found.count == asked.count else {
          throw NetworkError.inconsistent(what: "\(asked.count) questions have \(found.count) answers")
        }
        for (asked, answer) in zip(asked, found) { asked.asker.resume(returning: answer) }
      } catch {
        for asked in asked { asked.asker.resume(throwing: error) }
      }
    }
  }
}
