import EmethKit
import Foundation

/// An attempt at a part of a job in parts, as the chain has it.
struct LayerOneAttempt: Sendable {
  var part: Int
  var number: UInt32
  var job: LayerOneJob

  /// Whether it is to compute what the division of its whole says.
  func isRegistered(by division: LayerOneDivision, for whole: LayerOneJob) -> Bool {
    job.detail.dataset == division.dataset(part, number) && job.detail.parameters == whole.detail.parameters
      && job.detail.programID == division.manifest.partProgram
  }
}

/// Why nothing comes of a part that was verified.
enum NoPartOutput: Error {
  /// What its result names is no output of it, whatever a server has: where no verifier has looked.
  case void(String)
  /// A server does not have what its result names: it may be ill, or nobody has ever given it.
  case missing(String)
}

extension LayerOneDesk {
  /// The attempts at a job's parts, by their parts and in their order; of each no more than there were registered.
  func attempts(
    at job: LayerOneJob, upTo limit: UInt32
  ) async throws(NetworkError) -> [Int: [LayerOneAttempt]] {
    var all: [Int: [LayerOneAttempt]] = [:]
    var open = Array(0..<Int(job.detail.numParallel))
    for number in 0..<limit where !open.isEmpty {
      let found = try await read(open.map { LayerOneDivision.id($0, number, of: job.id) })
      open = open.filter { part in
        // What a stranger has put at a part's id is no attempt: the registration takes its place (0018).
        guard let attempt = found[LayerOneDivision.id(part, number, of: job.id)],
          attempt.job.parentJob == job.id, attempt.job.owner == job.job.owner
        else { return false }
        all[part, default: []].append(LayerOneAttempt(part: part, number: number, job: attempt))
        return attempt.status.isFinal
      }
    }
    return all
  }

  /// The output of a part that was verified, as its result names it. A program that is divided says no to nothing, so that
  /// no verifier has accepted a no.
  ///
  /// - Parameter folder: where its archive lies meanwhile.
  func output(
    of attempt: LayerOneAttempt, _ division: LayerOneDivision, in folder: URL
  ) async throws(NetworkError) -> Result<Data, NoPartOutput> {
    let (id, part) = (attempt.job.id, attempt.part)
    guard let node = attempt.job.assign?.node,
      let result = LayerOneResult(attempt.job.detail.result, of: id, from: node)
    else { return .failure(.void("its result names no output of its node")) }
    if case .refusal(let words) = result {
      return .failure(.void("its result is no output, but a no: \(words)"))
    }
    do throws(NetworkError) {
      let output = try await files.output(of: attempt.job, in: folder)
      if let reason = division.obstacle(toJoining: output, of: part) {
        return .failure(.void("its output can't be joined: \(reason)"))
      }
      return .success(output)
    } catch {
      guard error.isOfFile else { throw error }
      return .failure(.missing("its output is not there"))
    }
  }

  /// Divides a job in parts again, fetches the outputs of the parts that the chain calls VERIFIED, and looks whether its result
  /// is their sum: whoever has divided and joined it need not be believed. A part is VERIFIED when a verifier has accepted it,
  /// and also when two were silent that had its openings: that counts here too.
  ///
  /// - Parameter folder: where files lie meanwhile.
  /// - Throws: ``NetworkError/malformed(what:reason:)`` where it is not.
  func check(_ result: Data, of job: LayerOneJob, in folder: URL) async throws(NetworkError) {
    let (what, work) = ("output of job \(job.id)", try LayerOneWork(job, modules: []))
    let file = folder.appending(path: "whole.dat")
    try Files.write(try await work.input(from: files, in: folder), to: file)
    let division = try await files.offload { () throws(NetworkError) in
      try LayerOneDivision(job, work, file: file)
    }.get()
    let attempts = try await attempts(at: job, upTo: RetryPolicy.standard.attempts)
    var outputs: [URL] = []
    for part in division.parts.indices {
      guard let attempt = attempts[part]?.last(where: { $0.job.status == .verified }),
        attempt.isRegistered(by: division, for: job)
      else {
        throw .malformed(what: what, reason: "its part \(part) was not verified, or is one of other data")
      }
      switch try await output(of: attempt, division, in: folder) {
      case .success(let output):
        let place = folder.appending(path: "\(part).out")
        try Files.write(output, to: place)
        outputs.append(place)
      case .failure(.void(let why)), .failure(.missing(let why)):
        throw .malformed(what: what, reason: "its part \(part) can't be looked at: \(why)")
      }
    }
    let files = outputs
    let sum = try await self.files.offload { () throws(NetworkError) in
      try division.result(of: files, in: folder.appending(path: "sum.dat"))
    }.get()
    guard sum == result else {
      throw .malformed(what: what, reason: "its parts' outputs come to another one")
    }
  }
}
