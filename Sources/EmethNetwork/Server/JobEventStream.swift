import EmethKit
import Foundation
import Hummingbird

/// A job's states as server-sent events, one for every change, until the job ends: `event: job`, the job as data, its
/// tag as id, by which a client that lost the connection goes on.
///
/// A comment every fifteen seconds shows both ends that the other is there.
struct JobEventStream: Sendable {
  let state: ServerState
  let job: JobID
  /// The tag of the last event that the client has.
  let seen: String?

  /// Seconds between two signs of life.
  static let pulseSeconds = 15.0

  var response: Response {
    let stream = self
    return Response(
      status: .ok, headers: [.contentType: "text/event-stream; charset=utf-8"],
      body: ResponseBody { writer in
        var writer = writer
        try await stream.write { try await writer.write(ByteBuffer(string: $0)) }
        try await writer.finish(nil)
      })
  }

  private func write(_ send: (String) async throws -> Void) async throws {
    var last = seen
    // The client's next try, where the connection breaks: not all at once.
    try await send("retry: \(Int.random(in: 1_000...5_000))\n\n")
    while !state.changes.isClosed {
      let known = last
      let found = try await state.longPoll(waitSeconds: Self.pulseSeconds) {
        let tagged = try await state.jobs.job(job)
        return tagged.tag == known ? nil : tagged
      }
      guard let found else {
        try await send(": still here\n\n")
        continue
      }
      last = found.tag
      try await send("id: \(found.tag)\nevent: job\ndata: \(String(buffer: found.json))\n\n")
      if found.job.summary.status.isFinal { return }
    }
  }
}
