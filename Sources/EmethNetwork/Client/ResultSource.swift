import EmethKit
import Foundation

/// Where a requester gets what a job has led to: sealed to its key, or as it is.
struct ResultSource: Sendable {
  private let client: ServerClient
  private let job: JobID
  private let sealed: (result: SealedResult, identity: SealingIdentity)?

  /// - Throws: ``NetworkError/refused(code:message:hint:)``, `result.otherKey`, before anything is fetched.
  init(_ client: ServerClient, _ result: JobResult, _ key: PrivateKey) throws(NetworkError) {
    self.client = client
    job = result.jobId
    guard let sealed = result.sealed else {
      self.sealed = nil
      return
    }
    let own = key.sealingKey(epoch: sealed.epoch)
    guard own == sealed.sealingKey else {
      throw .refused(
        code: "result.otherKey",
        message: "the result of job \(result.jobId) is sealed to the key \(sealed.sealingKey), found \(own)",
        hint: "open the files with the key that the job was submitted with")
    }
    self.sealed = (sealed, key.sealingIdentity(epoch: sealed.epoch))
  }

  /// Fetches an object into a file.
  ///
  /// - Throws: ``NetworkError/corruptObject(hash:found:)`` for what is another one; the file is gone then.
  func fetch(_ object: Bytes32, to file: URL) async throws(NetworkError) {
    guard let sealed else { return try await client.fetch(object: object, to: file) }
    guard let name = sealed.result.object(object) else {
      throw .malformed(
        what: "result of job \(job)", reason: "there is no sealed file for object \(object)")
    }
    let found = try await open(name, with: sealed.identity, to: file)
    guard found == object else {
      try Files.remove(file)
      throw .corruptObject(hash: object, found: found)
    }
  }

  /// Fetches a sum, which the caller checks; false, and no file, where it was not kept.
  func fetchIfKept(sum root: Bytes32, to file: URL) async throws(NetworkError) -> Bool {
    guard let sealed else { return try await client.downloadIfKept("/api/v2/vectors/\(root)", to: file) }
    guard let name = sealed.result.object(root) else { return false }
    _ = try await open(name, with: sealed.identity, to: file)
    return true
  }

  /// Fetches a sealed file and opens it; SHA-256 of what was in it.
  private func open(
    _ name: Bytes32, with identity: SealingIdentity, to file: URL
  ) async throws(NetworkError) -> Bytes32 {
    let age = file.appendingPathExtension("age")
    try await client.fetch(object: name, to: age)
    return try await client.offload { () throws(NetworkError) in
      let hash = try Files.openSealed(age, to: file, with: identity)
      try Files.remove(age)
      return hash
    }.get()
  }
}
