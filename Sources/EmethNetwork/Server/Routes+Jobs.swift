import EmethKit
import Foundation
import Hummingbird

/// Jobs: asking for them, following them, fetching what they led to.
extension Routes {
  /// What submitting a job gives.
  struct Submitted: Codable, Sendable {
    var jobId: JobID
  }

  func addJobs() {
    json(.post, "/api/v2/jobs") { request, _, state in
      let (account, submission) = try await state.signed(request, JobSubmission.self)
      return try await state.offload {
        Submitted(jobId: try state.service.submit(submission, by: account))
      }
    }

    json(.get, "/api/v2/jobs") { request, _, state in
      let filter = try request.jobFilter()
      return try await state.offload { try state.service.jobs(filter) }
    }

    // With ?wait= it is answered when the job is another than `seen` says, the tag of an earlier answer.
    add(.get, "/api/v2/jobs/:id") { request, context, state in
      let id = try context.jobID()
      let seen = request.headers[.ifNoneMatch]
      let found = try await state.longPoll(waitSeconds: try request.wait()) {
        let job = try await state.jobs.job(id)
        return job.tag == seen ? nil : job
      }
      return found?.response ?? Response(status: .notModified, headers: [.eTag: seen ?? ""])
    }

    add(.get, "/api/v2/jobs/:id/events") { request, context, state in
      let id = try context.jobID()
      _ = try await state.offload { try state.service.job(id) }
      return JobEventStream(state: state, job: id, seen: request.headers[.lastEventID]).response
    }

    json(.get, "/api/v2/jobs/:id/sub-jobs") { _, context, state in
      let id = try context.jobID()
      return try await state.offload { try state.service.subJobs(of: id) }
    }

    json(.get, "/api/v2/jobs/:id/report") { _, context, state in
      let id = try context.jobID()
      return try await state.offload { try state.service.report(on: id) }
    }

    json(.get, "/api/v2/jobs/:id/records") { _, context, state in
      let id = try context.jobID()
      return try await state.offload { try state.service.records(of: id) }
    }

    json(.get, "/api/v2/jobs/:id/result") { request, context, state in
      let id = try context.jobID()
      let account = try await state.account(of: request)
      return try await state.offload { try state.service.result(of: id, for: account) }
    }

    json(.post, "/api/v2/jobs/:id/cancel") { request, context, state in
      let id = try context.jobID()
      let (account, _) = try await state.signedData(request, limit: 2)
      return try await state.offload {
        try state.service.cancel(id, by: account)
        return try state.service.job(id)
      }
    }
  }
}

extension Request {
  /// The filter that a query describes.
  func jobFilter() throws(RequestFailure) -> JobFilter {
    var filter = JobFilter()
    filter.statuses =
      try query("status", "names such as VERIFIED, with commas between them") { text in
        let statuses = text.split(separator: ",").map { JobStatus(name: String($0)) }
        return statuses.contains(nil) ? nil : Set(statuses.compactMap { $0 })
      } ?? []
    filter.requester = try query("requester", "0x and 40 hexadecimal digits") { try Address($0) }
    filter.before = try number("before", in: 1...UInt32.max)
    filter.limit = try number("limit", in: 1...1_000) ?? filter.limit
    return filter
  }
}
