/// What a node commits to when it submits a result, signed as EIP-712 (PROTOCOL 7).
///
/// It names the program, the data, where training began and ended, and the root of the trace between; a
/// verifier draws segments of that trace and computes them again.
///
/// ```swift
/// let signed = SignedSubmission(signing: submission, in: .embedded, with: nodeKey)
/// try signed.check(signer: submission.node)
/// ```
public struct Submission: Hashable, Sendable {
  /// The SubJob.
  public let jobID: JobID
  /// The round, from 0.
  public let round: UInt32
  /// The node.
  public let node: Address
  /// The manifest's hash.
  public let programHash: Bytes32
  /// The root of the part's records.
  public let dataRoot: Bytes32
  /// The state root before the first step.
  public let initRoot: Bytes32
  /// The root of the trace: a salted state root for every segment boundary.
  public let traceRoot: Bytes32
  /// The state root after the last step.
  public let finalRoot: Bytes32
  /// The root of the salted chunks of the quantised update.
  public let resultRoot: Bytes32
  /// The number of segments, so that the trace has one leaf more.
  public let segments: UInt32
  /// The fuel used.
  public let fuelUsed: UInt64

  /// A submission of these values.
  public init(
    jobID: JobID, round: UInt32, node: Address, programHash: Bytes32, dataRoot: Bytes32, initRoot: Bytes32,
    traceRoot: Bytes32, finalRoot: Bytes32, resultRoot: Bytes32, segments: UInt32, fuelUsed: UInt64
  ) {
    self.jobID = jobID
    self.round = round
    self.node = node
    self.programHash = programHash
    self.dataRoot = dataRoot
    self.initRoot = initRoot
    self.traceRoot = traceRoot
    self.finalRoot = finalRoot
    self.resultRoot = resultRoot
    self.segments = segments
    self.fuelUsed = fuelUsed
  }
}

extension Submission: EIP712Struct {
  /// The type's text.
  public static let eip712Type =
    "Submission(bytes16 jobId,uint32 round,address node,bytes32 programHash,bytes32 dataRoot,"
    + "bytes32 initRoot,bytes32 traceRoot,bytes32 finalRoot,bytes32 resultRoot,uint32 segments,"
    + "uint64 fuelUsed)"

  /// The members in the order of the type.
  public var eip712Values: [ABIValue] {
    [
      .fixedBytes(jobID.bytes), .uint(UInt256(round)), .address(node), .bytes32(programHash),
      .bytes32(dataRoot),
      .bytes32(initRoot), .bytes32(traceRoot), .bytes32(finalRoot), .bytes32(resultRoot),
      .uint(UInt256(segments)),
      .uint(UInt256(fuelUsed)),
    ]
  }
}

extension Submission: Codable {
  private enum CodingKeys: String, CodingKey {
    case jobID = "jobId"
    case round, node, programHash, dataRoot, initRoot, traceRoot, finalRoot, resultRoot, segments, fuelUsed
  }

  /// Reads an object.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      jobID: try container.decode(JobID.self, forKey: .jobID),
      round: try container.decodeNumber(forKey: .round),
      node: try container.decode(Address.self, forKey: .node),
      programHash: try container.decode(Bytes32.self, forKey: .programHash),
      dataRoot: try container.decode(Bytes32.self, forKey: .dataRoot),
      initRoot: try container.decode(Bytes32.self, forKey: .initRoot),
      traceRoot: try container.decode(Bytes32.self, forKey: .traceRoot),
      finalRoot: try container.decode(Bytes32.self, forKey: .finalRoot),
      resultRoot: try container.decode(Bytes32.self, forKey: .resultRoot),
      segments: try container.decodeNumber(forKey: .segments),
      fuelUsed: try container.decodeNumber(forKey: .fuelUsed))
  }

  /// Writes an object; fuelUsed is a decimal string.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(jobID, forKey: .jobID)
    try container.encode(round, forKey: .round)
    try container.encode(node, forKey: .node)
    try container.encode(programHash, forKey: .programHash)
    try container.encode(dataRoot, forKey: .dataRoot)
    try container.encode(initRoot, forKey: .initRoot)
    try container.encode(traceRoot, forKey: .traceRoot)
    try container.encode(finalRoot, forKey: .finalRoot)
    try container.encode(resultRoot, forKey: .resultRoot)
    try container.encode(segments, forKey: .segments)
    try container.encodeDecimal(fuelUsed, forKey: .fuelUsed)
  }
}
