import EmethKit
import Foundation

/// Evidence that a verifier has found, before it is a file.
struct EvidenceDraft {
  let header: EvidenceHeader
  /// The bytes of the header's sections.
  let contents: [Data]

  /// Gathers what a finding proves itself by, and nothing else of what was opened.
  init(
    domain: EIP712Domain, facts: SubJobFacts, submission: SignedSubmission, seed: Bytes32, drawn: [Int],
    statement: SignedOpeningStatement?, finding: Finding, opening: Data,
    object: (Bytes32) throws(NetworkError) -> Data
  ) throws(NetworkError) {
    var contents: [(EvidenceHeader.Section.Name, Data)] = []
    if finding.kind != .submission, !opening.isEmpty {
      contents.append((.opening, opening))
      let segments = Opening(encoded: opening)?.segments ?? []
      if let opened = segments.first(where: { $0.segment == finding.segment }),
        let state = try NetworkError.delivered({ () throws(NetworkError) in try object(opened.state) })
      {
        contents.append((.state, state))
      }
      if finding.kind == .result { contents.append((.parameters, try object(facts.startingParameters))) }
    }
    header = EvidenceHeader(
      domain: domain, facts: facts, submission: submission, seed: seed, drawn: drawn, statement: statement,
      finding: finding, sections: contents.map { EvidenceHeader.Section($0.0, $0.1) })
    self.contents = contents.map(\.1)
  }

  /// Writes the file, with nothing in its trailer yet. It appears whole or not at all.
  func write(to file: URL) throws(NetworkError) {
    let draft = file.deletingLastPathComponent().appending(path: ".\(UUID().uuidString).partial")
    let encoded = try header.encoded()
    do throws(NetworkError) {
      let target = try PieceFile(draft)
      try target.write(EvidenceFile.magic)
      try target.write(UInt32(encoded.count).bigEndianBytes)
      try target.write(encoded)
      for content in contents { try target.write(content) }
      let trailer = try EvidenceFile.encoded(EvidenceTrailer())
      try target.write(trailer)
      try target.close(durable: true)
      guard rename(draft.path, file.path) == 0 else {
        throw .fileFailed(path: file.path, operation: "write", reason: Files.lastSystemError())
      }
    } catch {
      unlink(draft.path)
      throw error
    }
  }
}
