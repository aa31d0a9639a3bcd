import EmethKit
import Foundation

/// How a requester's own process has divided a data set and sealed its parts (PROTOCOL 5, `--hold-keys`).
///
/// It goes with the submission in the place of the data set. Whoever has it knows how many records there are and their
/// salted hashes, and holds payloads that nobody can open without a header.
public struct HeldDivision: Codable, Sendable, Hashable {
  /// Which records each part has, with the roots that prove it.
  public var plan: SplitPlan
  /// Objects: the parts' sealed payloads, without headers.
  public var parts: [Bytes32]

  /// A division; whether it fits its job is checked when it is submitted.
  public init(plan: SplitPlan, parts: [Bytes32]) {
    self.plan = plan
    self.parts = parts
  }

  /// The bytes of a part's sealed payload: nonce, then secret and records in chunks.
  static func payloadByteCount(of part: SplitPlan.Part, context: Int) throws(SealingError) -> UInt64 {
    let (records, overflow) = part.count.multipliedReportingOverflow(by: UInt64(context + 1) * 4)
    let (plain, tooLong) = records.addingReportingOverflow(UInt64(HeldPart.secretByteCount))
    guard !overflow, !tooLong else { throw .payloadTooLong }
    return try UInt64(PayloadKey.nonceByteCount) + PayloadLayout(plainByteCount: plain).sealedByteCount
  }
}

/// A data set of program 1, divided and sealed by the process of the requester who holds the keys.
///
/// ```swift
/// let held = try HeldDataSet(dataSet, job: JobID(requester: key.address, salt: salt), parts: 4, key: key)
/// // give held.leaves as the data set and held.payloads as objects, then submit with held.division
/// ```
/// All keys follow from the account's own: who has the key file can write headers later, with nothing else.
public struct HeldDataSet: Sendable {
  /// What is submitted.
  public let division: HeldDivision
  /// The hashes of all record leaves, in order, 32 bytes each: they are given in the data set's place.
  public let leaves: Data
  /// The sealed payloads, in the order of the parts.
  public let payloads: [Data]

  /// Divides as the Splitter does; the validation share stays here.
  ///
  /// - Throws: ``NetworkError``, as `SplittingError` for more parts than records.
  public init(_ dataSet: DataSet, job: JobID, parts: UInt32, key: PrivateKey) throws(NetworkError) {
    let splitter = Splitter(requester: key)
    let divided = try splitter.divide(dataSet, job: job, parts: parts)
    var payloads: [Data] = []
    for (index, part) in divided.parts.enumerated() {
      let secret = splitter.partSecret(of: job, part: UInt32(index))
      payloads.append(
        try splitter.payload(of: Data(secret.bytes) + part.bytes, job: job, index: UInt32(index)))
    }
    self.payloads = payloads
    leaves = divided.leaves
    division = HeldDivision(
      plan: divided.plan, parts: payloads.map { $0.withUnsafeBytes { SHA256.hash($0) } })
  }
}

/// What a held part's payload holds: the secret of its salts, which no server is to know, then its records.
enum HeldPart {
  static let secretByteCount = 32

  /// The two, of an opened payload.
  static func read(_ bytes: Data) throws(NetworkError) -> (secret: Bytes32, records: Data) {
    guard bytes.count > secretByteCount, let secret = Bytes32(bytes.prefix(secretByteCount)) else {
      throw .malformed(
        what: "sealed part",
        reason:
          "found \(bytes.count) bytes in it, allowed are \(secretByteCount) of secret and records behind them"
      )
    }
    return (secret, Data(bytes.dropFirst(secretByteCount)))
  }

  /// Opens a payload by its header.
  static func open(
    header: Data, payload: Data, with identities: [SealingIdentity]
  ) throws(SealingError) -> Data {
    var stream = OpeningStream(identities: identities)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(payload.count)
    try stream.append(header, to: &bytes)
    try stream.append(payload, to: &bytes)
    try stream.finish(to: &bytes)
    return Data(bytes)
  }
}

extension Splitter {
  /// The Splitter that a requester's own process is for its own jobs.
  init(requester key: PrivateKey) {
    let seed = key.withSecretBytes { HMACSHA256.authenticate(Array("held keys".utf8), key: $0) }
    self.init(key: PrivateKey(seed: seed, label: "splitter", index: 0))
  }
}
