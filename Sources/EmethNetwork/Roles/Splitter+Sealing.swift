import EmethKit
import Foundation

/// How the Splitter seals parts (PROTOCOL 5): each payload is encrypted once, under a file key of its own; a
/// header is written for the node that takes a SubJob, so that who lost one gets nothing of the next.
///
/// The keys follow from the Splitter's own: it could read all parts, as it has divided them.
extension Splitter {
  /// The sealed payload of a part, without a header: nobody can open it yet.
  func payload(of part: TrainingData, job: JobID, index: UInt32) throws(NetworkError) -> Data {
    try payload(of: part.bytes, job: job, index: index)
  }

  /// As above, of records of any kind.
  func payload(of part: Data, job: JobID, index: UInt32) throws(NetworkError) -> Data {
    try asNetworkError {
      var random = generator("payload nonce", job.bytes + index.bigEndianBytes)
      var sealed: [UInt8] = []
      sealed.reserveCapacity(part.count + part.count / 1024 + 64)
      var stream = try SealingStream(
        header: nil, key: PayloadKey(fileKey: fileKey(of: job, part: index), using: &random))
      try stream.append(part, to: &sealed)
      try stream.finish(to: &sealed)
      return Data(sealed)
    }
  }

  /// The header with which the node that takes a SubJob opens its part.
  ///
  /// - Parameters:
  ///   - binding: The node's word on its sealing key.
  ///   - now: Seconds on the network's clock.
  func header(
    of job: JobID, part: UInt32, subJob: JobID, node: Address, binding: SignedKeyBinding, now: UInt64,
    domain: EIP712Domain
  ) throws(NetworkError) -> Data {
    try asNetworkError {
      try binding.check(at: now, account: node, in: domain)
      var random = generator("header", subJob.bytes + node.bytes)
      let header = try SealedHeader(
        of: fileKey(of: job, part: part), to: [binding.content.recipient], using: &random)
      return Data(header.encoded)
    }
  }

  private func fileKey(of job: JobID, part: UInt32) -> FileKey {
    var random = generator("file key", job.bytes + part.bigEndianBytes)
    return FileKey(using: &random)
  }

  /// Numbers that only this Splitter can draw, and the same ones when it starts again.
  private func generator(_ label: String, _ context: [UInt8]) -> ChaCha20Generator {
    ChaCha20Generator(
      key: key.withSecretBytes { HMACSHA256.authenticate(Array(label.utf8) + context, key: $0) })
  }
}
