import EmethKit
import Hummingbird
import NIOCore

/// Jobs as they were answered last: most who ask for a job ask again.
///
/// Where this process makes all changes, a job is answered from memory until one concerns it. Otherwise the database is
/// asked, once for all jobs that are asked for meanwhile, and what it says is compared with what was answered last: only
/// another text is decoded, written and hashed. So an answer is never older than its question, whoever makes changes.
final class JobViews: Sendable {
  private struct Answer {
    let text: JobText
    let tagged: TaggedJob
  }

  private let service: any ServedNetwork
  private let memory = JobMemory<JobID, Answer>(limit: 10_000)
  private let questions: GatheredQuestions<JobID, Result<JobText, NetworkError>?>

  /// - Parameter threads: where the database is waited for.
  init(_ service: any ServedNetwork, threads: WorkExecutor) {
    self.service = service
    questions = GatheredQuestions(threads: threads, limit: 64) { jobs in
      let found = try service.jobTexts(Set(jobs))
      return jobs.map { found[$0] }
    }
  }

  /// How many wait for what is being read.
  var waitingCount: Int { questions.waitingCount }

  /// A job as it is now.
  ///
  /// - Throws: ``NetworkError/unknownJob(id:)``, what the database throws, and what is wrong with this job's record.
  func job(_ id: JobID) async throws -> TaggedJob {
    // Before it is read: what changes meanwhile makes it old.
    let mark = service.changeMark(of: id)
    if let mark, let known = memory.value(id, changedAt: mark) { return known.tagged }
    guard let text = try await questions.answer(to: id)?.get() else {
      throw NetworkError.unknownJob(id: "\(id)")
    }
    let last = memory.lastValue(id)
    if mark == nil, let last, last.text == text { return last.tagged }
    let tagged = if let last, last.text == text { last.tagged } else { try TaggedJob(text.decoded()) }
    memory.keep(Answer(text: text, tagged: tagged), as: id, readAt: mark ?? 0)
    return tagged
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
