import EmethKit
import Foundation

/// Takes errands as they come and sends their answers, until the task is cancelled.
struct ErrandDesk {
  let connection: any NetworkConnection
  /// What it takes; all others wait for another desk.
  let kinds: Set<Errand.Kind>
  /// How long the network may let it wait, seconds.
  let patience: Double
  let report: @Sendable (String, NetworkError) -> Void

  /// - Parameter answer: the answer's body. What is refused or malformed, or was cut short here, is not tried again;
  ///   everything else is.
  func work(_ answer: (Errand) async throws(NetworkError) -> Data) async {
    // What this account has no answer to; it stays silent.
    var hopeless: [String: UInt64] = [:]
    while !Task.isCancelled {
      do throws(NetworkError) {
        let errands = try await connection.errands(
          of: kinds, except: Set(hopeless.keys), waitingUpTo: patience)
        for errand in errands where hopeless[errand.id] == nil {
          if Task.isCancelled { return }
          do throws(NetworkError) {
            let body = try await answer(errand)
            try await connection.answer(errand.id, body)
            // That took long: what is better paid may have come meanwhile.
            if errand.kind == .judge { break }
          } catch {
            report("errand \(errand.kind.rawValue) of SubJob \(errand.question.subJob)", error)
            if Self.isHopeless(error) { hopeless[errand.id] = errand.due } else { await pause(0.5) }
          }
        }
      } catch {
        report("asking for errands", error)
        await pause(Double.random(in: 0.25...1))
      }
      let now = secondsNow()
      hopeless = hopeless.filter { $0.value > now }
    }
  }

  /// Whether trying once more would come to nothing else: others wait meanwhile.
  private static func isHopeless(_ error: NetworkError) -> Bool {
    if case .moduleCutShort = error { return true }
    return error.isFinalAnswer
  }
}
