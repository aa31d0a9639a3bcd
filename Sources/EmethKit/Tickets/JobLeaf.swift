/// One settled job in an account's ticket: what the account got for it (PROTOCOL 9).
public struct JobLeaf: Hashable, Sendable {
  /// The job.
  public let jobID: JobID
  /// Its program.
  public let programID: ProgramID
  /// How it ended.
  public let status: JobStatus
  /// The fuel used; zero when nothing was submitted.
  public let fuelUsed: Fuel
  /// The price of one fuel.
  public let fuelPrice: FuelPrice
  /// What the account got for it.
  public let payout: TokenAmount

  /// A leaf of these values.
  public init(
    jobID: JobID, programID: ProgramID, status: JobStatus, fuelUsed: Fuel, fuelPrice: FuelPrice,
    payout: TokenAmount
  ) {
    self.jobID = jobID
    self.programID = programID
    self.status = status
    self.fuelUsed = fuelUsed
    self.fuelPrice = fuelPrice
    self.payout = payout
  }

  /// The leaf of the jobs' tree: ("bytes16","uint256","uint8","uint256","uint256","uint256").
  public var abiValues: [ABIValue] {
    [
      .fixedBytes(jobID.bytes), .uint(UInt256(programID.rawValue)), .uint(UInt256(status.rawValue)),
      .uint(UInt256(fuelUsed.units)),
      .uint(fuelPrice.holonPerFuel), .uint(payout.holon),
    ]
  }
}

extension JobLeaf: Codable {
  private enum CodingKeys: String, CodingKey {
    case jobID = "jobId"
    case programID = "programId"
    case status, fuelUsed, fuelPrice, payout
  }
}
