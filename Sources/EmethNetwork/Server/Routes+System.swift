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
      return ["status": "ready"]
    }

    add(.get, "/metrics") { _, _, state in
      state.registry.makeMeter(label: "emeth_waiting_requests", dimensions: [])
        .set(Int64(state.changes.waiterCount))
      return Response(text: state.registry.text(), contentType: "text/plain; version=0.0.4; charset=utf-8")
    }

    json(.get, "/api/v2/network") { _, _, state in try await state.offload { try state.service.facts() } }
  }
}
