import EmethKit

/// How a job on a chain names a file of the storage API (Docs/Decisions/0026): by the name that it has there, and by the
/// SHA-256 of the one file in its archive. So what a node was paid for, and what it handed in, is on the chain, and no
/// server can exchange it.
///
/// `input/input-0x….zip#0x…`: a node of 2023 asks for the file by its job and does not read this text.
struct JobFileReference: Sendable, Hashable {
  let file: JobFile
  let contentHash: Bytes32

  /// As it stands in the job.
  var text: String { "\(file.name)#\(contentHash)" }

  init(_ file: JobFile, contentHash: Bytes32) {
    self.file = file
    self.contentHash = contentHash
  }

  /// The reference of a text to a file of a job and of whoever had to give it; nil for what is none.
  init?(_ text: String, _ kind: JobFile.Kind, of job: JobID, from giver: Address) {
    let words = text.split(separator: "#", omittingEmptySubsequences: false)
    guard words.count == 2, let file = JobFile(name: String(words[0]), giver: giver), file.kind == kind,
      file.job == job, let hash = try? Bytes32(hex: String(words[1]))
    else { return nil }
    self.init(file, contentHash: hash)
    guard self.text == text else { return nil }
  }
}
