import EmethKit
import Hummingbird

/// Whether the server lives and can work, its figures, and what everybody may know.
extension Routes {
  func addSystem() {
    // Whether the process answers at all.
    json(.get, "/health") { _, _, _ in ["status": "ok"] }

    // Whether it can do its work: the database answers.
    json(.get, "/ready") { _, _, state in
      guard !state.changes.isClosed else { throw NetworkError.interrupted }
      do {
        _ = try await state.offload { try state.service.facts() }
      } catch {
        throw RequestFailure(.serviceUnavailable, code: "server.notReady", "the server can't work yet")
      }
      // A chain that is away is told and is no reason to keep requests away: jobs go on.
      return Readiness(chain: state.service.chainStanding?.words)
    }

    add(.get, "/metrics") { _, _, state in
      state.registry.makeMeter(label: "emeth_waiting_requests", dimensions: [])
        .set(Int64(state.changes.waiterCount + state.offers.waiterCount))
      if let standing = state.service.chainStanding { state.registry.tell(standing) }
      return Response(text: state.registry.text(), contentType: "text/plain; version=0.0.4; charset=utf-8")
    }

    json(.get, "/api/v2/network") { _, _, state in try await state.offload { try state.service.facts() } }
  }
}

/// That a server can work.
private struct Readiness: Encodable, Sendable {
  var status = "ready"
  /// How it stands with the chain; absent where settlement is embedded.
  var chain: String?
}

extension ChainStanding {
  /// How things stand, in one sentence.
  var words: String {
    if !isFollowed { return "another server follows it" }
    if let error = readingError ?? postingError { return error }
    return clocksApart.map { "followed; \($0.message)" } ?? "followed"
  }
}

extension PrometheusRegistry {
  /// Figures of a network's chain; those of a server that does not follow it say only that.
  fileprivate func tell(_ standing: ChainStanding) {
    func set(_ name: String, _ value: UInt64?) {
      guard let value else { return }
      makeMeter(label: "emeth_chain_\(name)", dimensions: []).set(Int64(clamping: value))
    }
    set("followed", standing.isFollowed ? 1 : 0)
    guard standing.isFollowed else { return }
    set("reading_up", standing.readingError == nil ? 1 : 0)
    set("posting_up", standing.postingError == nil ? 1 : 0)
    set("head_block", standing.head)
    set("read_block", standing.read)
    set("deposits_credited", standing.deposits)
    set("posted_epoch", standing.postedEpoch)
    set("accounts_leaving", UInt64(standing.leaving))
    makeMeter(label: "emeth_chain_clock_ahead_seconds", dimensions: []).set(standing.clockAheadSeconds)
  }
}
