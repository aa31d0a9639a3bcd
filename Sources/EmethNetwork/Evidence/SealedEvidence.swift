import EmethKit
import Foundation

/// Evidence that a network has kept under seal: who it is sealed to takes the file out and has it judged anywhere.
enum SealedEvidence {
  /// Opens evidence on a SubJob from a store to a file, which appears whole or not at all.
  ///
  /// - Parameter verdicts: what is put behind it; those that were given meanwhile.
  /// - Throws: ``NetworkError/malformed(what:reason:)`` for what is no evidence on this SubJob, and where it is sealed to
  ///   others.
  static func open(
    _ object: Bytes32, on subJob: JobID, from store: ContentStore, with identity: SealingIdentity,
    verdicts: [SignedVerdict] = [], to file: URL
  ) throws(NetworkError) {
    let name = "evidence \(object)"
    let plain: Bytes32
    do throws(NetworkError) {
      plain = try store.open(object, from: store, with: identity)
    } catch {
      guard error.code.hasPrefix("sealing.") else { throw error }
      throw .malformed(what: name, reason: error.message)
    }
    let data = try store.get(plain)
    do throws(NetworkError) {
      let evidence = try EvidenceFile(data, name: name)
      guard evidence.header.facts.subJob == subJob else {
        throw .malformed(
          what: name, reason: "it is on SubJob \(evidence.header.facts.subJob), asked was for \(subJob)")
      }
      try Files.makeFolder(file.deletingLastPathComponent())
      try Files.write(data, to: file, mode: 0o600)
      if !verdicts.isEmpty {
        var trailer = EvidenceTrailer()
        trailer.verdicts = verdicts
        try EvidenceFile.replaceTrailer(of: file, by: trailer)
      }
    } catch {
      try store.remove(plain)
      throw error
    }
    try store.remove(plain)
  }
}

extension NetworkError {
  /// Whether what was given is gone or not what it should be: to ask again leads to the same.
  var isOfWhatWasGiven: Bool {
    switch self {
    case .missingObject, .corruptObject: true
    default: isFinalAnswer
    }
  }
}
