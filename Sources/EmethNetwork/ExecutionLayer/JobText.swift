import EmethKit

/// A job as the database has it for answers, not decoded. The same text is the same answer, whoever has changed the job
/// meanwhile: there is nothing to be told of.
struct JobText: Sendable, Hashable {
  /// Its place in the order of registration.
  let number: UInt32
  /// The job as it is answered, but for the number and how its SubJobs stand.
  let view: String
  /// How many SubJobs have which status, such as `2:13,4:7`; empty where there are none.
  let subJobs: String

  /// The job.
  func decoded() throws -> JobView {
    var result = try JobView(wireText: view)
    result.number = number
    for group in subJobs.split(separator: ",") {
      let numbers = group.split(separator: ":").map { Int($0) }
      guard numbers.count == 2, let status = numbers[0].flatMap({ JobStatus(rawValue: UInt8(clamping: $0)) }),
        let count = numbers[1]
      else { throw NetworkError.inconsistent(what: "SubJobs are counted as \(group)") }
      result.subJobs[status.name] = count
    }
    return result
  }
}
