import EmethKit
import Hummingbird
import NIOCore

/// Jobs as they were answered last: most who ask for a job ask again.
final class JobViews: Sendable {
  private let service: any ServedNetwork
  private let memory = JobMemory<JobID, TaggedJob>(limit: 10_000)

  init(_ service: any ServedNetwork) { self.service = service }

  /// A job that is known as it is now; nil for one that has to be read.
  func known(_ id: JobID) -> TaggedJob? {
    service.changeMark(of: id).flatMap { memory.value(id, changedAt: $0) }
  }

  /// A job as it is now.
  ///
  /// - Throws: ``NetworkError/unknownJob(id:)``.
  func job(_ id: JobID) throws -> TaggedJob {
    if let known = known(id) { return known }
    // Before it is read: what changes meanwhile makes it old.
    let mark = service.changeMark(of: id)
    let job = try TaggedJob(service.job(id))
    if let mark { memory.keep(job, as: id, readAt: mark) }
    return job
  }
}

/// A job with what tells one state of it from another.
struct TaggedJob: Sendable {
  let job: JobView
  /// Its JSON.
  let json: ByteBuffer
  let tag: String

  init(_ job: JobView) throws {
    self.job = job
    let text = try WireFormat.encoder.encode(job)
    json = ByteBuffer(bytes: text)
    tag = "\"\(Hex.encode(text.withUnsafeBytes { SHA256.hash($0) }.bytes.prefix(16), prefixed: false))\""
  }

  /// The job as an answer.
  var response: Response {
    Response(
      status: .ok, headers: [.contentType: "application/json", .eTag: tag],
      body: ResponseBody(byteBuffer: json))
  }
}
